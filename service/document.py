"""The OpenAPI document: what the framework knows of the routes, and the problems they may answer."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi

from .problems import KINDS, MEDIA_TYPE, Problem

_ALWAYS = (401, 403, 414, 429, 431, 500, 503)
_WITH_BODY = (400, 408, 413, 415, 422, 507)
_WITH_PATH = (404,)
_METHODS = ("get", "post", "put", "patch", "delete")
_OPEN = ("/", "/health", "/docs", "/openapi.json")

_PROBLEM = {
    "type": "object",
    "description": "RFC 9457，中英文；从不含请求的内容 / never with content of the request",
    "required": ["type", "title", "title_en", "status"],
    "properties": {
        "type": {
            "type": "string",
            "description": "稳定的名称，供程序判断 / the stable name of the kind",
            "enum": [f"urn:deid:problem:{kind}" for kind in KINDS],
        },
        "title": {"type": "string"},
        "title_en": {"type": "string"},
        "status": {"type": "integer"},
        "detail": {"type": "string"},
        "detail_en": {"type": "string"},
        "instance": {"type": "string", "description": "urn:deid:request:X-Request-ID"},
        "errors": {
            "type": "array",
            "description": "哪里不合要求、怎么不合 / where and how a request does not fit",
            "items": {"type": "object"},
        },
    },
}
_SECURITY = {
    "key": {
        "type": "apiKey",
        "in": "header",
        "name": "X-API-Key",
        "description": "设了密钥时才要 / only where the server has keys (deid serve --new-key)",
    },
    "bearer": {"type": "http", "scheme": "bearer"},
}
_ABOUT = """名单公示去标识化服务。`/v1` 与命令行、Python 库一一对应：找出并遮盖证件号、电话、住址等，核对之后
才给结果。错误一律是 `application/problem+json`（RFC 9457），中英文。

HTTP for `deid`: `/v1` mirrors the library one to one. Errors are problem documents. Nothing of a
request is logged or kept."""


def document(app: FastAPI) -> dict[str, Any]:
    """The document of all routes; made once."""
    if app.openapi_schema is None:
        made = get_openapi(
            title=app.title, version=app.version, description=_ABOUT, routes=app.routes
        )
        parts = made.setdefault("components", {})
        schemas = parts.setdefault("schemas", {})
        schemas["Problem"] = _PROBLEM
        parts["securitySchemes"] = _SECURITY
        parts["responses"] = {f"Problem{status}": _response(status) for status in _statuses()}
        for path, operation in _operations(made):
            _complete(path, operation)
        for name in ("HTTPValidationError", "ValidationError"):
            schemas.pop(name, None)
        app.openapi_schema = made
    return app.openapi_schema


def _statuses() -> list[int]:
    return sorted({kind.status for kind in KINDS.values()})


def _operations(made: dict[str, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
    for path, item in made["paths"].items():
        for method in _METHODS:
            if method in item:
                yield path, item[method]


def _complete(path: str, operation: dict[str, Any]) -> None:
    """Add what the gate and the readers of bodies may answer."""
    operation.setdefault("tags", ["files" if path.startswith("/v1/") else "presidio"])
    responses: dict[str, Any] = operation.setdefault("responses", {})
    if "HTTPValidationError" in str(responses.get("422")):
        del responses["422"]
    for status in _possible(path, operation):
        responses.setdefault(str(status), {"$ref": f"#/components/responses/Problem{status}"})
    if path not in _OPEN:
        operation["security"] = [{}, {"key": []}, {"bearer": []}]


def _possible(path: str, operation: dict[str, Any]) -> Iterable[int]:
    yield from _ALWAYS
    if "requestBody" in operation:
        yield from (*_WITH_BODY, *_WITH_PATH)
    elif "{" in path:
        yield from (*_WITH_PATH, 422)


def _response(status: int) -> dict[str, Any]:
    """All problems of one status, each with an example."""
    kinds = [name for name, kind in KINDS.items() if kind.status == status]
    return {
        "description": "；".join(f"{KINDS[name].title} / {KINDS[name].title_en}" for name in kinds),
        "content": {
            MEDIA_TYPE: {
                "schema": {"$ref": "#/components/schemas/Problem"},
                "examples": {name: {"value": Problem(name).document("0123abcd")} for name in kinds},
            }
        },
    }
