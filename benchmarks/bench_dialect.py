"""What does Presidio's dialect cost? ``python -m benchmarks.bench_dialect``: the same text through
/analyze and /v1/scan of one server, and through /anonymize and /v1/mask, in turns."""

from __future__ import annotations

import argparse
import json
import random
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from benchmarks.bench_service import Call, person, race, served

KIND = "application/json"


def texts(seed: int) -> Iterator[str]:
    """Records without end, each of another made-up person."""
    chance = random.Random(seed)
    while True:
        row = person(chance, 1)
        yield f"{row[1]}，身份证{row[3]}，电话{row[4]}，住{row[5]}"


def bodies(shape: Callable[[list[str]], Any], seed: int, records: int) -> Iterator[bytes]:
    source = texts(seed)
    while True:
        yield json.dumps(shape([next(source) for _ in range(records)])).encode()


def asked(given: list[str]) -> dict[str, Any]:
    return {"text": given if len(given) > 1 else given[0], "language": "zh"}


def located(given: list[str]) -> dict[str, Any]:
    """The ID and the telephone, whose places are known."""
    results = []
    for text in given:
        at, then = text.index("身份证") + 3, text.index("电话") + 2
        results.append(
            [
                {"start": at, "end": at + 18, "score": 1.0, "entity_type": "CN_RESIDENT_ID"},
                {"start": then, "end": then + 11, "score": 1.0, "entity_type": "CN_MOBILE"},
            ]
        )
    return {
        "text": given,
        "analyzer_results": results,
        "anonymizers": {"DEFAULT": {"type": "deid", "policy": "general"}},
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=200)
    said = parser.parse_args()
    with (
        tempfile.TemporaryDirectory(prefix="deid-bench-") as folder,
        served("-m", "deid", "serve", folder=Path(folder)) as ours,
    ):
        for records, rounds in ((1, said.rounds), (100, max(said.rounds // 10, 2))):
            calls = [
                Call("/v1/scan", ours, "/v1/scan", KIND, bodies(_plain, 1, records)),
                Call("/analyze", ours, "/analyze", KIND, bodies(asked, 2, records)),
                Call("/v1/mask", ours, "/v1/mask", KIND, bodies(_plain, 3, records)),
                Call("/anonymize", ours, "/anonymize", KIND, bodies(located, 4, records)),
            ]
            print(f"\n{records} texts a call")
            for name, (wait, cpu) in race(calls, rounds).items():
                rate = 1000 / wait
                print(f"  {name:12} p50 {wait:7.2f} ms  cpu {cpu:7.2f} ms  {rate:7.0f} calls/s")


def _plain(given: list[str]) -> dict[str, Any]:
    return {"texts": given}


if __name__ == "__main__":
    main()
