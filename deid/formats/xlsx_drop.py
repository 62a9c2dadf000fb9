"""Columns taken out of worksheets without a trace, or blanked where that is not safe.

A column may go when nothing that stays needs it and everything that refers to its sheet is
understood: then cells move up, and merges, widths, panes, filters, rules, tables, notes, drawings,
charts, names and every formula of the workbook follow. Otherwise the column stays where it is, its
cells empty and nothing left that hung on them; formulas that read it keep what they showed.
Shared strings that only such cells used are emptied, so that no part still holds them.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import BinaryIO

from deid.formats.ooxml import Member, Splice, attributes, escape, shadow, spliced
from deid.formats.opc import rels_of
from deid.formats.xlsx import Opened
from deid.formats.xlsx_drop_parts import (
    Site,
    chart_formulas,
    chart_splices,
    defined_names,
    drawing_splices,
    is_understood,
    is_view_name,
    name_splices,
    note_shape_splices,
    note_splices,
    rule_needs,
    sheet_splices,
    table_splices,
)
from deid.formats.xlsx_refs import (
    UNCLEAR,
    Gone,
    NamedTable,
    Reached,
    World,
    gone,
    parse_formula,
    parse_range,
    range_text,
    reached,
    shifted,
)
from deid.formats.xlsx_sheet import CellFormula, Sheet, cell_formula, inner_span
from deid.formats.xlsx_values import cell_place, column_letters
from deid.formats.xml_nodes import Node, parse_nodes
from deid.model import Remark

_FOLLOWED = frozenset(
    {"comments", "threadedcomment", "vmldrawing", "drawing", "table", "hyperlink", "image"}
    | {"printersettings", "package", "customproperty"}
)
_ALL_KINDS = "工作表里有数据透视表、切片器、查询、控件等，不能确定是否用到这一列"
_PIVOT = "有数据透视表的数据来自这张表"
_CHART = "有图表用到这一列"
_ARRAY = "数组公式或模拟运算表跨过这一列"
_ODD = "工作表里有不能确定的内容"
_ELSEWHERE = "文件的其他部分提到这张表"


@dataclass(frozen=True, slots=True)
class Wanted:
    """What happens to one sheet: columns that go, columns that are blanked with the reason, and the
    rows whose texts stay. ``only``: the cells that are blanked and what they held, by row, where not
    the whole column is."""

    out: frozenset[int] = frozenset()
    blank: Mapping[int, str] = field(default_factory=dict)
    notes: frozenset[int] = frozenset()
    only: Mapping[int, Mapping[int, str]] | None = None


# --- what there is -------------------------------------------------------------------------------------


def _world(book: Opened, going: Mapping[str, Gone]) -> World:
    names: dict[tuple[str | None, str], str] = {}
    for node, name, number in defined_names(book.parts.xml(book.book_key)):
        if is_view_name(name):
            continue
        scope = None
        if number is not None and number < len(book.order):
            scope = book.order[number].lower()
        names[scope, name] = node.text
    return World(going, names, _tables(book))


def _tables(book: Opened) -> dict[str, NamedTable]:
    tables: dict[str, NamedTable] = {}
    for name, sheet in book.sheets:
        for key in _related(book, sheet.member.key, "table"):
            table = next(parse_nodes(book.parts.xml(key)).find("table"), None)
            box = parse_range(table.get("ref") or "") if table else None
            if table is None or box is None:
                continue
            columns = tuple((n.get("name") or "").lower() for n in table.find("tableColumn"))
            shown = (table.get("displayName") or table.get("name") or "").lower()
            tables[shown] = NamedTable(name.lower(), box[1], columns, box)
    return tables


def _related(book: Opened, key: str, kind: str) -> list[str]:
    return [
        relation.target
        for relation in book.relations.of.get(key, ())
        if relation.target and relation.type.lower() == kind
    ]


@dataclass(frozen=True, slots=True)
class _Cell:
    """A cell with a formula, as it reads there."""

    row: int
    column: int
    text: str


def _formulas(sheet: Sheet) -> Iterator[_Cell]:
    """The formulas of a sheet; shared ones as they read in each cell."""
    if not sheet.has_formulas:
        return
    masters = _masters(sheet)
    state = [-1, -1]
    mark = f"<{sheet.prefix}f"
    for kind, piece in sheet.pieces():
        if kind != "rows" or mark not in piece:
            if kind == "rows":
                for _ in sheet.typed_cells(piece, state):
                    pass
            continue
        for _, hit in sheet.typed_cells(piece, state):
            if hit[7] is None:
                continue
            formula = cell_formula(piece[slice(*inner_span(hit, piece))])
            if formula is not None:
                yield _Cell(state[0], state[1], _own_text(formula, (state[0], state[1]), masters))


def _masters(sheet: Sheet) -> dict[str, tuple[int, int, str]]:
    return {
        f.group: (f.row, f.column, f.text) for f in sheet.spanning if f.kind == "shared" and f.text
    }


_LOST = "INDIRECT()"
"""Stands for a formula that cannot be told, so that it counts as reading everything."""


def _own_text(
    formula: CellFormula, at: tuple[int, int], masters: Mapping[str, tuple[int, int, str]]
) -> str:
    if formula.text or formula.attrs.get("t") != "shared":
        return formula.text
    master = masters.get(formula.attrs.get("si", ""))
    if master is None:
        return _LOST
    return shifted(master[2], at[0] - master[0], at[1] - master[1]) or _LOST


# --- which columns can go ------------------------------------------------------------------------------


def unremovable(book: Opened, columns: Mapping[str, frozenset[int]]) -> dict[str, dict[int, str]]:
    """The columns, by label of their sheet, that cannot go without harm, and why."""
    labels = {name.lower(): sheet.label for name, sheet in book.sheets}
    going = {
        name.lower(): gone(columns[sheet.label])
        for name, sheet in book.sheets
        if columns.get(sheet.label)
    }
    world = _world(book, going)
    found: Reached = {}
    count = -1
    while count < (count := sum(map(len, found.values()))):
        # what stays, if only blanked, may be what another column must stay for
        left = {
            name: gone(c for c in columns.columns if c not in found.get(name, ()))
            for name, columns in going.items()
        }
        _find_needs(book, world.with_going(left), going, found)
    return {labels[name]: why for name, why in found.items() if why}


def _find_needs(book: Opened, world: World, away: Mapping[str, Gone], found: Reached) -> None:
    """What needs the columns that go; ``away``: those and the blanked ones."""
    for name, sheet in book.sheets:
        here = away.get(name.lower(), Gone(()))
        _needs_of_sheet(book, name.lower(), sheet, world, here, found)
    _needs_of_names(world, found)
    _needs_of_parts(book, world, found)


def _refuse(found: Reached, world: World, sheet: str, why: str) -> None:
    for column in world.going.get(sheet, Gone(())).columns:
        found.setdefault(sheet, {}).setdefault(column, why)


def _add_all(found: Reached, more: Reached) -> None:
    for sheet, columns in more.items():
        for column, why in columns.items():
            found.setdefault(sheet, {}).setdefault(column, why)


def _needs_of_sheet(
    book: Opened, name: str, sheet: Sheet, world: World, away: Gone, found: Reached
) -> None:
    going = world.going.get(name, Gone(()))
    for xml in (sheet.head, sheet.tail):
        _add_all(found, rule_needs(xml, name, world, away))
        if going.columns and not is_understood(xml):
            _refuse(found, world, name, _ODD)
    for key in _related(book, sheet.member.key, "table"):
        _needs_of_table(book.parts.xml(key), name, world, away, found)
    for cell in _formulas(sheet):
        if away.at(cell.column) is not None or _is_kept_anchor(sheet, cell, away):
            _add_all(found, reached(cell.text, name, world))
    if not going.columns:
        return
    for spanning in sheet.spanning:
        box = parse_range(spanning.ref)
        if spanning.kind == "dataTable" or box is None:
            if spanning.kind != "shared":
                _refuse(found, world, name, _ARRAY)
        elif spanning.kind == "array":
            inside = going.within(box[1], box[3])
            if inside and going.span(box[1], box[3]):
                _add_all(found, {name: dict.fromkeys(inside, _ARRAY)})
    for relation in book.relations.of.get(sheet.member.key, ()):
        kind, target = relation.type.lower(), relation.target
        if kind not in _FOLLOWED or (target and not _is_plain_part(book, kind, target)):
            _refuse(found, world, name, _ALL_KINDS)


def _needs_of_table(xml: str, name: str, world: World, away: Gone, found: Reached) -> None:
    root = parse_nodes(xml)
    table = next(root.find("table"), None)
    box = parse_range(table.get("ref") or "") if table else None
    if box is None:
        _refuse(found, world, name, _ODD)
        return
    for number, column in enumerate(root.find("tableColumn")):
        if away.at(box[1] + number) is None:
            continue
        for formula in column.find("calculatedColumnFormula", "totalsRowFormula"):
            _add_all(found, reached(formula.text, name, world))


def _is_kept_anchor(sheet: Sheet, cell: _Cell, going: Gone) -> bool:
    return any(
        (top, left) == (cell.row, cell.column) and going.span(left, right) is not None
        for top, left, _, right in sheet.merges
    )


def _is_plain_part(book: Opened, kind: str, key: str) -> bool:
    """Whether a part of a sheet holds nothing that cannot follow its cells."""
    if kind == "vmldrawing":
        kinds = re.findall(r"ObjectType\s*=\s*[\"'](\w+)", book.parts.xml(key))
        return all(found == "Note" for found in kinds)
    if kind == "table":
        names = {node.name for node in parse_nodes(book.parts.xml(key)).walk()}
        return not ({"xmlColumnPr"} & names or _related(book, key, "querytable"))
    return True


def _needs_of_names(world: World, found: Reached) -> None:
    """A name that is read counts where it is read; one that means another place in each cell, or
    looks its range up, is not safe at all."""
    for (scope, _), text in world.names.items():
        needs = reached(text, scope or "", world)
        for sheet, columns in needs.items():
            odd = {c: why for c, why in columns.items() if why == UNCLEAR or "位置" in why}
            _add_all(found, {sheet: odd})
        for area in parse_formula(text).areas:
            sheet = (area.sheet or scope or "").lower()
            if not all(area.fixed):
                _refuse(found, world, sheet, UNCLEAR)


def _is_chart(member: Member) -> bool:
    return bool(re.search(r"(?:^|/)charts?(?:ex)?/[^/]*\.xml$|/charts/", member.key))


def _needs_of_parts(book: Opened, world: World, found: Reached) -> None:
    own = {sheet.member.key for _, sheet in book.sheets} | {book.book_key, book.strings_key or ""}
    for member in book.package.members:
        if member.key in own or not member.key.endswith(".xml") or member.key in book.parts.dropped:
            continue
        if member.key.startswith("docprops/") or member.key in _MENTIONS_ANYWAY:
            continue
        xml = book.parts.xml(member.key)
        if _is_chart(member):
            for text in chart_formulas(xml):
                _add_all(
                    found,
                    {s: dict.fromkeys(c, _CHART) for s, c in reached(text, "", world).items()},
                )
        elif "pivotCacheDefinition" in xml:
            _needs_of_pivot(xml, world, found)
        elif "textlink" in xml:
            for node in parse_nodes(xml).walk():
                _add_all(found, reached(node.get("textlink") or "", "", world))
        elif not _is_followed(book, member.key):
            for name in world.going:
                if "SlicerCache" in xml or _mentions(xml, name):
                    _refuse(found, world, name, _ELSEWHERE)


_MENTIONS_ANYWAY = frozenset({"xl/styles.xml", "xl/calcchain.xml", "[content_types].xml"})


def _is_followed(book: Opened, key: str) -> bool:
    kinds = {relation.type.lower() for _, relation in book.relations.sources_of(key)}
    return bool(kinds & {"table", "comments", "threadedcomment", "vmldrawing"})


def _mentions(xml: str, name: str) -> bool:
    low = xml.lower()
    quoted = escape(name.replace("'", "''"), "xml")
    return any(f"{text}!" in low for text in (escape(name, "xml"), f"{quoted}'"))


def _needs_of_pivot(xml: str, world: World, found: Reached) -> None:
    for node in parse_nodes(xml).find("worksheetSource", "rangeSet"):
        sheet, name = (node.get("sheet") or "").lower(), (node.get("name") or "").lower()
        if sheet:
            _refuse(found, world, sheet, _PIVOT)
        elif name:
            table = world.tables.get(name)
            sheets = {table.sheet} if table else set(reached(name, "", world)) or set(world.going)
            for one in sheets:
                _refuse(found, world, one, _PIVOT)


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
        self.world = _world(book, going)
        self.blanked = self.world.with_going(blank)
        self.splices: dict[str, list[Splice]] = {}
        self.dropped: set[str] = set(_related(book, book.book_key, "calcchain"))
        self.remarks: list[Remark] = []
        self.lost = _Lost()

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

    def _sheet(self, name: str, sheet: Sheet) -> _SheetWriting:
        wanted = self.wanted.get(sheet.label, Wanted())
        for column, why in sorted(wanted.blank.items()):
            place = f"{sheet.label}!{column_letters(column)}"
            message = f"这一列不能整列删去（{why}），已清空表头和内容，列仍在，请核对"
            self.remarks.append(Remark(place, message))
        moves = _merge_moves(sheet, wanted) | _note_moves(sheet, wanted)
        only = wanted.only
        cells = None if only is None else frozenset((r, c) for r, row in only.items() for c in row)
        site = Site(name.lower(), self.world, tuple(sorted(wanted.blank)), moves, cells)
        one = _SheetWriting(sheet, site)
        if wanted.out or wanted.blank or self._has_cell_images():
            one.survey(self.lost)
        for row, texts in (only or {}).items():
            for text in texts.values():
                self.lost.remember(site.name, row, text)
        return one

    def _has_cell_images(self) -> bool:
        return any(member.key.endswith("cellimages.xml") for member in self.book.package.members)

    def _frozen(self, sheets: Sequence[_SheetWriting]) -> None:
        """Formulas that read a blanked column keep what they show, unless that is what was in it."""
        if self.blanked.going:
            for one in sheets:
                one.freeze(self.blanked)
            tainted = _Tainted()
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
                or any(one.site.formula(cell.text) != cell.text for cell in _formulas(one.sheet))
            )

    def _parts_of(self, one: _SheetWriting) -> None:
        """Head and tail of a sheet, its tables, notes and drawings."""
        sheet, site, book = one.sheet, one.site, self.book
        one.head = spliced(sheet.head, sheet_splices(sheet.head, site))
        tail = sheet.tail
        if site.going.columns or site.blank:
            for key in _related(book, sheet.member.key, "table"):
                changed = table_splices(book.parts.xml(key), site)
                if changed.splices is None:
                    self.dropped.add(key)
                    tail = _without_table(book, sheet, tail, key)
                    continue
                self._add(key, changed.splices)
                one.headers.update(_header_cells(book.parts.xml(key), changed.headers))
            for kind in ("comments", "threadedcomment"):
                for key in _related(book, sheet.member.key, kind):
                    self._add(key, note_splices(book.parts.xml(key), site))
            for key in _related(book, sheet.member.key, "vmldrawing"):
                self._add(key, note_shape_splices(book.parts.xml(key), site))
        else:
            self._table_formulas(sheet, site)
        for key in _related(book, sheet.member.key, "drawing"):
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
        for key in _related(self.book, sheet.member.key, "table"):
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

    def _shared_parts(self, sheets: Sequence[_SheetWriting]) -> None:
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
            if _is_chart(member):
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
        _needs_of_pivot(xml, self.blanked, found)
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
        self.dropped.update(_related(self.book, member.key, "pivotcacherecords"))
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


# --- one sheet -------------------------------------------------------------------------------------------


@dataclass(slots=True)
class _Lost:
    """What went with the cells, over all sheets."""

    strings: Counter[int] = field(default_factory=Counter)
    pictures: set[str] = field(default_factory=set)
    kept_pictures: set[str] = field(default_factory=set)
    blanked: dict[tuple[str, int], list[str]] = field(default_factory=dict)
    """By sheet and row the texts of the blanked cells."""
    texts: set[str] = field(default_factory=set)

    def remember(self, sheet: str, row: int, text: str) -> None:
        """Note the text of a blanked cell."""
        if text.strip():
            self.blanked.setdefault((sheet, row), []).append(text.strip())
            self.texts.add(text.strip())


_MOST_ROUNDS = 20
"""Passes over all formulas to follow copies of copies; those further up than this all count."""


class _Tainted:
    """Cells, by sheet, whose formula reads a blanked column, straight or through others."""

    def __init__(self) -> None:
        self.cells: dict[str, set[tuple[int, int]]] = {}
        self._reach: dict[tuple[str, int], tuple[int, int]] = {}

    def add(self, sheet: str, cell: tuple[int, int]) -> None:
        """One more."""
        self.cells.setdefault(sheet, set()).add(cell)
        row, column = cell
        first, last = self._reach.get((sheet, column), (row, row))
        self._reach[sheet, column] = (min(first, row), max(last, row))

    def is_read(self, text: str, home: str) -> bool:
        """Whether a formula on sheet ``home`` reads one of them; of a range only the first and the
        last row of them in each column are compared, so it may be one too many."""
        for area in parse_formula(text).areas:
            sheet = home if area.sheet is None else area.sheet.lower()
            cells = self.cells.get(sheet)
            top, left, bottom, right = area.box
            if not cells:
                continue
            if (top, left) == (bottom, right):
                if (top, left) in cells:
                    return True
                continue
            for (name, column), (first, last) in self._reach.items():
                if name == sheet and left <= column <= right and first <= bottom and top <= last:
                    return True
        return False


_PICTURE = re.compile(r"DISPIMG\s*\(\s*\"([^\"]+)\"", re.I)
_SPANS = re.compile(r"\sspans\s*=\s*[\"']([0-9: ]*)[\"']")


class _Letters(dict[int, str]):
    """Column -> the letters it has afterwards; "" when it goes. For the loop over all cells."""

    def __init__(self, going: Gone) -> None:
        self._going = going

    def __missing__(self, column: int) -> str:
        new = self._going.at(column)
        self[column] = "" if new is None else column_letters(new)
        return self[column]


class _SheetWriting:
    """A sheet and what becomes of its cells."""

    def __init__(self, sheet: Sheet, site: Site) -> None:
        self.sheet, self.site = sheet, site
        self.head, self.tail = sheet.head, sheet.tail
        self.headers: dict[tuple[int, int], str] = {}
        self.frozen: set[tuple[int, int]] = set()
        self.cleared: set[tuple[int, int]] = set()
        self.formulas_change = False
        self._masters = _masters(sheet)
        self._letters = _Letters(site.going)
        self._plain = False
        self._row = re.compile(rf"<{re.escape(sheet.prefix)}row(?=[\s/>])[^>]*")

    def has_work(self) -> bool:
        """Whether anything of the sheet changes."""
        changed = (self.head, self.tail) != (self.sheet.head, self.sheet.tail)
        return bool(changed or self.formulas_change or self._reshaped() or self.cleared)

    def _reshaped(self) -> bool:
        return bool(self.site.going.columns or self.site.blank)

    def _fate(self, row: int, column: int) -> str:
        if self.site.cell(row, column) is None:
            return "out"
        # what ``only`` names was blanked by edits, before
        blank = self.site.only is None and self.site.is_blank(row, column)
        blank = blank or (row, column) in self.cleared
        return "blank" if blank else "stays"

    def survey(self, lost: _Lost) -> None:
        """Note what the cells that go or are blanked hold."""
        state = [-1, -1]
        away = {*self.site.going.columns, *self.site.blank}
        for kind, piece in self.sheet.pieces():
            if kind != "rows":
                continue
            pictured = "DISPIMG" in piece
            for cell_kind, hit in self.sheet.typed_cells(piece, state):
                if state[1] not in away and not pictured:
                    continue
                inner = piece[slice(*inner_span(hit, piece))] if hit[7] is not None else ""
                pictures = (
                    _PICTURE.findall(inner.replace("&quot;", '"')) if "DISPIMG" in inner else ()
                )
                fate = self._fate(state[0], state[1])
                if fate == "stays":
                    lost.kept_pictures.update(pictures)
                    continue
                lost.pictures.update(pictures)
                if fate == "blank":
                    lost.remember(self.site.name, state[0], self.sheet.shown(hit, piece))
                if cell_kind == "s":
                    self._lose_string(lost, hit, piece)

    def _lose_string(self, lost: _Lost, hit: re.Match[str], piece: str) -> None:
        number = self.sheet.shared_string(hit, piece)
        if number is not None:
            lost.strings[number] += 1

    def freeze(self, blanked: World) -> None:
        """Find the formulas that read a blanked column."""
        name = self.site.name
        for cell in _formulas(self.sheet):
            at = (cell.row, cell.column)
            if self._fate(*at) == "stays" and any(reached(cell.text, name, blanked).values()):
                self.frozen.add(at)

    def taint(self, tainted: _Tainted, rounds: int) -> bool:
        """Find the formulas that read a tainted one; whether there were any."""
        name, found = self.site.name, False
        mine = tainted.cells.get(name, set())
        for cell in _formulas(self.sheet):
            at = (cell.row, cell.column)
            if at not in mine and (rounds > _MOST_ROUNDS or tainted.is_read(cell.text, name)):
                tainted.add(name, at)
                mine, found = tainted.cells[name], True
        return found

    def clear_copies(self, tainted: _Tainted, lost: _Lost) -> None:
        """Clear the formulas that still show what was in a blanked cell."""
        for at, text in self._shown_by(tainted.cells.get(self.site.name, set())):
            here = lost.blanked.get((self.site.name, at[0]), ())
            if text in lost.texts or any(len(value) > 1 and value in text for value in here):
                self.cleared.add(at)

    def _shown_by(self, places: set[tuple[int, int]]) -> Iterator[tuple[tuple[int, int], str]]:
        if not places:
            return
        state = [-1, -1]
        for kind, piece in self.sheet.pieces():
            if kind == "rows":
                for _, hit in self.sheet.typed_cells(piece, state):
                    if (state[0], state[1]) in places:
                        yield (state[0], state[1]), self.sheet.shown(hit, piece).strip()

    # writing

    def rewritten(self) -> Iterator[bytes]:
        """The bytes of the sheet, after."""
        state = [-1, -1]
        self._plain = not (self.site.blank or self.cleared)
        for kind, piece in self.sheet.pieces():
            if kind == "head":
                piece = self.head
            elif kind == "tail":
                piece = self.tail
            else:
                piece = self._rows(piece, state)
            yield piece.encode(self.sheet.codec)

    def _rows(self, piece: str, state: list[int]) -> str:
        out: list[Splice] = []
        row: list[tuple[int, str, re.Match[str]]] = []
        number = -1
        for kind, hit in self.sheet.typed_cells(piece, state):
            if state[0] != number:
                self._row_splices(number, row, piece, out)
                number, row = state[0], []
            row.append((state[1], kind, hit))
        self._row_splices(number, row, piece, out)
        if self.site.going.columns:
            out += self._spans(piece)
        return spliced(piece, out)

    def _spans(self, piece: str) -> Iterator[Splice]:
        for hit in self._row.finditer(shadow(piece)):
            spans = _SPANS.search(hit[0])
            if spans is None:
                continue
            left = []
            for part in spans[1].split():
                first, _, last = part.partition(":")
                span = self.site.going.span(int(first) - 1, int(last or first) - 1)
                left += [f"{span[0] + 1}:{span[1] + 1}"] if span else []
            new = f' spans="{" ".join(left)}"' if left else ""
            yield hit.start() + spans.start(), hit.start() + spans.end(), new

    def _row_splices(
        self,
        number: int,
        row: Sequence[tuple[int, str, re.Match[str]]],
        piece: str,
        out: list[Splice],
    ) -> None:
        if not row:
            return
        if not self.site.moves:
            for column, _, hit in row:
                self._in_place(number, column, hit, piece, out)
            return
        moves = {column: self.site.moves.get((number, column), column) for column, _, _ in row}
        taken = {place for column, place in moves.items() if place != column}
        if not taken:
            for column, _, hit in row:
                self._in_place(number, column, hit, piece, out)
            return
        cells = [
            (moves[column], self._cell(number, column, moves[column], hit, piece))
            for column, _, hit in row
            if moves[column] != column or column not in taken
        ]
        whole = "".join(xml for _, xml in sorted(cells, key=lambda cell: cell[0]))
        out.append((row[0][2].start(), row[-1][2].end(), whole))

    def _in_place(
        self, row: int, column: int, hit: re.Match[str], piece: str, out: list[Splice]
    ) -> None:
        """The splice of a cell that keeps its place among its neighbours."""
        letters = self._letters[column]
        if not letters:
            out.append((hit.start(), hit.end(), ""))
        elif self._plain and hit[2] is not None and (hit[7] is None or not self.formulas_change):
            if letters != hit[2]:
                out.append((hit.start(2), hit.end(2), letters))
        else:
            new = self._cell(row, column, column, hit, piece)
            if new != piece[hit.start() : hit.end()]:
                out.append((hit.start(), hit.end(), new))

    def _cell(self, row: int, column: int, place: int, hit: re.Match[str], piece: str) -> str:
        """The element of a cell, after; "" when it goes."""
        new = self.site.going.at(place)
        if new is None:
            return ""
        start = _placed(piece[hit.start() : hit.start(4)], hit[4], cell_place("", row, new)[1:])
        if self._fate(row, column) == "blank":
            return self._blanked(start, self.headers.get((row, column)))
        first, last = inner_span(hit, piece)
        inner = piece[first:last]
        if self.formulas_change and hit[7] is not None:
            inner = self._content(inner, row, column)
        if first == last:
            return start + piece[hit.end(4) : hit.end()]
        return f"{start}>{inner}{piece[last : hit.end()]}"

    def _blanked(self, start: str, text: str | None) -> str:
        start = re.sub(r"\s(?:t|cm|vm|ph)\s*=\s*(?:\"[^\"]*\"|'[^']*')", "", start)
        if text is None:
            return f"{start.rstrip()}/>"
        p = self.sheet.prefix
        inner = f"<{p}is><{p}t>{escape(text)}</{p}t></{p}is>"
        return f'{start.rstrip()} t="inlineStr">{inner}</{p}c>'

    def _content(self, inner: str, row: int, column: int) -> str:
        """The content of a cell with a formula: the formula after, or gone."""
        formula = cell_formula(inner)
        if formula is None:
            return inner
        before, after = inner[: formula.span[0]], inner[formula.span[1] :]
        if (row, column) in self.frozen:
            return before + after
        text = self.site.formula(_own_text(formula, (row, column), self._masters))
        p, kept = self.sheet.prefix, ""
        if formula.attrs.get("t") == "array":
            box = parse_range(formula.attrs.get("ref", ""))
            span = self.site.going.span(box[1], box[3]) if box else None
            if box and span:
                ref = range_text((box[0], span[0], box[2], span[1]))
                kept = f' t="array" ref="{ref}"'
        kind = formula.attrs.get("t")
        if kind == "dataTable" or (not kind and text == formula.text):
            return inner
        return f"{before}<{p}f{kept}>{escape(text)}</{p}f>{after}"


def _placed(tag: str, rest: str, place: str) -> str:
    """The start tag of a cell, without its end, with its place."""
    if tag.rstrip().endswith('"'):
        return re.sub(r" r=\"[A-Z]+[0-9]+\"$", f' r="{place}"', tag) + rest
    if attributes(rest).get("r"):
        return tag + re.sub(r"\sr\s*=\s*(?:\"[^\"]*\"|'[^']*')", f' r="{place}"', rest, count=1)
    return f'{tag} r="{place}"{rest}'
