"""Texts in BIFF8 records that are not cells ([MS-XLS] 2.4), where they stand, and how to change them.

Records that are known are read string by string, and a changed string may be longer or shorter. Of
any other record the runs of characters are shown; they can only be overwritten with as many.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Generator, Iterator, Sequence
from dataclasses import dataclass
from struct import error as StructError
from struct import pack, unpack, unpack_from

from deid.errors import UnsafeEdit
from deid.formats.biff import decoded, encoded, units
from deid.formats.xlsx_values import plain_number

_CHARS, _BYTES = "chars", "bytes"


@dataclass(frozen=True, slots=True)
class Count:
    """A number in the payload that says how long a string is."""

    at: int
    form: str
    unit: str = _CHARS


@dataclass(frozen=True, slots=True)
class Slot:
    """A string in a payload: its bytes, and what has to change with its length.

    ``wide``: two bytes a character; ``flag_at``: the byte that says so (without one the width must
    stay); ``codec``: for strings in neither. ``fixed``: the length must stay. ``number``: not a
    string but a stored number, which cannot be changed in most records.
    """

    kind: str
    start: int
    end: int
    text: str
    wide: bool = False
    flag_at: int | None = None
    counts: tuple[Count, ...] = ()
    codec: str = ""
    fixed: bool = False
    number: bool = False
    star: str = "*"


# --- changing ----------------------------------------------------------------------------------------

_CRN = 0x5A
_PADDED = {0x5C: 112}
"""WRITEACCESS: a string, then blanks up to its length."""


def changed_payload(kind: int, payload: bytes, changes: Sequence[tuple[Slot, str]]) -> bytes:
    """The payload of a record with strings replaced. Raises UnsafeEdit."""
    out = bytearray(payload)
    for slot, new in sorted(changes, key=lambda change: -change[0].start):
        if slot.number and kind == _CRN:
            out[slot.start - 1 : slot.end] = b"\2" + string_bytes(new)
            continue
        if slot.number:
            raise UnsafeEdit("公式、图表或数据透视表里存着号码数字，无法自动改写，请先删去再处理")
        data, wide = _stored(slot, new)
        if slot.fixed and len(data) != slot.end - slot.start:
            raise UnsafeEdit("文件内部有一处内容不能改变长度，请用 Excel 另存为 .xlsx 再处理")
        delta = len(data) - (slot.end - slot.start)
        length = units(new) - units(slot.text)
        out[slot.start : slot.end] = data
        if slot.flag_at is not None:
            out[slot.flag_at] = out[slot.flag_at] & ~1 | wide
        for count in slot.counts:
            old = unpack_from(count.form, out, count.at)[0]
            try:
                value = pack(count.form, old + (length if count.unit == _CHARS else delta))
            except StructError:
                raise UnsafeEdit("改动后的内容太长，这个位置放不下") from None
            out[count.at : count.at + len(value)] = value
    if kind in _PADDED:
        return bytes(out[: _PADDED[kind]].ljust(_PADDED[kind], b" "))
    return bytes(out)


def string_bytes(text: str) -> bytes:
    """A string with its count and its flags, as most records hold it."""
    data, wide = encoded(text, wide=False)
    return pack("<HB", units(text), wide) + data


def _stored(slot: Slot, new: str) -> tuple[bytes, bool]:
    if slot.codec:
        return new.encode(slot.codec, "replace"), False
    data, wide = encoded(new, wide=slot.wide)
    if wide != slot.wide and slot.flag_at is None:
        raise UnsafeEdit("文件内部有一处内容只能用英文字符改写，请用 Excel 另存为 .xlsx 再处理")
    return data, wide


# --- strings of known shape --------------------------------------------------------------------------


def _string(
    kind: str, data: bytes, at: int, form: str = "<H", *, star: str = "*", count_at: int = -1
) -> Slot:
    """A string: its count (at ``at`` unless it stands elsewhere), its flags, its characters."""
    size = 1 if form == "B" else 2
    here = count_at < 0
    count = unpack_from(form, data, at if here else count_at)[0]
    flag_at = at + size if here else at
    flags = data[flag_at]
    start = flag_at + 1
    if flags & 0x08:
        start += 2
    if flags & 0x04:
        start += 4
    end = start + (count << (flags & 1))
    if end > len(data) or flags & ~0x0D:
        raise IndexError
    place = Count(at if here else count_at, form)
    text = decoded(data[start:end], flags & 1)
    if flags & 0x0C:
        return Slot(kind, start, end, text, bool(flags & 1), None, (), fixed=True, star=star)
    return Slot(kind, start, end, text, bool(flags & 1), flag_at, (place,), star=star)


def _one(
    kind: str, at: int, form: str = "<H", star: str = "*"
) -> Callable[[bytes], Iterator[Slot]]:
    def read(data: bytes) -> Iterator[Slot]:
        if len(data) > at:
            yield _string(kind, data, at, form, star=star)

    return read


def _optional(kind: str, at: int) -> Callable[[bytes], Iterator[Slot]]:
    """A string whose count is FFFF when there is none."""

    def read(data: bytes) -> Iterator[Slot]:
        if unpack_from("<H", data, at)[0] != 0xFFFF:
            yield _string(kind, data, at)

    return read


def _style(data: bytes) -> Iterator[Slot]:
    if not data[1] & 0x80:
        yield _string("样式名", data, 2, star="●")


def _validation(data: bytes) -> Iterator[Slot]:
    at = 4
    for kind in ("有效性提示标题", "有效性出错标题", "有效性提示", "有效性出错信息"):
        slot = _string(kind, data, at)
        if slot.text != "\0":
            yield slot
        at = slot.end
    for _ in range(2):
        size = unpack_from("<H", data, at)[0]
        yield from formula_slots("有效性公式", data, at + 4, at + 4 + size, at)
        at += 4 + size


def _name(data: bytes) -> Iterator[Slot]:
    """NAME (2.4.150): a defined name, its formula and its help texts."""
    formula_size = unpack_from("<H", data, 4)[0]
    name = _string("名称", data, 14, "B", count_at=3, star="●")
    if not data[0] & 0x20:  # the built-in ones are one character that stands for a name
        yield name
    at = name.end + formula_size
    yield from formula_slots("名称公式", data, name.end, at, 4)
    for count_at in range(10, 14):
        if data[count_at]:
            slot = _string("名称说明", data, at, "B", count_at=count_at)
            yield slot
            at = slot.end


def _name_comment(data: bytes) -> Iterator[Slot]:
    name = _string("名称", data, 16, "<H", count_at=12, star="●")
    yield name
    yield _string("名称批注", data, name.end, "<H", count_at=14)


def _external_book(data: bytes) -> Iterator[Slot]:
    """SUPBOOK (2.4.271): the path of another workbook and the names of its sheets."""
    count, length = unpack_from("<HH", data, 0)
    if length in (0x0401, 0x3A01):
        return
    path = _string("外部文件", data, 2, star="●")
    yield path
    at = path.end
    for _ in range(count):
        if at >= len(data):
            return
        slot = _string("外部工作表", data, at, star="●")
        yield slot
        at = slot.end


def _external_cells(data: bytes) -> Iterator[Slot]:
    """CRN (2.4.63): remembered cells of another workbook."""
    last, first = data[0], data[1]
    at = 4
    for _ in range(first, last + 1):
        kind = data[at]
        if kind == 2:
            slot = _string("外部单元格", data, at + 1)
            yield slot
            at = slot.end
            continue
        if kind == 1:
            yield from _double("外部单元格", data, at + 1)
        at += 9


def _double(kind: str, data: bytes, at: int) -> Iterator[Slot]:
    """A stored number, if it could be an identifier."""
    value = unpack_from("<d", data, at)[0]
    if 1e6 <= abs(value) < 1e21 and value == int(value):
        yield Slot(kind, at, at + 8, plain_number(repr(value)), number=True)


def _filter(data: bytes) -> Iterator[Slot]:
    """AUTOFILTER (2.4.6): two criteria; their strings follow them."""
    at = 24
    for start in (4, 14):
        if data[start] == 4:
            yield from _double("筛选条件", data, start + 2)
        if data[start] == 6:
            slot = _string("筛选条件", data, at, "B", count_at=start + 6)
            yield slot
            at = slot.end


def _condition(data: bytes) -> Iterator[Slot]:
    """CF (2.4.42): the two formulas stand at its end."""
    first, second = unpack_from("<HH", data, 2)
    start = len(data) - first - second
    yield from formula_slots("条件格式", data, start, start + first, 2)
    yield from formula_slots("条件格式", data, start + first, len(data), 4)


def _field(data: bytes) -> Iterator[Slot]:
    """SXFDB (2.4.283): the name of a field that a pivot table was made from."""
    yield _string("透视表字段", data, 14)


# --- hyperlinks ([MS-OSHARED] 2.3.7) -----------------------------------------------------------------

_URL_MONIKER = bytes.fromhex("e0c9ea79f9bace118c8200aa004ba90b")
_FILE_MONIKER = bytes.fromhex("0303000000000000c000000000000046")


def _ended(kind: str, data: bytes, at: int, size: int, counts: tuple[Count, ...]) -> Slot:
    """A wide string up to its zero, in a field of ``size`` bytes."""
    text = decoded(data[at : at + size], 1).partition("\0")[0]
    return Slot(kind, at, at + 2 * units(text), text, True, None, counts)


def _hyperlink(data: bytes) -> Iterator[Slot]:
    flags = unpack_from("<I", data, 28)[0]
    at = 32
    for bit, kind in ((0x10, "超链接文字"), (0x80, "超链接框架")):
        if flags & bit:
            at = yield from _counted(kind, data, at)
    if flags & 0x01:
        if flags & 0x100:
            at = yield from _counted("超链接地址", data, at)
        else:
            at = yield from _moniker(data, at)
    if flags & 0x08:
        yield from _counted("超链接位置", data, at)


def _counted(kind: str, data: bytes, at: int) -> Generator[Slot, None, int]:
    size: int = 2 * unpack_from("<I", data, at)[0]
    if at + 4 + size > len(data):
        raise IndexError
    yield _ended(kind, data, at + 4, size, (Count(at, "<I"),))
    return at + 4 + size


def _moniker(data: bytes, at: int) -> Generator[Slot, None, int]:
    kind = data[at : at + 16]
    at += 16
    size: int
    if kind == _URL_MONIKER:
        size = unpack_from("<I", data, at)[0]
        yield _ended("超链接地址", data, at + 4, size, (Count(at, "<I", _BYTES),))
        return at + 4 + size
    if kind != _FILE_MONIKER:
        raise IndexError
    length = unpack_from("<I", data, at + 2)[0]
    end = at + 6 + length
    path = data[at + 6 : end].partition(b"\0")[0]
    text = path.decode("gb18030", "replace")
    yield Slot(
        "超链接文件", at + 6, at + 6 + len(path), text, False, None,
        (Count(at + 2, "<I", _BYTES),), codec="gb18030",
    )  # fmt: skip
    at = end + 24
    size = unpack_from("<I", data, at)[0]
    if size:
        inner = unpack_from("<I", data, at + 4)[0]
        counts = (Count(at, "<I", _BYTES), Count(at + 4, "<I", _BYTES))
        text = decoded(data[at + 10 : at + 10 + inner], 1)
        yield Slot("超链接文件", at + 10, at + 10 + inner, text, True, None, counts)
    return at + 4 + size


def _tooltip(data: bytes) -> Iterator[Slot]:
    yield _ended("超链接提示", data, 10, len(data) - 10, ())


# --- formulas (2.2.2) --------------------------------------------------------------------------------

_TOKEN_SIZES = {
    0x01: 5, 0x02: 5, 0x1C: 2, 0x1D: 2, 0x1E: 3, 0x1F: 9, 0x20: 8, 0x21: 3, 0x22: 4, 0x23: 5,
    0x24: 5, 0x25: 9, 0x26: 7, 0x27: 7, 0x28: 7, 0x29: 3, 0x2A: 5, 0x2B: 9, 0x2C: 5, 0x2D: 9,
    0x39: 7, 0x3A: 7, 0x3B: 11, 0x3C: 7, 0x3D: 11,
    **dict.fromkeys(range(0x03, 0x17), 1),
}  # fmt: skip
_STRING, _ATTRIBUTE, _NUMBER = 0x17, 0x19, 0x1F
_CHOOSE, _JUMPS = 0x04, 0x0E


def _tokens(data: bytes, at: int, end: int) -> Iterator[tuple[int, int, int]]:
    """(token, start, end) of a formula; an unknown token is the last."""
    while at < end:
        token = data[at]
        base = token if token < 0x40 else (token & 0x1F) | 0x20
        if token == _STRING:
            size = 3 + (data[at + 1] << (data[at + 2] & 1))
        elif token == _ATTRIBUTE:
            size = 4
            if data[at + 1] & _CHOOSE:
                size += 2 * (unpack_from("<H", data, at + 2)[0] + 1)
        else:
            size = _TOKEN_SIZES.get(base, 0)
        yield (base if size else -1), at, at + size if size else end
        if not size:
            return
        at += size


def formula_slots(kind: str, data: bytes, start: int, end: int, size_at: int) -> Iterator[Slot]:
    """The strings and large numbers in a formula; ``size_at`` is where its length stands."""
    if end > len(data) or start > end:
        raise IndexError
    tokens = list(_tokens(data, start, end))
    jumps = any(token == _ATTRIBUTE and data[at + 1] & _JUMPS for token, at, _ in tokens)
    for token, at, after in tokens:
        if token == _STRING and after <= end:
            counts = (Count(at + 1, "B"), Count(size_at, "<H", _BYTES))
            wide = bool(data[at + 2] & 1)
            text = decoded(data[at + 3 : after], wide)
            yield Slot(kind, at + 3, after, text, wide, at + 2, counts, fixed=jumps)
        elif token == _NUMBER:
            yield from _double(kind, data, at + 1)
        elif token == -1:
            yield from run_slots(kind, data, at, end)


# --- any other record --------------------------------------------------------------------------------

_WIDE_RUN = re.compile(
    rb"(?:[\x20-\x7e\xa0-\xff]\x00|[\x00-\xff][\x4e-\x9f]|[\x00-\x1f]\x30|[\x00-\xef]\xff){4,}"
)
_NARROW_RUN = re.compile(rb"[\x20-\x7e]{6,}")
_HAN = re.compile(r"[\u4e00-\u9fff]")
_SEVEN = re.compile(r"(?:[0-9０-９][^0-9０-９A-Za-z]{0,2}){7}")


def worth_showing(text: str, *, han: bool = True) -> bool:
    """Whether a run could be text that names someone, rather than bytes that look like it."""
    if "@" in text or _SEVEN.search(text):
        return True
    return han and len(_HAN.findall(text)) >= 4


def run_slots(
    kind: str, data: bytes, start: int = 0, end: int | None = None, *, han: bool = True
) -> Iterator[Slot]:
    """Runs of characters in bytes of unknown shape; their length must stay."""
    taken: list[tuple[int, int]] = []
    end = len(data) if end is None else end
    for regex, wide in ((_NARROW_RUN, False), (_WIDE_RUN, True)):
        for hit in regex.finditer(data, start, end):
            a, b = hit.span()
            if wide and _NARROW_RUN.fullmatch(hit[0]):
                continue  # letters, which two by two look like Han
            text = decoded(hit[0], wide)
            if worth_showing(text, han=han) and not any(a < y and x < b for x, y in taken):
                taken.append((a, b))
                yield Slot(kind, a, b, text, wide, fixed=True)


_READERS: dict[int, Callable[[bytes], Iterator[Slot]]] = {
    0x14: _one("页眉", 0),
    0x15: _one("页脚", 0),
    0x18: _name,
    0x1C: _one("批注作者", 8),
    0x23: _one("外部名称", 6, "B", "●"),
    0x31: _one("字体", 14, "B", "●"),
    0x51: _one("数据来源", 6, star="●"),
    0x52: _one("数据来源", 0, star="●"),
    _CRN: _external_cells,
    0x5B: _one("保留密码的用户", 4),
    0x5C: _one("最后使用者", 0),
    0x85: _one("工作表名", 6, "B", "●"),
    0x9E: _filter,
    0xB1: _optional("透视表", 8),
    0xB2: _optional("透视表", 6),
    0xC7: _field,
    0xCD: _one("透视表", 0),
    0x1AE: _external_book,
    0x1B1: _condition,
    0x1B8: _hyperlink,
    0x1BA: _one("代码名", 0, star="●"),
    0x1BE: _validation,
    0x293: _style,
    0x41E: _one("数字格式", 2, star="●"),
    0x800: _tooltip,
    0x894: _name_comment,
    0x100D: _one("图表文字", 2, "B"),
    0x0221: lambda data: formula_slots("公式", data, 14, 14 + unpack("<H", data[12:14])[0], 12),
    0x04BC: lambda data: formula_slots("公式", data, 10, 10 + unpack("<H", data[8:10])[0], 8),
    0xC9: lambda data: _double("透视表", data, 0),
}
_IN_CHART: dict[int, Callable[[bytes], Iterator[Slot]]] = {
    0x204: _one("图表数据", 6),
    0x203: lambda data: _double("图表数据", data, 6),
}
NO_TEXT = frozenset(
    {
        0x06, 0x0A, 0xBD, 0xBE, 0xD6, 0xD7, 0xE0, 0xE5, 0xFC, 0xFD, 0xFF,
        0x200, 0x201, 0x203, 0x204, 0x205, 0x207, 0x208, 0x20B, 0x27E, 0x809, 0x7D, 0x92, 0x896,
    }
)  # fmt: skip
"""Cells and shared strings, which are read elsewhere, and records of nothing but numbers."""
_PICTURES = frozenset({0xEB, 0xE9, 0x7F})


def record_slots(kind: int, payload: bytes, *, alone: bool, in_chart: bool) -> Sequence[Slot]:
    """The texts of a record; ``alone``: no CONTINUE follows it."""
    reader = (_IN_CHART.get(kind) if in_chart else None) or _READERS.get(kind)
    if reader is None and kind in NO_TEXT:
        return ()
    if reader is not None and alone:
        try:
            return _with_rest(kind, payload, [slot for slot in reader(payload) if slot.text])
        except (IndexError, StructError, UnicodeDecodeError):
            pass
    return tuple(run_slots(f"记录{kind:X}", payload, han=kind not in _PICTURES))


def _with_rest(kind: int, payload: bytes, slots: list[Slot]) -> Sequence[Slot]:
    """The strings, and runs that stand where none was expected."""
    runs = [
        run
        for run in run_slots(f"记录{kind:X}", payload)
        if not any(run.start < slot.end and slot.start < run.end for slot in slots)
    ]
    return (*slots, *runs)


def cell_formula_slots(payload: bytes) -> Iterator[tuple[int, Slot]]:
    """The strings in the formula of a cell that are worth showing, with their number."""
    size = unpack_from("<H", payload, 20)[0]
    try:
        slots = list(formula_slots("formula", payload, 22, 22 + size, 20))
        slots += run_slots("formula", payload, 22 + size)
    except (IndexError, StructError, UnicodeDecodeError):
        slots = list(run_slots("formula", payload, 22))
    for number, slot in enumerate(slots):
        if worth_showing(slot.text):
            yield number, slot
