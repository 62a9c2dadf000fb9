"""A file as it will be published, beside what it holds now, for the person who brought it.

Shows content, so nothing of it is ever written or logged; bounded, whatever the file is.
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path
from typing import Any

from deid.by_hand import Kinds, label_name
from deid.columns import Profile
from deid.entities import load_entities
from deid.explain import field_rule
from deid.fields import NO_LABEL, SKIP, Label, field_of, raw_fields
from deid.mask import apply_edits
from deid.model import READING, Edit, FileReport, Finding, Item, Table, Text
from deid.pipeline import glance_file, mask_file
from deid.policy import Policy
from deid.prose import scan_texts
from deid.report import file_as_dict, rule
from deid.tables import CellFindings, date_of_texts, scan_table

Edits = Mapping[str, Sequence[Edit]]
Drops = Mapping[str, frozenset[int]]


_USUAL = 400_000
_WHOLE = {".xlsx": 150_000, ".docx": 2_000_000, ".pdf": 2_000_000}
"""Bytes up to which a file is previewed whole: nobody waits longer than a second or two."""
_GLANCE = 2_000
"""Rows that are read of the others."""


@dataclass(frozen=True, slots=True)
class Bounds:
    """How much is shown: what goes beyond is counted."""

    rows: int = 500
    columns: int = 60
    cells: int = 20_000
    tables: int = 20
    texts: int = 500
    characters: int = 2_000


def preview_file(
    source: Path,
    *,
    policy: Policy,
    kinds: Kinds | None = None,
    override: str = "",
    called: str = "",
    bounds: Bounds | None = None,
) -> dict[str, Any]:
    """The report of a dry run, and the tables and texts as they would be written, fit for JSON.

    Where nothing may be written, what is shown is how far the masks would have come. Of a large file
    only the first rows are read (``rows_read``; 0: all): the report then is no conclusion.
    """
    look = _Look(policy, bounds or Bounds())
    if source.is_file() and source.stat().st_size > _WHOLE.get(source.suffix.lower(), _USUAL):
        report = glance_file(
            source,
            policy=policy,
            kinds=kinds or {},
            override=override,
            called=called,
            most=_GLANCE,
            watch=look,
        )
        return {**look.told(report), "rows_read": _GLANCE}
    report = mask_file(
        source,
        Path(tempfile.gettempdir()) / f"preview{source.suffix}",
        policy=policy,
        dry_run=True,
        kinds=kinds or {},
        override=override,
        watch=look,
        called=called,
    )
    return {**look.told(report), "rows_read": 0}


def known_kinds() -> list[dict[str, str]]:
    """What a person may say that a column holds: the fields in Chinese, in groups."""
    fields = [
        {"kind": key, "label": str(spec["label"]), "group": _group(key)}
        for key, spec in raw_fields()["fields"].items()
    ]
    return [{"kind": SKIP, "label": "不处理（经办人负责）", "group": "不处理"}, *fields]


def _group(key: str) -> str:
    entity = next((e for e in load_entities().values() if key in e.headers), None)
    if entity is None:
        return "公开内容和其他"
    return "直接标识个人" if entity.kind == "direct" else "与个人有关"


@dataclass
class _Look:
    """Takes down what the pipeline is about to do."""

    policy: Policy
    bounds: Bounds
    tables: list[dict[str, Any]] = field(default_factory=list)
    texts: list[dict[str, Any]] = field(default_factory=list)
    more_tables: int = 0
    more_texts: int = 0
    _spots: dict[str, dict[str, int]] = field(default_factory=dict)
    _cells: int = 0

    def __call__(self, parts: Sequence[Table | Text], edits: Edits, drops: Drops) -> None:
        tables = [p for p in parts if isinstance(p, Table) and READING not in p.name]
        texts = [p for p in parts if isinstance(p, Text) and READING not in p.place]
        day = date_of_texts(texts)
        for table in tables[: self.bounds.tables]:
            # A table of layout holds no list; its texts are parts of their own where there are any.
            self._table(table, scan_table(table, day), edits, drops.get(table.name, frozenset()))
        some = [text for text in texts if text.text.strip()]
        shown = some[: self.bounds.texts]
        for found in scan_texts(shown, day):
            self._text(found.text, found.findings, edits.get(found.text.place, ()))
        self.more_tables = max(0, len(tables) - self.bounds.tables)
        self.more_texts = len(some) - len(shown)

    def told(self, report: FileReport) -> dict[str, Any]:
        """Everything, with the places of the items among what is shown."""
        told = file_as_dict(report)
        for name, items in (("items", report.items), ("left", report.left)):
            told[name] = [
                {**one, **self._spot(item)} for one, item in zip(told[name], items, strict=True)
            ]
        return {
            "report": told,
            "tables": self.tables,
            "texts": self.texts,
            "more_tables": self.more_tables,
            "more_texts": self.more_texts,
        }

    def _spot(self, item: Item) -> dict[str, Any]:
        spot = self._spots.get(item.place)
        return {"at": spot} if spot else {}

    # --- tables -----------------------------------------------------------------------------------

    def _table(
        self, table: Table, cells: Iterator[CellFindings], edits: Edits, gone: frozenset[int]
    ) -> None:
        number = len(self.tables)
        rows: list[dict[str, Any]] = []
        columns: dict[int, Profile | None] = {}
        more = False
        for cell in cells:
            if not rows or rows[-1]["row"] != cell.row:
                if len(rows) == self.bounds.rows or self._cells >= self.bounds.cells:
                    more = True
                    break
                rows.append({"row": cell.row, "zone": cell.zone, "cells": []})
            _note_profile(columns, cell)
            if cell.column in gone or cell.column >= self.bounds.columns:
                continue
            self._spots[cell.place] = {"table": number, "row": len(rows) - 1, "column": cell.column}
            rows[-1]["cells"].append(self._cell(cell, edits.get(cell.place, ())))
            self._cells += 1
        self.tables.append(
            {
                "name": table.name,
                "hidden": table.hidden,
                "columns": [self._column(index, columns[index], gone) for index in sorted(columns)],
                "rows": rows,
                "more": more,
                "more_columns": sum(index >= self.bounds.columns for index in columns),
            }
        )

    def _column(self, index: int, profile: Profile | None, gone: frozenset[int]) -> dict[str, Any]:
        label = profile.label if profile else NO_LABEL
        known = field_of(label)
        return {
            "column": index,
            "header": self._cut(profile.header) if profile else "",
            "field": SKIP if label.field == SKIP else known,
            "entity": label.entity,
            "label": label_name(label),
            "why": profile.why[:80] if profile else "",
            "by_hand": bool(profile and profile.by_hand),
            "listed": profile is not None,
            "dropped": index in gone,
            "rule": "整列删去" if index in gone else self._rule(label, known),
        }

    def _rule(self, label: Label, known: str) -> str:
        """What the policy does with the column, in a few words."""
        if label.field == SKIP:
            return "不处理"
        if known in self.policy.fields:
            return field_rule(self.policy.fields[known])
        if label.entity and self.policy.hides(label.entity):
            ((operator, options),) = self.policy.specs[label.entity].items()
            return rule(operator, options)
        return "保留"

    def _cell(self, cell: CellFindings, edits: Sequence[Edit]) -> dict[str, Any]:
        told: dict[str, Any] = {"column": cell.column}
        known = field_of(cell.profile.label) if cell.profile and cell.zone == "data" else ""
        return {**told, **self._shown(cell.text, cell.findings, edits, known)}

    # --- texts ------------------------------------------------------------------------------------

    def _text(self, text: Text, findings: Sequence[Finding], edits: Sequence[Edit]) -> None:
        self._spots[text.place] = {"text": len(self.texts)}
        self.texts.append({"place": text.place, **self._shown(text.text, findings, edits, "")})

    # --- both -------------------------------------------------------------------------------------

    def _shown(
        self, text: str, findings: Sequence[Finding], edits: Sequence[Edit], known: str
    ) -> dict[str, Any]:
        after = apply_edits(text, edits) if edits else text
        told: dict[str, Any] = {"text": self._cut(after)}
        if after != text:
            told["before"] = self._cut(text)
            told["why"] = list(self._reasons(findings, known))
        return told

    def _reasons(self, findings: Sequence[Finding], known: str) -> Iterator[str]:
        """Why a cell is changed: what was found, or what the rule of its column says."""
        labels = {entity.name: entity.label for entity in load_entities().values()}
        found = [item for item in findings if self.policy.hides(item.entity)]
        told = dict.fromkeys(
            f"{labels.get(item.entity, item.entity)}（{item.why}）" for item in found
        )
        if told:
            yield from islice(told, 4)
        elif known in self.policy.fields:
            yield f"公示规则：{field_rule(self.policy.fields[known])}"
        else:
            yield "同一文件别处已隐藏，或为防止推出而加强"

    def _cut(self, text: str) -> str:
        most = self.bounds.characters
        return text if len(text) <= most else text[:most] + "…"


def _note_profile(columns: dict[int, Profile | None], cell: CellFindings) -> None:
    """Remember what the column was judged to hold in the first rows of data under it."""
    profile = cell.block.profiles.get(cell.column)
    if columns.get(cell.column) is None and cell.zone in ("data", "header"):
        columns[cell.column] = profile
    else:
        columns.setdefault(cell.column, None)
