"""The bodies of requests: read, parsed strictly, checked against a model; and answers as JSON.

JSON is taken as RFC 8259 and I-JSON have it and no wider: two equal keys, NaN, a lone surrogate or
NUL in a text are what a filter in front of this service may read otherwise than we do.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Mapping, Sequence
from typing import Any, TypeVar

from fastapi import Request
from pydantic import BaseModel, ValidationError
from starlette.responses import Response

from .problems import Problem

Model = TypeVar("Model", bound=BaseModel)

JSON = "application/json"
_LONGEST_NUMBER = 64
"""Digits of a number; more is no number that anybody counts with."""
_ESCAPED = re.compile(rb"\\u(?:0000|[dD][89a-fA-F])")


def media_type(request: Request) -> str:
    """The type of the body, without parameters, in lower case."""
    return request.headers.get("content-type", "").partition(";")[0].strip().lower()


def require(request: Request, *kinds: str) -> str:
    """The type of the body, which must be one of these. A page of another site cannot post JSON
    without being asked for its origin, so this also keeps forms out."""
    kind = media_type(request)
    if kind not in kinds:
        listed = "、".join(kinds)
        raise Problem("bad-type", f"Content-Type 应是 {listed}", f"Send {', '.join(kinds)}")
    return kind


def parsed(body: bytes) -> Any:
    """The value that the body is. Raises Problem."""
    try:
        # Not json.loads(body): it guesses at UTF-16, and takes bytes that are none for surrogates.
        value = json.loads(
            body.decode("utf-8"),
            object_pairs_hook=_unique,
            parse_constant=_no_number,
            parse_float=_float,
            parse_int=_int,
        )
    except Problem:
        raise
    except (ValueError, RecursionError):
        raise Problem("malformed") from None
    if _ESCAPED.search(body):
        _require_text(value)
    return value


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        raise Problem("malformed", "对象里有重复的键", "An object has the same key twice")
    return found


def _no_number(name: str) -> Any:
    raise Problem("malformed", "NaN 和 Infinity 不是 JSON", "NaN and Infinity are not JSON")


def _int(digits: str) -> int:
    if len(digits) > _LONGEST_NUMBER:
        raise Problem("malformed", "数字太长", "A number is too long")
    return int(digits)


def _float(digits: str) -> float:
    value = float(digits)
    if len(digits) > _LONGEST_NUMBER or not math.isfinite(value):
        raise Problem("malformed", "数字太长或太大", "A number is too long or too large")
    return value


def _require_text(value: Any) -> None:
    """Raises Problem for NUL or half a character, wherever it stands."""
    shown = json.dumps(value, ensure_ascii=False)
    if "\\u0000" in shown.replace("\\\\", ""):
        raise Problem("malformed", "文字里有空字符（U+0000）", "A text holds NUL")
    try:
        shown.encode("utf-8")
    except UnicodeEncodeError:
        raise Problem("malformed", "文字里有半个字符", "A text holds a lone surrogate") from None


def fitted(model: type[Model], value: Any) -> Model:
    """The value as a model. Raises Problem that tells where it does not fit, never what stood there."""
    try:
        return model.model_validate(value)
    except ValidationError as error:
        raise misfit(error.errors(include_url=False, include_input=False)) from None


_WORDS = """body query path header texts text policy columns rows title channel level override kinds
options files entities language context job n name"""
_NAMES = frozenset(_WORDS.split())


def misfit(errors: Sequence[Any]) -> Problem:
    """What does not fit, by place and kind; never the value, nor a key that the client made up."""
    if any(each.get("type") == "json_invalid" for each in errors):
        return Problem("malformed")
    told = [{"at": [_shown(part) for part in each["loc"]], "kind": each["type"]} for each in errors]
    return Problem("invalid", "字段缺少、多余或类型不对", "See errors", extra={"errors": told[:20]})


def _shown(part: object) -> object:
    return part if isinstance(part, int) or part in _NAMES else "…"


def answer(value: Any, headers: Mapping[str, str] | None = None) -> Response:
    """The value as a JSON response."""
    return Response(as_json(value), media_type=JSON, headers=headers)


def as_json(value: Any) -> bytes:
    return json.dumps(value, ensure_ascii=False, allow_nan=False, separators=(",", ":")).encode()


def described(model: type[BaseModel], **examples: Any) -> dict[str, Any]:
    """The request body of a model, for the OpenAPI document of a route that reads it itself."""
    schema = model.model_json_schema()
    return {
        "requestBody": {"required": True, "content": {JSON: content(schema, examples)}},
    }


def content(schema: Mapping[str, Any], examples: Mapping[str, Any]) -> dict[str, Any]:
    """A schema with examples, as OpenAPI writes it."""
    named = {name: {"value": value} for name, value in examples.items()}
    return {"schema": dict(schema), "examples": named}
