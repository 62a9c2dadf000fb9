"""One file as it would be published, for the page: nothing is kept, not even for a moment longer.

The work is done in a process of its own, as jobs are, but never waits behind them.
"""

from __future__ import annotations

import time
from typing import Any

from anyio.to_thread import run_sync
from fastapi import APIRouter, Request

from deid.preview import known_kinds

from .files import call_of, form_body, jobs_of, named_choices
from .jobs import Jobs
from .problems import Problem
from .turns import owner_of
from .uploads import receive_form
from .workers import DIED, LATE, Call

router = APIRouter()

_FIELDS = ("policy", "channel", "level", "override", "pdf", "columns")
_SECONDS = 60
"""Longer than anybody looks at an empty page."""
_WAITING = 8


@router.get("/v1/kinds", summary="What a column may be said to hold")
def kinds() -> list[dict[str, str]]:
    return known_kinds()


@router.post(
    "/v1/preview",
    summary="One file as it would be published: content, for the person who brought it",
    response_model=None,
    openapi_extra=form_body(
        {
            "type": "object",
            "required": ["files"],
            "properties": {
                "files": {"type": "string", "format": "binary", "description": "one file"},
                **{name: {"type": "string"} for name in _FIELDS},
            },
        }
    ),
)
async def preview(request: Request) -> dict[str, Any]:
    jobs = jobs_of(request)
    with jobs.taking(owner_of(request)) as job:
        form = await receive_form(request, job.folder / "in", ("files",), _FIELDS)
        if len(form.files) > 1:
            raise Problem("invalid", "预览一次只看一份文件", "One file at a time")
        call = call_of(form, job, kind="preview")
        await run_sync(named_choices, call)
        return await _looked(jobs, call)


async def _looked(jobs: Jobs, call: Call) -> dict[str, Any]:
    """What the process says. Raises Problem."""
    if jobs.looking >= _WAITING:
        raise Problem("too-many", headers={"Retry-After": "2"})
    parts: list[dict[str, Any]] = []
    jobs.looking += 1
    try:
        async with jobs.viewing:
            deadline = time.monotonic() + _SECONDS
            outcome = await run_sync(jobs.viewer.do, call, deadline, parts.append)
    finally:
        jobs.looking -= 1
    if outcome in (DIED, LATE) or not parts:
        raise Problem(
            "unreadable",
            "这份文件太大或太复杂，不能预览；可以直接处理，结果和审查单照常",
            "Too large or too complex to preview",
        )
    return parts[0]
