"""The report as JSON and as the page that is signed: complete, escaped, one page, no content."""

from __future__ import annotations

import datetime
import hashlib
import json
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path

import pytest

from deid.audit import audit_files
from deid.model import Column, FileReport, Item, Override
from deid.pipeline import mask_file
from deid.policy import load_policy
from deid.report import (
    LABELS,
    Run,
    conclusion,
    rule,
    to_html,
    to_json,
    total_found,
    without_numbers,
    write_reports,
)
from deid.runs import run_of

PERSON = "11010519491231002X"  # printed in GB 11643-1999 as a sample
FILE = FileReport(
    source="低保/名单.xlsx",
    output="低保/名单.xlsx",
    status="look",
    message="有一张图片",
    format="xlsx",
    policy="general",
    found={"CN_MOBILE": 2, "CN_RESIDENT_ID": 3},
    changed=5,
    columns=(Column("Sheet1", 2, "身份证号", "id", "CN_RESIDENT_ID", "表头", 3),),
    items=(Item("Sheet1!C5", "身份证号列中有一格不像身份证号"),),
    source_sha256="a" * 64,
    output_sha256="b" * 64,
    seconds=0.12345,
    dropped=("残疾类别",),
    generalised=("年龄",),
    strength={"A": 3, "B": 1},
    overrides=(Override("本事项不公示名单", "县民政局已书面同意"),),
)
RUN = Run(
    files=[FILE],
    policy="general",
    policy_label="通用公示规则",
    basis="个人信息保护法",
    channel="政府网站",
    labels={"CN_MOBILE": "移动电话号码", "CN_RESIDENT_ID": "居民身份证号码"},
    rules={"CN_MOBILE": "留前 3 位，其余遮盖", "CN_RESIDENT_ID": "留前 6 位，其余遮盖"},
    version="0.1.0",
    created="2026-11-22T09:30:00+08:00",
)


class Outline(HTMLParser):
    """Tags, attributes and text of a page; complains about tags that do not match."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.stack: list[str] = []
        self.links: list[str] = []
        self.items = 0
        self.text = ""
        self.feed(page)
        assert not self.stack

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.links += [str(value) for name, value in attrs if name in ("src", "href")]
        self.items += tag == "li"
        if tag not in ("meta", "br"):
            self.stack.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.stack.pop() == tag

    def handle_data(self, data: str) -> None:
        self.text += data


def files(*statuses: str) -> list[FileReport]:
    return [replace(FILE, status=status) for status in statuses]


@pytest.mark.parametrize(
    ("statuses", "expected"),
    [
        ((), "publish"),
        (("publish", "publish"), "publish"),
        (("publish", "look"), "look"),
        (("look", "refused", "publish"), "refused"),
        (("refused", "unreadable"), "unreadable"),
    ],
)
def test_conclusion(statuses: tuple[str, ...], expected: str) -> None:
    assert conclusion(files(*statuses)) == expected


def test_total_found_is_most_frequent_first() -> None:
    found = total_found([FILE, replace(FILE, found={"CN_MOBILE": 9})])
    assert list(found.items()) == [("CN_MOBILE", 11), ("CN_RESIDENT_ID", 3)]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (f"名单{PERSON}.csv", "名单" + "*" * 18 + ".csv"),
        ("电话13800138000", "电话" + "*" * 11),
        ("138 0013 8000.csv", "*" * 13 + ".csv"),
        ("110105-19491231-002x", "*" * 20),
        ("６２１７００１２３４５６７８９０", "*" * 16),
        ("\ud800.csv", "?.csv"),
    ],
)
def test_without_numbers(text: str, expected: str) -> None:
    assert without_numbers(text) == expected


@pytest.mark.parametrize(
    "text",
    ["2024年第3季度", "导出20241122103000.xlsx", "202411221030", "2024-11-22 10:30", "R1000000C12"],
)
def test_without_numbers_noop(text: str) -> None:
    assert without_numbers(text) == text


@pytest.mark.parametrize(
    ("operator", "options", "told"),
    [
        ("keep", {}, "保留"),
        ("mask", {}, "全部遮盖"),
        ("mask", {"first": 3, "last": 4}, "留前 3 位、后 4 位，其余遮盖"),
        ("generalize_address", {}, "留到村（社区），其余遮盖"),
        ("generalize_address", {"level": "town"}, "留到乡镇（街道），其余遮盖"),
        ("of_tomorrow", {}, "of_tomorrow"),
    ],
)
def test_rule(operator: str, options: dict[str, object], told: str) -> None:
    assert rule(operator, options) == told


def test_json() -> None:
    content = json.loads(to_json(RUN))
    assert content["schema"] == "deid-report/1"
    assert content["conclusion"] == "look"
    assert content["policy"] == {
        "name": "general",
        "label": "通用公示规则",
        "basis": "个人信息保护法",
        "operators": dict(RUN.rules),
        **{"channel": "政府网站", "level": "", "audience": "", "due": "", "retention": ""},
    }
    assert content["totals"] == {
        "files": 1,
        "publish": 0,
        "look": 1,
        "refused": 0,
        "unreadable": 0,
        "found": {"CN_RESIDENT_ID": 3, "CN_MOBILE": 2},
        "changed": 5,
        "strength": {"A": 3, "B": 1, "C": 0, "D": 0},
    }
    (file,) = content["files"]
    assert file["items"] == [{"place": "Sheet1!C5", "message": "身份证号列中有一格不像身份证号"}]
    assert file["columns"][0]["header"] == "身份证号"
    assert (file["source_sha256"], file["output_sha256"]) == ("a" * 64, "b" * 64)
    assert file["dropped"] == ["残疾类别"]
    assert file["overrides"] == [{"rule": "本事项不公示名单", "reason": "县民政局已书面同意"}]
    assert set(content["versions"]) == {"deid", "python"}


def test_page_says_everything() -> None:
    page = to_html(RUN, json_sha256="c" * 64)
    text = Outline(page).text
    for told in (
        *("公开前审查单", "需人工查看", "低保/名单.xlsx", "有一张图片", "居民身份证号码"),
        *("留前 6 位，其余遮盖", "身份证号", "Sheet1!C5", "身份证号列中有一格不像身份证号"),
        *("通用公示规则", "个人信息保护法", "a" * 64, "b" * 64, "c" * 64),
        *("政府网站", "残疾类别", "年龄", "遮盖强度（4 行）", "很难推出"),
        *("本事项不公示名单", "理由：县民政局已书面同意"),
        *("经办人", "审核人", "单位负责人", "2026-11-22 09:30", "deid 0.1.0"),
    ):
        assert told in text


@pytest.mark.parametrize("status", LABELS)
def test_page_shows_the_conclusion(status: str) -> None:
    text = Outline(to_html(replace(RUN, files=files(status)))).text
    assert ("不可发布" if status == "unreadable" else LABELS[status]) in text


EVIL = "<script>alert(1)</script>&\"'>"


def test_page_escapes_what_comes_from_files() -> None:
    column = Column(EVIL, 0, EVIL, EVIL, EVIL, EVIL, 1)
    item = Item(EVIL, EVIL)
    file = replace(FILE, source=EVIL, message=EVIL, format=EVIL, found={EVIL: 1}, left=(item,))
    file = replace(file, columns=(column,), items=(item,), source_sha256=EVIL)
    page = to_html(replace(RUN, files=[file], policy=EVIL, policy_label=EVIL, basis=EVIL))
    assert page.count("<script") == page.count("</script>") == 1  # the record, which is data
    assert '<script type="application/json"' in page
    assert EVIL[:12] in Outline(page).text


def test_page_needs_no_other_file() -> None:
    page = to_html(RUN)
    assert Outline(page).links == []
    assert "url(" not in page
    assert "@import" not in page


def test_no_long_number_reaches_a_report() -> None:
    item = Item(f"表{PERSON}!C5", f"见{PERSON}")
    column = Column(PERSON, 0, PERSON, "id", "CN_RESIDENT_ID", PERSON, 1)
    file = replace(FILE, source=f"{PERSON}.csv", output=PERSON, message=PERSON, items=(item,))
    run = replace(RUN, files=[replace(file, left=(item,), columns=(column,))])
    assert PERSON not in to_json(run) + to_html(run)


def test_page_stays_one_page() -> None:
    items = tuple(Item(f"Sheet1!C{row}", "请核对") for row in range(50))
    one = Outline(to_html(replace(RUN, files=[replace(FILE, items=items)])))
    assert one.items == 20 + 1  # and one override
    assert "其余 30 处" in one.text
    columns = tuple(Column("S", at, f"列{at}", "id", "CN_RESIDENT_ID", "", 1) for at in range(30))
    crowd = [replace(FILE, source=f"{at}.csv", status="publish") for at in range(90)]
    crowd.append(replace(FILE, source="坏.csv", status="refused", columns=columns))
    text = Outline(to_html(replace(RUN, files=crowd))).text
    assert "其余 87 份文件" in text
    assert "坏.csv" in text  # the worst come first
    assert "其余 23 列" in text


def test_empty_run() -> None:
    text = Outline(to_html(Run(files=[], policy="general"))).text
    assert "没有发现" in text
    assert "没有需要人工查看的地方" in text


def test_page_links_to_the_json_by_digest(tmp_path: Path) -> None:
    paths = write_reports(RUN, tmp_path / "out", ["html", "json"], overwrite=False)
    digest = hashlib.sha256((tmp_path / "out" / "deid-report.json").read_bytes()).hexdigest()
    assert digest in (tmp_path / "out" / "deid-report.html").read_text("utf-8")
    assert sorted(p.name for p in (tmp_path / "out").iterdir()) == sorted(p.name for p in paths)


def test_reports_are_replaced_only_when_asked(tmp_path: Path) -> None:
    for _ in range(3):
        write_reports(RUN, tmp_path, ["html"], overwrite=False)
    write_reports(RUN, tmp_path, ["html"], overwrite=True)
    names = sorted(path.name for path in tmp_path.iterdir())
    assert names == ["deid-report-1.html", "deid-report-2.html", "deid-report.html"]


@pytest.mark.parametrize(
    ("policy", "told"),
    [("edu_aid", ""), ("dibao_review", None), ("linshi", None), ("tekun", None), ("general", "")],
)
def test_a_list_for_some_people_says_so(policy: str, told: str | None) -> None:
    rules = load_policy(policy)
    run = run_of([FILE], rules, "0.1.0")
    if told is None:
        told = rules.elements["audience"]
        told = "" if told == "全社会" else told
    assert run.audience == told
    assert (f"仅限{told}查阅" in to_html(run)) is bool(told)


def test_the_foot_of_a_list_for_a_village() -> None:
    page = to_html(replace(RUN, audience="本村（社区）居民"))
    assert "公开件页脚请注明“仅限本村（社区）居民查阅”" in page


def test_no_term_is_counted_from_a_year_alone(tmp_path: Path) -> None:
    source = tmp_path / "名单.csv"
    for title, day in (("第四季度", None), ("3月", "2025年3月1日"), ("1月", "2025年1月1日")):
        source.write_text(
            f"某县2025年{title}临时救助公示\n姓名,身份证号\n张三丰,{PERSON}\n", "utf-8"
        )
        report = mask_file(source, tmp_path / "o.csv", policy=load_policy("linshi"), overwrite=True)
        today = datetime.date.today()
        formed = day or f"{today.year}年{today.month}月{today.day}日"
        assert f"自 {formed}形成" in report.due
    source.write_text("某县2025年第四季度临时救助公示\n姓名,村\n张三丰,红新村\n", "utf-8")
    (file,) = audit_files([source], policy="linshi").files
    assert (file.published, file.until) == ("", "")


@pytest.mark.parametrize("count", [0, 20, 21, 60])
def test_a_report_of_many_files_says_the_same_in_fewer_lines(count: int) -> None:
    files = [replace(FILE, source=f"名单[]{at}.csv") for at in range(count)]
    text = to_json(replace(RUN, files=files))
    content = json.loads(text)
    assert [file["source"] for file in content["files"]] == [file.source for file in files]
    assert {**content, "files": content["files"][:1]} == {
        **json.loads(to_json(replace(RUN, files=files[:1]))),
        "totals": content["totals"],
    }
    assert text.count("\n") < 110 + (count if count > 20 else 60 * count)
