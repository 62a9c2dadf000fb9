"""Spark DataFrame in, Spark DataFrame out, with the results of the local path.

What columns hold is judged once, on the driver; the workers get the policy and the plan, mask each
Arrow batch on its own, and count. Needs the extra ``spark`` (PySpark 4, Java 17 or 21).
"""

from __future__ import annotations

import copyreg
import pickle
from collections import Counter
from collections.abc import Hashable, Iterator, Mapping
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from pyspark import cloudpickle
from pyspark.accumulators import AccumulatorParam
from pyspark.sql.pandas.types import from_arrow_schema

from deid.batches import SAMPLE, mask_batches, plan_of
from deid.policy import Policy, load_policy

if TYPE_CHECKING:
    import pyarrow as pa
    from pyspark.sql import DataFrame

__all__ = ["Findings", "mask_frame"]


class _Counts(AccumulatorParam[Counter[str]]):
    """Counters that add up across workers."""

    def zero(self, value: Counter[str]) -> Counter[str]:
        return Counter()

    def addInPlace(self, value1: Counter[str], value2: Counter[str]) -> Counter[str]:
        value1.update(value2)
        return value1


class Findings:
    """The findings by entity, known once an action has run. What Spark runs again (a task that
    failed, the sample of a sort) counts again; the DataFrame is the same."""

    def __init__(self, session: Any) -> None:
        context = getattr(session, "_sc", None)  # Spark Connect has none: then nothing is counted
        self._total = context.accumulator(Counter(), _Counts()) if context else None

    @property
    def counts(self) -> Mapping[str, int]:
        return dict(self._total.value) if self._total else {}


def mask_frame(
    frame: DataFrame,
    *,
    policy: Policy | str | Path = "general",
    columns: Mapping[Hashable, str] | None = None,
    title: str = "",
    sample: int = SAMPLE,
) -> tuple[DataFrame, Findings]:
    """The masked DataFrame (lazy, as Spark's are), and what will have been found.

    ``columns`` and ``title`` as in ``deid.mask_table``; ``sample`` rows are read at once to judge the
    columns. A worker that finds something left over fails its task, so no half-masked rows are written.
    """
    rules = policy if isinstance(policy, Policy) else load_policy(policy)
    plan = plan_of(frame.limit(sample).toArrow(), rules, columns, title)
    findings = Findings(frame.sparkSession)
    total = findings._total
    content = _pickled((rules, plan, title))
    context = getattr(frame.sparkSession, "_sc", None)
    shared = context.broadcast(content) if context else None

    def run(batches: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        known, settled, name = pickle.loads(shared.value if shared else content)
        yield from mask_batches(
            batches,
            policy=known,
            plan=settled,
            title=name,
            count=total.add if total is not None else None,
        )

    schema = from_arrow_schema(plan.schema)
    return frame.mapInArrow(run, schema), findings


def _pickled(value: object) -> bytes:
    """By value: the workers have no policy files."""
    copyreg.pickle(MappingProxyType, _as_mapping)
    content: bytes = cloudpickle.dumps(value)  # type: ignore[no-untyped-call]
    return content


def _as_mapping(value: MappingProxyType[Any, Any]) -> tuple[type, tuple[dict[Any, Any]]]:
    return MappingProxyType, (dict(value),)
