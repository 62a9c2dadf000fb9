"""The command line: arguments -> one call of the library -> exit status.

0 fit to publish; 3 written, but a person must look; 1 something found, left or refused; 2 the
command is wrong or an input cannot be read; 130 interrupted. Results go to stdout or to files,
talk goes to stderr. What a command needs is imported inside it: start-up is most of a short run.
"""

from __future__ import annotations

import sys
from collections.abc import Iterable, Sequence
from contextlib import suppress
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn

import click

from deid import __version__
from deid.batch import catch_stop_signals, interrupt, sentence
from deid.errors import DeidError, LeftOver
from deid.model import FileReport, Finding
from deid.terminal import Context, complaint, progress, table, width, wrap

if TYPE_CHECKING:
    from deid.inputs import Task
    from deid.policy import Policy

_STATUS = {"publish": 0, "look": 3, "refused": 1, "unreadable": 2}
_SEVERITY = (0, 3, 1, 2)
_INTERRUPTED = 130
_HELP = click.help_option("-h", "--help", help="显示这份说明")
_POLICY = click.option(
    "--policy", default="general", show_default=False, metavar="NAME|FILE",
    help="公示规则：名称（deid policies 列出全部）或自己的 YAML 文件；默认 general",
)  # fmt: skip
_JOBS = click.option(
    "--jobs", type=int, default=1, metavar="N", callback=lambda *given: _at_least_one(*given),
    help="同时处理几份文件；默认 1",
)  # fmt: skip
_QUIET = click.option("--quiet", "-q", is_flag=True, help="只说有问题的文件")
_INPUTS = click.argument("inputs", nargs=-1, required=True, metavar="INPUT...")


@click.group(
    invoke_without_command=True, options_metavar="[选项]", subcommand_metavar="命令 [参数]..."
)
@click.version_option(__version__, message="deid %(version)s", help="显示版本")
@_HELP
@click.pass_context
def cli(context: click.Context) -> int:
    """公示名单去标识化：找出并遮盖身份证号、电话、账号、住址等，复核后才写出；复核不过就不写出，并说明原因。"""
    if context.invoked_subcommand is None:
        click.echo(context.get_help(), err=True)
        return 2
    return 0


@cli.command(options_metavar="[选项]", short_help="遮盖名单，写到另一个文件夹")
@_INPUTS
@click.option(
    "-o", "--output", "outdir", type=Path, metavar="OUTDIR", help="输出文件夹（不能是输入文件夹）"
)
@_POLICY
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
@_JOBS
@_QUIET
@_HELP
def mask(
    inputs: tuple[str, ...],
    outdir: Path | None,
    policy: str,
    kinds: str,
    dry_run: bool,
    overwrite: bool,
    pdf: str,
    jobs: int,
    quiet: bool,
) -> int:
    """遮盖名单，写到另一个文件夹；文件名、格式、没有遮盖的内容都不变。

    INPUT 是文件、文件夹（含下级）、通配符；或 -，从标准输入读文字，结果写到标准输出。
    退出状态：0 可发布；3 已写出但需人工查看；1 有文件不可发布（没有写出）；2 命令不对或文件读不了。
    """
    if "-" in inputs:
        return _mask_stdin(inputs, policy)
    if outdir is None:
        raise click.ClickException("请用 -o 指定输出文件夹，如：deid mask 名单.xlsx -o 已遮盖")
    wanted = _report_kinds(kinds)
    from deid.batch import mask_files
    from deid.report import write_reports

    chosen = _load_policy(policy)
    tasks = _tasks(inputs, chosen, outdir)
    reports: list[FileReport] = []
    with progress(len(tasks), show=not quiet and _is_long(tasks)) as advance:
        for report in mask_files(
            tasks,
            policy=policy,
            overwrite=overwrite,
            dry_run=dry_run,
            jobs=jobs,
            raster=pdf == "raster",
        ):
            reports.append(report)
            advance()
    for report in reports:
        if not quiet or report.status != "publish":
            click.echo(_line(report))
    written: list[Path] = []
    if not dry_run:
        written = write_reports(_as_run(reports, chosen), outdir, wanted, overwrite=overwrite)
    if not quiet:
        _sum_up(reports, chosen, dry_run)
        for path in written:
            _talk(f"报告：{path}")
    return worst(_STATUS[report.status] for report in reports)


@cli.command(options_metavar="[选项]", short_help="只找不改：列出名单里的个人信息")
@_INPUTS
@click.option(
    "--format", "form", type=click.Choice(["table", "json", "jsonl"]), default="table",
    help="table 给人看；json 一份文档；jsonl 每处一行；默认 table",
)  # fmt: skip
@_POLICY
@_JOBS
@_QUIET
@_HELP
def scan(inputs: tuple[str, ...], form: str, policy: str, jobs: int, quiet: bool) -> int:
    """只找不改：列出每处个人信息的位置和种类，不显示内容。

    INPUT 是文件、文件夹（含下级）、通配符；或 -，从标准输入读文字。
    退出状态：0 没有需要遮盖的；1 有；2 命令不对或文件读不了。
    """
    chosen = _load_policy(policy)
    results: list[tuple[FileReport, list[Finding]]]
    if "-" in inputs:
        results = [_scan_stdin(inputs, chosen)]
    else:
        from deid.batch import scan_files

        tasks = _tasks(inputs, chosen)
        results = []
        with progress(len(tasks), show=not quiet and _is_long(tasks)) as advance:
            for result in scan_files(tasks, policy=policy, jobs=jobs):
                results.append(result)
                advance()
    _SHOW[form](results, chosen)
    for report, found in results:
        if _is_fault(report, found):
            _talk(f"{report.source}：{report.message}")
    faults = [2 for report, found in results if _is_fault(report, found)]
    hidden = [1 for _, found in results for finding in found if chosen.hides(finding.entity)]
    return worst([*faults, *hidden[:1]])


@cli.command(options_metavar="[选项]", short_help="列出公示规则")
@click.argument("name", required=False, metavar="[NAME]")
@_HELP
def policies(name: str | None) -> int:
    """列出公示规则；给出名称或 YAML 文件时，列出它对每种内容的处理。"""
    from deid.policy import policy_names

    if name is None:
        shown = [_load_policy(each) for each in policy_names()]
        click.echo(
            table(("名称", "适用", "说明"), [(p.name, p.label, p.description) for p in shown])
        )
        return 0
    policy = _load_policy(name)
    click.echo(f"{policy.name}　{policy.label}\n{policy.description}\n依据：{policy.basis}\n")
    labels = _labels()
    rows = [(entity, labels[entity], rule) for entity, rule in _rules(policy).items()]
    click.echo(table(("实体", "名称", "处理"), rows))
    return 0


@cli.command(options_metavar="[选项]", short_help="列出能找出的内容种类")
@click.argument("name", required=False, metavar="[NAME]")
@_HELP
def entities(name: str | None) -> int:
    """列出能找出的内容种类（实体）；给出名称时，列出它的表头、提示词和例子（例子都是编造的）。"""
    from deid.entities import load_entities

    known = load_entities()
    rules = _rules(_load_policy("general"))
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


@cli.command(options_metavar="[选项]", short_help="列出各种文件格式怎样处理")
@_HELP
def formats() -> int:
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


@cli.command(options_metavar="[选项]", short_help="写几份编造的名单，供试用")
@click.argument("folder", type=Path, metavar="DIR")
@click.option("--overwrite", is_flag=True, help="覆盖已有的同名文件")
@_HELP
def sample(folder: Path, overwrite: bool) -> int:
    """在 DIR 里写几份编造的名单，供试用；里面的人和号码都不存在。"""
    from deid.sample import write_samples

    for path in write_samples(folder, overwrite=overwrite):
        click.echo(path)
    return 0


_KINDS = {"direct": "直接标识符", "quasi": "准标识符", "sensitive": "敏感属性"}


# --- mask and scan --------------------------------------------------------------------------------


def worst(statuses: Iterable[int]) -> int:
    """The exit status of a run: 2 before 1 before 3 before 0.

    >>> worst([0, 3, 1])
    1
    """
    return max(statuses, key=_SEVERITY.index, default=0)


def _at_least_one(context: click.Context, option: click.Parameter, value: int) -> int:
    # Not click.IntRange: it writes its limits into the help in a way that clerks cannot read.
    if value < 1:
        raise click.BadParameter("", context, option)
    return value


def _tasks(inputs: Sequence[str], policy: Policy, outdir: Path | None = None) -> list[Task]:
    from deid.inputs import find_tasks
    from deid.pipeline import mask_name

    tasks = find_tasks(inputs, lambda name: mask_name(name, policy), outdir)
    if not tasks:
        raise click.ClickException("没有可处理的文件（隐藏文件和 ~$ 开头的临时文件不算）")
    return tasks


def _is_long(tasks: Sequence[Task]) -> bool:
    """Whether a progress bar is worth the time that drawing one takes to load."""
    return len(tasks) > 3


def _report_kinds(text: str) -> list[str]:
    from deid.report import KINDS

    kinds = [kind.strip() for kind in text.split(",") if kind.strip()]
    if not kinds or not set(kinds) <= set(KINDS):
        raise click.ClickException(f"--report 的值不对；可用：{'、'.join(KINDS)}，用逗号隔开")
    return kinds


def _as_run(reports: Sequence[FileReport], policy: Policy) -> Any:
    from datetime import datetime

    from deid.report import Run

    return Run(
        files=reports,
        policy=policy.name,
        policy_label=policy.label,
        basis=policy.basis,
        labels=_labels(),
        rules=_rules(policy),
        version=__version__,
        created=datetime.now().astimezone().isoformat(timespec="seconds"),
    )


def _load_policy(name: str) -> Policy:
    from deid.policy import load_policy

    return load_policy(name)


def _labels() -> dict[str, str]:
    from deid.entities import load_entities

    return {entity.name: entity.label for entity in load_entities().values()}


def _rules(policy: Policy) -> dict[str, str]:
    from deid.report import rule

    return {
        entity: rule(name, options)
        for entity, spec in policy.specs.items()
        for name, options in spec.items()
    }


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

    labels, rules = _labels(), _rules(policy)
    if found := total_found(reports):
        rows = [(labels.get(e, e), count, rules.get(e, "")) for e, count in found.items()]
        _talk("\n" + table(("内容", "处数", "处理"), rows))
    items = [(report, item) for report in reports for item in (*report.left, *report.items)]
    if items:
        _talk("\n需要查看：")
    for report, item in items[:20]:
        _talk(f"  {report.source} {item.place}　{item.message}")
    if len(items) > 20:
        _talk(f"  其余 {len(items) - 20} 处见报告")
    note = "（演练，什么也没有写出）" if dry_run else ""
    worst_status = conclusion(reports)
    label = LABELS["refused" if worst_status == "unreadable" else worst_status]
    _talk(f"\n结论：{label}{note}")


def _is_fault(report: FileReport, found: Sequence[Finding]) -> bool:
    """Whether a scan could not be done; a list that must not be posted as it is, is no fault."""
    return report.status == "unreadable" or (report.status == "refused" and not found)


def _show_table(results: list[tuple[FileReport, list[Finding]]], policy: Policy) -> None:
    labels, rules = _labels(), _rules(policy)
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
    _echo_json(
        {"schema": "deid-scan/1", "version": __version__, "policy": policy.name, "files": files}
    )


def _show_lines(results: list[tuple[FileReport, list[Finding]]], policy: Policy) -> None:
    for report, found in results:
        for finding in found:
            _echo_json({"source": report.source, **asdict(finding)}, indent=None)


_SHOW = {"table": _show_table, "json": _show_json, "jsonl": _show_lines}


def _echo_json(content: object, indent: int | None = 1) -> None:
    import json

    # On a console that is not Unicode, escapes keep what replacement would lose.
    plain = not (sys.stdout.encoding or "").lower().startswith("utf")
    click.echo(json.dumps(content, ensure_ascii=plain, indent=indent))


def _mask_stdin(inputs: Sequence[str], policy: str) -> int:
    from deid.pipeline import mask_stream

    text, encoding = _read_stdin(inputs)
    masked = mask_stream(text, policy=_load_policy(policy))
    sys.stdout.buffer.write(masked.encode(encoding))
    sys.stdout.buffer.flush()
    return 0


def _scan_stdin(inputs: Sequence[str], policy: Policy) -> tuple[FileReport, list[Finding]]:
    from collections import Counter

    from deid.pipeline import scan_stream

    findings = scan_stream(_read_stdin(inputs)[0])
    counts = Counter(finding.entity for finding in findings)
    report = FileReport("-", "", "publish", format="txt", policy=policy.name, found=counts)
    return report, findings


def _read_stdin(inputs: Sequence[str]) -> tuple[str, str]:
    """The text on stdin and its encoding, in which the result is written."""
    if len(inputs) > 1:
        raise click.ClickException("- 不能和别的输入一起用")
    content = sys.stdin.buffer.read()
    for encoding in ("utf-8-sig" if content.startswith(b"\xef\xbb\xbf") else "utf-8", "gb18030"):
        with suppress(UnicodeDecodeError):
            return content.decode(encoding), encoding
    raise click.ClickException("标准输入不是 UTF-8 或 GB18030 文字，读不了")


def _talk(text: str) -> None:
    click.echo(text, err=True)


# --- the process ----------------------------------------------------------------------------------


for _command in (cli, *cli.commands.values()):
    _command.context_class = Context


def main(arguments: Sequence[str] | None = None) -> NoReturn:
    """Run the command line and leave with its exit status."""
    for stream in (sys.stdout, sys.stderr):
        # A GBK console cannot show every character of a file name: better a ? than a traceback.
        stream.reconfigure(errors="replace")  # type: ignore[union-attr]
    catch_stop_signals(interrupt)
    sys.exit(run(arguments))


def run(arguments: Sequence[str] | None = None) -> int:
    """The exit status; every foreseeable fault is one Chinese sentence on stderr."""
    try:
        return int(cli.main(arguments, "deid", standalone_mode=False) or 0)
    except click.Abort:
        return _fail("已中断；没有写完的文件已经删除", _INTERRUPTED)
    except click.ClickException as error:
        return _fail(complaint(error))
    except LeftOver as error:
        return _fail(str(error), 1)
    except DeidError as error:
        return _fail(str(error))
    except OSError as error:
        return _fail(sentence(error))


def _fail(message: str, status: int = 2) -> int:
    # The terminal may be gone (SIGHUP, a closed pipe): the status still tells.
    with suppress(OSError):
        _talk(message)
    return status
