"""The Document protocol, and which module reads which extension.

A format module has ``EXTENSIONS`` (lower case, with the dot), ``LABEL`` (Chinese name), ``KEEPS``,
``DROPS`` and ``REFUSES`` (what clerks are told of it) and ``read(path) -> Document``. Modules are discovered by file name: a new format is one new module.
Formats know nothing of privacy. They raise UnreadableFile, UnsupportedFormat or UnsafeEdit with a
plain Chinese sentence that names the fault and what to do, and never holds cell content.
"""

from __future__ import annotations

import importlib
import re
from collections.abc import Iterator, Mapping, Sequence
from functools import cache
from pathlib import Path
from types import MappingProxyType, ModuleType
from typing import BinaryIO, NamedTuple, Protocol

from deid.errors import UnreadableFile, UnsupportedFormat
from deid.formats import magic
from deid.model import Edit, Remark, Table, Text

NOTHING: Mapping[str, frozenset[int]] = MappingProxyType({})
"""No columns, no rows."""


class Document(Protocol):
    """An opened file: parts that can be read, changed and saved.

    ``parts``: tables and texts in reading order, every place where a value can stand, hidden ones
    included. A text part may show several times what a cell shows (a cached chart label).
    ``remarks``: what a person has to look at, and what saving drops.

    A format that can take whole columns out of a table also has ``removable(table, columns)``: whether
    it is safe for these. Where it is not there or says no, the caller blanks the cells by edits.
    Names of tables with columns that can be removed are unique in the document.
    """

    format: str
    parts: Sequence[Table | Text]
    remarks: Sequence[Remark]

    def save(
        self,
        target: BinaryIO,
        edits: Mapping[str, Sequence[Edit]],
        drops: Mapping[str, frozenset[int]] = NOTHING,
        notes: Mapping[str, frozenset[int]] = NOTHING,
    ) -> None:
        """Write the file with ``edits`` (by place; sorted, not overlapping) spliced in.

        What is not edited stays byte for byte. ``drops``: by name of table the columns that go, after
        the edits, which count columns as the source does. ``notes``: by name of table the rows that
        are no part of the list (titles, notes, footers): their texts stay, in their order; one that
        stands in a column that goes moves to a cell beside it. So does that of a merged cell that
        reaches beyond the columns that go. Raises UnsafeEdit.
        """

    def raw(self) -> Iterator[tuple[str, bytes]]:
        """Name and unpacked bytes of every part of the file, to search for what may be left."""

    def close(self) -> None:
        """Let go of the file."""


_DECLARED = re.compile(rb"\nEXTENSIONS = (\([^)]*\))")
_HEAD = 4096
"""In the first so many bytes a format declares its extensions: the sources are half a megabyte."""


@cache
def _modules() -> Mapping[str, str]:
    """Extension -> name of its module, read off the sources: importing every format would take
    longer than to mask a small list."""
    found: dict[str, str] = {}
    for source in Path(__file__).parent.iterdir():
        if source.suffix == ".py":
            with source.open("rb") as stream:
                declared = _DECLARED.search(stream.read(_HEAD))
            if declared:
                names = re.findall(r'"([^"]+)"', declared[1].decode())
                found.update(dict.fromkeys(names, f"{__name__}.{source.stem}"))
    return MappingProxyType(found)


def formats() -> Mapping[str, ModuleType]:
    """Extension -> the module that reads it, imported."""
    return {extension: importlib.import_module(name) for extension, name in _modules().items()}


class About(NamedTuple):
    """What clerks are told of a format."""

    label: str
    extensions: tuple[str, ...]
    keeps: tuple[str, ...]
    drops: tuple[str, ...]
    refuses: tuple[str, ...]


def described() -> list[About]:
    """Every format, told by its own module; by extension."""
    modules = {module.EXTENSIONS[0]: module for _, module in sorted(formats().items())}
    return [
        About(one.LABEL, one.EXTENSIONS, one.KEEPS, one.DROPS, one.REFUSES)
        for _, one in sorted(modules.items())
    ]


def not_supported() -> list[tuple[str, tuple[str, ...]]]:
    """What to do -> the kinds of files for which this is the way, none of which is read."""
    kinds: dict[str, list[str]] = {}
    for kind, advice in magic.unsupported():
        kinds.setdefault(advice, []).append(kind)
    return [(advice, tuple(dict.fromkeys(names))) for advice, names in kinds.items()]


def open_document(path: Path, *, raster: bool = False) -> Document:
    """The file, opened by the module for its extension.

    ``raster``: a PDF page that cannot be edited safely becomes an image with a text layer.

    Raises UnsupportedFormat that says what the file is, UnreadableFile that names the fault.
    """
    if path.is_dir():
        raise UnreadableFile("这是文件夹，不是文件")
    name = _modules().get(path.suffix.lower())
    if name is None:
        raise UnsupportedFormat(magic.refusal(path))
    read = importlib.import_module(name).read
    document: Document = (
        read(path, raster=True) if raster and path.suffix.lower() == ".pdf" else read(path)
    )
    return document
