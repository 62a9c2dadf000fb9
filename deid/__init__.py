"""Find and mask identifiers in Chinese public name lists, and prove that nothing is left."""

from __future__ import annotations

__version__ = "0.1.0"
