"""What does a portal wait for? ``python -m benchmarks.bench_service``: the real server, in one run with
the least that any such service must do.

The floors are applications of their own, served by the same uvicorn in the same way: an endpoint that
does nothing, and one that takes every cell as a pydantic model, with and without masking it. Bodies
are fresh for every call: a list that was seen before costs less. Ratios are those of processor time
where the server is alone at work (``cpu``), and of what the client waited (``p50``).

``--large CALLS`` tells how long ``/health`` takes during these; ``--load SECONDS`` keeps 100 clients at it, ``--soak SECONDS`` a few of every kind; both tell memory and
open files before and after. It is not one of ``python -m benchmarks``: those are whole processes.
"""

from __future__ import annotations

import argparse
import asyncio
import itertools
import json
import random
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import httpx

from benchmarks.measure import ROOT

ROWS = 1_000
TITLES = ("序号", "姓名", "性别", "身份证号", "联系电话", "家庭住址", "银行账号", "补贴金额（元）")  # fmt: skip
_WEIGHTS = (7, 9, 10, 5, 8, 4, 2, 1, 6, 3, 7, 9, 10, 5, 8, 4, 2)
_FLOOR = """
from fastapi import FastAPI
from pydantic import BaseModel
from deid import load_policy, mask_text

app, policy = FastAPI(), load_policy("general")

class Cell(BaseModel):
    header: str
    text: str

class Table(BaseModel):
    rows: list[list[Cell]]

@app.post("/empty")
async def empty() -> dict[str, str]:
    return {}

@app.post("/validated")
async def validated(body: Table) -> Table:
    return body

@app.post("/masked")
async def masked(body: Table) -> Table:
    for row in body.rows:
        for cell in row:
            cell.text = mask_text(cell.text, header=cell.header, policy=policy)
    return body

import socket, sys, uvicorn
# As the service does: with the protocol named, answers go out at once, not after 40 ms.
listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP)
listener.bind(("127.0.0.1", 0))
listener.listen(2048)
print("http://127.0.0.1:%d/" % listener.getsockname()[1], file=sys.stderr, flush=True)
uvicorn.Server(uvicorn.Config(app, log_level="error", access_log=False)).run(sockets=[listener])
"""


# ------------------------------------------------------------------------------------ made-up lists


def person(chance: random.Random, number: int) -> list[str]:
    """A row of a list; nobody is meant."""
    born = f"{chance.randint(1940, 2004)}{chance.randint(1, 12):02d}{chance.randint(1, 28):02d}"
    head = f"{chance.choice(('431026', '330102', '522301', '110105'))}{born}{chance.randint(0, 999):03d}"
    check = "10X98765432"[sum(int(d) * w for d, w in zip(head, _WEIGHTS, strict=True)) % 11]
    name = chance.choice("王李张刘陈杨黄赵周吴") + chance.choice("伟芳娜敏静丽强磊军洋勇艳杰")
    name += chance.choice("国建志文明红玉春秀") if chance.random() < 0.7 else ""
    village = chance.choice("青香白红东西南北") + chance.choice("山花石桥塘湾岭坪") + "村"
    return [
        str(number),
        name,
        chance.choice("男女"),
        head + check,
        f"1{chance.choice('358')}{chance.randint(0, 10**9 - 1):09d}",
        f"湖南省郴州市永兴县{village}{chance.randint(1, 20)}组{chance.randint(1, 200)}号",
        luhn(f"62284{chance.randint(0, 10**13 - 1):013d}"),
        f"{chance.randint(100, 9999)}.00",
    ]


def luhn(digits: str) -> str:
    """The digits of a card with the check digit behind them."""
    doubled = (int(d) * (2 - at % 2) for at, d in enumerate(reversed(digits)))
    return digits + str(-sum(d - 9 * (d > 9) for d in doubled) % 10)


def tables(rows: int, seed: int) -> Iterator[list[list[str]]]:
    """Lists without end, each of other people."""
    chance = random.Random(seed)
    while True:
        yield [person(chance, number + 1) for number in range(rows)]


def as_csv(rows: list[list[str]]) -> bytes:
    return "".join(",".join(row) + "\n" for row in [list(TITLES), *rows]).encode()


def as_columns(rows: list[list[str]]) -> bytes:
    columns = dict(zip(TITLES, map(list, zip(*rows, strict=True)), strict=True))
    return json.dumps({"columns": columns}, ensure_ascii=False).encode()


def as_cells(rows: list[list[str]]) -> bytes:
    cells = [
        [{"header": title, "text": text} for title, text in zip(TITLES, row, strict=True)]
        for row in rows
    ]
    return json.dumps({"rows": cells}, ensure_ascii=False).encode()


# -------------------------------------------------------------------------------------- the servers


@dataclass
class Served:
    """A server at work."""

    url: str
    process: subprocess.Popen[str]

    def processes(self) -> list[int]:
        """The server's own, and those that work for it."""
        tasks = Path(f"/proc/{self.process.pid}/task").iterdir()
        return [self.process.pid] + [
            int(child) for task in tasks for child in (task / "children").read_text().split()
        ]

    def cpu(self) -> float:
        """Seconds of processor time that they took so far."""
        ticks = 0
        for process in self.processes():
            fields = Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()
            ticks += int(fields[11]) + int(fields[12])
        return ticks / 100

    def memory(self) -> float:
        """Megabytes that they hold."""
        kilobytes = 0
        for process in self.processes():
            status = Path(f"/proc/{process}/status").read_text()
            kilobytes += int(status.partition("VmRSS:")[2].split()[0])
        return kilobytes / 1024

    def files(self) -> int:
        return len(list(Path(f"/proc/{self.process.pid}/fd").iterdir()))


@contextmanager
def served(*command: str, folder: Path) -> Iterator[Served]:
    import os

    environment = {
        **os.environ,
        "DEID_FOLDER": str(folder),
        "DEID_PORT": "0",
        "PYTHONPATH": str(ROOT),
    }
    process = subprocess.Popen(
        [sys.executable, *command], cwd=folder, env=environment, stderr=subprocess.PIPE, text=True
    )
    assert process.stderr
    try:
        line = process.stderr.readline()
        url = "http://" + line.partition("http://")[2].partition("/")[0]
        # Somebody has to read what it logs, or it waits.
        threading.Thread(target=lambda: list(process.stderr or ()), daemon=True).start()
        httpx.get(url, timeout=60)
        yield Served(url, process)
    finally:
        process.terminate()
        process.wait(60)


# ---------------------------------------------------------------------------------------- measuring


@dataclass
class Call:
    """One kind of request, with a body of its own each time."""

    name: str
    server: Served
    path: str
    kind: str
    bodies: Iterator[bytes]

    def send(self, client: httpx.Client) -> tuple[float, float]:
        """What the client waited, and the processor time that the server took."""
        body, cpu, started = next(self.bodies), self.server.cpu(), time.perf_counter()
        answer = client.post(
            self.server.url + self.path, content=body, headers={"Content-Type": self.kind}
        )
        waited = time.perf_counter() - started
        assert answer.status_code == 200, (self.name, answer.status_code)
        return waited, self.server.cpu() - cpu


def race(calls: list[Call], rounds: int) -> dict[str, tuple[float, float]]:
    """Calls in turns: median wait and mean processor time of each, in milliseconds."""
    waits: dict[str, list[float]] = {call.name: [] for call in calls}
    cpus: dict[str, list[float]] = {call.name: [] for call in calls}
    with httpx.Client(trust_env=False, timeout=120) as client:
        for turn in range(rounds + 1):
            for call in calls:
                waited, cpu = call.send(client)
                if turn:  # the first one warms up
                    waits[call.name].append(waited * 1000)
                    cpus[call.name].append(cpu * 1000)
    return {
        name: (statistics.median(each), statistics.mean(cpus[name])) for name, each in waits.items()
    }


def show(title: str, found: dict[str, tuple[float, float]], floor: str, rows: int = 0) -> None:
    print(f"\n{title}")
    for name, (wait, cpu) in found.items():
        rate = f"  {rows / wait * 1000:9,.0f} rows/s" if rows else ""
        times = found[floor][1] / cpu if rows and cpu else wait / found[floor][0]
        what = "x the rows per cpu second of" if rows else "x the wait of"
        print(
            f"  {name:34} p50 {wait:8.2f} ms  cpu {cpu:8.2f} ms{rate}  {times:5.2f} {what} {floor}"
        )


def speed(ours: Served, floor: Served, rounds: int) -> None:
    def one() -> Iterator[bytes]:
        for (row,) in tables(1, 5):
            yield json.dumps({"texts": [f"{row[1]}，身份证{row[3]}，电话{row[4]}"]}).encode()

    kind = "application/json"
    single = [
        Call("empty endpoint", floor, "/empty", kind, itertools.repeat(b"{}")),
        Call("/v1/mask, one record", ours, "/v1/mask", kind, one()),
        Call("/v1/scan, no text", ours, "/v1/scan", kind, itertools.repeat(b'{"texts": []}')),
    ]
    show("one record a call", race(single, rounds * 40), "empty endpoint")
    for rows in (ROWS, 20_000):
        lists = [
            Call("pydantic, each cell validated", floor, "/validated", kind, map(as_cells, tables(rows, 1))),
            Call("pydantic, each cell masked", floor, "/masked", kind, map(as_cells, tables(rows, 2))),
            Call("/v1/mask/records, columns", ours, "/v1/mask/records", kind, map(as_columns, tables(rows, 3))),
            Call("/v1/mask/records, csv", ours, "/v1/mask/records", "text/csv", map(as_csv, tables(rows, 4))),
        ]  # fmt: skip
        found = race(lists, max(rounds // (rows // ROWS), 2))
        show(f"{rows:,} rows a call", found, "pydantic, each cell masked", rows)
        show(f"{rows:,} rows a call", found, "pydantic, each cell validated", rows)


async def answered(ours: Served, large: int) -> None:
    """How long ``/health`` takes while so many large calls are under way."""
    waits: list[float] = []
    bodies = [as_csv(rows) for rows, _ in zip(tables(40_000, 6), range(large), strict=False)]
    async with httpx.AsyncClient(base_url=ours.url, timeout=300, trust_env=False) as client:
        await client.get("/health")
        kind = {"Content-Type": "text/csv"}
        calls = [
            asyncio.ensure_future(client.post("/v1/mask/records", content=body, headers=kind))
            for body in bodies
        ]
        while not all(call.done() for call in calls):
            started = time.perf_counter()
            await client.get("/health")
            waits.append((time.perf_counter() - started) * 1000)
            await asyncio.sleep(0.01)
        assert all(call.result().status_code == 200 for call in calls)
    waits.sort()
    print(f"\n/health during {large} calls of 40,000 rows: {len(waits)} times", end="")
    print(
        f", p50 {waits[len(waits) // 2]:.1f} ms, p99 {waits[len(waits) * 99 // 100]:.1f} ms", end=""
    )
    print(f", longest {waits[-1]:.1f} ms")


class Wire:
    """A connection that is kept. Clients of a library would take more time than the server does."""

    def __init__(self, url: str) -> None:
        self._host, _, self._port = url.removeprefix("http://").partition(":")
        self._reader: asyncio.StreamReader | None = None
        self._writer: asyncio.StreamWriter | None = None

    async def post(self, path: str, kind: str, body: bytes) -> str:
        """The status of the answer, which is read to its end; or the kind of the error."""
        try:
            if self._writer is None:
                opened = await asyncio.open_connection(self._host, int(self._port))
                self._reader, self._writer = opened
            assert self._reader
            self._writer.write(
                f"POST {path} HTTP/1.1\r\nHost: {self._host}\r\nContent-Type: {kind}\r\n"
                f"Content-Length: {len(body)}\r\n\r\n".encode()
                + body
            )
            head = (await self._reader.readuntil(b"\r\n\r\n")).decode().lower()
            length = head.partition("content-length:")[2].split()[0]
            await self._reader.readexactly(int(length))
            if "connection: close" in head:
                self.close()
            return head.split()[1]
        except (OSError, EOFError) as error:
            self.close()
            return type(error).__name__

    def close(self) -> None:
        """Hang up."""
        if self._writer is not None:
            self._writer.close()
        self._reader = self._writer = None


async def crowd(ours: Served, seconds: float, clients: int, mixed: bool) -> None:
    """Many clients at once, each with its own lists; tells waits, errors, memory, open files."""
    statuses: Counter[str] = Counter()
    waits: dict[str, list[float]] = {"texts": [], "tables of 50 rows": []}
    until = time.monotonic() + seconds

    async def one(seed: int) -> None:
        wire, chance = Wire(ours.url), random.Random(seed)
        texts, lists = tables(1, seed), tables(50, -seed)
        while time.monotonic() < until:
            what, path, kind = "texts", "/v1/mask", "application/json"
            if chance.random() < (0.5 if mixed else 0.9):
                body = json.dumps({"texts": [" ".join(next(texts)[0])]}).encode()
            else:
                what, path = "tables of 50 rows", "/v1/mask/records"
                as_body: Callable[[list[list[str]]], bytes] = chance.choice((as_csv, as_columns))
                kind = "text/csv" if as_body is as_csv else kind
                body = as_body(next(lists))
                if mixed and chance.random() < 0.2:
                    body, kind = body[: len(body) // 2], "application/json"  # malformed
            started = time.perf_counter()
            statuses[await wire.post(path, kind, body)] += 1
            waits[what].append((time.perf_counter() - started) * 1000)
        wire.close()

    memory, files = ours.memory(), ours.files()
    await asyncio.gather(*(one(seed) for seed in range(1, clients + 1)))
    count = sum(map(len, waits.values()))
    print(f"\n{clients} clients for {seconds:.0f} s: {count:,} calls, {dict(statuses)}")
    for what, each in waits.items():
        each.sort()
        middle, late = each[len(each) // 2], each[len(each) * 99 // 100]
        print(f"  {what}: {len(each):,} calls, p50 {middle:.0f} ms, p99 {late:.0f} ms")
    await asyncio.sleep(1)
    print(f"  memory {memory:.0f} -> {ours.memory():.0f} MB, open files {files} -> {ours.files()}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=20)
    parser.add_argument("--load", type=float, default=0, metavar="SECONDS")
    parser.add_argument("--soak", type=float, default=0, metavar="SECONDS")
    parser.add_argument("--large", type=int, default=8, metavar="CALLS")
    said = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="deid-bench-") as name:
        folder = Path(name)
        with served("-m", "deid", "serve", folder=folder) as ours:
            if said.rounds:
                with served("-c", _FLOOR, folder=folder) as floor:
                    speed(ours, floor, said.rounds)
            if said.large:
                asyncio.run(answered(ours, said.large))
            if said.load:
                asyncio.run(crowd(ours, said.load, 100, mixed=False))
            if said.soak:
                asyncio.run(crowd(ours, said.soak / 3, 8, mixed=True))
                asyncio.run(crowd(ours, said.soak * 2 / 3, 8, mixed=True))


if __name__ == "__main__":
    main()
