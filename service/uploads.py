"""A multipart body -> files on disk, piece by piece: never whole in memory, never twice on disk.

The client's file names are kept as texts and never become a path here.
"""

from __future__ import annotations

import contextlib
import os
import re
import shutil
import unicodedata
from collections.abc import Collection, Iterator
from dataclasses import dataclass, field
from io import FileIO
from pathlib import Path

from anyio.to_thread import run_sync
from python_multipart import MultipartParser
from python_multipart.exceptions import FormParserError
from python_multipart.multipart import parse_options_header
from starlette.requests import ClientDisconnect, Request

from .folders import FULL
from .problems import Problem

MOST_FILES = 1_000
_MOST_TEXT = 256 * 1024
"""Bytes of all fields that are no files."""


@dataclass(frozen=True, slots=True)
class Uploaded:
    """One file of a form: its field, where it lies, what the client calls it."""

    field: str
    path: Path
    name: str


@dataclass(slots=True)
class Form:
    """What a form holds."""

    files: list[Uploaded] = field(default_factory=list)
    texts: dict[str, str] = field(default_factory=dict)


async def receive_form(
    request: Request, folder: Path, files: Collection[str], texts: Collection[str]
) -> Form:
    """The form, its files written to ``folder``. Raises Problem."""
    parser = _Parser(request.headers.get("content-type", ""), folder, files, texts)
    try:
        _check_room(request, folder)
        async for chunk in request.stream():
            await run_sync(parser.feed, chunk)
        await run_sync(parser.end)
    except ClientDisconnect:
        raise Problem("aborted") from None
    finally:
        parser.close()
    if not parser.form.files:
        raise Problem("invalid", "没有文件：请用 files 字段上传", "No file: use the field files")
    return parser.form


def _check_room(request: Request, folder: Path) -> None:
    """Raises Problem where the disk cannot take what is announced."""
    length = request.headers.get("content-length", "")
    if length.isdigit() and int(length) > shutil.disk_usage(folder).free:
        raise Problem("no-space")


class _Parser:
    """The form as it comes in; one file is open at a time."""

    def __init__(
        self, content_type: str, folder: Path, files: Collection[str], texts: Collection[str]
    ) -> None:
        kind, options = parse_options_header(content_type)
        if kind != b"multipart/form-data":
            raise Problem("bad-type", "请用 multipart/form-data 上传", "Use multipart/form-data")
        boundary = options.get(b"boundary", b"")
        if not boundary or len(boundary) > 200:
            raise Problem("bad-form")
        self.form = Form()
        self._folder, self._file_fields, self._text_fields = folder, files, texts
        self._parser = MultipartParser(
            boundary,
            {
                "on_part_begin": self._begin,
                "on_header_field": self._header_name,
                "on_header_value": self._header_value,
                "on_header_end": self._header_end,
                "on_headers_finished": self._headers_end,
                "on_part_data": self._data,
                "on_part_end": self._part_end,
                "on_end": self._end,
            },
        )
        self._ended = self._unchosen = False
        self._text_size = 0
        self._name = self._value = self._disposition = b""
        self._field = ""
        self._text: bytearray | None = None
        self._file: FileIO | None = None

    def feed(self, chunk: bytes) -> None:
        with _told():
            self._parser.write(chunk)

    def end(self) -> None:
        """Raises Problem where the body stopped before its end: half a list is no list."""
        with _told():
            self._parser.finalize()
        if not self._ended:
            raise Problem("bad-form")

    def close(self) -> None:
        if self._file:
            # A full disk may tell so again on closing.
            with contextlib.suppress(OSError):
                self._file.close()
            self._file = None

    # --- called by the parser ---------------------------------------------------------------------

    def _begin(self) -> None:
        self._name = self._value = self._disposition = b""
        self._text = None

    def _header_name(self, data: bytes, start: int, end: int) -> None:
        self._name += data[start:end]

    def _header_value(self, data: bytes, start: int, end: int) -> None:
        self._value += data[start:end]

    def _header_end(self) -> None:
        if self._name.lower() == b"content-disposition":
            self._disposition = self._value
        self._name = self._value = b""

    def _headers_end(self) -> None:
        _, options = parse_options_header(self._disposition)
        self._field = options.get(b"name", b"").decode("utf-8", "replace")
        name = options.get(b"filename")
        known = self._text_fields if name is None else self._file_fields
        if self._field not in known:
            allowed = "、".join((*self._file_fields, *self._text_fields))
            raise Problem("invalid", f"不认识的字段；可用：{allowed}", "Unknown field")
        if name is None:
            if self._field in self.form.texts:
                raise Problem("invalid", f"字段 {self._field} 给了不止一次", "A repeated field")
            self._text = bytearray()
        else:
            self._open(name.decode("utf-8", "replace"))

    def _open(self, name: str) -> None:
        if len(self.form.files) >= MOST_FILES:
            raise Problem("too-large", f"一次最多 {MOST_FILES} 份文件", "Too many files")
        cleaned = clean_name(name)
        path = self._folder / f"{len(self.form.files)}{_suffix(cleaned)}"
        flags = os.O_CREAT | os.O_EXCL | os.O_WRONLY | getattr(os, "O_BINARY", 0)
        self._file = FileIO(os.open(path, flags, 0o600), "wb")
        self.form.files.append(Uploaded(self._field, path, cleaned))
        self._unchosen = not name

    def _data(self, data: bytes, start: int, end: int) -> None:
        if self._file:
            piece = memoryview(data)[start:end]
            while piece:
                piece = piece[self._file.write(piece) :]
        elif self._text is not None:
            self._text_size += end - start
            if self._text_size > _MOST_TEXT:
                raise Problem("too-large", "字段太长", "The fields are too long")
            self._text += data[start:end]

    def _part_end(self) -> None:
        if self._file:
            empty = not self._file.tell()
            self._file.close()
            self._file = None
            if empty and self._unchosen:  # how a browser sends a field in which nothing was chosen
                self.form.files.pop().path.unlink()
        elif self._text is not None:
            try:
                self.form.texts[self._field] = self._text.decode("utf-8")
            except UnicodeDecodeError:
                raise Problem("bad-form") from None

    def _end(self) -> None:
        self._ended = True


@contextlib.contextmanager
def _told() -> Iterator[None]:
    """Faults of the form and of the disk as problems."""
    try:
        yield
    except FormParserError:
        raise Problem("bad-form") from None
    except OSError as error:
        raise (Problem("no-space") if error.errno in FULL else error) from None


# --- names ----------------------------------------------------------------------------------------

_FORBIDDEN = frozenset('<>:"|?*')
_UNSEEN = frozenset(("Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"))
_DEVICES = re.compile(r"(?i)(con|prn|aux|nul|com\d|lpt\d)(\.|$)")
_SUFFIX = re.compile(r"\.[a-z0-9]{1,8}")
_MOST_NAME, _MOST_FOLDERS = 200, 8


def clean_name(name: str) -> str:
    """A relative name that no system and no page acts on: neither leads out of a folder, nor hides
    what it is, nor is a device.

    >>> clean_name("../../etc/passwd")
    'etc/passwd'
    >>> clean_name("C:\\\\名单\\\\<b>CON.csv")
    'C_/名单/_b_CON.csv'
    """
    parts = filter(None, map(_clean_part, re.split(r"[/\\]", name)))
    return "/".join(list(parts)[-_MOST_FOLDERS:]) or "未命名"


def _clean_part(part: str) -> str:
    seen = "".join(
        "_" if char in _FORBIDDEN or unicodedata.category(char) in _UNSEEN else char
        for char in unicodedata.normalize("NFC", part)
    ).strip(" ")
    seen = seen.rstrip(". ")
    if not seen.strip("."):
        return ""
    if _DEVICES.match(seen):
        seen = f"_{seen}"
    stem, dot, suffix = seen.rpartition(".")
    if dot and stem and len(suffix) <= 8:
        return _cut(stem, _MOST_NAME - len(suffix.encode()) - 1) + dot + suffix
    return _cut(seen, _MOST_NAME)


def _cut(text: str, most: int) -> str:
    """The beginning of a text that takes no more than so many bytes."""
    return text.encode()[:most].decode("utf-8", "ignore")


def _suffix(name: str) -> str:
    """The extension by which the library knows the format; none where it is no plain one."""
    suffix = Path(name).suffix.lower()
    return suffix if _SUFFIX.fullmatch(suffix) else ""
