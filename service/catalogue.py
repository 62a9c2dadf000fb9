"""What there is: policies, entities, formats, health, counters."""

from __future__ import annotations

from typing import Any

from fastapi import APIRouter, Request
from starlette.responses import PlainTextResponse, Response

from deid import __version__, load_entities, load_policy, policy_names
from deid.formats import described, not_supported

router = APIRouter()


@router.get("/health", summary="Whether the service answers")
async def health() -> dict[str, str]:
    return {"status": "ok", "version": __version__}


@router.get("/metrics", summary="Counters for Prometheus", response_class=PlainTextResponse)
async def metrics(request: Request) -> Response:
    return Response(request.app.state.metrics.text(), media_type="text/plain; version=0.0.4")


@router.get("/v1/policies", summary="The publication matters there are")
def policies() -> list[dict[str, Any]]:
    return [_policy(name) for name in policy_names()]


@router.get("/v1/policies/{name}", summary="What one policy does")
def policy(name: str) -> dict[str, Any]:
    return _policy(name)


def _policy(name: str) -> dict[str, Any]:
    found = load_policy(name)
    return {
        "name": found.name,
        "label": found.label,
        "description": found.description,
        "mode": found.mode,
        "basis": found.basis_shown,
        "operators": {
            entity: {operator: dict(options) for operator, options in spec.items()}
            for entity, spec in found.specs.items()
        },
    }


@router.get("/v1/entities", summary="What can be found")
def entities() -> list[dict[str, Any]]:
    return [
        {"name": e.name, "label": e.label, "kind": e.kind, "headers": list(e.headers)}
        for e in load_entities().values()
    ]


@router.get("/v1/formats", summary="The file formats, and what is kept, dropped and refused")
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
