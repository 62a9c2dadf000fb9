"""The Document protocol, and which module reads which extension.

A format module has ``EXTENSIONS`` (lower case, with the dot), ``LABEL`` (Chinese name), ``KEEPS``,
``DROPS`` and ``REFUSES`` (what clerks are told of it) and ``read(path) -> Document``. Modules are discovered by file name: a new format is one new module.
Formats know nothing of privacy. They raise UnreadableFile, UnsupportedFormat or UnsafeEdit with a
plain Chinese sentence that names the fault and what to do, and never holds cell content.
"""

from __future__ import annotations

import importlib.util
import pkgutil
from collections.abc import Iterator, Mapping, Sequence
from functools import cache
from pathlib import Path
from types import MappingProxyType, ModuleType
from typing import BinaryIO, NamedTuple, Protocol

from deid.errors import UnreadableFile, UnsupportedFormat
from deid.formats import magic
from deid.model import Edit, Remark, Table, Text


class Document(Protocol):
    """An opened file: parts that can be read, changed and saved.

    ``parts``: tables and texts in reading order, every place where a value can stand, hidden ones
    included. A text part may show several times what a cell shows (a cached chart label).
    ``remarks``: what a person has to look at, and what saving drops.
    """

    format: str
    parts: Sequence[Table | Text]
    remarks: Sequence[Remark]

    def save(self, target: BinaryIO, edits: Mapping[str, Sequence[Edit]]) -> None:
        """Write the file with ``edits`` (by place; sorted, not overlapping) spliced in.

        What is not edited stays byte for byte. Raises UnsafeEdit.
        """

    def raw(self) -> Iterator[tuple[str, bytes]]:
        """Name and unpacked bytes of every part of the file, to search for what may be left."""

    def close(self) -> None:
        """Let go of the file."""


@cache
def formats() -> Mapping[str, ModuleType]:
    """Extension -> the module that reads it."""
    found: dict[str, ModuleType] = {}
    for module in pkgutil.iter_modules(__path__):
        reader = importlib.import_module(f"{__name__}.{module.name}")
        for extension in getattr(reader, "EXTENSIONS", ()):
            found[extension] = reader
    return MappingProxyType(found)


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


def _reader(extension: str) -> ModuleType | None:
    """The module that reads an extension; one that bears its name spares looking at the others."""
    name = f"{__name__}.{extension[1:]}"
    if extension[1:].isalnum() and importlib.util.find_spec(name):
        module = importlib.import_module(name)
        if extension in getattr(module, "EXTENSIONS", ()):
            return module
    return formats().get(extension)


def open_document(path: Path) -> Document:
    """The file, opened by the module for its extension.

    Raises UnsupportedFormat that says what the file is, UnreadableFile that names the fault.
    """
    if path.is_dir():
        raise UnreadableFile("这是文件夹，不是文件")
    reader = _reader(path.suffix.lower())
    if reader is None:
        raise UnsupportedFormat(magic.refusal(path))
    document: Document = reader.read(path)
    return document
