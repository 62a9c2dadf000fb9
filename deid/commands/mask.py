"""deid mask: lists in, the same lists fit to be posted out, with the reports."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import click

from deid import __version__
from deid.console import (
    HELP,
    INPUTS,
    JOBS,
    POLICY,
    QUIET,
    STATUS,
    chosen_policy,
    is_long,
    read_stdin,
    talk,
    tasks_of,
    worst,
)
from deid.model import FileReport
from deid.runs import entity_labels, entity_rules, run_of
from deid.terminal import progress, table, width

if TYPE_CHECKING:
    from deid.policy import Policy


@click.command("mask", options_metavar="[选项]", short_help="遮盖名单，写到另一个文件夹")
@INPUTS
@click.option(
    "-o", "--output", "outdir", type=Path, metavar="OUTDIR", help="输出文件夹（不能是输入文件夹）"
)
@POLICY
@click.option(
    "--report", "kinds", default="html,json", metavar="html,json",
    help="写哪些报告：html 公开前审查单，json 给程序读；默认两种都写到 OUTDIR",
)  # fmt: skip
@click.option("--dry-run", is_flag=True, help="演练：照样检查并报告结论，什么也不写")
@click.option("--overwrite", is_flag=True, help="覆盖已有的输出和报告")
@click.option(
    "--pdf", type=click.Choice(["edit", "raster"]), default="edit", metavar="edit|raster",
    help="raster：PDF 里不能安全修改的页改成图片，附文字层；默认 edit，遇到这样的页就不收",
)  # fmt: skip
@click.option(
    "--channel", type=click.Choice(["web", "board", "sms"]), metavar="web|board|sms",
    help="公开渠道：web 政府网站，board 村（社区）公示栏，sms 短信；默认按公示规则",
)  # fmt: skip
@click.option(
    "--level", type=click.Choice(["county", "town", "village"]), metavar="county|town|village",
    help="公示层级：county 县，town 乡镇，village 村；默认按公示规则",
)  # fmt: skip
@click.option(
    "--override", default="", metavar="理由",
    help="公示规则说不得公示的名单仍要处理时，写明理由（至少四个字），会印在审查单上",
)  # fmt: skip
@JOBS
@QUIET
@HELP
def command(
    inputs: tuple[str, ...],
    outdir: Path | None,
    policy: str,
    kinds: str,
    dry_run: bool,
    overwrite: bool,
    pdf: str,
    channel: str | None,
    level: str | None,
    override: str,
    jobs: int,
    quiet: bool,
) -> int:
    """遮盖名单，写到另一个文件夹；文件名、格式、没有遮盖的内容都不变。

    INPUT 是文件、文件夹（含下级）、通配符；或 -，从标准输入读文字，结果写到标准输出。
    退出状态：0 可发布；3 已写出但需人工查看；1 有文件不可发布（没有写出）；2 命令不对或文件读不了。
    """
    if "-" in inputs:
        return _mask_stdin(inputs, chosen_policy(policy, channel, level), override)
    if outdir is None:
        raise click.ClickException("请用 -o 指定输出文件夹，如：deid mask 名单.xlsx -o 已遮盖")
    wanted = _report_kinds(kinds)
    from deid.batch import mask_files
    from deid.report import write_reports

    chosen = chosen_policy(policy, channel, level)
    tasks = tasks_of(inputs, chosen, outdir)
    reports: list[FileReport] = []
    with progress(len(tasks), show=not quiet and is_long(tasks)) as advance:
        for report in mask_files(
            tasks,
            policy=policy,
            overwrite=overwrite,
            dry_run=dry_run,
            jobs=jobs,
            raster=pdf == "raster",
            channel=channel,
            level=level,
            override=override,
        ):
            reports.append(report)
            advance()
    for report in reports:
        if not quiet or report.status != "publish":
            click.echo(_line(report))
    written: list[Path] = []
    if not dry_run:
        written = write_reports(
            run_of(reports, chosen, __version__), outdir, wanted, overwrite=overwrite
        )
    if not quiet:
        _sum_up(reports, chosen, dry_run)
        for path in written:
            talk(f"报告：{path}")
    return worst(STATUS[report.status] for report in reports)


def _report_kinds(text: str) -> list[str]:
    from deid.report import KINDS

    kinds = [kind.strip() for kind in text.split(",") if kind.strip()]
    if not kinds or not set(kinds) <= set(KINDS):
        raise click.ClickException(f"--report 的值不对；可用：{'、'.join(KINDS)}，用逗号隔开")
    return kinds


def _line(report: FileReport) -> str:
    from deid.report import LABELS

    label = LABELS[report.status]
    parts = [label + " " * (12 - width(label)) + report.source]
    if report.status in ("publish", "look"):
        parts.append(f"遮盖 {report.changed} 处")
    if report.items:
        parts.append(f"需查看 {len(report.items)} 处")
    return "　".join([*parts, *filter(None, [report.message])])


def _sum_up(reports: Sequence[FileReport], policy: Policy, dry_run: bool) -> None:
    from deid.report import LABELS, conclusion, total_found

    labels, rules = entity_labels(), entity_rules(policy)
    if found := total_found(reports):
        rows = [(labels.get(e, e), count, rules.get(e, "")) for e, count in found.items()]
        talk("\n" + table(("内容", "处数", "处理"), rows))
    items = [(report, item) for report in reports for item in (*report.left, *report.items)]
    if items:
        talk("\n需要查看：")
    for report, item in items[:20]:
        talk(f"  {report.source} {item.place}　{item.message}")
    if len(items) > 20:
        talk(f"  其余 {len(items) - 20} 处见报告")
    note = "（演练，什么也没有写出）" if dry_run else ""
    worst_status = conclusion(reports)
    label = LABELS["refused" if worst_status == "unreadable" else worst_status]
    talk(f"\n结论：{label}{note}")


def _mask_stdin(inputs: Sequence[str], policy: Policy, override: str) -> int:
    from deid.outcome import is_reason
    from deid.pipeline import mask_stream

    if policy.refused and not is_reason(override):
        talk(f"不可发布：{policy.refused}")
        return 1
    text, encoding = read_stdin(inputs)
    masked = mask_stream(text, policy=policy)
    sys.stdout.buffer.write(masked.encode(encoding))
    sys.stdout.buffer.flush()
    return 0
