"""What one core masks of Arrow batches, with Spark around it and without; what a cluster would need.

Not one of the suite's own: it needs PySpark and Java. ``python -m benchmarks.bench_spark 100000``.
"""

from __future__ import annotations

import argparse
import csv
import os
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pyarrow as pa

from benchmarks import generate
from deid import load_policy, mask_batches

_BATCH = 50_000
_LISTED = 10**9


def main() -> None:
    """Print the table of deid/docs/spark.md."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("rows", type=int, nargs="?", default=200_000)
    parser.add_argument("--cores", type=int, nargs="*", default=[1, 2])
    options = parser.parse_args()
    table = _table(options.rows)
    sum(len(batch) for batch in _masked(table.slice(0, 6000).to_batches()))  # what is loaded once
    started = time.process_time()  # of a core, however busy the machine is
    done = sum(len(batch) for batch in _masked(table.to_batches(max_chunksize=_BATCH)))
    rate = done / (time.process_time() - started)
    print(f"| `mask_batches`, one core | {rate:,.0f} | {_LISTED / rate / 3600:.1f} |")
    for cores in options.cores:
        rate = _spark_rate(table, cores)
        print(f"| Spark, local[{cores}] | {rate:,.0f} | {_LISTED / rate / 3600:.1f} |")


def _table(rows: int) -> pa.Table:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "list.csv"
        generate.main(["csv", str(rows), str(path)])
        with path.open(encoding="utf-8", newline="") as stream:
            titles, *lines = csv.reader(stream)
    return pa.table(dict(zip(titles, map(list, zip(*lines, strict=True)), strict=True)))


def _masked(batches: Any) -> Iterator[Any]:
    return mask_batches(iter(batches), policy=load_policy("general"))


def _spark_rate(table: pa.Table, cores: int) -> float:
    """Rows per second of an action that masks all and keeps nothing, workers warm."""
    from pyspark.sql import SparkSession

    from deid.spark import mask_frame

    os.environ["PYSPARK_PYTHON"] = sys.executable
    builder = SparkSession.builder.master(f"local[{cores}]").config("spark.ui.enabled", "false")
    builder = builder.config("spark.sql.execution.arrow.maxRecordsPerBatch", str(_BATCH))
    session = builder.config("spark.driver.memory", "4g").getOrCreate()
    with tempfile.TemporaryDirectory() as folder:
        import pyarrow.parquet as pq

        pq.write_table(table, f"{folder}/list.parquet")
        frame = session.read.parquet(f"{folder}/list.parquet").repartition(2 * cores).cache()
        frame.count()
        masked, _ = mask_frame(frame)
        masked.limit(1).collect()
        started = time.perf_counter()
        masked.write.format("noop").mode("overwrite").save()
        rate = len(table) / (time.perf_counter() - started)
    session.stop()
    return rate


if __name__ == "__main__":
    main()
