"""What the content streams of a PDF draw, and where (ISO 32000-1, 7.8, 8 and 9.4)."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from deid.errors import UnreadableFile
from deid.formats.pdf_fonts import Font
from deid.formats.pdf_objects import fields, items, kind, number, numbers
from deid.formats.pdf_tokens import TOO_MUCH, Name, decimal, stream_bytes, text_string, tokens

Matrix = tuple[float, float, float, float, float, float]
UNIT: Matrix = (1.0, 0.0, 0.0, 1.0, 0.0, 0.0)

_MOST_GLYPHS = 400_000
_MOST_DEPTH = 24
_MOST_OPERATORS = 2_000_000


@dataclass(slots=True)
class Glyph:
    """One glyph on the page. ``x``, ``y``: where the pen stood; ``dx``, ``dy``: how far it went.

    ``far``: the same in the text's own space, before scaling.
    """

    char: str
    x: float
    y: float
    dx: float
    dy: float
    size: float
    stream: int
    show: int
    at: int
    shown: bool = True
    clip: Box | None = None
    far: float = 0.0


Box = tuple[float, float, float, float]


class Mark(NamedTuple):
    """Marked content that is open: its number on the page and its own number in the stream."""

    mcid: int
    number: int


class Rule(NamedTuple):
    """A straight line, or a thin filled box, parallel to an axis of the page."""

    x0: float
    y0: float
    x1: float
    y1: float


@dataclass(slots=True)
class Show:
    """One operator that shows text, and the state that it was met with."""

    start: int
    end: int
    lead: bytes
    pieces: list[bytes | float]
    font: Font
    name: bytes
    size: float
    spacing: float
    words: float
    marks: tuple[Mark, ...]


class Actual(NamedTuple):
    """An ActualText string in a content stream: from its key to its end, and its number."""

    start: int
    end: int
    text: str
    number: int


@dataclass(slots=True)
class Content:
    """One content stream that was read: its bytes, its resources, the text operators in it."""

    key: str
    data: bytes
    resources: Any
    holder: Any
    shows: list[Show] = field(default_factory=list)
    actual: list[Actual] = field(default_factory=list)


@dataclass(slots=True)
class Drawing:
    """What one page, or one appearance, draws. ``lies``: fonts whose ToUnicode must go."""

    contents: list[Content] = field(default_factory=list)
    glyphs: list[Glyph] = field(default_factory=list)
    rules: list[Rule] = field(default_factory=list)
    pictures: list[float] = field(default_factory=list)
    inline: int = 0
    painted: int = 0
    lies: list[Any] = field(default_factory=list)
    elsewhere: int = 0

    @property
    def digits(self) -> int:
        """How many digits are drawn, those in forms that were offered elsewhere included."""
        own = sum(digits_in(glyph.char) for glyph in self.glyphs)
        actual = sum(digits_in(one.text) for content in self.contents for one in content.actual)
        return own + actual + self.elsewhere


def digits_in(text: str) -> int:
    """How many digits 0 to 9 a text holds."""
    return sum(char.isascii() and char.isdigit() for char in text)


def times(a: Matrix, b: Matrix) -> Matrix:
    """The matrix that does ``a`` first and ``b`` then (8.3.3)."""
    return (
        a[0] * b[0] + a[1] * b[2],
        a[0] * b[1] + a[1] * b[3],
        a[2] * b[0] + a[3] * b[2],
        a[2] * b[1] + a[3] * b[3],
        a[4] * b[0] + a[5] * b[2] + b[4],
        a[4] * b[1] + a[5] * b[3] + b[5],
    )


# -------------------------------------------------------------------------------------- interpreter


@dataclass(slots=True)
class _State:
    """The part of the graphics state that text depends on; ``q`` copies it."""

    ctm: Matrix = UNIT
    font: Font | None = None
    name: bytes = b""
    size: float = 0.0
    spacing: float = 0.0
    words: float = 0.0
    scale: float = 1.0
    leading: float = 0.0
    rise: float = 0.0
    mode: int = 0
    clip: Box | None = None

    def copy(self) -> _State:
        return _State(
            self.ctm, self.font, self.name, self.size, self.spacing, self.words,
            self.scale, self.leading, self.rise, self.mode, self.clip,
        )  # fmt: skip


class Reader:
    """Reads content streams; fonts and shared forms are read once for all pages.

    ``pages``: a form that several pages draw is offered where it is met first.
    """

    def __init__(self) -> None:
        self._fonts: dict[tuple[int, int], Font] = {}
        self.forms: dict[tuple[int, int], int] = {}
        self.page = 0
        self.fonts: list[tuple[Font, Any, int]] = []
        self._probing = False
        self._digits: dict[tuple[int, int], int] = {}

    def font(self, spec: Any) -> Font:
        """The font of a resource; read once when it is an object of its own."""
        key = spec.objgen
        known = self._fonts.get(key) if key[0] else None
        if known is None:
            try:
                known = Font(spec)
            except (AttributeError, IndexError, KeyError, TypeError, ValueError):
                raise UnreadableFile(
                    f"第{self.page}页的字体已损坏，无法读取其中的文字，请重新导出。"
                ) from None
            self.fonts.append((known, spec, self.page))
            if key[0]:
                self._fonts[key] = known
        return known

    def draw(self, data: bytes, resources: Any, holder: Any, *, key: str) -> Drawing:
        """What a content stream draws, the forms that it calls included."""
        drawing = Drawing()
        _Run(self, drawing, _State(), 0).read(Content(key, data, resources, holder))
        return drawing

    def first(self, form: Any) -> bool:
        """Whether a form is met for the first time, or again by the page that met it first."""
        key = form.objgen
        return self._probing or self.forms.setdefault(key, self.page) == self.page

    def digits(self, form: Any, resources: Any) -> int:
        """How many digits a form draws that was offered elsewhere."""
        key = form.objgen
        if key not in self._digits:
            self._digits[key] = 0  # a form that draws itself
            before, self._probing = self._probing, True
            try:
                drawing = self.draw(stream_bytes(form, self.page), resources, key, key="form")
            finally:
                self._probing = before
            self._digits[key] = drawing.digits
        return self._digits[key]


class _Run:
    """One pass over one content stream."""

    def __init__(self, reader: Reader, drawing: Drawing, state: _State, depth: int) -> None:
        if depth > _MOST_DEPTH:
            raise UnreadableFile(TOO_MUCH.format(page=reader.page))
        self.reader, self.drawing, self.depth = reader, drawing, depth
        self.state = state
        self.stack: list[_State] = []
        self.matrix: Matrix = UNIT
        self.line: Matrix = UNIT
        self.path: list[tuple[float, float, float, float]] = []
        self.boxes: list[tuple[float, float, float, float]] = []
        self.pen = self.first = (0.0, 0.0)
        self.marks: list[Mark] = []
        self.marked = 0
        self.clipping = False

    def read(self, content: Content) -> None:
        self.content = content
        self.index = len(self.drawing.contents)
        self.drawing.contents.append(content)
        operands: list[Any] = []
        nest: list[list[Any]] = []
        spot = key = count = 0
        for which, value, start, end in tokens(content.data):
            if not operands and not nest:
                spot = start
            if which == "word" and not nest:
                count += 1
                if count > _MOST_OPERATORS:
                    raise UnreadableFile(TOO_MUCH.format(page=self.reader.page))
                if value in (b"true", b"false", b"null"):
                    operands.append(value)
                    continue
                handler = _HANDLERS.get(value)
                if handler:
                    self._do(handler, value, operands, spot, end)
                operands = []
            elif which == "mark":
                operands = self._mark(value, operands, nest)
            elif which == "string":
                operands.append(value)
                if nest and len(operands) > 1 and operands[-2] == b"/ActualText":
                    content.actual.append(Actual(key, end, text_string(value), self.marked))
            elif len(operands) < 100_000:
                key = start
                operands.append(value)

    @staticmethod
    def _mark(value: bytes, operands: list[Any], nest: list[list[Any]]) -> list[Any]:
        if value in (b"[", b"<<", b"{"):
            nest.append(operands)
            return []
        if value in (b"]", b">>", b"}") and nest:
            outer = nest.pop()
            outer.append(operands if value != b">>" else _pairs(operands))
            return outer
        return operands

    def _do(
        self, handler: Callable[..., None], name: bytes, operands: list[Any], start: int, end: int
    ) -> None:
        try:
            if handler in _SHOWING:
                handler(self, name, operands, start, end)
            else:
                handler(self, *operands)
        except UnreadableFile:
            raise
        except (TypeError, IndexError, ValueError):
            return  # wrong operands: every reader passes over such an operator

    # --- graphics state

    def op_q(self) -> None:
        if len(self.stack) > 4096:
            raise UnreadableFile(TOO_MUCH.format(page=self.reader.page))
        self.stack.append(self.state.copy())

    def op_Q(self) -> None:
        if self.stack:
            self.state = self.stack.pop()

    def op_cm(self, *values: float) -> None:
        self.state.ctm = times(_matrix(values), self.state.ctm)

    def op_gs(self, name: bytes) -> None:
        state = fields(self._resource("/ExtGState", name))
        font = items(state.get("/Font"))
        if len(font) == 2:
            self.state.font, self.state.size = self.reader.font(font[0]), number(font[1], 0.0)
            self.state.name = b""

    def op_BT(self) -> None:
        self.matrix = self.line = UNIT

    def op_Tf(self, name: bytes, size: float) -> None:
        spec = self._resource("/Font", name)
        self.state.size, self.state.name = float(size), bytes(name)
        self.state.font = None
        if kind(spec) == "dict":
            self.state.font = self.reader.font(spec)
            if self.state.font.lies:
                self.drawing.lies.append(spec)

    def op_Tc(self, value: float) -> None:
        self.state.spacing = float(value)

    def op_Tw(self, value: float) -> None:
        self.state.words = float(value)

    def op_Tz(self, value: float) -> None:
        self.state.scale = value / 100

    def op_TL(self, value: float) -> None:
        self.state.leading = float(value)

    def op_Tr(self, value: float) -> None:
        self.state.mode = int(value)

    def op_Ts(self, value: float) -> None:
        self.state.rise = float(value)

    def op_Td(self, x: float, y: float) -> None:
        self.matrix = self.line = times((1.0, 0.0, 0.0, 1.0, x, y), self.line)

    def op_TD(self, x: float, y: float) -> None:
        self.state.leading = -y
        self.op_Td(x, y)

    def op_Tm(self, *values: float) -> None:
        self.matrix = self.line = _matrix(values)

    def op_Tstar(self) -> None:
        self.op_Td(0.0, -self.state.leading)

    # --- text

    def show(self, name: bytes, operands: list[Any], start: int, end: int) -> None:
        lead = b""
        pieces = operands[-1] if name == b"TJ" else operands[-1:]
        if name == b"'":
            self.op_Tstar()
            lead = b"T* "
        elif name == b'"':
            self.state.words, self.state.spacing = float(operands[-3]), float(operands[-2])
            self.op_Tstar()
            lead = b"%s Tw %s Tc T* " % (decimal(operands[-3]), decimal(operands[-2]))
        state = self.state
        if state.font is None:
            self._unknown_font(pieces)
            return
        pieces = [item for item in pieces if isinstance(item, bytes | float)]
        self.content.shows.append(
            Show(
                start, end, lead, pieces, state.font, state.name, state.size,
                state.spacing, state.words, tuple(self.marks),
            )
        )  # fmt: skip
        at = 0
        for piece in pieces:
            if isinstance(piece, float):
                self._move(-piece / 1000 * state.size)
            else:
                at = self._glyphs(piece, at)

    def _unknown_font(self, pieces: list[Any]) -> None:
        """Text without a font is drawn by some readers in one of their own."""
        if any(isinstance(piece, bytes) and piece.strip() for piece in pieces):
            raise UnreadableFile(
                f"第{self.reader.page}页的文字缺少字体，无法可靠读取，请重新导出。"
            )

    def _move(self, far: float) -> None:
        font, scale = self.state.font, self.state.scale
        across = (0.0, far) if font is not None and font.vertical else (far * scale, 0.0)
        self.matrix = times((1.0, 0.0, 0.0, 1.0, *across), self.matrix)

    def _glyphs(self, string: bytes, at: int) -> int:
        state, drawing = self.state, self.drawing
        font = state.font
        assert font is not None
        base = times((1.0, 0.0, 0.0, 1.0, 0.0, state.rise), times(self.matrix, state.ctm))
        a, b, c, d, x, y = base
        height = abs(state.size) * font.em * (c * c + d * d) ** 0.5
        shown = state.mode != 3
        moved = 0.0
        for code, width, char in font.codes(string):
            far = advance(width, state.size, state.spacing, state.words if code == b" " else 0.0)
            dx, dy = (
                (c * far, d * far)
                if font.vertical
                else (a * far * state.scale, b * far * state.scale)
            )
            drawing.glyphs.append(
                Glyph(
                    char,
                    x,
                    y,
                    dx,
                    dy,
                    height,
                    self.index,
                    len(self.content.shows) - 1,
                    at,
                    shown,
                    state.clip,
                    far,
                )
            )
            x, y = x + dx, y + dy
            moved += far
            at += 1
        if len(drawing.glyphs) > _MOST_GLYPHS:
            raise UnreadableFile(TOO_MUCH.format(page=self.reader.page))
        self._move(moved)
        return at

    # --- marked content

    def op_BDC(self, tag: bytes, properties: Any = None) -> None:
        mark = -1
        if isinstance(properties, Name):
            held = fields(self._resource("/Properties", properties))
            mark = int(number(held.get("/MCID"), -1))
            self.drawing.elsewhere += digits_in(str(held.get("/ActualText", "")))
        elif isinstance(properties, dict):
            mark = int(number(properties.get(b"/MCID"), -1))
        self._open(mark)

    def op_BMC(self, *_: Any) -> None:
        self._open(-1)

    def _open(self, mcid: int) -> None:
        self.marks.append(Mark(mcid, self.marked))
        self.marked += 1

    def op_EMC(self) -> None:
        if self.marks:
            self.marks.pop()

    # --- forms and pictures

    def op_Do(self, name: bytes) -> None:
        thing = self._resource("/XObject", name)
        if kind(thing) != "stream":
            return
        self.drawing.painted += 1
        if str(thing.get("/Subtype", "")) == "/Image":
            a, b, c, d, _, _ = self.state.ctm
            self.drawing.pictures.append(abs(a * d - b * c))
        elif str(thing.get("/Subtype", "")) == "/Form":
            self._form(thing)

    def _form(self, form: Any) -> None:
        resources = form.get("/Resources")
        if resources is None:
            resources = self.content.resources
        again = any(content.holder == form.objgen for content in self.drawing.contents)
        if again or not self.reader.first(form):  # one part is enough
            self.drawing.elsewhere += self.reader.digits(form, resources)
            return
        state = self.state.copy()
        matrix = numbers(form.get("/Matrix"), 6, UNIT)
        state.ctm = times(matrix, state.ctm)  # type: ignore[arg-type]
        run = _Run(self.reader, self.drawing, state, self.depth + 1)
        run.read(Content("form", stream_bytes(form, self.reader.page), resources, form.objgen))

    def op_BI(self) -> None:
        self.drawing.inline += 1
        self.drawing.painted += 1

    def _resource(self, group: str, name: bytes) -> Any:
        key = unescaped_name(name)
        return fields(fields(self.content.resources).get(group)).get(key)

    # --- paths

    def op_m(self, x: float, y: float) -> None:
        self.pen = self.first = (x, y)

    def op_l(self, x: float, y: float) -> None:
        self.path.append((*self.pen, x, y))
        self.pen = (x, y)

    def op_c(self, *values: float) -> None:
        self.drawing.painted += 1
        self.pen = values[-2], values[-1]

    def op_h(self) -> None:
        self.path.append((*self.pen, *self.first))
        self.pen = self.first

    def op_re(self, x: float, y: float, width: float, height: float) -> None:
        self.boxes.append((x, y, x + width, y + height))
        self.pen = self.first = (x, y)

    def op_stroke(self) -> None:
        for x0, y0, x1, y1 in self.path:
            self._rule(x0, y0, x1, y1)
        for x0, y0, x1, y1 in self.boxes:
            for side in ((x0, y0, x1, y0), (x1, y0, x1, y1), (x0, y1, x1, y1), (x0, y0, x0, y1)):
                self._rule(*side)
        self.op_n()

    def op_fill(self) -> None:
        for x0, y0, x1, y1 in [*self.boxes, *_outline(self.path)]:
            self._box(x0, y0, x1, y1)
        self.op_n()

    def op_n(self) -> None:
        self.drawing.painted += bool(self.path or self.boxes)
        if self.clipping:
            self._clip()
        self.path, self.boxes = [], []

    def op_W(self) -> None:
        self.clipping = True

    def _clip(self) -> None:
        """Narrow the clip to the box around the path."""
        self.clipping = False
        boxes = [*self.boxes, *self.path]
        if not boxes:
            return
        a, b, c, d, e, f = self.state.ctm
        xs = [a * x + c * y + e for x0, y0, x1, y1 in boxes for x, y in ((x0, y0), (x1, y1))]
        ys = [b * x + d * y + f for x0, y0, x1, y1 in boxes for x, y in ((x0, y0), (x1, y1))]
        old = self.state.clip or (-1e9, -1e9, 1e9, 1e9)
        self.state.clip = (
            max(old[0], min(xs)), max(old[1], min(ys)), min(old[2], max(xs)), min(old[3], max(ys)),
        )  # fmt: skip

    def _rule(self, x0: float, y0: float, x1: float, y1: float) -> None:
        a, b, c, d, e, f = self.state.ctm
        p = (a * x0 + c * y0 + e, b * x0 + d * y0 + f)
        q = (a * x1 + c * y1 + e, b * x1 + d * y1 + f)
        straight = abs(p[0] - q[0]) < 1 or abs(p[1] - q[1]) < 1
        if straight and len(self.drawing.rules) < 200_000:
            self.drawing.rules.append(
                Rule(min(p[0], q[0]), min(p[1], q[1]), max(p[0], q[0]), max(p[1], q[1]))
            )

    def _box(self, x0: float, y0: float, x1: float, y1: float) -> None:
        """A filled box: thin, it is a rule; else its sides may be the borders of a cell."""
        a, b, c, d, e, f = self.state.ctm
        xs = sorted((a * x0 + c * y0 + e, a * x1 + c * y1 + e))
        ys = sorted((b * x0 + d * y0 + f, b * x1 + d * y1 + f))
        wide, high = xs[1] - xs[0], ys[1] - ys[0]
        if min(wide, high) > 3 or len(self.drawing.rules) > 200_000:
            return
        if wide > high:
            middle = (ys[0] + ys[1]) / 2
            self.drawing.rules.append(Rule(xs[0], middle, xs[1], middle))
        else:
            middle = (xs[0] + xs[1]) / 2
            self.drawing.rules.append(Rule(middle, ys[0], middle, ys[1]))


def _outline(path: Sequence[tuple[float, float, float, float]]) -> Iterator[tuple[float, ...]]:
    """A filled path of a few strokes as the box around it."""
    if 2 <= len(path) <= 5:
        xs = [value for line in path for value in line[::2]]
        ys = [value for line in path for value in line[1::2]]
        yield min(xs), min(ys), max(xs), max(ys)


_HANDLERS: dict[bytes, Callable[..., None]] = {
    b"q": _Run.op_q, b"Q": _Run.op_Q, b"cm": _Run.op_cm, b"gs": _Run.op_gs, b"BT": _Run.op_BT,
    b"Tf": _Run.op_Tf, b"Tc": _Run.op_Tc, b"Tw": _Run.op_Tw, b"Tz": _Run.op_Tz,
    b"TL": _Run.op_TL, b"Tr": _Run.op_Tr, b"Ts": _Run.op_Ts, b"Td": _Run.op_Td,
    b"TD": _Run.op_TD, b"Tm": _Run.op_Tm, b"T*": _Run.op_Tstar, b"Tj": _Run.show,
    b"TJ": _Run.show, b"'": _Run.show, b'"': _Run.show, b"BDC": _Run.op_BDC,
    b"BMC": _Run.op_BMC, b"EMC": _Run.op_EMC, b"Do": _Run.op_Do,
    b"BI": _Run.op_BI, b"W": _Run.op_W, b"W*": _Run.op_W, b"m": _Run.op_m, b"l": _Run.op_l, b"c": _Run.op_c, b"v": _Run.op_c,
    b"y": _Run.op_c, b"h": _Run.op_h, b"re": _Run.op_re, b"S": _Run.op_stroke,
    b"s": lambda run: (run.op_h(), run.op_stroke())[0],
    b"f": _Run.op_fill, b"F": _Run.op_fill, b"f*": _Run.op_fill, b"B": _Run.op_stroke,
    b"B*": _Run.op_stroke, b"b": _Run.op_stroke, b"b*": _Run.op_stroke, b"n": _Run.op_n,
}  # fmt: skip
_SHOWING = {_Run.show}


def advance(width: float, size: float, spacing: float, words: float) -> float:
    """How far a glyph moves the pen, before horizontal scaling (9.4.4)."""
    return width / 1000 * size + spacing + words


def _matrix(values: Sequence[float]) -> Matrix:
    a, b, c, d, e, f = values[-6:]
    return (a, b, c, d, e, f)


def _pairs(operands: list[Any]) -> dict[Any, Any]:
    keys = [bytes(key) if isinstance(key, bytes) else None for key in operands[::2]]
    return dict(zip(keys, operands[1::2], strict=False))


def unescaped_name(name: bytes) -> str:
    """A name as pikepdf spells it, ``#20`` undone (7.3.5)."""
    plain = re.sub(rb"#([0-9A-Fa-f]{2})", lambda match: bytes((int(match[1], 16),)), name)
    return plain.decode("utf-8", "surrogateescape")
