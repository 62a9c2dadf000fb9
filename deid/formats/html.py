"""Web pages."""

from __future__ import annotations

from typing import TYPE_CHECKING

from deid.errors import UnreadableFile

if TYPE_CHECKING:
    from deid.formats import Document


def page(data: bytes) -> Document:
    """A page, opened."""
    raise UnreadableFile("网页内容还不能检查，请用 Word 打开后另存一份再试")
