"""A table in, the same table masked out: columns, rows, or the bytes of a csv file.

Columns and rows are masked as a DataFrame is (``deid.mask_table``), csv as the file that it is
(``deid.mask_file``): what comes back are the bytes that ``deid mask`` would write.
"""

from __future__ import annotations

import tempfile
from collections.abc import Mapping, Sequence
from errno import EDQUOT, ENOSPC
from functools import partial
from pathlib import Path
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Request
from pydantic import BaseModel, ConfigDict, Field, SkipValidation
from starlette.responses import Response

from deid.frames import FrameDocument, document_of, mask_by_column
from deid.model import Edit, FileReport
from deid.outcome import OS_FAULTS
from deid.pipeline import mask_csv_bytes, mask_file, mask_opened
from deid.policy import Policy

from .bodies import JSON, as_json, content, fitted, parsed, require
from .folders import FULL
from .problems import Problem
from .settings import Settings
from .texts import LONGEST_TITLE, PolicyName, named_policy
from .turns import take

router = APIRouter(tags=["records"])

CSV, TSV = "text/csv", "text/tab-separated-values"
_LEAST = 12_000
"""Bytes of csv from which on it goes by the column: below, the exact path is done as soon."""
_MANY = 100
"""Rows from which on columns do, for the same reason: numpy is loaded here."""
_SUFFIXES = {CSV: ".csv", TSV: ".tsv"}

Cell = str | int | float | bool | None
Channel = Literal["web", "board", "sms"]
Level = Literal["county", "town", "village"]


class Options(BaseModel):
    """How to treat a table."""

    model_config = ConfigDict(extra="forbid")

    policy: PolicyName = "general"
    channel: Annotated[Channel | None, Field(description="公开渠道；默认按公示规则")] = None
    level: Annotated[Level | None, Field(description="公示层级；默认按公示规则")] = None


class Records(Options):
    """A table: ``columns`` (title -> cells, the fastest) or ``rows`` (one object each), not both."""

    columns: Annotated[
        SkipValidation[dict[str, list[Cell]] | None],
        Field(description="列名 → 单元格，各列一样长 / column title -> cells, all of one length"),
    ] = None
    rows: Annotated[
        SkipValidation[list[dict[str, Cell]] | None],
        Field(description="每行一个对象；少了的键就是没有单元格 / one object a row"),
    ] = None
    kinds: Annotated[
        dict[str, str],
        Field(
            description="人工指定：列名 → 字段（id_number）、实体（CN_MOBILE）或 skip / what a column "
            "holds, where the title does not say"
        ),
    ] = {}
    title: Annotated[
        str, Field(description="名单的标题，可能写着日期、地名 / the list's title")
    ] = ""


class MaskedRecords(BaseModel):
    """The table in the shape in which it came; ``found`` counts findings by entity, ``dropped``
    names the columns that the policy leaves out."""

    columns: dict[str, list[Cell]] | None = None
    rows: list[dict[str, Cell]] | None = None
    found: dict[str, int] = {}
    dropped: list[str] = []


_COLUMNS = {
    "columns": {
        "姓名": ["张三", "李四"],
        "身份证号": ["11010519491231002X", None],
        "联系电话": [13800138000, None],
        "金额": [500, 620.5],
    }
}
_MASKED_COLUMNS = {
    "columns": {
        "姓名": ["张三", "李四"],
        "身份证号": ["110105************", None],
        "联系电话": ["138********", None],
        "金额": [500, 620.5],
    },
    "found": {"CN_MOBILE": 1, "CN_RESIDENT_ID": 1},
    "dropped": [],
}
_ROWS = {
    "rows": [{"姓名": "张三", "家庭住址": "红新村8组"}, {"姓名": "李四"}],
    "kinds": {"家庭住址": "address"},
    "title": "困难群众救助公示",
}
_MASKED_ROWS = {
    "rows": [{"姓名": "张三", "家庭住址": "红新村***"}, {"姓名": "李四"}],
    "found": {"CN_ADDRESS": 1},
    "dropped": [],
}
_FILE = "姓名,联系电话\n张三,13800138000\n"
_MASKED_FILE = "姓名,联系电话\n张三,138********\n"


def _query(name: str, about: str, **schema: Any) -> dict[str, Any]:
    return {
        "name": name,
        "in": "query",
        "required": False,
        "description": f"{about}（只用于 csv / for csv only; JSON has a field of this name）",
        "schema": {"type": "string", **schema},
    }


_OPENAPI = {
    "parameters": [
        _query("policy", "公示规则", default="general"),
        _query("channel", "公开渠道", enum=["web", "board", "sms"]),
        _query("level", "公示层级", enum=["county", "town", "village"]),
    ],
    "requestBody": {
        "required": True,
        "content": {
            JSON: content(Records.model_json_schema(), {"columns": _COLUMNS, "rows": _ROWS}),
            CSV: content({"type": "string", "format": "binary"}, {"list": _FILE}),
            TSV: content(
                {"type": "string", "format": "binary"}, {"list": _FILE.replace(",", "\t")}
            ),
        },
    },
}
_CHANGED = {
    "X-Deid-Changed": {
        "description": "改了多少个单元格 / number of cells changed; csv only",
        "schema": {"type": "integer"},
    },
    "X-Deid-Status": {
        "description": "publish 可发布，look 需人工查看 / look: a person has to; csv only",
        "schema": {"type": "string", "enum": ["publish", "look"]},
    },
}


@router.post(
    "/v1/mask/records",
    summary="Mask a table: columns, rows or csv",
    description=(
        "遮盖一张表，并核对结果；核对不过就什么也不给（422 refused）。csv 按原编码、原字节返回，"
        "与 deid mask 写出的文件逐字节相同。The result is verified before it is sent; csv comes back "
        "in its own encoding, the very bytes that `deid mask` writes."
    ),
    responses={
        200: {
            "model": MaskedRecords,
            "headers": _CHANGED,
            "content": {
                JSON: {
                    "examples": {
                        "columns": {"value": _MASKED_COLUMNS},
                        "rows": {"value": _MASKED_ROWS},
                    }
                },
                CSV: content({"type": "string", "format": "binary"}, {"list": _MASKED_FILE}),
                TSV: content(
                    {"type": "string", "format": "binary"},
                    {"list": _MASKED_FILE.replace(",", "\t")},
                ),
            },
        }
    },
    openapi_extra=_OPENAPI,
)
async def mask_records(request: Request) -> Response:
    kind = require(request, JSON, CSV, TSV)
    body = await request.body()
    settings: Settings = request.app.state.settings
    if kind == JSON:
        made = await take(request, _weight(body), partial(_masked_json, body, settings))
        return Response(made, media_type=JSON)
    options = _asked(request)
    if body.count(b"\n") > settings.records + 1:
        raise Problem("too-large", f"一次最多 {settings.records} 行；更多请用 /v1/files")
    scratch = request.app.state.jobs.scratch
    work = partial(_masked_csv, body, kind, options, scratch)
    masked, told = await take(request, _weight(body), work)
    return Response(masked, headers={**told, "Content-Type": kind})


def _asked(request: Request) -> Options:
    """The options in the address. Raises Problem for one that is not known or stands there twice."""
    given = request.query_params.multi_items()
    if len(dict(given)) < len(given):
        raise Problem("invalid", "地址里有重复的参数", "A parameter stands there twice")
    return fitted(Options, dict(given))


def warm_up() -> None:
    """Load what the first large table would otherwise wait for."""
    phones = [f"138{number:08d}" for number in range(_MANY)]
    mask_by_column(document_of({"电话": phones}, {}, ""), named_policy("general"))


def _weight(body: bytes) -> int:
    """A table takes several times as long as a text of its size: rows are judged, and files made."""
    return 4 * len(body)


# --------------------------------------------------------------------------------------------- JSON


def _masked_json(body: bytes, settings: Settings) -> bytes:
    asked = fitted(Records, parsed(body))
    policy = named_policy(asked.policy, asked.channel, asked.level)
    columns = _columns_of(asked, settings)
    document = document_of(columns, dict(asked.kinds.items()), asked.title)
    gone, result, found = _masked(document, policy)
    told: dict[str, Any] = {"columns": result}
    if asked.rows is not None:
        told = {"rows": _by_row(asked.rows, list(columns), gone, result)}
    titles = list(columns)
    return as_json({**told, "found": found, "dropped": [titles[at] for at in sorted(gone)]})


def _masked(
    document: FrameDocument, policy: Policy
) -> tuple[frozenset[int], dict[str, list[Any]], Mapping[str, int]]:
    """The columns that go, the others masked, the findings by entity. Raises LeftOver."""
    if document.backend.rows() >= _MANY and (done := mask_by_column(document, policy)):
        return frozenset(), *done
    gone: frozenset[int] = frozenset()

    def write(
        edits: Mapping[str, Sequence[Edit]], drops: Mapping[str, frozenset[int]]
    ) -> FrameDocument:
        nonlocal gone
        gone = drops.get("", frozenset())
        return document.edited(edits, gone)

    written, report = mask_opened(document, policy, write)
    return gone, written.result, report.found


def _columns_of(asked: Records, settings: Settings) -> dict[str, list[Any]]:
    """The table by columns, whichever way it came. Raises Problem."""
    if (asked.columns is None) == (asked.rows is None):
        raise Problem("invalid", "columns 和 rows 要有一个，只要一个", "Give columns or rows")
    if asked.columns is not None:
        if not _is_columns(asked.columns):
            raise Problem("invalid", "columns 应是 列名: [单元格, …]", "See columns in the schema")
        columns: dict[str, list[Any]] = asked.columns
        rows = max(map(len, columns.values()), default=0)
        _require_few(rows, len(columns), settings)
    else:
        if not isinstance(asked.rows, list) or not all(isinstance(row, dict) for row in asked.rows):
            raise Problem("invalid", "rows 应是 [{列名: 单元格, …}, …]", "See rows in the schema")
        titles = list(dict.fromkeys(title for row in asked.rows for title in row))
        _require_few(len(asked.rows), len(titles), settings)
        columns = {title: [row.get(title) for row in asked.rows] for title in titles}
    for title, values in columns.items():
        if len(title) > LONGEST_TITLE:
            raise Problem("invalid", f"列名最多 {LONGEST_TITLE} 个字", "A column title is too long")
        if not _CELLS.issuperset(map(type, values)):
            raise Problem(
                "invalid", "单元格只能是文字、数字、true、false 或 null", "Cells are scalars"
            )
    return columns


_CELLS = frozenset((str, int, float, bool, type(None)))


def _is_columns(value: Any) -> bool:
    return isinstance(value, dict) and all(isinstance(each, list) for each in value.values())


def _require_few(rows: int, columns: int, settings: Settings) -> None:
    """Raises Problem for a table over the limits; rows with keys of their own each would make a table
    that is wider than what was sent is long."""
    if rows > settings.records:
        raise Problem("too-large", f"一次最多 {settings.records} 行；更多请用 /v1/files")
    if rows * columns > settings.cells:
        raise Problem("too-large", f"一次最多 {settings.cells} 个单元格；更多请用 /v1/files")


def _by_row(
    rows: Sequence[Mapping[str, Any]],
    titles: Sequence[str],
    gone: frozenset[int],
    masked: Mapping[str, Sequence[Any]],
) -> list[dict[str, Any]]:
    """The rows again, each with the cells that it had but for the columns that went."""
    left = [title for at, title in enumerate(titles) if at not in gone]
    new = {title: (name, masked[name]) for title, name in zip(left, masked, strict=True)}
    return [
        {new[title][0]: new[title][1][at] for title in row if title in new}
        for at, row in enumerate(rows)
    ]


# ---------------------------------------------------------------------------------------------- csv


def _masked_csv(
    body: bytes, kind: str, options: Options, scratch: Path
) -> tuple[bytes, dict[str, str]]:
    """The file that ``deid mask`` would write, and what is told of it. What the column cannot tell
    lies in a folder of its own while it is masked."""
    policy = named_policy(options.policy, options.channel, options.level)
    if kind == CSV and len(body) >= _LEAST and (done := mask_csv_bytes(body, policy)):
        return done[0], _told(done[1])
    try:
        with tempfile.TemporaryDirectory(prefix="records-", dir=scratch) as folder:
            source = Path(folder, f"list{_SUFFIXES[kind]}")
            target = Path(folder, f"masked{_SUFFIXES[kind]}")
            source.write_bytes(body)
            report = mask_file(source, target, policy=policy, least=_LEAST)
            made = target.read_bytes() if report.output else b""
    except OSError as error:
        raise (Problem("no-space") if error.errno in FULL else error) from None
    if report.message in (OS_FAULTS[ENOSPC], OS_FAULTS[EDQUOT]):
        raise Problem("no-space")
    if report.status in ("refused", "unreadable"):
        left = {"left": len(report.left)} if report.left else {}
        raise Problem(report.status, report.message, extra=left)
    return made, _told(report)


def _told(report: FileReport) -> dict[str, str]:
    return {"X-Deid-Changed": str(report.changed), "X-Deid-Status": report.status}
