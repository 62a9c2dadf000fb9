"""Uploads to the real server: what comes back, and what does not get in."""

from __future__ import annotations

import io
import json
import os
import resource
import shutil
import socket
import subprocess
import zipfile
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from lists import CSV, ID, MASKED, MOBILE, NAME, begin, finish, folders, masked, post, problem
from real_server import Server, Start

from deid import mask_file


def test_a_file_comes_back_as_the_library_writes_it(client: httpx.Client, tmp_path: Path) -> None:
    (tmp_path / "名单.csv").write_bytes(CSV)
    expected = mask_file(tmp_path / "名单.csv", tmp_path / "out.csv")
    state = masked(client, ("名单.csv", CSV))
    assert (state["state"], state["conclusion"], state["done"]) == ("done", "publish", 1)
    (file,) = state["files"]
    assert (file["source"], file["output_sha256"]) == ("名单.csv", expected.output_sha256)
    answer = client.get(file["link"])
    assert answer.content == MASKED == (tmp_path / "out.csv").read_bytes()
    assert answer.headers["content-type"] == "application/octet-stream"
    assert answer.headers["cache-control"] == "no-store"
    assert "filename*=UTF-8''%E5%90%8D%E5%8D%95.csv" in answer.headers["content-disposition"]


def test_a_result_is_there_once(client: httpx.Client) -> None:
    link = masked(client)["files"][0]["link"]
    assert client.get(link).status_code == 200
    assert problem(client.get(link)) == (410, "gone")
    assert problem(client.get(link.replace("/results/0", "/all.zip"))) == (410, "gone")
    again = client.get(link.replace("/results/0", "")).json()
    assert again["files"][0]["result"] == "gone"
    assert "link" not in again["files"][0]
    assert "all" not in again["links"]


def test_a_result_stays_where_that_is_asked_for(client: httpx.Client) -> None:
    link = masked(client, keep="1")["files"][0]["link"]
    assert [client.get(link).content for _ in range(2)] == [MASKED, MASKED]


def test_the_same_file_a_hundred_times(client: httpx.Client) -> None:
    state = masked(client, *[("名单.csv", CSV)] * 100)
    assert (state["state"], state["total"], len(state["files"])) == ("done", 100, 100)
    archive = zipfile.ZipFile(io.BytesIO(client.get(state["links"]["all"]).content))
    assert archive.testzip() is None
    lists = [name for name in archive.namelist() if name.endswith(".csv")]
    assert len(set(lists)) == 100
    assert {archive.read(name) for name in lists} == {MASKED}
    assert {"deid-report.html", "deid-report.json"} <= set(archive.namelist())


def test_reports(client: httpx.Client) -> None:
    state = masked(client, ("名单.csv", CSV), ("坏.xlsx", b"PK\3\4"))
    answer = client.get(state["links"]["report"])
    assert answer.headers["content-type"] == "application/json"
    report = answer.json()
    assert (report["schema"], report["conclusion"]) == ("deid-report/1", "unreadable")
    assert [file["status"] for file in report["files"]] == ["publish", "unreadable"]
    sheet = client.get(state["links"]["report"], headers={"Accept": "text/html,*/*"})
    assert "公开前审查单" in sheet.text
    assert "default-src 'none'" in sheet.headers["content-security-policy"]
    assert "script-src" not in sheet.headers["content-security-policy"]
    same = client.get(state["links"]["report"], params={"format": "html", "download": "true"})
    assert same.content == sheet.content
    assert same.headers["content-disposition"].startswith("attachment")


def test_options_reach_the_library(client: httpx.Client) -> None:
    refused = masked(client, policy="de_facto_orphan")
    assert refused["conclusion"] == "refused"
    assert not any("link" in file for file in refused["files"])
    number = refused["links"]["self"]
    assert problem(client.get(f"{number}/results/0")) == (422, "refused")
    state = masked(client, policy="de_facto_orphan", override="经局长办公会研究同意公示")
    assert state["conclusion"] in ("look", "refused")
    assert state["files"][0]["overrides"]
    report = client.get(masked(client, policy="dibao_review", channel="board", level="village")[
        "links"]["report"]).json()  # fmt: skip
    assert (report["policy"]["name"], report["policy"]["level"]) == ("dibao_review", "村级")


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        ({"policy": "nothing"}, (404, "no-policy")),
        ({"policy": "../../etc/passwd"}, (404, "no-policy")),
        ({"policy": "/etc/passwd"}, (404, "no-policy")),
        ({"channel": "radio"}, (422, "invalid")),
        ({"level": "moon"}, (422, "invalid")),
        ({"pdf": "print"}, (422, "invalid")),
        ({"keep": "maybe"}, (422, "invalid")),
        ({"override": "理" * 501}, (422, "invalid")),
        ({"override": "理" * 100_000}, (413, "too-large")),
        ({"secret": ID}, (422, "invalid")),
    ],
)
def test_options_that_are_none(
    server: Server, fields: dict[str, str], expected: tuple[int, str]
) -> None:
    answer = post(server.client, ("名单.csv", CSV), **fields)
    assert problem(answer) == expected
    assert not any(value in answer.text for value in fields.values())


def raw_form(*parts: bytes, end: bytes = b"--x--\r\n") -> bytes:
    return b"".join(b"--x\r\n" + part + b"\r\n" for part in parts) + end


FILE = b'Content-Disposition: form-data; name="files"; filename="a.csv"\r\n\r\n' + CSV
FIELD = b'Content-Disposition: form-data; name="policy"\r\n\r\n'


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        (b"", (400, "bad-form")),
        (b"\r\n", (400, "bad-form")),
        (b"no form at all", (400, "bad-form")),
        (raw_form(FILE, end=b""), (400, "bad-form")),  # the half of a list
        (raw_form(FILE)[:-3], (400, "bad-form")),
        (raw_form(), (422, "invalid")),
        (raw_form(FIELD + b"general"), (422, "invalid")),
        (raw_form(FILE, FIELD + b"general", FIELD + b"general"), (422, "invalid")),
        (raw_form(FILE, FIELD + b"\xff\xfe"), (400, "bad-form")),
        (raw_form(FILE.replace(b'name="files"', b'name="file"')), (422, "invalid")),
        (raw_form(b"X: y\r\n\r\nabc"), (422, "invalid")),
        (raw_form(FILE, b"X: " + b"y" * 10_000 + b"\r\n\r\n"), (400, "bad-form")),
        (raw_form(FILE, b"X: y\r\n" * 100 + b"\r\n\r\n"), (400, "bad-form")),
    ],
)  # fmt: skip
def test_forms_that_are_none(server: Server, body: bytes, expected: tuple[int, str]) -> None:
    headers = {"Content-Type": "multipart/form-data; boundary=x"}
    for address in ("/v1/files", "/v1/audit"):
        assert problem(server.client.post(address, content=body, headers=headers)) == expected
    assert "Traceback" not in server.log


@pytest.mark.parametrize(
    "kind", ["", "text/csv", "multipart/form-data", "multipart/mixed; boundary=x"]
)
def test_bodies_that_are_no_form(client: httpx.Client, kind: str) -> None:
    answer = client.post("/v1/files", content=CSV, headers={"Content-Type": kind} if kind else {})
    assert problem(answer) in ((415, "bad-type"), (400, "bad-form"))


def test_a_field_in_which_nothing_was_chosen(client: httpx.Client) -> None:
    empty = b'Content-Disposition: form-data; name="files"; filename=""\r\n\r\n'
    headers = {"Content-Type": "multipart/form-data; boundary=x"}
    answer = client.post("/v1/files", content=raw_form(empty), headers=headers)
    assert problem(answer) == (422, "invalid")
    answer = client.post("/v1/files", content=raw_form(empty, FILE), headers=headers)
    assert finish(client, answer.json()["links"]["self"])["total"] == 1


@pytest.mark.parametrize(
    ("name", "shown"),
    [
        ("../../../etc/cron.d/名单.csv", "etc/cron.d/名单.csv"),
        ("..\\..\\windows\\名单.csv", "windows/名单.csv"),
        ("/etc/passwd.csv", "etc/passwd.csv"),
        ("C:\\Users\\a.csv", "a.csv"),
        ("<script>alert(1)</script>.csv", "_script_alert(1)_/script_.csv"),
        ("名单\x1b[2J\u202evsc.csv", "名单_[2J_vsc.csv"),
        ("CON.csv", "_CON.csv"),
        ("村/表.csv", "村/表.csv"),
        (f"名单{ID}.csv", "名单110105xxxxxxxxxxxx.csv"),
        ("长" * 300 + ".csv", "长" * 65 + ".csv"),
    ],
)
def test_file_names_lead_nowhere(server: Server, name: str, shown: str) -> None:
    # By hand: the client library escapes what a hostile one would send.
    part = FILE.replace(b"a.csv", name.replace("\\", "\\\\").encode())
    headers = {"Content-Type": "multipart/form-data; boundary=x"}
    answer = server.client.post("/v1/files", content=raw_form(part), headers=headers)
    state = finish(server.client, answer.json()["links"]["self"])
    file = state["files"][0]
    assert (file["source"], file["status"]) == (shown, "publish")
    sheet = server.client.get(state["links"]["report"], params={"format": "html"}).text
    assert "<script>alert" not in sheet
    archive = zipfile.ZipFile(io.BytesIO(server.client.get(state["links"]["all"]).content))
    assert archive.namelist()[0] == shown
    names = {path.name for path in server.folder.rglob("*")}
    assert not [name for name in names if "名单" in name or "csv" in name.replace("0.csv", "")]


@pytest.mark.parametrize(
    ("name", "content", "told"),
    [
        ("空.xlsx", b"", "空"),
        ("名单.exe", b"MZ\x90\x00", "不支持"),
        ("名单", CSV, "没有扩展名"),
        ("名单.csv", b"PK\x03\x04" + CSV, "压缩包"),  # two kinds in one
        ("名单.xlsx", CSV, "文本"),
        ("名单.pdf", b"%PDF-1.4\n" + CSV, ""),
        ("名单.html", b"\x89PNG\r\n\x1a\n<script>", ""),
        ("名单.csv/../名单.docx", b"%PDF-1.4\n", "PDF"),
    ],
)
def test_content_is_not_trusted_by_its_name(
    client: httpx.Client, name: str, content: bytes, told: str
) -> None:
    state = masked(client, (name, content), ("好.csv", CSV))
    bad, good = state["files"]
    assert bad["status"] in ("unreadable", "refused")
    assert told in bad["message"]
    assert "link" not in bad
    assert good["status"] == "publish"


def test_no_file(client: httpx.Client) -> None:
    assert problem(post(client)) == (422, "invalid")


def test_jobs_that_are_none(client: httpx.Client) -> None:
    for number in ("0" * 32, "..", "%2e%2e", "' or 1", "a" * 5000):
        for rest in ("", "/events", "/report", "/all.zip", "/results/0"):
            answer = client.get(f"/v1/files/{number}{rest}")
            assert problem(answer)[0] == 404
    assert problem(client.delete(f"/v1/files/{'0' * 32}")) == (404, "no-job")
    job = begin(client)
    finish(client, job)
    for n in ("-1", "1", "99999999999999999999"):
        assert problem(client.get(f"{job}/results/{n}")) == (404, "not-found")
    assert problem(client.get(f"{job}/results/x"))[0] == 422
    assert problem(client.get(f"{job}/report", params={"format": "exe"}))[0] == 422


def test_deleted_is_deleted(server: Server) -> None:
    job = begin(server.client)
    finish(server.client, job)
    assert server.client.delete(job).status_code == 204
    assert problem(server.client.get(job)) == (404, "no-job")
    assert problem(server.client.get(f"{job}/results/0")) == (404, "no-job")


def test_a_download_that_breaks_off_can_be_had_again(server: Server) -> None:
    content = (b"a" * 1000 + b"\n") * 8_000
    state = masked(server.client, ("说明.txt", content))
    link = state["files"][0]["link"]
    for address in (link, state["links"]["all"]):
        with connected(server) as line:
            line.sendall(f"GET {address} HTTP/1.1\r\nHost: localhost\r\n\r\n".encode())
            assert line.recv(1000).startswith(b"HTTP/1.1 200 ")
            # One at a time: who comes second is told to wait.
            assert problem(server.client.get(link)) == (409, "not-ready")
            line.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
        until_quiet(server)
    answer = server.client.get(link)
    assert (answer.status_code, answer.content == content) == (200, True)
    assert problem(server.client.get(link)) == (410, "gone")


# --- audit ----------------------------------------------------------------------------------------


def test_audit(client: httpx.Client) -> None:
    answer = client.post("/v1/audit", files=[("files", ("名单.csv", CSV))])
    report = answer.json()
    assert (report["schema"], report["status"]) == ("deid-audit/1", "found")
    assert report["files"][0]["left"] == {"CN_MOBILE": 1, "CN_RESIDENT_ID": 1}
    assert ID not in answer.text
    assert NAME not in answer.text


def test_audit_of_two_publications(client: httpx.Client) -> None:
    one = f"姓名,身份证号\n{NAME},110105********002X\n".encode()
    other = f"姓名,身份证号\n{NAME},11010519491231****\n".encode()
    files = [("against", ("公示栏.csv", other)), ("files", ("网站.csv", one))]
    report = client.post("/v1/audit", files=files, data={"published": "2026-03-15"}).json()
    assert report["union"]["publications"] == ["网站.csv", "公示栏.csv"]
    assert report["union"]["unique"] == 1


def test_an_audit_that_is_watched(client: httpx.Client) -> None:
    one = f"姓名,身份证号\n{NAME},110105********002X\n".encode()
    other = f"姓名,身份证号\n{NAME},11010519491231****\n".encode()
    files = [("against", ("公示栏.csv", other)), ("files", ("网站.csv", one))]
    answer = client.post("/v1/audit", files=files, headers={"Prefer": "respond-async, wait=5"})
    assert (answer.status_code, answer.headers["preference-applied"]) == (202, "respond-async")
    job = answer.json()["links"]["self"]
    assert answer.headers["location"] == job
    with client.stream("GET", f"{job}/events") as events:
        told = [json.loads(line[6:]) for line in events.iter_lines() if line.startswith("data: ")]
    assert (told[-1]["state"], told[-1]["done"], told[-1]["total"]) == ("done", 2, 2)
    assert [each["done"] for each in told] == sorted(each["done"] for each in told)
    report = client.get(job).json()["report"]
    assert report["union"] == client.post("/v1/audit", files=files).json()["union"]
    assert [file["source"] for file in report["files"]] == ["网站.csv", "公示栏.csv"]
    assert problem(client.get(job.replace("audit", "files"))) == (404, "no-job")
    assert client.delete(job).status_code == 204
    assert problem(client.get(job)) == (404, "no-job")


@pytest.mark.parametrize(
    ("field", "data", "expected"),
    [
        ("against", {}, (422, "invalid")),
        ("files", {"policy": "nothing"}, (404, "no-policy")),
        ("files", {"published": "gestern"}, (422, "invalid")),
        ("files", {"channel": "web"}, (422, "invalid")),
    ],
)
def test_audits_that_are_none(
    client: httpx.Client, field: str, data: dict[str, str], expected: tuple[int, str]
) -> None:
    answer = client.post("/v1/audit", files=[(field, ("名单.csv", CSV))], data=data)
    assert problem(answer) == expected


def test_what_a_file_is_called_tells_of_it(client: httpx.Client) -> None:
    files = [("files", ("特困人员救助供养2026-03-15.csv", CSV))]
    report = client.post("/v1/audit", files=files, data={"policy": "auto"}).json()
    (file,) = report["files"]
    assert (file["policy"], file["published"]) == ("tekun", "2026-03-15")


def test_audit_by_the_title(client: httpx.Client) -> None:
    answer = client.post("/v1/audit", files=[("files", ("名单.csv", CSV))], data={"policy": "auto"})
    assert answer.json()["policy"] == "auto"


# --- what goes wrong on the way -------------------------------------------------------------------


def connected(server: Server) -> socket.socket:
    host, port = server.url.removeprefix("http://").split(":")
    return socket.create_connection((host, int(port)), 60)


HEAD = (
    b"POST /v1/files HTTP/1.1\r\nHost: localhost\r\nContent-Length: 1000000\r\n"
    b"Content-Type: multipart/form-data; boundary=x\r\n\r\n"
)


def until_begun(server: Server) -> None:
    """Until the server reads an upload."""
    for _ in range(5_000):
        if folders(server.folder):
            return
        server.client.get("/health")
    raise AssertionError("the upload was not taken")


def until_quiet(server: Server) -> None:
    """Until the server has noticed that nobody is there any more."""
    for _ in range(5_000):
        if "deid_requests_in_flight 1.0" in server.client.get("/metrics").text:
            return
    raise AssertionError("a request is still open")


def test_an_upload_that_breaks_off(start_server: Start) -> None:
    server = start_server()
    for _ in range(3):
        with connected(server) as line:
            line.sendall(HEAD + raw_form(FILE, end=b""))
            until_begun(server)
            line.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
        until_quiet(server)
    assert folders(server.folder) == []
    assert "Traceback" not in server.log
    assert masked(server.client)["state"] == "done"


def test_an_upload_that_is_too_slow(start_server: Start) -> None:
    server = start_server(upload_seconds=1)
    with connected(server) as line:
        line.sendall(HEAD + raw_form(FILE, end=b""))
        answer = line.recv(65536)
    assert answer.startswith(b"HTTP/1.1 408 ")
    until_quiet(server)
    assert folders(server.folder) == []


def test_too_much(start_server: Start) -> None:
    server = start_server(file_mb=1)

    def pieces() -> Iterator[bytes]:
        yield b"--x\r\n" + FILE
        for _ in range(40):
            yield b"1" * 65536

    headers = {"Content-Type": "multipart/form-data; boundary=x"}
    answer = post(server.client, ("名单.csv", b"1" * (2 << 20)))
    assert problem(answer) == (413, "too-large")
    answer = server.client.post("/v1/files", content=pieces(), headers=headers)
    assert problem(answer) == (413, "too-large")
    assert folders(server.folder) == []


def test_a_disk_that_takes_no_more(start_server: Start) -> None:
    server = start_server()
    # A limit for each file of the process: what a full disk is, without a disk of one's own.
    resource.prlimit(server.process.pid, resource.RLIMIT_FSIZE, (100_000, 100_000))
    answer = post(server.client, ("名单.csv", b"1" * 200_000))
    assert problem(answer) == (507, "no-space")
    assert folders(server.folder) == []
    assert masked(server.client)["state"] == "done"


def test_a_disk_that_takes_no_list(start_server: Start) -> None:
    server = start_server()
    resource.prlimit(server.process.pid, resource.RLIMIT_FSIZE, (20, 20))
    headers = {"Content-Type": "text/csv"}
    answer = server.client.post("/v1/mask/records", content=CSV, headers=headers)
    assert problem(answer) == (507, "no-space")
    assert server.client.post("/v1/mask", json={"texts": [MOBILE]}).status_code == 200
    assert folders(server.folder) == []


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    disk = tmp_path / "disk"
    disk.mkdir()
    mount = shutil.which("mount")
    command = [str(mount), "-t", "tmpfs", "-o", "size=400k", "tmpfs", str(disk)]
    if not mount or os.getuid() or subprocess.run(command, capture_output=True).returncode:
        pytest.skip("only root can make a small disk")
    yield disk
    subprocess.run(["umount", str(disk)], check=True)


def test_a_full_disk(start_server: Start, small_disk: Path) -> None:
    server = start_server(small_disk)
    big = CSV + f"{NAME},{ID},{MOBILE}\n".encode() * 10_000

    def pieces() -> Iterator[bytes]:  # of a size that nobody knows before
        yield b"--x\r\n" + FILE
        yield big
        yield b"\r\n--x--\r\n"

    headers = {"Content-Type": "multipart/form-data; boundary=x"}
    answer = server.client.post("/v1/files", content=pieces(), headers=headers)
    assert problem(answer) == (507, "no-space")
    assert problem(post(server.client, ("名单.csv", big))) == (507, "no-space")
    assert folders(server.folder) == []
    # It can be taken, but there is no room for what is made of it.
    state = masked(server.client, ("名单.csv", big[:300_000]))
    assert (state["files"][0]["status"], "link" in state["files"][0]) == ("refused", False)
    assert "磁盘" in state["files"][0]["message"]
    assert masked(server.client)["files"][0]["status"] == "publish"
    server.stop()


def test_a_header_that_is_too_long(server: Server) -> None:
    with connected(server) as line:
        line.sendall(b"GET /health HTTP/1.1\r\nHost: localhost\r\nX-Long: " + b"a" * 65_600)
        assert line.recv(65536).startswith((b"HTTP/1.1 400 ", b"HTTP/1.1 431 "))
    assert server.client.get("/health").status_code == 200


def test_another_site_may_not_upload(client: httpx.Client) -> None:
    headers = {"Origin": "https://elsewhere.example"}
    answer = client.post("/v1/files", files=[("files", ("a.csv", CSV))], headers=headers)
    assert problem(answer) == (403, "forbidden")


def test_nothing_of_a_list_is_told_or_kept(start_server: Start) -> None:
    server = start_server()
    client = server.client
    state = masked(client, (f"{NAME}.csv", CSV), ("坏.xlsx", CSV), (f"{ID}.txt", CSV))
    for file in state["files"]:
        if "link" in file:
            assert ID.encode() not in client.get(file["link"]).content
    sheet = client.get(state["links"]["report"], params={"format": "html"}).text
    told = json.dumps(state, ensure_ascii=False) + sheet
    client.post("/v1/audit", files=[("files", (f"{NAME}.csv", CSV))])
    post(client, (f"{NAME}.csv", CSV), secret=ID)
    kept = [path.read_bytes() for path in server.folder.rglob("*") if path.is_file()]
    metrics = client.get("/metrics").text
    assert 'deid_findings_total{entity="CN_RESIDENT_ID"}' in metrics
    client.delete(state["links"]["self"])
    assert server.stop() == 0
    for value in (ID, MOBILE):
        assert value not in told
    for value in (ID, MOBILE, NAME, state["job"]):
        assert value not in server.log
        assert value not in metrics
        assert not any(value.encode() in content for content in kept)
    assert list(server.folder.iterdir()) == []
