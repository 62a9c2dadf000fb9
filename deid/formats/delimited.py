"""CSV and its kin: one table, read as ``csv.reader`` does, changed in the file's own bytes.

Rows are numbered as ``csv.reader(io.StringIO(text, newline=""))`` numbers them, blank lines included.
Only a cell that is edited is written anew, in its own quotes; every other byte is copied. Four to
eight bytes are kept for each row, nothing for a cell: cells are cut out when they are asked for.
"""

from __future__ import annotations

import re
from array import array
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from itertools import groupby
from pathlib import Path
from typing import BinaryIO, NamedTuple

from deid.errors import UnsafeEdit
from deid.formats import NOTHING, magic
from deid.formats.encoding import Encoding, detect, encode, line_starts, read_bytes, splice
from deid.later import compiled, later
from deid.model import Edit, Remark, Row, Table

EXTENSIONS = (".csv", ".tsv")
LABEL = "CSV 表格"
KEEPS = ("没有遮盖的每个字节", "编码、分隔符、引号、换行", "行数和列数")
DROPS = ()
REFUSES = ("认不出文字编码", "UTF-32 编码", "空字符（没有保存完整）")

_SAMPLE = 1 << 20
_ENOUGH = 1 << 16  # characters looked at for each delimiter, once there are three rows
_LONG_ROW = 50  # lines in one row: more is a forgotten quote rather than a long remark
_PLACE = later(r"R(0|[1-9][0-9]{0,9})C(0|[1-9][0-9]{0,8})")
SEP_LINE = later(r'(?i)sep=([^"\r\n])\r?\n?')  # what Excel writes and obeys


def read(path: Path, *, delimiter: str | None = None) -> Delimited:
    """The table file at ``path``; the delimiter is told from the content unless it is given."""
    magic.require(path, "text", "empty")
    data = read_bytes(path)
    encoding = detect(data)
    kind = path.suffix.lower().removeprefix(".") or "csv"
    if delimiter is None:
        delimiter = _sniff(_sample(data, encoding), encoding, "\t" if kind == "tsv" else ",")
    return Delimited(data, encoding, delimiter, kind)


class Delimited:
    """An opened CSV or TSV file."""

    def __init__(self, data: bytes, encoding: Encoding, delimiter: str, kind: str) -> None:
        self.format = kind
        self._data = data
        self._encoding = encoding
        self._dialect = _Dialect(delimiter)
        self._starts, remarks = _row_starts(data, encoding, self._dialect)
        self.parts: Sequence[Table] = (Table("", self._rows, _place),)
        wide = _wide_rows(self._lines, encoding, self._dialect)
        self.remarks: Sequence[Remark] = encoding.remarks() + remarks + wide

    def save(
        self,
        target: BinaryIO,
        edits: Mapping[str, Sequence[Edit]],
        drops: Mapping[str, frozenset[int]] = NOTHING,
        notes: Mapping[str, frozenset[int]] = NOTHING,
    ) -> None:
        """Write the file with ``edits`` spliced in. Raises UnsafeEdit for a cell that is not there."""
        if drops.get(""):
            self._save_narrowed(target, edits, drops[""], notes.get("", frozenset()))
            return
        view = memoryview(self._data)
        done = 0
        for row, keys in groupby(_keys(edits), key=lambda key: key >> 32):
            if row >= len(self._starts) - 1:
                raise UnsafeEdit("要修改的单元格不在文件里。")
            columns = {key & 0xFFFFFFFF: edits[_place(row, key & 0xFFFFFFFF)] for key in keys}
            start, end = self._starts[row], self._starts[row + 1]
            target.write(view[done:start])
            for piece in self._changed(self._data[start:end], columns):
                target.write(piece)
            done = end
        target.write(view[done:])

    def removable(self, table: str, columns: frozenset[int]) -> bool:
        """Columns of text can always be left out."""
        return True

    def _save_narrowed(
        self,
        target: BinaryIO,
        edits: Mapping[str, Sequence[Edit]],
        gone: frozenset[int],
        notes: frozenset[int],
    ) -> None:
        """Write the file without the columns that go; each goes with one delimiter."""
        wanted: dict[int, dict[int, Sequence[Edit]]] = {}
        for key in _keys(edits):
            row, column = key >> 32, key & 0xFFFFFFFF
            wanted.setdefault(row, {})[column] = edits[_place(row, column)]
        target.write(self._data[: self._starts[0]])
        for row, raw in enumerate(self._lines()):
            text, codec = self._encoding.decode(raw)
            if row == 0 and SEP_LINE.fullmatch(text):
                target.write(raw)
                continue
            narrow = self.narrowed(text, wanted.pop(row, {}), gone, row in notes)
            target.write(encode(narrow, codec))
        if wanted:
            raise UnsafeEdit("要修改的单元格不在文件里。")

    def narrowed(
        self, text: str, edits: Mapping[int, Sequence[Edit]], gone: frozenset[int], note: bool
    ) -> str:
        """One row without the columns that go."""
        fields = list(self._dialect.fields(text))
        shown = [text[field.start : field.end] for field in fields]
        for column, wanted in edits.items():
            if column >= len(fields):
                raise UnsafeEdit("要修改的单元格不在文件里。")
            shown[column] = self._dialect.replaced(fields[column], wanted)
        leaving = _leaving(shown, gone) if note else gone
        new = self._dialect.delimiter.join(
            cell for column, cell in enumerate(shown) if column not in leaving
        )
        end = fields[-1].end
        if not new and text[:end]:
            new = '""'  # a row must not become a blank line
        return new + text[end:]

    def raw(self) -> Iterator[tuple[str, bytes]]:
        """The bytes of the file."""
        yield "", self._data

    def close(self) -> None:
        """Let go of the bytes."""
        self._data = b""
        del self._starts[1:]
        self.parts = ()

    def _lines(self) -> Iterator[bytes]:
        start = self._starts[0]
        for end in self._starts[1:]:
            yield self._data[start:end]
            start = end

    def _rows(self) -> Iterator[Row]:
        decode, dialect = self._encoding.decode, self._dialect
        plain = self._encoding.name if self._encoding.is_exact else ""
        for index, raw in enumerate(self._lines()):
            text = raw.decode(plain, "surrogateescape") if plain else decode(raw)[0]
            cells = dialect.cells(text)
            yield Row(index, {column: cell for column, cell in enumerate(cells) if cell})

    def _changed(self, raw: bytes, edits: Mapping[int, Sequence[Edit]]) -> Iterator[bytes]:
        text, codec = self._encoding.decode(raw)
        if '"' not in text and self._encoding.is_exact:
            yield encode(self._dialect.changed(text, edits), codec)
            return
        changes = []
        for column, field in enumerate(self._dialect.fields(text)):
            if column in edits:
                new = self._dialect.replaced(field, edits[column])
                if not new and not column and field.end == len(text.rstrip("\r\n")):
                    new = '""'  # a row must not become a blank line
                changes.append((field.start, field.end, new))
                if len(changes) == len(edits):
                    break
        if len(changes) < len(edits):
            raise UnsafeEdit("要修改的单元格不在文件里。")
        yield from splice(raw, text, codec, changes)


class _Field(NamedTuple):
    """One field: where it stands in its row, what a reader sees, and how it is quoted."""

    start: int
    end: int
    cell: str
    quoted: bool
    closed: bool


class _Dialect:
    """Fields the way ``csv.reader`` cuts them: a quote counts only at the start of a field, text
    after the closing quote belongs to the field, and a quote left open lasts to the end."""

    def __init__(self, delimiter: str) -> None:
        self.delimiter = delimiter
        mark = re.escape(delimiter)
        body = r'[^"]*+(?:""[^"]*+)*+'
        tail = rf"[^{mark}\r\n]*+"
        rest = rf'(?:{mark}(?:"{body}"{tail}|(?!"){tail}))*+[\r\n]*+'
        self._field = compiled(rf'(?:"({body})("?)({tail})|({tail}))({mark}|\r\n?|\n|\Z)')
        self._starts_closed = compiled(rf'(?:"{body}"{tail}|(?!"){tail}){rest}')
        self._open_closed = compiled(rf'{body}"{tail}{rest}')

    def ends_open(self, line: str, is_open: bool) -> bool:
        """Whether a quote is open at the end of a line."""
        pattern = self._open_closed if is_open else self._starts_closed
        return not pattern.fullmatch(line)

    def fields(self, text: str) -> Iterator[_Field]:
        """The fields of one row."""
        at, more = 0, True
        while more:
            match = self._field.match(text, at)
            assert match  # every alternative may be empty
            at = match.end()
            more = match[5] == self.delimiter or at < len(text)
            quoted = match[1] is not None
            cell = match[1].replace('""', '"') + match[3] if quoted else match[4]
            yield _Field(match.start(), match.start(5), cell, quoted, bool(match[2]))

    def measure(self, text: str, at: int) -> tuple[int, int, bool]:
        """Cells in the row at ``at`` (none if it is blank), where it ends, text after a quote."""
        start, cells, odd, more = at, 0, False, True
        while more:
            match = self._field.match(text, at)
            assert match  # every alternative may be empty
            at = match.end()
            cells += 1
            odd = odd or bool(match[3])
            more = match[5] == self.delimiter
        blank = cells == 1 and not text[start:at].strip("\r\n")
        return 0 if blank else cells, at, odd

    def cells(self, text: str) -> list[str]:
        """The cells of one row, as a reader sees them."""
        if '"' in text:
            return [field.cell for field in self.fields(text)]
        return text.rstrip("\r\n").split(self.delimiter)

    def changed(self, text: str, edits: Mapping[int, Sequence[Edit]]) -> str:
        """A row without quotes with its cells edited."""
        body = text.rstrip("\r\n")
        cells = body.split(self.delimiter)
        for column, wanted in edits.items():
            if column >= len(cells):
                raise UnsafeEdit("要修改的单元格不在文件里。")
            cells[column] = self._replaced(cells[column], wanted)
        # A row must not become a blank line.
        return (self.delimiter.join(cells) or '""') + text[len(body) :]

    def replaced(self, field: _Field, edits: Sequence[Edit]) -> str:
        """The field with its cell edited: in its quotes if it has some, else quoted if it must be."""
        if field.quoted:
            new = _edited(field.cell, edits)
            return f'"{_doubled(new)}"' if field.closed else f'"{_doubled(new)}'
        return self._replaced(field.cell, edits)

    def _replaced(self, cell: str, edits: Sequence[Edit]) -> str:
        new = _edited(cell, edits)
        added = any('"' in edit.replacement for edit in edits) or new.startswith('"')
        if added or self.delimiter in new or "\n" in new or "\r" in new:
            return f'"{_doubled(new)}"'
        return new


def _leaving(shown: Sequence[str], gone: frozenset[int]) -> set[int]:
    """The cells that a row of notes does without: empty ones, for none of its texts goes."""
    free = {column for column, cell in enumerate(shown) if not cell.strip('" ')}
    leaving = free & gone
    for column in sorted(gone - free):
        spare = free - leaving
        if column < len(shown) and spare:
            leaving.add(min(spare, key=lambda other: (other < column, abs(other - column))))
    return leaving


def _place(row: int, column: int) -> str:
    return f"R{row}C{column}"


def _keys(edits: Mapping[str, Sequence[Edit]]) -> Sequence[int]:
    """Row and column of every place, in file order, packed to spare memory."""
    keys = array("Q")
    for place in edits:
        match = _PLACE.fullmatch(place)
        if not match or int(match[1]) >= 1 << 32:
            raise UnsafeEdit("要修改的单元格不在文件里。")
        keys.append(int(match[1]) << 32 | int(match[2]))
    return sorted(keys)


def _doubled(text: str) -> str:
    return text.replace('"', '""')


def _edited(text: str, edits: Sequence[Edit]) -> str:
    pieces = []
    done = 0
    for edit in edits:
        if not done <= edit.start <= edit.end <= len(text):
            raise UnsafeEdit("要修改的位置超出了单元格或互相重叠，文件没有改动。")
        pieces += [text[done : edit.start], edit.replacement]
        done = edit.end
    return "".join([*pieces, text[done:]])


# --- rows -----------------------------------------------------------------------------------------


def _row_starts(
    data: bytes, encoding: Encoding, dialect: _Dialect
) -> tuple[array[int], list[Remark]]:
    """Where each row starts and the last one ends, and what was wrong with the quotes."""
    starts = line_starts(data, encoding)
    if starts[-1] < len(data):
        starts.append(len(data))
    if b'"' not in data:
        return starts, []
    remarks: list[Remark] = []
    is_open = False
    kept = first = 0  # rows so far, the line that the current one starts on
    last = len(starts) - 1
    for line in range(last):
        raw = data[starts[line] : starts[line + 1]]
        if b'"' in raw:
            is_open = dialect.ends_open(encoding.decode(raw)[0], is_open)
        if not is_open or line + 1 == last:
            if is_open or line - first >= _LONG_ROW:
                remarks += _quote_remark(kept, line + 1 - first, is_open, bool(remarks))
            first = line + 1
            kept += 1
            starts[kept] = starts[line + 1]
    del starts[kept + 1 :]
    return starts, remarks


def _quote_remark(row: int, lines: int, is_open: bool, told: bool) -> list[Remark]:
    if is_open:
        message = f'第 {row + 1} 行有一个引号（"）没有闭合，从这里到文件末尾都算作一格，请核对。'
        return [Remark(_place(row, 0), message)]
    if told:
        return []
    message = f'第 {row + 1} 行占了 {lines} 个文本行，可能漏了一个引号（"），请核对。'
    return [Remark(_place(row, 0), message)]


def _wide_rows(
    lines: Callable[[], Iterator[bytes]], encoding: Encoding, dialect: _Dialect
) -> list[Remark]:
    """A remark if a few rows have more cells than the rest: a delimiter inside a cell without
    quotes pushes what follows under the wrong header. Rows with quotes know what they do."""
    counts = Counter(_delimiters(lines(), encoding, dialect.delimiter))
    del counts[-1]
    usual = max(counts, key=lambda cells: (counts[cells], cells), default=0)
    if not usual or max(counts) == usual:
        return []
    wide = [
        row
        for row, (raw, cells) in enumerate(
            zip(lines(), _delimiters(lines(), encoding, dialect.delimiter), strict=True)
        )
        if cells > usual and any(dialect.cells(encoding.decode(raw)[0])[usual + 1 :])
    ]
    if not wide:
        return []
    return [wide_remark(wide[0], len(wide))]


def wide_remark(first: int, rows: int) -> Remark:
    """What is told of rows that are wider than the rest, the first of them in row ``first``."""
    message = (
        f"从第 {first + 1} 行起，有 {rows} 行的列数比其他行多，"
        "可能单元格里有分隔符而没有加引号，后面的内容错了列，请核对。"
    )
    return Remark(_place(first, 0), message)


def _delimiters(lines: Iterator[bytes], encoding: Encoding, delimiter: str) -> Iterator[int]:
    """How many delimiters each row holds, -1 for a row with quotes."""
    if encoding.name == "utf-8" or (encoding.name == "gb18030" and delimiter in ",;\t"):
        mark = delimiter.encode()
        return (-1 if b'"' in raw else raw.count(mark) for raw in lines)
    texts = (encoding.decode(raw)[0] for raw in lines)  # a byte of UTF-16 may look like a quote
    return (-1 if '"' in text else text.count(delimiter) for text in texts)


# --- delimiter ------------------------------------------------------------------------------------


class _Fit(NamedTuple):
    """How well a delimiter fits a sample: cells in most of the rows it splits, how many rows agree,
    and the first row that it splits."""

    delimiter: str
    cells: int
    agree: float
    first: int


def _sample(data: bytes, encoding: Encoding) -> str:
    """The first lines, without a line that was cut off."""
    start = len(encoding.mark)
    raw = data[start : start + _SAMPLE]
    text = raw[: len(raw) // encoding.width * encoding.width].decode(encoding.name, "replace")
    if len(data) - start <= _SAMPLE:
        return text
    cut = max(text.rfind("\n"), text.rfind("\r")) + 1
    return text[:cut] or text


def _sniff(text: str, encoding: Encoding, default: str) -> str:
    """The delimiter that splits the first rows most evenly, or ``default``.

    The header decides: a comma inside addresses or decimals comes first in some later row. Among
    delimiters that start in the same row, more columns and more rows that agree win.
    """
    if hint := SEP_LINE.match(text):
        return hint[1]
    # | is no safe cut where lines differ in encoding: it may be half of a Han character
    candidates = "\t,;" if encoding.odd else "\t,;|｜"
    fits = [fit for mark in candidates if (fit := _fit(text, mark)) and fit.agree >= 0.5]
    if default == "\t" and any(fit.delimiter == default for fit in fits):
        return default
    if len(fits) > 1 and _commas_are_decimal(text):
        fits = [fit for fit in fits if fit.delimiter != ","]
    fits = [
        fit
        for fit in fits
        if fit.delimiter == default or fit.first == 0 or (fit.cells > 2 and fit.agree >= 0.6)
    ]
    if not fits:
        return default
    return min(fits, key=lambda fit: (fit.first, -fit.agree * (1 - 1 / fit.cells))).delimiter


def _fit(text: str, delimiter: str) -> _Fit | None:
    """How the delimiter fits, or None if it splits nothing. Quotes where it would not expect any
    (text after a closing quote) count against it."""
    if delimiter not in text:
        return None
    rows, stray = _widths(text, delimiter)
    split = [cells for cells in rows if cells > 1]
    if not split:
        return None
    usual, count = max(Counter(split).items(), key=lambda item: (item[1], item[0]))
    first = next(row for row, cells in enumerate(rows) if cells > 1)
    return _Fit(delimiter, usual, max(count - stray, 0) / len(rows), first)


def _widths(text: str, delimiter: str) -> tuple[list[int], int]:
    """Cells in each of the first rows that are not blank, and rows with text after a quote."""
    if '"' not in text:
        return _plain_widths(text, delimiter), 0
    dialect = _Dialect(delimiter)
    rows: list[int] = []
    at = stray = 0
    while at < len(text) and (at < _ENOUGH or len(rows) < 3):
        cells, at, odd = dialect.measure(text, at)
        if cells:
            rows.append(cells)
            stray += odd
    return rows, stray


def _plain_widths(text: str, delimiter: str) -> list[int]:
    """``_widths`` of a text without quotes."""
    if len(text) < _ENOUGH:
        lines = _LINE_END.sub("\n", text) if "\r" in text else text
        return [line.count(delimiter) + 1 for line in lines.split("\n") if line]
    rows: list[int] = []
    at = 0
    while at < len(text) and (at < _ENOUGH or len(rows) < 3):
        match = _LINE_END.search(text, at)
        end, after = match.span() if match else (len(text), len(text))
        if end > at:
            rows.append(text.count(delimiter, at, end) + 1)
        at = after
    return rows


_LINE_END = re.compile(r"\r\n?|\n")


def _commas_are_decimal(text: str) -> bool:
    head = text[:_ENOUGH]
    return len(re.findall(r"(?<=\d),(?=\d)", head)) >= 0.8 * head.count(",")
