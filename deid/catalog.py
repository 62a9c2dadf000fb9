"""Checks a local catalogue of what is to be published (公开事项标准目录): are all elements there?

A catalogue is a table with a line per matter and a column per element. What the words over a column
mean, and what counts as an answer, stands in ``patterns/catalog.yaml``.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from deid.data import load_yaml, patterns_dir
from deid.errors import UnreadableFile
from deid.formats import open_document
from deid.later import later
from deid.model import Item, Table

_TITLE = later(r"《[^《》]{2,}》")
# 〔2019〕54号, 国务院令第711号, 第13号公告: how a document is numbered (GB/T 9704-2012, 7.2.5).
_NUMBER = later(r"〔\d{4}〕第?\d+号|令[（(]?第?\d+号|第?\d+号(?:令|公告)|(?:公告|令)\d{4}年第\d+号")
_LOOSE_NUMBER = later(r"[\[(（【\[［]\s*(?:19|20)\d\d\s*[\])）】］]\s*第?\d+\s*号")
_LIMIT = later(
    r"(\d+|[一二两三四五六七八九十]{1,3})\s*(?:个)?\s*(工作日|日|天|周|月|个月|年)(?:内|之内|以内)"
)
_REGULAR = later(r"[按每]\s*(?:年|季|月|旬|周|日)|\d")
_DISCLOSURE = later(r"公示(?:期|时间)?[^，。；;,]{0,6}$")
_NUMERALS = {**dict(zip("零一二三四五六七八九", range(10), strict=True)), "两": 2}
_PER_UNIT = {
    "工作日": 1.0,
    "日": 5 / 7,
    "天": 5 / 7,
    "周": 5,
    "月": 21.75,
    "个月": 21.75,
    "年": 250,
}
_MOST_HEADER_ROWS = 12


@dataclass(frozen=True, slots=True)
class _Layout:
    """Where each element stands: its columns, with the words of the second header row over them."""

    columns: Mapping[str, Mapping[int, str]]
    first: int  # the first row below the header


@cache
def _rules() -> Mapping[str, Any]:
    rules: Mapping[str, Any] = load_yaml(patterns_dir() / "catalog.yaml")
    return rules


def _words(text: str) -> tuple[str, ...]:
    return tuple(text.split())


def _normal(text: str) -> str:
    return re.sub(r"\s+", "", unicodedata.normalize("NFKC", text))


def _plain(header: str) -> str:
    return re.sub(r"\([^()]*\)$", "", _normal(header)) or _normal(header)


def check_catalog(path: Path, *, limit: int | None = None) -> list[Item]:
    """What is missing or wrong in the catalogue, as places and sentences; empty when it is complete.

    ``limit``: the local rule for the time limit, in working days; the default is by kind of matter.
    Raises UnreadableFile where no table of the file is a catalogue, UnsupportedFormat.
    """
    document = open_document(path)
    try:
        found: list[Item] = []
        read = 0
        for part in document.parts:
            if isinstance(part, Table) and (layout := _layout(part)):
                read += 1
                found += _check_table(part, layout, limit)
    finally:
        document.close()
    if not read:
        raise UnreadableFile(
            f"{path.name} 里没有找到公开事项目录：表头要有“公开事项”“公开内容”“公开依据”等列"
        )
    return found


# ---------------------------------------------------------------------------------- finding columns


def _layout(table: Table) -> _Layout | None:
    """The columns of the first row that names at least three elements, and of the row below it."""
    rows = []
    for row in table.rows():
        if row.index > _MOST_HEADER_ROWS:
            break
        rows.append(row)
    for at, row in enumerate(rows):
        named = {column: _element(text) for column, text in row.cells.items()}
        if len({element for element in named.values() if element}) < 3:
            continue
        below = rows[at + 1].cells if at + 1 < len(rows) else {}
        parts = {c: _plain(t) for c, t in below.items() if _is_part(t)}
        columns: dict[str, dict[int, str]] = {}
        for column in sorted({*named, *parts}):
            element = named.get(column) or (_left_of(column, named) if column in parts else "")
            if element:
                columns.setdefault(element, {})[column] = parts.get(column, "")
        # A second header row holds nothing but parts and levels of the matter.
        second = sum(_is_part(text) or bool(_element(text)) for text in below.values())
        return _Layout(columns, row.index + (2 if parts and second * 2 >= len(below) else 1))
    return None


def _element(header: str) -> str:
    plain, whole = _plain(header), _normal(header)
    for key, element in _rules()["elements"].items():
        if {plain, whole} & {_normal(word) for word in _words(element["headers"])}:
            return str(key)
    return ""


def _is_part(text: str) -> bool:
    parts = [word for e in _rules()["elements"].values() for word in _words(e.get("parts", ""))]
    return _normal(text) in map(_normal, parts)


def _left_of(column: int, named: Mapping[int, str]) -> str:
    """A merged header stands over its first column only."""
    left = [at for at, element in named.items() if at <= column and element]
    return named[max(left)] if left else ""


# ------------------------------------------------------------------------------------- judging rows


def _check_table(table: Table, layout: _Layout, limit: int | None) -> Iterator[Item]:
    head = table.place(layout.first - 1, 0)
    for key, element in _rules()["elements"].items():
        if key not in layout.columns:
            yield Item(head, f"缺少“{element['label']}”这一列")
    above: dict[int, str] = {}
    merged = _merged(table)
    for row in table.rows():
        if row.index < layout.first:
            continue
        cells = {c: t.strip() for c, t in row.cells.items() if t.strip()}
        if len(cells) < 2 or _is_note(cells):
            continue
        for column in range(max((*cells, *above), default=0) + 1):
            if (row.index, column) in merged and column not in cells and column in above:
                cells[column] = above[column]
        above = cells
        yield from _check_row(table, row.index, cells, layout, limit)


def _merged(table: Table) -> set[tuple[int, int]]:
    """Cells that show what the first cell of their merge says, downwards."""
    return {
        (row, left)
        for top, left, bottom, right in table.merges
        for row in range(top + 1, bottom + 1)
    }


def _is_note(cells: Mapping[int, str]) -> bool:
    first = cells[min(cells)]
    return first.startswith(("注", "备注", "说明", "填表")) or len(cells) == 1


def _check_row(
    table: Table, index: int, cells: Mapping[int, str], layout: _Layout, limit: int | None
) -> Iterator[Item]:
    matter = " ".join(cells.get(column, "") for column in layout.columns.get("name", {}))
    for key, columns in layout.columns.items():
        label = _rules()["elements"][key]["label"]
        place = table.place(index, min(columns))
        texts = [cells[column] for column in columns if column in cells]
        if not texts or not _is_answered(texts, ticks=any(columns.values())):
            yield Item(place, f"没有写“{label}”" if not texts else f"“{label}”一项也没有勾选")
            continue
        told = " ".join(texts)
        for word in _words(_rules()["vague"].get(key, "")):
            if word in told and not (key == "basis" and _TITLE.search(told)):
                yield Item(place, f"“{label}”写的是“{word}”，应写明确")
                break
        if key == "basis":
            yield from _check_basis(told, place)
        elif key == "time_limit":
            yield from _check_limit(told, matter, place, limit)
        elif key == "content":
            yield from _check_content(told, place)


def _is_answered(texts: Sequence[str], *, ticks: bool) -> bool:
    """Boxes that are all open answer nothing; nor does a row of empty cells under two choices."""
    told = "".join(texts)
    taken = any(mark in told for mark in _words(_rules()["ticked"]))
    boxed = any(mark in told for mark in _words(_rules()["open"])[:3])
    return taken or (bool(re.search(r"\w", told)) and (ticks or not boxed))


def _check_basis(told: str, place: str) -> Iterator[Item]:
    """依据应注明全称、文号，不需给出具体条款: a title in 《》, and a number unless it is a statute."""
    titles = list(_TITLE.finditer(told))
    if not titles:
        yield Item(place, "“公开依据”没有文件全称（应写《……》）")
        return
    if _LOOSE_NUMBER.search(told):
        yield Item(place, "文号的年份应用六角括号〔〕")
    for at, title in enumerate(titles):
        end = titles[at + 1].start() if at + 1 < len(titles) else len(told)
        behind, name = told[title.end() : end], re.sub(r"[（(][^（()）]*[）)]$", "", title[0][1:-1])
        statute = name.endswith(_words(_rules()["untitled"])) and not name.endswith("办法")
        if not statute and not (_NUMBER.search(_normal(behind)) or _LOOSE_NUMBER.search(behind)):
            yield Item(place, f"第 {at + 1} 件依据没有文号")


def _check_limit(told: str, matter: str, place: str, limit: int | None) -> Iterator[Item]:
    most, why = (limit, "本地规定") if limit else _limit_of(matter)
    found = False
    for match in _LIMIT.finditer(_normal(told)):
        if _DISCLOSURE.search(_normal(told)[: match.start()]):
            continue
        found = True
        days = _number(match[1]) * _PER_UNIT[match[2]]
        if days > most:
            yield Item(place, f"公开时限超过 {most} 个工作日（{why}）")
    immediate = any(word in told for word in _words(_rules()["immediate"]))
    if not (found or immediate or _REGULAR.search(told)):
        yield Item(place, "“公开时限”没有写明几个工作日内")


def _limit_of(matter: str) -> tuple[int, str]:
    for rule in _rules()["limits"]:
        if not rule["words"] or any(word in matter for word in _words(rule["words"])):
            return int(rule["days"]), str(rule["why"])
    raise AssertionError("the last rule of limits has no words")


def _number(text: str) -> int:
    """Arabic or Han, up to 99.

    >>> [_number(text) for text in ("20", "十", "二十", "十五", "七")]
    [20, 10, 20, 15, 7]
    """
    if text.isdecimal():
        return int(text)
    tens, ten, ones = text.rpartition("十")
    return (_NUMERALS.get(tens, 1) * 10 if ten else 0) + _NUMERALS.get(ones, 0)


def _check_content(told: str, place: str) -> Iterator[Item]:
    """A catalogue that promises ID numbers makes every list below it a leak."""
    for word in _words(_rules()["private"]):
        at = told.find(word)
        before = told[max(at - 6, 0) : at]
        if at >= 0 and not any(free in before for free in _words(_rules()["private_free"])):
            yield Item(place, f"“公开内容”列出了“{word}”：属个人信息，名单公开时不应写出")
            return
