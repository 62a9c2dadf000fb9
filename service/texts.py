"""Texts in, findings or masked texts out."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache, partial
from typing import Annotated, Any

from fastapi import APIRouter, Request
from pydantic import BaseModel, ConfigDict, Field
from starlette.responses import Response

from deid import mask_text, policy_names, scan_text
from deid.policy import Policy, load_policy

from .bodies import JSON, as_json, described, fitted, parsed, require
from .problems import Problem
from .settings import Settings
from .turns import take

router = APIRouter(tags=["texts"])

LONGEST_TITLE = 1_000
"""Characters of a column title: what titles are is remembered, by the title."""
PolicyName = Annotated[
    str, Field(description="公示规则，见 /v1/policies / the name of a policy", max_length=200)
]


class Texts(BaseModel):
    """Texts, and how to look at them."""

    model_config = ConfigDict(extra="forbid")

    texts: Annotated[list[str], Field(description="文字，条数不限于一 / the texts")]
    policy: PolicyName = "general"
    header: Annotated[
        str | None,
        Field(
            description="列名：这些文字是哪一列的单元格 / the column title they stand under",
            max_length=LONGEST_TITLE,
        ),
    ] = None


class Masked(BaseModel):
    """The texts, masked, in the same order."""

    texts: list[str]


class Found(BaseModel):
    """One finding: where, not what. Offsets count characters (code points) of the text."""

    start: int
    end: int
    entity: str
    score: float
    why: str


class Findings(BaseModel):
    """The findings of each text."""

    findings: list[list[Found]]


_ASKED = {"texts": ["身份证11010519491231002X，电话13800138000"], "policy": "general"}
_CELLS = {"texts": ["红新村8组", "河西村委会"], "header": "家庭住址"}
_ANSWERED = {"texts": ["身份证110105************，电话138********"]}
_FOUND = {
    "findings": [
        [
            {"start": 3, "end": 21, "entity": "CN_RESIDENT_ID", "score": 0.98, "why": "校验位正确"},
            {
                "start": 24,
                "end": 35,
                "entity": "CN_MOBILE",
                "score": 0.86,
                "why": "标签：移动电话号码",
            },
        ]
    ]
}


def warm_up() -> None:
    """Compile what the first request would otherwise wait for."""
    mask_text("身份证11010519491231002X，电话13800138000，住红新村8组")


@router.post(
    "/v1/mask",
    summary="Mask texts",
    description="遮盖文字。Every text is masked as the policy says; the rest of it is untouched.",
    responses={200: {"model": Masked, "content": {JSON: {"example": _ANSWERED}}}},
    openapi_extra=described(Texts, text=_ASKED, cells=_CELLS),
)
async def mask(request: Request) -> Response:
    return await _worked(request, _masked)


@router.post(
    "/v1/scan",
    summary="Find without changing",
    description="查找，不改动。The answer holds places and kinds, never content.",
    responses={200: {"model": Findings, "content": {JSON: {"example": _FOUND}}}},
    openapi_extra=described(Texts, text=_ASKED),
)
async def scan(request: Request) -> Response:
    return await _worked(request, _found)


def _masked(asked: Texts, policy: Policy) -> dict[str, Any]:
    return {"texts": [mask_text(t, header=asked.header, policy=policy) for t in asked.texts]}


def _found(asked: Texts, policy: Policy) -> dict[str, Any]:
    return {
        "findings": [
            [
                {"start": f.start, "end": f.end, "entity": f.entity, "score": f.score,
                 "why": f.why}
                for f in scan_text(text, header=asked.header, policy=policy)
            ]
            for text in asked.texts
        ]
    }  # fmt: skip


_Answer = Callable[[Texts, Policy], dict[str, Any]]


async def _worked(request: Request, answer: _Answer) -> Response:
    """What ``answer`` makes of the body, as JSON."""
    require(request, JSON)
    body = await request.body()
    work = partial(_answered, body, request.app.state.settings, answer)
    return Response(await take(request, len(body), work), media_type=JSON)


def _answered(body: bytes, settings: Settings, answer: _Answer) -> bytes:
    asked = fitted(Texts, parsed(body))
    return as_json(answer(asked, checked(asked, settings)))


def checked(asked: Texts, settings: Settings) -> Policy:
    """The policy of a request within its limits."""
    if len(asked.texts) > settings.texts:
        raise Problem("too-large", f"一次最多 {settings.texts} 段文字")
    return named_policy(asked.policy)


def named_policy(name: str, channel: str | None = None, level: str | None = None) -> Policy:
    """A policy that comes with deid: a client may not name a file of the server's."""
    known = _known()
    if name not in known:
        raise Problem("no-policy", f"现有：{'、'.join(known)}", f"There are {', '.join(known)}")
    return _loaded(name, channel, level)


@cache
def _known() -> tuple[str, ...]:
    return tuple(policy_names())


@cache  # as many as there are policies, channels and levels
def _loaded(name: str, channel: str | None, level: str | None) -> Policy:
    return load_policy(name, channel=channel, level=level)
