"""The door to the fast path for large text files: nothing heavy is loaded for a small one."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from deid.policy import Policy

if TYPE_CHECKING:
    from deid.notices.run import Noticed

LEAST = 300_000
"""Bytes from which on numpy pays, its loading included."""


def mask_txt(source: Path, target: Path, policy: Policy) -> Noticed | None:
    """``source`` masked into ``target`` and verified, or None when the exact path has to do it."""
    if policy.reshapes:
        return None
    from deid.notices import run  # loads numpy

    return run.masked(source, target, policy)
