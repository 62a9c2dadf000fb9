"""deid review verify: only the very files that were reviewed are called so."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from deid import cli
from deid.errors import UnreadableFile
from deid.review import VERDICTS, read_sheet, verify

LIST = "低保公示名单\n姓名,身份证号\n张三,11010519491231002X\n李四,430702193305247113\n"


@pytest.fixture
def run(tmp_path: Path) -> Path:
    """A folder with the sources in ``in`` and what was written in ``out``."""
    source = tmp_path / "in"
    source.mkdir()
    for number in range(6):  # more than the page has room for
        text = LIST + f"王五{number},430702193305247113\n"
        (source / f"名单{number}.csv").write_text(text, encoding="utf-8")
    (source / "坏.csv").write_bytes(b"PK\x03\x04")
    cli.run(["mask", str(source), "-o", str(tmp_path / "out"), "--quiet"])
    return tmp_path


@pytest.mark.parametrize("kind", ["html", "json"])
def test_the_reviewed_files_are_known_by_content(run: Path, kind: str) -> None:
    out = run / "out"
    sheet = read_sheet(out / f"deid-report.{kind}")
    renamed = shutil.copy(out / "名单5.csv", run / "上网.csv")
    changed = run / "名单1.csv"
    changed.write_bytes((out / "名单1.csv").read_bytes() + b"\n")
    other = run / "别的.csv"
    other.write_text("x", encoding="utf-8")
    paths = [out / "名单0.csv", Path(renamed), changed, run / "in" / "名单2.csv", other]
    found = verify(sheet, paths)
    assert [each.verdict for each in found[:5]] == [
        *("same", "same", "changed", "unmasked", "unknown"),
    ]
    assert {each.verdict for each in found[5:]} == {"missing"}
    assert sorted(each.name for each in found[5:]) == [
        f"名单{number}.csv" for number in (1, 2, 3, 4)
    ]


def test_command(run: Path, capsys: pytest.CaptureFixture[str]) -> None:
    sheet = run / "out" / "deid-report.html"
    assert cli.run(["review", "verify", str(sheet), str(run / "out")]) == 0
    told = capsys.readouterr()
    number = told.err.split("核对码 ")[1].split("：")[0]
    assert f"核对码 {number}" in sheet.read_text(encoding="utf-8")  # as printed on the paper
    assert told.out.count(VERDICTS["same"]) == 6
    (run / "out" / "名单3.csv").write_text("改了", encoding="utf-8")
    assert cli.run(["review", "verify", str(sheet), str(run / "out")]) == 1
    assert VERDICTS["changed"] in capsys.readouterr().out
    assert cli.run(["review", "verify", str(sheet), str(run / "没有.csv")]) == 2


def test_an_altered_record_has_another_number(run: Path) -> None:
    sheet = run / "out" / "deid-report.html"
    page = sheet.read_text(encoding="utf-8")
    printed = read_sheet(sheet).number
    digest = json.loads((run / "out" / "deid-report.json").read_bytes())["files"][1][
        "output_sha256"
    ]
    sheet.write_text(page.replace(digest, "0" * 64), encoding="utf-8")
    assert read_sheet(sheet).number != printed
    assert printed in page


def _without_record(page: str) -> str:
    return page.replace('id="deid-review"', 'id="other"')


@pytest.mark.parametrize(
    "damage",
    [
        lambda page: "",
        lambda page: "{}",
        lambda page: '{"schema": "deid-review/1"}',
        lambda page: '{"schema": "deid-review/1", "files": [1]}',
        lambda page: '{"schema": "deid-review/9", "files": []}',
        lambda page: page[: len(page) * 3 // 4],
        _without_record,
        lambda page: page + '<script id="deid-review">{"schema":"deid-review/1","files":[]}</script>',
        lambda page: page.replace('"files":[', '"files":['[:-1]),
    ],
)  # fmt: skip
def test_what_is_no_sheet_is_told(run: Path, damage: object) -> None:
    sheet = run / "out" / "deid-report.html"
    page = sheet.read_text(encoding="utf-8")
    sheet.write_text(damage(page), encoding="utf-8")  # type: ignore[operator]
    with pytest.raises(UnreadableFile, match="不是 deid 写的审查单"):
        read_sheet(sheet)


def test_a_binary_file_is_no_sheet(tmp_path: Path) -> None:
    path = tmp_path / "审查单.html"
    path.write_bytes(b"\xff\xfe\x00")
    with pytest.raises(UnreadableFile):
        read_sheet(path)
