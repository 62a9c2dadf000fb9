"""What Presidio's clients send: the fields of its REST dialect, their types and limits."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Annotated, Any, Literal, TypeVar

from pydantic import BaseModel, ConfigDict, Field, ValidationError
from pydantic.fields import FieldInfo

from .bodies import JSON, content
from .problems import Problem

RECOGNIZERS = 50
PATTERNS = 200
WORDS = 10_000
ITEMS = 100_000
"""Most recognizers of one request, patterns of all of them, words of one list, results of a text."""

Name = Annotated[str, Field(min_length=1, max_length=200)]
Word = Annotated[str, Field(max_length=1_000)]
Words = Annotated[list[Word], Field(max_length=WORDS)]
Score = Annotated[float, Field(ge=0, le=1)]
Flags = Annotated[int, Field(ge=0, le=0xFFFF, description="re.DOTALL 16 | re.MULTILINE 8 | …")]
Place = Annotated[int, Field(ge=0)]
USUAL_FLAGS = int(re.DOTALL | re.MULTILINE | re.IGNORECASE)


class _Sent(BaseModel):
    """Fields that nobody knows are passed over, as Presidio does; null is the same as absent."""

    model_config = ConfigDict(extra="ignore", strict=True)


class SentPattern(BaseModel):
    """One regular expression of an ad-hoc recognizer."""

    model_config = ConfigDict(extra="forbid", strict=True)

    name: Annotated[str, Field(max_length=200)]
    regex: Annotated[str, Field(min_length=1)]
    score: Score


class SentRecognizer(BaseModel):
    """A PatternRecognizer as its ``to_dict`` writes it."""

    model_config = ConfigDict(extra="forbid", strict=True)

    name: Annotated[str | None, Field(max_length=200)] = None
    supported_entity: Name | None = None
    supported_entities: Annotated[list[Name] | None, Field(min_length=1, max_length=1)] = None
    supported_language: Annotated[str | None, Field(max_length=35)] = None
    patterns: Annotated[list[SentPattern] | None, Field(max_length=PATTERNS)] = None
    deny_list: Words | None = None
    deny_list_score: Score = 1.0
    context: Words | None = None
    global_regex_flags: Flags | None = None
    version: Annotated[str | None, Field(max_length=200)] = None
    country_code: Annotated[str | None, Field(max_length=35)] = None


class AnalyzeRequest(_Sent):
    """The body of /analyze."""

    text: Annotated[
        str | list[str] | None, Field(description="one text, or several: then lists come back")
    ] = None
    language: Annotated[str | None, Field(description="zh or en; the findings are the same")] = None
    entities: Annotated[list[Name] | None, Field(max_length=1_000)] = None
    correlation_id: str | int | None = None
    score_threshold: Score | None = None
    return_decision_process: bool | int | None = None
    ad_hoc_recognizers: Annotated[list[SentRecognizer] | None, Field(max_length=RECOGNIZERS)] = None
    context: Words | None = None
    allow_list: Words | None = None
    allow_list_match: Literal["exact", "regex"] | None = None
    regex_flags: Flags | None = None


class SentResult(_Sent):
    """One finding, as /analyze answers it; anything more it holds is passed over."""

    start: Place
    end: Place
    score: float
    entity_type: Name


class SentOperator(BaseModel):
    """An operator: its type, and what that type takes."""

    model_config = ConfigDict(extra="allow", strict=True)

    type: Annotated[str, Field(min_length=1, max_length=200)]


Operators = Annotated[dict[str, SentOperator], Field(max_length=1_000)]
Results = Annotated[list[SentResult], Field(max_length=ITEMS)]


class AnonymizeRequest(_Sent):
    """The body of /anonymize. Of several texts, ``analyzer_results`` holds a list for each."""

    text: str | list[str]
    analyzer_results: Results | list[Results | None]
    anonymizers: Operators | None = None


class SentItem(_Sent):
    """One item, as /anonymize answers it."""

    start: Place
    end: Place
    entity_type: Name
    score: float | None = None


class DeanonymizeRequest(_Sent):
    """The body of /deanonymize."""

    text: str
    anonymizer_results: Annotated[list[SentItem] | None, Field(max_length=ITEMS)] = None
    deanonymizers: Operators | None = None


def fault(error: str, detail: str, kind: str = "invalid", **extra: Any) -> Problem:
    """A problem that tells ``error`` in Presidio's words too."""
    return Problem(kind, detail, error, extra={"error": error, **extra})


Model = TypeVar("Model", bound=BaseModel)


def fitted(model: type[Model], value: Any) -> Model:
    """The body as a model. Raises Problem that tells which field, and never what it held."""
    if value is None or value == {} or not isinstance(value, Mapping):
        raise fault("Invalid request json", "请求应是一个 JSON 对象", "malformed")
    try:
        return model.model_validate(value)
    except ValidationError as error:
        errors = error.errors(include_url=False, include_input=False, include_context=False)
        told = {f"{_place(each['loc'])}: {each['type']}" for each in errors[:200]}
        shown = "; ".join(sorted(told)[:10])
        raise fault(f"Invalid request: {shown}", f"字段缺少或类型不对：{shown}") from None


def _place(parts: Iterable[int | str]) -> str:
    """Where: names of fields and numbers; a name the client made up may be content."""
    return ".".join(str(part) for part in parts if isinstance(part, int) or part in _FIELDS)


def _fields(*models: type[BaseModel]) -> frozenset[str]:
    known: list[Mapping[str, FieldInfo]] = [model.model_fields for model in models]
    return frozenset(name for fields in known for name in fields)


_FIELDS = _fields(
    AnalyzeRequest, AnonymizeRequest, DeanonymizeRequest, SentRecognizer, SentPattern, SentResult,
    SentOperator, SentItem,
)  # fmt: skip


def described(model: type[BaseModel], **examples: Any) -> dict[str, Any]:
    """The request body of a model, for the OpenAPI document; models inside it are written out."""
    schema = model.model_json_schema()
    whole = _written_out(schema, schema.pop("$defs", {}))
    return {"requestBody": {"required": True, "content": {JSON: content(whole, examples)}}}


def _written_out(part: Any, models: Mapping[str, Any]) -> Any:
    if isinstance(part, list):
        return [_written_out(each, models) for each in part]
    if not isinstance(part, dict):
        return part
    if "$ref" in part:
        return _written_out(models[part["$ref"].rpartition("/")[2]], models)
    return {key: _written_out(value, models) for key, value in part.items()}
