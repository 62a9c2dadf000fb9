"""Small lists with the exact output beside them (``*.masked.*``), and prose that must not change.

The lists are made up. To accept a change of behaviour on purpose, write the outputs anew with
``deid mask`` and read each difference before committing it.
"""

from __future__ import annotations

import zipfile
from pathlib import Path

import pytest

from deid import mask_file, scan_file

GOLDEN = Path(__file__).parent / "golden"
MASKED = sorted((GOLDEN / "lists").glob("*.masked.*"))
PROSE = sorted((GOLDEN / "prose").glob("*.txt"))


def content(path: Path) -> dict[str, bytes]:
    """The bytes of a file, or of each part of a package: packers differ, parts must not."""
    if path.suffix != ".xlsx":
        return {"": path.read_bytes()}
    with zipfile.ZipFile(path) as package:
        return {name: package.read(name) for name in package.namelist()}


def test_there_are_lists_of_every_format() -> None:
    assert {path.suffix for path in MASKED} == {".csv", ".txt", ".xlsx"}
    assert len(PROSE) >= 5


@pytest.mark.parametrize("masked", MASKED, ids=lambda path: path.name)
def test_lists(masked: Path, tmp_path: Path) -> None:
    source = masked.with_name(masked.name.replace(".masked", ""))
    target = tmp_path / source.name
    report = mask_file(source, target)
    assert report.status in ("publish", "look"), report.left
    assert content(target) == content(masked)


@pytest.mark.parametrize("masked", MASKED, ids=lambda path: path.name)
def test_a_masked_list_stays_as_it_is(masked: Path, tmp_path: Path) -> None:
    report = mask_file(masked, tmp_path / masked.name)
    assert report.changed == 0
    assert content(tmp_path / masked.name) == content(masked)


@pytest.mark.parametrize("path", PROSE, ids=lambda path: path.stem)
def test_prose_noop(path: Path, tmp_path: Path) -> None:
    report = mask_file(path, tmp_path / path.name)
    assert (report.status, report.changed) == ("publish", 0)
    assert (tmp_path / path.name).read_bytes() == path.read_bytes()
    assert scan_file(path)[0].status == "publish"
