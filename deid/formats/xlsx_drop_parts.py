"""What stands around the cells of a sheet, and in its tables, notes and drawings, when columns go.

Each function gives the splices of one XML part or piece of one. ``Site`` says which columns of the
sheet go and which are only blanked: those stay, but nothing may hang on their cells any more.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from deid.formats.ooxml import Splice, merged_splices
from deid.formats.xlsx_refs import (
    READS,
    UNCLEAR,
    Box,
    Gone,
    Reached,
    World,
    left_of,
    parse_formula,
    parse_range,
    parse_ranges,
    range_text,
    reached,
    rewritten,
    shifted,
    without,
)
from deid.formats.xlsx_values import MAX_COLUMNS
from deid.formats.xml_nodes import Node, parse_nodes


@dataclass(frozen=True, slots=True)
class Site:
    """A sheet from which columns go. ``moves``: cells in such a column whose text stays, with the
    column (as counted before) that takes it."""

    name: str
    world: World
    blank: tuple[int, ...] = ()
    moves: Mapping[tuple[int, int], int] = field(default_factory=dict)
    only: frozenset[tuple[int, int]] | None = None
    """The blanked cells, where not all of a blanked column are."""

    @property
    def going(self) -> Gone:
        """The columns that go."""
        return self.world.going.get(self.name, Gone(()))

    def cell(self, row: int, column: int) -> int | None:
        """The column in which a cell is afterwards; None when it goes."""
        return self.going.at(self.moves.get((row, column), column))

    def is_blank(self, row: int, column: int) -> bool:
        """Whether a cell stays but is emptied."""
        if self.only is not None:
            return (row, column) in self.only
        return column in self.blank and (row, column) not in self.moves

    def formula(self, text: str) -> str:
        """A formula on this sheet, after."""
        return rewritten(text, self.world.on(self.name))


# --- which elements of a sheet are understood -----------------------------------------------------------

_PLAIN = frozenset(
    re.findall(
        r"\w+",
        "worksheet sheetData sheetPr tabColor outlinePr pageSetUpPr sheetViews sheetFormatPr cols sheetCalcPr"
        " sheetProtection protectedRanges mergeCells phoneticPr conditionalFormattings cfvo colorScale"
        " dataBar iconSet color cfIcon dataValidations hyperlinks printOptions pageMargins pageSetup"
        " headerFooter oddHeader oddFooter evenHeader evenFooter firstHeader firstFooter rowBreaks"
        " colBreaks customProperties customPr ignoredErrors drawing legacyDrawing legacyDrawingHF"
        " picture tableParts tablePart extLst ext id dxf sparklineGroups sparklines customSheetViews"
        " customSheetView filters filter customFilters customFilter dynamicFilter top10 colorFilter"
        " iconFilter dateGroupItem fillColor borderColor negativeFillColor negativeBorderColor axisColor"
        " colorSeries colorNegative colorAxis colorMarkers colorFirst colorLast colorHigh colorLow",
    )
)
_HANDLED = frozenset(
    re.findall(
        r"\w+",
        "dimension col sheetView pane selection mergeCell autoFilter filterColumn sortState sortCondition"
        " conditionalFormatting cfRule formula dataValidation formula1 formula2 hyperlink protectedRange"
        " ignoredError cellWatches cellWatch brk sparklineGroup sparkline f sqref",
    )
)
_KNOWN = _PLAIN | _HANDLED
_RANGES = frozenset({"protectedRange", "ignoredError"})
_RULED = frozenset({"conditionalFormatting", "dataValidation"})
_FORMULAS = frozenset({"f", "formula", "formula1", "formula2"})


def is_understood(xml: str) -> bool:
    """Whether every element before or after the cells of a sheet is one that can follow."""
    root = parse_nodes(xml)
    for node in root.walk():
        if node.name not in _KNOWN and not node.inside("dxf"):
            return False
        if node.name in ("conditionalFormatting", "sheetView") and node.get("pivot") is not None:
            return False
        if node.name == "protectedRange" and parse_ranges(node.get("sqref") or "") is None:
            return False
        if node.name == "sheetPr" and node.get("syncRef"):
            return False
    return True


def _ruled_boxes(rule: Node) -> list[Box] | None:
    """The ranges that a conditional format or a validation is for."""
    text = rule.get("sqref")
    if text is None:
        text = next((node.text for node in rule.children if node.name == "sqref"), "")
    return parse_ranges(text)


def _formulas_of(rule: Node) -> Iterator[Node]:
    for node in rule.walk():
        if node.name in _FORMULAS and not node.children:
            yield node


def _cfvo_formulas(rule: Node) -> Iterator[tuple[Node, str]]:
    """Formulas in an attribute: the limits of a colour scale."""
    for node in rule.find("cfvo"):
        if node.get("type") == "formula" and node.get("val"):
            yield node, node.get("val") or ""


def rule_needs(xml: str, home: str, world: World, away: Gone) -> Reached:
    """What the rules (formats, validations, sparklines) around the cells of a sheet need of columns.

    ``away``: the columns of this sheet that go or are blanked; no rule stays on them.
    """
    out: Reached = {}
    root = parse_nodes(xml)
    for rule in root.find(*_RULED):
        boxes = _ruled_boxes(rule)
        texts = [node.text for node in _formulas_of(rule)]
        texts += [text for _, text in _cfvo_formulas(rule)]
        lenient = rule.name == "dataValidation"
        for text in texts:
            _merge(out, _spread(text, home, world, away, boxes, lenient=lenient))
    for node in root.find("f"):
        if node.inside("sparklineGroup") and not _sits_in(node, away):
            _merge(out, reached(node.text, home, world))
    return out


def _sits_in(node: Node, away: Gone) -> bool:
    """Whether a sparkline goes with its cell."""
    line = node.parent
    if line is None or line.name != "sparkline":
        return False
    boxes = parse_ranges(next((n.text for n in line.children if n.name == "sqref"), "")) or []
    return bool(boxes) and all(left_of(box, away) is None for box in boxes)


def _merge(out: Reached, more: Reached) -> None:
    for sheet, columns in more.items():
        for column, why in columns.items():
            out.setdefault(sheet, {}).setdefault(column, why)


def _spread(
    text: str, home: str, world: World, away: Gone, boxes: list[Box] | None, *, lenient: bool
) -> Reached:
    """What a formula needs that is read anew for each cell of its ranges, relative to the first."""
    if not boxes:
        return reached(text, home, world, lenient=lenient)
    here = world.going.get(home, Gone(()))
    columns = sorted(
        {c for box in boxes for c in range(box[1], box[3] + 1) if away.at(c) is not None}
    )
    if not columns:
        return {}
    out = reached(text, home, world, lenient=lenient, direct=False)
    anchor = boxes[0][1]
    for area in parse_formula(text).areas:
        sheet = home if area.sheet is None else area.sheet.lower()
        going = world.going.get(sheet, Gone(()))
        ends: set[tuple[int, int]] = set()
        for column in columns:
            by = column - anchor
            first = area.box[1] + (0 if area.fixed[0] else by)
            last = area.box[3] + (0 if area.fixed[1] else by)
            if not 0 <= first <= last < MAX_COLUMNS:
                continue
            for hit in going.within(first, last):
                out.setdefault(sheet, {}).setdefault(hit, READS)
            new = here.near(column)
            ends.add(
                (
                    going.near(first) - (0 if area.fixed[0] else new),
                    going.near(last) - (0 if area.fixed[1] else new),
                )
            )
        if len(ends) > 1:
            for name in {home, sheet} & set(world.going):
                for column in world.going[name].columns:
                    out.setdefault(name, {}).setdefault(column, UNCLEAR)
    return out


# --- before and after the cells -------------------------------------------------------------------------


class _Edits:
    """Splices of one piece, and which elements went."""

    def __init__(self) -> None:
        self.splices: list[Splice] = []
        self.gone: set[int] = set()

    def remove(self, node: Node) -> None:
        self.gone.add(id(node))
        self.splices.append(node.removed())

    def set(self, node: Node, name: str, new: str | None) -> None:
        if node.get(name) != new:
            self.splices.append(node.with_attr(name, new))

    def text(self, node: Node, new: str) -> None:
        if node.text != new:
            self.splices.append(node.with_text(new))

    def recount(self, node: Node, *names: str) -> None:
        """Set the count of a list whose entries went, or remove the list when none is left."""
        left = [c for c in node.children if c.name in names and id(c) not in self.gone]
        before = [c for c in node.children if c.name in names]
        if len(left) == len(before):
            return
        if not left:
            self.remove(node)
        elif node.get("count") is not None:
            self.set(node, "count", str(len(left)))


_LISTS: Mapping[str, tuple[str, ...]] = {
    "cols": ("col",),
    "mergeCells": ("mergeCell",),
    "dataValidations": ("dataValidation",),
    "conditionalFormattings": ("conditionalFormatting",),
    "hyperlinks": ("hyperlink",),
    "protectedRanges": ("protectedRange",),
    "ignoredErrors": ("ignoredError",),
    "cellWatches": ("cellWatch",),
    "sparklines": ("sparkline",),
    "sortState": ("sortCondition",),
}


def sheet_splices(xml: str, site: Site) -> list[Splice]:
    """The changes of what stands before or after the cells of a sheet."""
    root, out = parse_nodes(xml), _Edits()
    for node in root.walk():
        handle = _HANDLERS.get(node.name)
        if handle is not None:
            handle(node, site, out)
    for name, entries in _LISTS.items():
        for node in root.find(name):
            out.recount(node, *entries)
    for node in root.find("sparklineGroup"):
        if any(id(child) in out.gone for child in node.children if child.name == "sparklines"):
            out.remove(node)
    for node in root.find("sparklineGroups"):
        out.recount(node, "sparklineGroup")
    for node in root.find("ext"):
        if node.children and all(id(child) in out.gone for child in node.children):
            out.remove(node)
    for node in root.find("extLst"):
        out.recount(node, "ext")
    return merged_splices([s for s in out.splices if xml[s[0] : s[1]] != s[2]])


def _dimension(node: Node, site: Site, out: _Edits) -> None:
    box = parse_range(node.get("ref") or "")
    left = left_of(box, site.going) if box else None
    out.set(node, "ref", range_text(left) if left else "A1")


def _col(node: Node, site: Site, out: _Edits) -> None:
    first, last = (node.get("min") or "").strip(), (node.get("max") or "").strip()
    if not (first.isdigit() and last.isdigit()):
        return
    span = site.going.span(int(first) - 1, int(last) - 1)
    if span is None:
        out.remove(node)
        return
    out.set(node, "min", str(span[0] + 1))
    if int(last) < MAX_COLUMNS:
        out.set(node, "max", str(span[1] + 1))


def _near_cell(text: str | None, site: Site) -> str | None:
    box = parse_range(text or "")
    if box is None:
        return text
    column = site.going.near(site.moves.get(box[:2], box[1]))
    return range_text((box[0], column, box[0], column))


def _view(node: Node, site: Site, out: _Edits) -> None:
    if node.get("topLeftCell"):
        out.set(node, "topLeftCell", _near_cell(node.get("topLeftCell"), site))


def _pane(node: Node, site: Site, out: _Edits) -> None:
    _view(node, site, out)
    frozen = (node.get("state") or "").startswith("frozen")
    raw = node.get("xSplit") or "0"
    try:
        columns = int(float(raw))
    except ValueError:
        return
    if not frozen or columns < 1 or node.parent is None:
        return
    start = parse_range(node.parent.get("topLeftCell") or "A1") or (0, 0, 0, 0)
    gone = len(site.going.within(start[1], start[1] + columns - 1))
    if gone < columns:
        out.set(node, "xSplit", str(columns - gone))
        return
    selections = [child for child in node.parent.children if child.name == "selection"]
    if float(node.get("ySplit") or 0):
        out.set(node, "xSplit", None)
        out.set(node, "activePane", "bottomLeft")
        for selection in selections:
            if selection.get("pane") in ("topRight", "bottomLeft"):
                out.remove(selection)
            elif selection.get("pane") == "bottomRight":
                out.set(selection, "pane", "bottomLeft")
        return
    out.remove(node)
    for selection in selections[:-1]:
        out.remove(selection)
    for selection in selections[-1:]:
        out.set(selection, "pane", None)


def _selection(node: Node, site: Site, out: _Edits) -> None:
    boxes = parse_ranges(node.get("sqref") or "A1") or [(0, 0, 0, 0)]
    active = parse_range(node.get("activeCell") or "A1") or (0, 0, 0, 0)
    left = [left_of(box, site.going) for box in boxes]
    touched = any(site.going.within(box[1], box[3]) for box in [*boxes, active])
    if touched:
        cell = _near_cell(range_text(active), site)
        out.set(node, "activeCell", cell)
        out.set(node, "sqref", cell)
        out.set(node, "activeCellId", None)
        return
    if node.get("activeCell"):
        out.set(node, "activeCell", _near_cell(node.get("activeCell"), site))
    if node.get("sqref"):
        out.set(node, "sqref", " ".join(range_text(box) for box in left if box))


def _merge_cell(node: Node, site: Site, out: _Edits) -> None:
    box = parse_range(node.get("ref") or "")
    if box is None:
        return
    left = left_of(box, site.going)
    if left is None or left[:2] == left[2:]:
        out.remove(node)
    else:
        out.set(node, "ref", range_text(left))


def _auto_filter(node: Node, site: Site, out: _Edits) -> None:
    box = parse_range(node.get("ref") or "")
    if box is None:
        return
    left = left_of(box, site.going)
    if left is None:
        out.remove(node)
        return
    out.set(node, "ref", range_text(left))
    for child in node.children:
        number = child.get("colId") or ""
        if child.name != "filterColumn" or not number.isdigit():
            continue
        column = box[1] + int(number)
        new = site.going.at(column)
        if new is None or column in site.blank:
            out.remove(child)
        else:
            out.set(child, "colId", str(new - left[1]))


def _sort_state(node: Node, site: Site, out: _Edits) -> None:
    box = parse_range(node.get("ref") or "")
    left = left_of(box, site.going) if box else None
    if box is not None and left is None:
        out.remove(node)
    elif left is not None:
        out.set(node, "ref", range_text(left))
    for child in node.children:
        if child.name != "sortCondition":
            continue
        inner = parse_range(child.get("ref") or "")
        kept = left_of(inner, site.going) if inner else None
        if inner is None or kept is None or inner[1] in site.blank:
            out.remove(child)
        else:
            out.set(child, "ref", range_text(kept))


def _remaining(boxes: Sequence[Box], site: Site, blank: Sequence[int]) -> list[Box]:
    left = [left_of(box, site.going) for box in without(boxes, blank)]
    return [box for box in left if box is not None]


def _ranged(node: Node, site: Site, out: _Edits) -> None:
    boxes = parse_ranges(node.get("sqref") or "")
    if boxes is None:
        return
    left = _remaining(boxes, site, ())
    if not left:
        out.remove(node)
    else:
        out.set(node, "sqref", " ".join(range_text(box) for box in left))


def _rule(node: Node, site: Site, out: _Edits) -> None:
    """A conditional format or a validation: its ranges, and its formulas relative to the first."""
    boxes = _ruled_boxes(node)
    if not boxes:
        return
    kept = [box for box in without(boxes, site.blank) if left_of(box, site.going) is not None]
    left = _remaining(boxes, site, site.blank)
    if not left:
        out.remove(node)
        return
    text = " ".join(range_text(box) for box in left)
    if node.get("sqref") is not None:
        out.set(node, "sqref", text)
    for child in node.children:
        if child.name == "sqref":
            out.text(child, text)
    rows, columns = kept[0][0] - boxes[0][0], site.going.first_left(kept[0][1]) - boxes[0][1]
    for formula in _formulas_of(node):
        out.text(formula, _moved(formula.text, rows, columns, site))
    for limit, formula_text in _cfvo_formulas(node):
        out.set(limit, "val", _moved(formula_text, rows, columns, site))


def _moved(text: str, rows: int, columns: int, site: Site) -> str:
    return site.formula(shifted(text, rows, columns) or text)


def _hyperlink(node: Node, site: Site, out: _Edits) -> None:
    box = parse_range(node.get("ref") or "")
    if box is not None:
        if site.is_blank(*box[:2]):
            out.remove(node)
            return
        left = left_of(box, site.going)
        if left is None and box[:2] in site.moves:
            column = site.cell(*box[:2]) or 0
            left = (box[0], column, box[2], column)
        if left is None:
            out.remove(node)
            return
        out.set(node, "ref", range_text(left))
    location = node.get("location")
    if location:
        out.set(node, "location", linked(location, site))


def linked(location: str, site: Site) -> str:
    """The target of a link inside the workbook: a cell that goes becomes its neighbour."""
    formula = parse_formula(location)
    if len(formula.areas) != 1 or formula.areas[0].end != len(location):
        return location
    area = formula.areas[0]
    going = site.world.on(site.name)(area.sheet)
    if going is None:
        return location
    left = left_of(area.box, going)
    if left is None:
        left = (area.box[0], going.near(area.box[1]), area.box[2], going.near(area.box[1]))
    return location[: area.start] + range_text(left)


def _watch(node: Node, site: Site, out: _Edits) -> None:
    box = parse_range(node.get("r") or "")
    left = left_of(box, site.going) if box else None
    if left is None or box is None or site.is_blank(*box[:2]):
        out.remove(node)
    else:
        out.set(node, "r", range_text(left))


def _column_breaks(node: Node, site: Site, out: _Edits) -> None:
    taken: set[int] = set()
    breaks = [child for child in node.children if child.name == "brk"]
    for child in breaks:
        number = child.get("id") or ""
        if not number.isdigit():
            continue
        new = site.going.near(int(number))
        if new in taken or not new:
            out.remove(child)
        else:
            out.set(child, "id", str(new))
        taken.add(new)
    left = [child for child in breaks if id(child) not in out.gone]
    if len(left) == len(breaks):
        return
    if not left:
        out.remove(node)
        return
    out.set(node, "count", str(len(left)))
    manual = sum((child.get("man") or "0") in ("1", "true") for child in left)
    out.set(node, "manualBreakCount", str(manual))


def _sparkline(node: Node, site: Site, out: _Edits) -> None:
    for child in node.children:
        if child.name == "sqref":
            boxes = parse_ranges(child.text) or []
            left = _remaining(boxes, site, site.blank)
            if not left:
                out.remove(node)
                return
            out.text(child, " ".join(range_text(box) for box in left))
        elif child.name == "f":
            out.text(child, site.formula(child.text))


def _sparkline_group(node: Node, site: Site, out: _Edits) -> None:
    for child in node.children:
        if child.name == "f":
            out.text(child, site.formula(child.text))


def _scenarios(node: Node, site: Site, out: _Edits) -> None:
    """Values kept aside for cells: where a column is blanked they would bring it back."""
    if site.blank:
        out.remove(node)


_HANDLERS: Mapping[str, Callable[[Node, Site, _Edits], None]] = {
    "dimension": _dimension,
    "col": _col,
    "sheetView": _view,
    "customSheetView": _view,
    "pane": _pane,
    "selection": _selection,
    "mergeCell": _merge_cell,
    "autoFilter": _auto_filter,
    "sortState": _sort_state,
    "conditionalFormatting": _rule,
    "dataValidation": _rule,
    "protectedRange": _ranged,
    "ignoredError": _ranged,
    "hyperlink": _hyperlink,
    "cellWatch": _watch,
    "colBreaks": _column_breaks,
    "sparkline": _sparkline,
    "sparklineGroup": _sparkline_group,
    "scenarios": _scenarios,
}


# --- tables ---------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class ChangedTable:
    """The splices of a table part; None: nothing of it is left. ``headers``: what the header cells
    of blanked columns must say, for a table has no column without a name."""

    splices: list[Splice] | None
    headers: Mapping[int, str]


def table_splices(xml: str, site: Site) -> ChangedTable:
    """The changes of a table."""
    root, out = parse_nodes(xml), _Edits()
    table = next(root.find("table"), None)
    box = parse_range(table.get("ref") or "") if table else None
    if table is None or box is None:
        return ChangedTable([], {})
    left = left_of(box, site.going)
    if left is None:
        return ChangedTable(None, {})
    out.set(table, "ref", range_text(left, single=False))
    headers = _table_columns(root, box, site, out)
    if headers and site.only is not None and table.get("headerRowCount") != "0":
        return _without_header(table, left, site, out)
    for node in root.walk():
        if node.name == "autoFilter":
            _auto_filter(node, site, out)
        elif node.name == "sortState":
            _sort_state(node, site, out)
    for name in ("tableColumns", "sortState"):
        for node in root.find(name):
            out.recount(node, "tableColumn", "sortCondition")
    return ChangedTable(merged_splices(out.splices), headers)


def _without_header(table: Node, left: Box, site: Site, out: _Edits) -> ChangedTable:
    """The table below its header cells: their texts were blanked, and a header must not be empty."""
    out.set(table, "headerRowCount", "0")
    out.splices = [s for s in out.splices if s[0] != table.with_attr("ref", "")[0]]
    below = (left[0] + 1, left[1], max(left[2], left[0] + 1), left[3])
    out.set(table, "ref", range_text(below, single=False))
    for node in table.children:
        if node.name == "autoFilter":
            out.remove(node)
        elif node.name == "sortState":
            _sort_state(node, site, out)
    return ChangedTable(merged_splices(out.splices), {})


def _table_columns(root: Node, box: Box, site: Site, out: _Edits) -> dict[int, str]:
    columns = list(root.find("tableColumn"))
    bare = any(node.get("headerRowCount") == "0" for node in root.find("table"))
    taken = {(node.get("name") or "").lower() for node in columns}
    headers: dict[int, str] = {}
    for number, node in enumerate(columns):
        column = box[1] + number
        if site.going.at(column) is None:
            out.remove(node)
        elif column in site.blank and (bare or site.is_blank(box[0], column)):
            name = _new_name(f"列{number + 1}", taken)
            headers[column] = name
            out.set(node, "name", name)
            for attr in ("totalsRowLabel", "totalsRowFunction"):
                out.set(node, attr, None)
            for child in node.children:
                out.remove(child)
        else:
            for child in node.children:
                if child.name in ("calculatedColumnFormula", "totalsRowFormula"):
                    out.text(child, site.formula(child.text))
    return headers


def _new_name(name: str, taken: set[str]) -> str:
    stem, number = name, 1
    while name.lower() in taken:
        number += 1
        name = f"{stem}_{number}"
    taken.add(name.lower())
    return name


# --- notes ----------------------------------------------------------------------------------------------


def note_splices(xml: str, site: Site) -> list[Splice]:
    """Comments and threaded comments: they go with their cell, or follow it."""
    root, out = parse_nodes(xml), _Edits()
    for node in root.find("comment", "threadedComment"):
        box = parse_range(node.get("ref") or "")
        new = site.cell(*box[:2]) if box else None
        if box is None or new is None or site.is_blank(*box[:2]):
            out.remove(node)
        else:
            out.set(node, "ref", range_text((box[0], new, box[0], new)))
    return merged_splices(out.splices)


def note_shape_splices(xml: str, site: Site) -> list[Splice]:
    """The boxes in which comments are shown (VML)."""
    root, out = parse_nodes(xml), _Edits()
    for shape in root.find("shape"):
        data = {node.name: node for node in shape.walk()}
        row, column = data.get("Row"), data.get("Column")
        if row is None or column is None:
            continue
        at = (_number(row.text), _number(column.text))
        new = site.cell(*at)
        if new is None or site.is_blank(*at):
            out.remove(shape)
            continue
        out.text(column, str(new))
        anchor = data.get("Anchor")
        numbers = re.findall(r"-?\d+", anchor.text) if anchor is not None else []
        if anchor is not None and len(numbers) == 8:
            for place in (0, 4):
                numbers[place] = str(site.going.near(int(numbers[place])))
            out.text(anchor, ", ".join(numbers))
    return merged_splices(out.splices)


def _number(text: str) -> int:
    return int(text) if text.strip().isdigit() else 0


# --- drawings -------------------------------------------------------------------------------------------

_SLACK = 120_000
"""EMU (a third of a centimetre) that a picture may reach into the next column and still be of its own."""


def drawing_splices(xml: str, site: Site) -> tuple[list[Splice], set[str]]:
    """The changes of a drawing, and the relationship ids that nothing in it uses any more.

    A picture that stands in a column that goes or is blanked goes with it; charts and shapes move.
    """
    root, out = parse_nodes(xml), _Edits()
    for anchor in root.find("twoCellAnchor", "oneCellAnchor"):
        ends = [_corner(node) for node in anchor.children if node.name in ("from", "to")]
        if _is_picture_in(anchor, ends, site):
            out.remove(anchor)
            continue
        for node, column, _ in ends:
            out.text(node, str(site.going.near(column)))
        _in_order(ends, site, out)
    for node in root.walk():
        if node.get("textlink"):
            text = node.get("textlink") or ""
            out.set(node, "textlink", site.formula(text))
    splices = merged_splices(out.splices)
    before = _embedded(xml)
    after = _embedded("".join(_kept(xml, splices)))
    return splices, before - after


def _kept(xml: str, splices: Sequence[Splice]) -> Iterator[str]:
    done = 0
    for start, end, new in splices:
        yield xml[done:start]
        yield new
        done = end
    yield xml[done:]


def _embedded(xml: str) -> set[str]:
    return set(re.findall(r"\s(?:\w+:)?(?:embed|link|id|pict)\s*=\s*[\"'](rId\w+)[\"']", xml))


def _corner(node: Node) -> tuple[Node, int, int]:
    parts = {child.name: child for child in node.children}
    column = parts.get("col", node)
    offset = parts["colOff"].text if "colOff" in parts else "0"
    return column, _number(column.text), _number(offset)


def _in_order(ends: Sequence[tuple[Node, int, int]], site: Site, out: _Edits) -> None:
    """Keep the right edge right of the left one where both came to stand in one column."""
    if len(ends) != 2:
        return
    (left, first, inset), (_, last, edge) = ends
    if site.going.near(first) == site.going.near(last) and first != last and inset >= edge:
        for node in left.parent.children if left.parent else ():
            if node.name == "colOff":
                out.text(node, "0")


def _is_picture_in(anchor: Node, ends: Sequence[tuple[Node, int, int]], site: Site) -> bool:
    if not ends or not any(child.name == "pic" for child in anchor.children):
        return False
    away = {*site.going.columns, *site.blank}
    first = ends[0][1]
    last = first if len(ends) == 1 else ends[1][1] - (ends[1][2] < _SLACK)
    return all(column in away for column in range(first, max(first, last) + 1))


# --- charts and other holders of formulas ---------------------------------------------------------------

_CHART_FORMULAS = frozenset({"f", "sqref"})


def chart_formulas(xml: str) -> list[str]:
    """The references of a chart."""
    return [
        node.text
        for node in parse_nodes(xml).walk()
        if node.name in _CHART_FORMULAS and not node.children
    ]


def chart_splices(xml: str, site: Site, lost: Callable[[str], bool]) -> list[Splice]:
    """The references of a chart after, and what it remembers of blanked columns emptied."""
    root, out = parse_nodes(xml), _Edits()
    for node in root.walk():
        if node.name not in _CHART_FORMULAS or node.children or node.parent is None:
            continue
        if not lost(node.text):
            out.text(node, site.formula(node.text))
            continue
        for cache in node.parent.children:
            if cache.name.endswith("Cache") or cache.name == "lvl":
                _empty_cache(cache, out)
    return merged_splices(out.splices)


def _empty_cache(cache: Node, out: _Edits) -> None:
    for node in cache.walk():
        if node.name == "pt":
            out.remove(node)
        elif node.name == "ptCount":
            out.set(node, "val", "0")
    if cache.name == "lvl" and cache.get("ptCount") is not None:
        out.set(cache, "ptCount", "0")


# --- names ----------------------------------------------------------------------------------------------

_BUILT_IN = frozenset({"_xlnm.print_area", "_xlnm.print_titles", "_xlnm._filterdatabase"})


def defined_names(xml: str) -> list[tuple[Node, str, int | None]]:
    """The defined names of a workbook: the element, the name in lower case, the number of its sheet."""
    out = []
    for node in parse_nodes(xml).find("definedName"):
        number = node.get("localSheetId") or ""
        name = (node.get("name") or "").lower()
        out.append((node, name, int(number) if number.isdigit() else None))
    return out


def is_view_name(name: str) -> bool:
    """Whether a name only says what is printed or filtered: such a range shrinks."""
    return name in _BUILT_IN


def name_splices(xml: str, world: World) -> tuple[list[Splice], bool]:
    """The changes of the defined names, and whether one went."""
    out = _Edits()
    found = defined_names(xml)
    for node, name, _ in found:
        text = node.text
        if is_view_name(name):
            left = _shrunk(text, world)
            if left:
                out.text(node, left)
            else:
                out.remove(node)
        elif any(reached(text, "", world).values()):
            out.remove(node)
        else:
            out.text(node, rewritten(text, world.on("")))
    parents = {id(node.parent): node.parent for node, _, _ in found if node.parent}
    for parent in parents.values():
        out.recount(parent, "definedName")
    return merged_splices(out.splices), bool(out.gone)


def _shrunk(text: str, world: World) -> str:
    """A list of ranges with what stays of each."""
    formula = parse_formula(text)
    parts: list[str] = []
    done = 0
    for area in formula.areas:
        prefix = text[done : area.start].lstrip(", ")
        going = world.on("")(area.sheet)
        done = area.end
        if going is not None and going.span(area.box[1], area.box[3]) is None:
            continue
        whole = f"{prefix}{text[area.start : area.end]}"
        parts.append(rewritten(whole, world.on("")))
    return ",".join(parts) if formula.areas else text
