"""deid formats: what is done with each kind of file."""

from __future__ import annotations

import click

from deid.console import HELP
from deid.terminal import width, wrap


@click.command("formats", options_metavar="[选项]", short_help="列出各种文件格式怎样处理")
@HELP
def command() -> int:
    """列出各种文件格式：保留什么、去掉什么、什么情况不收；还有暂不支持的文件怎么办。"""
    from deid.formats import described, not_supported

    for about in described():
        click.echo(f"{about.label}　{' '.join(about.extensions)}")
        for head, told in (("保留", about.keeps), ("去掉", about.drops), ("不收", about.refuses)):
            _echo_row(head, "；".join(told) or "无")
        click.echo()
    click.echo("暂不支持")
    for advice, kinds in not_supported():
        click.echo("\n".join(f"  {line}" for line in wrap("、".join(kinds), 76)))
        _echo_row("  →", advice)
    return 0


def _echo_row(head: str, text: str) -> None:
    """One line of a list, wrapped under itself."""
    for line in wrap(text, 70):
        click.echo(f"  {head}  {line}")
        head = " " * width(head)
