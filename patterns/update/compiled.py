"""Writes ``patterns/compiled.json``: every YAML file under ``patterns/``, parsed, with its checksum.

source: the YAML files themselves. Run it after changing one (``tests/test_data.py`` says so):
``python patterns/update/compiled.py``.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any
from zlib import crc32

from deid.data import COMPILED, parse_yaml, patterns_dir


def compiled() -> dict[str, list[Any]]:
    """Folder and name of each YAML file -> checksum and content."""
    sources = sorted(patterns_dir().rglob("*.yaml"))
    found = {}
    for path in sources:
        source = path.read_bytes()
        found[f"{path.parent.name}/{path.name}"] = [crc32(source), parse_yaml(source, path.name)]
    return found


def text() -> str:
    """The file as it should stand: one YAML file a line."""
    lines = (
        f"{json.dumps(name)}: {json.dumps(entry, ensure_ascii=False)}"
        for name, entry in compiled().items()
    )
    return "{\n" + ",\n".join(lines) + "\n}\n"


if __name__ == "__main__":
    (Path(patterns_dir()) / COMPILED).write_text(text(), encoding="utf-8")
