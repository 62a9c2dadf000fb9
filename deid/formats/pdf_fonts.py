"""Fonts of a PDF: how a shown string falls into codes, how wide each is and what a reader sees.

ISO 32000-1, 9.6 to 9.10. A code is what stands in the content stream, a CID what a composite font
makes of it. Widths are in thousandths of the font size. Nothing here draws: glyph outlines are not
looked at, only what the file says of them.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable, Iterator, Mapping
from functools import cache, lru_cache
from typing import Any

from deid.formats.pdf_objects import fields, items, kind, number

UNKNOWN = "\ufffd"
"""Stands for a character that no table of the file names."""

_LATIN = re.compile(r"[0-9A-Za-z]")
_GIVEN = re.compile(r"Uni.*-(?:UCS2|UTF16)(?:-HW)?-[HV]")
_CODECS = {
    "GBK-EUC": "gb18030", "GBKp-EUC": "gb18030", "GBK2K": "gb18030", "GB-EUC": "gb18030", "GBpc-EUC": "gb18030",
    "B5pc": "big5", "ETen-B5": "cp950", "ETenms-B5": "cp950", "HKscs-B5": "big5hkscs",
}  # fmt: skip
_COLLECTIONS = {
    "Adobe-GB1", "Adobe-CNS1", "Adobe-Japan1", "Adobe-Korea1", "Adobe-KR",
}  # fmt: skip
_MOST_CODES = 1 << 17
"""A table that maps more codes than two bytes can hold twice over is a bomb."""


class Font:
    """One font as a content stream uses it.

    ``vertical``: the pen goes down. ``lies``: ToUnicode names other letters or digits than the
    glyphs that the encoding selects; the encoding is believed, and ToUnicode has to go. ``em``: how
    large a letter is at size 1.
    """

    def __init__(self, spec: Any) -> None:
        self.vertical = False
        self.lies = False
        self.em = 1.0
        self.type3 = False
        self.embedded = False
        self._units = 1.0
        self._chars: dict[bytes, str] = {}
        self._glyphs: dict[bytes, tuple[bytes, float, str]] = {}
        self._split: Callable[[bytes], Iterator[bytes]] = _bytes_of
        self._width: Callable[[bytes], float] = lambda code: 500.0
        self._char: Callable[[bytes], str] = lambda code: UNKNOWN
        self._back: dict[str, bytes] | None = None
        self._safe: Callable[[str], bytes | None] = lambda char: None
        if str(spec.get("/Subtype", "")) == "/Type0":
            _open_composite(self, spec)
        else:
            _open_simple(self, spec)

    def codes(self, string: bytes) -> list[tuple[bytes, float, str]]:
        """(code, width, characters) of each glyph that a string shows."""
        known, out = self._glyphs, []
        for code in self._split(string):
            glyph = known.get(code)
            if glyph is None:
                glyph = known[code] = code, self._width(code), self.char(code)
            out.append(glyph)
        return out

    def char(self, code: bytes) -> str:
        """What a reader sees for a code; UNKNOWN when the file does not say."""
        known = self._chars.get(code)
        if known is None:
            known = self._chars[code] = _unified(self._char(code)) or UNKNOWN
        return known

    def seen(self) -> list[tuple[bytes, str]]:
        """Codes that were met so far, and what they show."""
        return [(code, char) for code, char in self._chars.items() if char.strip()]

    def encode(self, char: str) -> tuple[bytes, float] | None:
        """Code and width for a character, if the font certainly has its glyph."""
        code = self._safe(char)
        if code is None or self.char(code) != char:
            return None
        width = self._width(code)
        return (code, width) if width else None


# Radicals that have a code of their own beside the character (Unicode, EquivalentUnifiedIdeograph):
# Chromium and others name them in ToUnicode because both share one glyph.
_RADICALS = str.maketrans(
    "⺁⺇⺈⺋⺌⺎⺏⺐⺒⺓⺕⺙⺛⺝⺟⺠⺢⺩⺬⺮⺱⺲⺶⺷⺸⺼⺽⺿⻁⻂⻃⻄⻅⻆⻇⻈⻉⻊⻋⻌⻍⻎⻏⻐⻑⻒⻓⻔⻕⻖⻗⻘⻙⻚⻛⻜⻝⻟⻠⻢⻣⻤⻥⻦⻧⻨⻩⻪⻫⻬⻮⻰⻳",
    "厂几刀卩小兀尣尢巳幺彐攵旡月母民水玉示竹网罒羊羊羊肉臼艹虎衤覀西见角角讠贝足车辶辶辶阝金长长长门阜阝雨青韦页风飞食食饣马骨鬼鱼鸟卤麦黄黾齐齐齿龙龟",
)


@lru_cache(maxsize=1 << 14)
def _unified(text: str) -> str:
    """Radicals as the characters that they look like."""
    if not any("\u2e80" <= char <= "\u2fdf" or "\uf900" <= char <= "\ufaff" for char in text):
        return text
    plain = text.translate(_RADICALS)
    return "".join(
        unicodedata.normalize("NFKC", char)
        if "\u2f00" <= char <= "\u2fdf" or "\uf900" <= char <= "\ufaff" or char in "⺟⻳"
        else char
        for char in plain
    )


def _bytes_of(string: bytes) -> Iterator[bytes]:
    for byte in string:
        yield bytes((byte,))


# ----------------------------------------------------------------------------------- simple fonts


def _open_simple(font: Font, spec: Any) -> None:
    descriptor = fields(spec.get("/FontDescriptor"))
    subtype = str(spec.get("/Subtype", ""))
    name = str(spec.get("/BaseFont", "")).lstrip("/").partition("+")[2] or str(
        spec.get("/BaseFont", "")
    ).lstrip("/")
    embedded = any(f"/FontFile{kind}" in descriptor for kind in ("", "2", "3"))
    font.embedded = embedded or subtype == "/Type3"
    table = _encoding(spec, name, subtype)
    given = to_unicode(spec.get("/ToUnicode"))
    if subtype == "/Type3":
        _type3(font, spec)
    widths = _simple_widths(spec, descriptor, name, table)
    scale = 1000.0 * font._units if font.type3 else 1.0
    font._width = lambda code: widths.get(code[0], 0.0) * scale
    if not embedded and not font.type3:
        font.lies = any(
            _differs(given.get(bytes((code,)), ""), char) for code, char in table.items()
        )
        font._safe = lambda char: next(
            (bytes((code,)) for code, known in table.items() if known == char), None
        )
    else:
        font._safe = lambda char: next(
            (code for code, known in given.items() if known == char), None
        )
    if font.lies:
        given = {}
    font._char = lambda code: given.get(code) or table.get(code[0], "")


def _differs(given: str, shown: str) -> bool:
    """Whether what is extracted is another letter or digit than what is drawn."""
    if not given or given == shown:
        return False
    return bool(_LATIN.fullmatch(given) or _LATIN.fullmatch(shown)) and given != shown


def _type3(font: Font, spec: Any) -> None:
    """Glyphs drawn by content streams; their space is set by FontMatrix (9.6.5)."""
    font.type3 = True
    matrix = [number(item, 0.0) for item in items(spec.get("/FontMatrix"))] or [0.001]
    font._units = abs(matrix[0]) or 0.001
    widest = max((number(item, 0.0) for item in items(spec.get("/Widths"))), default=0.0)
    font.em = 1000 * font._units
    if not 0.3 < font._units * widest / font.em < 3:  # pictures of glyphs, in pixels
        font.em = font._units * widest or 1.0


@cache
def _standard(name: str) -> Mapping[int, str]:
    """Code -> character of one of the encodings that PDF knows by name (annex D)."""
    from pdfminer.encodingdb import EncodingDB

    table = EncodingDB.get_encoding(name)
    filled = dict(table)
    if name == "WinAnsiEncoding":
        filled = {code: bytes((code,)).decode("cp1252", "ignore") or "•" for code in range(32, 256)}
        filled[0xA0], filled[0xAD] = " ", "-"
    return filled


def _encoding(spec: Any, name: str, subtype: str) -> dict[int, str]:
    """Code -> character, by /Encoding and its differences, or by the font's own table."""
    encoding = spec.get("/Encoding")
    named = kind(encoding) == "name"
    base = str(encoding if named else fields(encoding).get("/BaseEncoding", "")).lstrip("/")
    if base in ("WinAnsiEncoding", "MacRomanEncoding", "StandardEncoding"):
        table = dict(_standard(base))
    elif subtype == "/Type3" or re.search(r"Symbol|Dingbats", name):
        table = {}
    elif subtype == "/Type1" and "/FontFile" in fields(spec.get("/FontDescriptor")):
        table = _type1_table(spec.FontDescriptor.FontFile)
    else:
        table = dict(_standard("StandardEncoding"))
    code = 0
    for item in items(fields(encoding).get("/Differences")):
        text = str(item)
        if text.startswith("/"):
            table[code] = _glyph_name(text[1:])
            code += 1
        else:
            code = int(number(item, 0))
    return table


def _type1_table(stream: Any) -> dict[int, str]:
    """The encoding that a Type 1 program carries in its clear part."""
    text = stream.read_bytes()[: 1 << 16]
    pairs = re.findall(rb"dup\s+(\d+)\s*/([^\s/]+)\s+put", text)
    if not pairs:
        return dict(_standard("StandardEncoding"))
    return {int(code): _glyph_name(name.decode("latin-1")) for code, name in pairs}


@lru_cache(maxsize=1 << 12)
def _glyph_name(name: str) -> str:
    """The character that a glyph name stands for; empty when it says nothing (``g12``)."""
    from pdfminer.encodingdb import name2unicode

    try:
        return str(name2unicode(name))
    except (KeyError, ValueError):
        return ""


_CORE = {
    "arial": "Helvetica", "helvetica": "Helvetica", "courier": "Courier", "couriernew": "Courier",
    "times": "Times", "timesnewroman": "Times", "symbol": "Symbol", "zapfdingbats": "ZapfDingbats",
}  # fmt: skip


def _simple_widths(
    spec: Any, descriptor: Any, name: str, table: Mapping[int, str]
) -> Mapping[int, float]:
    widths = items(spec.get("/Widths"))
    missing = number(descriptor.get("/MissingWidth", 0), 0.0)
    if 0 < len(widths) <= 256:
        first = int(number(spec.get("/FirstChar", 0), 0))
        known = {first + at: number(item, missing) for at, item in enumerate(widths)}
        return {code: known.get(code, missing) for code in range(256)}
    return _core_widths(name, table) or dict.fromkeys(range(256), missing or 500.0)


def _core_widths(name: str, table: Mapping[int, str]) -> dict[int, float]:
    """Widths of the fourteen fonts that need not be in the file (9.6.2.2)."""
    from pdfminer.fontmetrics import FONT_METRICS

    plain = re.sub(r"[^a-z]", "", re.split(r"[-,]|MT|PS", name)[0].lower())
    family = _CORE.get(plain)
    if family is None:
        return {}
    bold = "Bold" in name
    slant = re.search(r"Italic|Oblique", name)
    if family == "Times":
        style = ("Bold" if bold else "") + ("Italic" if slant else "") or "Roman"
        family = f"Times-{style}"
    elif family in ("Helvetica", "Courier"):
        style = ("Bold" if bold else "") + ("Oblique" if slant else "")
        family = f"{family}-{style}" if style else family
    metrics = FONT_METRICS[family][1]
    return {code: float(metrics.get(char, 0)) for code, char in table.items()}


# -------------------------------------------------------------------------------- composite fonts


def _open_composite(font: Font, spec: Any) -> None:
    inner = spec.DescendantFonts[0]
    encoding = spec.get("/Encoding")
    if kind(encoding) == "stream":
        cids, split, font.vertical = _own_cmap(encoding)
        name = ""
    else:
        name = str(encoding).lstrip("/")
        cids, split = _named_cmap(name)
        font.vertical = name.endswith("V")
    font._split = split
    if font.vertical:
        widths, default = _downs(inner)
    else:
        widths, default = _across(inner.get("/W")), number(inner.get("/DW", 1000), 1000.0)
    font._width = lambda code: widths.get(cids(code), default)
    given = to_unicode(spec.get("/ToUnicode"))
    plain = _by_name(name) or _by_collection(inner, font.vertical, cids) or _by_program(inner, cids)
    descriptor = fields(inner.get("/FontDescriptor"))
    embedded = any(f"/FontFile{kind}" in descriptor for kind in ("", "2", "3"))
    font.embedded = embedded
    if given and not embedded and plain is not None:
        font.lies = any(_differs(char, plain(code)) for code, char in given.items())
        given = {} if font.lies else given
    font._char = lambda code: given.get(code) or (plain(code) if plain else "")
    font._safe = _finder(font, given, name if not embedded else "")


def _finder(font: Font, given: Mapping[bytes, str], name: str) -> Callable[[str], bytes | None]:
    """What tells the code of a character whose glyph is certainly there."""
    back: dict[str, bytes] = {}
    for code, char in given.items():
        back.setdefault(char, code)

    def find(char: str) -> bytes | None:
        if _GIVEN.fullmatch(name) and len(char.encode("utf-16-be")) == 2:
            return char.encode("utf-16-be")
        return back.get(char)

    return find


def _by_name(name: str) -> Callable[[bytes], str] | None:
    """Codes that are characters themselves, in an encoding that Python knows."""
    if _GIVEN.fullmatch(name):
        return lambda code: code.decode("utf-16-be", "ignore")
    codec = _CODECS.get(name[:-2])
    return (lambda code: code.decode(codec, "ignore")) if codec else None


def _by_collection(
    inner: Any, vertical: bool, cids: Callable[[bytes], int]
) -> Callable[[bytes], str] | None:
    """CIDs of one of Adobe's character collections."""
    system = fields(inner.get("/CIDSystemInfo"))
    name = f"{system.get('/Registry', '')}-{system.get('/Ordering', '')}"
    if name not in _COLLECTIONS:
        return None
    table = _collection(name, vertical)
    return lambda code: table.get(cids(code), "")


@cache
def _collection(name: str, vertical: bool) -> Mapping[int, str]:
    from pdfminer.cmapdb import CMapDB

    try:
        return CMapDB.get_unicode_map(name, vertical).cid2unichr
    except CMapDB.CMapNotFound:
        return {}


def _by_program(inner: Any, cids: Callable[[bytes], int]) -> Callable[[bytes], str] | None:
    """Glyph numbers of a TrueType program that brings its own character table."""
    from io import BytesIO
    from struct import error

    from pdfminer.pdffont import TrueTypeFont

    descriptor = fields(inner.get("/FontDescriptor"))
    if "/FontFile2" not in descriptor or kind(inner.get("/CIDToGIDMap")) == "stream":
        return None
    try:
        data = descriptor.FontFile2.read_bytes()
        table = TrueTypeFont("", BytesIO(data)).create_unicode_map().cid2unichr
    except (error, KeyError, IndexError, ValueError, TypeError, TrueTypeFont.CMapNotFound):
        return None
    return lambda code: table.get(cids(code), "")


def _named_cmap(
    name: str,
) -> tuple[Callable[[bytes], int], Callable[[bytes], Iterator[bytes]]]:
    if name in ("Identity-H", "Identity-V") or (_GIVEN.fullmatch(name) is None and not name):
        return _pair_value, _pairs_of
    tree = _predefined(name)
    if not tree:
        return _pair_value, _pairs_of

    def split(string: bytes) -> Iterator[bytes]:
        at = 0
        while at < len(string):
            node: Any = tree
            end = at
            while end < len(string) and isinstance(node, dict):
                node = node.get(string[end])
                end += 1
            if node is None and end - at < 2 and not _single(tree, string[at]):
                end = min(at + 2, len(string))
            yield string[at:end]
            at = end

    def cid(code: bytes) -> int:
        node: Any = tree
        for byte in code:
            node = node.get(byte) if isinstance(node, dict) else None
        return node if isinstance(node, int) else 0

    return cid, split


def _single(tree: Mapping[int, Any], byte: int) -> bool:
    """Whether an unknown byte is a code of its own: some code of one byte exists (below 0x80)."""
    return byte < 0x80 and any(isinstance(node, int) for node in tree.values())


@cache
def _predefined(name: str) -> dict[int, Any]:
    from pdfminer.cmapdb import CMapDB

    try:
        return dict(getattr(CMapDB.get_cmap(name), "code2cid", {}))
    except CMapDB.CMapNotFound:
        return {}


def _pair_value(code: bytes) -> int:
    return int.from_bytes(code, "big")


def _pairs_of(string: bytes) -> Iterator[bytes]:
    for at in range(0, len(string), 2):
        yield string[at : at + 2]


_HEX = rb"<([0-9A-Fa-f\s]*)>"
_BLOCK = re.compile(rb"begin(codespacerange|cidrange|cidchar|bfrange|bfchar)(.*?)end\1", re.S)
_ITEM = re.compile(rb"\[([^\]]*)\]|" + _HEX + rb"|(\d+)")


def _own_cmap(
    stream: Any,
) -> tuple[Callable[[bytes], int], Callable[[bytes], Iterator[bytes]], bool]:
    """A CMap that stands in the file."""
    data = stream.read_bytes()
    ranges: list[tuple[bytes, bytes, int]] = []
    lengths: list[tuple[bytes, bytes]] = []
    for section, body in _BLOCK.findall(data):
        entries = [
            _hex(text) if not digits else int(digits) for _, text, digits in _ITEM.findall(body)
        ]
        if section == b"codespacerange":
            lengths += [
                (low, high)
                for low, high in zip(entries[::2], entries[1::2], strict=False)
                if isinstance(low, bytes) and isinstance(high, bytes)
            ]
        elif section == b"cidrange":
            ranges += [_range(entries[at : at + 3]) for at in range(0, len(entries) - 2, 3)]
        elif section == b"cidchar":
            ranges += [
                _range([entries[at], *entries[at : at + 2]]) for at in range(0, len(entries) - 1, 2)
            ]
    vertical = bool(re.search(rb"/WMode\s+1\b", data)) or str(stream.get("/WMode", 0)) == "1"
    base = stream.get("/UseCMap")
    below = _named_cmap(str(base).lstrip("/"))[0] if kind(base) == "name" else None

    def cid(code: bytes) -> int:
        for low, high, first in ranges:
            if len(low) == len(code) and low <= code <= high:
                return first + _pair_value(code) - _pair_value(low)
        return below(code) if below else 0

    known: dict[bytes, int] = {}

    def remembered(code: bytes) -> int:
        if code not in known:
            known[code] = cid(code)
        return known[code]

    return remembered, lambda string: _by_space(string, lengths), vertical


def _range(entries: list[Any]) -> tuple[bytes, bytes, int]:
    low, high, first = entries
    return (
        (low, high, first) if isinstance(low, bytes) and isinstance(first, int) else (b"\1", b"", 0)
    )


def _by_space(string: bytes, spaces: list[tuple[bytes, bytes]]) -> Iterator[bytes]:
    """Codes as long as the code space says (9.7.6.2)."""
    at = 0
    shortest = min((len(low) for low, _ in spaces), default=2)
    while at < len(string):
        for low, high in spaces:
            code = string[at : at + len(low)]
            if len(code) == len(low) and all(
                a <= b <= c for a, b, c in zip(low, code, high, strict=False)
            ):
                break
        else:
            code = string[at : at + shortest]
        yield code
        at += len(code)


def _hex(text: bytes) -> bytes:
    digits = re.sub(rb"\s", b"", text)
    return bytes.fromhex((digits + b"0" * (len(digits) % 2)).decode())


def to_unicode(stream: Any) -> dict[bytes, str]:
    """Code -> characters as a ToUnicode CMap gives them (9.10.3)."""
    if kind(stream) != "stream":
        return {}
    table: dict[bytes, str] = {}
    for section, body in _BLOCK.findall(stream.read_bytes()):
        entries = [array or _hex(text) for array, text, _ in _ITEM.findall(body)]
        if section == b"bfchar":
            for code, text in zip(entries[::2], entries[1::2], strict=False):
                table[code] = text.decode("utf-16-be", "ignore")
        elif section == b"bfrange":
            for at in range(0, len(entries) - 2, 3):
                _fill(table, *entries[at : at + 3])
        if len(table) > _MOST_CODES:
            break
    return {code: text.replace("\0", "") for code, text in table.items()}


def _fill(table: dict[bytes, str], low: bytes, high: bytes, target: bytes) -> None:
    first, last = _pair_value(low), _pair_value(high)
    listed = re.findall(_HEX, target) if b"<" in target else None
    for at in range(min(last - first, 0xFFFF) + 1):
        code = (first + at).to_bytes(len(low), "big")
        if listed is not None:
            if at >= len(listed):
                return
            table[code] = _hex(listed[at]).decode("utf-16-be", "ignore")
        elif target:
            value = int.from_bytes(target, "big") + at
            try:
                table[code] = value.to_bytes(len(target), "big").decode("utf-16-be", "ignore")
            except OverflowError:
                return


def _across(array: Any) -> dict[int, float]:
    """CID -> width, from /W (9.7.4.3)."""
    widths: dict[int, float] = {}
    parts = items(array)
    at = 0
    while at + 1 < len(parts) and len(widths) < _MOST_CODES:
        first = int(number(parts[at], 0))
        if kind(parts[at + 1]) == "array":
            for offset, width in enumerate(parts[at + 1]):
                widths[first + offset] = number(width, 1000.0)
            at += 2
        elif at + 2 < len(parts):
            last = min(int(number(parts[at + 1], 0)), first + 0xFFFF)
            widths.update(dict.fromkeys(range(first, last + 1), number(parts[at + 2], 1000.0)))
            at += 3
        else:
            break
    return widths


def _downs(inner: Any) -> tuple[dict[int, float], float]:
    """CID -> how far the pen goes down, from /W2 and /DW2; negative, as it stands there."""
    pair = items(inner.get("/DW2"))
    default = number(pair[1], -1000.0) if len(pair) == 2 else -1000.0
    downs: dict[int, float] = {}
    parts = items(inner.get("/W2"))
    at = 0
    while at + 1 < len(parts) and len(downs) < _MOST_CODES:
        first = int(number(parts[at], 0))
        if kind(parts[at + 1]) == "array":
            triples = list(parts[at + 1])
            for offset in range(len(triples) // 3):
                downs[first + offset] = number(triples[3 * offset], default)
            at += 2
        else:
            last = min(int(number(parts[at + 1], 0)), first + 0xFFFF)
            down = number(parts[at + 2], default) if at + 2 < len(parts) else default
            downs.update(dict.fromkeys(range(first, last + 1), down))
            at += 5
    return downs, default
