"""deid review verify: whether files are the ones that a review sheet was signed for."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

import click

from deid.console import HELP, talk
from deid.terminal import Context, table


@click.group("review", short_help="核对审查单和文件", subcommand_metavar="命令 [参数]...")
@HELP
def command() -> None:
    """公开前审查单的核对。"""


@command.command("verify", options_metavar="[选项]", short_help="文件是不是审查过的那一份")
@click.argument("sheet", type=Path, metavar="SHEET")
@click.argument("inputs", nargs=-1, required=True, type=Path, metavar="FILES...")
@HELP
def verify_command(sheet: Path, inputs: Sequence[Path]) -> int:
    """核对要公开的文件是不是审查单 SHEET（deid-report.html 或 .json）审查过的那一份。

    FILES 是文件或文件夹。按内容核对，改名不影响，改动一个字节就不一致。
    退出状态：0 都一致；1 有不一致或没有审查过的；2 审查单或文件读不了。
    """
    from deid.review import MISSING, SAME, VERDICTS, read_sheet, verify

    read = read_sheet(sheet)
    if read.number:
        talk(f"核对码 {read.number}：与签过字的纸面审查单上的应当相同")
    paths = [path for path in _files(inputs) if path.resolve() != sheet.resolve()]
    found = verify(read, paths)
    click.echo(table(("文件", "结论"), [(each.name, VERDICTS[each.verdict]) for each in found]))
    return int(any(each.verdict not in (SAME, MISSING) for each in found))


verify_command.context_class = Context


def _files(inputs: Sequence[Path]) -> Iterator[Path]:
    """Every file that is meant; the reports of deid itself are not published with a folder."""
    for path in inputs:
        if not path.is_dir():
            yield path
            continue
        for inner in sorted(path.rglob("*")):
            if inner.is_file() and not inner.name.startswith((".", "deid-report")):
                yield inner
