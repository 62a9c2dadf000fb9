"""Presidio's REST dialect, of its analyzer and its anonymizer at one address: a client of theirs works
by changing the address. What differs is listed in deid/docs/service.md.

Presidio is loaded by the first request (or at start, by ``presidio_at_start``), in a thread.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Coroutine
from typing import Annotated, Any

from fastapi import APIRouter, Query, Request
from fastapi.routing import APIRoute
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
from .problems import KINDS, Problem
from .settings import MEGABYTE, Settings
from .turns import INLINE, take

_loading = threading.Lock()
_loaded = threading.Event()


def warm_up() -> None:
    """Loads Presidio and the analyzer, once."""
    with _loading:
        if not _loaded.is_set():
            from . import dialect_operators  # noqa: F401
            from .dialect_engine import Analysis

            Analysis(AnalyzeRequest(text="电话", language="zh")).of("电话")
            _loaded.set()


class _Route(APIRoute):
    """A route whose errors also say ``error``, in English, as Presidio's do."""

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        handle = super().get_route_handler()

        async def told(request: Request) -> Response:
            try:
                return await handle(request)
            except Problem as problem:
                raise _with_error(problem) from None
            except DeidError as error:
                raise fault("The request does not fit", str(error)) from None

        return told


def _with_error(problem: Problem) -> Problem:
    if "error" not in problem.extra:
        error = problem.detail_en or KINDS[problem.kind].title_en
        problem.extra = {**problem.extra, "error": error}
    return problem


router = APIRouter(tags=["presidio"], route_class=_Route)

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
    def work(asked: AnalyzeRequest) -> Any:
        if not asked.text:
            raise fault("No text provided", "没有文字")
        texts = _within(asked.text, request)
        from .dialect_engine import Analysis

        analysis = Analysis(asked)
        found = [analysis.of(text) for text in texts]
        return found if isinstance(asked.text, list) else found[0]

    return await _worked(request, AnalyzeRequest, work)


@router.post(
    "/anonymize",
    summary="Mask what was found, in Presidio's dialect",
    description="遮盖（Presidio 方言）。Without `anonymizers`: replaced by `<ENTITY>`, as there.",
    openapi_extra=described(AnonymizeRequest, **_ANONYMIZE),
)
async def anonymize(request: Request) -> Response:
    def work(asked: AnonymizeRequest) -> Any:
        texts = _within(asked.text, request)
        from .dialect_operators import anonymized, anonymizers

        operators = anonymizers(asked.anonymizers)
        most = _most(request)
        several = _results_of_each(asked, texts)
        done = [
            anonymized(text, results, operators, most)
            for text, results in zip(texts, several, strict=True)
        ]
        return done if isinstance(asked.text, list) else done[0]

    return await _worked(request, AnonymizeRequest, work)


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
    def work(asked: DeanonymizeRequest) -> Any:
        from .dialect_operators import deanonymized, deanonymizers

        operators = deanonymizers(asked.deanonymizers)
        return deanonymized(asked.text, asked.anonymizer_results or [], operators, _most(request))

    return await _worked(request, DeanonymizeRequest, work)


def _within(text: str | list[str], request: Request) -> list[str]:
    """The texts, as many as a call may hold. Raises Problem."""
    settings: Settings = request.app.state.settings
    texts = [text] if isinstance(text, str) else text
    if len(texts) > settings.texts:
        raise fault(
            f"At most {settings.texts} texts", f"一次最多 {settings.texts} 段文字", "too-large"
        )
    return texts


def _most(request: Request) -> int:
    """Characters that an answer may hold: a short list of results can ask for a long one."""
    settings: Settings = request.app.state.settings
    return 4 * settings.body_mb * MEGABYTE


async def _worked(request: Request, model: type[Model], work: Callable[[Model], Any]) -> Response:
    """What ``work`` makes of the body, as JSON."""
    require(request, JSON)
    body = await request.body()
    small = fitted(model, parsed(body)) if len(body) <= INLINE else None

    def done() -> bytes:
        warm_up()
        return as_json(work(small or fitted(model, parsed(body))))

    at_once = small is not None and _loaded.is_set() and not _brings_expressions(small)
    return Response(
        await take(request, len(body) if at_once else max(len(body), INLINE + 1), done),
        media_type=JSON,
    )


def _brings_expressions(asked: Any) -> bool:
    """Whether a client's own regular expressions come along: never on the event loop."""
    return isinstance(asked, AnalyzeRequest) and bool(asked.ad_hoc_recognizers or asked.allow_list)


# ------------------------------------------------------------------------------------------- lists


async def _listed(request: Request, work: Callable[[], list[str]]) -> Response:
    def done() -> list[str]:
        warm_up()
        return work()

    return answer(await take(request, 0 if _loaded.is_set() else INLINE + 1, done))


@router.get("/recognizers", summary="The recognizers, by name", response_model=list[str])
async def recognizers(request: Request, language: Language = None) -> Response:
    def work() -> list[str]:
        from .dialect_engine import checked_language, recognizer_names

        checked_language(language or "zh")
        return recognizer_names()

    return await _listed(request, work)


@router.get(
    "/supportedentities",
    summary="The entities, by name; Presidio's names among them",
    response_model=list[str],
)
async def supportedentities(request: Request, language: Language = None) -> Response:
    def work() -> list[str]:
        from .dialect_engine import checked_language, supported_entities

        checked_language(language or "zh")
        return supported_entities()

    return await _listed(request, work)


@router.get("/anonymizers", summary="The operators of /anonymize", response_model=list[str])
async def anonymizers(request: Request) -> Response:
    def work() -> list[str]:
        from .dialect_operators import ANONYMIZERS

        return ANONYMIZERS

    return await _listed(request, work)


@router.get("/deanonymizers", summary="The operators of /deanonymize", response_model=list[str])
async def deanonymizers(request: Request) -> Response:
    def work() -> list[str]:
        from .dialect_operators import DEANONYMIZERS

        return DEANONYMIZERS

    return await _listed(request, work)
