"""``df.deid``: masking and scanning as methods of pandas and polars frames.

Importing this module registers them: ``import deid.accessors``.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from functools import wraps
from typing import Any

import pandas as pd

from deid import mask_table, scan_table

__all__ = ["DeidAccessor"]


class DeidAccessor:
    """The methods that every frame gets under ``.deid``."""

    def __init__(self, frame: Any) -> None:
        self._frame = frame

    @wraps(mask_table)
    def mask(self, **options: Any) -> Any:
        return mask_table(self._frame, **options)

    @wraps(scan_table)
    def scan(self, **options: Any) -> Any:
        return scan_table(self._frame, **options)


_register: Callable[[type], type] = pd.api.extensions.register_dataframe_accessor("deid")
_register(DeidAccessor)

with suppress(ImportError):  # polars is the caller's, not ours
    import polars as pl

    pl.api.register_dataframe_namespace("deid")(DeidAccessor)
