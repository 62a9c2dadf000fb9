"""DataFrames in, DataFrames of the same kind out: pandas, polars, pyarrow, and plain columns.

A frame is one table of a document: its column titles are the header, its cells the rows, so what the
command line does with a csv file happens here too, verification included. Nothing is masked in
place; a column in which nothing changed is the very same column in the result.
"""

from __future__ import annotations

import datetime
import math
from collections.abc import Callable, Collection, Hashable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from functools import cached_property
from typing import TYPE_CHECKING, Any, BinaryIO, Protocol

from deid.entities import load_entities
from deid.errors import FrameFault
from deid.fields import raw_fields
from deid.mask import apply_edits
from deid.model import Edit, Finding, Remark, Row, Table, Text
from deid.pipeline import mask_opened, scan_opened
from deid.policy import Policy

if TYPE_CHECKING:
    import pandas as pd
    import polars as pl
    import pyarrow as pa

Changes = Mapping[int, str]
"""Row of the frame -> new text of the cell."""

LARGE = 5_000
"""Rows from which on a frame goes by the column: below, the exact path is done as soon."""
SKIP = "skip"
"""A kind of column that is neither looked at nor changed; the caller answers for it."""


class Backend(Protocol):
    """One kind of frame, by columns; places count from 0."""

    def titles(self) -> Sequence[tuple[str, ...]]:
        """The title of each column, from the top level down; no levels: the frame has no titles."""

    def labels(self) -> Sequence[Hashable]:
        """What the caller calls each column."""

    def rows(self) -> int: ...

    def values(self, column: int) -> Sequence[Any]:
        """The cells of a column as Python values."""

    def unused(self, column: int) -> Sequence[str]:
        """Texts that a column holds but no cell shows (categories)."""

    def rebuilt(
        self,
        cells: Mapping[int, Changes],
        titles: Mapping[tuple[int, int], str],
        drops: Collection[int],
    ) -> Any:
        """A new frame: changed cells by column, changed titles by (level, column), columns gone."""


def document_of(frame: object, kinds: Mapping[Hashable, str], title: str) -> FrameDocument:
    """The frame as the pipeline sees a file. Raises FrameFault."""
    return FrameDocument(backend_of(frame), kinds, title)


def mask_document(document: FrameDocument, policy: Policy) -> tuple[Any, Mapping[str, int]]:
    """The masked frame, and the number of findings by entity. Raises LeftOver."""
    if document.backend.rows() >= LARGE and (done := mask_by_column(document, policy)):
        return done

    def write(
        edits: Mapping[str, Sequence[Edit]], drops: Mapping[str, frozenset[int]]
    ) -> FrameDocument:
        return document.edited(edits, drops.get(_NAME, frozenset()))

    written, report = mask_opened(document, policy, write)
    return written.result, report.found


def mask_by_column(document: FrameDocument, policy: Policy) -> tuple[Any, Mapping[str, int]] | None:
    """The same by the column, verified; None where only the exact path can do it, or say what is
    wrong."""
    if policy.refused or policy.reshapes or not document.is_plain:
        return None
    columns = document.columns()
    if columns is None:
        return None
    from deid.frames_large import masked_columns

    done = masked_columns(document.header, columns, policy)
    if done is None:
        return None
    frame = document.backend.rebuilt(done.cells, done.titles, ())
    for column, changes in done.cells.items():
        for at, text in changes.items():
            columns[column][at] = text
    written = backend_of(frame)
    for column in done.cells:  # what the new frame holds is what was verified
        if _plain_column(written.values(column), column) != columns[column]:
            return None
    return frame, done.found


def scan_document(document: FrameDocument, policy: Policy) -> list[Finding]:
    """What of the frame the policy hides."""
    return [item for item in scan_opened(document, policy) if policy.hides(item.entity)]


def backend_of(frame: object) -> Backend:
    """How to read and rebuild that kind of frame. Raises FrameFault for anything else."""
    kind = type(frame)
    names = {base.__module__.partition(".")[0] + "." + base.__name__ for base in kind.__mro__}
    if "pandas.DataFrame" in names:
        return _Pandas(frame)
    if "polars.DataFrame" in names:
        return _Polars(frame)  # type: ignore[arg-type]
    if "pyarrow.Table" in names or "pyarrow.RecordBatch" in names:
        return _Arrow(frame)
    if isinstance(frame, dict):
        return _Columns(frame)
    if "polars.LazyFrame" in names:
        raise FrameFault("要的是 DataFrame；LazyFrame 请先 collect()")
    if names & {"pandas.Series", "polars.Series", "pyarrow.Array", "pyarrow.ChunkedArray"}:
        raise FrameFault("要的是 DataFrame，不是一列；一列请先 to_frame()，一段文字用 mask_text")
    raise FrameFault(f"要的是 pandas、polars、pyarrow 的表或列的字典，不是 {kind.__name__}")


# ------------------------------------------------------------------------------------ the document


_NAME = ""


@dataclass
class FrameDocument:
    """A frame as the pipeline sees a file."""

    backend: Backend
    kinds: Mapping[Hashable, str]
    title: str = ""
    result: Any = None
    format: str = "frame"
    remarks: Sequence[Remark] = ()
    parts: Sequence[Table | Text] = field(init=False)
    table: Table = field(init=False)
    header: Sequence[Sequence[str]] = field(init=False)
    _labels: Sequence[Hashable] = field(init=False)
    _skipped: frozenset[int] = field(init=False)

    def __post_init__(self) -> None:
        self._labels = self.backend.labels()
        self._skipped = frozenset(
            at for at, label in enumerate(self._labels) if self.kinds.get(label) == SKIP
        )
        self.header = self._titles()
        self.table = Table(_NAME, self._rows, _place)
        hidden = [
            Text(f"C{column}.categories", text)
            for column in range(len(self._labels))
            if column not in self._skipped
            for text in self.backend.unused(column)
        ]
        title = [Text("title", self.title)] if self.title else []
        self.parts = [*title, self.table, *hidden]

    @cached_property
    def _texts(self) -> Sequence[Sequence[tuple[str, str] | None]]:
        """The cells by column, as a reader sees them."""
        return [
            () if column in self._skipped else _column_texts(self.backend.values(column), column)
            for column in range(len(self._labels))
        ]

    @property
    def is_plain(self) -> bool:
        """Whether it is nothing but columns with titles."""
        return bool(self.header) and len(self.parts) == 1

    def columns(self) -> list[list[str]] | None:
        """The cells by column, ``""`` where there is nothing to read; None where a column holds both
        texts and numbers, for which rows are judged with more care."""
        columns = []
        for at in range(len(self._labels)):
            skipped = at in self._skipped
            texts = (
                [""] * self.backend.rows()
                if skipped
                else _plain_column(self.backend.values(at), at)
            )
            if texts is None:
                return None
            columns.append(texts)
        return columns

    def _titles(self) -> Sequence[Sequence[str]]:
        """The header rows: levels from the top, the caller's kinds in place of what they overrule."""
        labels, titles = self._labels, self.backend.titles()
        for label in self.kinds:
            if label not in labels:
                raise FrameFault("columns 里有表中没有的列")
        depth = max((len(each) for each in titles), default=0)
        if not depth and not set(self.kinds.values()) - {SKIP}:
            return []
        rows = [["" for _ in labels] for _ in range(max(depth, 1))]
        for column, label in enumerate(labels):
            kind = self.kinds.get(label, SKIP)
            levels = titles[column] if kind == SKIP and depth else [""] * (depth - 1)
            levels = levels if kind == SKIP else [*levels, title_of(kind)]
            for row, text in zip(rows, levels, strict=False):
                row[column] = text
        return rows

    def _rows(self) -> Iterator[Row]:
        for at, titles in enumerate(self.header):
            shown = {c: text for c, text in enumerate(titles) if text.strip()}
            yield Row(at, shown, header=True)
        first = len(self.header)
        for at in range(self.backend.rows()):
            cells, numbers, dates = {}, [], []
            for column, texts in enumerate(self._texts):
                cell = texts[at] if texts else None
                if cell is None:
                    continue
                cells[column] = cell[0]
                if cell[1] == "number":
                    numbers.append(column)
                elif cell[1] == "date":
                    dates.append(column)
            yield Row(first + at, cells, frozenset(numbers), frozenset(dates))

    def removable(self, table: str, columns: frozenset[int]) -> bool:
        return True

    def raw(self) -> Iterator[tuple[str, bytes]]:
        return iter(())

    def save(self, target: BinaryIO, edits: object, drops: object = (), notes: object = ()) -> None:
        raise NotImplementedError("a frame is not written to a file")

    def close(self) -> None:
        """Nothing to close."""

    def edited(self, edits: Mapping[str, Sequence[Edit]], drops: frozenset[int]) -> FrameDocument:
        """The document of a new frame with the edits applied and the columns gone."""
        first = len(self.header)
        cells: dict[int, dict[int, str]] = {}
        titles: dict[tuple[int, int], str] = {}
        for column, texts in enumerate(self._texts):
            for level in range(first):
                if place := edits.get(_place(level, column)):
                    titles[level, column] = apply_edits(self.header[level][column], place)
            for at, shown in enumerate(texts):
                place = edits.get(_place(first + at, column)) if shown else None
                if place and shown:
                    cells.setdefault(column, {})[at] = apply_edits(shown[0], place)
            if f"C{column}.categories" in edits:
                cells.setdefault(column, {})  # rebuilt without what no cell shows
        frame = self.backend.rebuilt(cells, titles, drops)
        labels = self._labels
        written = backend_of(frame)
        left = [column for column in range(len(labels)) if column not in drops]
        kinds = {
            label: self.kinds[labels[column]]
            for label, column in zip(written.labels(), left, strict=True)
            if labels[column] in self.kinds
        }
        masked = apply_edits(self.title, edits.get("title", ()))
        return FrameDocument(written, kinds, masked, frame)


def _place(row: int, column: int) -> str:
    return f"R{row}C{column}"


def title_of(kind: str) -> str:
    """The column title that stands for a field (``id_number``) or an entity (``CN_MOBILE``)."""
    field = raw_fields()["fields"].get(kind)
    if field:
        return str(field["synonyms"].split()[0])
    entity = load_entities().get(kind)
    if entity is None:
        raise FrameFault(
            f"没有“{kind}”这种列；可用 patterns/fields.yaml 里的字段、实体名（deid entities）或 skip"
        )
    return entity.headers[0] if entity.headers else entity.label


def _column_texts(values: Sequence[Any], column: int) -> list[tuple[str, str] | None]:
    return [None if value is None else _text_of(value, column) for value in values]


def _plain_column(values: Sequence[Any], column: int) -> list[str] | None:
    """The texts of a column of texts, or of one of numbers; None where it has both."""
    kinds = set(map(type, values))
    if kinds <= {str}:
        return list(values)
    if kinds <= {str, type(None)}:
        return [value or "" for value in values]
    if kinds == {int}:
        return list(map(str, values))
    cells = _column_texts(values, column)
    if {"text", "number"} <= {cell[1] for cell in cells if cell}:
        return None
    return [cell[0] if cell else "" for cell in cells]


def _text_of(value: Any, column: int) -> tuple[str, str] | None:
    """A cell as a reader sees it, and what it is stored as; None where there is nothing to read.

    A whole number stored as a float is written as one: that is how pandas holds a column of phone
    numbers with a gap in it.
    """
    kind = type(value)
    if kind is str or isinstance(value, str):
        return (str(value), "text") if value else None
    if kind is bool:
        return None
    if isinstance(value, int):
        return str(int(value)), "number"
    if isinstance(value, float):
        if math.isnan(value) or math.isinf(value):
            return None
        return (str(int(value)) if value.is_integer() else repr(float(value))), "number"
    if isinstance(value, Decimal):
        return (format(value, "f"), "number") if value.is_finite() else None
    if isinstance(value, datetime.datetime):
        midnight = (value.hour, value.minute, value.second, value.microsecond) == (0, 0, 0, 0)
        return (value.date().isoformat() if midnight else value.isoformat(" ")), "date"
    if isinstance(value, datetime.date):
        return value.isoformat(), "date"
    if isinstance(value, datetime.time | datetime.timedelta):
        return None
    if isinstance(value, bytes | bytearray | memoryview):
        raise FrameFault(f"第 {column + 1} 列有二进制内容（bytes），不能判断；{_ADVICE}")
    if hasattr(value, "item") and getattr(value, "shape", None) == ():
        return None if value != value else _text_of(value.item(), column)
    if kind.__name__ in ("NAType", "NaTType"):
        return None
    if kind.__name__ in ("Period", "Interval", "UUID"):
        return str(value), "text"
    raise FrameFault(f"第 {column + 1} 列有 {kind.__name__} 类型的单元格，不能判断；{_ADVICE}")


_ADVICE = "请先转成文字，或用 columns={列名: 'skip'} 声明不处理"


# -------------------------------------------------------------------------------------- backends


class _Pandas:
    """pandas: index levels that hold texts are columns too, in front of the others."""

    def __init__(self, frame: pd.DataFrame) -> None:
        self.frame = frame
        index = frame.index
        self.levels = [
            index.get_level_values(at)
            for at in range(index.nlevels)
            if type(index).__name__ not in ("RangeIndex", "DatetimeIndex", "PeriodIndex")
        ]

    def titles(self) -> Sequence[tuple[str, ...]]:
        columns = self.frame.columns
        if type(columns).__name__ == "RangeIndex":
            return [() for _ in self.labels()]
        levels = [label if isinstance(label, tuple) else (label,) for label in columns]
        depth = columns.nlevels
        front = [("",) * (depth - 1) + (_shown(level.name),) for level in self.levels]
        return [*front, *(tuple(map(_shown, label)) for label in levels)]

    def labels(self) -> Sequence[Hashable]:
        return [*(("index", at) for at in range(len(self.levels))), *self.frame.columns]

    def rows(self) -> int:
        return len(self.frame)

    def _series(self, column: int) -> Any:
        index = len(self.levels)
        return self.levels[column] if column < index else self.frame.iloc[:, column - index]

    def values(self, column: int) -> Sequence[Any]:
        values: Sequence[Any] = self._series(column).tolist()
        return values

    def unused(self, column: int) -> Sequence[str]:
        categories = getattr(self._series(column).dtype, "categories", None)
        if categories is None:
            return ()
        used = set(self._series(column).dropna().unique())
        return [str(each) for each in categories if each not in used and isinstance(each, str)]

    def rebuilt(
        self,
        cells: Mapping[int, Changes],
        titles: Mapping[tuple[int, int], str],
        drops: Collection[int],
    ) -> Any:
        front = len(self.levels)
        result = self.frame.copy(deep=False)
        for column, changes in cells.items():
            if column >= front:
                changed = _changed_series(self.frame.iloc[:, column - front], changes)
                result.isetitem(column - front, changed)
        if self.levels:
            result.index = self._index(cells, titles)
        if any(column >= front for _, column in titles):
            result.columns = self._columns(titles)
        result.attrs = {}
        if drops:
            keep = [at for at in range(result.shape[1]) if at + front not in drops]
            result = result.iloc[:, keep]
            gone = [at for at in range(front) if at in drops]
            result = result.droplevel(gone) if len(gone) < front else result.reset_index(drop=True)
        return result

    def _index(self, cells: Mapping[int, Changes], titles: Mapping[tuple[int, int], str]) -> Any:
        import pandas as pd

        renamed = {at: text for (_, at), text in titles.items() if at < len(self.levels)}
        names = [renamed.get(at, level.name) for at, level in enumerate(self.levels)]
        if not renamed and not any(at in cells for at in range(len(self.levels))):
            return self.frame.index
        arrays = [
            _changed_series(level.to_series(), cells[at]).array if at in cells else level
            for at, level in enumerate(self.levels)
        ]
        if len(arrays) == 1:
            return pd.Index(arrays[0], name=names[0])
        return pd.MultiIndex.from_arrays(arrays, names=names)

    def _columns(self, titles: Mapping[tuple[int, int], str]) -> Any:
        import pandas as pd

        front, columns = len(self.levels), self.frame.columns
        labels = [list(c) if isinstance(c, tuple) else [c] for c in columns]
        for (level, column), text in titles.items():
            if column >= front:
                labels[column - front][level] = text
        if columns.nlevels == 1:
            return pd.Index([label[0] for label in labels], name=columns.name)
        return pd.MultiIndex.from_tuples([tuple(label) for label in labels], names=columns.names)


def _shown(label: object) -> str:
    return "" if label is None else str(label)


def _changed_series(series: pd.Series, changes: Changes) -> pd.Series:
    """A column with some cells replaced by texts: of the same dtype where it can hold texts, else of
    objects, the other cells as they were."""
    import pandas as pd

    dtype = series.dtype
    if isinstance(dtype, pd.CategoricalDtype):
        values = series.astype(object).to_numpy(copy=True)
        _put(values, changes)
        used = set(values)
        kept = [each for each in dtype.categories if each in used]
        new = [text for text in dict.fromkeys(changes.values()) if text not in kept]
        categories = pd.CategoricalDtype([*kept, *new], ordered=False)
        return pd.Series(values, index=series.index, name=series.name, dtype=categories)
    if dtype.name == "object" or not pd.api.types.is_string_dtype(dtype):
        values = series.astype(object).to_numpy(copy=True)
        _put(values, changes)
        return pd.Series(values, index=series.index, name=series.name, dtype=object)
    array = series.array.copy()
    _put(array, changes)
    return pd.Series(array, index=series.index, name=series.name)


def _put(array: Any, changes: Changes) -> None:
    if not isinstance(array, list):
        array[list(changes)] = list(changes.values())  # one by one, Arrow strings take a copy each
        return
    for at, text in changes.items():
        array[at] = text


class _Polars:
    """polars: a changed column becomes String, or stays Categorical."""

    def __init__(self, frame: pl.DataFrame) -> None:
        self.frame = frame

    def titles(self) -> Sequence[tuple[str, ...]]:
        return [(name,) for name in self.frame.columns]

    def labels(self) -> Sequence[Hashable]:
        return self.frame.columns

    def rows(self) -> int:
        return self.frame.height

    def values(self, column: int) -> Sequence[Any]:
        return self.frame.to_series(column).to_list()

    def unused(self, column: int) -> Sequence[str]:
        series = self.frame.to_series(column)
        kind = type(series.dtype).__name__
        if kind == "Enum":
            categories = list(series.dtype.categories)  # type: ignore[attr-defined]
        elif kind == "Categorical" and hasattr(series.cat, "get_categories"):  # before 2.0
            categories = series.cat.get_categories().to_list()
        else:
            return ()
        used = set(series.drop_nulls().unique().to_list())
        return [text for text in categories if text not in used]

    def rebuilt(
        self,
        cells: Mapping[int, Changes],
        titles: Mapping[tuple[int, int], str],
        drops: Collection[int],
    ) -> Any:
        series = []
        for column, name in enumerate(self.frame.columns):
            if column in drops:
                continue
            each = self.frame.to_series(column)
            if column in cells:
                each = self._changed(each, column, cells[column])
            series.append(each.alias(titles.get((0, column), name)))
        return type(self.frame)(_unique(series, lambda s, name: s.alias(name), lambda s: s.name))

    def _changed(self, series: pl.Series, column: int, changes: Changes) -> pl.Series:
        import polars as pl

        values = [_plain(value, column) for value in series.to_list()]
        _put(values, changes)
        made = pl.Series(series.name, values, dtype=pl.String)
        return made.cast(pl.Categorical) if series.dtype == pl.Categorical else made


class _Arrow:
    """pyarrow: Table or RecordBatch; a changed column becomes string, or stays a dictionary."""

    def __init__(self, frame: pa.Table | pa.RecordBatch) -> None:
        self.frame = frame

    def titles(self) -> Sequence[tuple[str, ...]]:
        return [(name,) for name in self.frame.schema.names]

    def labels(self) -> Sequence[Hashable]:
        names: Sequence[Hashable] = self.frame.schema.names
        return names

    def rows(self) -> int:
        return int(self.frame.num_rows)

    def values(self, column: int) -> Sequence[Any]:
        values: Sequence[Any] = self.frame.column(column).to_pylist()
        return values

    def unused(self, column: int) -> Sequence[str]:
        kind = str(self.frame.schema.field(column).type)
        if not kind.startswith("dictionary<values=string"):
            return ()
        array = self.frame.column(column)
        chunks = array.chunks if hasattr(array, "chunks") else [array]
        used = set(array.to_pylist())
        told = dict.fromkeys(text for chunk in chunks for text in chunk.dictionary.to_pylist())
        return [text for text in told if text and text not in used]

    def rebuilt(
        self,
        cells: Mapping[int, Changes],
        titles: Mapping[tuple[int, int], str],
        drops: Collection[int],
    ) -> Any:
        import pyarrow as pa

        fields, arrays = [], []
        for column in range(self.frame.num_columns):
            if column in drops:
                continue
            array, about = self.frame.column(column), self.frame.schema.field(column)
            if column in cells:
                array = self._changed(array, column, cells[column])
                about = pa.field(about.name, array.type, about.nullable)
            if (0, column) in titles:
                about = about.with_name(titles[0, column])
            fields.append(about)
            arrays.append(array)
        # Metadata names columns and holds whatever its writer put there: it goes where columns did.
        kept = None if titles or drops or cells else self.frame.schema.metadata
        schema = pa.schema(fields, metadata=kept)
        kind = pa.RecordBatch if isinstance(self.frame, pa.RecordBatch) else pa.Table
        return kind.from_arrays(arrays, schema=schema)

    def _changed(self, array: Any, column: int, changes: Changes) -> Any:
        import pyarrow as pa

        values = [_plain(value, column) for value in array.to_pylist()]
        _put(values, changes)
        large = "large" in str(array.type)
        made = pa.array(values, pa.large_string() if large else pa.string())
        if str(array.type).startswith("dictionary"):
            made = made.dictionary_encode()
        return made if isinstance(array, pa.Array) else pa.chunked_array([made])


class _Columns:
    """Plain columns: a dict of titles to lists of one length; other cells keep their types."""

    def __init__(self, frame: dict[str, list[Any]]) -> None:
        for title, values in frame.items():
            if not isinstance(title, str) or not isinstance(values, list | tuple):
                raise FrameFault("列的字典应当是 列名（文字）: 单元格的列表")
        if len({len(values) for values in frame.values()}) > 1:
            raise FrameFault("各列的行数不一样")
        self.frame = frame
        self._values = list(frame.values())

    def titles(self) -> Sequence[tuple[str, ...]]:
        return [(title,) for title in self.frame]

    def labels(self) -> Sequence[Hashable]:
        return list(self.frame)

    def rows(self) -> int:
        return len(self._values[0]) if self._values else 0

    def values(self, column: int) -> Sequence[Any]:
        return self._values[column]

    def unused(self, column: int) -> Sequence[str]:
        return ()

    def rebuilt(
        self,
        cells: Mapping[int, Changes],
        titles: Mapping[tuple[int, int], str],
        drops: Collection[int],
    ) -> Any:
        made: list[tuple[str, Sequence[Any]]] = []
        for column, title in enumerate(self.frame):
            if column in drops:
                continue
            values = self._values[column]
            if cells.get(column):
                values = list(values)
                _put(values, cells[column])
            made.append((titles.get((0, column), title), values))
        return dict(_unique(made, lambda item, name: (name, item[1]), lambda item: item[0]))


def _plain(value: Any, column: int) -> str | None:
    """A cell that stays, where its column has to become one of texts."""
    if value is None or isinstance(value, str):
        return value
    shown = _text_of(value, column)
    return shown[0] if shown else (str(value) if isinstance(value, bool) else None)


def _unique(
    items: list[Any], rename: Callable[[Any, str], Any], name_of: Callable[[Any], str]
) -> list[Any]:
    """Masking may make two titles the same, which polars does not allow: number the later ones."""
    seen: set[str] = set()
    unique = []
    for item in items:
        name, number = name_of(item), 1
        while name in seen:
            number += 1
            name = f"{name_of(item)}_{number}"
        seen.add(name)
        unique.append(rename(item, name))
    return unique
