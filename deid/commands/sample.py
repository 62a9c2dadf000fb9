"""deid sample: a few made-up lists to try deid on."""

from __future__ import annotations

from pathlib import Path

import click

from deid.console import HELP


@click.command("sample", options_metavar="[选项]", short_help="写几份编造的名单，供试用")
@click.argument("folder", type=Path, metavar="DIR")
@click.option("--overwrite", is_flag=True, help="覆盖已有的同名文件")
@HELP
def command(folder: Path, overwrite: bool) -> int:
    """在 DIR 里写几份编造的名单，供试用；里面的人和号码都不存在。"""
    from deid.sample import write_samples

    for path in write_samples(folder, overwrite=overwrite):
        click.echo(path)
    return 0
