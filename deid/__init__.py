"""Find and mask identifiers in Chinese public name lists, and prove that nothing is left.

>>> from deid import mask_text
>>> mask_text("张三，身份证11010519491231002X，电话13800138000")
'张三，身份证110105************，电话138********'
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    import datetime
    from collections.abc import Hashable, Iterable, Iterator, Mapping, Sequence
    from pathlib import Path

    from pyarrow import RecordBatch

    from deid.audit import AuditReport
    from deid.entities import Entity, load_entities
    from deid.errors import (
        DeidError,
        FrameFault,
        LeftOver,
        PatternError,
        RecognizerFault,
        UnknownPolicy,
        UnreadableFile,
        UnsafeEdit,
        UnsupportedFormat,
    )
    from deid.model import Column, Edit, FileReport, Finding, Item
    from deid.policy import Policy, load_policy, policy_names
    from deid.recognizers import Recognizer
    from deid.scan import Setting
    from deid.strength import grade, id_candidates

Frame = TypeVar("Frame")

__version__ = "0.1.0"
__all__ = [
    "Column",
    "DeidError",
    "Edit",
    "Entity",
    "FileReport",
    "Finding",
    "FrameFault",
    "Item",
    "LeftOver",
    "PatternError",
    "Policy",
    "RecognizerFault",
    "UnknownPolicy",
    "UnreadableFile",
    "UnsafeEdit",
    "UnsupportedFormat",
    "__version__",
    "audit_files",
    "grade",
    "id_candidates",
    "load_entities",
    "load_policy",
    "mask_batches",
    "mask_file",
    "mask_table",
    "mask_text",
    "policy_names",
    "scan_file",
    "scan_table",
    "scan_text",
]


# What the package re-exports, and where it stands. Imported at the first use: a command, and a
# program that masks one kind of thing, need half of it, and start-up is most of a short run.
_HOMES = {
    "entities": ("Entity", "load_entities"),
    "errors": (
        "DeidError",
        "FrameFault",
        "LeftOver",
        "PatternError",
        "RecognizerFault",
        "UnknownPolicy",
        "UnreadableFile",
        "UnsafeEdit",
        "UnsupportedFormat",
    ),
    "model": ("Column", "Edit", "FileReport", "Finding", "Item"),
    "policy": ("Policy", "load_policy", "policy_names"),
    "strength": ("grade", "id_candidates"),
}
_HOME_OF = {name: home for home, names in _HOMES.items() for name in names}

if not TYPE_CHECKING:  # a type checker has the imports above, and knows a name that is not there

    def __getattr__(name: str) -> object:
        if name not in _HOME_OF:
            raise AttributeError(f"module 'deid' has no attribute {name!r}")
        value = getattr(importlib.import_module(f"deid.{_HOME_OF[name]}"), name)
        globals()[name] = value
        return value

    def __dir__() -> list[str]:
        return sorted({*globals(), *_HOME_OF})


def _policy(policy: Policy | str | Path) -> Policy:
    from deid.policy import Policy, load_policy

    return policy if isinstance(policy, Policy) else load_policy(policy)


def _under(header: str | None) -> Setting:
    from deid.fields import header_label
    from deid.scan import PROSE, Setting

    return Setting(label=header_label(header), people=True) if header else PROSE


def scan_text(
    text: str,
    *,
    header: str | None = None,
    policy: Policy | str | Path = "general",
    recognizers: Sequence[Recognizer] = (),
) -> list[Finding]:
    """What in ``text`` the policy hides, in order, never overlapping; offsets count characters.

    ``header`` is the title of the column that a cell stands under. ``recognizers`` are Presidio's
    (or anything with their ``analyze``); an entity of theirs that the policy does not know is hidden.
    Raises UnknownPolicy, PatternError, RecognizerFault.
    """
    return _hidden(text, header, _policy(policy), recognizers)[0]


def mask_text(
    text: str,
    *,
    header: str | None = None,
    policy: Policy | str | Path = "general",
    recognizers: Sequence[Recognizer] = (),
) -> str:
    """``text`` with everything that the policy hides changed as it says; the rest is untouched.

    >>> mask_text("红新村8组", header="家庭住址")
    '红新村***'
    """
    found, rules = _hidden(text, header, _policy(policy), recognizers)
    if not rules.reshapes:
        from deid.mask import mask_spans

        return mask_spans(text, found, rules)
    from deid.actions import reshaped

    return reshaped(text, header or "", found, rules)


def _hidden(
    text: str, header: str | None, rules: Policy, recognizers: Sequence[Recognizer]
) -> tuple[list[Finding], Policy]:
    """What is to be hidden in the text, and the policy that knows all of it."""
    from deid.scan import scan

    found = scan(text, _under(header))
    if not recognizers:
        return [item for item in found if rules.hides(item.entity)], rules
    from deid.recognizers import found_by, hidden_together

    return hidden_together([*found, *found_by(text, recognizers)], rules)


def mask_table(
    frame: Frame,
    *,
    policy: Policy | str | Path = "general",
    columns: Mapping[Hashable, str] | None = None,
    title: str = "",
) -> Frame:
    """A new pandas, polars or pyarrow frame of the same kind, masked and verified; or a new dict of
    titles to lists of cells.

    Column titles are the header; a frame without titles (pandas' ``RangeIndex``) is read like a sheet.
    ``columns`` says by hand what columns hold: label -> field (``id_number``), entity (``CN_MOBILE``)
    or ``skip`` (neither looked at nor changed). ``title`` is the list's title, which may name a date or
    a county. A masked column of numbers becomes one of texts; texts, categories and Arrow strings stay
    what they are; unchanged columns are the same. The input is never changed.

    Raises FrameFault (no frame; cells of bytes, lists or other objects), LeftOver, UnknownPolicy.
    """
    from deid.frames import document_of, mask_document

    result: Frame = mask_document(document_of(frame, columns or {}, title), _policy(policy))[0]
    return result


def mask_batches(
    batches: Iterator[RecordBatch],
    *,
    policy: Policy | str | Path = "general",
    columns: Mapping[Hashable, str] | None = None,
    title: str = "",
) -> Iterator[RecordBatch]:
    """Arrow record batches masked one by one, all of one schema; nothing is held beyond a batch.

    The first batch tells what columns hold, where ``columns`` does not (see ``mask_table``). Raises
    FrameFault also where a later batch has to hide something in a column of numbers or dates that
    seemed harmless.
    """
    from deid.batches import mask_batches as mask_each

    return mask_each(batches, policy=_policy(policy), columns=columns, title=title)


def scan_table(
    frame: object,
    *,
    policy: Policy | str | Path = "general",
    columns: Mapping[Hashable, str] | None = None,
    title: str = "",
) -> list[Finding]:
    """What in a frame the policy hides; places are ``R1C2``, the titles being row 0, offsets those
    of the cell's text. See ``mask_table``."""
    from deid.frames import document_of, scan_document

    return scan_document(document_of(frame, columns or {}, title), _policy(policy))


def scan_file(
    source: str | Path, *, policy: Policy | str | Path = "general"
) -> tuple[FileReport, list[Finding]]:
    """What a file holds; ``Finding.place`` names the cell, line or part."""
    from pathlib import Path

    from deid.pipeline import scan_file as scan_path

    return scan_path(Path(source), policy=_policy(policy))


def mask_file(
    source: str | Path,
    target: str | Path,
    *,
    policy: Policy | str | Path = "general",
    overwrite: bool = False,
    raster: bool = False,
    override: str = "",
) -> FileReport:
    """Writes the file, masked and verified, to ``target``, or nothing; the report says which.

    ``raster``: a PDF page that cannot be edited safely becomes an image with a text layer.
    ``override``: the written reason for a list that the policy says is never made.
    """
    from pathlib import Path

    from deid.pipeline import mask_file as mask_path

    return mask_path(
        Path(source),
        Path(target),
        policy=_policy(policy),
        overwrite=overwrite,
        raster=raster,
        override=override,
    )


def audit_files(
    paths: Iterable[str | Path],
    against: Iterable[str | Path] = (),
    *,
    policy: Policy | str | Path = "general",
    published: datetime.date | None = None,
) -> AuditReport:
    """What published files still tell; with ``against``, what all of them reveal together.

    Counts and places, never content; nothing is changed. ``published`` is the day of publication
    where the files themselves do not say. ``deid.audit.report_as_dict`` gives the documented JSON.
    """
    from deid import audit

    return audit.audit_files(paths, against, policy=_policy(policy), published=published)
