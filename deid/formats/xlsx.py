"""Excel workbooks (ECMA-376 part 1, clause 18), transitional and strict, changed by splicing.

Cells are read and written by ``xlsx_sheet``; everything before and after ``sheetData`` and every
other part is shown by ``opc.Parts``. This module knows what those parts mean, and saves.
"""

from __future__ import annotations

import importlib
import re
import zipfile
from collections import Counter
from collections.abc import Callable, Container, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from io import BytesIO
from pathlib import Path
from typing import Any, BinaryIO

from deid.errors import UnreadableFile, UnsafeEdit
from deid.formats import NOTHING
from deid.formats.magic import kind_of, require
from deid.formats.ooxml import (
    Element,
    Member,
    Package,
    Rules,
    Slot,
    Splice,
    attributes,
    decode_xml,
    escape,
    legal,
    quick_edit,
    shadow,
    slot_text,
    spliced,
    splices,
    unescape,
)
from deid.formats.opc import MAX_DEPTH, Parts, Relations, member_label
from deid.formats.xlsx_sheet import (
    Book,
    EditKey,
    Plan,
    Sheet,
    SpanningFormula,
    Strings,
    edit_key,
    edited,
    moved,
    string_segments,
    xml_root,
)
from deid.formats.xlsx_values import (
    COLUMNS,
    DATE_FORMATS,
    PLACE,
    STAR,
    cell_place,
    column_index,
    is_date_format,
    moved_formula,
    rename_edits,
)
from deid.later import later
from deid.model import Edit, Remark, Table, Text

EXTENSIONS = (".xlsx", ".xlsm")
LABEL = "Excel 工作簿"
KEEPS = (
    "单元格样式、合并、列宽、隐藏、公式、图表、批注、打印设置",
    "没有遮盖的部件一字不变",
    "嵌入的 Word、Excel 文件（逐层处理）",
    "图片（列出，请人工查看）",
)
DROPS = ("缩略图", "数字签名", "Power Query 查询", "图片的拍摄信息和说明")
REFUSES = (
    "密码",
    "宏、控件、宏表",
    "嵌入的其他对象（OLE）和附件",
    "xlsb",
    "压缩炸弹、DOCTYPE、损坏或不完整的包",
)

# --- what the other parts mean -------------------------------------------------------------------------

_FORMULAS = frozenset(
    {"f", "formula", "formula1", "formula2", "definedName", "oldFormula"}
    | {"calculatedColumnFormula", "totalsRowFormula"}
)
_REFERS = frozenset({"f", "formula", "formula1", "formula2", "definedName", "lpstr"}) | {
    "calculatedColumnFormula",
    "totalsRowFormula",
}
_ATTRIBUTE_STARS = {
    ("definedName", "name"): "_",
    ("protectedRange", "name"): "_",
    ("table", "name"): "_",
    ("table", "displayName"): "_",
    ("pivotTableDefinition", "name"): "_",
    ("tableColumn", "name"): STAR,
    ("cacheField", "name"): STAR,
    ("numFmt", "formatCode"): STAR,
    ("filter", "val"): STAR,
    ("customFilter", "val"): STAR,
    ("hyperlink", "location"): STAR,
    ("n", "v"): "0",
    ("Relationship", "Target"): "x",
    ("Relationship", "Id"): "",
    ("Relationship", "Type"): "",
}
_NEVER = frozenset({"typeface", "panose", "lang", "altLang", "ContentType", "PartName", "spans"})


def _star(path: Sequence[Element], attr: str) -> str:
    name = path[-1].name if path else ""
    if attr:
        if attr in _NEVER:
            return ""
        if attr == "name" and _is_sheet(path):
            return STAR
        return _ATTRIBUTE_STARS.get((name, attr), "*")
    if name in _FORMULAS:
        return STAR
    if name == "v" and any(element.name in ("numCache", "numLit") for element in path):
        return "0"
    if name == "v" and len(path) > 1 and path[-2].name == "cell":
        return "*" if "t=" in path[-2].attrs else "0"
    return "*"


def _is_sheet(path: Sequence[Element]) -> bool:
    return len(path) > 1 and path[-1].name == "sheet" and path[-2].name == "sheets"


def _role(path: Sequence[Element], attr: str) -> str:
    if attr == "name" and _is_sheet(path):
        return "sheet"
    if attr in ("sheet", "location") or (not attr and path and path[-1].name in _REFERS):
        return "refers"
    return ""


RULES = Rules(
    groups=frozenset({"si", "is", "p", "text", "textbox", "rPh"}),
    breaks={"br": "\n", "tab": "\t", "cr": "\n"},
    star=_star,
    role=_role,
    coding="excel",
)


# --- the workbook ------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Opened:
    """What taking columns out needs of an opened workbook; ``sheets``: name and sheet, in order;
    ``order``: the names of all sheets, charts included."""

    package: Package
    relations: Relations
    parts: Parts
    sheets: Sequence[tuple[str, Sheet]]
    order: Sequence[str]
    book_key: str
    strings_key: str | None
    strings: Strings


_TELLING = later(rf"\d{{9}}|\d[*{STAR}]{{3}}|^[*{STAR}]*$")
"""A sheet name that may hold an identifier, or held one: so places stay the same after masking."""


@dataclass(frozen=True, slots=True)
class Quick:
    """Another reader of the parts that hold the cells; it refuses what it cannot do by raising."""

    strings: Callable[[bytes | None], Strings]
    sheet: Callable[[Package, Member, str, Book], Sheet]


class Workbook:
    """An opened xlsx file (see ``deid.formats.Document``)."""

    format = "xlsx"

    def __init__(self, source: BinaryIO, depth: int = 0, *, quick: Quick | None = None) -> None:
        self._source = source
        self._package = Package(source)
        self._relations = Relations(self._package)
        self._book_key = self._find_workbook()
        xml, _ = decode_xml(self._package.read(self._member(self._book_key)))
        self._strings_key = self._related("sharedStrings")
        strings_xml = None if quick else self._xml(self._strings_key)
        dates = _date_styles(self._xml(self._related("styles")) or "")
        since_1904 = bool(re.search(r"date1904\s*=\s*[\"'](?:1|true|on)[\"']", xml))
        strings = quick.strings(self._strings_data()) if quick else Strings(strings_xml)
        self._book = Book(strings, dates, since_1904)
        self._new_sheet = quick.sheet if quick else Sheet
        self._sheets: dict[str, Sheet] = {}
        self._refused: dict[str, dict[int, str]] = {}
        self._names: dict[str, str] = {}
        tables = self._read_sheets(xml)
        own = {sheet.member.key for sheet in self._sheets.values()} | {self._strings_key or ""}
        inner = partial(Workbook, depth=depth + 1) if depth < MAX_DEPTH else None
        self._parts = Parts(
            self._package,
            self._relations,
            RULES,
            own=frozenset(own),
            prefix=self._prefix,
            inner=inner,
        )
        for sheet in self._sheets.values():
            sheet.index(self._parts)
        if strings_xml is not None and self._strings_key:
            label = self._parts.label(self._member(self._strings_key))
            self._book.strings.show(strings_xml, self._strings_key, label, self._parts)
        listed = [self._table(table) for table in tables]
        self.parts: Sequence[Table | Text] = [*listed, *self._parts.tables, *self._parts.texts]
        self.remarks: Sequence[Remark] = self._parts.remarks

    def _member(self, key: str) -> Member:
        member = self._package.find(key)
        if member is None:
            raise UnreadableFile("工作簿缺少必需的部分，请用 Excel 打开后另存一份再试")
        return member

    def _xml(self, key: str | None) -> str | None:
        return decode_xml(self._package.read(self._member(key)))[0] if key else None

    def _strings_data(self) -> bytes | None:
        key = self._strings_key
        return self._package.read(self._member(key)) if key else None

    def _find_workbook(self) -> str:
        found = [r.target for r in self._relations.by_type("", "officeDocument") if r.target]
        if not found:
            raise UnreadableFile("文件里没有工作簿，不是有效的 Excel 文件")
        key = found[0]
        if key.endswith(".bin"):
            raise UnreadableFile("这是二进制工作簿（xlsb），请用 Excel 另存为 xlsx 再试")
        if xml_root(decode_xml(self._package.read(self._member(key)))[0])[1] != "workbook":
            raise UnreadableFile("文件里没有工作簿（可能是 Word 或 PowerPoint 文件改了扩展名）")
        return key

    def _related(self, kind: str) -> str | None:
        found = self._relations.by_type(self._book_key, kind)
        return next((relation.target for relation in found if relation.target), None)

    def _read_sheets(self, xml: str) -> list[tuple[Sheet, bool]]:
        """The worksheets in their order, with whether they are hidden."""
        targets = {r.id: r for r in self._relations.of.get(self._book_key, ())}
        tables: list[tuple[Sheet, bool]] = []
        pattern = r"<(?:[\w.-]+:)?sheet\s((?:[^>\"']|\"[^\"]*\"|'[^']*')*)>"
        for number, hit in enumerate(re.finditer(pattern, shadow(xml)), 1):
            attrs = attributes(hit[1])
            relation = next((targets.get(v) for k, v in attrs.items() if k.endswith(":id")), None)
            name = unescape(attrs.get("name", ""), "excel")
            label = self._label(name, number)
            if relation is None or relation.target is None:
                raise UnreadableFile("工作簿缺少一张工作表，请用 Excel 打开后另存一份再试")
            if "acrosheet" in relation.type:
                raise UnreadableFile("文件里有宏表，请另存为不含宏的格式后再试")
            self._names[label] = name
            if relation.type != "worksheet":
                continue
            if any(sheet.member.key == relation.target for sheet in self._sheets.values()):
                raise UnreadableFile("两张工作表指向同一内容，不予处理")
            member = self._member(relation.target)
            sheet = self._new_sheet(self._package, member, label, self._book)
            self._sheets[label] = sheet
            tables.append((sheet, attrs.get("state", "visible") != "visible"))
        return tables

    def _label(self, name: str, number: int) -> str:
        """How places name a sheet: its name, unless that could itself hold an identifier."""
        label = f"工作表{number}" if _TELLING.search(name) or not name else name
        while label in self._names:
            label += "_"
        return label

    def _table(self, listed: tuple[Sheet, bool]) -> Table:
        sheet, hidden = listed
        place = partial(cell_place, sheet.label)
        return Table(sheet.label, sheet.rows, place, sheet.merges, hidden)

    def _prefix(self, member: Member) -> str:
        """Comments are named for their sheet, all else for its part."""
        for source, relation in self._relations.sources_of(member.key):
            if relation.type.lower() in ("comments", "threadedcomment"):
                for sheet in self._sheets.values():
                    if sheet.member.key == source:
                        return sheet.label
        return member_label(self._package, member)

    def raw(self) -> Iterator[tuple[str, bytes]]:
        """Name and unpacked bytes of every member of the package."""
        return self._parts.raw()

    def close(self) -> None:
        """Let go of the file."""
        self._source.close()

    # for whoever reads the cells of large sheets in another way

    @property
    def package(self) -> Package:
        """The package that the workbook is."""
        return self._package

    @property
    def sheets(self) -> Sequence[Sheet]:
        """The worksheets, in order."""
        return list(self._sheets.values())

    @property
    def book(self) -> Book:
        """What the cells of all sheets share."""
        return self._book

    @property
    def strings_key(self) -> str | None:
        """The key of the part with the shared strings."""
        return self._strings_key

    def is_inside(self, place: str) -> bool:
        """Whether a place belongs to a part of its own: no cell, no sheet's head or tail, no name
        of a sheet."""
        named = {slot.place for _, slot in self._parts.roles.get("sheet", ())}
        return place not in named and self._parts.owns(place) and not self._parts.in_piece(place)

    def save_with(
        self,
        target: BinaryIO,
        edits: Mapping[str, Sequence[Edit]],
        content: Mapping[str, Iterable[bytes]],
    ) -> None:
        """Write the workbook with new ``content`` of some parts, and ``edits`` of others."""
        change, changes = self._parts.change(edits)
        self._parts.finish(change, changes)
        change.content.update(content)
        self._package.write(target, change)

    # saving

    def removable(self, table: str, columns: frozenset[int]) -> bool:
        """Whether these columns can be taken out and everything that refers to the sheet follows.

        Where not, saving clears what hangs on the cells of these columns that edits blank."""
        if table not in self._sheets:
            return False
        why = self.unremovable(table, columns)
        if why:
            refused = self._refused.setdefault(table, {})
            first = next(iter(why.values()))
            refused.update({c: why.get(c) or refused.get(c, first) for c in columns})
        return not why

    def unremovable(self, table: str, columns: frozenset[int]) -> Mapping[int, str]:
        """Which of these columns cannot go, and why (Chinese)."""
        return dict(self._unremovable({table: columns}).get(table, {}))

    def _unremovable(self, drops: Mapping[str, frozenset[int]]) -> Mapping[str, Mapping[int, str]]:
        needs = importlib.import_module("deid.formats.xlsx_drop_needs")
        found: Mapping[str, Mapping[int, str]] = needs.unremovable(self._opened(), drops)
        return found

    @staticmethod
    def _dropping() -> Any:
        """The module that takes columns out, loaded when it is needed."""
        return importlib.import_module("deid.formats.xlsx_drop")

    def _opened(self) -> Opened:
        sheets = [(self._names[label], sheet) for label, sheet in self._sheets.items()]
        return Opened(
            self._package,
            self._relations,
            self._parts,
            sheets,
            list(self._names.values()),
            self._book_key,
            self._strings_key,
            self._book.strings,
        )

    def save(
        self,
        target: BinaryIO,
        edits: Mapping[str, Sequence[Edit]],
        drops: Mapping[str, frozenset[int]] = NOTHING,
        notes: Mapping[str, frozenset[int]] = NOTHING,
    ) -> None:
        """Write the workbook with ``edits`` spliced in; members not edited stay as they are.

        Columns that cannot be taken out safely (``removable``) are blanked; a remark says so.
        """
        drops = {table: columns for table, columns in drops.items() if columns}
        wanted = self._wanted(edits, drops, notes) if drops or self._refused else {}
        if not wanted:
            self._save(target, edits)
            return
        held = BytesIO()
        self._save(held, edits)
        again = Workbook(held)
        # a sheet keeps its place, not its name, which may have been masked
        labels = dict(zip(self._sheets, again._sheets, strict=True))
        there = {labels[label]: one for label, one in wanted.items()}
        remarks = self._dropping().drop_columns(again._opened(), target, there)
        self.remarks = [*self.remarks, *remarks]

    def _wanted(
        self,
        edits: Mapping[str, Sequence[Edit]],
        drops: Mapping[str, frozenset[int]],
        notes: Mapping[str, frozenset[int]],
    ) -> dict[str, Any]:
        """By label of the sheet what becomes of its columns."""
        kind = self._dropping().Wanted
        wanted = {}
        if unknown := drops.keys() - self._sheets.keys():
            raise UnsafeEdit(f"有 {len(unknown)} 张表不能整列删去")
        found = self._unremovable(drops)
        for label in {**drops, **self._refused}:
            columns, why = drops.get(label, frozenset()), found.get(label, {})
            rows = notes.get(label, frozenset())
            if why:
                wanted[label] = kind(columns - why.keys(), why, rows)
                continue
            refused = self._refused.get(label, {})
            only = self._blanked(label, refused.keys() - columns, edits)
            cleared = {c for row in only.values() for c in row}
            blank = {c: reason for c, reason in refused.items() if c in cleared}
            if columns or blank:
                wanted[label] = kind(columns, blank, rows, only if blank else None)
        return wanted

    def _blanked(
        self, label: str, columns: Container[int], edits: Mapping[str, Sequence[Edit]]
    ) -> dict[int, dict[int, str]]:
        """The cells of these columns of which edits leave nothing or stars, and what they held."""
        out: dict[int, dict[int, str]] = {}
        for row in self._sheets[label].rows():
            for column, text in row.cells.items():
                if column not in columns:
                    continue
                wanted = edits.get(cell_place(label, row.index, column))
                if wanted and not edited(text, wanted).strip("* "):
                    out.setdefault(row.index, {})[column] = text
        return out

    def _save(self, target: BinaryIO, edits: Mapping[str, Sequence[Edit]]) -> None:
        edits = {place: wanted for place, wanted in edits.items() if wanted}
        plans = {label: Plan() for label in self._sheets}
        for place, wanted in edits.items():
            self._sort_edit(place, wanted, plans)
        renames, extra = self._renames(edits)
        dropped: set[str] = set()
        shared = self._resolve(plans, dropped)
        change, changes = self._parts.change(edits, extra, frozenset(dropped))
        self._string_changes(shared, plans, changes)
        for label, sheet in self._sheets.items():
            plan = plans[label]
            plan.renames = renames if sheet.has_formulas else {}
            for kind in ("head", "tail"):
                wanted_here = changes.pop(f"{sheet.member.key}#{kind}", None)
                if wanted_here:
                    setattr(plan, kind, spliced(getattr(sheet, kind), wanted_here))
            if has_work(plan):
                change.content[sheet.member.key] = sheet.rewritten(plan)
        self._parts.finish(change, changes)
        self._package.write(target, change)

    def _sort_edit(self, place: str, wanted: Sequence[Edit], plans: dict[str, Plan]) -> None:
        if self._parts.owns(place):
            return
        label, _, where = place.rpartition("!")
        hit = PLACE.fullmatch(where)
        if hit is None or label not in plans:
            raise UnsafeEdit("要改的位置不在这个文件里")
        plan = plans[label]
        letters, digits, kind = hit.groups()
        edits = plan.cells
        if kind:
            edits = plan.formulas if kind == "#formula" else plan.spoken
        edits.setdefault(int(digits) - 1, {})[COLUMNS[letters]] = wanted

    def _resolve(self, plans: dict[str, Plan], dropped: set[str]) -> dict[int, Counter[EditKey]]:
        """How often each edit is wanted of each shared string; formulas that lose their cell."""
        shared: dict[int, Counter[EditKey]] = {}
        lost = False
        for label, plan in plans.items():
            sheet = self._sheets[label]
            if not plan.cells:
                continue
            if not (sheet.has_formulas or sheet.has_shared):
                plan.own_cells = True
                continue
            seen = 0
            removed: set[tuple[int, int]] = set()
            for row, column, number, formula in sheet.shared_uses(plan.cells):
                seen += 1
                if number is not None:
                    key = edit_key(plan.cells[row][column])
                    shared.setdefault(number, Counter())[key] += 1
                    plan.wanted.add((number, key))
                else:
                    plan.own_cells = True
                if formula:
                    plan.own_cells = True
                    removed.add((row, column))
            if seen != sum(map(len, plan.cells.values())):
                raise UnsafeEdit("要改的单元格不在这个文件里")
            unbind(sheet, plan, removed)
            lost = lost or bool(removed or plan.unbound)
        chain = self._related("calcChain")
        if lost and chain:
            dropped.add(chain)
        return shared

    def _string_changes(
        self,
        shared: dict[int, Counter[EditKey]],
        plans: dict[str, Plan],
        changes: dict[str, list[Splice]],
    ) -> None:
        """Edit a string in place when no use of it stays as it was; other uses get their own."""
        if not shared or self._strings_key is None:
            return
        uses = self._book.strings.uses
        in_place: dict[int, EditKey] = {}
        items: dict[int, str] = {}
        for number, wanted in shared.items():
            if sum(wanted.values()) == uses[number]:
                in_place[number] = wanted.most_common(1)[0][0]
        xml = self._xml(self._strings_key) or ""
        out = changes.setdefault(self._strings_key, [])
        for number, hit in self._book.strings.found(xml, shared):
            if number not in in_place or len(shared[number]) > 1:
                items[number] = xml[hit.start() : hit.end()]
            if number in in_place:
                out += item_splices(xml, hit, in_place[number])
        for plan in plans.values():
            plan.in_place, plan.items = in_place, items

    def _renames(
        self, edits: Mapping[str, Sequence[Edit]]
    ) -> tuple[dict[str, str], dict[str, list[Splice]]]:
        """Old sheet name -> new one, and the splices that make every reference follow."""
        renames: dict[str, str] = {}
        extra: dict[str, list[Splice]] = {}
        taken = {name.lower() for name in self._names.values()}
        for key, slot in self._parts.roles.get("sheet", ()):
            wanted = edits.get(slot.place)
            if not wanted:
                continue
            xml = self._parts.xml(key)
            old = slot_text(xml, slot)
            new = _sheet_name(edited(old, wanted), taken)
            renames[old] = new
            whole = [Edit("", 0, len(old), new)]
            extra.setdefault(key, []).extend(splices(xml, slot, whole))
        if renames:
            xmls = {key: self._parts.xml(key) for key, _ in self._parts.roles.get("refers", ())}
            for key, slot in self._parts.roles.get("refers", ()):
                xml = xmls[key]
                found = rename_edits(slot_text(xml, slot), renames)
                extra.setdefault(key, []).extend(splices(xml, slot, found))
        return renames, extra


def item_splices(xml: str, hit: re.Match[str], key: EditKey) -> list[Splice]:
    edits = [Edit("", *change) for change in key]
    if hit[1] is not None and "\0" not in hit[1]:
        quick = quick_edit(hit[1], edits)
        if quick is not None:
            return [(hit.start(1), hit.end(1), quick)]
    segments, _ = string_segments(xml[hit.start() : hit.end()], "t")
    return splices(xml, Slot("", moved(segments, hit.start())), edits)


def has_work(plan: Plan) -> bool:
    if plan.head is not None or plan.tail is not None or plan.formulas or plan.spoken:
        return True
    if plan.replaced_formulas or plan.unbound or plan.renames:
        return True
    return plan.own_cells or any(plan.in_place.get(n) != key for n, key in plan.wanted)


def unbind(sheet: Sheet, plan: Plan, removed: set[tuple[int, int]]) -> None:
    """Keep the other cells of a formula right when one of its cells becomes plain text."""
    edited_cells = {(row, column) for row, columns in plan.cells.items() for column in columns}
    groups: dict[str, list[SpanningFormula]] = {}
    for formula in sheet.spanning:
        if formula.kind == "shared":
            groups.setdefault(formula.group, []).append(formula)
        elif _touches(formula.ref, edited_cells):
            plan.unbound.add((formula.row, formula.column))
    for cells in groups.values():
        master = next((f for f in cells if f.text), None)
        if master is None or (master.row, master.column) not in removed:
            continue
        left = [f for f in cells if f is not master and (f.row, f.column) not in removed]
        if left:
            plan.replaced_formulas[left[0].row, left[0].column] = _new_master(master, left, sheet)


def _new_master(master: SpanningFormula, left: Sequence[SpanningFormula], sheet: Sheet) -> str:
    first = left[0]
    text = moved_formula(master.text, first.row - master.row, first.column - master.column)
    rows, columns = [f.row for f in left], [f.column for f in left]
    ref = ":".join(
        cell_place("", corner[0], corner[1])[1:]
        for corner in ((min(rows), min(columns)), (max(rows), max(columns)))
    )
    p = sheet.prefix
    return f'<{p}f t="shared" ref="{ref}" si="{first.group}">{escape(text)}</{p}f>'


def _touches(ref: str, cells: set[tuple[int, int]]) -> bool:
    corners = re.findall(r"([A-Z]{1,3})([0-9]{1,7})", ref)
    if not corners:
        return True
    (left, top), (right, bottom) = corners[0], corners[-1]
    rows = range(int(top) - 1, int(bottom))
    columns = range(column_index(left), column_index(right) + 1)
    return any(row in rows and column in columns for row, column in cells)


def _sheet_name(name: str, taken: set[str]) -> str:
    """A legal sheet name that no other sheet has."""
    name = re.sub(r"[\[\]:?/\\]", "_", legal(name, STAR)).strip("'")[:31] or STAR
    stem, number = name, 1
    while name.lower() in taken:
        number += 1
        name = f"{stem[: 30 - len(str(number))]}_{number}"
    taken.add(name.lower())
    return name


def _date_styles(xml: str) -> frozenset[int]:
    """The cell styles that show a number as a date."""
    hidden = shadow(xml)
    codes = {
        attrs.get("numFmtId", ""): attrs.get("formatCode", "")
        for attrs in (
            attributes(hit[1])
            for hit in re.finditer(
                r"<(?:[\w.-]+:)?numFmt\s((?:[^>\"']|\"[^\"]*\"|'[^']*')*)>", hidden
            )
        )
    }
    section = re.search(r"<((?:[\w.-]+:)?)cellXfs[\s>].*?</\1cellXfs", hidden, re.S)
    styles = re.findall(r"<(?:[\w.-]+:)?xf(?=[\s/>])([^>]*)>", section[0] if section else "")
    out = set()
    for number, raw in enumerate(styles):
        code = attributes(raw).get("numFmtId", "0")
        shown = is_date_format(codes[code]) if code in codes else None
        if shown or (shown is None and code.isdigit() and int(code) in DATE_FORMATS):
            out.add(number)
    return frozenset(out)


_HOLDS_CELLS = later(r"(?i)worksheets/[^/]+\.xml$|sharedstrings\.xml$")


def cells_size(path: Path) -> int:
    """Bytes of the parts that hold cells, unpacked, as the package's directory tells it; 0 where
    there is no such directory."""
    try:
        with zipfile.ZipFile(path) as package:
            infos = package.infolist()
    except (OSError, zipfile.BadZipFile, ValueError, NotImplementedError):
        return 0
    return sum(info.file_size for info in infos if _HOLDS_CELLS.search(info.filename))


def read(path: Path) -> Workbook:
    """The workbook at ``path``. Raises UnreadableFile that names the fault."""
    try:
        kind = kind_of(path)
        if not kind.startswith("zip"):
            require(path, "zip-xlsx", "zip-xlsm")
        source = path.open("rb")
    except OSError:
        raise UnreadableFile("打不开文件") from None
    try:
        return Workbook(source)
    except BaseException:
        source.close()
        raise
