"""One module per subcommand: its name is the command's, its ``command`` the click command.

A new command is a new file here; nothing else names it.
"""

from __future__ import annotations

import importlib
from pathlib import Path

import click

_HERE = Path(__file__).parent


def names() -> list[str]:
    """The subcommands there are, in alphabetical order."""
    # Not importlib.resources: to list a folder, it loads what reads zip files.
    return sorted(
        path.stem for path in _HERE.iterdir() if path.suffix == ".py" and path.stem[0] != "_"
    )


def load(name: str) -> click.Command:
    """The command of that name; only its module is imported, since start-up is most of a run."""
    command: click.Command = importlib.import_module(f"{__name__}.{name}").command
    return command
