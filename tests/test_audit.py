"""What published files still tell, alone and laid over each other. All numbers are made up."""

from __future__ import annotations

import datetime
import json
import os
from dataclasses import replace
from pathlib import Path

import pytest

from deid import cli
from deid.audit import AuditReport, audit_file, audit_files, file_as_dict, report_as_dict
from deid.inputs import find_tasks
from deid.model import Item
from deid.policy import Due, Retention, load_policy
from deid.published import (
    birth_pattern,
    card_pattern,
    id_pattern,
    name_pattern,
    phone_pattern,
    style,
    united,
    village_key,
)
from deid.sweep import Order, audit_tasks, summary
from tests import three_publications as three

GENERAL = load_policy("general")
# Made up; the check digits are right.
ONE = "431025194912310022"[:17]
ONE += three.check(ONE)
OTHER = "43102519600203103"
OTHER += three.check(OTHER)


def six_four(number: str) -> str:
    return number[:6] + "*" * 8 + number[-4:]


def first_14(number: str) -> str:
    return number[:14] + "****"


def listed(folder: Path, name: str, rows: str, header: str = "序号,姓名,村,身份证号,金额") -> Path:
    path = folder / name
    path.write_text(f"{header}\n{rows}\n", encoding="utf-8")
    return path


# ---------------------------------------------------------------------------- masks of every style


@pytest.mark.parametrize(
    ("text", "pattern"),
    [
        ("431025********0022", "431025????????0022"),
        ("431025××××××××0022", "431025????????0022"),
        ("431025●●●●●●●●0022", "431025????????0022"),
        ("431025■■■■■■■■0022", "431025????????0022"),
        ("431025＊＊＊＊＊＊＊＊0022", "431025????????0022"),
        ("431025○○○○○○○○0022", "431025????????0022"),
        ("431025xxxxxxxx0022", "431025????????0022"),
        ("431025XXXXXXXX002X", "431025????????002X"),
        ("431025xxxxxxxxxxxX", "431025???????????X"),
        ("431025XXXXXXXXXXXX", "431025????????????"),
        ("431025********002x", "431025????????002X"),
        ("431025****0022", "431025????????0022"),
        ("431025**********0022", "431025????????0022"),
        ("431025********002244", "431025????????????"),
        ("431025*****1234", "431025????????????"),
        ("431025************（有效期至2035.01.01）", "431025????????????"),
        ("（431025********0022）", "431025????????0022"),
        ("431025…0022", "431025????????0022"),
        ("4310**********0022", "4310??????????0022"),
        ("431025 **** **** 0022", "431025????????0022"),
        ("'431025********0022", "431025????????0022"),
        ("43102519491231****", "43102519491231????"),
        ("******************", "??????????????????"),
        ("*", "??????????????????"),
        ("431025491231002", "43102519491231002?"),
        ("431025*********", "431025????????????"),
        ("12345", ""),
        ("", ""),
    ],
)
def test_a_masked_number_is_read_in_every_style(text: str, pattern: str) -> None:
    assert id_pattern(text) == pattern


@pytest.mark.parametrize(
    ("text", "entity", "pattern"),
    [
        ("431025********002244", "CN_DISABILITY_CERT", "431025????????0022"),
        ("431025****44", "CN_DISABILITY_CERT", "431025????????????"),
        ("G431025********0022", "CN_STUDENT_NO", "431025????????0022"),
    ],
)
def test_numbers_that_hold_an_id_number(text: str, entity: str, pattern: str) -> None:
    assert id_pattern(text, entity) == pattern


@pytest.mark.parametrize(
    ("read", "text", "pattern"),
    [
        (phone_pattern, "138****5678", "138????5678"),
        (phone_pattern, "138********", "138????????"),
        (phone_pattern, "138**5678", "138????5678"),
        (phone_pattern, "0735-6321", ""),
        (phone_pattern, "138****5678、139****0000", "138????5678"),
        (card_pattern, "622202*********1234", "622202?????????1234"),
        (card_pattern, "6222", ""),
        (name_pattern, "张*三", "张?三"),
        (name_pattern, "张某某", "张~"),
        (name_pattern, "张XX", "张??"),
        (name_pattern, "张 三（户主）", "张三"),
        (village_key, "临武县武水镇红星村民委员会", "红星"),
        (village_key, "431025101-红星村", "红星"),
        (birth_pattern, "1949.12", "194912??"),
        (birth_pattern, "19491231", "19491231"),
        (birth_pattern, "1949年**月", "1949????"),
        (birth_pattern, "不详", "????????"),
        (style, "431025????????0022", "前6后4"),
        (style, "431025??12????0022", "前6后4及中间"),
        (style, "??????1949????????", "露中间"),
        (style, "431025194912310022", "未遮盖"),
    ],
)
def test_what_other_cells_show(read, text: str, pattern: str) -> None:  # type: ignore[no-untyped-def]
    assert read(text) == pattern


def test_patterns_that_contradict_do_not_unite() -> None:
    assert united("431025??", "431026??") is None
    assert united("12??", "1???2") is None
    assert united("12??", "") == "12??"


# --------------------------------------------------------------------------------------- one file


def test_a_file_with_everything_in_plain(tmp_path: Path) -> None:
    path = listed(tmp_path, "名单.csv", f"1,张春花,红星村,{ONE},300\n2,李秋实,红星村,{OTHER},300")
    audit, _ = audit_file(path, policy=GENERAL)
    assert audit.status == "found"
    assert dict(audit.left) == {"CN_RESIDENT_ID": 2}
    assert [item.place for item in audit.items if "没有遮盖" in item.message] == ["R1C3", "R2C3"]
    assert ONE not in json.dumps(file_as_dict(audit), ensure_ascii=False)


def test_a_well_masked_list_is_clean(tmp_path: Path) -> None:
    path = listed(tmp_path, "a.csv", f"1,张春花,红星村,{ONE[:6]}{'*' * 12},300")
    audit, _ = audit_file(path, policy=GENERAL)
    assert (audit.status, dict(audit.grades)) == ("clean", {"A": 1, "B": 0, "C": 0, "D": 0})
    assert audit.items == ()


def test_an_age_beside_the_mask_lowers_the_grade(tmp_path: Path) -> None:
    header = "序号,姓名,年龄,村,身份证号,金额"
    path = listed(tmp_path, "a.csv", f"1,张春花,76,红星村,{six_four(ONE)},300", header)
    audit, _ = audit_file(path, policy=GENERAL)
    assert audit.status == "found"
    assert audit.grades["C"] == 1
    assert "C 级" in audit.items[0].message


@pytest.mark.parametrize("hidden", ["*", "×", "●", "■", "＊", "○", "x"])
def test_a_mask_of_four_is_weak_in_every_style(tmp_path: Path, hidden: str) -> None:
    rows = "\n".join(
        f"{at},张春{c},红星村,{ONE[:14]}{hidden * 4},300" for at, c in enumerate("花草树木")
    )
    audit, _ = audit_file(listed(tmp_path, "a.csv", rows), policy=GENERAL)
    assert [(mask.style, mask.rows) for mask in audit.masks] == [("前14", 4)]
    assert audit.grades["B"] == 4


def test_a_column_masked_in_two_ways_is_told(tmp_path: Path) -> None:
    rows = [f"{at},张春{c},红星村,{six_four(ONE)},300" for at, c in enumerate("花草树木山水")]
    rows[3] = f"3,张春木,红星村,{first_14(ONE)},300"
    audit, _ = audit_file(listed(tmp_path, "a.csv", "\n".join(rows)), policy=GENERAL)
    assert [(mask.style, mask.rows, mask.place) for mask in audit.masks] == [
        ("前6后4", 5, "R1C3"),
        ("前14", 1, "R4C3"),
    ]


def test_example_names_are_hinted_and_not_blamed(tmp_path: Path) -> None:
    names = ("张吉惟", "林国瑞", "林玟书", "林雅南", "江奕云")
    rows = "\n".join(f"{at},{name},红星村,100" for at, name in enumerate(names))
    audit, _ = audit_file(listed(tmp_path, "a.csv", rows, "序号,姓名,村,金额"), policy=GENERAL)
    assert (audit.status, audit.examples, len(audit.hints)) == ("clean", 5, 5)


@pytest.mark.parametrize(
    ("today", "overdue"), [("2026-03-17", False), ("2026-03-18", True), ("2027-01-01", True)]
)
def test_a_list_past_its_retention(tmp_path: Path, today: str, overdue: bool) -> None:
    policy = replace(GENERAL, due=Due(period=7), retention=Retention("period"))
    path = listed(tmp_path, "公示20260306.csv", "1,张春花,红星村,300", "序号,姓名,村,金额")
    audit, _ = audit_file(path, policy=policy, today=datetime.date.fromisoformat(today))
    assert (audit.published, audit.until) == ("2026-03-06", "2026-03-17")
    assert (audit.overdue, audit.status == "found") == (overdue, overdue)


def test_the_day_of_publication_may_be_given(tmp_path: Path) -> None:
    policy = replace(
        GENERAL, due=Due(period=5, period_days="calendar"), retention=Retention("days", 30)
    )
    path = listed(tmp_path, "a.csv", "1,张春花,红星村,300", "序号,姓名,村,金额")
    day = datetime.date(2026, 1, 1)
    audit, _ = audit_file(path, policy=policy, published=day, today=datetime.date(2026, 1, 2))
    assert audit.until == "2026-02-05"


def test_columns_that_the_policy_does_not_allow(tmp_path: Path) -> None:
    policy = replace(GENERAL, only=frozenset(("seq_no", "name", "school")))
    header = "序号,姓名,学校,家庭住址"
    rows = "1,张春花,第一中学,红星村\n2,李秋实,第一中学,红星村"
    audit, _ = audit_file(listed(tmp_path, "a.csv", rows, header), policy=policy)
    assert [item.place for item in audit.items if "不得公开" in item.message] == ["第4列"]


def test_a_list_that_is_never_published(tmp_path: Path) -> None:
    path = listed(tmp_path, "孤儿名单.csv", "1,张春花,红星村,300", "序号,姓名,村,金额")
    for policy in (GENERAL, load_policy("orphan"), None):
        audit, _ = audit_file(path, policy=policy, today=datetime.date(2026, 1, 1))
        assert (audit.status, audit.matter) == ("found", "orphan")
        assert "公示" in audit.items[0].message


def test_the_matter_of_the_title_may_choose_the_policy(tmp_path: Path) -> None:
    title = "第一中学2026年春季学生资助公示（2026年3月2日）,,,\n序号,姓名,学校,家庭住址"
    path = listed(tmp_path, "a.csv", "1,张春花,第一中学,红星村\n2,李秋实,第一中学,红星村", title)
    report = audit_files([path], policy=None, today=datetime.date(2026, 3, 3))
    assert (report.files[0].policy, report.policy) == ("edu_aid", "auto")
    assert any("家庭住址" in item.message for item in report.items)
    assert not report.files[0].overdue
    late = audit_files([path], policy="edu_aid", today=datetime.date(2026, 6, 3))
    assert late.files[0].overdue


@pytest.mark.parametrize(
    ("name", "status"),
    [("a.jpg", "unsupported"), ("a.xlsx", "unreadable"), ("b.csv", "unreadable")],
)
def test_what_cannot_be_read_is_told(tmp_path: Path, name: str, status: str) -> None:
    path = tmp_path / name
    if name != "b.csv":
        path.write_bytes(b"no such thing")
    audit, people = audit_file(path, policy=GENERAL)
    assert (audit.status, people) == (status, None)
    assert audit.message


def test_a_report_holds_no_content(tmp_path: Path) -> None:
    one = listed(tmp_path, "a.csv", f"1,张春花,红星村,{six_four(ONE)},300")
    other = listed(tmp_path, "b.csv", f"1,张春花,红星村,{first_14(ONE)},300")
    told = json.dumps(report_as_dict(audit_files([one], [other])), ensure_ascii=False)
    for secret in ("张春花", "红星", ONE[-4:], ONE[6:14]):
        assert secret not in told


def test_nothing_that_may_be_logged_shows_content(tmp_path: Path) -> None:
    path = listed(tmp_path, "a.csv", f"1,张春花,红星村,{six_four(ONE)},300")
    _, publication = audit_file(path, policy=GENERAL)
    assert publication
    told = repr(publication) + repr(publication.people) + repr(publication.people[0].facts)
    assert "张春花" not in told
    assert "红星" not in told
    assert ONE[-4:] not in told


# ------------------------------------------------------------------------------ several publications


def laid_over(folder: Path, *rows: str, header: str = "序号,姓名,村,身份证号,金额") -> AuditReport:
    """The audit of publications with these rows."""
    paths = [listed(folder, f"p{at}.csv", text, header) for at, text in enumerate(rows)]
    return audit_files(paths[:1], paths[1:])


def test_two_masks_make_one_number(tmp_path: Path) -> None:
    report = laid_over(
        tmp_path, f"1,张春花,红星村,{six_four(ONE)},300", f"1,张春花,红星村,{first_14(ONE)},300"
    )
    assert report.union
    assert (report.union.unique, report.union.unique_alone, report.union.inconsistent) == (1, 0, 1)
    assert dict(report.union.grades_after) == {"A": 0, "B": 0, "C": 0, "D": 1}
    assert report.items[0] == Item(
        "p0.csv R1C3；p1.csv R1C3", "各份拼在一起能确定证件号，只有 1 个号码符合"
    )
    assert report.status == "found"


def test_the_same_mask_twice_reveals_nothing_more(tmp_path: Path) -> None:
    row = f"1,张春花,红星村,{ONE[:6]}{'*' * 12},300"
    report = laid_over(tmp_path, row, row)
    assert report.union
    assert (report.union.aligned, report.union.unique, report.status) == (1, 0, "clean")


def test_a_birth_date_in_another_publication_completes_the_number(tmp_path: Path) -> None:
    one = listed(tmp_path, "a.csv", f"1,张春花,红星村,{six_four(ONE)},300")
    other = listed(
        tmp_path, "b.csv", "张春花,红星村,1949-12-31\n李秋实,红星村,1960-02-03", "姓名,村,出生日期"
    )
    union = audit_files([one], [other]).union
    assert union
    assert (union.aligned, union.unique, union.downgraded) == (1, 1, 1)


def test_a_phone_and_an_account_become_whole(tmp_path: Path) -> None:
    header = "姓名,村,联系电话,银行账号"
    report = laid_over(
        tmp_path,
        "张春花,红星村,138****5678,622202*********1234",
        "张春花,红星村,1380013****,622202123456789****",
        header=header,
    )
    assert report.union
    assert dict(report.union.numbers) == {"CN_BANK_CARD": 1, "CN_MOBILE": 1}


def test_digits_that_contradict_are_not_united(tmp_path: Path) -> None:
    report = laid_over(
        tmp_path, f"1,张春花,红星村,{six_four(ONE)},300", f"1,张春花,红星村,440{'*' * 15},300"
    )
    assert report.union
    assert (report.union.conflicts, report.union.aligned) == (1, 0)


def test_a_wrong_check_digit_is_a_contradiction(tmp_path: Path) -> None:
    assert not three.crossed(ONE, OTHER)
    report = laid_over(
        tmp_path, f"1,张春花,红星村,{first_14(ONE)},300", f"1,张春花,红星村,{six_four(OTHER)},300"
    )
    assert report.union
    assert (report.union.conflicts, report.union.unique) == (1, 0)


def test_other_villages_are_other_people(tmp_path: Path) -> None:
    report = laid_over(
        tmp_path, f"1,张春花,红星村,{six_four(ONE)},300", f"1,张春花,东风村,{first_14(ONE)},300"
    )
    assert report.union
    assert (report.union.aligned, report.union.conflicts, report.union.persons) == (0, 0, 2)


def test_namesakes_are_told_apart_by_the_amount(tmp_path: Path) -> None:
    hidden = "*" * 12
    report = laid_over(
        tmp_path,
        f"1,张春花,红星村,431025{hidden},300\n2,张春花,红星村,431025{hidden},450",
        f"1,张春花,红星村,431025{hidden},450\n2,张春花,红星村,431025{hidden},300",
    )
    assert report.union
    assert (report.union.aligned, report.union.resolved, report.union.ambiguous) == (2, 2, 0)


def test_namesakes_that_nothing_tells_apart_are_left_apart(tmp_path: Path) -> None:
    rows = "\n".join(f"{at},张春花,红星村,431025{'*' * 12},300" for at in (1, 2))
    report = laid_over(tmp_path, rows, rows)
    assert report.union
    assert (report.union.aligned, report.union.ambiguous) == (0, 4)


def test_a_masked_name_is_found_by_village_and_what_it_shows(tmp_path: Path) -> None:
    report = laid_over(
        tmp_path,
        f"1,张春花,红星村,{six_four(ONE)},300\n2,李秋实,红星村,{six_four(OTHER)},300",
        f"1,张*花,红星村,{first_14(ONE)},300\n2,李某某,红星村,{first_14(OTHER)},300",
    )
    assert report.union
    assert (report.union.masked_names, report.union.unique) == (2, 2)


def test_tables_with_other_columns_and_formats(tmp_path: Path) -> None:
    one = listed(tmp_path, "a.csv", f"1,张春花,红星村,{six_four(ONE)},300\n2,李秋实,红星村,,300")
    page = tmp_path / "b.html"
    page.write_text(
        "<meta charset=utf-8><table><tr><th>证件号码</th><th>家庭住址</th><th>户主</th></tr>"
        f"<tr><td>{ONE[:14]}●●●●</td><td>武水镇红星村***</td><td>张春花</td></tr>"
        f"<tr><td>{OTHER[:14]}●●●●</td><td>武水镇红星村***</td><td>李秋实</td></tr></table>",
        encoding="utf-8",
    )
    union = audit_files([one], [page]).union
    assert union
    assert (union.aligned, union.unique) == (2, 1)


PEOPLE = [("张春花", ONE), ("李秋实", OTHER)]
LINES = "红星村低保公示\n" + "\n".join(f"{n} {first_14(i)}" for n, i in PEOPLE * 2)
PROSE = "".join(f"<p>{n}，身份证号{first_14(i)}，每月三百元。</p>" for n, i in PEOPLE)


@pytest.mark.parametrize(
    ("name", "text"),
    [
        (
            "b.csv",
            "姓名,村,证件号\n" + "\n".join(f"*{n[1:]},红星村,{first_14(i)}" for n, i in PEOPLE),
        ),
        (
            "b.csv",
            "\n".join(f"姓名,{n},身份证号,{first_14(i)}\n村,红星村,金额,3" for n, i in PEOPLE),
        ),
        ("b.csv", "\n".join(f"{n},红星村,{first_14(i)},300" for n, i in PEOPLE * 2)),
        ("红星村.csv", "姓名,证件号码\n" + "\n".join(f"{n},{first_14(i)}" for n, i in PEOPLE)),
        ("b.txt", LINES),
        ("b.html", f"<meta charset=utf-8><h1>红星村公示</h1>{PROSE}"),
        (
            "b.csv",
            "户主姓名,户主身份证号,家庭成员,成员身份证号,村\n"
            f"张春花,{first_14(ONE)},李秋实,{first_14(OTHER)},红星村",
        ),
        (
            "b.csv",
            "村,家庭成员,成员身份证号\n"
            f'红星村,"张春花、李秋实","{first_14(ONE)}、{first_14(OTHER)}"',
        ),
    ],
    ids=[
        "first hidden",
        "form",
        "no header",
        "file name",
        "lines",
        "prose",
        "household",
        "one cell",
    ],
)
def test_persons_are_found_however_a_list_is_laid_out(tmp_path: Path, name: str, text: str) -> None:
    one = listed(tmp_path, "a.csv", "\n".join(f"1,{n},红星村,{six_four(i)},300" for n, i in PEOPLE))
    other = tmp_path / name
    other.write_text(text, encoding="utf-8")
    union = audit_files([one], [other]).union
    assert union
    assert (union.aligned, union.unique) == (2, 2)


def test_a_birth_month_in_the_column_of_numbers_counts(tmp_path: Path) -> None:
    one = listed(tmp_path, "a.csv", f"1,张春花,红星村,{six_four(ONE)},300")
    rows = "张春花,红星村,1949.12\n李秋实,红星村,1960.02"
    other = listed(tmp_path, "b.csv", rows, "姓名,村,身份证号/出生年月")
    union = audit_files([one], [other]).union
    assert union
    assert (union.downgraded, union.grades_after["D"]) == (1, 1)


def test_one_person_masked_in_two_ways_in_one_table(tmp_path: Path) -> None:
    twice = f"1,张春花,红星村,{six_four(ONE)},300\n2,张春花,红星村,{first_14(ONE)},300"
    report = laid_over(tmp_path, twice, f"1,李秋实,红星村,{six_four(OTHER)},300")
    assert report.union
    assert (report.union.unique, report.union.listed_twice) == (1, 1)


def test_the_same_file_twice_is_one_publication(tmp_path: Path) -> None:
    path = listed(tmp_path, "a.csv", f"1,张春花,红星村,{six_four(ONE)},300")
    report = audit_files([path], [path])
    assert report.union
    assert (len(report.files), report.union.aligned) == (1, 0)


def test_files_of_one_name_are_named_apart(tmp_path: Path) -> None:
    for name in ("web", "board"):
        (tmp_path / name).mkdir()
    row = f"1,张春花,红星村,{six_four(ONE)},300"
    paths = [listed(tmp_path / name, "a.csv", row) for name in ("web", "board")]
    report = audit_files(paths[:1], paths[1:])
    assert [file.source for file in report.files] == ["a.csv", "a.csv(2)"]


def test_ten_thousand_persons_published_three_times(tmp_path: Path) -> None:
    lists = three.publish(three.population())
    web, board, leaflet = three.write(lists, tmp_path)
    report = audit_files([web], [board, leaflet])
    union = report.union
    assert union
    assert three.PERSONS == 10_000
    assert union.unique == three.UNIQUE == 5400
    assert union.aligned == three.ALIGNED
    assert union.ambiguous == three.AMBIGUOUS_ROWS
    assert union.resolved == three.GROUPS["resolved"]
    assert union.masked_names == three.GROUPS["masked"]
    assert union.listed_twice == three.TWICE
    assert (union.unique_alone, union.conflicts) == (0, 0)
    assert union.downgraded == union.grades_after["D"] == three.UNIQUE
    assert [file.rows for file in report.files] == [
        len(lists.web), len(lists.board), len(lists.leaflet),
    ]  # fmt: skip


# ------------------------------------------------------------------------------------ whole folders


def site(folder: Path) -> Path:
    """A small site: a good list, a bad one, a broken one, a picture."""
    root = folder / "site"
    (root / "a").mkdir(parents=True)
    listed(root, "good.csv", f"1,张春花,红星村,431025{'*' * 12},300")
    listed(root / "a", "bad.csv", f"1,张春花,红星村,{ONE},300")
    (root / "a" / "broken.xlsx").write_bytes(b"no workbook")
    (root / "logo.jpg").write_bytes(b"\xff\xd8\xff\xe0")
    return root


def swept(root: Path, **options: object) -> dict[str, str]:
    tasks = find_tasks([str(root)], lambda name: name)
    done = audit_tasks(tasks, Order("general"), **options)  # type: ignore[arg-type]
    return {audit.source: audit.status for audit in done}


STATUSES = {
    "a/bad.csv": "found",
    "a/broken.xlsx": "unreadable",
    "good.csv": "clean",
    "logo.jpg": "unsupported",
}


def test_a_folder_is_audited_to_its_end(tmp_path: Path) -> None:
    assert swept(site(tmp_path)) == STATUSES


def test_processes_make_no_difference(tmp_path: Path) -> None:
    assert swept(site(tmp_path), jobs=2) == STATUSES


def test_a_second_run_reads_nothing_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    root, state = site(tmp_path), tmp_path / "state.jsonl"
    assert swept(root, state=state) == STATUSES
    lines = state.read_text("utf-8").splitlines()
    assert len(lines) == 2
    assert not any(secret in state.read_text("utf-8") for secret in (ONE, "张春花", "红星"))

    def read_again(task: object, order: object) -> None:
        raise AssertionError(task)

    (root / "a" / "broken.xlsx").unlink()
    (root / "logo.jpg").unlink()
    monkeypatch.setattr("deid.sweep._audit", read_again)
    assert swept(root, state=state) == {"a/bad.csv": "found", "good.csv": "clean"}
    assert state.read_text("utf-8").splitlines() == lines


@pytest.mark.parametrize("change", ["content", "time", "torn", "rules"])
def test_what_changed_is_audited_again(tmp_path: Path, change: str) -> None:
    root, state = site(tmp_path), tmp_path / "state.jsonl"
    swept(root, state=state)
    path = root / "a" / "bad.csv"
    if change == "content":
        stat = path.stat()
        path.write_bytes(path.read_bytes().replace(ONE.encode(), OTHER.encode()))
        os.utime(path, ns=(stat.st_atime_ns, stat.st_mtime_ns))
    elif change == "time":
        os.utime(path, (1, 1))
    elif change == "torn":
        state.write_bytes(state.read_bytes()[:-30])
    else:
        state.write_bytes(state.read_bytes().replace(b'"rules": "general/', b'"rules": "other/'))
    before = len(state.read_bytes().splitlines())
    assert swept(root, state=state) == STATUSES
    after = state.read_bytes().splitlines()
    assert len(after) == before + (2 if change == "rules" else 1)
    assert json.loads(after[-1])["file"]["status"] in ("found", "clean")


def test_an_interrupted_run_keeps_what_is_done(tmp_path: Path) -> None:
    root, state = site(tmp_path), tmp_path / "state.jsonl"
    tasks = find_tasks([str(root)], lambda name: name)
    run = audit_tasks(tasks, Order("general"), state=state)
    next(run)
    run.close()
    assert len(state.read_bytes().splitlines()) == 1


def test_a_list_may_be_overdue_the_next_time(tmp_path: Path) -> None:
    rules = tmp_path / "short.yaml"
    rules.write_text(
        "policy: short\nlabel: 短\ndescription: 短\nbasis: 无\nextends: general\n"
        "due: {period: 1}\nretention: {until: period}\n",
        encoding="utf-8",
    )
    path = listed(tmp_path, "名单20260302.csv", "1,张春花,红星村,300", "序号,姓名,村,金额")
    tasks = find_tasks([str(path)], lambda name: name)
    for _ in range(2):
        (audit,) = audit_tasks(tasks, Order(str(rules)), state=tmp_path / "state.jsonl")
        assert (audit.overdue, audit.until, audit.items_total) == (True, "2026-03-03", 1)
    assert summary([audit])["overdue"] == 1
    for _ in range(2):
        (audit,) = audit_tasks(tasks, Order("auto"), state=tmp_path / "auto.jsonl")
        assert audit.policy == "general"


# ------------------------------------------------------------------------------------- the command


def run(*arguments: object) -> int:
    return cli.run(["audit", *map(str, arguments)])


def test_the_status_is_that_of_the_worst_file(tmp_path: Path) -> None:
    root = site(tmp_path)
    assert run(root / "good.csv") == 0
    assert run(root / "a" / "bad.csv") == 1
    assert run(root) == 2
    assert run(root / "logo.jpg") == 2
    assert run(root / "good.csv", "--published", "gestern") == 2


def test_the_table_names_places_only(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    rows = "\n".join(f"{at},张春花,红星村,{ONE},300" for at in range(30))
    path = listed(tmp_path, "a.csv", rows)
    assert run(path) == 1
    shown = capsys.readouterr()
    assert shown.out.count("居民身份证号没有遮盖") == 20
    assert "其余 10 处" in shown.out
    assert ONE not in shown.out + shown.err


def test_json_is_one_document(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    one = listed(tmp_path, "a.csv", f"1,张春花,红星村,{six_four(ONE)},300")
    other = listed(tmp_path, "b.csv", f"1,张春花,红星村,{first_14(ONE)},300")
    assert run(one, "--against", other, "--format", "json") == 1
    told = json.loads(capsys.readouterr().out)
    assert told["schema"] == "deid-audit/1"
    assert told["union"]["unique"] == 1
    assert [file["source"] for file in told["files"]] == ["a.csv", "b.csv"]


def test_lines_are_files_then_the_union_then_the_sum(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    one = listed(tmp_path, "a.csv", f"1,张春花,红星村,{six_four(ONE)},300")
    other = listed(tmp_path, "b.csv", f"1,张春花,红星村,{first_14(ONE)},300")
    assert run(one, "--against", other, "--format", "jsonl") == 1
    lines = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert [line["type"] for line in lines] == ["file", "file", "union", "summary"]


def test_too_many_namesakes_are_ambiguous_at_once(tmp_path: Path) -> None:
    rows = "\n".join(f"{at},张春花,红星村,431025{'*' * 12},300" for at in range(150))
    report = laid_over(tmp_path, rows, rows)
    assert report.union
    assert (report.union.aligned, report.union.ambiguous) == (0, 300)
