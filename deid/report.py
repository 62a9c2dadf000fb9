"""FileReports -> ``deid-report.json`` and ``deid-report.html`` (公开前审查单), without any content.

Every text that comes from a file (its name, a sheet's name, a header) passes one last net here: a
run of digits as long as a phone number is never printed, whatever the modules before let through.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from deid.later import later
from deid.model import Column, FileReport, Item

SCHEMA = "deid-report/1"
REVIEW_SCHEMA = "deid-review/1"
KINDS = ("html", "json")
LABELS = {
    "publish": "可发布",
    "look": "需人工查看",
    "refused": "不可发布",
    "unreadable": "读不了",
}
RECORD_ID = "deid-review"
GRADES = {
    "A": "很难推出",
    "B": "较难推出，留意别处的公开",
    "C": "容易推出，须加强",
    "D": "几乎能推出，不得公开",
}
_RULES = {
    "keep": "保留",
    "mask_landline": "留区号，其余遮盖",
    "mask_email": "留 @ 以后，其余遮盖",
    "mask_name": "留姓，其余遮盖",
    "redact": "删去",
    "replace": "换成固定文字",
    "birth_year": "只留年份",
    "cause_category": "只写因病、因灾、因学、意外、其他",
    "income_band": "只写金额段",
    "relation_category": "只写户主、家庭成员",
}
_LEVELS = {
    "province": "省",
    "city": "市",
    "county": "县（区）",
    "town": "乡镇（街道）",
    "village": "村（社区）",
    "road": "路名",
}
# One A4 page: what does not fit is counted here and stands in deid-report.json.
_FILES, _COLUMNS, _ITEMS, _ITEMS_OF_MANY = 4, 8, 20, 10
_TIMESTAMP = r"20\d\d(?:0[1-9]|1[0-2])[0-3]\d[0-2]\d[0-5]\d(?:[0-5]\d)?"
_LONG_NUMBER = later(
    rf"(?<!\d)(?!{_TIMESTAMP}(?!\d))\d{{11,}}[Xx]?"
    r"|(?<!\d)1[3-9]\d[\s-]?\d{4}[\s-]?\d{4}(?!\d)"
    r"|(?<!\d)\d{6}[\s-]?\d{8}[\s-]?\d{3}[\dXx](?!\d)"
)


@dataclass(frozen=True, slots=True)
class Run:
    """One run of ``deid mask``: its files, and the policy as a reader of the report knows it.

    ``labels`` name each entity in Chinese, ``rules`` say what the policy does with it. ``channel``
    and ``level`` (where and by whom it is published), ``audience`` (for whom alone it is meant),
    ``due`` (published by) and ``retention``
    (taken down after) are sentences for the reader, empty where the policy says nothing.
    """

    files: Sequence[FileReport]
    policy: str
    policy_label: str = ""
    basis: str = ""
    channel: str = ""
    level: str = ""
    audience: str = ""
    due: str = ""
    retention: str = ""
    labels: Mapping[str, str] = field(default_factory=dict)
    rules: Mapping[str, str] = field(default_factory=dict)
    version: str = ""
    created: str = ""


def conclusion(files: Iterable[FileReport]) -> str:
    """The status of a run: that of its worst file.

    >>> conclusion([FileReport("a", "a", "publish"), FileReport("b", "", "refused")])
    'refused'
    """
    order = list(LABELS)
    return max((file.status for file in files), key=order.index, default="publish")


def without_numbers(text: str) -> str:
    """The text with every long run of digits starred, and fit to be written as UTF-8.

    >>> without_numbers("名单-13800138000.csv")
    '名单-***********.csv'
    """
    starred = _LONG_NUMBER.sub(lambda match: "*" * len(match[0]), text)
    return starred.encode("utf-8", "replace").decode("utf-8")


def rule(operator: str, options: Mapping[str, object]) -> str:
    """What an operator does, for a reader who does not know operators.

    >>> rule("mask", {"first": 6})
    '留前 6 位，其余遮盖'
    """
    if operator == "mask":
        ends = (("first", "前"), ("last", "后"))
        shown = [f"{end} {options[key]} 位" for key, end in ends if options.get(key)]
        return f"留{'、'.join(shown)}，其余遮盖" if shown else "全部遮盖"
    if operator == "generalize_address":
        level = str(options.get("level", "village"))
        return f"留到{_LEVELS.get(level, level)}，其余遮盖"
    if operator == "age_band":
        bands = options.get("bands")
        if isinstance(bands, list):
            return f"分段：{'、'.join(map(str, bands))} 岁起"
        return f"每 {options.get('width', 10)} 岁一段"
    return _RULES.get(operator, operator)


def total_found(files: Iterable[FileReport]) -> dict[str, int]:
    """How many findings of each entity there are in all files, most frequent first."""
    counts: Counter[str] = Counter()
    for file in files:
        counts.update(file.found)
    return dict(sorted(counts.items(), key=lambda pair: (-pair[1], pair[0])))


def total_strength(files: Iterable[FileReport]) -> dict[str, int]:
    """Grade -> rows of all files that show a masked number; no grade where there are none."""
    counts: Counter[str] = Counter()
    for file in files:
        counts.update(file.strength)
    return {grade: counts[grade] for grade in GRADES} if counts.total() else {}


def write_reports(run: Run, folder: Path, kinds: Sequence[str], *, overwrite: bool) -> list[Path]:
    """The paths of the reports written into ``folder``.

    A report of an earlier run may be signed already: unless ``overwrite``, it is kept under the
    next free number.
    """
    folder.mkdir(parents=True, exist_ok=True)
    if not overwrite:
        _set_aside(folder)
    machine = to_json(run).encode("utf-8")
    written = []
    if "json" in kinds:
        written.append(_write(folder / "deid-report.json", machine))
    if "html" in kinds:
        digest = hashlib.sha256(machine).hexdigest() if "json" in kinds else ""
        page = to_html(run, json_sha256=digest).encode("utf-8")
        written.append(_write(folder / "deid-report.html", page))
    return written


def _set_aside(folder: Path) -> None:
    old = [path for kind in KINDS if (path := folder / f"deid-report.{kind}").exists()]
    number = 1
    while any(path.with_stem(f"deid-report-{number}").exists() for path in old):
        number += 1
    for path in old:
        path.rename(path.with_stem(f"deid-report-{number}"))


def _write(path: Path, content: bytes) -> Path:
    temporary = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    try:
        temporary.write_bytes(content)
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)
    return path


# --- JSON -----------------------------------------------------------------------------------------


_INDENTED = 20
"""So many files are written a key a line; of more, each stands on a line of its own: to indent a
report of a thousand files takes a second."""


def to_json(run: Run) -> str:
    """The report for machines; its shape is described in the README and kept by ``schema``."""
    import platform

    statuses = Counter(file.status for file in run.files)
    content = {
        "schema": SCHEMA,
        "created": run.created,
        "versions": {"deid": run.version, "python": platform.python_version()},
        "policy": {
            "name": run.policy,
            "label": run.policy_label,
            "basis": run.basis,
            "operators": dict(run.rules),
            "channel": run.channel,
            "level": run.level,
            "audience": run.audience,
            "due": run.due,
            "retention": run.retention,
        },
        "conclusion": conclusion(run.files),
        "totals": {
            "files": len(run.files),
            **{status: statuses[status] for status in LABELS},
            "found": total_found(run.files),
            "changed": sum(file.changed for file in run.files),
            "strength": total_strength(run.files),
        },
        "files": [],
    }
    files = [file_as_dict(file) for file in run.files]
    if len(files) <= _INDENTED:
        return json.dumps({**content, "files": files}, ensure_ascii=False, indent=1) + "\n"
    lines = ",\n  ".join(json.dumps(file, ensure_ascii=False) for file in files)
    start, _, end = json.dumps(content, ensure_ascii=False, indent=1).rpartition("[]")
    return f"{start}[\n  {lines}\n ]{end}\n"


def file_as_dict(file: FileReport) -> dict[str, Any]:
    """One file's part of the JSON report."""
    return {
        "source": without_numbers(file.source),
        "output": without_numbers(file.output),
        "status": file.status,
        "message": without_numbers(file.message),
        "format": file.format,
        "policy": file.policy,
        "found": dict(file.found),
        "changed": file.changed,
        "columns": [_column_as_dict(column) for column in file.columns],
        "items": _items_as_list(file.items),
        "left": _items_as_list(file.left),
        "dropped": [without_numbers(header) for header in file.dropped],
        "generalised": [without_numbers(header) for header in file.generalised],
        "strength": dict(file.strength),
        "overrides": [
            {"rule": each.rule, "reason": without_numbers(each.reason)} for each in file.overrides
        ],
        "due": file.due,
        "retention": file.retention,
        "source_sha256": file.source_sha256,
        "output_sha256": file.output_sha256,
        "seconds": round(file.seconds, 3),
    }


def _column_as_dict(column: Column) -> dict[str, Any]:
    return {
        "table": without_numbers(column.table),
        "column": column.index,
        "header": without_numbers(column.header),
        "field": column.field,
        "entity": column.entity,
        "why": without_numbers(column.why),
        "rows": column.rows,
    }


def _items_as_list(items: Iterable[Item]) -> list[dict[str, str]]:
    return [
        {"place": without_numbers(item.place), "message": without_numbers(item.message)}
        for item in items
    ]


# --- the page -------------------------------------------------------------------------------------


# What html.escape gives; the module html takes longer to load than a page to write.
_ESCAPES = str.maketrans({"&": "&amp;", "<": "&lt;", ">": "&gt;", '"': "&quot;", "'": "&#x27;"})


class _Html(str):
    """Text that is markup already; every other text is escaped when it becomes a child."""

    __slots__ = ()


def _tag(name: str, *children: str | int, **attributes: str | int) -> _Html:
    marks = "".join(
        f' {key.rstrip("_")}="{str(v).translate(_ESCAPES)}"' for key, v in attributes.items()
    )
    inner = "".join(
        child if isinstance(child, _Html) else str(child).translate(_ESCAPES) for child in children
    )
    return _Html(f"<{name}{marks}>{inner}</{name}>")


def _table(heads: Sequence[str], rows: Iterable[Sequence[str | int]], class_: str) -> _Html:
    head = _tag("tr", *(_tag("th", text) for text in heads))
    body = (_tag("tr", *(_tag("td", cell) for cell in row)) for row in rows)
    return _tag("table", _tag("thead", head), _tag("tbody", *body), class_=class_)


def _rest(total: int, shown: int, unit: str) -> _Html:
    if total <= shown:
        return _Html("")
    return _tag("p", f"其余 {total - shown} {unit}没有列在这一页上", class_="rest")


def review_record(run: Run) -> str:
    """What ``deid review verify`` needs, as JSON in the page: every file's digests, also of those
    that the page has no room for. A function of the run alone, so that its check number is too."""
    files = [
        {
            "source": without_numbers(file.source),
            "output": without_numbers(file.output),
            "status": file.status,
            "source_sha256": file.source_sha256,
            "output_sha256": file.output_sha256,
        }
        for file in run.files
    ]
    content = {"schema": REVIEW_SCHEMA, "created": run.created, "files": files}
    record = json.dumps(content, ensure_ascii=True, separators=(",", ":"))
    return record.replace("<", "\\u003c")  # no text may end the script element that holds it


def check_number(record: str) -> str:
    """The number printed on the sheet that ties the signed paper to the page's record: the first 64
    bits of its SHA-256 in hexadecimal, in groups of four.

    >>> check_number("{}")
    '4413-6fa3-55b3-678a'
    """
    digest = hashlib.sha256(record.encode("utf-8")).hexdigest()
    return "-".join(digest[at : at + 4] for at in range(0, 16, 4))


def to_html(run: Run, *, json_sha256: str = "") -> str:
    """公开前审查单: one printable A4 page, readable without any other file."""
    dense = len(run.files) > 2 or len(_to_look_at(run)) > 8
    body = _tag(
        "main",
        _heading(run),
        _verdict(run),
        _matter(run),
        _files(run),
        _tag("div", _entities(run), _columns(run), class_="pair"),
        _strength(run),
        _looks(run),
        _overrides(run),
        _signatures(),
        _footer(run, json_sha256),
        class_="dense" if dense else "wide",
    )
    record = review_record(run)
    body = _Html(f'{body}\n<script type="application/json" id="{RECORD_ID}">{record}</script>')
    head = (
        '<!doctype html>\n<html lang="zh-CN">\n<head>\n<meta charset="utf-8">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        f"<title>公开前审查单</title>\n<style>{_CSS}</style>\n</head>\n"
    )
    return f"{head}<body>\n{body}\n</body>\n</html>\n"


def _heading(run: Run) -> _Html:
    return _tag(
        "header",
        _tag("h1", "公开前审查单"),
        _tag("p", f"公示名单个人信息遮盖情况　{run.created[:16].replace('T', ' ')}"),
    )


def _verdict(run: Run) -> _Html:
    status = conclusion(run.files)
    counts = Counter(file.status for file in run.files)
    parts = [f"{counts[key]} 份{label}" for key, label in LABELS.items() if counts[key]]
    changed = sum(file.changed for file in run.files)
    advice = {
        "publish": "已遮盖并复核，没有发现遗留。",
        "look": "已写出；下面列出的地方须有人看过后才能公开。",
        "refused": "不可发布的文件没有写出，原因见下。",
        "unreadable": "读不了的文件没有写出，原因见下。",
    }[status]
    label = LABELS["refused" if status == "unreadable" else status]
    told = f"共 {len(run.files)} 份文件：{'，'.join(parts)}；遮盖 {changed} 处。{advice}"
    return _tag("section", _tag("strong", label), _tag("p", told), class_=f"verdict {status}")


def _files(run: Run) -> _Html:
    # What cannot be published comes first: a long run must not push it off the page.
    order = list(LABELS)
    worst = sorted(run.files, key=lambda file: -order.index(file.status))
    rows = [
        (
            _name_and_reason(file),
            _tag("span", LABELS[file.status], class_=file.status),
            file.changed,
            _digests(file),
        )
        for file in worst[:_FILES]
    ]
    table = _table(("文件", "结论", "遮盖", "SHA-256（原件 / 输出）"), rows, "files")
    return _tag("section", _tag("h2", "文件"), table, _rest(len(worst), _FILES, "份文件"))


def _name_and_reason(file: FileReport) -> _Html:
    reason = _tag("small", _short(file.message, 46)) if file.message else _Html("")
    return _tag("div", _short(file.source, 44), reason)


def _digests(file: FileReport) -> _Html:
    digests = (file.source_sha256 or "—", file.output_sha256 or "未写出")
    return _tag("code", digests[0], _Html("<br>"), digests[1])


def _entities(run: Run) -> _Html:
    found = total_found(run.files)
    rows = [(run.labels.get(e, e), n, run.rules.get(e, "")) for e, n in found.items()]
    shown = rows[: _COLUMNS * 2]
    table = _table(("内容", "处数", "处理"), shown, "counts") if rows else _tag("p", "没有发现。")
    rest = _rest(len(rows), len(shown), "种")
    return _tag("section", _tag("h2", "发现与处理"), table, rest)


def _columns(run: Run) -> _Html:
    """Columns of the same title and entity are one line: a run has the same list many times."""
    rows: Counter[tuple[str, str]] = Counter()
    for file in run.files:
        for column in file.columns:
            if label := run.labels.get(column.entity):  # a column of names is no entity
                rows[_short(column.header.strip(), 16) or f"第 {column.index + 1} 列", label] += (
                    column.rows
                )
    lines = [(title, label, count) for (title, label), count in rows.items()]
    shown = lines[:_COLUMNS]
    table = (
        _table(("列", "判为", "遮盖行数"), shown, "counts") if lines else _tag("p", "没有成列的。")
    )
    return _tag("section", _tag("h2", "按列判断"), table, _rest(len(lines), _COLUMNS, "列"))


def _to_look_at(run: Run) -> list[tuple[FileReport, Item]]:
    return [(file, item) for file in run.files for item in (*file.left, *file.items)]


def _looks(run: Run) -> _Html:
    found = _to_look_at(run)
    many = len(run.files) > 1
    lines = []
    shown = _ITEMS_OF_MANY if many else _ITEMS
    for file, item in found[:shown]:
        place = _short(item.place, 28)
        where = f"{_short(Path(file.source).name, 16)} {place}" if many else place
        head = _tag("b", where) + " " if where.strip() else _Html("")
        lines.append(_tag("li", _Html(head), _short(item.message, 36)))
    told = _tag("ul", *lines, class_="many" if len(lines) > 6 else "few")
    if not found:
        told = _tag("p", "没有需要人工查看的地方。")
    title = _tag("h2", f"需要查看（{len(found)} 处）")
    return _tag("section", title, told, _rest(len(found), shown, "处"))


def _matter(run: Run) -> _Html:
    """What is published, on what basis, where and how long: what a signature answers for."""
    name = f"{run.policy_label}（{run.policy}）" if run.policy_label else run.policy
    where = "，".join(filter(None, (run.channel, run.level)))
    rows = [
        ("公示规则", name),
        ("依据", _cut(run.basis, 120)),
        ("渠道", where),
        ("公开对象", _for_whom(run.audience)),
        ("应公开日", run.due),
        ("公示期限", run.retention),
        ("删去的列", _headers(file.dropped for file in run.files)),
        ("归并的列", _headers(file.generalised for file in run.files)),
    ]
    told = [_tag("dt", head) + _tag("dd", text) for head, text in rows if text]
    return _tag("section", _tag("dl", *map(_Html, told)), class_="matter")


def _for_whom(audience: str) -> str:
    """A list for some people only says so at its foot."""
    return f"{audience}；公开件页脚请注明“仅限{audience}查阅”" if audience else ""


def _headers(files: Iterable[Iterable[str]]) -> str:
    titles = dict.fromkeys(_short(title.strip(), 16) for file in files for title in file)
    return _cut("、".join(titles), 90)


def _strength(run: Run) -> _Html:
    """How many rows would stand up to somebody who tries to work out the masked numbers."""
    counts = total_strength(run.files)
    if not counts:
        return _Html("")
    total = sum(counts.values())
    rows = [
        (
            _tag("b", grade),
            meaning,
            counts[grade],
            _tag(
                "i", "", style=f"width:{100 * counts[grade] / total:.1f}%", class_=f"grade{grade}"
            ),
        )
        for grade, meaning in GRADES.items()
    ]
    table = _table(("等级", "凭表上内容推出遮去的号码", "行数", ""), rows, "strength")
    return _tag("section", _tag("h2", f"遮盖强度（{total} 行）"), table)


def _overrides(run: Run) -> _Html:
    found = [(file, each) for file in run.files for each in file.overrides]
    if not found:
        return _Html("")
    lines = [
        _tag(
            "li",
            _tag("b", _short(Path(file.source).name, 24)),
            f" {_short(each.rule, 60)}　理由：{_short(each.reason, 120)}",
        )
        for file, each in found[:_FILES]
    ]
    title = _tag("h2", f"不按规则处理（{len(found)} 项，须负责人确认）")
    return _tag("section", title, _tag("ul", *lines), _rest(len(found), _FILES, "项"))


def _signatures() -> _Html:
    people = ("经办人", "审核人", "单位负责人")
    boxes = (
        _tag("div", _tag("b", who), _tag("span", "签名"), _tag("span", "日期")) for who in people
    )
    return _tag("section", *boxes, class_="sign")


def _footer(run: Run, json_sha256: str) -> _Html:
    link = _Html("")
    if json_sha256:
        link = _tag("span", "完整记录 deid-report.json，SHA-256 ", _tag("code", json_sha256))
    number = f"核对码 {check_number(review_record(run))}"
    told = f"deid {run.version}　本单不含名单内容。{number}（deid review verify 核对）"
    return _tag("footer", _tag("span", told), link)


def _short(text: str, most: int) -> str:
    """A text that comes from a file: no long number, no more than fits."""
    return _cut(without_numbers(text), most)


def _cut(text: str, most: int) -> str:
    return text if len(text) <= most else f"{text[: most - 1]}…"


_CSS = """
@page { size: A4; margin: 10mm 14mm }
* { box-sizing: border-box }
html { font: 9.5pt/1.45 "Source Han Sans SC", "Noto Sans CJK SC", "Microsoft YaHei", "PingFang SC",
  sans-serif; color: #1b1f24; background: #eceff1; -webkit-print-color-adjust: exact;
  print-color-adjust: exact }
body { margin: 0 }
main { width: 210mm; min-height: 297mm; margin: 8mm auto; padding: 12mm 14mm; background: #fff;
  display: flex; flex-direction: column; box-shadow: 0 1px 6px #0003 }
header { display: flex; justify-content: space-between; align-items: baseline;
  border-bottom: 2px solid #1b1f24; padding-bottom: 1.5mm }
h1 { font-size: 19pt; letter-spacing: .12em; margin: 0 }
header p { margin: 0; color: #57606a }
h2 { font-size: 10pt; margin: 4mm 0 1.2mm; padding-left: 2mm; border-left: 3px solid #57606a;
  line-height: 1.15 }
p { margin: 0 0 1mm }
.verdict { display: flex; align-items: center; gap: 6mm; margin-top: 4mm; padding: 3mm 5mm;
  border: 2px solid; border-radius: 2mm }
.verdict strong { font-size: 18pt; white-space: nowrap; letter-spacing: .06em }
.verdict p { margin: 0; color: #1b1f24 }
.publish { color: #1a6b35 } .look { color: #9a5b00 } .refused, .unreadable { color: #b3191f }
.verdict.publish { background: #eaf6ec } .verdict.look { background: #fff5e0 }
.verdict.refused, .verdict.unreadable { background: #fdecec }
table { width: 100%; border-collapse: collapse }
th, td { text-align: left; vertical-align: top; padding: .7mm 1.5mm; border-bottom: 1px solid #d0d7de;
  overflow-wrap: anywhere }
th { font-weight: 600; color: #57606a; white-space: nowrap }
.files td:nth-child(2), .files td:nth-child(3) { white-space: nowrap }
.files td:nth-child(3), .counts td:nth-child(2) { font-variant-numeric: tabular-nums }
.files span { font-weight: 600 }
small { display: block; color: #57606a }
code { font: 6.6pt/1.5 "DejaVu Sans Mono", Consolas, Menlo, monospace; white-space: nowrap }
.dense { font-size: 8pt; line-height: 1.35 }
.dense h2 { margin-top: 2.6mm; font-size: 9pt } .dense .verdict { margin-top: 3mm; padding: 2mm 5mm }
.dense th, .dense td { padding: .4mm 1.5mm } .dense .sign span { height: 7mm }
.matter dl { display: grid; grid-template-columns: max-content 1fr max-content 1fr; gap: .4mm 3mm;
  margin: 3mm 0 0 }
.matter dt { color: #57606a } .matter dd { margin: 0; overflow-wrap: anywhere }
.strength td:nth-child(3) { font-variant-numeric: tabular-nums; text-align: right }
.strength td:last-child { width: 40% } .strength i { display: block; height: 3mm; min-width: 0 }
.gradeA { background: #1a6b35 } .gradeB { background: #7aa93c } .gradeC { background: #c98200 }
.gradeD { background: #b3191f }
.pair { display: grid; grid-template-columns: 1fr 1fr; gap: 0 8mm }
ul { margin: 0; padding: 0; list-style: none }
ul.many { columns: 2; column-gap: 8mm }
li { break-inside: avoid; padding-left: 5mm; text-indent: -5mm; overflow-wrap: anywhere }
li::before { content: "□"; display: inline-block; width: 5mm; text-indent: 0 }
.rest { color: #57606a; margin-top: .8mm }
.sign { display: grid; grid-template-columns: repeat(3, 1fr); margin-top: auto; border: 1px solid #57606a;
  break-inside: avoid; transform: translateY(-1mm) }
.sign div { display: grid; gap: 1mm; padding: 2mm 3mm 3mm }
.sign div + div { border-left: 1px solid #57606a }
.sign span { color: #57606a; border-bottom: 1px solid #8c959f; height: 8.5mm; display: flex;
  align-items: end }
footer { display: flex; justify-content: space-between; align-items: baseline; gap: 4mm;
  color: #57606a; font-size: 7.5pt; margin-top: 2mm; flex-wrap: wrap }
@media print { html { background: #fff } main { width: auto; min-height: 272mm; margin: 0; padding: 0;
  box-shadow: none } }
@media screen and (max-width: 800px) { main { width: auto; margin: 0; padding: 5mm } .dense { font-size: 8pt; line-height: 1.35 }
.dense h2 { margin-top: 2.6mm; font-size: 9pt } .dense .verdict { margin-top: 3mm; padding: 2mm 5mm }
.dense th, .dense td { padding: .4mm 1.5mm } .dense .sign span { height: 7mm }
.pair { display: block }
  code { white-space: normal; overflow-wrap: anywhere } }
"""
