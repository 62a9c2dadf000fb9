"""The commands of README.md, for the tests and for ``.ci/run``: ``python tests/readme.py tests``."""

from __future__ import annotations

import re
import sys
from pathlib import Path

README = Path(__file__).resolve().parent.parent / "README.md"


def section(title: str) -> str:
    """The text under one heading, down to the next heading of its level or above."""
    found = re.search(
        rf"^(#+) {re.escape(title)}$\n(.*?)(?=^\1? *#{{1,2}} |\Z)",
        README.read_text(encoding="utf-8"),
        re.MULTILINE | re.DOTALL,
    )
    if not found:
        raise LookupError(title)
    return found[2]


def blocks(text: str) -> list[tuple[str, str]]:
    """Language and content of each fenced block."""
    return re.findall(r"^```(\w*)\n(.*?)^```$", text, re.MULTILINE | re.DOTALL)


def setup_commands() -> dict[str, str]:
    """The two set-up commands: the one that ends with a masked list, the one that runs the tests."""
    demo, tests = (content.strip() for language, content in blocks(section("Set up")))
    return {"demo": demo, "tests": tests}


if __name__ == "__main__":
    print(setup_commands()[sys.argv[1]])
