"""From file to file: what is written, what is told, what is left alone."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import BinaryIO

import pytest

import deid.pipeline
from deid import load_policy, mask_file, scan_file
from deid.formats import Document
from deid.pipeline import mask_file as mask_with
from deid.pipeline import mask_name, scan_stream

CARD = "11010519491231002X"
LIST = f"姓名,身份证号,联系电话,备注\n张三,{CARD},13800138000,\n"


@pytest.fixture
def source(tmp_path: Path) -> Path:
    path = tmp_path / "名单.csv"
    path.write_bytes(LIST.encode())
    return path


def test_a_report_counts_and_names_places(source: Path, tmp_path: Path) -> None:
    target = tmp_path / "out" / "名单.csv"
    report = mask_file(source, target)
    assert (report.status, report.changed) == ("publish", 2)
    assert report.found == {"CN_RESIDENT_ID": 1, "CN_MOBILE": 1}
    assert [column.header for column in report.columns][:3] == ["姓名", "身份证号", "联系电话"]
    assert report.source_sha256 == hashlib.sha256(source.read_bytes()).hexdigest()
    assert report.output_sha256 == hashlib.sha256(target.read_bytes()).hexdigest()
    assert CARD not in repr(report)


def test_dry_run_writes_nothing(source: Path, tmp_path: Path) -> None:
    target = tmp_path / "out" / "名单.csv"
    report = mask_with(source, target, policy=load_policy(), dry_run=True)
    assert (report.status, report.output) == ("publish", "")
    assert not target.parent.exists()


def test_a_value_hidden_here_is_hidden_everywhere(tmp_path: Path) -> None:
    source = tmp_path / "名单.csv"
    source.write_text("姓名,存折账号,备注\n张三,2009876501,原号2009876501已换\n", "utf-8")
    target = tmp_path / "out.csv"
    mask_file(source, target)
    assert "2009876501" not in target.read_text("utf-8")


def test_an_identifier_column_without_identifiers_has_to_be_looked_at(tmp_path: Path) -> None:
    source = tmp_path / "名单.csv"
    source.write_text("姓名,身份证号,金额\n张三,见附件,350\n李四,见附件,350\n", "utf-8")
    report = mask_file(source, tmp_path / "out.csv")
    assert report.status == "look"
    assert any("证件号" in item.message for item in report.items)


def test_scan_file_tells_places_and_that_it_is_not_fit(source: Path) -> None:
    report, found = scan_file(source)
    assert report.status == "refused"
    assert {(f.entity, f.place) for f in found} >= {
        ("CN_RESIDENT_ID", "R1C1"),
        ("CN_MOBILE", "R1C2"),
    }


@pytest.mark.parametrize("name", ["没有.csv", "没有.xyz", "."])
def test_what_cannot_be_read_is_told(tmp_path: Path, name: str) -> None:
    report, found = scan_file(tmp_path / name)
    assert (report.status, found) == ("unreadable", [])
    assert report.message
    assert mask_file(tmp_path / name, tmp_path / "out.csv").status == "unreadable"
    assert not (tmp_path / "out.csv").exists()


def test_an_output_that_exists_is_kept(source: Path, tmp_path: Path) -> None:
    target = tmp_path / "out.csv"
    target.write_text("old", "utf-8")
    assert mask_file(source, target).status == "refused"
    assert target.read_text("utf-8") == "old"
    assert mask_file(source, target, overwrite=True).status == "publish"


@pytest.mark.parametrize(
    ("name", "shown"),
    [
        (f"张三{CARD}.xlsx", "张三110105xxxxxxxxxxxx.xlsx"),
        ("13800138000.csv", "138xxxxxxxx.csv"),
        ("13800138000", "138xxxxxxxx"),
    ],
)
def test_mask_name(name: str, shown: str) -> None:
    assert mask_name(name, load_policy()) == shown


@pytest.mark.parametrize("name", ["名单.csv", "2023年第3批名单0.xlsx", ".csv", "", "a.b.c"])
def test_mask_name_noop(name: str) -> None:
    assert mask_name(name, load_policy()) == name


def test_scan_stream_names_lines() -> None:
    assert [(f.place, f.entity) for f in scan_stream(f"甲\n身份证号{CARD}\n")] == [
        ("L1", "CN_RESIDENT_ID")
    ]


class Sabotaged:
    """A document whose ``save`` writes what it likes."""

    def __init__(self, document: Document, content: bytes) -> None:
        self._document, self._content = document, content

    def __getattr__(self, name: str) -> object:
        return getattr(self._document, name)

    def save(self, target: BinaryIO, edits: object) -> None:
        target.write(self._content)


MASKED = LIST.replace(CARD[6:], "*" * 12).replace("00138000", "*" * 8)


@pytest.mark.parametrize(
    "content",
    [
        LIST,  # nothing masked
        MASKED.replace("138********", "13800138000"),  # one value missed
        MASKED.replace("备注\n", f"备注{CARD}\n"),  # a value copied elsewhere
        MASKED.replace("张三", "张二"),  # a cell changed that nobody asked for
        MASKED + "李四,,,\n",
        MASKED.splitlines()[0] + "\n",
        "",
    ],
    ids=["nothing", "one", "elsewhere", "changed", "longer", "shorter", "empty"],
)
def test_what_a_fresh_look_does_not_clear_is_not_written(
    source: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, content: str
) -> None:
    real = deid.pipeline.open_document

    def opened(path: Path, *, raster: bool = False) -> object:
        document = real(path)
        return Sabotaged(document, content.encode()) if path == source else document

    monkeypatch.setattr(deid.pipeline, "open_document", opened)
    target = tmp_path / "out" / "名单.csv"
    report = mask_file(source, target)
    assert report.status in ("refused", "unreadable")
    assert report.message
    assert not list(target.parent.glob("*"))
    assert CARD not in repr(report)


@pytest.mark.parametrize(
    ("header", "value", "masked"),
    [
        ("身份证号", "430702193305247113", "430702************"),  # a wrong check digit
        ("银行账号", "62284800", "********"),
        ("联系电话", "4212345", "*******"),
        ("家庭住址", "柳湾社区第三栋第二单元二〇一号房", "柳湾社区***"),
    ],
)
def test_a_list_of_one_column(header: str, value: str, masked: str, tmp_path: Path) -> None:
    """A row of one cell is a note in a table, but not where every row has one cell."""
    source = tmp_path / "list.csv"
    source.write_text(f"{header}\n{value}\n{value}\n说明：监督电话0735-4212345\n", encoding="utf-8")
    report = mask_file(source, tmp_path / "out.csv")
    assert report.status == "publish", report.left
    lines = (tmp_path / "out.csv").read_text(encoding="utf-8").splitlines()
    assert lines == [header, masked, masked, "说明：监督电话0735-4212345"]
