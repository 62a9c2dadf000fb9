"""Whether files are the ones that a review sheet was made, and signed, for."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

from deid.errors import UnreadableFile
from deid.report import RECORD_ID, REVIEW_SCHEMA, SCHEMA, check_number

SAME = "same"
UNMASKED = "unmasked"
UNFIT = "unfit"
CHANGED = "changed"
UNKNOWN = "unknown"
MISSING = "missing"

VERDICTS: Mapping[str, str] = {
    SAME: "与审查时一致",
    UNMASKED: "这是遮盖前的原件，不能公开",
    UNFIT: "审查结论是不可发布",
    CHANGED: "审查以后内容变了，不能按本单公开",
    UNKNOWN: "不在本单里，没有审查过",
    MISSING: "本单里有，这次没有给出",
}
"""Verdict -> what a clerk is told. All but ``same`` and ``missing`` forbid publication."""


@dataclass(frozen=True, slots=True)
class Verified:
    """One file against the sheet: ``verdict`` is a key of VERDICTS."""

    name: str
    verdict: str


@dataclass(frozen=True, slots=True)
class Sheet:
    """A review sheet: the check number as printed on it, and its files as the report lists them."""

    number: str
    created: str
    files: Sequence[Mapping[str, str]]


class _Record(HTMLParser):
    """The text of the one script element that holds the record."""

    def __init__(self, page: str) -> None:
        super().__init__(convert_charrefs=False)
        self.inside = False
        self.found: list[str] = []
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if self.inside or (tag == "script" and dict(attrs).get("id") == RECORD_ID):
            self.inside = True
            self.found.append("")

    def handle_endtag(self, tag: str) -> None:
        self.inside = False

    def handle_data(self, data: str) -> None:
        if self.inside:
            self.found[-1] += data


def read_sheet(path: Path) -> Sheet:
    """The sheet in ``deid-report.html`` or ``deid-report.json``.

    Raises UnreadableFile where the file is neither, or its record is damaged.
    """
    fault = UnreadableFile(f"{path.name} 不是 deid 写的审查单（deid-report.html 或 .json）")
    try:
        text = path.read_bytes().decode("utf-8")
    except UnicodeDecodeError:
        raise fault from None
    record = text
    if not text.lstrip().startswith("{"):
        found = _Record(text).found
        if len(found) != 1:  # two records: somebody added one
            raise fault
        record = found[0]
    try:
        content = json.loads(record)
    except ValueError:
        raise fault from None
    if not isinstance(content, dict) or content.get("schema") not in (REVIEW_SCHEMA, SCHEMA):
        raise fault
    files = content.get("files")
    if not isinstance(files, list) or not all(map(_is_file, files)):
        raise fault
    number = check_number(record) if content["schema"] == REVIEW_SCHEMA else ""
    return Sheet(number, str(content.get("created", "")), files)


def _is_file(entry: Any) -> bool:
    keys = ("source", "output", "status", "source_sha256", "output_sha256")
    return isinstance(entry, dict) and all(isinstance(entry.get(key), str) for key in keys)


def verify(sheet: Sheet, paths: Iterable[Path]) -> list[Verified]:
    """The verdict on each file, then the outputs of the sheet that were not among them.

    A file is known by its SHA-256, not by its name: a renamed file is still the reviewed one.
    Raises OSError where a file cannot be read.
    """
    by_output = {file["output_sha256"]: file for file in sheet.files if file["output_sha256"]}
    sources = {file["source_sha256"] for file in sheet.files} - {""}
    names = {Path(file["output"] or file["source"]).name for file in sheet.files}
    verified, seen = [], set()
    for path in paths:
        digest = _sha256(path)
        if digest in by_output:
            fit = by_output[digest]["status"] in ("publish", "look")
            verdict = SAME if fit else UNFIT
            seen.add(digest)
        elif digest in sources:
            verdict = UNMASKED
        else:
            verdict = CHANGED if path.name in names else UNKNOWN
        verified.append(Verified(str(path), verdict))
    missing = (file["output"] for digest, file in by_output.items() if digest not in seen)
    return [*verified, *(Verified(name, MISSING) for name in missing)]


def _sha256(path: Path) -> str:
    with path.open("rb") as source:
        return hashlib.file_digest(source, "sha256").hexdigest()
