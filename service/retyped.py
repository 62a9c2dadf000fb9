"""The form field ``columns``: what a person says that columns of the uploaded files hold."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, ValidationError

from deid.errors import UnknownKind
from deid.fields import kind_label

from .problems import Problem

Kinds = Mapping[tuple[str, int], str]


class Retyped(BaseModel):
    """One column: ``file`` counts the uploads from 0, ``table`` is named as reports name it."""

    model_config = ConfigDict(extra="forbid", strict=True)

    file: Annotated[int, Field(ge=0, le=10_000)] = 0
    table: Annotated[str, Field(max_length=500)] = ""
    column: Annotated[int, Field(ge=0, le=100_000)]
    kind: Annotated[str, Field(max_length=60)]


_LIST = TypeAdapter(Annotated[list[Retyped], Field(max_length=5_000)])


def kinds_of(text: str, files: int) -> Mapping[int, Kinds]:
    """File -> what is said of its columns. Raises Problem.

    >>> kinds_of('[{"file": 0, "table": "Sheet1", "column": 3, "kind": "id_number"}]', 1)[0]
    {('Sheet1', 3): 'id_number'}
    """
    if not text:
        return {}
    try:
        told = _LIST.validate_json(text)
    except ValidationError:
        detail = "columns 应是 [{file, table, column, kind}] 的 JSON"
        raise Problem("invalid", detail, "columns is not valid") from None
    found: dict[int, dict[tuple[str, int], str]] = defaultdict(dict)
    for one in told:
        if one.file >= files:
            raise Problem("invalid", "columns 里的 file 没有对应的文件", "No such file in columns")
        try:
            kind_label(one.kind)
        except UnknownKind as error:
            raise Problem("invalid", f"columns：{error}", "Unknown kind in columns") from None
        found[one.file][one.table, one.column] = one.kind
    return found
