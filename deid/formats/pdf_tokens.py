"""Content streams of a PDF as tokens, and streams unpacked within limits (ISO 32000-1, 7.2 to 7.9)."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from deid.errors import UnreadableFile
from deid.formats.pdf_objects import items

TOO_MUCH = "第{page}页的内容过于庞大或嵌套过深，无法安全处理，请重新导出后再试。"

_TOKEN = re.compile(
    rb"[\0\t\n\x0c\r ]*(?:%[^\r\n]*[\0\t\n\x0c\r ]*)*"
    rb"(?:(?P<number>[+-]?(?:\d+\.?\d*|\.\d+))(?=[\0\t\n\x0c\r ()<>\[\]{}/%]|$)"
    rb"|(?P<name>/[^\0\t\n\x0c\r ()<>\[\]{}/%]*)"
    rb"|(?P<word>[^\0\t\n\x0c\r ()<>\[\]{}/%]+)"
    rb"|(?P<plain>\([^()\\\r]*\))"
    rb"|(?P<hex><[0-9A-Fa-f\0\t\n\x0c\r ]*>)"
    rb"|(?P<mark><<|>>|[\[\]{}(<>)]))"
)
_ESCAPE = re.compile(rb"\\(?:([0-7]{1,3})|(\r\n|[\s\S]))|\r\n?")
_LETTERS = {
    b"n": b"\n",
    b"r": b"\r",
    b"t": b"\t",
    b"b": b"\b",
    b"f": b"\f",
    b"\n": b"",
    b"\r": b"",
    b"\r\n": b"",
}
_INLINE_END = re.compile(rb"[\0\t\n\x0c\r ]EI(?=[\0\t\n\x0c\r /]|$)")


class Name(bytes):
    """A name as it stands in a content stream, with its slash."""


def tokens(data: bytes) -> Iterator[tuple[str, Any, int, int]]:
    """(kind, value, start, end) of each token; a dictionary or array comes as its marks."""
    at, size = 0, len(data)
    match = _TOKEN.match
    while at < size:
        found = match(data, at)
        if found is None:
            return
        which = found.lastgroup or ""
        start, at = found.span(which)
        if which == "number":
            yield which, float(found[which]), start, at
        elif which == "plain":
            yield "string", found[which][1:-1], start, at
        elif which == "hex":
            text = re.sub(rb"[^0-9A-Fa-f]", b"", found[which])
            yield "string", bytes.fromhex((text + b"0" * (len(text) % 2)).decode()), start, at
        elif found[which] == b"(":
            at = _literal_end(data, start)
            yield "string", unescaped(data[start + 1 : at - 1]), start, at
        elif found[which] == b"ID":
            yield "word", b"ID", start, at
            end = _INLINE_END.search(data, at)
            at = end.end() - 2 if end else size
        else:
            yield which, Name(found[which]) if which == "name" else found[which], start, at


def _literal_end(data: bytes, start: int) -> int:
    depth, at = 0, start
    step = re.compile(rb"[()]|\\[\s\S]")
    while found := step.search(data, at):
        at = found.end()
        if found[0] == b"(":
            depth += 1
        elif found[0] == b")":
            depth -= 1
            if not depth:
                return at
    return len(data) + 1


def unescaped(text: bytes) -> bytes:
    """The bytes that a literal string stands for (7.3.4.2)."""

    def plain(match: re.Match[bytes]) -> bytes:
        if match[1]:
            return bytes((int(match[1], 8) & 0xFF,))
        if match[2] is None:
            return b"\n"
        return _LETTERS.get(match[2], match[2])

    return _ESCAPE.sub(plain, text) if b"\\" in text or b"\r" in text else text


def literal(text: bytes) -> bytes:
    """A string as content streams write it, in hexadecimal: no escapes to get wrong."""
    return b"<" + text.hex().encode() + b">"


def decimal(value: float) -> bytes:
    """A number as content streams write it."""
    text = f"{value:.5f}".rstrip("0").rstrip(".")
    return (text if text not in ("", "-0") else "0").encode()


def text_string(data: bytes) -> str:
    """A text string (7.9.2.2)."""
    if data.startswith((b"\xfe\xff", b"\xff\xfe")):
        return data.decode("utf-16", "replace")
    if data.startswith(b"\xef\xbb\xbf"):
        return data[3:].decode("utf-8", "replace")
    return data.decode("pdfdoc_pikepdf", "replace")


_SHOWS = re.compile(rb"(?<![^\0\t\n\x0c\r )\]>])(?:T[jJ]|'|\"|Do)(?![^\0\t\n\x0c\r (\[</%])")


def shows_text(data: bytes) -> bool:
    """Whether a stream may show text, itself or by a form that it draws."""
    return bool(_SHOWS.search(data))


_MOST_BYTES = 64 << 20


def stream_bytes(stream: Any, page: int) -> bytes:
    """The unpacked bytes of a stream. Raises UnreadableFile for a damaged or boundless one."""
    import pikepdf

    filters = [str(one) for one in items(stream.get("/Filter"))] or [str(stream.get("/Filter", ""))]
    try:
        raw = bytes(stream.read_raw_bytes())
        if filters == ["/FlateDecode"] and len(raw) > _MOST_BYTES // 1032:
            _require_bounded(raw, page)
        elif len(filters) > 1 and filters.count("/FlateDecode") > 1:
            raise UnreadableFile(TOO_MUCH.format(page=page))
        data = bytes(stream.read_bytes())
    except (pikepdf.PdfError, RuntimeError, MemoryError):
        raise UnreadableFile(f"第{page}页的内容已损坏，无法读取，请重新导出。") from None
    if len(data) > _MOST_BYTES:
        raise UnreadableFile(TOO_MUCH.format(page=page))
    return data


def _require_bounded(raw: bytes, page: int) -> None:
    """Raises UnreadableFile when the bytes would unpack to more than the limit."""
    from zlib import decompressobj, error

    try:
        size = len(decompressobj().decompress(raw, _MOST_BYTES + 1))
    except error:
        return  # damaged; what can be read of it is read by qpdf
    if size > _MOST_BYTES:
        raise UnreadableFile(TOO_MUCH.format(page=page))
