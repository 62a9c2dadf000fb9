"""The fast path for workbooks repeats the exact path byte for byte, or leaves the file to it."""

from __future__ import annotations

import datetime
import random
import zipfile
from pathlib import Path

import openpyxl
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from deid import load_policy, pipeline
from deid.model import FileReport
from deid.sheets import Masked, mask_xlsx
from deid.vector import resident_ids  # noqa: F401  numpy is loaded from here on

POLICY = load_policy("general")
_CHECK = "10X98765432"
_WEIGHTS = (7, 9, 10, 5, 8, 4, 2, 1, 6, 3, 7, 9, 10, 5, 8, 4, 2)


def resident_id(rng: random.Random, year: int | None = None) -> str:
    """A made-up ID number of a made-up person, with the right check character."""
    born = datetime.date(year or rng.randint(1940, 2016), rng.randint(1, 12), rng.randint(1, 28))
    body = f"4310{rng.randint(21, 25)}{born:%Y%m%d}{rng.randint(0, 999):03}"
    total = sum(int(digit) * weight for digit, weight in zip(body, _WEIGHTS, strict=True))
    return body + _CHECK[total % 11]


def members(path: Path) -> dict[str, bytes]:
    with zipfile.ZipFile(path) as package:
        return {info.filename: package.read(info) for info in package.infolist()}


def exact(source: Path, target: Path, monkeypatch: pytest.MonkeyPatch) -> FileReport:
    with monkeypatch.context() as patch:
        patch.setattr(pipeline, "_masker_of_large", lambda path: None)
        return pipeline.mask_file(source, target, policy=POLICY, overwrite=True)


def compare(source: Path, monkeypatch: pytest.MonkeyPatch) -> Masked | None:
    """Mask by both paths; what the fast one makes must be what the exact one makes."""
    fast, slow = source.with_suffix(".fast.xlsx"), source.with_suffix(".slow.xlsx")
    done = mask_xlsx(source, fast, POLICY)
    if done is None:
        return None
    report = exact(source, slow, monkeypatch)
    assert report.output, report.message
    assert members(fast) == members(slow)
    assert list(members(fast)) == list(members(slow))
    assert +done.found == report.found
    assert done.changed == report.changed
    counts: dict[tuple[str, int, str], int] = {}
    for (table, index, profile), rows in done.columns.items():
        key = (table, index, pipeline._header_shown(profile.header))
        counts[key] = counts.get(key, 0) + rows
    assert counts == {(c.table, c.index, c.header): c.rows for c in report.columns}
    return done


# --------------------------------------------------------------------------- tables made at random

HEADER = ["序号", "姓名", "性别", "身份证号", "联系电话", "家庭住址", "银行账号", "金额", "备注"]
_NAMES = ["王小明", "李四", "欧阳娜娜", "张三丰", "赵六", "王伟", "陈家村"]
_ODD = [
    "", " ", "无", "13800138000", "电话 138-0013-8000", "合计", "单位：元", "0736-1234567", "见附件",
    "监督电话：0736-4212345", "&<>", "_x0041_", "=1", "李四之子王小明（8岁）", "2024-01-05", "12", "1234567",
    "6228480402564890018", "订单202401051234567890", "a@example.com", "户主", "姓名", "１３８００１３８０００",
]  # fmt: skip


def _address(rng: random.Random) -> str:
    tail = rng.choice(["3组", "12组8号", "", "李家湾", "5栋201室", "一组"])
    return f"湖南省郴州市桂阳县白露塘镇{rng.choice(['和平', '新塘'])}村{tail}"


def _usual(rng: random.Random, at: int, young: bool) -> list[object]:
    phone = f"13{rng.randint(0, 9)}{rng.randint(0, 99999999):08}"
    card = (
        "6228480402564890018" if rng.random() < 0.5 else f"62284804025{rng.randint(0, 99999999):08}"
    )
    born = rng.randint(2012, 2016) if young else rng.randint(1940, 2000)
    return [
        at, rng.choice(_NAMES), rng.choice("男女"), resident_id(rng, born),
        int(phone) if rng.random() < 0.3 else phone, _address(rng), card,
        rng.choice([100, 250.5, "1200", 1234.56]), rng.choice(["", "", "新增", "无"]),
    ]  # fmt: skip


def make(path: Path, rng: random.Random, rows: int, *, odd: float, header: bool = True) -> None:
    book = openpyxl.Workbook()
    sheet = book.active
    assert sheet is not None
    if rng.random() < 0.5:
        sheet.append(["某镇低保对象公示名单"])
        sheet.merge_cells("A1:I1")
    if header:
        sheet.append(HEADER)
    for at in range(rows):
        row = _usual(rng, at + 1, rng.random() < 0.05)
        for column in range(len(row)):
            if rng.random() < odd:
                row[column] = rng.choice(_ODD) or None
        sheet.append(row)
    if rng.random() < 0.5:
        sheet.append(["合计", None, None, None, None, None, None, 12345])
        sheet.append(["监督电话：0735-4212345"])
    book.save(path)


@settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))
@given(
    seed=st.integers(0, 2**32),
    rows=st.integers(0, 40),
    odd=st.sampled_from([0.0, 0.02, 0.2]),
    header=st.booleans(),
)
def test_fast_is_exact(
    tmp_path_factory: pytest.TempPathFactory, seed: int, rows: int, odd: float, header: bool
) -> None:
    source = tmp_path_factory.mktemp("sheets") / "list.xlsx"
    make(source, random.Random(seed), rows, odd=odd, header=header)
    with pytest.MonkeyPatch.context() as patch:
        compare(source, patch)


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_many_windows(seed: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """With windows of 16 rows every kind of window is met in a small table."""
    from deid import sheet_reading, tables

    monkeypatch.setattr(sheet_reading, "WINDOW", 16)
    monkeypatch.setattr(tables, "WINDOW", 16)
    source = tmp_path / "list.xlsx"
    make(source, random.Random(seed), 200, odd=0.002)
    compare(source, monkeypatch)


def test_plain_list_is_taken(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    source = tmp_path / "list.xlsx"
    make(source, random.Random(1), 60, odd=0)
    done = compare(source, monkeypatch)
    assert done
    assert done.found["CN_RESIDENT_ID"] == 60


def test_large_workbook_goes_the_fast_way(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    source = tmp_path / "list.xlsx"
    make(source, random.Random(2), 60, odd=0)
    monkeypatch.setattr(pipeline, "LEAST", 1000)
    report = pipeline.mask_file(source, tmp_path / "out.xlsx", policy=POLICY)
    slow = exact(source, tmp_path / "slow.xlsx", monkeypatch)
    assert report.status == slow.status
    assert report.columns == slow.columns
    assert report.found == slow.found
    assert (report.changed, report.items) == (slow.changed, slow.items)


def test_formulas_are_left_to_the_exact_path(tmp_path: Path) -> None:
    source = tmp_path / "list.xlsx"
    book = openpyxl.Workbook()
    sheet = book.active
    assert sheet is not None
    sheet.append(["金额", "=SUM(A2:A3)"])
    book.save(source)
    assert mask_xlsx(source, tmp_path / "out.xlsx", POLICY) is None
