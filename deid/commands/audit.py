"""deid audit: what published files still tell, alone and laid over each other."""

from __future__ import annotations

import datetime
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from deid import __version__
from deid.console import (
    HELP,
    INPUTS,
    JOBS,
    QUIET,
    chosen_policy,
    echo_json,
    is_long,
    talk,
    tasks_of,
    worst,
)
from deid.runs import entity_labels
from deid.terminal import progress, table

if TYPE_CHECKING:
    from collections.abc import Callable

    from deid.audit import AuditReport, FileAudit
    from deid.inputs import Task
    from deid.policy import Policy
    from deid.union import UnionAudit

_SHOWN = 20
_STATUS = {
    "clean": "没有问题",
    "found": "有问题",
    "unreadable": "读不了",
    "unsupported": "没有检查",
}


@click.command("audit", options_metavar="[选项]", short_help="检查已经公开的名单还露出什么")
@INPUTS
@click.option(
    "--against", multiple=True, metavar="FILE",
    help="同一名单在别处公开的那一份（公示栏、附件、上月），与 INPUT 逐人对齐，看拼起来露出什么；可多次给出",
)  # fmt: skip
@click.option(
    "--format", "form", type=click.Choice(["table", "json", "jsonl"]), default="table",
    help="table 给人看；json 一份文档；jsonl 每份文件一行；默认 table",
)  # fmt: skip
@click.option(
    "--policy", default="general", show_default=False, metavar="NAME|FILE|auto",
    help="公示规则：名称、自己的 YAML 文件；auto：每份文件按标题判断是哪类事项；默认 general",
)  # fmt: skip
@click.option(
    "--published", metavar="DATE", callback=lambda *given: _date(*given),
    help="公开的日期，如 2026-03-15；默认按标题、网页或文件名里的日期",
)  # fmt: skip
@click.option(
    "--state", type=Path, metavar="FILE",
    help="把每份文件的结果记到 FILE，中断后接着做，没有变的文件不再重读",
)  # fmt: skip
@JOBS
@QUIET
@HELP
def command(
    inputs: tuple[str, ...],
    against: tuple[str, ...],
    form: str,
    policy: str,
    published: datetime.date | None,
    state: Path | None,
    jobs: int,
    quiet: bool,
) -> int:
    """检查已经公开的名单：还有没有没遮的、遮得不够的、到期没撤的；几份拼在一起能不能还原。什么也不改。

    INPUT 是文件、文件夹（含下级，可以是整个网站）、通配符。结果只有数目和位置，没有内容。
    退出状态：0 没有问题；1 有问题；2 命令不对或有文件读不了。
    """
    from deid.audit import AUTO, AuditReport

    chosen = None if policy == AUTO else chosen_policy(policy)
    usual = chosen or chosen_policy("general")
    tasks = tasks_of(inputs, usual)
    created = datetime.datetime.now().astimezone().isoformat(timespec="seconds")
    others = tasks_of(against, usual) if against else []
    files: list[FileAudit] = []
    with progress(len(tasks) + len(others), show=not quiet and is_long(tasks)) as advance:

        def done(audit: FileAudit) -> None:
            files.append(audit)
            if form == "jsonl":
                _echo_file(audit)
            advance()

        if others:
            union = _laid_over([*tasks, *others], chosen, published, done)
        else:
            union = None
            _alone(tasks, policy, published, state, jobs, done)
    report = AuditReport(tuple(files), union, chosen.name if chosen else AUTO, created)
    _SHOW[form](report, quiet)
    for audit in files:
        if audit.status == "unreadable":
            talk(f"{audit.source}：{audit.message}")
    return worst([{"clean": 0, "found": 1, "unreadable": 2}[report.status]])


def _date(
    context: click.Context, option: click.Parameter, value: str | None
) -> datetime.date | None:
    try:
        return datetime.date.fromisoformat(value) if value else None
    except ValueError:
        raise click.BadParameter("", context, option) from None


def _alone(
    tasks: Sequence[Task],
    policy: str,
    published: datetime.date | None,
    state: Path | None,
    jobs: int,
    done: Callable[[FileAudit], None],
) -> None:
    from deid.sweep import Order, audit_tasks

    order = Order(policy, published)
    for audit in audit_tasks(tasks, order, jobs=jobs, state=state, version=__version__):
        done(audit)


def _laid_over(
    tasks: Sequence[Task],
    policy: Policy | None,
    published: datetime.date | None,
    done: Callable[[FileAudit], None],
) -> UnionAudit:
    from deid.audit import audit_publications

    return audit_publications(tasks, policy, published, done)


# --- showing --------------------------------------------------------------------------------------


def _show_json(report: AuditReport, quiet: bool) -> None:
    from deid.audit import report_as_dict
    from deid.sweep import summary

    echo_json({**report_as_dict(report, __version__), "summary": summary(report.files)})


def _echo_file(audit: FileAudit) -> None:
    from deid.audit import file_as_dict

    echo_json({"type": "file", **file_as_dict(audit)}, indent=None)


def _show_lines(report: AuditReport, quiet: bool) -> None:
    from dataclasses import asdict

    from deid.sweep import summary

    if report.union:
        echo_json({"type": "union", **asdict(report.union)}, indent=None)
    echo_json({"type": "summary", "status": report.status, **summary(report.files)}, indent=None)


def _show_table(report: AuditReport, quiet: bool) -> None:
    shown = [file for file in report.files if not quiet or file.status != "clean"]
    if shown:
        heads = (
            "结论",
            "文件",
            "行数",
            "未遮盖",
            "遮得不够",
            "A",
            "B",
            "C",
            "D",
            "公开日期",
            "应撤下",
        )
        click.echo(table(heads, map(_row, shown)))
    if report.union:
        _show_union(report.union)
    _show_masks(report)
    _show_items(report)
    _show_hints(report)
    _conclude(report)


def _row(file: FileAudit) -> tuple[Any, ...]:
    grades = (file.grades.get(letter, 0) for letter in "ABCD")
    left = sum(file.left.values())
    return (
        _STATUS[file.status], file.source, file.rows, left, file.weak, *grades,
        file.published, file.until,
    )  # fmt: skip


def _show_masks(report: AuditReport) -> None:
    """Columns that are masked in more than one way."""
    for file in report.files:
        columns: dict[str, list[str]] = {}
        for mask in file.masks:
            columns.setdefault(mask.column, []).append(f"{mask.style} {mask.rows:,} 行")
        for column, told in columns.items():
            if len(told) > 1:
                name = f"“{column}”列" if column else "证件号"
                click.echo(f"{file.source}：{name}遮法不止一种：{'，'.join(told[:6])}")


def _show_union(union: UnionAudit) -> None:
    click.echo(f"\n拼在一起看（{'、'.join(union.publications)}）")
    labels = entity_labels()
    rows: list[tuple[str, object]] = [
        ("名单行数", f"{union.rows:,}"),
        ("在两份以上里对上的人", f"{union.aligned:,}"),
        ("能确定唯一证件号的人", f"{union.unique:,}"),
        ("　其中单看一份就能确定", f"{union.unique_alone:,}"),
        ("因拼接而降级的人", f"{union.downgraded:,}"),
        ("遮法不一致的人", f"{union.inconsistent:,}"),
        ("露出的内容互相矛盾", f"{union.conflicts:,}"),
        ("同名、分不清是谁的行（没有拼）", f"{union.ambiguous:,}"),
        ("同名、靠露出的数字或金额分清的人", f"{union.resolved:,}"),
        ("同一份里列了两次的行", f"{union.listed_twice:,}"),
        ("姓名遮了仍能对上的人", f"{union.masked_names:,}"),
    ]
    for entity, count in union.numbers.items():
        rows.append((f"能拼出完整{labels.get(entity, entity)}的人", f"{count:,}"))
    for name, grades in (("最弱一份", union.grades_before), ("拼起来", union.grades_after)):
        told = "　".join(f"{letter} {grades.get(letter, 0):,}" for letter in "ABCD")
        rows.append((f"各级人数（{name}）", told))
    click.echo(table(("", ""), rows).lstrip("\n"))


def _show_items(report: AuditReport) -> None:
    items = report.items
    if not items:
        return
    click.echo("\n需要查看：")
    for item in items[:_SHOWN]:
        click.echo(f"  {item.place}　{item.message}")
    if report.items_total > _SHOWN:
        click.echo(f"  其余 {report.items_total - min(_SHOWN, len(items)):,} 处见 --format json")


def _show_hints(report: AuditReport) -> None:
    hints = [(file, item) for file in report.files for item in file.hints]
    for file, item in hints[:5]:
        click.echo(f"提示：{f'{file.source} {item.place}'.strip()}　{item.message}")
    rest = sum(file.examples for file in report.files) - 5
    if rest > 0:
        click.echo(f"提示：还有 {rest} 处示例姓名")


def _conclude(report: AuditReport) -> None:
    from deid.sweep import summary

    counts = summary(report.files)
    told = [f"{counts['files']} 份文件", f"有问题 {counts['found']} 份"]
    for status, words in (("unreadable", "读不了"), ("unsupported", "格式不支持、没有检查")):
        if counts[status]:
            told.append(f"{words} {counts[status]} 份")
    if counts["overdue"]:
        told.append(f"到期未撤 {counts['overdue']} 份")
    talk(f"\n结论：{'，'.join(told)}")


_SHOW = {"table": _show_table, "json": _show_json, "jsonl": _show_lines}
