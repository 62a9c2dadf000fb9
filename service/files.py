"""Files in, the same files fit to be posted out, by way of a job: upload, progress, results, report."""

from __future__ import annotations

import asyncio
import hashlib
import io
import json
import zipfile
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Annotated, Any, Literal
from urllib.parse import quote

from anyio.to_thread import run_sync
from fastapi import APIRouter, Query, Request
from starlette.responses import JSONResponse, Response, StreamingResponse

from deid import __version__, load_policy
from deid.policy import Policy
from deid.report import conclusion, file_as_dict, to_html, to_json
from deid.runs import run_of

from .jobs import Job, Jobs, Result
from .problems import Problem
from .retyped import kinds_of
from .texts import named_policy
from .turns import owner_of
from .uploads import Form, receive_form
from .workers import Call, Source

router = APIRouter()

_FIELDS = ("policy", "channel", "level", "override", "pdf", "keep", "columns")
_CHOICES = {
    "channel": ("web", "board", "sms"),
    "level": ("county", "town", "village"),
    "pdf": ("edit", "raster"),
    "keep": ("0", "1", "true", "false"),
}
_MOST_REASON = 500
_PIECE = 256 * 1024
_REPORT_HEADERS = {
    # The sheet has its style inside, and runs nothing; the page may show it in a frame to print it.
    "Content-Security-Policy": "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; "
    "form-action 'none'; frame-ancestors 'self'",
    "X-Frame-Options": "SAMEORIGIN",
}

_TEXT: dict[str, Any] = {"type": "string"}
_FORM: dict[str, Any] = {
    "type": "object",
    "required": ["files"],
    "properties": {
        "files": {"type": "array", "items": {"type": "string", "format": "binary"}},
        "policy": {**_TEXT, "default": "general"},
        **{name: {**_TEXT, "enum": list(choices)} for name, choices in _CHOICES.items()},
        "override": {**_TEXT, "maxLength": _MOST_REASON, "description": "why, in writing"},
        "columns": {
            **_TEXT,
            "description": 'what columns hold, as JSON: [{"file": 0, "table": "Sheet1", '
            '"column": 3, "kind": "id_number"}]; see /v1/kinds',
        },
    },
}


def form_body(schema: dict[str, Any]) -> dict[str, Any]:
    """The OpenAPI part of a form that is read piece by piece and not by the framework."""
    content = {"multipart/form-data": {"schema": schema}}
    return {"requestBody": {"required": True, "content": content}}


@router.post(
    "/v1/files",
    status_code=202,
    summary="Mask files: begins a job",
    response_model=None,
    openapi_extra=form_body(_FORM),
)
async def upload(request: Request) -> Response:
    jobs = jobs_of(request)
    with jobs.taking(owner_of(request)) as job:
        await run_sync(jobs.warm)
        form = await receive_form(request, job.folder / "in", ("files",), _FIELDS)
        call = call_of(form, job)
        await run_sync(named_choices, call)  # its faults are the client's, and told now
        job.keep = form.texts.get("keep") in ("1", "true") or jobs.settings.keep_after_download
        jobs.submit(job, call)
    links = _links(job)
    return JSONResponse(
        {"job": job.id, "links": links}, status_code=202, headers={"Location": links["self"]}
    )


def call_of(form: Form, job: Job, kind: str = "mask") -> Call:
    """What a worker is asked to do with a form. Raises Problem."""
    for name, choices in _CHOICES.items():
        if form.texts.get(name, "") not in ("", *choices):
            raise Problem("invalid", f"{name} 只能是 {'、'.join(choices)}", f"{name} is not valid")
    override = form.texts.get("override", "")
    if len(override) > _MOST_REASON:
        raise Problem("invalid", f"override 最多 {_MOST_REASON} 字", "override is too long")
    kinds = kinds_of(form.texts.get("columns", ""), len(form.files))
    out = job.folder / "out"
    return Call(
        kind,
        tuple(
            Source(one.path, out / one.path.name, one.name, kinds=dict(kinds.get(at, {})))
            for at, one in enumerate(form.files)
        ),
        job.folder / "tmp",
        policy=form.texts.get("policy") or "general",
        channel=form.texts.get("channel") or None,
        level=form.texts.get("level") or None,
        override=override,
        raster=form.texts.get("pdf") == "raster",
    )


def named_choices(call: Call) -> Policy:
    """The policy of a call. Raises Problem, DeidError."""
    named_policy(call.policy)
    return load_policy(call.policy, channel=call.channel, level=call.level)


def jobs_of(request: Request) -> Jobs:
    jobs: Jobs = request.app.state.jobs
    return jobs


def job_of(request: Request, number: str, kind: str = "mask") -> Job:
    """The job of that number, if it is of that kind. Raises Problem."""
    job = jobs_of(request).find(number, owner_of(request))
    if job.call is None or job.call.kind != kind:
        raise Problem("no-job")
    return job


# --- state ----------------------------------------------------------------------------------------


def _links(job: Job) -> dict[str, str]:
    here = f"/v1/files/{job.id}"
    links = {"self": here, "events": f"{here}/events"}
    if job.over:
        links["report"] = f"{here}/report"
        if any(result.state != "gone" for result in job.results.values()):
            links["all"] = f"{here}/all.zip"
    return links


@router.get("/v1/files/{job}", summary="How far a job is, and the reports of its files")
async def state(job: str, request: Request) -> dict[str, Any]:
    found = job_of(request, job)
    files = [_file(found, number) for number in range(len(found.parts))]
    return {**progress(jobs_of(request), found), "files": files, "links": _links(found)}


def progress(jobs: Jobs, job: Job) -> dict[str, Any]:
    """How far a job is."""
    told: dict[str, Any] = {
        "job": job.id,
        "state": job.state,
        "position": jobs.position(job),
        "done": min(len(job.parts), job.total),
        "total": job.total,
    }
    if job.error:
        told["error"] = job.error
    if job.over and job.call and job.call.kind == "mask":
        told["conclusion"] = conclusion(job.parts)
    return told


def _file(job: Job, number: int) -> dict[str, Any]:
    told: dict[str, Any] = {"n": number, **file_as_dict(job.parts[number])}
    result = job.results.get(number)
    if result:
        told["result"] = result.state
        if result.state != "gone":
            told["link"] = f"/v1/files/{job.id}/results/{number}"
    return told


@router.get(
    "/v1/files/{job}/events",
    summary="Progress as server-sent events, until the job is over",
    response_class=StreamingResponse,
)
async def events(job: str, request: Request) -> Response:
    return watched(jobs_of(request), job_of(request, job))


def watched(jobs: Jobs, job: Job) -> Response:
    """The progress of a job, as it goes on."""
    return StreamingResponse(
        _events(jobs, job),
        media_type="text/event-stream",
        headers={"X-Accel-Buffering": "no"},
    )


async def _events(jobs: Jobs, job: Job) -> AsyncIterator[str]:
    yield "retry: 3000\n\n"
    async for is_news in jobs.watch(job):
        if not is_news:
            yield ": still here\n\n"
            continue
        name = "end" if job.over else "stopping" if jobs.closed else "progress"
        yield f"event: {name}\ndata: {json.dumps(progress(jobs, job))}\n\n"


@router.delete("/v1/files/{job}", status_code=204, summary="Stop a job and forget all of it")
async def cancel(job: str, request: Request) -> Response:
    await jobs_of(request).forget(job_of(request, job))
    return Response(status_code=204)


# --- results --------------------------------------------------------------------------------------


def _over(request: Request, number: str) -> Job:
    job = job_of(request, number)
    if not job.over:
        raise Problem("not-ready", headers={"Retry-After": "2"})
    return job


def attachment(name: str) -> str:
    """A Content-Disposition that any name is safe in (RFC 6266 and 5987)."""
    plain = "".join(c if c.isascii() and (c.isalnum() or c in "._- ") else "_" for c in name)
    return f"attachment; filename=\"{plain}\"; filename*=UTF-8''{quote(name, safe='')}"


@router.get(
    "/v1/files/{job}/results/{n}",
    summary="One masked file; gone afterwards",
    response_class=Response,
)
async def result(job: str, n: int, request: Request) -> Response:
    found = _over(request, job)
    if not 0 <= n < len(found.parts):
        raise Problem("not-found")
    chosen = found.results.get(n)
    if chosen is None:
        raise Problem("refused", "这份文件没有写出；原因见报告", "Nothing was written: see report")
    _check_ready([chosen])
    stack, (one,) = await _claim(request, found, [n])
    return StreamingResponse(
        _released(stack, _pieces(one.path)),
        media_type="application/octet-stream",
        headers={
            "Content-Disposition": attachment(one.name.rpartition("/")[2]),
            "Content-Length": str(one.path.stat().st_size),
        },
    )


def _check_ready(results: list[Result]) -> None:
    if any(one.state == "sending" for one in results):
        raise Problem("not-ready", "正在被取走", "It is being fetched", {"Retry-After": "2"})
    if not results or any(one.state == "gone" for one in results):
        raise Problem("gone")


async def _claim(
    request: Request, job: Job, numbers: list[int]
) -> tuple[AsyncExitStack, list[Result]]:
    stack = AsyncExitStack()
    return stack, await stack.enter_async_context(jobs_of(request).fetching(job, numbers))


async def _released(stack: AsyncExitStack, pieces: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
    """The pieces; what is sent to the last of them is let go of, what broke off stays."""
    async with stack:
        async for piece in pieces:
            yield piece


async def _pieces(path: Path) -> AsyncIterator[bytes]:
    with path.open("rb") as stream:
        while piece := await run_sync(stream.read, _PIECE):
            yield piece


@router.get(
    "/v1/files/{job}/all.zip",
    summary="All masked files that are left, and the reports; gone afterwards",
    response_class=Response,
)
async def everything(job: str, request: Request) -> Response:
    found = _over(request, job)
    left = [number for number, one in found.results.items() if one.state != "gone"]
    _check_ready([found.results[number] for number in left])
    reports = await _reports(found)
    stack, results = await _claim(request, found, left)
    stamp = found.created.timetuple()[:6]
    return StreamingResponse(
        _released(stack, _zipped(results, reports, stamp)),
        media_type="application/zip",
        headers={"Content-Disposition": attachment("deid.zip")},
    )


class _Sink(io.RawIOBase):
    """What a zip writes, to be taken away piece by piece: it is never whole anywhere."""

    def __init__(self) -> None:
        self._pieces = bytearray()

    def writable(self) -> bool:
        return True

    def write(self, data: Any) -> int:
        self._pieces += data
        return len(data)

    def take(self) -> bytes:
        taken = bytes(self._pieces)
        self._pieces.clear()
        return taken


async def _zipped(
    results: list[Result], reports: dict[str, bytes], stamp: Any
) -> AsyncIterator[bytes]:
    sink = _Sink()
    with zipfile.ZipFile(sink, "w") as archive:
        for one in results:
            about = zipfile.ZipInfo(one.name, stamp)
            about.external_attr = 0o600 << 16
            about.file_size = one.path.stat().st_size
            with archive.open(about, "w") as entry:
                async for piece in _pieces(one.path):
                    entry.write(piece)
                    yield sink.take()
        for kind, content in reports.items():
            archive.writestr(zipfile.ZipInfo(f"deid-report.{kind}", stamp), content)
    yield sink.take()


# --- report ---------------------------------------------------------------------------------------


@router.get(
    "/v1/files/{job}/report",
    summary="deid-report.json, or the review sheet (html)",
    response_class=Response,
)
async def report(
    job: str,
    request: Request,
    format: Annotated[Literal["json", "html"] | None, Query()] = None,
    download: bool = False,
) -> Response:
    found = _over(request, job)
    kind = format or ("html" if "text/html" in request.headers.get("accept", "") else "json")
    content = (await _reports(found))[kind]
    headers = dict(_REPORT_HEADERS) if kind == "html" else {}
    if download:
        headers["Content-Disposition"] = attachment(f"deid-report.{kind}")
    media_type = "text/html; charset=utf-8" if kind == "html" else "application/json"
    return Response(content, media_type=media_type, headers=headers)


_writing = asyncio.Lock()


async def _reports(job: Job) -> dict[str, bytes]:
    """Both reports, made once: the sheet names the digest of the other."""
    async with _writing:
        if not job.reports:
            job.reports = await run_sync(_written, job)
    return job.reports


def _written(job: Job) -> dict[str, bytes]:
    assert job.call
    run = run_of(job.parts, named_choices(job.call), __version__)
    machine = to_json(run).encode()
    page = to_html(run, json_sha256=hashlib.sha256(machine).hexdigest()).encode()
    return {"html": page, "json": machine}
