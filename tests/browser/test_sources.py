"""What the page's files may hold: nothing inline, nothing from outside, nothing too new."""

from __future__ import annotations

import re
from pathlib import Path

PAGE = Path(__file__).resolve().parents[2] / "service" / "page"
HTML = (PAGE / "index.html").read_text(encoding="utf-8")
SCRIPT = (PAGE / "app.js").read_text(encoding="utf-8")
STYLE = (PAGE / "app.css").read_text(encoding="utf-8")


def test_nothing_inline_and_nothing_from_outside() -> None:
    assert not re.search(r"<style|\sstyle=|\son\w+=|<script(?! src=)|javascript:", HTML)
    assert re.findall(r'(?:src|href)="([^"#]*)', HTML) == [
        "data:,",
        "/static/app.css",
        "/static/app.js",
        "",
    ]
    for text in (HTML, SCRIPT, STYLE):
        assert not re.search(r"https?://|@import|url\(", text)


def test_content_is_only_ever_set_as_text() -> None:
    assert not re.search(
        r"innerHTML|outerHTML|insertAdjacentHTML|document\.write|\beval\(|new Function", SCRIPT
    )


def test_nothing_is_stored_or_logged() -> None:
    for word in ("localStorage", "sessionStorage", "indexedDB", "cookie", "pushState", "console."):
        assert word not in SCRIPT
    assert not re.search(r"replaceState|document\.title|location\.(hash|href|search)", SCRIPT)


def test_nothing_newer_than_chromium_86() -> None:
    newer = r"\.at\(|\?\?=|\|\|=|&&=|structuredClone|hasOwn\(|\.findLast|showModal|\.replaceAll\("
    assert not re.search(newer, SCRIPT)
    assert not re.search(
        r":has\(|:is\(|\binset:|@layer|color-mix|\bdvh|@container|aspect-ratio", STYLE
    )
    assert "<dialog" not in HTML
