"""deid entities: the kinds of content that can be found."""

from __future__ import annotations

import click

from deid.console import HELP, chosen_policy
from deid.runs import entity_rules
from deid.terminal import table

_KINDS = {"direct": "直接标识符", "quasi": "准标识符", "sensitive": "敏感属性"}


@click.command("entities", options_metavar="[选项]", short_help="列出能找出的内容种类")
@click.argument("name", required=False, metavar="[NAME]")
@HELP
def command(name: str | None) -> int:
    """列出能找出的内容种类（实体）；给出名称时，列出它的表头、提示词和例子（例子都是编造的）。"""
    from deid.entities import load_entities

    known = load_entities()
    rules = entity_rules(chosen_policy("general"))
    if name is None:
        rows = [(e.name, e.label, _KINDS[e.kind], rules.get(e.name, "")) for e in known.values()]
        click.echo(table(("实体", "名称", "类别", "默认处理"), rows))
        return 0
    if name not in known:
        raise click.ClickException(f"没有名为“{name}”的实体；deid entities 列出全部")
    entity = known[name]
    lines = [
        ("名称", f"{entity.label}（{_KINDS[entity.kind]}）"),
        ("默认处理", rules.get(name, "")),
        ("表头", "、".join(entity.headers)),
        ("提示词", "、".join(entity.context)),
        *(("例：是", example.text) for example in entity.hit),
        *(("例：不是", example.text) for example in entity.miss),
    ]
    click.echo(table((name, ""), lines))
    return 0
