"""Texts in, findings or masked texts out."""

from __future__ import annotations

from typing import Annotated, Any

from anyio.to_thread import run_sync
from fastapi import APIRouter, Request
from pydantic import BaseModel, ConfigDict, Field

from deid import load_policy, mask_text, scan_text
from deid.policy import Policy

from .problems import Problem
from .settings import Settings

router = APIRouter()

_INLINE = 4_000
"""Characters that are masked at once; more go to a thread, so that others are answered meanwhile."""


class Texts(BaseModel):
    """Texts, and how to look at them."""

    model_config = ConfigDict(extra="forbid")

    texts: Annotated[list[str], Field(description="the texts, in any number")]
    policy: Annotated[str, Field(description="the name of a policy; see /v1/policies")] = "general"
    header: Annotated[
        str | None, Field(description="the column title that each text stands under")
    ] = None


class Found(BaseModel):
    """One finding: where, not what. Offsets count characters (code points) of the text."""

    start: int
    end: int
    entity: str
    score: float
    why: str


def warm_up() -> None:
    """Compile what the first request would otherwise wait for."""
    mask_text("身份证11010519491231002X，电话13800138000，住红新村8组")


@router.post("/v1/mask", summary="Mask texts")
async def mask(body: Texts, request: Request) -> dict[str, Any]:
    policy = checked(body, request.app.state.settings)

    def work() -> list[str]:
        return [mask_text(text, header=body.header, policy=policy) for text in body.texts]

    return {"texts": await run(work, body)}


@router.post("/v1/scan", summary="Find without changing", response_model=None)
async def scan(body: Texts, request: Request) -> dict[str, list[list[dict[str, Any]]]]:
    policy = checked(body, request.app.state.settings)

    def work() -> list[list[dict[str, Any]]]:
        return [
            [
                {"start": f.start, "end": f.end, "entity": f.entity, "score": f.score, "why": f.why}
                for f in scan_text(text, header=body.header, policy=policy)
            ]
            for text in body.texts
        ]

    return {"findings": await run(work, body)}


def checked(body: Texts, settings: Settings) -> Policy:
    """The policy of a request within its limits."""
    if len(body.texts) > settings.texts:
        raise Problem("too-large", f"一次最多 {settings.texts} 段文字")
    return named_policy(body.policy)


def named_policy(name: str) -> Policy:
    """A policy that comes with deid: a client may not name a file of the server's."""
    from deid import policy_names

    if name not in policy_names():
        raise Problem("no-policy", f"现有：{'、'.join(policy_names())}")
    return load_policy(name)


async def run(work: Any, body: Texts) -> Any:
    if sum(map(len, body.texts)) <= _INLINE:
        return work()
    return await run_sync(work)
