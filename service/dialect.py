"""Presidio's REST dialect, of its analyzer and its anonymizer at one address: a client of theirs works
by changing the address. What differs is listed in deid/docs/service.md.

Presidio lives in a process of its own, which the first request starts (or the server, by
``presidio_at_start``): it takes seconds to load, and clients bring expressions of their own.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Annotated, Any

from fastapi import APIRouter, Query, Request
from starlette.responses import Response

from deid.errors import DeidError

from .bodies import JSON, answer, as_json, parsed, require
from .dialect_models import (
    AnalyzeRequest,
    AnonymizeRequest,
    DeanonymizeRequest,
    Model,
    SentResult,
    described,
    fault,
    fitted,
)
from .settings import MEGABYTE, Settings
from .turns import Turns, owner_of


def warm_up() -> None:
    """Loads Presidio and the analyzer, once; in its process."""
    from . import dialect_operators  # noqa: F401
    from .dialect_engine import Analysis

    Analysis(AnalyzeRequest(text="电话", language="zh")).of("电话")


router = APIRouter(tags=["presidio"])

Language = Annotated[str | None, Query(description="zh or en")]

_TEXT = "张三的电话13800138000，邮箱zhangsan@example.com"
_FOUND = [
    {"start": 5, "end": 16, "score": 0.86, "entity_type": "CN_MOBILE"},
    {"start": 19, "end": 39, "score": 0.9, "entity_type": "EMAIL_ADDRESS"},
]
_KEY = "WmZq4t7w!z%C&F)J"
_ANALYZE = {
    "plain": {"text": _TEXT, "language": "zh"},
    "several": {
        "text": [_TEXT, "无"],
        "language": "en",
        "entities": ["PHONE_NUMBER", "EMAIL_ADDRESS"],
        "score_threshold": 0.4,
        "return_decision_process": True,
    },
    "ad_hoc": {
        "text": "低保编号DB-2024-0017，张三",
        "language": "zh",
        "ad_hoc_recognizers": [
            {
                "name": "benefit number",
                "supported_language": "zh",
                "supported_entity": "BENEFIT_NO",
                "patterns": [{"name": "number", "regex": r"DB-\d{4}-\d{4}", "score": 0.6}],
                "deny_list": ["张三"],
                "context": ["低保"],
            }
        ],
        "allow_list": ["13800138000"],
    },
}
_ANONYMIZE = {
    "plain": {"text": _TEXT, "analyzer_results": _FOUND},
    "operators": {
        "text": _TEXT,
        "analyzer_results": _FOUND,
        "anonymizers": {
            "DEFAULT": {"type": "deid", "policy": "general"},
            "EMAIL_ADDRESS": {"type": "replace", "new_value": "（略）"},
        },
    },
}
_DEANONYMIZE = {
    "plain": {
        "text": "电话YQPbaUZDgaHV8tU9",
        "anonymizer_results": [],
        "deanonymizers": {"DEFAULT": {"type": "decrypt", "key": _KEY}},
    }
}


@router.post(
    "/analyze",
    summary="Find, in Presidio's dialect",
    description="查找（Presidio 方言）。One text or a list; results are sorted by place.",
    openapi_extra=described(AnalyzeRequest, **_ANALYZE),
)
async def analyze(request: Request) -> Response:
    return await _worked(request, AnalyzeRequest, _analyzed)


def _analyzed(asked: AnalyzeRequest, settings: Settings) -> Any:
    if not asked.text:
        raise fault("No text provided", "没有文字")
    texts = _within(asked.text, settings)
    from .dialect_engine import Analysis

    analysis = Analysis(asked)
    found = [analysis.of(text) for text in texts]
    return found if isinstance(asked.text, list) else found[0]


@router.post(
    "/anonymize",
    summary="Mask what was found, in Presidio's dialect",
    description="遮盖（Presidio 方言）。Without `anonymizers`: replaced by `<ENTITY>`, as there.",
    openapi_extra=described(AnonymizeRequest, **_ANONYMIZE),
)
async def anonymize(request: Request) -> Response:
    return await _worked(request, AnonymizeRequest, _anonymized)


def _anonymized(asked: AnonymizeRequest, settings: Settings) -> Any:
    texts = _within(asked.text, settings)
    from .dialect_operators import anonymized, anonymizers

    operators = anonymizers(asked.anonymizers)
    most = _most(settings)
    several = _results_of_each(asked, texts)
    done = [
        anonymized(text, results, operators, most)
        for text, results in zip(texts, several, strict=True)
    ]
    return done if isinstance(asked.text, list) else done[0]


def _results_of_each(asked: AnonymizeRequest, texts: list[str]) -> list[list[SentResult]]:
    """The results of each text. Raises Problem where they do not belong together."""
    given: list[Any] = list(asked.analyzer_results)
    nested = [isinstance(each, list) or each is None for each in given]
    if isinstance(asked.text, str) and not any(nested):
        return [given]
    if isinstance(asked.text, str) or not all(nested) or len(given) != len(texts):
        raise fault(
            "With several texts, analyzer_results must be a list with the results of each text.",
            "多段文字时，analyzer_results 应是每段文字各一个列表",
        )
    return [each or [] for each in given]


@router.post(
    "/deanonymize",
    summary="Undo encryption, in Presidio's dialect",
    description="还原（Presidio 方言）。",
    openapi_extra=described(DeanonymizeRequest, **_DEANONYMIZE),
)
async def deanonymize(request: Request) -> Response:
    return await _worked(request, DeanonymizeRequest, _deanonymized)


def _deanonymized(asked: DeanonymizeRequest, settings: Settings) -> Any:
    from .dialect_operators import deanonymized, deanonymizers

    operators = deanonymizers(asked.deanonymizers)
    return deanonymized(asked.text, asked.anonymizer_results or [], operators, _most(settings))


def _within(text: str | list[str], settings: Settings) -> list[str]:
    """The texts, as many as a call may hold. Raises Problem."""
    texts = [text] if isinstance(text, str) else text
    if len(texts) > settings.texts:
        raise fault(
            f"At most {settings.texts} texts", f"一次最多 {settings.texts} 段文字", "too-large"
        )
    return texts


def _most(settings: Settings) -> int:
    """Characters that an answer may hold: a short list of results can ask for a long one."""
    return 4 * settings.body_mb * MEGABYTE


async def _worked(
    request: Request, model: type[Model], answer: Callable[[Model, Settings], Any]
) -> Response:
    """What ``answer`` makes of the body, as JSON."""
    require(request, JSON)
    body = await request.body()
    work = partial(_answered, body, request.app.state.settings, model, answer)
    turns: Turns = request.app.state.presidio
    return Response(await turns.run(owner_of(request), work), media_type=JSON)


def _answered(
    body: bytes,
    settings: Settings,
    model: type[Model],
    answer: Callable[[Model, Settings], Any],
) -> bytes:
    try:
        return as_json(answer(fitted(model, parsed(body)), settings))
    except DeidError as error:
        raise fault("The request does not fit", str(error)) from None


# ------------------------------------------------------------------------------------------- lists


@router.get("/recognizers", summary="The recognizers, by name", response_model=list[str])
async def recognizers(request: Request, language: Language = None) -> Response:
    return await _listed(request, partial(_recognizers, language))


def _recognizers(language: str | None) -> list[str]:
    from .dialect_engine import checked_language, recognizer_names

    checked_language(language or "zh")
    return recognizer_names()


@router.get(
    "/supportedentities",
    summary="The entities, by name; Presidio's names among them",
    response_model=list[str],
)
async def supportedentities(request: Request, language: Language = None) -> Response:
    return await _listed(request, partial(_supported, language))


def _supported(language: str | None) -> list[str]:
    from .dialect_engine import checked_language, supported_entities

    checked_language(language or "zh")
    return supported_entities()


@router.get("/anonymizers", summary="The operators of /anonymize", response_model=list[str])
async def anonymizers(request: Request) -> Response:
    return await _listed(request, _operators)


def _operators() -> list[str]:
    from .dialect_operators import ANONYMIZERS

    return ANONYMIZERS


@router.get("/deanonymizers", summary="The operators of /deanonymize", response_model=list[str])
async def deanonymizers(request: Request) -> Response:
    return await _listed(request, _opposites)


def _opposites() -> list[str]:
    from .dialect_operators import DEANONYMIZERS

    return DEANONYMIZERS


async def _listed(request: Request, work: Callable[[], list[str]]) -> Response:
    turns: Turns = request.app.state.presidio
    return answer(await turns.run(owner_of(request), work))
