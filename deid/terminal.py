"""How the command line looks: tables and help that line up where a Han character is two cells wide."""

from __future__ import annotations

import re
import sys
import unicodedata
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from collections.abc import Callable

_HEADINGS = {"Options": "选项", "Commands": "命令"}
_NOT_AT_LINE_START = "，。；：、！？）》”"


def width(text: str) -> int:
    """How many terminal cells the text takes.

    >>> width("名单.csv")
    8
    """
    return sum(2 if unicodedata.east_asian_width(character) in "WF" else 1 for character in text)


def table(heads: Sequence[str], rows: Iterable[Sequence[object]]) -> str:
    """The rows under their heads, columns two spaces apart.

    >>> print(table(("内容", "处数"), [("地址", 3)]))
    内容  处数
    地址  3
    """
    lines = [tuple(map(str, row)) for row in (heads, *rows)]
    widths = [max(map(width, column)) for column in zip(*lines, strict=True)]
    return "\n".join(
        "  ".join(
            cell + " " * (most - width(cell)) for cell, most in zip(line, widths, strict=True)
        ).rstrip()
        for line in lines
    )


def wrap(text: str, most: int) -> list[str]:
    """The text in lines of at most ``most`` cells; breaks between Han characters, not in words."""
    lines = [""]
    for piece in re.findall(rf"[!-~]+|\S[{_NOT_AT_LINE_START}]*|\s", text):
        if width(lines[-1]) + width(piece) > most and lines[-1]:
            lines.append("")
        if lines[-1] or not piece.isspace():
            lines[-1] += piece
    return lines


class _Help(click.HelpFormatter):
    """Click's help with Chinese headings, wrapped by cells."""

    def write_usage(self, prog: str, args: str = "", prefix: str | None = None) -> None:
        super().write_usage(prog, args, "用法：")

    def write_heading(self, heading: str) -> None:
        self.write(f"{heading and _HEADINGS.get(heading, heading)}：\n")

    def write_text(self, text: str) -> None:
        indent = " " * self.current_indent
        for paragraph in text.split("\n"):
            for line in wrap(paragraph, 78 - self.current_indent):
                self.write(f"{indent}{line}".rstrip() + "\n")

    def write_dl(
        self, rows: Iterable[tuple[str, str]], col_max: int = 30, col_spacing: int = 2
    ) -> None:
        rows = list(rows)
        first = max(width(term) for term, _ in rows) + self.current_indent + col_spacing
        for term, meaning in rows:
            head = f"{' ' * self.current_indent}{term}"
            for line in wrap(meaning, 78 - first):
                self.write(f"{head}{' ' * (first - width(head))}{line}".rstrip() + "\n")
                head = ""


class Context(click.Context):
    """A click context whose help is Chinese."""

    formatter_class = _Help


def complaint(error: click.ClickException) -> str:
    """What was wrong with the command, in Chinese: click itself speaks English only."""
    if not isinstance(error, click.UsageError):
        return error.format_message()
    return f"{_misuse(error)}；用法见 {error.ctx.command_path if error.ctx else 'deid'} --help"


def _misuse(error: click.UsageError) -> str:
    match error:
        case click.NoSuchOption():
            near = f"，是不是 {' '.join(error.possibilities)}" if error.possibilities else ""
            return f"没有 {error.option_name} 这个选项{near}"
        case click.BadOptionUsage():
            return f"{error.option_name} 后面少了值，或不该有值"
        case click.MissingParameter():
            return f"缺少 {_named(error.param)}"
        case click.BadParameter():
            choices = getattr(error.param and error.param.type, "choices", ())
            told = f"，可用：{'、'.join(map(str, choices))}" if choices else ""
            return f"{_named(error.param)} 的值不对{told}"
    return "没有这个命令" if "command" in error.message else "命令写得不对"


def _named(parameter: click.Parameter | None) -> str:
    if isinstance(parameter, click.Option):
        return " / ".join(parameter.opts)
    return (parameter.metavar or "参数") if parameter else "参数"


@contextmanager
def progress(total: int, *, show: bool) -> Iterator[Callable[[], None]]:
    """A function to call after each file. The bar is drawn on a terminal's stderr only."""
    if not (show and sys.stderr.isatty()):
        yield lambda: None
        return
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TimeRemainingColumn

    columns = (BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=Console(stderr=True), transient=True) as bar:
        row = bar.add_task("", total=total)
        yield lambda: bar.advance(row)
