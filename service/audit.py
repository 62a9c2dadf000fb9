"""Published files in, what they still tell out: alone, and laid over others."""

from __future__ import annotations

import asyncio
from datetime import date, datetime
from typing import Any

from anyio.to_thread import run_sync
from fastapi import APIRouter, Request
from starlette.responses import JSONResponse, Response, StreamingResponse

from deid import __version__
from deid.audit import AUTO, AuditReport, FileAudit, report_as_dict
from deid.sweep import summary
from deid.union import UnionAudit

from .files import form_body, job_of, jobs_of, progress, watched
from .jobs import Job, Jobs
from .problems import Problem
from .texts import named_policy
from .turns import owner_of
from .uploads import Form, receive_form
from .workers import Call, Source

router = APIRouter()

_FORM: dict[str, Any] = {
    "type": "object",
    "required": ["files"],
    "properties": {
        "files": {"type": "array", "items": {"type": "string", "format": "binary"}},
        "against": {
            "type": "array",
            "items": {"type": "string", "format": "binary"},
            "description": "the same lists as published elsewhere",
        },
        "policy": {"type": "string", "default": "general", "description": "a name, or auto"},
        "published": {"type": "string", "format": "date"},
    },
}


@router.post(
    "/v1/audit",
    summary="What published files still tell; with others, what all reveal together",
    response_model=None,
    openapi_extra={
        **form_body(_FORM),
        "parameters": [
            {
                "name": "Prefer",
                "in": "header",
                "schema": {"type": "string"},
                "description": "respond-async：立即返回 202 和任务地址 / 202 and a job at once",
            }
        ],
    },
)
async def audit(request: Request) -> dict[str, Any] | Response:
    """Answers when it is done; who hangs up before stops it. Who would rather not wait is given a job
    to watch."""
    jobs = jobs_of(request)
    with jobs.taking(owner_of(request)) as job:
        await run_sync(jobs.warm)
        folder = job.folder / "in"
        form = await receive_form(request, folder, ("files", "against"), ("policy", "published"))
        call = _call(form, job)
        jobs.submit(job, call)
    if "respond-async" in request.headers.get("prefer", "").lower():
        links = _links(job)
        headers = {"Location": links["self"], "Preference-Applied": "respond-async"}
        return JSONResponse({"job": job.id, "links": links}, status_code=202, headers=headers)
    try:
        await _finished(request, jobs, job)
        if job.error:
            raise Problem("failed", job.error)
        if not job.over:
            raise Problem("stopping")
        return _report(job, call.policy)
    finally:
        await jobs.forget(job)


def _links(job: Job) -> dict[str, str]:
    here = f"/v1/audit/{job.id}"
    return {"self": here, "events": f"{here}/events"}


@router.get("/v1/audit/{job}", summary="How far an audit is, and its report when it is done")
async def state(job: str, request: Request) -> dict[str, Any]:
    found = job_of(request, job, "audit")
    told = {**progress(jobs_of(request), found), "links": _links(found)}
    if found.state == "done" and found.call:
        told["report"] = _report(found, found.call.policy)
    return told


@router.get(
    "/v1/audit/{job}/events",
    summary="Progress as server-sent events, until the audit is over",
    response_class=StreamingResponse,
)
async def events(job: str, request: Request) -> Response:
    return watched(jobs_of(request), job_of(request, job, "audit"))


@router.delete("/v1/audit/{job}", status_code=204, summary="Stop an audit and forget all of it")
async def cancel(job: str, request: Request) -> Response:
    await jobs_of(request).forget(job_of(request, job, "audit"))
    return Response(status_code=204)


def _call(form: Form, job: Job) -> Call:
    policy = form.texts.get("policy") or "general"
    if policy != AUTO:
        named_policy(policy)
    files = sorted(form.files, key=lambda one: one.field == "against")  # the others come last
    if files[0].field == "against":
        raise Problem("invalid", "没有 files，只有 against", "There is no file to audit")
    return Call(
        "audit",
        tuple(
            Source(one.path, job.folder / "out" / one.path.name, one.name, one.field == "against")
            for one in files
        ),
        job.folder / "tmp",
        policy=policy,
        published=_date(form.texts.get("published", "")),
    )


def _date(text: str) -> date | None:
    try:
        return date.fromisoformat(text) if text else None
    except ValueError:
        raise Problem("invalid", "published 应是日期，如 2026-03-15", "Not a date") from None


async def _finished(request: Request, jobs: Jobs, job: Job) -> None:
    """Wait for the job or for the client to hang up, whichever comes first."""

    async def over() -> None:
        async for _ in jobs.watch(job):
            pass

    async def hung_up() -> None:
        while (await request.receive())["type"] != "http.disconnect":
            pass

    waits = [asyncio.ensure_future(over()), asyncio.ensure_future(hung_up())]
    try:
        await asyncio.wait(waits, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for each in waits:
            each.cancel()
    if not job.over and not jobs.closed:
        raise Problem("aborted")


def _report(job: Job, policy: str) -> dict[str, Any]:
    files = tuple(part for part in job.parts if isinstance(part, FileAudit))
    union = next((part for part in job.parts if isinstance(part, UnionAudit)), None)
    created = datetime.now().astimezone().isoformat(timespec="seconds")
    told = report_as_dict(AuditReport(files, union, policy, created), __version__)
    return {**told, "summary": summary(files)}
