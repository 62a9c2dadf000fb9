"""HTML source -> elements and texts, each with where it stands; nothing is built or written again.

Elements are counted as libxml2 counts them (html, head and body where they are left out, comments),
since places are named so: ``e17.text``, ``e17.tail``, ``e17.@href``. ``Read`` is a decoded text in
which each character knows its range in the source, through any number of encodings.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from html import unescape
from urllib.parse import quote, unquote

from deid.errors import UnreadableFile

MAX_OPEN = 50_000
"""Open elements; browsers stop at 512, careless pages leave thousands of fonts open."""

# --- a decoded text and where its characters come from ---------------------------------------------

Decoder = Callable[[re.Match[str]], str | None]


@dataclass(frozen=True, slots=True)
class Read:
    """A text; character i came from source[starts[i]:ends[i]]. ``codes``: how it is written there,
    outermost first; none for what is not in the source at all (a line break for ``<br>``)."""

    text: str
    starts: Sequence[int]
    ends: Sequence[int]
    codes: tuple[str, ...] = ()

    def cut(self, start: int, end: int, *codes: str) -> Read:
        """A stretch of it, perhaps written in further codes."""
        part = slice(start, end)
        return Read(self.text[part], self.starts[part], self.ends[part], self.codes + codes)

    def decoded(self, regex: re.Pattern[str], decode: Decoder) -> Read:
        """The text with each match replaced by what it stands for."""
        out: list[str] = []
        starts: list[int] = []
        ends: list[int] = []
        done = 0
        for hit in regex.finditer(self.text):
            new = decode(hit)
            if new is None:
                continue
            first, last = hit.span()
            out += (self.text[done:first], new)
            starts += (*self.starts[done:first], *([self.starts[first]] * len(new)))
            ends += (*self.ends[done:first], *([self.ends[last - 1]] * len(new)))
            done = last
        if not out:
            return self
        out.append(self.text[done:])
        starts += self.starts[done:]
        ends += self.ends[done:]
        return Read("".join(out), starts, ends, self.codes)


def whole(source: str) -> Read:
    """A source that is its own text."""
    size = len(source)
    return Read(source, range(size), range(1, size + 1), ("raw",))


def gap(fill: str, place: int = 0) -> Read:
    """Characters that a reader sees where the source has a tag or nothing."""
    spots = (place,) * len(fill)
    return Read(fill, spots, spots)


# --- encodings inside the source ---------------------------------------------------------------------

_REFERENCE = re.compile(r"&(?:#[xX][0-9a-fA-F]{1,8};?|#[0-9]{1,9};?|[A-Za-z][A-Za-z0-9]{1,31};?)")
_JS = re.compile(
    r"\\(?:u\{([0-9a-fA-F]{1,6})\}|u([0-9a-fA-F]{4})|x([0-9a-fA-F]{2})|(\r\n|[\n\r\u2028\u2029])"
    r"|([0-7]{1,3})|(.))",
    re.S,
)
_JS_LETTERS = {"n": "\n", "t": "\t", "r": "\r", "b": "\b", "f": "\f", "v": "\v"}
_CSS = re.compile(r"\\(?:([0-9a-fA-F]{1,6})[ \t\r\n\f]?|(\r\n|[\n\r\f])|(.))", re.S)
_PERCENT = re.compile(
    r"%[0-7][0-9A-Fa-f]|%[CDcd][0-9A-Fa-f]%[89ABab][0-9A-Fa-f]"
    r"|%[Ee][0-9A-Fa-f](?:%[89ABab][0-9A-Fa-f]){2}|%[Ff][0-7](?:%[89ABab][0-9A-Fa-f]){3}"
)
_BLANKS = re.compile(r"[ \t\r\n\f]{2,}|[\t\r\n\f]")


def _reference(hit: re.Match[str]) -> str | None:
    new = unescape(hit[0])
    return None if new == hit[0] else new


def _attribute_reference(hit: re.Match[str]) -> str | None:
    """A name without its semicolon is none before ``=`` or a letter: ``?a=1&copy=2``."""
    named = hit[0][1] != "#" and not hit[0].endswith(";")
    after = hit.string[hit.end() : hit.end() + 1]
    if named and (after == "=" or after.isalnum() or unescape(hit[0] + ";") == hit[0] + ";"):
        return None
    return _reference(hit)


def _js(hit: re.Match[str]) -> str | None:
    digits = hit[1] or hit[2] or hit[3]
    if digits:
        code = int(digits, 16)
        return chr(code) if code < 0x110000 else None
    if hit[4] is not None:
        return ""
    if hit[5]:
        return chr(int(hit[5], 8))
    return _JS_LETTERS.get(hit[6], hit[6])


def _css(hit: re.Match[str]) -> str | None:
    if hit[1]:
        code = int(hit[1], 16)
        return chr(code) if 0 < code < 0x110000 and not 0xD800 <= code < 0xE000 else "\ufffd"
    return "" if hit[2] is not None else hit[3]


def _percent(hit: re.Match[str]) -> str | None:
    new = unquote(hit[0], errors="ignore")
    return new if len(new) == 1 else None


def as_text(read: Read) -> Read:
    """Character references replaced."""
    return read.decoded(_REFERENCE, _reference) if "&" in read.text else read


def as_attribute(read: Read) -> Read:
    """Character references of an attribute replaced."""
    return read.decoded(_REFERENCE, _attribute_reference) if "&" in read.text else read


def as_script(read: Read) -> Read:
    """Escapes of a JavaScript string replaced."""
    return read.decoded(_JS, _js) if "\\" in read.text else read


def as_style(read: Read) -> Read:
    """Escapes of a CSS string replaced."""
    return read.decoded(_CSS, _css) if "\\" in read.text else read


def as_url(read: Read) -> Read:
    """Percent escapes replaced."""
    return read.decoded(_PERCENT, _percent) if "%" in read.text else read


def collapsed(read: Read) -> Read:
    """Runs of blanks as one space, as a page shows them."""
    return read.decoded(_BLANKS, lambda hit: " ")


def _escape_js(text: str) -> str:
    for char, new in (("\\", "\\\\"), ('"', '\\"'), ("'", "\\'"), ("`", "\\`"), ("\n", "\\n")):
        text = text.replace(char, new)
    return text.replace("\r", "\\r").replace("</", "<\\/")


def _escape_css(text: str) -> str:
    return re.sub(r"[\\\"'\n\r\f]", lambda hit: f"\\{ord(hit[0]):x} ", text)


def _escape_text(text: str) -> str:
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def _escape_attribute(text: str) -> str:
    return _escape_text(text).replace('"', "&quot;").replace("'", "&#39;")


def _escape_bare(text: str) -> str:
    escaped = _escape_attribute(text)
    return re.sub(r"[\s=`]", lambda hit: f"&#{ord(hit[0])};", escaped)


_ESCAPES: dict[str, Callable[[str], str]] = {
    "raw": lambda text: text,
    "text": _escape_text,
    "attribute": _escape_attribute,
    "bare": _escape_bare,
    "js": _escape_js,
    "css": _escape_css,
    "url": lambda text: quote(text, safe="*'()!$&+,;=:@/?#~-._%"),
}


def escaped(text: str, codes: Sequence[str]) -> str:
    """``text`` as it must be written in the source to read back as itself."""
    for code in reversed(codes):
        text = _ESCAPES[code](text)
    return text


# --- tokens ------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Attribute:
    """One attribute: where its name and its value stand, and how the value is written."""

    name: str
    name_start: int
    start: int
    end: int
    code: str


@dataclass(frozen=True, slots=True)
class Token:
    """``kind``: text, start, end, comment, other (declarations, instructions, broken tags).

    ``start:end`` is the content of a text or comment, the name of a tag.
    """

    kind: str
    start: int
    end: int
    name: str = ""
    attributes: tuple[Attribute, ...] = ()
    closed: bool = False


_MARKUP = re.compile(r"<(?:!--|/?[A-Za-z]|[!?]|/(?=[^A-Za-z>]))")
_NAME = re.compile(r"[^\s/>]+")
_COMMENT_END = re.compile(r"--!?>")
_ATTRIBUTE = re.compile(
    r"[\s/]*(?:(>)|(=?[^\s/>=]*)(?:\s*=\s*(?:\"([^\"]*)\"|'([^']*)'|([^\s>\"'][^\s>]*|[\"'][^\s>]*)?))?)"
)
RAW = frozenset({"script", "style", "xmp", "iframe", "noembed", "noframes"})
_REPLACEABLE = frozenset({"title", "textarea"})


def tokens(source: str) -> Iterator[Token]:
    """The tokens of a page, as the HTML standard divides it (13.2.5)."""
    at = done = 0
    while hit := _MARKUP.search(source, at):
        if hit.start() > done:
            yield Token("text", done, hit.start())
        token, at = _token(source, hit)
        yield token
        if token.kind == "start" and not token.closed and token.name in RAW | _REPLACEABLE:
            close = re.compile(rf"</{token.name}(?=[\s/>])", re.I).search(source, at)
            end = close.start() if close else len(source)
            if end > at:
                yield Token("text" if token.name in _REPLACEABLE else "raw", at, end)
            at = end
        done = at
    if done < len(source):
        yield Token("text", done, len(source))


def _token(source: str, hit: re.Match[str]) -> tuple[Token, int]:
    """The token that begins there, and where the next one begins."""
    start = hit.start()
    if hit[0] == "<!--":
        if source.startswith((">", "->"), start + 4):
            return Token("comment", start + 4, start + 4), source.index(">", start) + 1
        close = _COMMENT_END.search(source, start + 4)
        end = close.start() if close else len(source)
        return Token("comment", start + 4, end), close.end() if close else end
    if hit[0][-1].isalpha():
        return _tag(source, hit.end() - 1, closing=hit[0][1] == "/")
    end = source.find(">", start)
    end = len(source) if end < 0 else end
    name = "doctype" if source[start + 2 : start + 9].lower() == "doctype" else source[start + 1]
    return Token("other", hit.end(), end, name), min(end + 1, len(source))


def _tag(source: str, start: int, *, closing: bool) -> tuple[Token, int]:
    name = _NAME.match(source, start)
    at = name.end() if name else start
    span = (start, at)
    found: list[Attribute] = []
    closed = False
    while hit := _ATTRIBUTE.match(source, at):
        if hit[1]:
            closed = source[hit.start(1) - 1] == "/"
            break
        if hit.end() == at or not (hit[2] or hit.end() > hit.end(2)):
            # the page ends inside the tag: nobody shows it, but it is there
            return Token("other", start, len(source), "unclosed"), len(source)
        found.append(_attribute(hit))
        at = hit.end()
    kind = "end" if closing else "start"
    end = hit.end() if hit else len(source)
    return Token(kind, *span, source[span[0] : span[1]].lower(), tuple(found), closed), end


def _attribute(hit: re.Match[str]) -> Attribute:
    group = next((group for group in (3, 4, 5) if hit[group] is not None), 0)
    start, end = hit.span(group) if group else (hit.end(), hit.end())
    code = "attribute" if group in (3, 4) else "bare"
    return Attribute(hit[2].lower(), hit.start(2), start, end, code)


def words(text: str) -> frozenset[str]:
    """The set of the words of a text."""
    return frozenset(text.split())


# --- elements: what is open, and their numbers -----------------------------------------------------

VOID = words(
    "area base basefont bgsound br col embed frame hr img input keygen link meta param source track wbr"
)
BLOCK = words(
    "address article aside blockquote body button caption center col colgroup dd details dialog dir"
    " div dl dt fieldset figcaption figure footer form frameset h1 h2 h3 h4 h5 h6 head header hgroup"
    " hr html iframe legend li listing main menu nav noframes noscript object ol optgroup option p"
    " plaintext pre search section select summary svg table tbody td template text textarea tfoot th"
    " thead title tr ul xmp"
)
_HEAD = frozenset({"script", "style", "meta", "link", "title", "base"})
_ENDS_P = words(
    "address article aside blockquote body caption center col colgroup dd details dialog dir div dl"
    " dt fieldset figcaption figure footer form h1 h2 h3 h4 h5 h6 header hgroup hr li listing main"
    " menu nav ol p pre section summary table tbody td tfoot th thead title tr ul xmp"
)
_SECTIONS = frozenset({"tbody", "thead", "tfoot"})
_CELLS = frozenset({"td", "th"})
# new tag -> (open tags that it closes, tags that shield them)
_CLOSES: dict[str, tuple[frozenset[str], frozenset[str]]] = {
    "li": (frozenset({"li"}), frozenset({"ul", "ol", "menu", "dir", *_CELLS})),
    "dt": (frozenset({"dt", "dd"}), frozenset({"dl", *_CELLS})),
    "dd": (frozenset({"dt", "dd"}), frozenset({"dl", *_CELLS})),
    "option": (frozenset({"option"}), frozenset({"select", "datalist"})),
    "optgroup": (frozenset({"option", "optgroup"}), frozenset({"select"})),
    **dict.fromkeys(_CELLS, (frozenset({*_CELLS, "caption"}), frozenset({"table"}))),
    "tr": (frozenset({*_CELLS, "tr", "caption", "colgroup"}), frozenset({"table"})),
    **dict.fromkeys(
        _SECTIONS,
        (frozenset({*_CELLS, *_SECTIONS, "tr", "caption", "colgroup"}), frozenset({"table"})),
    ),
}
_SHIELDS_P = frozenset({"button", "caption", "html", "marquee", "object", "table", "td", "th"})


@dataclass(slots=True)
class Node:
    """An open element: its name, its number, and the number of its last child so far."""

    name: str
    number: int
    last: int = -1


class Tree:
    """The open elements. It tells who is opened and closed, through ``opened`` and ``closed``."""

    def __init__(self, opened: Callable[[Node], None], closed: Callable[[Node], None]) -> None:
        self.open: list[Node] = []
        self.count = 0
        self._counts: dict[str, int] = {}
        self._opened, self._closed = opened, closed
        self._seen: set[str] = set()

    def place(self) -> str:
        """The name of the text node that begins here."""
        if not self.open:
            return "e0.text"
        node = self.open[-1]
        return f"e{node.number}.text" if node.last < 0 else f"e{node.last}.tail"

    def start(self, name: str) -> Node | None:
        """Open an element, after those that have to be closed or opened before it; None for a
        second html, head or body, which adds to the first."""
        if name in ("html", "body", "head") and (name in self._seen or "body" in self._seen):
            return None
        if name == "html":
            return None if self.open else self._push("html")
        self._imply(name)
        self._close_for(name)
        node = self._push(name)
        if name in VOID:
            self._pop()
        return node

    def text(self) -> None:
        """Make sure that text can stand here: libxml2 puts stray text into a paragraph."""
        if not self.open:
            self._push("html")
        if self.open[-1].name == "head":
            self._pop()
        if self.open[-1].name == "html":
            self._push("p")

    def aside(self) -> int:
        """The number of a comment or instruction that stands here."""
        number = self.count
        if self.open:
            self.open[-1].last = number
            self.count += 1
        return number

    def end(self, name: str) -> None:
        """Close an element, and those open inside it; an end without a start is passed over."""
        if name in ("body", "html"):
            return
        if not self._counts.get(name):
            return
        shield = frozenset({"table"}) if name not in ("table",) else frozenset()
        shield = shield | _CELLS if name not in _CELLS | {"tr", "table"} | _SECTIONS else shield
        self._close({name}, shield)

    def finish(self) -> None:
        """Close whatever is open."""
        while self.open:
            self._pop()

    def _imply(self, name: str) -> None:
        if not self.open:
            self._push("html")
        if name in ("head", "body", "frameset"):
            if self.open[-1].name == "head":
                self._pop()
            return
        if name in _HEAD and len(self.open) == 1 and not self._seen & {"head", "body"}:
            self._push("head")
        elif name not in _HEAD and name not in ("noframes", "frame"):
            if self.open[-1].name == "head" and name not in ("noscript", "template"):
                self._pop()
            if len(self.open) == 1 and not self._seen & {"body", "frameset"}:
                self._push("body")

    def _close_for(self, name: str) -> None:
        closes = _CLOSES.get(name)
        if closes:
            for _ in range(3):
                if not self._close(closes[0], closes[1]):
                    break
        if name in _ENDS_P and self._counts.get("p"):
            self._close({"p"}, _SHIELDS_P)

    def _close(self, names: frozenset[str] | set[str], shields: frozenset[str]) -> bool:
        """Close the innermost open element of those names, unless a shield is open inside it."""
        if not any(self._counts.get(name) for name in names):
            return False
        for depth in range(len(self.open) - 1, -1, -1):
            if self.open[depth].name in names:
                while len(self.open) > depth:
                    self._pop()
                return True
            if self.open[depth].name in shields:
                return False
        return False

    def _push(self, name: str) -> Node:
        if len(self.open) >= MAX_OPEN:
            raise UnreadableFile("网页里的内容嵌套得太深，不予处理")
        node = Node(name, self.count)
        self.count += 1
        if self.open:
            self.open[-1].last = node.number
        self.open.append(node)
        self._counts[name] = self._counts.get(name, 0) + 1
        self._seen.add(name)
        self._opened(node)
        return node

    def _pop(self) -> None:
        node = self.open.pop()
        self._counts[node.name] -= 1
        self._closed(node)
