"""What there is: policies, entities, formats, health, counters."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from fastapi import APIRouter, Path, Request
from starlette.responses import JSONResponse, PlainTextResponse, Response

from deid import __version__, load_entities, policy_names
from deid.formats import described, not_supported

from .bodies import JSON
from .texts import named_policy

router = APIRouter(tags=["catalogue"])


def _such(example: Any) -> dict[int | str, dict[str, Any]]:
    return {200: {"content": {JSON: {"example": example}}}}


_IS_UP = "Presidio Analyzer service is up; Presidio Anonymizer service is up"
"""What clients of Presidio's dialect look for."""
_HEALTH = {"status": "ok", "version": __version__, "message": _IS_UP}
_POLICY = {
    "name": "general",
    "label": "通用",
    "description": "遮盖证件号、电话、住址等，姓名保留",
    "mode": "list",
    "basis": "",
    "channel": "web",
    "level": "county",
    "usual": ["board", "sms", "web"],
    "refused": "",
    "operators": {"CN_MOBILE": {"mask": {"first": 3}}},
}
_ENTITY = {
    "name": "CN_MOBILE",
    "label": "移动电话号码",
    "kind": "direct",
    "headers": ["手机号", "联系电话"],
}
_FORMATS = {
    "formats": [
        {
            "label": "CSV 表格",
            "extensions": [".csv", ".tsv"],
            "keeps": ["编码、分隔符、引号、换行"],
            "drops": [],
            "refuses": ["认不出文字编码"],
        }
    ],
    "not_supported": [{"advice": "请另存为 .docx", "kinds": [".doc"]}],
}
_COUNTERS = "# HELP deid_requests_total Requests\n# TYPE deid_requests_total counter\n"


@router.get("/health", summary="Whether the service answers", responses=_such(_HEALTH))
async def health(request: Request) -> Response:
    if request.headers.get("accept", "").lower().startswith(("text/plain", "text/html")):
        return PlainTextResponse(_IS_UP)
    return JSONResponse(_HEALTH)


@router.get(
    "/metrics",
    summary="Counters for Prometheus",
    response_class=PlainTextResponse,
    responses={200: {"content": {"text/plain": {"example": _COUNTERS}}}},
)
async def metrics(request: Request) -> Response:
    return Response(request.app.state.metrics.text(), media_type="text/plain; version=0.0.4")


@router.get("/v1/policies", summary="The publication matters there are", responses=_such([_POLICY]))
def policies() -> list[dict[str, Any]]:
    return [_policy(name) for name in policy_names()]


@router.get("/v1/policies/{name}", summary="What one policy does", responses=_such(_POLICY))
def policy(
    name: Annotated[str, Path(examples=["general"])],
    channel: Literal["web", "board", "sms"] | None = None,
    level: Literal["county", "town", "village"] | None = None,
) -> dict[str, Any]:
    return _policy(name, channel, level)


def _policy(name: str, channel: str | None = None, level: str | None = None) -> dict[str, Any]:
    found = named_policy(name, channel, level)
    return {
        "name": found.name,
        "label": found.label,
        "description": found.description,
        "mode": found.mode,
        "basis": found.basis_shown,
        "channel": found.channel,
        "level": found.level,
        "usual": sorted(found.usual),
        "refused": found.refused,
        "operators": {
            entity: {operator: dict(options) for operator, options in spec.items()}
            for entity, spec in found.specs.items()
        },
    }


@router.get("/v1/entities", summary="What can be found", responses=_such([_ENTITY]))
def entities() -> list[dict[str, Any]]:
    return [
        {"name": e.name, "label": e.label, "kind": e.kind, "headers": list(e.headers)}
        for e in load_entities().values()
    ]


@router.get(
    "/v1/formats",
    summary="The file formats, and what is kept, dropped and refused",
    responses=_such(_FORMATS),
)
def formats() -> dict[str, Any]:
    return {
        "formats": [
            {
                "label": about.label,
                "extensions": list(about.extensions),
                "keeps": list(about.keeps),
                "drops": list(about.drops),
                "refuses": list(about.refuses),
            }
            for about in described()
        ],
        "not_supported": [
            {"advice": advice, "kinds": list(kinds)} for advice, kinds in not_supported()
        ],
    }
