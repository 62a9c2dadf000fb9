"""Whose turn it is, what a lost process comes to, and that nothing of a text is remembered."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import httpx
import pytest
from lists import problem, workers

from deid import load_policy, mask_table, mask_text
from deid.tables import _shared
from deid.text import fold
from service.forgetting import forget
from service.problems import Problem
from service.settings import Settings
from service.turns import Line, Turns
from service.workers import Outcome, Unforeseen, worked

# ------------------------------------------------------------------------------------------ in line


async def served(line: Line, *owners: str) -> list[str]:
    """In which order those are served, each of whom comes when the one place is taken."""
    order: list[str] = []
    start = asyncio.Event()

    async def first() -> None:
        async with line.place("first"):
            await start.wait()

    async def one(name: str) -> None:
        async with line.place(name[0]):
            order.append(name)

    tasks = [asyncio.ensure_future(first())]
    await asyncio.sleep(0)
    for name in owners:
        tasks.append(asyncio.ensure_future(one(name)))
        await asyncio.sleep(0)
    start.set()
    await asyncio.gather(*tasks)
    return order


def test_keys_take_turns() -> None:
    order = asyncio.run(served(Line(1, 20), "a1", "a2", "a3", "a4", "b1", "b2", "c1"))
    assert order == ["a1", "b1", "c1", "a2", "b2", "a3", "a4"]


def test_a_full_line_still_takes_who_has_nobody_in_it() -> None:
    async def run() -> list[str]:
        line = Line(1, 2)
        with pytest.raises(Problem) as told:
            await served(line, "a1", "a2", "b1", "a3")
        assert told.value.kind == "too-many"
        return [told.value.headers["Retry-After"]]

    assert asyncio.run(run()) == ["1"]


def test_without_keys_a_full_line_is_full() -> None:
    async def run() -> None:
        line = Line(1, 1)
        async with line.place(""):
            waiting = asyncio.ensure_future(line.place("").__aenter__())
            await asyncio.sleep(0)
            with pytest.raises(Problem):
                await line.place("").__aenter__()
        await waiting

    asyncio.run(run())


def test_who_gives_up_loses_no_place() -> None:
    async def run() -> None:
        line = Line(1, 5)

        async def one(name: str) -> None:
            async with line.place(name):
                pass

        async with line.place("a"):
            waiting = [asyncio.ensure_future(one(name)) for name in "bcd"]
            await asyncio.sleep(0)
            waiting[0].cancel()
        waiting[1].cancel()  # the place is its own already, or is about to be
        await asyncio.gather(*waiting, return_exceptions=True)
        assert line.waiting == 0
        async with asyncio.timeout(5), line.place("e"):
            pass

    asyncio.run(run())


# ------------------------------------------------------------------------------------- in processes


def test_work_is_told_by_its_outcome() -> None:
    assert worked(lambda: 5) == Outcome(5)

    def problem() -> None:
        raise Problem("invalid")

    def fault() -> None:
        raise RuntimeError("13800138000")

    assert worked(problem).problem is not None
    outcome = worked(fault)
    with pytest.raises(Unforeseen) as told:
        outcome.value()
    kind, places = told.value.args
    assert kind == "RuntimeError"
    assert places[-1].startswith(__file__)
    assert "13800138000" not in repr(outcome)


LONG = {"texts": ["电话13800138000，" * 1_000]}


def test_a_process_that_is_killed_is_replaced(start_server: Any) -> None:
    server = start_server(processes=1)
    wanted = server.client.post("/v1/mask", json=LONG).json()
    for _ in range(2):
        (number,) = workers(server.process.pid, "deid-calls")
        os.kill(number, signal.SIGKILL)
        answer = server.client.post("/v1/mask", json=LONG)
        assert answer.status_code == 200
        assert answer.json() == wanted


def test_a_call_that_takes_too_long_is_stopped(start_server: Any) -> None:
    server = start_server(call_seconds=3, processes=1)

    def ask() -> httpx.Response:
        return server.client.post("/v1/mask", json=LONG)

    for _ in range(5):  # on a busy machine a process may run out of time while it loads
        if ask().status_code == 200:
            break
    (number,) = workers(server.process.pid, "deid-calls")
    os.kill(number, signal.SIGSTOP)
    assert problem(ask()) == (422, "failed")
    assert number not in workers(server.process.pid, "deid-calls")
    assert 200 in {ask().status_code for _ in range(5)}


def test_keys_do_not_wait_for_each_other(start_server: Any, tmp_path: Path) -> None:
    from service.settings import key_digest

    keys = tmp_path / "keys"
    keys.write_text(f"{key_digest('greedy')}\n{key_digest('modest')}\n")
    server = start_server(key_file=keys, waiting=2, processes=1)
    body = {"texts": ["住红新村8组，" * 4_000]}

    def call(key: str) -> int:
        headers = {"X-API-Key": key}
        url = f"{server.url}/v1/mask"
        return httpx.post(url, json=body, headers=headers, timeout=120).status_code

    with ThreadPoolExecutor(12) as pool:
        greedy = [pool.submit(call, "greedy") for _ in range(11)]
        assert call("modest") == 200
        assert {each.result() for each in greedy} <= {200, 429}


# ---------------------------------------------------------------------------------------- forgetting


def test_nothing_of_a_text_is_remembered() -> None:
    mask_text("身份证11010519491231002X，住红新村8组，张三")
    mask_table({"姓名": ["张三"], "家庭住址": ["红新村8组12号"], "出生日期": ["2012年3月4日"]})
    assert fold.cache_info().currsize
    assert _shared._known
    forget()
    assert not fold.cache_info().currsize
    assert not _shared._known
    for name, module in list(sys.modules.items()):
        for each in list(vars(module).values()) if name.startswith("deid") else ():
            told = getattr(each, "cache_info", lambda: None)()
            assert told is None or told.maxsize is None or not told.currsize, (name, each)


def test_texts_are_forgotten_in_time() -> None:
    async def run() -> None:
        turns = Turns(Settings())
        fold("一段文字")
        turns.note(1 << 10)
        assert fold.cache_info().currsize
        assert turns._timer is not None  # after a while it is done anyway
        turns.note(1 << 20)
        assert not fold.cache_info().currsize
        assert turns._timer is None

    load_policy("general")
    asyncio.run(run())
