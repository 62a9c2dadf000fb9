"""The OpenAPI document: complete, true, and drawn by a page that loads nothing from elsewhere."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

PAGE = Path(__file__).resolve().parents[2] / "service" / "page"
OURS = (
    "/health",
    "/metrics",
    "/v1/mask",
    "/v1/scan",
    "/v1/policies",
    "/v1/entities",
    "/v1/formats",
)


@pytest.fixture(scope="module")
def told(server: Any) -> dict[str, Any]:
    document: dict[str, Any] = server.client.get("/openapi.json").json()
    return document


def operations(told: dict[str, Any]) -> Iterator[tuple[str, str, dict[str, Any]]]:
    for path, item in told["paths"].items():
        for method, operation in item.items():
            if isinstance(operation, dict):
                yield path, method, operation


def examples(media: dict[str, Any]) -> list[Any]:
    if "example" in media:
        return [media["example"]]
    return [each["value"] for each in media.get("examples", {}).values()]


def test_every_route_of_ours_has_examples(told: dict[str, Any]) -> None:
    for path, method, operation in operations(told):
        if not path.startswith(OURS):
            continue
        assert operation["summary"], path
        bodies = operation.get("requestBody", {}).get("content", {})
        answers = operation["responses"]["200"]["content"]
        for kind, media in [*bodies.items(), *answers.items()]:
            assert examples(media), (path, method, kind)


def test_every_refusal_is_a_problem_document_with_an_example(told: dict[str, Any]) -> None:
    for name, response in told["components"]["responses"].items():
        ((kind, media),) = response["content"].items()
        assert kind == "application/problem+json"
        assert examples(media), name
        for example in examples(media):
            assert f"Problem{example['status']}" == name
    for path, _method, operation in operations(told):
        assert {"401", "403", "429", "500"} <= set(operation["responses"]), path


def test_examples_are_true(client: httpx.Client, told: dict[str, Any]) -> None:
    for path in ("/v1/mask", "/v1/scan", "/v1/mask/records"):
        operation = told["paths"][path]["post"]
        answers = operation["responses"]["200"]["content"]
        for kind, media in operation["requestBody"]["content"].items():
            for at, asked in enumerate(examples(media)):
                text = asked if isinstance(asked, str) else json.dumps(asked)
                answer = client.post(path, content=text.encode(), headers={"Content-Type": kind})
                assert answer.status_code == 200
                wanted = examples(answers[kind])
                if at < len(wanted):
                    got = answer.json() if kind == "application/json" else answer.text
                    assert got == wanted[at], (path, kind)


def test_references_lead_somewhere(told: dict[str, Any]) -> None:
    for reference in set(re.findall(r'"\$ref": "#/([^"]+)"', json.dumps(told))):
        place: Any = told
        for part in reference.split("/"):
            place = place[part]
        assert place


def test_the_page_loads_nothing_from_elsewhere(client: httpx.Client) -> None:
    page = client.get("/docs")
    assert page.status_code == 200
    assert page.headers["content-type"].startswith("text/html")
    for name in re.findall(r'(?:src|href)="(/static/[^"]+)"', page.text):
        assert client.get(name).status_code == 200
    for name in ("docs.html", "docs.js", "docs.css"):
        text = (PAGE / name).read_text("utf-8")
        assert not re.search(r"https?:|//[a-z]+\.|innerHTML|eval\(|\bstyle=|\bon[a-z]+=", text)
    assert not re.search(r"<script(?![^>]*\bsrc=)|<style", page.text)


@pytest.mark.parametrize(
    "name", ["../app.py", "..%2fapp.py", "%2e%2e%2fapp.py", "", ".", "nothing"]
)
def test_only_files_of_the_page_are_static(client: httpx.Client, name: str) -> None:
    assert client.get(f"/static/{name}").status_code == 404


def test_methods_that_are_not_there(client: httpx.Client) -> None:
    for path, method in (
        ("/v1/mask", "GET"),
        ("/health", "POST"),
        ("/v1/mask", "TRACE"),
        ("/", "PUT"),
    ):
        answer = client.request(method, path)
        assert answer.status_code == 405
        assert answer.headers["content-type"] == "application/problem+json"
        assert answer.headers["allow"]
