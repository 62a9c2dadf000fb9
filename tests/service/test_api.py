"""Texts and tables over HTTP: the real server, a real client."""

from __future__ import annotations

import json
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import httpx
import pytest

from deid import mask_file, mask_table

ID, ID_MASKED = "11010519491231002X", "110105************"
PHONE, PHONE_MASKED = "13800138000", "138********"
TABLE: dict[str, list[Any]] = {
    "姓名": ["张三", "李四"],
    "身份证号": [ID, None],
    "电话": [13800138000, ""],
    "金额": [500, 620.5],
    "在册": [True, False],
}
TABLE_MASKED = {**TABLE, "身份证号": [ID_MASKED, None], "电话": [PHONE_MASKED, ""]}
CSV = f"姓名,身份证号,电话\r\n张三,{ID},{PHONE}\r\n李四,,\r\n"
CSV_MASKED = f"姓名,身份证号,电话\r\n张三,{ID_MASKED},{PHONE_MASKED}\r\n李四,,\r\n"
AS_JSON = {"Content-Type": "application/json"}
BAD = b'{"texts": ["\xff"]}'


def problem(response: httpx.Response, status: int, kind: str) -> dict[str, Any]:
    """The problem document, which must be of that kind."""
    assert (response.status_code, response.headers["content-type"]) == (
        status,
        "application/problem+json",
    )
    told: dict[str, Any] = response.json()
    assert told["type"] == f"urn:deid:problem:{kind}"
    assert told["status"] == status
    assert told["title"]
    assert told["title_en"]
    assert told["instance"] == f"urn:deid:request:{response.headers['x-request-id']}"
    return told


# ------------------------------------------------------------------------------------------- texts


def test_texts_are_masked(client: httpx.Client) -> None:
    answer = client.post("/v1/mask", json={"texts": [f"身份证{ID}", "无"]})
    assert answer.status_code == 200
    assert answer.json() == {"texts": [f"身份证{ID_MASKED}", "无"]}


def test_a_header_tells_what_a_text_is(client: httpx.Client) -> None:
    answer = client.post("/v1/mask", json={"texts": ["红新村8组"], "header": "家庭住址"})
    assert answer.json() == {"texts": ["红新村***"]}


def test_findings_hold_places_and_no_content(client: httpx.Client) -> None:
    answer = client.post("/v1/scan", json={"texts": [f"电话{PHONE}"]})
    (found,) = answer.json()["findings"][0]
    assert (found["start"], found["end"], found["entity"]) == (2, 13, "CN_MOBILE")
    assert PHONE not in answer.text


# ----------------------------------------------------------------------------------------- records


def test_columns_come_back_as_columns(client: httpx.Client) -> None:
    answer = client.post("/v1/mask/records", json={"columns": TABLE})
    assert answer.status_code == 200
    told = answer.json()
    assert told["columns"] == TABLE_MASKED
    assert list(told["columns"]) == list(TABLE)
    assert told["found"] == {"CN_MOBILE": 1, "CN_RESIDENT_ID": 1}
    assert [type(cell) for cell in told["columns"]["金额"]] == [int, float]


def test_rows_come_back_as_rows(client: httpx.Client) -> None:
    rows = [{"姓名": "张三", "电话": PHONE}, {"电话": None, "备注": "无"}, {}]
    told = client.post("/v1/mask/records", json={"rows": rows}).json()
    assert told["rows"] == [
        {"姓名": "张三", "电话": PHONE_MASKED},
        {"电话": None, "备注": "无"},
        {},
    ]


def test_kinds_say_what_a_column_holds(client: httpx.Client) -> None:
    asked = {
        "columns": {"甲": ["红新村8组"], "乙": [PHONE]},
        "kinds": {"甲": "address", "乙": "skip"},
    }
    told = client.post("/v1/mask/records", json=asked).json()
    assert told["columns"] == {"甲": ["红新村***"], "乙": [PHONE]}


def test_columns_that_a_policy_drops_are_named(client: httpx.Client) -> None:
    policy, table = "linshi", {"姓名": ["张三"], "健康状况": ["残疾"], "金额": ["500"]}
    wanted = mask_table(table, policy=policy)
    dropped = [title for title in table if title not in wanted]
    assert dropped, "the test wants a policy that drops a column"
    told = client.post("/v1/mask/records", json={"columns": table, "policy": policy}).json()
    assert (told["columns"], told["dropped"]) == (wanted, dropped)
    rows = [{title: cells[0] for title, cells in table.items()}]
    told = client.post("/v1/mask/records", json={"rows": rows, "policy": policy}).json()
    assert told["rows"] == [{title: cells[0] for title, cells in wanted.items()}]


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "gb18030"])
def test_csv_comes_back_in_its_own_bytes(client: httpx.Client, encoding: str) -> None:
    answer = client.post(
        "/v1/mask/records", content=CSV.encode(encoding), headers={"Content-Type": "text/csv"}
    )
    assert answer.status_code == 200
    assert answer.content == CSV_MASKED.encode(encoding)
    assert answer.headers["x-deid-changed"] == "2"
    assert answer.headers["content-type"].startswith("text/csv")


def test_csv_is_what_the_command_writes(client: httpx.Client, tmp_path: Path) -> None:
    lines = ["序号;姓名;联系电话;家庭住址"]
    lines += [f'{n};"张{n}";138{n:08d};"红新村{n}组{n}号"' for n in range(1, 300)]
    source, target = tmp_path / "list.csv", tmp_path / "masked.csv"
    source.write_bytes("\n".join(lines).encode("gb18030"))
    report = mask_file(source, target)
    answer = client.post(
        "/v1/mask/records",
        params={"policy": "general"},
        content=source.read_bytes(),
        headers={"Content-Type": "text/csv; charset=gb18030"},
    )
    assert answer.content == target.read_bytes()
    assert answer.headers["x-deid-changed"] == str(report.changed)


def test_tabs_are_a_type_of_their_own(client: httpx.Client) -> None:
    answer = client.post(
        "/v1/mask/records",
        content=CSV.replace(",", "\t").encode(),
        headers={"Content-Type": "text/tab-separated-values"},
    )
    assert answer.content == CSV_MASKED.replace(",", "\t").encode()


# --------------------------------------------------------------------------------------- bad input


def nested(depth: int) -> bytes:
    return b'{"texts": ' + b"[" * depth + b"]" * depth + b"}"


MALFORMED = {
    "empty": b"",
    "cut": b'{"texts": ["a"',
    "not-utf-8": BAD,
    "utf-16": '{"texts": []}'.encode("utf-16"),
    "mark": b'\xef\xbb\xbf{"texts": []}',
    "deep": nested(100_000),
    "twice": b'{"texts": ["a"], "texts": ["b"]}',
    "nan": b'{"texts": [NaN]}',
    "infinity": b'{"texts": [-Infinity]}',
    "over": b'{"texts": [1e999]}',
    "huge-number": b'{"texts": [' + b"9" * 100_000 + b"]}",
    "lone-surrogate": b'{"texts": ["\\ud800"]}',
    "lone-surrogate-key": b'{"texts": ["a"], "\\udfff": 1}',
    "nul": b'{"texts": ["a\\u0000b"]}',
    "raw-nul": b'{"texts": ["a\0b"]}',
    "raw-break": b'{"texts": ["a\nb"]}',
    "two-values": b"{} {}",
    "single-quotes": b"{'texts': []}",
}


@pytest.mark.parametrize("path", ["/v1/mask", "/v1/scan", "/v1/mask/records"])
@pytest.mark.parametrize("body", MALFORMED.values(), ids=MALFORMED)
def test_what_is_no_json_is_told(client: httpx.Client, path: str, body: bytes) -> None:
    answer = client.post(path, content=body, headers=AS_JSON)
    problem(answer, 400, "malformed")


MISFITS: dict[str, Any] = {
    "a-list": [],
    "null": None,
    "a-number": 1,
    "a-text": {"texts": "a"},
    "numbers": {"texts": [1]},
    "nested": {"texts": [["a"]]},
    "missing": {},
    "extra": {"texts": [], "13800138000": 1},
    "header": {"texts": [], "header": 5},
    "policy": {"texts": [], "policy": None},
}


@pytest.mark.parametrize("path", ["/v1/mask", "/v1/scan"])
@pytest.mark.parametrize("asked", MISFITS.values(), ids=MISFITS)
def test_what_does_not_fit_is_told_without_content(
    client: httpx.Client, path: str, asked: Any
) -> None:
    told = problem(client.post(path, content=json.dumps(asked), headers=AS_JSON), 422, "invalid")
    assert PHONE not in json.dumps(told)


MISFIT_RECORDS: dict[str, Any] = {
    "neither": {},
    "both": {"columns": {}, "rows": []},
    "ragged": {"columns": {"甲": ["a"], "乙": []}},
    "a-cell-of-cells": {"columns": {"甲": [["a"]]}},
    "an-object-as-cell": {"rows": [{"甲": {"乙": PHONE}}]},
    "columns-as-list": {"columns": [["a"]]},
    "column-as-text": {"columns": {"甲": "abc"}},
    "row-as-list": {"rows": [["a"]]},
    "unknown-kind": {"columns": {"甲": ["a"]}, "kinds": {"甲": "nothing"}},
    "kind-of-no-column": {"columns": {"甲": ["a"]}, "kinds": {"乙": "address"}},
    "unknown-channel": {"columns": {}, "channel": "radio"},
    "title-as-number": {"columns": {}, "title": 5},
    "extra": {"columns": {}, PHONE: 1},
}


@pytest.mark.parametrize("asked", MISFIT_RECORDS.values(), ids=MISFIT_RECORDS)
def test_tables_that_are_none_are_told(client: httpx.Client, asked: Any) -> None:
    told = problem(client.post("/v1/mask/records", json=asked), 422, "invalid")
    assert PHONE not in json.dumps(told)


@pytest.mark.parametrize(
    "asked", [{"columns": {}}, {"rows": []}, {"rows": [{}]}, {"columns": {"": [""]}}]
)
def test_empty_tables_come_back(client: httpx.Client, asked: Any) -> None:
    answer = client.post("/v1/mask/records", json=asked)
    assert answer.status_code == 200
    assert answer.json().items() >= asked.items()


@pytest.mark.parametrize("name", ["nothing", "../general", "/etc/passwd", "general.yaml", "", "甲"])
def test_only_our_own_policies_are_named(client: httpx.Client, name: str) -> None:
    problem(client.post("/v1/mask", json={"texts": ["a"], "policy": name}), 404, "no-policy")
    asked = {"columns": {}, "policy": name}
    problem(client.post("/v1/mask/records", json=asked), 404, "no-policy")
    answer = client.post(
        "/v1/mask/records",
        params={"policy": name},
        content=CSV.encode(),
        headers={"Content-Type": "text/csv"},
    )
    problem(answer, 404, "no-policy")


@pytest.mark.parametrize(
    "kind", ["", "text/plain", "application/x-www-form-urlencoded", "multipart/form-data", "甲"]
)
@pytest.mark.parametrize("path", ["/v1/mask", "/v1/scan", "/v1/mask/records"])
def test_other_types_are_not_taken(client: httpx.Client, path: str, kind: str) -> None:
    headers = {"Content-Type": kind.encode()} if kind else {}
    problem(client.post(path, content=b'{"texts": []}', headers=headers), 415, "bad-type")


BAD_CSV = {
    "nul": (b"a,b\n1,\0\n", 422, "unreadable"),
    "no-text": (bytes(range(128, 256)) * 9, 422, "unreadable"),
    "a-zip": (b"PK\3\4" + bytes(100), 422, "unreadable"),
}


@pytest.mark.parametrize(("body", "status", "kind"), BAD_CSV.values(), ids=BAD_CSV)
def test_csv_that_is_none_is_told(
    client: httpx.Client, body: bytes, status: int, kind: str
) -> None:
    answer = client.post("/v1/mask/records", content=body, headers={"Content-Type": "text/csv"})
    problem(answer, status, kind)


def test_parameters_of_csv_are_checked(client: httpx.Client) -> None:
    headers = {"Content-Type": "text/csv"}
    for query in ("?polcy=general", "?policy=general&policy=general", "?channel=radio"):
        answer = client.post(f"/v1/mask/records{query}", content=CSV.encode(), headers=headers)
        problem(answer, 422, "invalid")


def test_a_list_that_is_never_made_is_refused(client: httpx.Client) -> None:
    refusing = [p["name"] for p in client.get("/v1/policies").json() if p["mode"] == "refuse"]
    asked = {"columns": TABLE, "policy": refusing[0]}
    problem(client.post("/v1/mask/records", json=asked), 422, "refused")
    answer = client.post(
        "/v1/mask/records",
        params={"policy": refusing[0]},
        content=CSV.encode(),
        headers={"Content-Type": "text/csv"},
    )
    problem(answer, 422, "refused")


def test_limits(client: httpx.Client) -> None:
    too_many: list[dict[str, Any]] = [
        {"rows": [{}] * 1_000_000},
        {"columns": {"甲": [1] * 1_000_000}},
        {"rows": [{str(n): 1} for n in range(5_000)]},  # 25 million cells of 60 kB
    ]
    for asked in too_many:
        problem(client.post("/v1/mask/records", json=asked), 413, "too-large")
    lines = client.post(
        "/v1/mask/records", content=b"a\n" * 200_000, headers={"Content-Type": "text/csv"}
    )
    problem(lines, 413, "too-large")
    problem(client.post("/v1/mask", json={"texts": ["a"] * 10_001}), 413, "too-large")
    problem(client.post("/v1/mask", json={"texts": ["a" * 9_000_000]}), 413, "too-large")


def test_a_long_text_is_masked(client: httpx.Client) -> None:
    text = "的" * 500_000 + PHONE + "了" * 500_000
    answer = client.post("/v1/mask", json={"texts": [text]}).json()
    assert answer["texts"] == [text.replace(PHONE, PHONE_MASKED)]


# -------------------------------------------------------------------------------------------- turns


def long_calls() -> list[Any]:
    """Calls that keep a processor busy for a while, each its own way."""
    rows = [{"姓名": f"张{n}", "家庭住址": f"红新村{n}组{n}号"} for n in range(2_000)]
    lines = "".join(f"张{n},红新村{n}组{n}号\n" for n in range(4_000))
    return [
        pytest.param("/v1/mask", {"json": {"texts": ["住红新村8组，" * 20_000]}}, id="texts"),
        pytest.param("/v1/mask/records", {"json": {"rows": rows}}, id="rows"),
        pytest.param(
            "/v1/mask/records",
            {
                "content": f"姓名,家庭住址\n{lines}".encode(),
                "headers": {"Content-Type": "text/csv"},
            },
            id="csv",
        ),
    ]


@pytest.mark.parametrize(("path", "asked"), long_calls())
def test_others_are_answered_during_a_long_call(
    server: Any, path: str, asked: dict[str, Any]
) -> None:
    answers: list[int] = []

    def call() -> None:
        answers.append(httpx.post(f"{server.url}{path}", timeout=120, **asked).status_code)

    calling = threading.Thread(target=call)
    calling.start()
    served = 0
    while not answers:
        assert server.client.get("/health").status_code == 200
        served += 1
        calling.join(0.001)
        if not calling.is_alive():
            break
    assert answers == [200]
    assert served >= 10  # one call that blocked the others would leave room for two at most


def test_more_calls_than_may_wait_are_told_to_come_back(start_server: Any) -> None:
    server = start_server(waiting=1)
    body = {"texts": ["住红新村8组，" * 5_000]}

    def call() -> tuple[int, str]:
        answer = httpx.post(f"{server.url}/v1/mask", json=body, timeout=120)
        return answer.status_code, answer.headers.get("retry-after", "")

    with ThreadPoolExecutor(12) as pool:
        told = {each.result() for each in [pool.submit(call) for _ in range(12)]}
    assert told == {(200, ""), (429, "1")}
    assert server.client.post("/v1/mask", json=body).status_code == 200


def test_many_at_once_do_not_mix(server: Any) -> None:
    def call(number: int) -> bool:
        phone = f"138{number:08d}"
        asked = {
            "columns": {"姓名": [f"张{number}"] * 60, "电话": [phone] * 60, "号": [number] * 60}
        }
        told = httpx.post(f"{server.url}/v1/mask/records", json=asked, timeout=120).json()
        wanted = {**asked["columns"], "电话": ["138********"] * 60}
        return bool(told["columns"] == wanted)

    with ThreadPoolExecutor(8) as pool:
        assert all(pool.map(call, range(40)))


def test_many_rows_are_masked_as_few_are(client: httpx.Client) -> None:
    rows = [
        {
            "姓名": f"张{n}",
            "电话": 13800138000 + n,
            "家庭住址": f"红新村{n}组{n}号",
            "金额": n + 0.5,
        }
        for n in range(150)
    ]
    few = [
        client.post("/v1/mask/records", json={"rows": rows[at : at + 50]}).json()["rows"]
        for at in (0, 50, 100)
    ]
    many = client.post("/v1/mask/records", json={"rows": rows}).json()
    assert many["rows"] == [row for part in few for row in part]
    assert many["found"] == {"CN_ADDRESS": 150, "CN_MOBILE": 150}
    assert all(type(row["金额"]) is float for row in many["rows"])


def test_titles_have_a_length(client: httpx.Client) -> None:
    asked = {"texts": ["a"], "header": "长" * 1_001}
    problem(client.post("/v1/mask", json=asked), 422, "invalid")
    table = {"columns": {"长" * 1_001: ["a"]}}
    problem(client.post("/v1/mask/records", json=table), 422, "invalid")
