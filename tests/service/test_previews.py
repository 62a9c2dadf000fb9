"""/v1/preview and the form field ``columns``, asked of the real server."""

from __future__ import annotations

import json
from pathlib import Path

import httpx
import pytest
from real_server import Server

ID, MOBILE = "11010519491231002X", "13800138000"
CSV = f"姓名,身份证号,备用\n张伟,{ID},88123456\n李娜,110105194912310038,88123457\n".encode()


def ask(client: httpx.Client, *files: tuple[str, bytes], **fields: str) -> httpx.Response:
    return client.post("/v1/preview", files=[("files", file) for file in files], data=fields)


def columns(**one: object) -> str:
    return json.dumps([{"column": 2, "kind": "phone", **one}])


def test_a_file_and_a_column_said_to_be_another(client: httpx.Client) -> None:
    told = ask(client, ("名单.csv", CSV)).json()
    assert told["report"]["source"] == "名单.csv"
    assert told["report"]["status"] == "publish"
    assert told["tables"][0]["rows"][1]["cells"][1]["text"] == "110105************"
    assert told["tables"][0]["rows"][1]["cells"][2]["text"] == "88123456"
    told = ask(client, ("名单.csv", CSV), columns=columns()).json()
    assert told["tables"][0]["rows"][1]["cells"][2]["before"] == "88123456"


@pytest.mark.parametrize(
    "text",
    [
        "no json",
        "{}",
        "[1]",
        columns(file=1),
        columns(kind="zzz"),
        columns(column=-1),
        columns(more=1),
        columns(column="1"),
        "[" * 10_000,
    ],
)
@pytest.mark.parametrize("path", ["/v1/preview", "/v1/files"])
def test_columns_that_make_no_sense(client: httpx.Client, text: str, path: str) -> None:
    answer = client.post(path, files=[("files", ("a.csv", CSV))], data={"columns": text})
    assert answer.status_code == 422
    assert answer.json()["type"] == "urn:deid:problem:invalid"


def test_one_file_only(client: httpx.Client) -> None:
    assert ask(client, ("a.csv", CSV), ("b.csv", CSV)).status_code == 422
    assert client.post("/v1/preview", data={"policy": "general"}).status_code in (415, 422)
    assert ask(client, ("a.csv", CSV), policy="none").status_code == 404


def test_unreadable_files_are_told(client: httpx.Client) -> None:
    told = ask(client, ("坏.xlsx", b"no workbook")).json()
    assert told["report"]["status"] == "unreadable"
    assert told["tables"] == []


def test_too_large_for_a_preview(client: httpx.Client) -> None:
    assert ask(client, ("大.csv", CSV * 100_000)).status_code == 413


def test_a_column_that_is_not_there_comes_to_nothing(client: httpx.Client) -> None:
    told = ask(client, ("名单.csv", CSV), columns=columns(column=77)).json()
    assert told["report"]["status"] == "refused"
    assert "第 78 列" in told["report"]["message"]


def test_nothing_stays(server: Server) -> None:
    ask(server.client, (f"{MOBILE}.csv", CSV))
    held = [
        path
        for path in Path(server.folder).rglob("*")
        if path.is_file() and ID.encode() in path.read_bytes()
    ]
    assert held == []
    assert ID not in server.log
    assert MOBILE not in server.log
    assert MOBILE not in ask(server.client, (f"{MOBILE}.csv", CSV)).json()["report"]["source"]


def test_kinds(client: httpx.Client) -> None:
    told = client.get("/v1/kinds").json()
    assert {"kind": "id_number", "label": "身份证号", "group": "直接标识个人"} in told
