"""What no request gets past: hosts, origins, keys, sizes, times; and what never leaves by the log."""

from __future__ import annotations

import contextlib
import io
import json
import logging
import socket
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import httpx
import pytest

from service.logs import Reserved
from service.settings import Settings, SettingsFault, key_digest, load_settings, new_key

ID, PHONE = "11010519491231002X", "13800138000"
ASKED = {"texts": [f"身份证{ID}，电话{PHONE}"]}
OPEN = ["/", "/health", "/docs", "/openapi.json"]
CLOSED = ["/metrics", "/v1/policies", "/v1/entities", "/v1/formats", "/v1/files/x", "/nothing"]


def kind_of(response: httpx.Response) -> str:
    return str(response.json()["type"]).rpartition(":")[2]


def talk(url: str, request: bytes, *, more: bytes = b"") -> bytes:
    """What the server says to these bytes, until it closes the connection or says no more."""
    place = urlsplit(url)
    with socket.create_connection((place.hostname, place.port), timeout=30) as line:
        said = b""
        with contextlib.suppress(ConnectionError):  # closed before all of it was taken
            line.sendall(request)
            if more:
                line.sendall(more)
            while part := line.recv(65536):
                said += part
        return said


def head(url: str, first: str, **fields: str) -> bytes:
    """The beginning of a request, to the end of its headers."""
    lines = [first, f"Host: {urlsplit(url).netloc}"]
    lines += [f"{name.replace('_', '-')}: {text}" for name, text in fields.items()]
    return "\r\n".join([*lines, "", ""]).encode()


# -------------------------------------------------------------------------------- hosts and origins


@pytest.mark.parametrize(
    "host", ["evil.example", "127.0.0.1.evil.example", "localhost.", "[::1", "localhost@evil", ""]
)
def test_other_hosts_are_not_served(client: httpx.Client, host: str) -> None:
    answer = client.get("/health", headers={"Host": host})
    assert (answer.status_code, kind_of(answer)) == (403, "forbidden")


@pytest.mark.parametrize(
    "host", ["localhost", "LOCALHOST:1", "127.0.0.1:8000", "[::1]:80", "[::1]"]
)
def test_names_of_this_machine_are_served(client: httpx.Client, host: str) -> None:
    assert client.get("/health", headers={"Host": host}).status_code == 200


FOREIGN = {
    "other": {"Origin": "https://evil.example"},
    "null": {"Origin": "null"},
    "empty": {"Origin": ""},
    "no-address": {"Origin": "http://[::1"},
    "other-port": {"Origin": "http://127.0.0.1:1"},
    "prefix": {"Origin": "http://127.0.0.1.evil.example"},
    "user": {"Origin": "http://127.0.0.1@evil.example"},
    "cross-site": {"Sec-Fetch-Site": "cross-site"},
    "same-site": {"Sec-Fetch-Site": "same-site"},
}


@pytest.mark.parametrize("headers", FOREIGN.values(), ids=FOREIGN)
def test_pages_of_other_sites_may_not_post(client: httpx.Client, headers: dict[str, str]) -> None:
    answer = client.post("/v1/mask", json=ASKED, headers=headers)
    assert (answer.status_code, kind_of(answer)) == (403, "forbidden")


def test_our_own_page_may_post(client: httpx.Client) -> None:
    origin = str(client.base_url).rstrip("/")
    headers = {"Origin": origin, "Sec-Fetch-Site": "same-origin"}
    assert client.post("/v1/mask", json=ASKED, headers=headers).status_code == 200


def test_no_other_origin_is_let_in_by_a_preflight(client: httpx.Client) -> None:
    headers = {"Origin": "https://evil.example", "Access-Control-Request-Method": "POST"}
    answer = client.options("/v1/mask", headers=headers)
    assert (answer.status_code, kind_of(answer)) == (405, "not-allowed")
    assert answer.headers["allow"] == "POST"
    assert not [name for name in answer.headers if name.startswith("access-control")]


# --------------------------------------------------------------------------------- every response


@pytest.mark.parametrize("path", [*OPEN, *CLOSED])
def test_no_response_is_kept_or_framed(client: httpx.Client, path: str) -> None:
    headers = client.get(path).headers
    assert headers["cache-control"] == "no-store"
    assert headers["x-content-type-options"] == "nosniff"
    assert headers["x-frame-options"] == "DENY"
    assert headers["referrer-policy"] == "no-referrer"
    policy = headers["content-security-policy"]
    assert "default-src 'none'" in policy
    assert "unsafe" not in policy
    assert "server" not in headers


def test_head_is_get_without_a_body(client: httpx.Client) -> None:
    for path in [*OPEN, "/v1/policies", "/nothing"]:
        short, long = client.head(path), client.get(path)
        assert (short.status_code, short.content) == (long.status_code, b"")
    assert client.head("/v1/mask").status_code == 405


@pytest.mark.parametrize(
    ("given", "kept"),
    [
        ("abc-1.2_3", True),
        ("a" * 65, False),
        ("a b", False),
        ("甲".encode(), False),
        ("a\tb", False),
    ],
)
def test_only_a_plain_request_id_is_given_back(
    client: httpx.Client, given: str | bytes, kept: bool
) -> None:
    raw = given if isinstance(given, bytes) else given.encode()
    answer = client.get("/health", headers=[(b"X-Request-ID", raw)])
    told = answer.headers.get_list("x-request-id")
    assert len(told) == 1
    assert (told[0].encode() == raw) is kept


def test_headers_cannot_be_smuggled_into_a_response(start_server: Any) -> None:
    server = start_server()
    said = talk(
        server.url,
        head(
            server.url,
            "GET /nothing%0d%0aSet-Cookie:%20a=b?x=%0d%0aX-Evil:1 HTTP/1.1",
            X_Request_ID="a%0d%0aX-Evil: 1",
            Connection="close",
        ),
    )
    assert said.startswith(b"HTTP/1.1 404")
    assert b"set-cookie" not in said.lower()
    assert b"x-evil" not in said.lower()


# ------------------------------------------------------------------------------------------- sizes


def test_a_body_that_says_it_is_too_large(client: httpx.Client) -> None:
    answer = client.post("/v1/mask", content=b" " * (9 << 20), headers={"Content-Type": "a/b"})
    assert (answer.status_code, kind_of(answer)) == (413, "too-large")
    assert client.get("/health").status_code == 200


@pytest.mark.parametrize("path", ["/v1/mask", "/v1/mask/records"])
def test_a_body_that_turns_out_too_large(client: httpx.Client, path: str) -> None:
    def parts() -> Iterator[bytes]:
        yield b'{"texts": ["'
        for _ in range(9):
            yield b"a" * (1 << 20)
        yield b'"]}'

    answer = client.post(path, content=parts(), headers={"Content-Type": "application/json"})
    assert (answer.status_code, kind_of(answer)) == (413, "too-large")


def test_a_client_that_asks_first_is_told_before_it_sends(start_server: Any) -> None:
    server = start_server()
    request = head(
        server.url,
        "POST /v1/mask HTTP/1.1",
        Content_Type="application/json",
        Content_Length="99999999",
        Expect="100-continue",
    )
    said = talk(server.url, request)
    assert said.startswith(b"HTTP/1.1 413")
    assert b"connection: close" in said.lower()


@pytest.mark.parametrize("length", ["9" * 30, "9" * 5000, "-1", "1, 2", "0x10", "+5", ""])
def test_lengths_that_are_none(server: Any, length: str) -> None:
    said = talk(server.url, head(server.url, "POST /v1/mask HTTP/1.1", Content_Length=length))
    assert said.split()[1] in (b"400", b"413")


def test_two_ways_to_tell_the_length_are_one_too_many(server: Any) -> None:
    request = head(
        server.url,
        "POST /v1/mask HTTP/1.1",
        Content_Length="5",
        Transfer_Encoding="chunked",
        Content_Type="application/json",
        Connection="close",
    )
    said = talk(server.url, request, more=b"0\r\n\r\nGET /metrics HTTP/1.1\r\nHost: a\r\n\r\n")
    assert said.count(b"HTTP/1.1 ") == 1
    assert said.split()[1] == b"400"


def test_oversized_headers(server: Any) -> None:
    request = head(server.url, "GET /health HTTP/1.1", X_Long="a" * 40_000, Connection="close")
    assert talk(server.url, request).split()[1] == b"431"
    long = head(server.url, f"GET /{'a' * 9_000} HTTP/1.1", Connection="close")
    assert talk(server.url, long).split()[1] == b"414"
    endless = head(server.url, "GET /health HTTP/1.1")[:-2] + b"X-A: b\r\n" * 100_000
    assert not talk(server.url, endless, more=b"\r\n").startswith(b"HTTP/1.1 200")


@pytest.mark.parametrize(
    "request_", [b"\0\0\0\0\r\n\r\n", b"GET\r\n\r\n", b"\x16\x03\x01\2\0\1\r\n\r\n"]
)
def test_what_is_no_http(server: Any, request_: bytes) -> None:
    assert talk(server.url, request_).startswith(b"HTTP/1.1 400")


# ------------------------------------------------------------------------------------------- times


def test_a_slow_body_is_given_up(start_server: Any) -> None:
    server = start_server(upload_seconds=1)
    for path in ("/v1/mask", "/v1/mask/records"):
        request = head(
            server.url,
            f"POST {path} HTTP/1.1",
            Content_Length="100",
            Content_Type="application/json",
        )
        said = talk(server.url, request, more=b'{"texts": [')
        assert said.startswith(b"HTTP/1.1 408")
        assert b"urn:deid:problem:too-slow" in said


def test_bodies_in_memory_are_bounded(start_server: Any) -> None:
    server = start_server(body_mb=1)
    place = urlsplit(server.url)
    size = 1 << 20
    start = head(
        server.url,
        "POST /v1/mask HTTP/1.1",
        Content_Length=str(size),
        Content_Type="application/json",
    )
    lines = [socket.create_connection((place.hostname, place.port), 60) for _ in range(33)]
    for line in lines:  # each holds back its last byte
        line.sendall(start + b" " * (size - 1))
    last = socket.create_connection((place.hostname, place.port), 60)
    last.sendall(start + b" " * size)
    assert last.recv(65536).startswith(b"HTTP/1.1 429 ")
    for line in (*lines, last):
        line.close()
    for _ in range(5_000):  # until the server has noticed
        if "deid_requests_in_flight 1.0" in server.client.get("/metrics").text:
            break
    whole = json.dumps({"texts": ["a" * 900_000]}).encode()
    headers = {"Content-Type": "application/json"}
    assert server.client.post("/v1/mask", content=whole, headers=headers).status_code == 200


def test_a_client_that_hangs_up_is_no_error(start_server: Any) -> None:
    server = start_server()
    place = urlsplit(server.url)
    with socket.create_connection((place.hostname, place.port)) as line:
        line.sendall(
            head(
                server.url,
                "POST /v1/mask HTTP/1.1",
                Content_Length="100",
                Content_Type="application/json",
            )
            + b'{"texts": ['
        )
    assert server.client.post("/v1/mask", json=ASKED).status_code == 200
    server.stop()
    assert '"event": "error"' not in server.log
    assert "Traceback" not in server.log


# -------------------------------------------------------------------------------------------- keys


@pytest.fixture
def keyed(start_server: Any, tmp_path: Path) -> tuple[Any, str]:
    """A server with two keys, and one of them."""
    key = new_key()
    file = tmp_path / "keys"
    file.write_text(f"# portal\n{key_digest(key).upper()}  # 门户\n\n{key_digest(new_key())}\n")
    return start_server(key_file=file), key


def test_keys(keyed: tuple[Any, str]) -> None:
    server, key = keyed
    for path in OPEN:
        assert server.client.get(path).status_code == 200
    wrong = [
        {},
        {"X-API-Key": ""},
        {"X-API-Key": key[:-1]},
        {"X-API-Key": key + "a"},
        {"X-API-Key": key_digest(key)},
        {"Authorization": f"Basic {key}"},
        {"Authorization": "Bearer"},
        {"X-API-Key": "ÿ" * 10_000},
    ]
    for headers in wrong:
        encoded = [(name, text.encode("latin-1")) for name, text in headers.items()]
        for path in CLOSED:
            answer = server.client.get(path, headers=encoded)
            assert (answer.status_code, kind_of(answer)) == (401, "no-key")
            assert answer.headers["www-authenticate"].startswith("Bearer")
        answer = server.client.post("/v1/mask", json=ASKED, headers=encoded)
        assert (answer.status_code, kind_of(answer)) == (401, "no-key")
        assert server.client.post("/", headers=encoded).status_code == 401
    for headers in ({"X-API-Key": key}, {"Authorization": f"bearer  {key}"}):
        assert server.client.post("/v1/mask", json=ASKED, headers=headers).status_code == 200
        assert server.client.get("/metrics", headers=headers).status_code == 200
    server.stop()
    assert key not in server.log


def test_another_address_needs_a_key(tmp_path: Path) -> None:
    with pytest.raises(SettingsFault, match="key-file"):
        load_settings({}, host="0.0.0.0")
    file = tmp_path / "keys"
    for content in ("", "# nothing\n", "short", "g" * 64, new_key()):
        file.write_text(content)
        with pytest.raises(SettingsFault):
            load_settings({}, host="0.0.0.0", key_file=str(file))
    with pytest.raises(SettingsFault):
        load_settings({}, key_file=str(tmp_path / "none"))
    file.write_text(key_digest(new_key()))
    assert load_settings({}, host="0.0.0.0", key_file=str(file)).host == "0.0.0.0"


@pytest.mark.parametrize(
    ("name", "text"), [("DEID_PORT", "x"), ("DEID_PORT", "70000"), ("DEID_QUEUE", "0")]
)
def test_settings_that_make_no_sense(name: str, text: str) -> None:
    with pytest.raises(SettingsFault):
        load_settings({name: text})


def test_new_keys_are_long_and_different() -> None:
    keys = {new_key() for _ in range(100)}
    assert len(keys) == 100
    assert min(map(len, keys)) >= 43
    assert Settings().key_digests() == frozenset()


# ------------------------------------------------------------------------------------- log, metrics


def test_nothing_of_a_request_is_in_log_or_metrics(start_server: Any, tmp_path: Path) -> None:
    server = start_server()
    post = server.client.post
    post("/v1/mask", json=ASKED)
    post("/v1/scan", json={"texts": [PHONE], "policy": PHONE})
    post("/v1/mask", json={"texts": [{PHONE: ID}], PHONE: ID})
    post("/v1/mask", content=f'{{"texts": [{ID}'.encode(), headers={"Content-Type": PHONE})
    post("/v1/mask/records", json={"columns": {PHONE: [ID]}, "kinds": {ID: PHONE}})
    post(
        "/v1/mask/records",
        content=f"电话\n{PHONE}\n".encode(),
        headers={"Content-Type": "text/csv"},
    )
    server.client.get(f"/v1/policies/{PHONE}")
    server.client.get(f"/{PHONE}", params={"q": ID}, headers={"X-Request-ID": f"{ID} {PHONE}"})
    server.client.request(f"M{PHONE}", "/v1/mask")
    talk(server.url, f"GET {PHONE}\r\nHost: {ID}\r\n\r\n".encode())
    metrics = server.client.get("/metrics").text
    assert 'route="/v1/mask/records"' in metrics
    left = [path.read_bytes() for path in server.folder.rglob("*") if path.is_file()]
    server.stop()
    for value in (ID, PHONE):
        assert value not in server.log
        assert value not in metrics
        assert all(value.encode() not in content for content in left)
    for line in server.log.splitlines()[1:]:
        json.loads(line)


def test_the_log_holds_no_message_of_others() -> None:
    stream = io.StringIO()
    handler = logging.StreamHandler(stream)
    handler.setFormatter(Reserved())
    for name in ("pdfminer", "uvicorn.error", "asyncio"):
        logger = logging.Logger(name)
        logger.addHandler(handler)
        logger.warning("cell %s", ID) if name != "uvicorn.error" else None
        try:
            raise KeyError(ID)
        except KeyError:
            logger.exception("in the application")
    told = [json.loads(line) for line in stream.getvalue().splitlines()]
    assert ID not in stream.getvalue()
    assert [each.get("kind") for each in told] == [None, "KeyError", "KeyError", None, "KeyError"]


# ---------------------------------------------------------------------------------------- stopping


def wait_until_refused(host: str | None, port: int | None) -> None:
    """Connect until nobody listens any more."""
    while True:
        try:
            socket.create_connection((host, port), timeout=30).close()
        except ConnectionError:
            return


def test_a_request_under_way_is_answered_when_the_server_stops(start_server: Any) -> None:
    server = start_server()
    place = urlsplit(server.url)
    body = json.dumps(ASKED).encode()
    with socket.create_connection((place.hostname, place.port), timeout=30) as line:
        request = head(
            server.url,
            "POST /v1/mask HTTP/1.1",
            Content_Length=str(len(body)),
            Content_Type="application/json",
        )
        line.sendall(request + body[:9])
        assert server.client.get("/health").status_code == 200  # so ours was begun
        stopping = threading.Thread(target=server.stop)
        stopping.start()
        wait_until_refused(place.hostname, place.port)
        line.sendall(body[9:])
        said = b""
        while part := line.recv(65536):
            said += part
        stopping.join()
    assert said.startswith(b"HTTP/1.1 200")
    assert ID.encode() not in said
    assert server.process.returncode == 0
