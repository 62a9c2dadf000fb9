"""Columns taken out of worksheets without a trace, or blanked where that is not safe.

A column may go when nothing that stays needs it and everything that refers to its sheet is
understood: then cells move up, and merges, widths, panes, filters, rules, tables, notes, drawings,
charts, names and every formula of the workbook follow. Otherwise the column stays where it is, its
cells empty and nothing left that hung on them; formulas that read it keep what they showed.
Shared strings that only such cells used are emptied, so that no part still holds them.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import BinaryIO

from deid.formats.ooxml import Member, Splice, shadow, spliced
from deid.formats.opc import rels_of
from deid.formats.xlsx import Opened
from deid.formats.xlsx_drop_cells import Lost, SheetWriting, Tainted
from deid.formats.xlsx_drop_needs import (
    formulas_of,
    is_chart,
    needs_of_pivot,
    related,
    world_of,
)
from deid.formats.xlsx_drop_parts import (
    Site,
    chart_splices,
    drawing_splices,
    name_splices,
    note_shape_splices,
    note_splices,
    sheet_splices,
    table_splices,
)
from deid.formats.xlsx_refs import (
    Reached,
    gone,
    parse_range,
    reached,
)
from deid.formats.xlsx_sheet import Sheet
from deid.formats.xlsx_values import column_letters
from deid.formats.xml_nodes import Node, parse_nodes
from deid.model import Remark


@dataclass(frozen=True, slots=True)
class Wanted:
    """What happens to one sheet: columns that go, columns that are blanked with the reason, and the
    rows whose texts stay. ``only``: the cells that are blanked and what they held, by row, where not
    the whole column is."""

    out: frozenset[int] = frozenset()
    blank: Mapping[int, str] = field(default_factory=dict)
    notes: frozenset[int] = frozenset()
    only: Mapping[int, Mapping[int, str]] | None = None


# --- taking them out ------------------------------------------------------------------------------------


def drop_columns(book: Opened, target: BinaryIO, wanted: Mapping[str, Wanted]) -> list[Remark]:
    """Write the workbook without the columns; what a person has to know about it."""
    return _Dropping(book, wanted).write(target)


class _Dropping:
    """One removal: the sheets first, for they tell what is lost, then every part that follows."""

    def __init__(self, book: Opened, wanted: Mapping[str, Wanted]) -> None:
        self.book, self.wanted = book, wanted
        going = {
            name.lower(): gone(wanted[sheet.label].out)
            for name, sheet in book.sheets
            if sheet.label in wanted and wanted[sheet.label].out
        }
        blank = {
            name.lower(): gone(wanted[sheet.label].blank)
            for name, sheet in book.sheets
            if sheet.label in wanted and wanted[sheet.label].blank
        }
        self.world = world_of(book, going)
        self.blanked = self.world.with_going(blank)
        self.splices: dict[str, list[Splice]] = {}
        self.dropped: set[str] = set(related(book, book.book_key, "calcchain"))
        self.remarks: list[Remark] = []
        self.lost = Lost()

    def write(self, target: BinaryIO) -> list[Remark]:
        sheets = [self._sheet(name, sheet) for name, sheet in self.book.sheets]
        self._frozen(sheets)
        for one in sheets:
            self._parts_of(one)
        self._shared_parts(sheets)
        self._strings()
        self.dropped |= {rels_of(key) for key in self.dropped}
        change, changes = self.book.parts.change({}, self.splices, frozenset(self.dropped))
        for one in sheets:
            if one.has_work():
                key = one.sheet.member.key
                changes.pop(f"{key}#head", None)
                changes.pop(f"{key}#tail", None)
                change.content[key] = one.rewritten()
        self.book.parts.finish(change, changes)
        self.book.package.write(target, change)
        return self.remarks

    def _sheet(self, name: str, sheet: Sheet) -> SheetWriting:
        wanted = self.wanted.get(sheet.label, Wanted())
        for column, why in sorted(wanted.blank.items()):
            place = f"{sheet.label}!{column_letters(column)}"
            message = f"这一列不能整列删去（{why}），已清空表头和内容，列仍在，请核对"
            self.remarks.append(Remark(place, message))
        moves = _merge_moves(sheet, wanted) | _note_moves(sheet, wanted)
        only = wanted.only
        cells = None if only is None else frozenset((r, c) for r, row in only.items() for c in row)
        site = Site(name.lower(), self.world, tuple(sorted(wanted.blank)), moves, cells)
        one = SheetWriting(sheet, site)
        if wanted.out or wanted.blank or self._has_cell_images():
            one.survey(self.lost)
        for row, texts in (only or {}).items():
            for text in texts.values():
                self.lost.remember(site.name, row, text)
        return one

    def _has_cell_images(self) -> bool:
        return any(member.key.endswith("cellimages.xml") for member in self.book.package.members)

    def _frozen(self, sheets: Sequence[SheetWriting]) -> None:
        """Formulas that read a blanked column keep what they show, unless that is what was in it."""
        if self.blanked.going:
            for one in sheets:
                one.freeze(self.blanked)
            tainted = Tainted()
            for one in sheets:
                for cell in one.frozen:
                    tainted.add(one.site.name, cell)
            rounds = 0
            while any([one.taint(tainted, rounds) for one in sheets]):  # noqa: C419 (each of them)
                rounds += 1
            for one in sheets:
                one.clear_copies(tainted, self.lost)
            count = sum(len(one.frozen) for one in sheets)
            if count:
                text = f"有 {count} 个公式用到清空的列，已改成它们原来显示的值"
                self.remarks.append(Remark("", text, look=False))
        for one in sheets:
            one.formulas_change = one.sheet.has_formulas and (
                bool(one.frozen or one.cleared or one.site.going.columns)
                or any(one.site.formula(cell.text) != cell.text for cell in formulas_of(one.sheet))
            )

    def _parts_of(self, one: SheetWriting) -> None:
        """Head and tail of a sheet, its tables, notes and drawings."""
        sheet, site, book = one.sheet, one.site, self.book
        one.head = spliced(sheet.head, sheet_splices(sheet.head, site))
        tail = sheet.tail
        if site.going.columns or site.blank:
            for key in related(book, sheet.member.key, "table"):
                changed = table_splices(book.parts.xml(key), site)
                if changed.splices is None:
                    self.dropped.add(key)
                    tail = _without_table(book, sheet, tail, key)
                    continue
                self._add(key, changed.splices)
                one.headers.update(_header_cells(book.parts.xml(key), changed.headers))
            for kind in ("comments", "threadedcomment"):
                for key in related(book, sheet.member.key, kind):
                    self._add(key, note_splices(book.parts.xml(key), site))
            for key in related(book, sheet.member.key, "vmldrawing"):
                self._add(key, note_shape_splices(book.parts.xml(key), site))
        else:
            self._table_formulas(sheet, site)
        for key in related(book, sheet.member.key, "drawing"):
            splices, unused = drawing_splices(book.parts.xml(key), site)
            self._add(key, splices)
            self._drop_pictures(key, unused)
        one.tail = spliced(tail, sheet_splices(tail, site))
        self._drop_links(sheet, one.tail)

    def _drop_links(self, sheet: Sheet, tail: str) -> None:
        """Drop the targets of links that went with their cell."""
        before, after = _used_ids(sheet.tail), _used_ids(tail)
        if before == after:
            return
        for relation in self.book.relations.of.get(sheet.member.key, ()):
            away = relation.id in before and relation.id not in after
            if away and relation.type.lower() == "hyperlink" and not relation.target:
                self._add(rels_of(sheet.member.key), [(*relation.span, "")])

    def _table_formulas(self, sheet: Sheet, site: Site) -> None:
        for key in related(self.book, sheet.member.key, "table"):
            changed = table_splices(self.book.parts.xml(key), site)
            self._add(key, changed.splices or [])

    def _add(self, key: str, splices: Sequence[Splice]) -> None:
        if splices:
            self.splices.setdefault(key, []).extend(splices)

    def _drop_pictures(self, key: str, unused: set[str]) -> None:
        """Drop pictures that only a removed anchor showed."""
        for relation in self.book.relations.of.get(key, ()):
            if relation.id in unused and relation.target:
                others = self.book.relations.sources_of(relation.target)
                if all((source, other.id) == (key, relation.id) for source, other in others):
                    self.dropped.add(relation.target)

    def _shared_parts(self, sheets: Sequence[SheetWriting]) -> None:
        """Names, charts, pivot caches, pictures of cells, the log of a shared workbook."""
        book = self.book
        splices, named = name_splices(book.parts.xml(book.book_key), self.world)
        self._add(book.book_key, splices)
        if named:
            self._untitled()
        site = Site("", self.world)
        for member in book.package.members:
            if not member.key.endswith(".xml"):
                continue
            if is_chart(member):
                xml = book.parts.xml(member.key)
                self._add(member.key, chart_splices(xml, site, self._reads_blank))
            elif "/pivotcache/pivotcachedefinition" in f"/{member.key}" and self.blanked.going:
                self._clean_pivot(member)
            elif member.key.endswith("cellimages.xml"):
                self._clean_cell_images(member)
            elif "/revisions/" in f"/{member.key}":
                self._drop_log(member)

    def _reads_blank(self, text: str) -> bool:
        return any(reached(text, "", self.blanked).values())

    def _untitled(self) -> None:
        """The list of names in the properties would still tell the name that went."""
        member = self.book.package.find("docProps/app.xml")
        if member is None:
            return
        root = parse_nodes(self.book.parts.xml(member.key))
        found = [node.removed() for node in root.find("HeadingPairs", "TitlesOfParts")]
        self._add(member.key, found)

    def _drop_log(self, member: Member) -> None:
        self.dropped.add(member.key)
        message = "共享工作簿的修订记录里有原来的内容，保存时去掉"
        if all(remark.message != message for remark in self.remarks):
            self.remarks.append(Remark("", message, look=False))

    def _clean_pivot(self, member: Member) -> None:
        """Forget what a pivot cache remembers of a blanked sheet; it is read anew when opened."""
        xml = self.book.parts.xml(member.key)
        found: Reached = {}
        needs_of_pivot(xml, self.blanked, found)
        if not found:
            return
        root = parse_nodes(xml)
        columns = {c for one in found.values() for c in one}
        source = next(root.find("worksheetSource"), None)
        box = parse_range(source.get("ref") or "") if source else None
        first = box[1] if box else None
        if first is None and source is not None:
            table = self.world.tables.get((source.get("name") or "").lower())
            first = table.first if table else None
        for number, node in enumerate(root.find("cacheField")):
            if first is None or first + number in columns:
                self._clean_field(member.key, node, number)
        for definition in root.find("pivotCacheDefinition"):
            self._add(member.key, [definition.with_attr("refreshOnLoad", "1")])
            for attr in [name for name in definition.attrs if name.endswith(":id")]:
                self._add(member.key, [definition.with_attr(attr, None)])
        self.dropped.update(related(self.book, member.key, "pivotcacherecords"))
        text = "数据透视表里可能还显示被清空的列，请刷新或删除后再公开"
        self.remarks.append(Remark(member.name, text))

    def _clean_field(self, key: str, cache_field: Node, number: int) -> None:
        self._add(key, [cache_field.with_attr("name", f"列{number + 1}")])
        for items in cache_field.children:
            if items.name != "sharedItems":
                continue
            prefix = items.tag.removesuffix("sharedItems")
            kept = "".join(f'<{prefix}s v="●{at}"/>' for at, _ in enumerate(items.children, 1))
            count = f' count="{len(items.children)}"' if items.children else ""
            new = f"<{items.tag}{count}>{kept}</{items.tag}>"
            self._add(key, [(items.start, items.end, new)])

    def _clean_cell_images(self, member: Member) -> None:
        """Pictures that a formula puts into a cell (WPS): they go with the last cell that shows them."""
        lost = self.lost.pictures - self.lost.kept_pictures
        if not lost:
            return
        xml = self.book.parts.xml(member.key)
        root = parse_nodes(xml)
        removed = [
            node
            for node in root.find("cellImage")
            if any(inner.get("name") in lost for inner in node.find("cNvPr"))
        ]
        self._add(member.key, [node.removed() for node in removed])
        gone_ids = {
            m for n in removed for m in re.findall(r"embed=[\"'](\w+)", xml[n.start : n.end])
        }
        self._drop_pictures(member.key, gone_ids)

    def _strings(self) -> None:
        """Empty the shared strings that no cell uses any more."""
        key, strings = self.book.strings_key, self.book.strings
        if key is None or not self.lost.strings:
            return
        texts = {strings.texts[number] for number in self.lost.strings}
        unused = {
            number
            for number, used in enumerate(strings.uses)
            if (used and used <= self.lost.strings[number])
            or (not used and strings.texts[number] in texts)
        }
        xml = self.book.parts.xml(key)
        for _, hit in strings.found(xml, unused):
            start = xml[hit.start() : hit.end()]
            tag = re.match(r"<((?:[\w.-]+:)?)si", start)
            p = tag[1] if tag else ""
            self._add(key, [(hit.start(), hit.end(), f"<{p}si><{p}t></{p}t></{p}si>")])
        root = re.search(
            r"<(?:[\w.-]+:)?sst(?=[\s>])[^>]*?\scount\s*=\s*[\"'](\d+)[\"']", shadow(xml)
        )
        if root:
            left = max(int(root[1]) - self.lost.strings.total(), 0)
            self._add(key, [(root.start(1), root.end(1), str(left))])


def _used_ids(xml: str) -> set[str]:
    return set(re.findall(r"\s[\w.-]+:id\s*=\s*[\"']([^\"']*)[\"']", xml))


def _without_table(book: Opened, sheet: Sheet, tail: str, key: str) -> str:
    ids = {r.id for r in book.relations.of.get(sheet.member.key, ()) if r.target == key}
    root = parse_nodes(tail)
    parts = list(root.find("tablePart"))
    away = [n for n in parts if any(v in ids for k, v in n.attrs.items() if k.endswith(":id"))]
    if len(away) == len(parts):
        return spliced(tail, [node.removed() for node in root.find("tableParts")])
    splices = [node.removed() for node in away]
    for node in root.find("tableParts"):
        if node.get("count") is not None:
            splices.append(node.with_attr("count", str(len(parts) - len(away))))
    return spliced(tail, splices)


def _header_cells(xml: str, headers: Mapping[int, str]) -> dict[tuple[int, int], str]:
    table = next(parse_nodes(xml).find("table"), None)
    box = parse_range(table.get("ref") or "") if table else None
    if table is None or box is None or table.get("headerRowCount") == "0":
        return {}
    return {(box[0], column): name for column, name in headers.items()}


# --- texts that stay -------------------------------------------------------------------------------------


def _merge_moves(sheet: Sheet, wanted: Wanted) -> dict[tuple[int, int], int]:
    """Merged cells that start in a column that goes and reach beyond: their text stays."""
    away = {*wanted.out, *wanted.blank}
    moves: dict[tuple[int, int], int] = {}
    for top, left, _, right in sheet.merges:
        if left not in away:
            continue
        staying = next((c for c in range(left, right + 1) if c not in away), None)
        if staying is not None:
            # a blanked column stays where it is, and so does the merge that starts in it
            place = next(c for c in range(left, right + 1) if c not in wanted.out)
            moves[top, left] = place
    return moves


def _note_moves(sheet: Sheet, wanted: Wanted) -> dict[tuple[int, int], int]:
    """Texts of titles and notes that stand in a column that goes move to the next free cell; those
    behind make room, so that all keep their order."""
    moves: dict[tuple[int, int], int] = {}
    if not (wanted.notes and wanted.out):
        return moves
    away = gone(wanted.out)
    anchored = {(top, left): right for top, left, _, right in sheet.merges}
    for row, columns in _filled(sheet, wanted.notes):
        last = -1
        for column in columns:
            place = away.first_left(max(column, last + 1))
            if place != column:
                moves[row, column] = place
            last = max(place, anchored.get((row, column), place))
    return moves


def _filled(sheet: Sheet, rows: frozenset[int]) -> Iterator[tuple[int, list[int]]]:
    state = [-1, -1]
    found: dict[int, list[int]] = {}
    for kind, piece in sheet.pieces():
        if kind == "rows":
            for _, hit in sheet.typed_cells(piece, state):
                if state[0] in rows and sheet.shown(hit, piece):
                    found.setdefault(state[0], []).append(state[1])
    yield from found.items()
