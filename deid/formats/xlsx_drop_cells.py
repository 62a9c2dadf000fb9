"""One sheet and its cells when columns go: what they held, which formulas freeze, the new bytes."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from deid.formats.ooxml import Splice, attributes, escape, shadow, spliced
from deid.formats.xlsx_drop_needs import formulas_of, masters_of, own_text
from deid.formats.xlsx_drop_parts import (
    Site,
)
from deid.formats.xlsx_refs import (
    Gone,
    World,
    parse_formula,
    parse_range,
    range_text,
    reached,
)
from deid.formats.xlsx_sheet import Sheet, cell_formula, inner_span
from deid.formats.xlsx_values import cell_place, column_letters
from deid.later import later

# --- one sheet -------------------------------------------------------------------------------------------


@dataclass(slots=True)
class Lost:
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


MOST_ROUNDS = 20
"""Passes over all formulas to follow copies of copies; those further up than this all count."""


class Tainted:
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


_PICTURE = later(r"(?i)DISPIMG\s*\(\s*\"([^\"]+)\"")
_SPANS = later(r"\sspans\s*=\s*[\"']([0-9: ]*)[\"']")


class _Letters(dict[int, str]):
    """Column -> the letters it has afterwards; "" when it goes. For the loop over all cells."""

    def __init__(self, going: Gone) -> None:
        self._going = going

    def __missing__(self, column: int) -> str:
        new = self._going.at(column)
        self[column] = "" if new is None else column_letters(new)
        return self[column]


class SheetWriting:
    """A sheet and what becomes of its cells."""

    def __init__(self, sheet: Sheet, site: Site) -> None:
        self.sheet, self.site = sheet, site
        self.head, self.tail = sheet.head, sheet.tail
        self.headers: dict[tuple[int, int], str] = {}
        self.frozen: set[tuple[int, int]] = set()
        self.cleared: set[tuple[int, int]] = set()
        self.formulas_change = False
        self._masters = masters_of(sheet)
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

    def survey(self, lost: Lost) -> None:
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

    def _lose_string(self, lost: Lost, hit: re.Match[str], piece: str) -> None:
        number = self.sheet.shared_string(hit, piece)
        if number is not None:
            lost.strings[number] += 1

    def freeze(self, blanked: World) -> None:
        """Find the formulas that read a blanked column."""
        name = self.site.name
        for cell in formulas_of(self.sheet):
            at = (cell.row, cell.column)
            if self._fate(*at) == "stays" and any(reached(cell.text, name, blanked).values()):
                self.frozen.add(at)

    def taint(self, tainted: Tainted, rounds: int) -> bool:
        """Find the formulas that read a tainted one; whether there were any."""
        name, found = self.site.name, False
        mine = tainted.cells.get(name, set())
        for cell in formulas_of(self.sheet):
            at = (cell.row, cell.column)
            if at not in mine and (rounds > MOST_ROUNDS or tainted.is_read(cell.text, name)):
                tainted.add(name, at)
                mine, found = tainted.cells[name], True
        return found

    def clear_copies(self, tainted: Tainted, lost: Lost) -> None:
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
        text = self.site.formula(own_text(formula, (row, column), self._masters))
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
