"""The registries and the header words are well formed, and say what is known to be so."""

from __future__ import annotations

import ast
import csv
import importlib.util
import re
import unicodedata
from collections import Counter
from pathlib import Path

import pytest

from deid.data import load_rows, load_yaml, patterns_dir
from deid.errors import PatternError

# Table -> header, columns that make a row unique, smallest and largest number of rows.
TABLES = {
    "area_codes": ("code,name,from,to", 2, 7000, 8500),
    "bank_prefixes": ("prefix,lengths,bank", 1, 1800, 4000),
    "hotlines": ("number,label,kind", 1, 100, 400),
    "mobile_prefixes": ("prefix,operator,kind", 1, 50, 70),
    "surnames": ("surname,kind,rank", 1, 580, 1600),
    "telephone_areas": ("code,names,digits,into", 1, 320, 360),
}
CODE_SHAPES = {
    "area_codes": r"\d{6}",
    "bank_prefixes": r"[1-9]\d{1,9}",
    "hotlines": r"\d+x*",
    "mobile_prefixes": r"1[3-9]\d",
    "surnames": r"[\u3400-\u9fff]{1,2}",
    "telephone_areas": r"0(10|2\d|[3-9]\d\d)",
}
ROLES = {"identifier", "quasi", "sensitive", "public", "remark", "review"}
FACTS = [
    ("area_codes", ("110101", "东城区")),
    ("area_codes", ("110103", "崇文区", "", "2010")),
    ("area_codes", ("210200", "旅大市", "", "1981")),
    ("area_codes", ("330103", "下城区", "", "2021")),
    ("area_codes", ("330104", "江干区", "", "2021")),
    ("area_codes", ("512301", "涪陵市")),
    ("area_codes", ("419001", "济源市")),
    ("area_codes", ("441900", "东莞市")),
    ("area_codes", ("710000", "台湾省")),
    ("area_codes", ("810000", "香港特别行政区")),
    ("area_codes", ("820000", "澳门特别行政区")),
    ("area_codes", ("830000", "台湾居民居住证", "2018", "")),
    ("bank_prefixes", ("62", "16 17 18 19", "中国银联")),
    ("bank_prefixes", ("103", "19", "中国农业银行")),
    ("bank_prefixes", ("95599", "19", "中国农业银行")),
    ("bank_prefixes", ("622202", "19", "中国工商银行")),
    ("bank_prefixes", ("621700", "19", "中国建设银行")),
    ("bank_prefixes", ("622188", "19", "中国邮政储蓄银行")),
    ("hotlines", ("110", "报警", "public")),
    ("hotlines", ("12333", "人力资源和社会保障", "public")),
    ("hotlines", ("12345", "政务服务便民热线", "public")),
    ("hotlines", ("12349", "民政服务", "public")),
    ("hotlines", ("95588", "中国工商银行", "company")),
    ("mobile_prefixes", ("139", "移动", "mobile")),
    ("mobile_prefixes", ("148", "移动", "iot")),
    ("mobile_prefixes", ("171", "联通", "virtual")),
    ("mobile_prefixes", ("174", "电信", "satellite")),
    ("mobile_prefixes", ("192", "广电", "mobile")),
    ("surnames", ("王", "single", "1")),
    ("surnames", ("欧阳", "compound", "")),
    ("surnames", ("仝", "single", "")),
    ("telephone_areas", ("010", "北京", "8", "")),
    ("telephone_areas", ("0396", "驻马店", "7", "")),
    ("telephone_areas", ("0414", "本溪", "8", "024")),
    ("telephone_areas", ("0755", "深圳", "8", "")),
    ("telephone_areas", ("0999", "伊犁", "7", "")),
]
# Header -> field: words that clerks use, and how systems name the column.
HEADERS = [
    (
        "id_number",
        "身份证 证件号 证号 身份号码 公民身份证号码 身份证明号码 id_no id_card sfzh sfzhm",
    ),
    ("head_id", "户主身份证号"),
    ("member_ids", "家庭成员身份证号码"),
    ("guardian_id", "监护人身份证号"),
    ("phone", "手机 电话 联系方式 联系号码 本人电话 家属电话 mobile phone tel lxdh sjh"),
    ("bank_account", "打卡账号 社保卡号 一折通 一本通账号 惠民卡 银行账号 bank_card yhzh kh"),
    ("address", "住址 住所 地址 家庭详细地址 居住地 常住地址 所在村组 address jtzz"),
    ("village_group", "村民小组 自然村 门牌"),
    ("household_book_no", "户口簿号"),
    ("wechat", "微信 微信号"),
    ("qq", "qq qq号"),
    ("public_number", "订单号 批次号 项目编号 业务流水号 文号"),
    ("agency_contact", "监督电话 举报电话 咨询电话 值班电话 传真"),
    ("agency_address", "办公地址 单位地址 受理地点"),
    ("name", "姓名 xm name"),
    ("amount", "金额 发放金额(元) amount"),
    ("age", "年龄 age"),
    ("sex", "性别 gender"),
    ("birth_date", "出生日期 birthday"),
    ("exam_no", "准考证号"),
    ("remark", "备注"),
]
LABELS = [
    ("public_number", "订单号 合同编号 项目编号 文号 发票号码 流水号 版本号 时间戳 isbn 邮编 金额"),
    ("agency_contact", "监督电话 举报电话 咨询电话 投诉电话 服务热线 值班电话 传真 办公电话"),
    ("agency_address", "办公地址 单位地址 受理地点 报名地点 集合地点"),
    ("id_number", "身份证号 身份证号码 公民身份号码"),
    ("phone", "联系电话 手机号"),
]

FIELDS = load_yaml(patterns_dir() / "fields.yaml")


def table_path(name: str) -> Path:
    return patterns_dir() / "tables" / f"{name}.csv"


def normal(word: str) -> str:
    """The normal form that patterns/fields.yaml describes, as far as step 4."""
    word = unicodedata.normalize("NFKC", word).casefold().replace("帐", "账")
    return re.sub(r"\s+", "", word).strip("*:")


@pytest.mark.parametrize("name", TABLES)
def test_table_says_its_source(name: str) -> None:
    lines = table_path(name).read_text(encoding="utf-8").splitlines()
    comments = [line for line in lines if line.startswith("#")]
    assert lines[: len(comments)] == comments
    assert comments[0].startswith("# source: ")
    assert any(re.search(r"edition: .*20\d\d", line) for line in comments)
    assert any(re.search(r"MIT|BSD|ISC|Apache-2\.0", line) for line in comments)
    assert lines[len(comments)] == TABLES[name][0]


@pytest.mark.parametrize("name", TABLES)
def test_table_is_sorted_unique_and_of_plausible_size(name: str) -> None:
    header, key, least, most = TABLES[name]
    rows = load_rows(name)
    assert least <= len(rows) <= most
    assert {len(row) for row in rows} == {header.count(",") + 1}
    assert list(rows) == sorted(rows)
    assert Counter(row[:key] for row in rows).most_common(1)[0][1] == 1
    assert all(re.fullmatch(CODE_SHAPES[name], row[0]) for row in rows)
    assert not any(cell != cell.strip() for row in rows for cell in row)


@pytest.mark.parametrize("name", TABLES)
def test_table_ends_lines_as_git_does(name: str) -> None:
    content = table_path(name).read_bytes()
    assert b"\r" not in content
    assert content.endswith(b"\n")


@pytest.mark.parametrize(
    "table", sorted((patterns_dir() / "tables").glob("*.csv")), ids=lambda p: p.stem
)
def test_every_table_has_a_script_that_names_its_source(table: Path) -> None:
    script = patterns_dir() / "update" / f"{table.stem}.py"
    docstring = ast.get_docstring(ast.parse(script.read_text(encoding="utf-8"))) or ""
    assert f"{table.stem}.csv" in docstring
    assert re.search(r"[Ss]ources?\b", docstring)
    assert f"patterns/update/{table.stem}.py" in docstring


@pytest.mark.parametrize(
    ("name", "fact"), FACTS, ids=lambda value: value if isinstance(value, str) else value[0]
)
def test_known_fact(name: str, fact: tuple[str, ...]) -> None:
    assert any(row[: len(fact)] == fact for row in load_rows(name))


def test_area_codes_hold_as_many_codes_as_the_standard_ever_gave() -> None:
    codes = {row[0] for row in load_rows("area_codes")}
    in_force = {row[0] for row in load_rows("area_codes") if row[3] == ""}
    assert 6200 <= len(codes) <= 6950
    assert 3250 <= len(in_force) <= 3450
    assert {code[:2] for code in codes} >= {
        f"{n}" for n in (11, 23, 37, 46, 54, 65, 71, 81, 82, 83)
    }


def test_area_code_years_run_forward() -> None:
    for code, name, start, end in load_rows("area_codes"):
        assert name, code
        assert re.fullmatch(r"(?:19[89]\d|20[0-2]\d)?", start), code
        assert re.fullmatch(r"(?:19[89]\d|20[0-2]\d|\?)?", end), code
        assert not (start and end.isdigit()) or start <= end, code


def test_one_name_in_force_for_each_area_code() -> None:
    in_force = Counter(row[0] for row in load_rows("area_codes") if row[3] == "")
    assert in_force.most_common(1)[0][1] == 1


def test_card_lengths_fit_their_prefixes() -> None:
    for prefix, lengths, bank in load_rows("bank_prefixes"):
        assert bank, prefix
        assert all(len(prefix) < int(length) <= 19 for length in lengths.split()), prefix


def test_telephone_areas_merge_into_areas_in_use() -> None:
    into = {row[0]: row[3] for row in load_rows("telephone_areas")}
    assert all(target in into and not into[target] for target in into.values() if target)
    assert {row[2] for row in load_rows("telephone_areas")} == {"7", "8"}


def test_no_area_code_begins_another() -> None:
    codes = {row[0] for row in load_rows("telephone_areas")}
    assert not {code for code in codes if len(code) == 4 and code[:3] in codes}


def test_mobile_prefix_values() -> None:
    rows = load_rows("mobile_prefixes")
    assert {row[2] for row in rows} == {"mobile", "virtual", "iot", "data", "satellite"}
    assert {part for row in rows for part in row[1].split()} == {"移动", "联通", "电信", "广电"}


def test_surname_ranks_run_without_gap() -> None:
    rows = load_rows("surnames")
    assert sorted(int(rank) for _, _, rank in rows if rank) == list(range(1, 101))
    kinds = Counter(kind for _, kind, _ in rows)
    assert kinds["single"] >= 500
    assert kinds["compound"] >= 80
    assert all((len(name) == 2) == (kind == "compound") for name, kind, _ in rows)


def test_words_that_are_no_surname_noop() -> None:
    """Few or no families bear these, and cells and sentences begin with them all the time."""
    words = set("我你他的不是在月日本村镇县省市组号无为按")
    assert words & {name for name, _, _ in load_rows("surnames")} == set()


def test_fields_have_their_keys() -> None:
    for key, field in FIELDS["fields"].items():
        optional = {"adults"} if field["entity"] == "PERSON" else set()
        assert set(field) == {"label", "entity", "role", "synonyms"} | optional, key
        assert field["role"] in ROLES, key
        assert field["label"], key


def test_field_entities_exist() -> None:
    files = patterns_dir().glob("entities/*.yaml")
    known = {load_yaml(path)["entity"] for path in files}
    assert {field["entity"] for field in FIELDS["fields"].values()} - {None} <= known


def test_every_identifier_field_names_its_entity() -> None:
    for key, field in FIELDS["fields"].items():
        assert (field["role"] == "identifier") == (field["entity"] is not None), key


def test_a_synonym_belongs_to_one_field() -> None:
    words = Counter(
        word for field in FIELDS["fields"].values() for word in field["synonyms"].split()
    )
    assert [word for word, count in words.items() if count > 1] == []
    assert len(words) >= 5000


def test_a_label_belongs_to_one_class() -> None:
    words = Counter(word for label in FIELDS["labels"].values() for word in label.split())
    assert [word for word, count in words.items() if count > 1] == []
    assert set(FIELDS["labels"]) <= set(FIELDS["fields"])


def test_words_are_in_normal_form() -> None:
    lists = [field["synonyms"] for field in FIELDS["fields"].values()]
    lists += [*FIELDS["owners"].values(), *FIELDS["labels"].values()]
    lists += [FIELDS[name] for name in ("groups", "titles", "footers", "aggregates")]
    assert [word for text in lists for word in text.split() if normal(word) != word] == []


def test_the_last_level_of_a_header_agrees_with_its_note() -> None:
    """联系电话(手机) without its note must not become the column of an agency or a public number."""
    field_of = {
        w: key for key, field in FIELDS["fields"].items() for w in field["synonyms"].split()
    }
    for word, key in field_of.items():
        bare = re.sub(r"\([^()]*\)$", "", word)
        other = field_of.get(bare, key)
        identifier = FIELDS["fields"][key]["role"] == "identifier"
        assert not identifier or FIELDS["fields"][other]["role"] != "public", word


def test_a_label_never_contradicts_an_identifier_field() -> None:
    entity_of = {
        word: field["entity"]
        for field in FIELDS["fields"].values()
        if field["role"] == "identifier"
        for word in field["synonyms"].split()
    }
    for key, text in FIELDS["labels"].items():
        for word in text.split():
            assert entity_of.get(word) in (None, FIELDS["fields"][key]["entity"]), word


@pytest.mark.parametrize(("field", "words"), HEADERS, ids=lambda value: value.split()[0])
def test_header_words(field: str, words: str) -> None:
    assert set(words.split()) <= set(FIELDS["fields"][field]["synonyms"].split())


@pytest.mark.parametrize(("label", "words"), LABELS, ids=lambda value: value.split()[0])
def test_label_words(label: str, words: str) -> None:
    assert set(words.split()) <= set(FIELDS["labels"][label].split())


@pytest.mark.parametrize(
    ("section", "words"),
    [
        ("groups", "户主信息 领取金额 家庭成员信息"),
        ("titles", "公示 花名册 发放表 明细表"),
        ("footers", "监督电话 填表人 公示期 特此公示 合计"),
        ("aggregates", "汇总表 统计表 户数 人数"),
    ],
)
def test_marker_words(section: str, words: str) -> None:
    assert set(words.split()) <= set(FIELDS[section].split())


def test_owners_name_fields() -> None:
    assert set(FIELDS["owners"]) - {"self"} <= set(FIELDS["fields"])
    words = Counter(word for text in FIELDS["owners"].values() for word in text.split())
    assert [word for word, count in words.items() if count > 1] == []


def test_a_missing_table_is_a_pattern_error() -> None:
    with pytest.raises(PatternError, match="no_such_table"):
        load_rows("no_such_table")


def test_a_broken_yaml_file_is_named_by_file_and_line(tmp_path: Path) -> None:
    broken = tmp_path / "broken.yaml"
    broken.write_text("a: 1\nb: [\n", encoding="utf-8")
    with pytest.raises(PatternError, match=r"broken\.yaml第 \d 行不是合法的 YAML"):
        load_yaml(broken)
    broken.write_bytes(b"\xff\xfe\x00")
    with pytest.raises(PatternError, match=r"broken\.yaml"):
        load_yaml(broken)


def test_load_rows_skips_comments_and_header() -> None:
    with table_path("hotlines").open(encoding="utf-8", newline="") as lines:
        rows = [tuple(row) for row in csv.reader(lines) if not row[0].startswith("#")]
    assert load_rows("hotlines") == tuple(rows[1:])


def test_compiled_patterns_are_up_to_date() -> None:
    """Else run ``python patterns/update/compiled.py``: a stale file only costs time at start."""
    spec = importlib.util.spec_from_file_location(
        "compiled", patterns_dir() / "update" / "compiled.py"
    )
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    assert (patterns_dir() / "compiled.json").read_text(encoding="utf-8") == module.text()
