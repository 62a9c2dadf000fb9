"""deid catalog check: whether a local catalogue of what is published states all it must."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path

import click

from deid.console import HELP, echo_json
from deid.terminal import Context, table

_SHOWN = 20


@click.group("catalog", short_help="检查公开事项标准目录", subcommand_metavar="命令 [参数]...")
@HELP
def command() -> None:
    """公开事项标准目录的检查。"""


@command.command("check", options_metavar="[选项]", short_help="目录缺哪些要素")
@click.argument("path", type=Path, metavar="FILE")
@click.option(
    "--limit", type=click.IntRange(min=1), metavar="N", show_default=False,
    help="本地规定的公开时限（工作日）；默认按事项：社会救助 10，其他 20",
)  # fmt: skip
@click.option(
    "--format", "form", type=click.Choice(["table", "json"]), default="table",
    help="table 给人看，json 给程序读；默认 table",
)  # fmt: skip
@HELP
def check_command(path: Path, limit: int | None, form: str) -> int:
    """检查公开事项标准目录 FILE：九个要素是否齐全，依据有没有全称和文号，时限是否超过规定。

    退出状态：0 没有问题；1 有缺项；2 命令不对或文件读不了。
    """
    from deid.catalog import check_catalog

    found = check_catalog(path, limit=limit)
    if form == "json":
        echo_json({"schema": "deid-catalog/1", "items": [asdict(item) for item in found]})
        return int(bool(found))
    if not found:
        click.echo("九个要素齐全，没有发现问题。")
        return 0
    click.echo(table(("位置", "问题"), [(item.place, item.message) for item in found[:_SHOWN]]))
    if len(found) > _SHOWN:
        click.echo(f"其余 {len(found) - _SHOWN} 处没有列出；--format json 列出全部")
    return 1


check_command.context_class = Context
