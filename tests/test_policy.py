"""Policy files: how they are found, extended and refused."""

from __future__ import annotations

from pathlib import Path

import pytest

from deid import mask_text
from deid.cli import run
from deid.entities import load_entities
from deid.errors import PatternError, UnknownPolicy
from deid.fields import raw_fields
from deid.policy import Due, Thresholds, check_policy, load_policy, policy_names
from deid.policy_files import CHANNELS, ELEMENTS, LEVELS, find_policy, read_policy

CARD = "110105194912310" + "02X"


def write(folder: Path, content: str, name: str = "county.yaml") -> Path:
    path = folder / name
    path.write_text(content, encoding="utf-8")
    return path


def test_general_speaks_of_every_entity() -> None:
    assert set(load_policy("general").specs) == set(load_entities())


@pytest.mark.parametrize("name", policy_names())
def test_what_comes_with_deid_loads(name: str) -> None:
    policy = load_policy(name)
    assert policy.label
    assert policy.description
    assert policy.basis
    assert set(policy.operators) == set(policy.specs)


def test_general_keeps_features_and_hides_the_rest() -> None:
    policy = load_policy()
    kept = {name for name in load_entities() if not policy.hides(name)}
    assert kept == {"BIRTH_DATE", "AGE", "SEX", "HEALTH", "DISABILITY", "POVERTY_CAUSE"}


def test_what_a_policy_does_not_name_stays() -> None:
    assert not load_policy().hides("NO_SUCH_THING")


def test_a_county_overrides_two_lines(tmp_path: Path) -> None:
    path = write(
        tmp_path,
        "extends: general\nlabel: 本县规则\noperators:\n"
        "  CN_RESIDENT_ID: {mask: {first: 3}}\n  CN_MOBILE: keep\n",
    )
    policy = load_policy(path)
    assert (policy.label, policy.name) == ("本县规则", "general")
    assert not policy.hides("CN_MOBILE")
    text = f"身份证号{CARD}，电话13800138000"
    assert mask_text(text, policy=path) == "身份证号110***************，电话13800138000"
    assert mask_text(text, policy=str(path)) == mask_text(text, policy=policy)


def test_a_policy_may_extend_one_beside_it(tmp_path: Path) -> None:
    write(tmp_path, "extends: general\noperators: {CN_MOBILE: redact}\n", "city.yaml")
    path = write(tmp_path, "extends: city\noperators: {CN_QQ:}\n".replace("CN_QQ:", "CN_QQ: mask"))
    assert mask_text("电话13800138000", policy=path) == "电话"


def test_a_policy_without_operators_hides_nothing(tmp_path: Path) -> None:
    path = write(tmp_path, "label: 空\n")
    assert load_policy(path).name == "county"
    assert mask_text(CARD, policy=path) == CARD


def test_a_field_masked_as_its_entity_is_hidden_whole_where_that_stays(tmp_path: Path) -> None:
    policy = load_policy(
        write(tmp_path, "fields: {phone: mask, sex: mask, qq: {mask: {last: 2}}}\n")
    )
    assert policy.fields["phone"].spec == policy.fields["sex"].spec == {"mask": {}}
    assert policy.fields["qq"].spec == {"mask": {"last": 2}}
    kept = load_policy(
        write(tmp_path, "operators: {CN_MOBILE: keep}\nfields: {phone: mask}\n", "kept.yaml")
    )
    assert kept.fields["phone"].spec == {"mask": {}}


def test_options_may_be_left_out(tmp_path: Path) -> None:
    path = write(tmp_path, "operators: {CN_MOBILE: {mask: }}\n")
    assert mask_text("电话13800138000", policy=path) == "电话***********"


@pytest.mark.parametrize(
    ("content", "named"),
    [
        ("operator: {CN_MOBILE: mask}\n", "operator"),
        ("- mask\n", "county"),
        ("", "county"),
        ("operators: [CN_MOBILE]\n", "operators"),
        ("operators: {CN_MOBILF: mask}\n", "CN_MOBILF"),
        ("operators: {CN_MOBILE: blur}\n", "blur"),
        ("operators: {CN_MOBILE: {mask: {frist: 3}}}\n", "frist"),
        ("operators: {CN_MOBILE: {mask: 3}}\n", "CN_MOBILE"),
        ("operators: {CN_MOBILE: {mask: {}, keep: {}}}\n", "CN_MOBILE"),
        ("operators: {CN_MOBILE: [mask]}\n", "CN_MOBILE"),
        ("extends: county\n", "county → county"),
        ("extends: other\n", "county → other → county"),
        ("operators: {CN_MOBILE: mask\n", "第"),
    ],
)
def test_a_broken_policy_is_refused_by_name_and_key(
    tmp_path: Path, content: str, named: str
) -> None:
    write(tmp_path, "extends: county\n", "other.yaml")
    with pytest.raises(PatternError) as caught:
        load_policy(write(tmp_path, content))
    assert named in str(caught.value)


@pytest.mark.parametrize("name", ["generel", "", "../general", "general.txt", "no/such.yaml"])
def test_an_unknown_policy_names_those_there_are(name: str) -> None:
    with pytest.raises(UnknownPolicy, match="general"):
        load_policy(name)


def test_a_file_in_the_folder_does_not_stand_in_for_ours(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = write(tmp_path, "extends: general\noperators: {CN_QQ: redact}\n", "general.yaml")
    write(tmp_path, "extends: general.yaml\nlabel: 县\n", "county.yml")
    monkeypatch.chdir(tmp_path)
    assert load_policy("general").specs["CN_QQ"] == {"mask": {}}
    assert load_policy(path).specs["CN_QQ"] == {"redact": {}}
    assert load_policy("general.yaml").specs["CN_QQ"] == {"redact": {}}
    assert load_policy("county").specs["CN_QQ"] == {"redact": {}}


def test_an_unknown_parent_names_those_there_are(tmp_path: Path) -> None:
    with pytest.raises(UnknownPolicy, match=r"^county\.yaml extends: .*general"):
        load_policy(write(tmp_path, "extends: province\n"))


def test_bytes_that_are_no_text_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "county.yaml"
    path.write_bytes(b"label: \xff\xfe\n")
    with pytest.raises(PatternError, match=r"county\.yaml"):
        load_policy(path)


# --------------------------------------------------------------------- the policies of the matters

MATTERS = [
    "dibao_review",
    "dibao_confirm",
    "tekun",
    "linshi",
    "orphan",
    "de_facto_orphan",
    "liangbu",
    "gaoling",
    "yanglao",
    "medical_aid",
    "housing",
    "weifang",
    "edu_aid",
    "employment_subsidy",
    "unemployment",
    "work_injury",
    "recruit",
    "ykt",
    "monitor",
    "disaster",
    "veteran",
    "family_planning",
    "mental",
    "org_directory",
    "aggregate",
    "penalty",
]


def test_every_matter_has_a_policy_and_all_nine_elements() -> None:
    assert len(MATTERS) == 26
    for name in MATTERS:
        policy = load_policy(name)
        assert policy.name == name
        assert all(policy.elements[key] for key in ELEMENTS), name


@pytest.mark.parametrize("name", policy_names())
@pytest.mark.parametrize("channel", CHANNELS)
def test_every_policy_loads_for_every_place(name: str, channel: str) -> None:
    for level in LEVELS:
        policy = load_policy(name, channel=channel, level=level)
        assert (policy.channel, policy.level) == (channel, level)
        assert set(policy.fields) <= set(raw_fields()["fields"])
        for rule in policy.fields.values():
            assert (rule.operator is None) == (rule.action in ("keep", "drop")) == (not rule.spec)


@pytest.mark.parametrize("name", MATTERS)
def test_a_matter_never_shows_more_than_general(name: str) -> None:
    policy, general = load_policy(name), load_policy()
    if policy.mode != "keep_all":
        assert all(policy.hides(entity) for entity in general.specs if general.hides(entity))
        assert policy.specs["CN_RESIDENT_ID"] == general.specs["CN_RESIDENT_ID"]


@pytest.mark.parametrize("name", ["org_directory", "aggregate"])
def test_numbers_of_persons_go_even_from_directories_and_counts(name: str) -> None:
    policy = load_policy(name)
    assert policy.hides("CN_RESIDENT_ID")
    assert policy.hides("CN_BANK_CARD")
    assert policy.hides("CN_DISABILITY_CERT")


def test_what_comes_from_memory_says_so() -> None:
    assert load_policy("orphan").basis_shown.endswith("（请核原件）")
    assert load_policy("orphan").refused.endswith("（请核原件）")
    assert load_policy("edu_aid").basis_shown == "教财厅函〔2017〕28号"
    assert load_policy("general").basis_shown == load_policy("general").basis


@pytest.mark.parametrize(
    ("name", "channel", "refused"),
    [
        ("orphan", "web", True),
        ("orphan", "board", True),
        ("mental", "sms", True),
        ("de_facto_orphan", None, True),
        ("unemployment", "web", True),
        ("unemployment", None, True),
        ("unemployment", "sms", False),
        ("work_injury", "board", False),
        ("dibao_confirm", "web", False),
        ("general", "web", False),
    ],
)
def test_what_is_refused(name: str, channel: str | None, refused: bool) -> None:
    assert bool(load_policy(name, channel=channel).refused) is refused


def test_education_aid_keeps_six_columns() -> None:
    policy = load_policy("edu_aid")
    assert policy.only == {"name", "school", "college", "grade_year", "major", "class_name"}
    labels = {raw_fields()["fields"][key]["label"] for key in policy.only}
    assert labels == {"姓名", "学校", "院系", "年级", "专业", "班级"}
    assert policy.retention.until == "period"


@pytest.mark.parametrize("name", ["orphan", "mental", "unemployment"])
def test_a_refused_list_hides_names_when_it_is_made_all_the_same(name: str) -> None:
    policy = load_policy(name)
    assert policy.fields["name"].spec == {"mask_name": {}}
    assert "id_number" not in policy.only


@pytest.mark.parametrize(
    ("name", "channel", "level", "kept_to"),
    [
        ("dibao_confirm", "web", "county", "town"),
        ("dibao_confirm", "board", "county", "village"),
        ("dibao_confirm", "web", "town", "village"),
        ("dibao_confirm", "sms", "town", "town"),
        ("dibao_confirm", "web", "village", "village"),
        ("dibao_review", None, None, "village"),  # its own channel is the board
        ("general", "web", "county", "village"),
        ("general", "sms", "village", "village"),
    ],
)
def test_addresses_by_level_and_channel(
    name: str, channel: str | None, level: str | None, kept_to: str
) -> None:
    policy = load_policy(name, channel=channel, level=level)
    assert policy.specs["CN_ADDRESS"] == {"generalize_address": {"level": kept_to}}
    text = mask_text("住址：辽宁省海城市西柳镇古树村3组12号", policy=policy)
    rule = policy.fields.get("address")
    if rule and rule.action == "drop":  # a text message has no room for a home: all of it goes
        assert text == "住址：***"
    else:
        assert text.endswith({"town": "西柳镇***", "village": "古树村***"}[kept_to])


def test_the_web_shows_less_than_the_board() -> None:
    web = load_policy("dibao_confirm", channel="web").fields
    board = load_policy("dibao_confirm", channel="board").fields
    dropped = {key for key, rule in web.items() if rule.action == "drop"}
    assert {key for key, rule in board.items() if rule.action == "drop"} < dropped
    assert dropped >= {"age", "birth_month"}


@pytest.mark.parametrize(
    ("name", "field", "action", "spec"),
    [
        ("gaoling", "age", "generalise", {"age_band": {"bands": [80, 90, 100]}}),
        ("linshi", "poverty_cause", "generalise", {"cause_category": {}}),
        ("dibao_review", "id_number", "mask", {"mask": {"first": 6}}),
        ("dibao_review", "relation", "generalise", {"relation_category": {}}),
        ("medical_aid", "disease", "drop", {}),
        ("medical_aid", "social_security_no", "mask", {"mask": {"first": 2}}),
        ("liangbu", "disability_cert_no", "drop", {}),
        ("ykt", "household_no", "drop", {}),
        ("monitor", "household_no", "mask", {"mask": {}}),
        ("recruit", "exam_no", "keep", {}),
        ("recruit", "birth_month", "generalise", {"birth_year": {}}),
        ("housing", "income", "generalise", {"income_band": {}}),
    ],
)
def test_field_rules(name: str, field: str, action: str, spec: dict[str, object]) -> None:
    rule = load_policy(name).fields[field]
    assert (rule.action, rule.spec) == (action, spec)


@pytest.mark.parametrize(
    ("name", "publish", "period", "kind", "until"),
    [
        ("dibao_review", 10, 7, "working", "period"),
        ("tekun", 10, 7, "calendar", "period"),
        ("dibao_confirm", 10, 0, "working", "renewed"),
        ("edu_aid", 20, 5, "working", "period"),
        ("recruit", 20, 7, "working", "period"),
        ("org_directory", 20, 0, "working", "renewed"),
        ("penalty", 7, 0, "working", "law"),
        ("general", 20, 0, "working", "renewed"),
    ],
)
def test_terms(name: str, publish: int, period: int, kind: str, until: str) -> None:
    policy = load_policy(name)
    assert (policy.due.publish, policy.due.period, policy.due.period_days) == (
        publish, period, kind,
    )  # fmt: skip
    assert policy.retention.until == until


def test_general_reads_no_other_policy(monkeypatch: pytest.MonkeyPatch) -> None:
    read: list[str] = []
    monkeypatch.setattr("deid.policy_files.load_yaml", lambda path: read.append(path.name) or {})
    read_policy(find_policy("general", Path()))
    assert read == ["general.yaml"]


@pytest.mark.parametrize(("option", "value"), [("channel", "tv"), ("level", "province")])
def test_an_unknown_place_names_those_there_are(option: str, value: str) -> None:
    with pytest.raises(UnknownPolicy, match=f"{value}.*web|{value}.*town"):
        load_policy("general", **{option: value})


# ------------------------------------------------------------------------------- a county's own

OWN = "extends: dibao_confirm\n"


def test_extends_merges_by_key(tmp_path: Path) -> None:
    path = write(
        tmp_path,
        OWN + "label: 本县低保\nchannel: board\ndue: {publish: 3}\nthresholds: {fair: 1000}\n"
        "fields: {age: drop}\nby_channel: {web: {amount: drop}}\n"
        "address: {county: {web: county}}\nelements: {publisher: 本县民政局}\n",
    )
    policy = load_policy(path)
    parent = load_policy("dibao_confirm", channel="board")
    assert (policy.label, policy.channel, policy.basis) == ("本县低保", "board", parent.basis)
    assert policy.due == Due(3, "working", 0, "working", parent.due.note)
    assert policy.thresholds == Thresholds(fair=1000)
    assert policy.fields["age"].action == "drop"
    assert policy.fields["phone"].action == "drop"
    assert set(policy.fields) == set(parent.fields)
    assert policy.elements["publisher"] == "本县民政局"
    assert policy.elements["content"] == parent.elements["content"]
    web = load_policy(path, channel="web")
    assert web.fields["amount"].action == "drop"
    assert web.specs["CN_ADDRESS"] == {"generalize_address": {"level": "county"}}
    assert policy.specs["CN_ADDRESS"] == {"generalize_address": {"level": "village"}}


def test_three_files_may_extend_each_other(tmp_path: Path) -> None:
    write(tmp_path, "extends: matter\nfields: {age: drop}\n", "province.yaml")
    write(tmp_path, "extends: province\nfields: {sex: drop}\n", "city.yaml")
    fields = load_policy(write(tmp_path, "extends: city\nfields: {sex: keep}\n")).fields
    assert (fields["age"].action, fields["sex"].action) == ("drop", "keep")


# fmt: off
BROKEN = [
    # what the file says, what the complaint names
    ("fields: {phnoe: drop}\n", "county.yaml fields: 没有“phnoe”（是不是 phone？）"),
    ("fields: {phone: dorp}\n", "fields.phone: 没有“dorp”（是不是 drop？）"),
    ("fields: {phone: {drop: {all: 1}}}\n", "fields.phone: drop 没有选项"),
    ("fields: {age: {age_band: {widht: 5}}}\n", "fields.age: age_band 不认识选项"),
    ("fields: [phone]\n", "county.yaml fields: 应写成"),
    ("fields: {phone: 3}\n", "fields.phone: 应写成"),
    ("fields:\n  phone: keep\n  sex: keep\n  phone: drop\n", "fields.phone: 写了两次（第 4 行）"),
    ("label: 甲\nlabel: 乙\n", "county.yaml label: 写了两次"),
    ("operators: {CN_MOBLIE: mask}\n", "operators: 没有“CN_MOBLIE”（是不是 CN_MOBILE？）"),
    ("operators: {CN_MOBILE: drop}\n", "operators.CN_MOBILE: 没有“drop”"),
    ("operators: {CN_MOBILE: age_bnad}\n", "是不是 age_band"),
    ("thresholds: {good: -1}\n", "thresholds.good: 应为不小于 0 的整数"),
    ("thresholds: {block: 600}\n", "thresholds.block: 600 大于 fair 的 499"),
    ("thresholds: {fair: 200000}\n", "thresholds.fair"),
    ("thresholds: {good: 1.5}\n", "thresholds.good"),
    ("thresholds: {good: true}\n", "thresholds.good"),
    ("thresholds: {best: 5}\n", "thresholds: 没有“best”"),
    ("thresholds: 500\n", "county.yaml thresholds: 应写成"),
    ("channel: tv\n", "county.yaml channel: 没有“tv”；可用：web、board、sms"),
    ("level: vilage\n", "county.yaml level: 没有“vilage”（是不是 village？）"),
    ("level: [county]\n", "county.yaml level"),
    ("usual: [web, tv]\n", "county.yaml usual: 没有“tv”"),
    ("usual: web\n", "county.yaml usual"),
    ("usual: [web, web]\n", "county.yaml usual: 有重复的项"),
    ("address: {province: {web: town}}\n", "address: 没有“province”"),
    ("address: {county: {tv: town}}\n", "address.county: 没有“tv”"),
    ("address: {county: {web: hamlet}}\n", "address.county.web: 没有“hamlet”"),
    ("by_channel: {tv: {age: drop}}\n", "by_channel: 没有“tv”"),
    ("by_channel: {web: {aeg: drop}}\n", "by_channel.web: 没有“aeg”"),
    ("mode: refused\n", "county.yaml mode: 没有“refused”（是不是 refuse？）"),
    ("minors: hide\n", "county.yaml minors"),
    ("verified: 是\n", "county.yaml verified: 应为 true 或 false"),
    ("remedy: [mask, shred]\n", "county.yaml remedy: 没有“shred”"),
    ("elements: {names: 甲}\n", "elements: 没有“names”（是不是 name？）"),
    ("elements: {content: [甲]}\n", "elements.content: 应为文字"),
    ("label: 5\n", "county.yaml label: 应为文字"),
    ("titles: [低保, 3]\n", "county.yaml titles"),
    ("ask: {低保: [甲]}\n", "ask.低保: 应为文字"),
    ("due: {publish: -20}\n", "due.publish"),
    ("due: {publish: 4000}\n", "due.publish: 不能超过"),
    ("due: {publish: 2026-11-22}\n", "due.publish"),
    ("due: {publish_days: work}\n", "due.publish_days: 没有“work”（是不是 working？）"),
    ("retention: {until: ever}\n", "retention.until"),
    ("retention: {until: days}\n", "retention.days: until: days 时要写天数"),
    ("retention: {days: 30}\n", "retention.days: 只有 until: days"),
    ("retention: {until: period}\n", "retention.until: 写了 period"),
    ("operator: {}\n", "不认识的键 operator（是不是 operators？）"),
    # against each other
    ("only: [name, phnoe]\n", "county.yaml only: 没有“phnoe”"),
    ("only: [name, sex]\nfields: {sex: drop}\n", "fields.sex: only 里列了 sex，这里又删去"),
    ("only: [name]\nfields: {sex: keep}\n", "fields.sex: only 里没有 sex"),
    ("only: [name]\nby_channel: {web: {sex: keep}}\n", "by_channel.web.sex: only 里没有 sex"),
    ("extends: matter\nonly: [name, phone]\n", "fields.phone: only 里列了 phone，这里又删去"),
    ("extends: general\nfields: {phone: keep}\n", "fields.phone: 这里保留，operators.CN_MOBILE"),
    ("mode: refuse\noperators: {CN_MOBILE: mask}\n", "county.yaml operators: mode 是 refuse"),
    ("mode: refuse\nfields: {phone: drop}\n", "county.yaml fields: mode 是 refuse"),
    ("mode: keep_all\nfields: {phone: drop}\n", "fields.phone: mode 是 keep_all"),
    ("mode: keep_all\nonly: [name]\n", "county.yaml only: mode 是 keep_all"),
    ("refusal: 不公示\n", "county.yaml refusal: mode 是 list"),
    ("extends: orphan\nmode: list\n", "county.yaml refusal"),
    # no YAML
    ("label: [\n", "county.yaml第"),
    ("label: 2026-13-45\n", "county.yaml"),
    ("? [a, b]\n: 1\n", "county.yaml"),
    ("a: &a [*a]\n", "county.yaml"),
    ("label: !!python/object/apply:os.system [id]\n", "county.yaml"),
    ("3: mask\n", "不认识的键 3"),
    ("extends: [general]\n", "county.yaml extends: 应为文字"),
]
# fmt: on


@pytest.mark.parametrize(("content", "named"), BROKEN)
def test_a_fault_is_told_by_file_and_key(tmp_path: Path, content: str, named: str) -> None:
    with pytest.raises(PatternError) as caught:
        load_policy(write(tmp_path, content))
    assert named in str(caught.value)
    assert str(caught.value).startswith("county.yaml")


def test_a_fault_of_a_parent_names_the_parent(tmp_path: Path) -> None:
    write(tmp_path, "thresholds: {good: -1}\n", "city.yaml")
    with pytest.raises(PatternError, match=r"^city\.yaml thresholds\.good"):
        load_policy(write(tmp_path, "extends: city\n"))


def test_check_finds_what_only_one_channel_meets(tmp_path: Path) -> None:
    path = write(tmp_path, "extends: matter\nby_channel: {sms: {age: mask_name}}\n")
    assert check_policy(path).fields["age"].action == "drop"
    with pytest.raises(PatternError, match=r"^none\.yaml"):
        check_policy(tmp_path / "none.yaml")
    with pytest.raises(PatternError, match=r"^list\.csv"):
        check_policy(write(tmp_path, "", "list.csv"))


# --------------------------------------------------------------------------------- the command


@pytest.mark.parametrize("name", policy_names())
def test_every_policy_is_explained(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["policies", name]) == 0
    shown = capsys.readouterr().out
    policy = load_policy(name)
    assert shown.startswith(f"{name}　{policy.label}")
    assert policy.basis_shown in shown
    assert all(f"{label}：" in shown for label in ELEMENTS.values()) or not policy.elements


@pytest.mark.parametrize(
    ("arguments", "shown"),
    [
        ([], "dibao_review"),
        (["dibao_review"], "（请核原件）"),
        (["edu_aid"], "姓名、学校、院系、年级、专业、班级\n"),
        (["orphan"], "性质：不公示名单"),
        (["linshi"], "致贫/申请原因：只写因病、因灾、因学、意外、其他"),
        (["gaoling"], "年龄：分段：80、90、100 岁起"),
        (["liangbu"], "救助类别删去"),
        (["dibao_confirm", "--channel", "board"], "家庭住址：留到村（社区）"),
        (["dibao_confirm", "--channel", "web"], "家庭住址：留到乡镇（街道）"),
        (["dibao_confirm", "--level", "town"], "家庭住址：留到村（社区）"),
        (["ykt"], "公示期 7 个工作日"),
    ],
)
def test_what_an_explanation_says(
    arguments: list[str], shown: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(["policies", *arguments]) == 0
    assert shown in capsys.readouterr().out


def test_check_accepts_and_remarks(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = write(tmp_path, OWN + "label: 本县低保\nminors: keep\n")
    own = write(tmp_path, "operators: {CN_QQ: mask}\nelements: {content: 甲}\n", "own.yaml")
    assert run(["policies", "check", str(path), str(own)]) == 0
    shown = capsys.readouterr().out
    assert "可用　county.yaml：dibao_confirm　本县低保" in shown
    assert "未成年人姓名保留" in shown
    assert "居民身份证号保留，通用公示规则要遮盖" in shown
    assert "没有写 basis" in shown
    assert "九要素缺主体（elements.publisher）" in shown


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["check", "bad.yaml"], "不可用　bad.yaml fields: 没有“phnoe”（是不是 phone？）"),
        (["check", "good.yaml", "bad.yaml"], "bad.yaml"),
        (["check", "none.yaml"], "none.yaml"),
        (["check"], "要检查的文件"),
        (["general", "matter"], "一次只说明一种"),
        (["dibao_reveiw"], "是不是 dibao_review"),
        (["general", "--channel", "tv"], "--channel"),
    ],
)
def test_what_the_command_refuses(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    arguments: list[str],
    told: str,
) -> None:
    monkeypatch.chdir(tmp_path)
    write(tmp_path, "fields: {phnoe: drop}\n", "bad.yaml")
    write(tmp_path, OWN, "good.yaml")
    assert run(["policies", *arguments]) == 2
    assert told in capsys.readouterr().err
