"""Jobs of the real server: the queue, its workers, and what is left when any of them is killed."""

from __future__ import annotations

import hashlib
import os
import signal
import stat
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from lists import CSV, MASKED, Held, begin, finish, folders, masked, post, problem, workers
from real_server import ROOT, Server, Start, start


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A server whose workers are hurt by one test after the other."""
    running = start(tmp_path_factory.mktemp("jobs") / "service", queue=2)
    yield running
    running.kill()
    running.wait()


def test_events_tell_of_every_file(client: httpx.Client) -> None:
    job = begin(client, *[("名单.csv", CSV)] * 3)
    with client.stream("GET", f"{job}/events") as events:
        assert events.headers["content-type"].startswith("text/event-stream")
        lines = list(events.iter_lines())
    kinds = [line for line in lines if line.startswith("event:")]
    assert kinds[-1] == "event: end"
    assert '"done": 3, "total": 3' in lines[-2]


def test_a_full_queue_says_when_to_come_back(shared: Server) -> None:
    client = shared.client
    held = Held(client, shared.process.pid)
    first, second, third = (begin(client) for _ in range(3))
    states = [client.get(job).json() for job in (first, second, third)]
    assert [state["state"] for state in states] == ["running", "queued", "queued"]
    assert [state["position"] for state in states] == [0, 1, 2]
    answer = post(client, ("名单.csv", CSV))
    assert problem(answer) == (429, "too-many")
    assert int(answer.headers["retry-after"]) > 0
    assert problem(client.post("/v1/audit", files=[("files", ("a.csv", CSV))]))[0] == 429
    assert problem(client.get(f"{first}/results/0")) == (409, "not-ready")
    assert client.delete(second).status_code == 204
    assert client.get(third).json()["position"] == 1
    fourth = begin(client)
    held.go_on()
    assert [finish(client, job)["state"] for job in (first, third, fourth)] == ["done"] * 3
    assert 'deid_jobs{state="done"} 3.0' in client.get("/metrics").text


def test_a_worker_killed_in_mid_job_fails_that_job_only(shared: Server) -> None:
    client = shared.client
    held = Held(client, shared.process.pid)
    hurt, next_one = begin(client), begin(client)
    held.kill()
    state = finish(client, hurt)
    assert (state["state"], state["conclusion"]) == ("failed", "refused")
    assert "意外终止" in state["error"] == state["files"][0]["message"]
    assert problem(client.get(f"{hurt}/results/0")) == (422, "refused")
    assert client.get(state["links"]["report"]).json()["conclusion"] == "refused"
    assert finish(client, next_one)["state"] == "done"
    assert client.get(f"{next_one}/results/0").content == MASKED
    (fresh,) = workers(shared.process.pid)
    assert fresh != held.pid


def test_other_files_of_the_job_are_still_done(shared: Server) -> None:
    held = Held(shared.client, shared.process.pid)
    job = begin(shared.client, ("一.csv", CSV), ("二.csv", CSV))
    held.kill()
    state = finish(shared.client, job)
    assert [file["status"] for file in state["files"]] == ["refused", "publish"]
    assert state["files"][0]["source"] == "一.csv"
    assert shared.client.get(state["files"][1]["link"]).content == MASKED


def test_a_job_that_takes_too_long_is_stopped(start_server: Start) -> None:
    server = start_server(job_seconds=3)
    held = Held(server.client, server.process.pid)
    state = masked(server.client, ("一.csv", CSV), ("二.csv", CSV))
    assert state["state"] == "failed"
    assert "超过时限" in state["error"]
    assert [file["status"] for file in state["files"]] == ["refused", "refused"]
    assert masked(server.client)["state"] == "done"
    assert held.pid not in workers(server.process.pid)


def test_an_audit_whose_worker_is_killed(shared: Server) -> None:
    held = Held(shared.client, shared.process.pid)
    waiting = begin(shared.client)
    held.kill()
    finish(shared.client, waiting)
    assert shared.client.post("/v1/audit", files=[("files", ("a.csv", CSV))]).status_code == 200


def test_cancelling_stops_the_work(shared: Server) -> None:
    client = shared.client
    held = Held(client, shared.process.pid)
    kept = folders(shared.folder)
    running, waiting = begin(client), begin(client)
    with client.stream("GET", f"{waiting}/events") as events:
        assert client.delete(waiting).status_code == 204
        assert '"cancelled"' in list(events.iter_lines())[-2]
    assert client.delete(running).status_code == 204
    assert problem(client.get(running)) == (404, "no-job")
    assert masked(client)["state"] == "done"
    assert held.pid not in workers(shared.process.pid)
    assert len(folders(shared.folder)) == len(kept) + 1


def test_results_expire(start_server: Start) -> None:
    server = start_server(keep=1)
    job = begin(server.client)
    for _ in range(100_000):
        if server.client.get(job).status_code == 404:
            break
    assert problem(server.client.get(f"{job}/results/0")) == (404, "no-job")
    for _ in range(10_000):  # the folder goes in a thread, right after the job is forgotten
        if not folders(server.folder):
            break
        server.client.get("/health")
    assert folders(server.folder) == []


def test_jobs_belong_to_the_key_that_made_them(start_server: Start, tmp_path: Path) -> None:
    keys = tmp_path / "keys"
    keys.write_text("".join(hashlib.sha256(key).hexdigest() + "\n" for key in (b"one", b"two")))
    client = start_server(key_file=keys).client
    one, two = {"X-API-Key": "one"}, {"Authorization": "Bearer two"}
    files = [("files", ("名单.csv", CSV))]
    assert problem(client.post("/v1/files", files=files)) == (401, "no-key")
    answer = client.post("/v1/files", files=files, headers=one)
    assert "one" not in answer.text
    job = answer.json()["links"]["self"]
    with client.stream("GET", f"{job}/events", headers=one) as events:
        events.read()
    for rest in ("", "/events", "/report", "/all.zip", "/results/0"):
        assert problem(client.get(job + rest, headers=two)) == (404, "no-job")
    assert problem(client.delete(job, headers=two)) == (404, "no-job")
    assert client.get(f"{job}/results/0", headers=one).content == MASKED


def test_keys_take_turns(start_server: Start, tmp_path: Path) -> None:
    keys = tmp_path / "keys"
    digests = (hashlib.sha256(key).hexdigest() for key in (b"greedy", b"modest"))
    keys.write_text("".join(f"{digest}\n" for digest in digests))
    server = start_server(key_file=keys, queue=3)
    with (
        httpx.Client(base_url=server.url, headers={"X-API-Key": "greedy"}, timeout=60) as greedy,
        httpx.Client(base_url=server.url, headers={"X-API-Key": "modest"}, timeout=60) as modest,
    ):
        held = Held(greedy, server.process.pid)
        jobs = [begin(greedy) for _ in range(4)]  # one under way, three in the queue
        file = ("名单.csv", CSV)
        assert problem(post(greedy, file)) == (429, "too-many")
        mine = begin(modest)  # no room is left, but not by this key
        assert problem(post(modest, file)) == (429, "too-many")

        def position(client: httpx.Client, job: str) -> int:
            return int(client.get(job).json()["position"])

        assert [position(greedy, job) for job in jobs] == [0, 2, 3, 4]
        assert position(modest, mine) == 1
        held.go_on()
        assert finish(modest, mine)["state"] == "done"


def test_files_are_private(start_server: Start) -> None:
    server = start_server()
    masked(server.client)
    (own,) = server.folder.iterdir()
    found = list(own.rglob("*"))
    assert any(path.is_file() and path.name != "lock" for path in found)
    for path in (own, *found):
        assert stat.S_IMODE(path.stat().st_mode) == (0o700 if path.is_dir() else 0o600)
    job = own / "1"
    assert list((job / "in").iterdir()) == []  # what came in is gone as soon as it is done
    assert [path.name for path in (job / "out").iterdir()] == ["0.csv"]


# --- ends -----------------------------------------------------------------------------------------


def test_a_killed_server_leaves_nothing_for_long(start_server: Start) -> None:
    server = start_server()
    held = Held(server.client, server.process.pid)
    begin(server.client)
    assert server.process.poll() is None
    server.kill()
    held.go_on()
    assert folders(server.folder)
    again = start_server(server.folder)
    assert folders(again.folder) == []
    assert len(list(again.folder.iterdir())) == 1
    for _ in range(1_000_000):
        if not is_running(held.pid):
            break
    assert not is_running(held.pid)
    assert masked(again.client)["state"] == "done"


def is_running(process: int) -> bool:
    try:
        os.kill(process, 0)
        return Path(f"/proc/{process}/stat").read_text().split(") ")[1][0] != "Z"
    except (ProcessLookupError, FileNotFoundError):
        return False


def test_two_servers_share_a_folder(start_server: Start) -> None:
    one = start_server()
    link = masked(one.client)["files"][0]["link"]
    other = start_server(one.folder)
    assert masked(other.client)["state"] == "done"
    assert len(list(one.folder.iterdir())) == 2
    other.kill()
    third = start_server(one.folder)
    assert len(list(one.folder.iterdir())) == 2
    assert third.stop() == 0
    assert one.client.get(link).content == MASKED


def test_two_servers_do_not_share_a_port(start_server: Start) -> None:
    server = start_server()
    environment = os.environ | {"PYTHONPATH": str(ROOT), "DEID_FOLDER": str(server.folder)}
    port = server.url.rpartition(":")[2]
    command = [sys.executable, "-m", "deid", "serve", "--port", port]
    run = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=60)
    assert (run.returncode, "端口被占用" in run.stderr) == (2, True)
    assert len(list(server.folder.iterdir())) == 1


def test_a_stopping_server_ends_what_it_has_begun(start_server: Start) -> None:
    server = start_server(shutdown_seconds=30)
    client = server.client
    held = Held(client, server.process.pid)
    job = begin(client, keep="1")
    with client.stream("GET", f"{job}/events") as events:
        for process in (server.process.pid, held.pid):  # as systemd does
            os.kill(process, signal.SIGTERM)
        lines = events.iter_lines()
        next(lines)
        for _ in range(10_000):
            answer = post(client, ("名单.csv", CSV))
            if answer.status_code != 202:
                break
        assert problem(answer) == (503, "stopping")
        assert answer.headers["retry-after"]
        held.go_on()
        assert '"done"' in list(lines)[-2]
    assert server.wait() == 0
    assert list(server.folder.iterdir()) == []


def test_a_stopping_server_does_not_wait_for_ever(start_server: Start) -> None:
    server = start_server(shutdown_seconds=2)
    Held(server.client, server.process.pid)
    begin(server.client)
    assert server.stop() == 0
    assert list(server.folder.iterdir()) == []
    assert "Traceback" not in server.log


def test_a_folder_that_cannot_be_written(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    environment = os.environ | {"PYTHONPATH": str(ROOT), "DEID_FOLDER": str(tmp_path / "file/x")}
    command = [sys.executable, "-m", "deid", "serve", "--port", "0"]
    run = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=60)
    assert (run.returncode, "DEID_FOLDER" in run.stderr) == (2, True)


@pytest.mark.parametrize("text", ["queue=0", "workers=0"])
def test_settings_that_are_none(text: str, tmp_path: Path) -> None:
    name, _, value = text.partition("=")
    environment = os.environ | {"PYTHONPATH": str(ROOT), f"DEID_{name.upper()}": value}
    command = [sys.executable, "-m", "deid", "serve", "--port", "0"]
    run = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=60)
    assert (run.returncode, name in run.stderr) == (2, True)
