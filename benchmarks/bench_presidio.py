"""Texts through the core, the bridge and stock Presidio with the same kinds of patterns, in one run.

``python -m benchmarks.bench_presidio``: CPU time of one core, the best of three.
"""

from __future__ import annotations

import csv
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from presidio_analyzer import AnalyzerEngine, Pattern, PatternRecognizer, RecognizerRegistry
from presidio_analyzer.nlp_engine import NlpEngine, NoOpNlpEngine

from benchmarks import generate
from benchmarks.baselines import PATTERNS
from deid import scan_text
from deid.presidio import JiebaNlpEngine, create_analyzer

_TEXTS = 400
_WORDS = {"CN_RESIDENT_ID": ["身份证"], "CN_MOBILE": ["电话"], "CN_BANK_CARD": ["账号"]}


def main() -> None:
    """Print the table of deid/docs/presidio.md."""
    texts = _texts()
    size = sum(len(text.encode()) for text in texts)
    bridge = create_analyzer()
    bare = _stock(NoOpNlpEngine([{"lang_code": "zh", "model_name": "none"}]))
    jieba = _stock(JiebaNlpEngine())
    ways: dict[str, Callable[[str], Sequence[Any]]] = {
        "`deid.scan_text`": scan_text,
        "`create_analyzer()`": bridge.analyze,
        "`create_analyzer()`, a header as context": lambda t: bridge.analyze(
            t, context=["身份证号"]
        ),
        "stock, 4 patterns, no NLP": lambda text: bare.analyze(text, "zh"),
        "stock, 4 patterns, jieba": lambda text: jieba.analyze(text, "zh"),
    }
    for name, find in ways.items():
        seconds = min(_seconds(find, texts) for _ in range(3))
        print(f"| {name} | {len(texts) / seconds:,.0f} | {size / seconds / 1000:,.0f} |")


def _texts() -> list[str]:
    """Lines of a list as running text."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "list.csv"
        generate.main(["csv", str(_TEXTS), str(path)])
        with path.open(encoding="utf-8", newline="") as stream:
            return ["，".join(row) for row in csv.reader(stream)][1:]


def _stock(nlp: NlpEngine) -> AnalyzerEngine:
    registry = RecognizerRegistry(supported_languages=["zh"])
    for entity, regex in PATTERNS.items():
        patterns, words = [Pattern(entity, regex, 0.6)], _WORDS.get(entity, [])
        registry.add_recognizer(PatternRecognizer(entity, entity, "zh", patterns, context=words))
    return AnalyzerEngine(registry=registry, nlp_engine=nlp, supported_languages=["zh"])


def _seconds(find: Callable[[str], Sequence[Any]], texts: Sequence[str]) -> float:
    started = time.process_time()
    for text in texts:
        find(text)
    return time.process_time() - started


if __name__ == "__main__":
    main()
