"""What the subcommands share: their options, the files they are given, and how they talk."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol, TypeVar

import click

if TYPE_CHECKING:
    from deid.inputs import Task
    from deid.policy import Policy

_Command = TypeVar("_Command", bound=Callable[..., Any] | click.Command)
STATUS = {"publish": 0, "look": 3, "refused": 1, "unreadable": 2}
_SEVERITY = (0, 3, 1, 2)


class Decorator(Protocol):
    """What gives a command, or the function that becomes one, an option."""

    def __call__(self, command: _Command, /) -> _Command: ...


def at_once(*names: str, shows: Callable[[click.Context], str], help: str) -> Decorator:
    """An option that prints something and ends the run. Not click.help_option, which loads locale
    and looks for translations of its own text even where it is given another."""

    def show(context: click.Context, option: click.Parameter, value: bool) -> None:
        if value and not context.resilient_parsing:
            click.echo(shows(context), color=context.color)
            context.exit()

    return click.option(
        *names, is_flag=True, expose_value=False, is_eager=True, help=help, callback=show
    )


HELP = at_once("-h", "--help", shows=click.Context.get_help, help="显示这份说明")
POLICY = click.option(
    "--policy", default="general", show_default=False, metavar="NAME|FILE",
    help="公示规则：名称（deid policies 列出全部）或自己的 YAML 文件；默认 general",
)  # fmt: skip
JOBS = click.option(
    "--jobs", type=int, default=1, metavar="N", callback=lambda *given: _at_least_one(*given),
    help="同时处理几份文件；默认 1",
)  # fmt: skip
QUIET = click.option("--quiet", "-q", is_flag=True, help="只说有问题的文件")
INPUTS = click.argument("inputs", nargs=-1, required=True, metavar="INPUT...")


def worst(statuses: Iterable[int]) -> int:
    """The exit status of a run: 2 before 1 before 3 before 0.

    >>> worst([0, 3, 1])
    1
    """
    return max(statuses, key=_SEVERITY.index, default=0)


def _at_least_one(context: click.Context, option: click.Parameter, value: int) -> int:
    # Not click.IntRange: it writes its limits into the help in a way that clerks cannot read.
    if value < 1:
        raise click.BadParameter("", context, option)
    return value


def tasks_of(inputs: Sequence[str], policy: Policy, outdir: Path | None = None) -> list[Task]:
    from deid.inputs import find_tasks
    from deid.pipeline import mask_name

    tasks = find_tasks(inputs, lambda name: mask_name(name, policy), outdir)
    if not tasks:
        raise click.ClickException("没有可处理的文件（隐藏文件和 ~$ 开头的临时文件不算）")
    return tasks


def is_long(tasks: Sequence[Task]) -> bool:
    """Whether a progress bar is worth the time that drawing one takes to load."""
    return len(tasks) > 3


def chosen_policy(name: str, channel: str | None = None, level: str | None = None) -> Policy:
    from deid.policy import load_policy

    return load_policy(name, channel=channel, level=level)


def echo_json(content: object, indent: int | None = 1) -> None:
    import json

    # On a console that is not Unicode, escapes keep what replacement would lose.
    plain = not (sys.stdout.encoding or "").lower().startswith("utf")
    click.echo(json.dumps(content, ensure_ascii=plain, indent=indent))


def read_stdin(inputs: Sequence[str]) -> tuple[str, str]:
    """The text on stdin and its encoding, in which the result is written."""
    if len(inputs) > 1:
        raise click.ClickException("- 不能和别的输入一起用")
    content = sys.stdin.buffer.read()
    for encoding in ("utf-8-sig" if content.startswith(b"\xef\xbb\xbf") else "utf-8", "gb18030"):
        with suppress(UnicodeDecodeError):
            return content.decode(encoding), encoding
    raise click.ClickException("标准输入不是 UTF-8 或 GB18030 文字，读不了")


def talk(text: str) -> None:
    click.echo(text, err=True)
