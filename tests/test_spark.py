"""Spark, for real, on one machine: the local path's results, counted, or no result at all."""

# ruff: noqa: E402
from __future__ import annotations

import csv
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

pa = pytest.importorskip("pyarrow", reason="needs pyarrow: install the extra [spark]")
pyspark = pytest.importorskip("pyspark", reason="needs PySpark: install the extra [spark]")

from pyspark.sql import DataFrame, SparkSession

import deid.batches
import deid.spark
from deid import mask_batches, mask_file, mask_table
from deid.policy import load_policy
from deid.spark import mask_frame
from tests.test_docs_library import run_examples

ID, ID_MASKED = "11010519491231002X", "110105************"
PHONE, PHONE_MASKED = "13800138000", "138********"
LISTS = sorted((Path(__file__).parent / "golden" / "lists").glob("*.csv"))


def java() -> str:
    """JAVA_HOME of a Java that Spark runs on; empty where there is none."""
    homes = [os.environ.get("JAVA_HOME", ""), *map(str, Path("/usr/lib/jvm").glob("*1[7]*"))]
    homes += [*map(str, Path("/usr/lib/jvm").glob("*21*")), ""]
    for home in homes:
        binary = shutil.which("java", path=f"{home}/bin") if home else shutil.which("java")
        if not binary:
            continue
        told = subprocess.run([binary, "-version"], capture_output=True, text=True).stderr
        if re.search(r'version "(17|21)\b', told):
            return home or str(Path(binary).resolve().parent.parent)
    return ""


JAVA = java()
pytestmark = [
    pytest.mark.skipif(not JAVA, reason="needs Java 17 or 21 (Debian: openjdk-17-jre-headless)"),
    pytest.mark.filterwarnings("ignore:PySpark does not yet:FutureWarning"),
]


@pytest.fixture(scope="module")
def session(request: pytest.FixtureRequest) -> Iterator[SparkSession]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("JAVA_HOME", JAVA)
        patch.setenv("PYSPARK_PYTHON", sys.executable)
        patch.setenv("PYSPARK_DRIVER_PYTHON", sys.executable)
        patch.setenv("PYTHONPATH", str(Path(__file__).parent.parent))
        patch.setenv("SPARK_LOCAL_IP", "127.0.0.1")
        builder = SparkSession.builder.master(getattr(request, "param", "local[2]")).appName("deid")
        for key, value in {
            "spark.ui.enabled": "false",
            "spark.driver.host": "127.0.0.1",
            "spark.driver.bindAddress": "127.0.0.1",
            "spark.sql.shuffle.partitions": "2",
            "spark.sql.execution.arrow.maxRecordsPerBatch": "3",
        }.items():
            builder = builder.config(key, value)
        session = builder.getOrCreate()
        session.sparkContext.setLogLevel("OFF")
        yield session
        session.stop()


def spread(session: SparkSession, table: Any, partitions: int = 2) -> DataFrame:
    return session.createDataFrame(table).repartition(partitions)


def sheet(path: Path) -> list[list[str]]:
    data = path.read_bytes()
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError:
        text = data.decode("gb18030")
    return list(csv.reader(text.splitlines()))


TABLE = pa.table(
    {
        "序号": list(range(10)),
        "姓名": ["张三"] * 10,
        "身份证号": [ID, None] * 5,
        "电话": [PHONE] * 10,
        "金额": [500.5] * 10,
    }
)


@pytest.mark.parametrize("session", ["local[1]", "local[2]"], indirect=True)
def test_as_the_local_path_and_counted(session: SparkSession) -> None:
    masked, findings = mask_frame(spread(session, TABLE))
    assert findings.counts == {}  # nothing has run yet
    rows = masked.toArrow().sort_by("序号")  # Spark sorts by what it reads twice
    assert rows.to_pylist() == mask_table(TABLE).to_pylist()
    assert rows.schema.types == mask_table(TABLE).schema.types
    assert findings.counts == {"CN_RESIDENT_ID": 5, "CN_MOBILE": 10}


def plain_lists() -> list[Path]:
    """The golden lists that are a header and rows under it, which is what a DataFrame is."""
    chosen = []
    for path in LISTS:
        rows = sheet(path)
        header = rows[0]
        even = all(len(row) == len(header) for row in rows)
        if even and len(rows) > 3 and len(set(header)) == len(header) and all(header):
            chosen.append(path)
    return chosen


def test_as_the_command_line(session: SparkSession, tmp_path: Path) -> None:
    lists = plain_lists()
    assert lists
    for path in lists[:3]:
        header, *rows = sheet(path)
        mask_file(path, tmp_path / path.name)
        told, *expected = sheet(tmp_path / path.name)
        columns = {title: [row[at] for row in rows] for at, title in enumerate(header)}
        order = [str(at).zfill(6) for at in range(len(rows))]
        table = pa.table({**columns, "行": order})
        masked, _ = mask_frame(spread(session, table, 1))
        got = masked.toArrow().sort_by("行").drop_columns("行")
        assert got.column_names == told, path.name
        assert [list(row.values()) for row in got.to_pylist()] == expected, path.name


def test_a_policy_by_its_path(session: SparkSession, tmp_path: Path) -> None:
    path = tmp_path / "own.yaml"
    path.write_text(
        "policy: own\nlabel: 本县规则\nextends: general\noperators:\n  CN_MOBILE: mask\n",
        encoding="utf-8",
    )
    load_policy(path)
    masked, _ = mask_frame(spread(session, TABLE), policy=path)
    path.unlink()  # the workers were given the rules, not where they stood
    assert {row["电话"] for row in masked.collect()} == {"*" * 11}


def test_the_schema_is_known_before_and_the_same_for_every_batch(session: SparkSession) -> None:
    phones = pa.table({"电话": pa.array([None] * 9 + [int(PHONE)], pa.int64()), "金额": [1.5] * 10})
    masked, _ = mask_frame(spread(session, phones, 1))
    kinds = [(field.name, field.dataType.simpleString()) for field in masked.schema]
    assert kinds == [("电话", "string"), ("金额", "double")]
    assert PHONE_MASKED in {row["电话"] for row in masked.collect()}


def test_an_empty_frame(session: SparkSession) -> None:
    masked, findings = mask_frame(session.createDataFrame(TABLE.slice(0, 0)))
    assert masked.columns == TABLE.column_names
    assert masked.collect() == []
    assert findings.counts == {}


def refused(frame: DataFrame, told: str, folder: Path) -> None:
    """Writing fails and says so, and leaves nothing that could be taken for a result."""
    with pytest.raises(Exception, match=told):
        frame.write.parquet(str(folder / "out"))
    assert not (folder / "out" / "_SUCCESS").exists()
    assert not list((folder / "out").glob("*.parquet"))


def test_a_batch_that_cannot_be_masked_writes_nothing(
    session: SparkSession, tmp_path: Path
) -> None:
    """A number comes up in a column of numbers that the sample showed to be harmless."""
    late = pa.table({"x": pa.array([*range(20), 430702193305247113], pa.int64())})
    frame = session.createDataFrame(late).coalesce(1)
    masked, _ = mask_frame(frame.selectExpr("x", "cast(x as string) as y"), sample=5)
    refused(masked, "第 1 列在样本里没有要遮盖的内容，后面却有", tmp_path)


def test_cells_that_cannot_be_judged_write_nothing(session: SparkSession, tmp_path: Path) -> None:
    bytes_late = pa.table({"备注": ["无"] * 3, "图": pa.array([None, None, b"x"], pa.binary())})
    masked, _ = mask_frame(session.createDataFrame(bytes_late).coalesce(1), sample=2)
    refused(masked, "FrameFault: 第 2 列有二进制内容", tmp_path)


def test_a_worker_that_dies_fails_the_action(session: SparkSession, tmp_path: Path) -> None:
    def die(batches: Iterator[Any]) -> Iterator[Any]:
        yield next(batches)
        os._exit(9)

    frame = spread(session, TABLE, 1)
    masked, _ = mask_frame(frame)
    dying = masked.mapInArrow(die, masked.schema)
    refused(dying, r"Python worker exited unexpectedly|crashed", tmp_path)
    assert masked.count() == 10  # and the next action has a worker again


def test_a_fault_holds_no_content(session: SparkSession) -> None:
    late = pa.table({"身份证号": [ID] * 3, "图": pa.array([None, None, ID.encode()], pa.binary())})
    masked, _ = mask_frame(session.createDataFrame(late).coalesce(1), sample=2)
    with pytest.raises(Exception, match="FrameFault") as caught:
        masked.collect()
    assert ID not in str(caught.value)


def test_batches_without_spark_are_the_same() -> None:
    batches = TABLE.to_batches(max_chunksize=3)
    masked = pa.Table.from_batches(mask_batches(iter(batches)))
    assert masked.equals(mask_table(TABLE))


def test_the_examples_of_the_page_run(session: SparkSession) -> None:
    assert run_examples("spark.md", {"spark": session}) >= 6


def test_what_is_public() -> None:
    assert deid.spark.__all__ == ["Findings", "mask_frame"]
