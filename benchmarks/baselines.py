"""What ours is measured against, each a whole process: ``python -m benchmarks.baselines NAME SRC DST``.

None of them verifies its output, knows a column from a cell or handles an odd way of writing; that is
what people use today, or the least that any program must do (read and write the same bytes). Each
prints ``{"work_seconds": …}``: its time without start-up.
"""

from __future__ import annotations

import io
import itertools
import json
import re
import shutil
import sys
import time
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

# What everybody writes. ``(?<!\d)`` and not ``\b``, which would miss a number beside a Han character.
PATTERNS = {
    "CN_RESIDENT_ID": r"(?<!\d)\d{17}[\dXx](?!\d)",
    "CN_BANK_CARD": r"(?<!\d)\d{16,19}(?!\d)",
    "CN_MOBILE": r"(?<!\d)1[3-9]\d{9}(?!\d)",
    "CN_ADDRESS": r"(?<=[村镇乡区道])\d{1,3}(?:组|号)(?:\d{1,4}号)?",
}
_KEPT = {"CN_RESIDENT_ID": 6, "CN_MOBILE": 3}
_COLUMNS = {
    "身份证号": "CN_RESIDENT_ID",
    "联系电话": "CN_MOBILE",
    "银行账号": "CN_BANK_CARD",
    "家庭住址": "CN_ADDRESS",
}


def _stars(entity: str, value: str) -> str:
    kept = _KEPT.get(entity, 0)
    return value[:kept] + "*" * (len(value) - kept)


def _mask_with(entity: str) -> Callable[[str], str]:
    """A function that masks one entity in one cell."""
    pattern = re.compile(PATTERNS[entity])

    def mask(cell: str) -> str:
        return pattern.sub(lambda match: _stars(entity, match.group()), cell)

    return mask


def _mask_all() -> Callable[[str], str]:
    """A function that masks all entities in one text, with one combined expression."""
    combined = re.compile("|".join(f"(?P<{name}>{regex})" for name, regex in PATTERNS.items()))

    def mask(text: str) -> str:
        return combined.sub(lambda match: _stars(match.lastgroup or "", match.group()), text)

    return mask


# ------------------------------------------------------------------------------------ csv, tables


def copy(source: Path, target: Path) -> None:
    """The bytes from one file to another."""
    shutil.copyfile(source, target)


def polars(source: Path, target: Path) -> None:
    """polars reads all cells as text and writes them: the floor, nothing is masked."""
    import polars as pl

    pl.read_csv(source, infer_schema=False).write_csv(target)


def polars_gb18030(source: Path, target: Path) -> None:
    """The same in GB18030, which polars reads but can write only by way of UTF-8."""
    import polars as pl

    table = pl.read_csv(source, infer_schema=False, encoding="gb18030")
    buffer = io.BytesIO()
    table.write_csv(buffer)
    target.write_bytes(buffer.getvalue().decode().encode("gb18030"))


def polars_masked(source: Path, target: Path) -> None:
    """polars expressions on the four columns, by their headers."""
    import polars as pl

    table = pl.read_csv(source, infer_schema=False)
    column = pl.col
    table.with_columns(
        column("身份证号").str.slice(0, 6) + "************",
        column("联系电话").str.slice(0, 3) + "********",
        pl.lit("*" * 19).alias("银行账号"),
        column("家庭住址").str.replace(r"\d{1,3}(?:组|号)(?:\d{1,4}号)?$", "***"),
    ).write_csv(target)


def pandas(source: Path, target: Path) -> None:
    """pandas reads and writes: nothing is masked."""
    import pandas as pd

    pd.read_csv(source, dtype=str, keep_default_na=False).to_csv(target, index=False)


def pandas_columns(source: Path, target: Path) -> None:
    """pandas and ``re``, the four columns by their headers."""
    import pandas as pd

    table = pd.read_csv(source, dtype=str, keep_default_na=False)
    for header, entity in _COLUMNS.items():
        if header in table:
            table[header] = table[header].map(_mask_with(entity))
    table.to_csv(target, index=False)


def pandas_cells(source: Path, target: Path) -> None:
    """pandas and ``re``, every pattern on every cell."""
    import pandas as pd

    table = pd.read_csv(source, dtype=str, keep_default_na=False)
    masks = [_mask_with(entity) for entity in PATTERNS]
    for header in table:
        for mask in masks:
            table[header] = table[header].map(mask)
    table.to_csv(target, index=False)


def copy_folder(source: Path, target: Path) -> None:
    """Every file of a folder copied: the floor for many small files."""
    target.mkdir(parents=True, exist_ok=True)
    for path in source.glob("*.*"):
        shutil.copyfile(path, target / path.name)


def pandas_folder(source: Path, target: Path) -> None:
    """pandas and ``re`` on every csv of a folder, in one process."""
    target.mkdir(parents=True, exist_ok=True)
    for path in sorted(source.glob("*.csv")):
        pandas_cells(path, target / path.name)


# -------------------------------------------------------------------------------------- workbooks


def inflate_deflate_zlib(source: Path, target: Path) -> None:
    """Every member of the package unpacked and packed again at level 6."""
    with zipfile.ZipFile(source) as package, zipfile.ZipFile(target, "w") as out:
        for member in package.infolist():
            info = zipfile.ZipInfo(member.filename, member.date_time)
            info.compress_type = zipfile.ZIP_DEFLATED
            with package.open(member) as old, out.open(info, "w") as new:
                shutil.copyfileobj(old, new, 1 << 20)


def inflate_deflate_isal(source: Path, target: Path) -> None:
    """The same with isal: the floor of what a program must do that changes a workbook."""
    from isal import isal_zlib

    with zipfile.ZipFile(source) as package, target.open("wb") as out:
        for member in package.infolist():
            data = _isal_member(source, member, isal_zlib)
            pack = isal_zlib.compressobj(1, isal_zlib.DEFLATED, -15)
            out.write(pack.compress(data))
            out.write(pack.flush())


def _isal_member(source: Path, member: zipfile.ZipInfo, isal_zlib: Any) -> bytes:
    with source.open("rb") as stream:
        stream.seek(member.header_offset)
        head = stream.read(30)
        names = int.from_bytes(head[26:28], "little") + int.from_bytes(head[28:30], "little")
        stream.seek(names, 1)
        data = stream.read(member.compress_size)
    if member.compress_type == zipfile.ZIP_STORED:
        return data
    unpacked: bytes = isal_zlib.decompress(data, -15, member.file_size)
    return unpacked


def openpyxl(source: Path, target: Path) -> None:
    """openpyxl loads and saves: nothing is masked."""
    import openpyxl as library

    library.load_workbook(source).save(target)


def openpyxl_masked(source: Path, target: Path) -> None:
    """openpyxl, and every text cell through one combined expression."""
    import openpyxl as library

    book = library.load_workbook(source)
    mask = _mask_all()
    for sheet in book:
        for row in sheet.iter_rows():
            for cell in row:
                if isinstance(cell.value, str):
                    cell.value = mask(cell.value)
    book.save(target)


# -------------------------------------------------------------------------------------- free text


def re_lines(source: Path, target: Path) -> None:
    """One combined expression on each line."""
    mask = _mask_all()
    with (
        source.open(encoding="utf-8", newline="") as lines,
        target.open("w", encoding="utf-8", newline="") as out,
    ):
        out.writelines(map(mask, lines))


# --------------------------------------------------------------------------------------- Presidio


def presidio(source: Path, target: Path) -> float:
    """Presidio's AnalyzerEngine on every cell: the same patterns, no NLP."""
    from presidio_analyzer.nlp_engine import NoOpNlpEngine

    return _presidio(source, target, NoOpNlpEngine([{"lang_code": "zh", "model_name": "none"}]))


def presidio_jieba(source: Path, target: Path) -> float:
    """The same with tokens from jieba, so that context words count."""
    from presidio_analyzer.nlp_engine import NlpArtifacts, NlpEngine

    class JiebaEngine(NlpEngine):
        def load(self) -> None:
            import jieba

            self.tokenize = jieba.tokenize
            list(self.tokenize("预热"))

        def is_loaded(self) -> bool:
            return hasattr(self, "tokenize")

        def process_text(self, text: str, language: str) -> NlpArtifacts:
            cut: Any = list(self.tokenize(text))
            words: Any = [word for word, _, _ in cut]
            starts = [start for _, start, _ in cut]
            return NlpArtifacts([], words, starts, words, self, language)

        def process_batch(
            self, texts: Any, language: str, batch_size: int = 1, n_process: int = 1, **options: Any
        ) -> Iterator[tuple[str, NlpArtifacts]]:
            return ((text, self.process_text(text, language)) for text in texts)

        def is_stopword(self, word: str, language: str) -> bool:
            return False

        def is_punct(self, word: str, language: str) -> bool:
            return word in "，。；：（）,.;:()"

        def get_supported_entities(self) -> list[str]:
            return []

        def get_supported_languages(self) -> list[str]:
            return ["zh"]

    return _presidio(source, target, JiebaEngine())


def _presidio(source: Path, target: Path, nlp: Any) -> float:
    import csv

    from presidio_analyzer import AnalyzerEngine, Pattern, PatternRecognizer, RecognizerRegistry

    context = {"CN_RESIDENT_ID": ["身份证"], "CN_MOBILE": ["电话"], "CN_BANK_CARD": ["账号"]}
    registry = RecognizerRegistry(supported_languages=["zh"])
    for entity, regex in PATTERNS.items():
        patterns = [Pattern(entity, regex, 0.6)]
        words = context.get(entity, [])
        registry.add_recognizer(PatternRecognizer(entity, entity, "zh", patterns, context=words))
    analyzer = AnalyzerEngine(registry=registry, nlp_engine=nlp, supported_languages=["zh"])
    started = time.perf_counter()
    with (
        source.open(encoding="utf-8", newline="") as lines,
        target.open("w", encoding="utf-8", newline="") as out,
    ):
        writer = csv.writer(out, lineterminator="\n")
        for row in csv.reader(lines):
            writer.writerow([_presidio_cell(analyzer, cell) if cell else cell for cell in row])
    return time.perf_counter() - started


def _presidio_cell(analyzer: Any, cell: str) -> str:
    """One cell, masked from its end; of two findings that overlap the first in PATTERNS wins."""
    order = list(PATTERNS)
    taken: list[Any] = []
    for found in sorted(analyzer.analyze(cell, "zh"), key=lambda it: order.index(it.entity_type)):
        if all(found.end <= other.start or other.end <= found.start for other in taken):
            taken.append(found)
    for found in sorted(taken, key=lambda item: -item.start):
        hidden = _stars(found.entity_type, cell[found.start : found.end])
        cell = cell[: found.start] + hidden + cell[found.end :]
    return cell


# ----------------------------------------------------------------------------- the exact path alone


def deid_exact(source: Path, target: Path) -> None:
    """Ours with the fast path switched off: what it is measured against in the worst cases."""
    from deid import mask_file, pipeline

    usual = pipeline.LEAST
    vars(pipeline)["LEAST"] = sys.maxsize  # no file is large
    try:
        report = mask_file(source, target, overwrite=True)
    finally:
        vars(pipeline)["LEAST"] = usual
    if report.status not in ("publish", "look"):
        raise SystemExit(f"not written: {report.status}")


def scan_cells(source: Path, target: Path) -> None:
    """``deid.scan_text`` on every cell under its header: what one cell at a time costs."""
    import csv

    from deid import load_policy, mask_text

    policy = load_policy("general")
    with (
        source.open(encoding="utf-8", newline="") as lines,
        target.open("w", encoding="utf-8", newline="") as out,
    ):
        rows, writer = csv.reader(lines), csv.writer(out, lineterminator="\n")
        header = next(rows)
        writer.writerow(header)
        for row in rows:
            cells = itertools.zip_longest(row, header[: len(row)])
            writer.writerow([mask_text(cell, header=name, policy=policy) for cell, name in cells])


BASELINES: dict[str, Callable[[Path, Path], float | None]] = {
    name: function
    for name, function in list(globals().items())
    if callable(function)
    and getattr(function, "__module__", "") == __name__
    and not name.startswith("_")
}


def main(name: str, source: str, target: str) -> None:
    """Run one and say how long its work took, start-up aside."""
    started = time.perf_counter()
    told = BASELINES[name](Path(source), Path(target))
    print(json.dumps({"work_seconds": told or time.perf_counter() - started}))


if __name__ == "__main__":
    main(*sys.argv[1:4])
