"""Errors as problem documents (RFC 9457), in Chinese and English; never with content of a request."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from deid.errors import DeidError, LeftOver, UnknownPolicy, UnreadableFile

if TYPE_CHECKING:
    from starlette.responses import JSONResponse

MEDIA_TYPE = "application/problem+json"


@dataclass(frozen=True, slots=True)
class Kind:
    """One kind of problem: ``type`` is its stable name, the titles say what it is."""

    status: int
    title: str
    title_en: str


KINDS: Mapping[str, Kind] = {
    "malformed": Kind(400, "请求不是合法的 JSON", "The body is not valid JSON"),
    "bad-form": Kind(400, "上传的表单不完整或不合格式", "The form is incomplete or malformed"),
    "aborted": Kind(400, "上传中断", "The upload was broken off"),
    "unsupported": Kind(400, "不支持这种处理方式", "This is not supported"),
    "no-key": Kind(401, "缺少密钥，或密钥不对", "The API key is missing or wrong"),
    "forbidden": Kind(403, "这个来源的页面不能这样请求", "This origin may not make this request"),
    "not-found": Kind(404, "没有这个地址", "There is no such address"),
    "no-job": Kind(
        404, "没有这个任务，或已经取走、过期", "No such job, or it was fetched or expired"
    ),
    "no-policy": Kind(404, "没有这个公示规则", "There is no such policy"),
    "not-allowed": Kind(405, "这个地址不接受这种方法", "The method is not allowed here"),
    "not-ready": Kind(409, "任务还没有完成", "The job is not finished"),
    "gone": Kind(410, "文件已经取走或过期", "The file was fetched or has expired"),
    "too-slow": Kind(408, "上传太慢，已停止", "The upload took too long"),
    "too-large": Kind(413, "内容超过上限", "The content is over the limit"),
    "address-too-long": Kind(414, "地址太长", "The address is too long"),
    "headers-too-large": Kind(431, "请求头太大", "The headers are too large"),
    "bad-type": Kind(415, "不支持这种内容类型", "The content type is not supported"),
    "invalid": Kind(422, "请求的内容不合要求", "The request does not fit the schema"),
    "refused": Kind(422, "名单不能公开", "The list must not be published"),
    "unreadable": Kind(422, "文件读不了", "The file cannot be read"),
    "too-many": Kind(429, "正在处理的太多，请稍后再试", "Too much is waiting; try again later"),
    "no-space": Kind(507, "服务器磁盘空间不足", "The server is out of disk space"),
    "stopping": Kind(503, "服务正在停止", "The service is shutting down"),
    "lost": Kind(503, "处理它的进程意外终止，请再试", "The process that did the work was lost"),
    "failed": Kind(422, "处理没有完成", "The work was not finished"),
    "internal": Kind(500, "程序内部错误", "Internal error"),
}


@dataclass
class Problem(Exception):
    """A request that comes to nothing. ``detail`` is Chinese, ``detail_en`` English."""

    kind: str
    detail: str = ""
    detail_en: str = ""
    headers: Mapping[str, str] = field(default_factory=dict)
    extra: Mapping[str, Any] = field(default_factory=dict)

    def document(self, request_id: str) -> dict[str, Any]:
        kind = KINDS[self.kind]
        told: dict[str, Any] = {
            "type": f"urn:deid:problem:{self.kind}",
            "title": kind.title,
            "title_en": kind.title_en,
            "status": kind.status,
        }
        if self.detail:
            told["detail"] = self.detail
        if self.detail_en:
            told["detail_en"] = self.detail_en
        if request_id:
            told["instance"] = f"urn:deid:request:{request_id}"
        return {**told, **self.extra}

    def response(self, request_id: str = "") -> JSONResponse:
        from starlette.responses import JSONResponse  # not for the processes that mask files

        return JSONResponse(
            self.document(request_id),
            status_code=KINDS[self.kind].status,
            headers=dict(self.headers),
            media_type=MEDIA_TYPE,
        )


_DIALECT = "analyze anonymize deanonymize recognizers supportedentities anonymizers deanonymizers"
DIALECT = frozenset(f"/{name}" for name in _DIALECT.split())
"""The paths of Presidio's dialect."""


def told_at(path: str, problem: Problem) -> Problem:
    """The problem as a client of that path reads it: in the dialect an error has a member ``error``."""
    if path in DIALECT and "error" not in problem.extra:
        error = problem.detail_en or KINDS[problem.kind].title_en
        problem.extra = {**problem.extra, "error": error}
    return problem


def of_status(status: int) -> Problem:
    """The problem of a bare HTTP status that the framework raised."""
    kinds = {
        404: "not-found",
        405: "not-allowed",
        413: "too-large",
        415: "bad-type",
        400: "malformed",
    }
    return Problem(kinds.get(status, "internal" if status >= 500 else "invalid"))


def of_deid(error: DeidError) -> Problem:
    """The problem that an error of the library is to a client."""
    if isinstance(error, UnknownPolicy):
        return Problem("no-policy", str(error))
    if isinstance(error, LeftOver):
        return Problem("refused", str(error))
    return Problem("unreadable" if isinstance(error, UnreadableFile) else "invalid", str(error))
