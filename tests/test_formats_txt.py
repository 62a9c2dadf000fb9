"""Plain text: a part for each line that is not empty, changed in place."""

from __future__ import annotations

import io
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from deid.errors import UnreadableFile, UnsafeEdit
from deid.formats.txt import PlainText, read
from deid.model import Edit

ENCODINGS = {
    "utf-8": b"",
    "utf-8-sig": b"\xef\xbb\xbf",
    "gb18030": b"",
    "utf-16-le": b"\xff\xfe",
    "utf-16-be": b"\xfe\xff",
}


@pytest.fixture(scope="module")
def folder() -> Iterator[Path]:
    with tempfile.TemporaryDirectory() as name:
        yield Path(name)


def _open(folder: Path, content: bytes) -> PlainText:
    path = folder / "a.txt"
    path.write_bytes(content)
    return read(path)


def _encoded(text: str, encoding: str) -> bytes:
    return ENCODINGS[encoding] + text.encode(encoding.removesuffix("-sig"))


def _lines(text: str) -> list[tuple[str, str]]:
    lines = text.replace("\r\n", "\n").replace("\r", "\n").split("\n")
    return [(f"L{number}", line) for number, line in enumerate(lines) if line]


def _parts(document: PlainText) -> list[tuple[str, str]]:
    return [(part.place, part.text) for part in document.parts]


def _saved(document: PlainText, edits: Mapping[str, Sequence[Edit]] | None = None) -> bytes:
    target = io.BytesIO()
    document.save(target, edits or {})
    return target.getvalue()


_TEXT = st.text(
    st.one_of(
        st.sampled_from(list("\r\n\r\n\n \t0张一上\u2028\x85\u0a0d\u0d0a")),
        st.characters(exclude_categories=["Cc", "Cs"]),
    ),
    max_size=60,
)


@given(_TEXT, st.sampled_from(list(ENCODINGS)))
@settings(max_examples=400, deadline=None)
def test_lines_and_the_same_bytes(folder: Path, text: str, encoding: str) -> None:
    text = "公示名单张三\r\n" + text
    content = _encoded(text, encoding)
    document = _open(folder, content)
    assert _parts(document) == _lines(text)
    assert len(document.parts) == len(_lines(text))
    assert _saved(document) == content
    assert list(document.raw()) == [("", content)]


@given(st.binary(max_size=80))
@settings(max_examples=400, deadline=None)
def test_any_bytes_come_back_or_are_refused(folder: Path, content: bytes) -> None:
    try:
        document = _open(folder, content)
    except UnreadableFile:
        return
    _parts(document)
    assert _saved(document) == content


@given(_TEXT, st.sampled_from(list(ENCODINGS)), st.data())
@settings(max_examples=300, deadline=None)
def test_what_is_saved_is_what_was_edited(
    folder: Path, text: str, encoding: str, data: st.DataObject
) -> None:
    document = _open(folder, _encoded("公示名单张三\n" + text, encoding))
    edits: dict[str, list[Edit]] = {}
    wanted = {}
    for part in document.parts[1:]:
        length = len(part.text)
        a, b, c, d = sorted(data.draw(st.tuples(*[st.integers(0, length)] * 4)))
        new = data.draw(st.sampled_from(["", "***", "号×", "\U00020000"]))
        edits[part.place] = [Edit(part.place, a, b, new), Edit(part.place, c, d, "*")]
        wanted[part.place] = part.text[:a] + new + part.text[b:c] + "*" + part.text[d:]
    once = _saved(document, edits)
    assert _saved(document, edits) == once
    assert dict(_parts(_open(folder, once))) == {"L0": "公示名单张三"} | wanted


@pytest.mark.parametrize("encoding", ENCODINGS)
def test_save(folder: Path, encoding: str) -> None:
    before = "张三 13800138000\r\n\r李四\t13900139000\n"
    after = "张三 138********\r\n\r李四\t139********\n"
    edits = {
        "L2": [Edit("L2", 6, 14, "*" * 8)],
        "L0": [Edit("L0", 6, 14, "*" * 8)],
    }
    assert _saved(_open(folder, _encoded(before, encoding)), edits) == _encoded(after, encoding)


@pytest.mark.parametrize(
    "edits",
    [
        {"L9": [Edit("L9", 0, 0, "*")]},
        {"R0C0": [Edit("R0C0", 0, 0, "*")]},
        {"L0": [Edit("L0", 0, 4, "*")]},
        {"L0": [Edit("L0", 0, 1, "a\nb")]},
        {"L0": [Edit("L0", 0, 2, "*"), Edit("L0", 1, 2, "*")]},
        {"L0": [Edit("L0", 0, 1, "\ud800")]},
    ],
)
def test_save_refuses(folder: Path, edits: dict[str, list[Edit]]) -> None:
    with pytest.raises(UnsafeEdit):
        _saved(_open(folder, b"abc\ndef"), edits)


def test_parts_are_a_sequence(folder: Path) -> None:
    parts = _open(folder, b"a\n\nb\nc\n").parts
    assert [parts[1].place, parts[-1].text] == ["L2", "c"]
    assert [part.text for part in parts[1:]] == ["b", "c"]


def test_close(folder: Path) -> None:
    document = _open(folder, b"a\n")
    document.close()
    assert list(document.parts) == []
    assert list(document.raw()) == [("", b"")]


def test_lines_in_two_encodings(folder: Path) -> None:
    lines = ["张三，东路1号\n".encode("gbk")] * 9 + ["李四，西路2号\n".encode()]
    document = _open(folder, b"".join(lines))
    assert document.parts[9].text == "李四，西路2号"
    assert "从第 10 行起，有 1 行" in document.remarks[0].message
    edits = {"L9": [Edit("L9", 5, 6, "×")], "L0": [Edit("L0", 5, 6, "×")]}
    saved = _saved(document, edits).splitlines()
    assert saved[9] == "李四，西路×号".encode()
    assert saved[0] == "张三，东路×号".encode("gbk")


@pytest.mark.parametrize(
    ("content", "words"),
    [(b"{\\rtf1 x}", "RTF"), (b"a\0b", "NUL"), (b"\x89PNG\r\n\x1a\n", "图片")],
)
def test_refused(folder: Path, content: bytes, words: str) -> None:
    with pytest.raises(UnreadableFile) as caught:
        _open(folder, content)
    assert words in str(caught.value)


def test_markup_is_text_too(folder: Path) -> None:
    assert _open(folder, b"<html>\n<p>x").parts[1].text == "<p>x"


def test_long_line_and_many_edits(folder: Path) -> None:
    """Quadratic work would not come back from this."""
    line = "张三13800138000；" * 100_000
    content = f"名单\n{line}\n".encode("gb18030")
    edits = [Edit("L1", at + 5, at + 13, "*" * 8) for at in range(0, len(line), 14)]
    saved = _saved(_open(folder, content), {"L1": edits})
    assert saved.decode("gb18030") == f"名单\n{line}\n".replace("00138000", "*" * 8)


def test_many_empty_lines(folder: Path) -> None:
    document = _open(folder, b"\n" * 300_000 + b"a" + b"\r" * 300_000)
    assert _parts(document) == [("L300000", "a")]
