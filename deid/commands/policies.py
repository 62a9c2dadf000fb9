"""deid policies: the rules of publication there are, what each does, and whether an own one is sound."""

from __future__ import annotations

from pathlib import Path

import click

from deid.console import HELP, chosen_policy, talk
from deid.errors import DeidError
from deid.terminal import table

_CHECK = "check"


@click.command("policies", options_metavar="[选项]", short_help="列出、说明、检查公示规则")
@click.argument("words", nargs=-1, metavar="[NAME | check FILE...]")
@click.option(
    "--channel", type=click.Choice(["web", "board", "sms"]), metavar="web|board|sms",
    help="按哪个渠道说明：web 政府网站，board 村（社区）公示栏，sms 手机短信；默认由规则定",
)  # fmt: skip
@click.option(
    "--level", type=click.Choice(["county", "town", "village"]), metavar="county|town|village",
    help="按哪一级公示说明：county 县级，town 乡级，village 村级；默认 county",
)  # fmt: skip
@HELP
def command(words: tuple[str, ...], channel: str | None, level: str | None) -> int:
    """列出公示规则；给出名称或 YAML 文件时，说明它怎样处理每一列；check FILE 检查自己写的规则。

    退出状态：0 可用；2 没有这种规则，或文件写错了（说出文件和键）。
    """
    if not words:
        return _list()
    if words[0] == _CHECK:
        return _check(words[1:])
    if len(words) > 1:
        raise click.ClickException("一次只说明一种公示规则；检查文件用 deid policies check FILE")
    return _explain(words[0], channel, level)


def _list() -> int:
    from deid.policy import policy_names
    from deid.policy_files import CHANNELS, MODES

    shown = [chosen_policy(name) for name in policy_names()]
    rows = [(p.name, p.label, MODES[p.mode], CHANNELS[p.channel]) for p in shown]
    click.echo(table(("名称", "适用", "性质", "默认渠道"), rows))
    return 0


def _explain(name: str, channel: str | None, level: str | None) -> int:
    from deid.explain import explain

    for heading, lines in explain(name, chosen_policy(name, channel, level)):
        if lines and heading:
            click.echo(f"\n{heading}")
        for line in lines:
            click.echo(f"  {line}" if heading else line)
    return 0


def _check(files: tuple[str, ...]) -> int:
    from deid.explain import looser, missing
    from deid.policy import check_policy

    if not files:
        raise click.ClickException("请给出要检查的文件，如：deid policies check 本县.yaml")
    status = 0
    for file in files:
        path = Path(file)
        try:
            policy = check_policy(path)
        except DeidError as error:
            talk(f"不可用　{error}")
            status = 2
            continue
        click.echo(f"可用　{path.name}：{policy.name}　{policy.label}")
        for line in (*looser(path), *missing(path)):
            click.echo(f"  留意：{line}")
    return status
