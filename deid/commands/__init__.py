"""One module per subcommand: its name is the command's, its ``command`` the click command.

A new command is a new file here; nothing else names it.
"""

from __future__ import annotations

import importlib
from importlib.resources import files

import click


def names() -> list[str]:
    """The subcommands there are, in alphabetical order."""
    return sorted(
        each.name[:-3]
        for each in files(__name__).iterdir()
        if each.name.endswith(".py") and not each.name.startswith("_")
    )


def load(name: str) -> click.Command:
    """The command of that name; only its module is imported, since start-up is most of a run."""
    command: click.Command = importlib.import_module(f"{__name__}.{name}").command
    return command
