"""deid policies: the rules of publication there are, and what each does."""

from __future__ import annotations

import click

from deid.console import HELP, chosen_policy, entity_labels, entity_rules
from deid.terminal import table


@click.command("policies", options_metavar="[选项]", short_help="列出公示规则")
@click.argument("name", required=False, metavar="[NAME]")
@HELP
def command(name: str | None) -> int:
    """列出公示规则；给出名称或 YAML 文件时，列出它对每种内容的处理。"""
    from deid.policy import policy_names

    if name is None:
        shown = [chosen_policy(each) for each in policy_names()]
        click.echo(
            table(("名称", "适用", "说明"), [(p.name, p.label, p.description) for p in shown])
        )
        return 0
    policy = chosen_policy(name)
    click.echo(f"{policy.name}　{policy.label}\n{policy.description}\n依据：{policy.basis}\n")
    labels = entity_labels()
    rows = [(entity, labels[entity], rule) for entity, rule in entity_rules(policy).items()]
    click.echo(table(("实体", "名称", "处理"), rows))
    return 0
