"""Record batches in, record batches out, all of one schema: for streams and clusters.

``mask_batches`` has the signature that Spark's ``mapInArrow`` asks for. What the columns hold and the
schema of the result are settled on a sample first (``plan_of``), so that every batch, on whatever
machine, is treated alike.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Hashable, Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from deid.columns import profile_rows
from deid.errors import FrameFault
from deid.frames import SKIP, document_of, mask_document
from deid.policy import Policy

if TYPE_CHECKING:
    import pyarrow as pa

SAMPLE = 1_000
"""Rows on which columns are judged."""


@dataclass(frozen=True)
class Plan:
    """What each column holds (label -> kind), and the schema of what comes out."""

    kinds: Mapping[Hashable, str]
    schema: pa.Schema


def plan_of(
    sample: pa.Table | pa.RecordBatch,
    policy: Policy,
    columns: Mapping[Hashable, str] | None = None,
    title: str = "",
) -> Plan:
    """The plan for batches like the sample. Raises FrameFault, LeftOver."""
    import pyarrow as pa

    kinds = {**_judged(sample, title), **(columns or {})}
    masked = mask_document(document_of(sample, kinds, title), policy)[0]
    fields = []
    for about in masked.schema:
        kind = kinds.get(about.name, SKIP)
        texts = pa.types.is_string(about.type) or pa.types.is_large_string(about.type)
        if kind != SKIP and not texts and not pa.types.is_dictionary(about.type):
            about = about.with_type(pa.string())  # another batch may hold what this one does not
        fields.append(about)
    return Plan(kinds, pa.schema(fields))


def _judged(sample: pa.Table | pa.RecordBatch, title: str) -> dict[Hashable, str]:
    """The columns of which the title or the values say that they hold an identifier."""
    document = document_of(sample, {}, title)
    rows = [row for _, row in zip(range(SAMPLE + 1), document.table.rows(), strict=False)]
    views, _ = profile_rows(rows)
    found: dict[Hashable, str] = {}
    for view in views:
        for column, profile in view.block.profiles.items():
            if profile.label.entity:
                kind = profile.label.field or profile.label.entity
                found[sample.schema.names[column]] = kind
    return found


def mask_batches(
    batches: Iterator[pa.RecordBatch],
    *,
    policy: Policy,
    plan: Plan | None = None,
    columns: Mapping[Hashable, str] | None = None,
    title: str = "",
    count: Callable[[Mapping[str, int]], None] | None = None,
) -> Iterator[pa.RecordBatch]:
    """See ``deid.mask_batches``. ``count`` is told the findings of each batch, by entity."""
    for batch in batches:
        if plan is None:
            plan = plan_of(batch.slice(0, SAMPLE), policy, columns, title)
        masked, found = mask_document(document_of(batch, plan.kinds, title), policy)
        if count:
            count(Counter(found))
        yield _fitted(masked, plan.schema)


def _fitted(batch: Any, schema: pa.Schema) -> pa.RecordBatch:
    """The batch in the schema that all of them have."""
    import pyarrow as pa

    if batch.schema.names != schema.names:
        raise FrameFault("各批的列不一样，或删去的列不一样")
    arrays = []
    for at, about in enumerate(schema):
        array = batch.column(at)
        if array.type != about.type:
            if pa.types.is_string(array.type) and not _is_text(about.type):
                raise FrameFault(
                    f"第 {at + 1} 列在样本里没有要遮盖的内容，后面却有；请用 columns 说明这一列是什么"
                )
            array = array.cast(about.type)
        arrays.append(array)
    return pa.RecordBatch.from_arrays(arrays, schema=schema)


def _is_text(kind: pa.DataType) -> bool:
    import pyarrow as pa

    return bool(
        pa.types.is_string(kind) or pa.types.is_large_string(kind) or pa.types.is_dictionary(kind)
    )
