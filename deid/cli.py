"""The command line: arguments -> one call of the library -> exit status.

0 fit to publish; 3 written, but a person must look; 1 something found, left or refused; 2 the
command is wrong or an input cannot be read; 130 interrupted. Results go to stdout or to files,
talk goes to stderr. What a command needs is imported inside it: start-up is most of a short run.
"""

from __future__ import annotations

import gc
import sys
from collections.abc import Sequence
from contextlib import suppress
from typing import NoReturn

import click

from deid import __version__, commands
from deid.batch import catch_stop_signals, interrupt, sentence
from deid.console import HELP, at_once, talk
from deid.errors import DeidError, LeftOver
from deid.terminal import Context, complaint

_INTERRUPTED = 130


class _Commands(click.Group):
    """The subcommands, each imported when it is called for."""

    context_class = Context

    def list_commands(self, context: click.Context) -> list[str]:
        return commands.names()

    def get_command(self, context: click.Context, name: str) -> click.Command | None:
        if name not in commands.names():
            return None
        command = commands.load(name)
        command.context_class = Context
        return command

    def resolve_command(
        self, context: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        name, command, rest = super().resolve_command(context, args)
        return name, command, spelled_out(command, rest) if command else rest


def spelled_out(command: click.Command, args: Sequence[str]) -> list[str]:
    """The arguments with short options by their long names.

    Click takes ``-o`` for a misspelt long option first, and loads difflib to look for a like one.

    >>> spelled_out(commands.load("mask"), ["-q", "名单", "-o", "out", "--", "-o"])
    ['--quiet', '名单', '--output', 'out', '--', '-o']
    """
    names = [param.opts for param in command.params if isinstance(param, click.Option)]
    long = {each: max(own, key=len) for own in names for each in own}
    end = args.index("--") if "--" in args else len(args)
    return [*(long.get(each, each) for each in args[:end]), *args[end:]]


@click.group(
    cls=_Commands,
    invoke_without_command=True,
    options_metavar="[选项]",
    subcommand_metavar="命令 [参数]...",
)
@at_once("--version", shows=lambda context: f"deid {__version__}", help="显示版本")
@HELP
@click.pass_context
def cli(context: click.Context) -> int:
    """公示名单去标识化：找出并遮盖身份证号、电话、账号、住址等，复核后才写出；复核不过就不写出，并说明原因。"""
    if context.invoked_subcommand is None:
        click.echo(context.get_help(), err=True)
        return 2
    return 0


def main(arguments: Sequence[str] | None = None) -> NoReturn:
    """Run the command line and leave with its exit status."""
    for stream in (sys.stdout, sys.stderr):
        # A GBK console cannot show every character of a file name: better a ? than a traceback.
        stream.reconfigure(errors="replace")  # type: ignore[union-attr]
    catch_stop_signals(interrupt)
    # What a run loads stays, and a file leaves few cycles: looking for them takes a twentieth of it.
    gc.set_threshold(50_000)
    sys.exit(run(arguments))


def run(arguments: Sequence[str] | None = None) -> int:
    """The exit status; every foreseeable fault is one Chinese sentence on stderr."""
    try:
        return int(cli.main(arguments, "deid", standalone_mode=False) or 0)
    except click.Abort:
        return _fail("已中断；没有写完的文件已经删除", _INTERRUPTED)
    except click.ClickException as error:
        return _fail(complaint(error))
    except LeftOver as error:
        return _fail(str(error), 1)
    except DeidError as error:
        return _fail(str(error))
    except OSError as error:
        return _fail(sentence(error))


def _fail(message: str, status: int = 2) -> int:
    # The terminal may be gone (SIGHUP, a closed pipe): the status still tells.
    with suppress(OSError):
        talk(message)
    return status
