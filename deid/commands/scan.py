"""deid scan: where something stands that must not be posted, as a table, JSON or lines."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from typing import TYPE_CHECKING

import click

from deid import __version__
from deid.console import (
    HELP,
    INPUTS,
    JOBS,
    POLICY,
    QUIET,
    chosen_policy,
    echo_json,
    is_long,
    read_stdin,
    talk,
    tasks_of,
    worst,
)
from deid.model import FileReport, Finding
from deid.runs import entity_labels, entity_rules
from deid.terminal import progress, table

if TYPE_CHECKING:
    from deid.policy import Policy


@click.command("scan", options_metavar="[选项]", short_help="只找不改：列出名单里的个人信息")
@INPUTS
@click.option(
    "--format", "form", type=click.Choice(["table", "json", "jsonl"]), default="table",
    help="table 给人看；json 一份文档；jsonl 每处一行；默认 table",
)  # fmt: skip
@POLICY
@JOBS
@QUIET
@HELP
def command(inputs: tuple[str, ...], form: str, policy: str, jobs: int, quiet: bool) -> int:
    """只找不改：列出每处个人信息的位置和种类，不显示内容。

    INPUT 是文件、文件夹（含下级）、通配符；或 -，从标准输入读文字。
    退出状态：0 没有需要遮盖的；1 有；2 命令不对或文件读不了。
    """
    chosen = chosen_policy(policy)
    results: list[tuple[FileReport, list[Finding]]]
    if "-" in inputs:
        results = [_scan_stdin(inputs, chosen)]
    else:
        from deid.batch import scan_files

        tasks = tasks_of(inputs, chosen)
        results = []
        with progress(len(tasks), show=not quiet and is_long(tasks)) as advance:
            for result in scan_files(tasks, policy=policy, jobs=jobs):
                results.append(result)
                advance()
    _SHOW[form](results, chosen)
    for report, found in results:
        if _is_fault(report, found):
            talk(f"{report.source}：{report.message}")
    faults = [2 for report, found in results if _is_fault(report, found)]
    hidden = [1 for _, found in results for finding in found if chosen.hides(finding.entity)]
    return worst([*faults, *hidden[:1]])


def _is_fault(report: FileReport, found: Sequence[Finding]) -> bool:
    """Whether a scan could not be done; a list that must not be posted as it is, is no fault."""
    return report.status == "unreadable" or (report.status == "refused" and not found)


def _show_table(results: list[tuple[FileReport, list[Finding]]], policy: Policy) -> None:
    labels, rules = entity_labels(), entity_rules(policy)
    for report, found in results:
        click.echo(f"{report.source}：{len(found)} 处")
        rows = [
            (
                f.place,
                labels.get(f.entity, f.entity),
                f"{f.score:.2f}",
                rules.get(f.entity, ""),
                f.why,
            )
            for f in found
        ]
        if rows:
            click.echo(table(("位置", "内容", "把握", "处理", "理由"), rows))


def _show_json(results: list[tuple[FileReport, list[Finding]]], policy: Policy) -> None:
    from deid.report import file_as_dict

    files = []
    for report, found in results:
        content = file_as_dict(report)
        for key in ("output", "output_sha256", "changed", "left"):
            del content[key]
        files.append({**content, "findings": [asdict(finding) for finding in found]})
    echo_json(
        {"schema": "deid-scan/1", "version": __version__, "policy": policy.name, "files": files}
    )


def _show_lines(results: list[tuple[FileReport, list[Finding]]], policy: Policy) -> None:
    for report, found in results:
        for finding in found:
            echo_json({"source": report.source, **asdict(finding)}, indent=None)


_SHOW = {"table": _show_table, "json": _show_json, "jsonl": _show_lines}


def _scan_stdin(inputs: Sequence[str], policy: Policy) -> tuple[FileReport, list[Finding]]:
    from collections import Counter

    from deid.pipeline import scan_stream

    findings = scan_stream(read_stdin(inputs)[0])
    counts = Counter(finding.entity for finding in findings)
    report = FileReport("-", "", "publish", format="txt", policy=policy.name, found=counts)
    return report, findings
