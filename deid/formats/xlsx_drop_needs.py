"""Which columns of a workbook can go: what formulas, rules, names, charts and other parts need.

A formula that stays and reads a column keeps it from going; so does whatever refers to the sheet in
a way that cannot be followed for certain (by text, by position, by a pivot table, by a control).
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from deid.formats.ooxml import Member, escape
from deid.formats.xlsx import Opened
from deid.formats.xlsx_drop_parts import (
    chart_formulas,
    defined_names,
    is_understood,
    is_view_name,
    rule_needs,
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
    reached,
    shifted,
)
from deid.formats.xlsx_sheet import CellFormula, Sheet, cell_formula, inner_span
from deid.formats.xml_nodes import parse_nodes

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


# --- what there is -------------------------------------------------------------------------------------


def world_of(book: Opened, going: Mapping[str, Gone]) -> World:
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
        for key in related(book, sheet.member.key, "table"):
            table = next(parse_nodes(book.parts.xml(key)).find("table"), None)
            box = parse_range(table.get("ref") or "") if table else None
            if table is None or box is None:
                continue
            columns = tuple((n.get("name") or "").lower() for n in table.find("tableColumn"))
            shown = (table.get("displayName") or table.get("name") or "").lower()
            tables[shown] = NamedTable(name.lower(), box[1], columns, box)
    return tables


def related(book: Opened, key: str, kind: str) -> list[str]:
    return [
        relation.target
        for relation in book.relations.of.get(key, ())
        if relation.target and relation.type.lower() == kind
    ]


@dataclass(frozen=True, slots=True)
class FormulaCell:
    """A cell with a formula, as it reads there."""

    row: int
    column: int
    text: str


def formulas_of(sheet: Sheet) -> Iterator[FormulaCell]:
    """The formulas of a sheet; shared ones as they read in each cell."""
    if not sheet.has_formulas:
        return
    masters = masters_of(sheet)
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
                yield FormulaCell(
                    state[0], state[1], own_text(formula, (state[0], state[1]), masters)
                )


def masters_of(sheet: Sheet) -> dict[str, tuple[int, int, str]]:
    return {
        f.group: (f.row, f.column, f.text) for f in sheet.spanning if f.kind == "shared" and f.text
    }


_LOST = "INDIRECT()"
"""Stands for a formula that cannot be told, so that it counts as reading everything."""


def own_text(
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
    world = world_of(book, going)
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
    for key in related(book, sheet.member.key, "table"):
        _needs_of_table(book.parts.xml(key), name, world, away, found)
    for cell in formulas_of(sheet):
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


def _is_kept_anchor(sheet: Sheet, cell: FormulaCell, going: Gone) -> bool:
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
        return not ({"xmlColumnPr"} & names or related(book, key, "querytable"))
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


def is_chart(member: Member) -> bool:
    return bool(re.search(r"(?:^|/)charts?(?:ex)?/[^/]*\.xml$|/charts/", member.key))


def _needs_of_parts(book: Opened, world: World, found: Reached) -> None:
    own = {sheet.member.key for _, sheet in book.sheets} | {book.book_key, book.strings_key or ""}
    for member in book.package.members:
        if member.key in own or not member.key.endswith(".xml") or member.key in book.parts.dropped:
            continue
        if member.key.startswith("docprops/") or member.key in _MENTIONS_ANYWAY:
            continue
        xml = book.parts.xml(member.key)
        if is_chart(member):
            for text in chart_formulas(xml):
                _add_all(
                    found,
                    {s: dict.fromkeys(c, _CHART) for s, c in reached(text, "", world).items()},
                )
        elif "pivotCacheDefinition" in xml:
            needs_of_pivot(xml, world, found)
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


def needs_of_pivot(xml: str, world: World, found: Reached) -> None:
    for node in parse_nodes(xml).find("worksheetSource", "rangeSet"):
        sheet, name = (node.get("sheet") or "").lower(), (node.get("name") or "").lower()
        if sheet:
            _refuse(found, world, sheet, _PIVOT)
        elif name:
            table = world.tables.get(name)
            sheets = {table.sheet} if table else set(reached(name, "", world)) or set(world.going)
            for one in sheets:
                _refuse(found, world, one, _PIVOT)
