"""Large text files give what the exact path gives, whatever stands between the lines that matter."""

from __future__ import annotations

import random
from pathlib import Path

import pytest

import deid.pipeline
from deid.entities import load_entities
from deid.notices import mask_txt
from deid.notices.characters import characters
from deid.notices.gates import sort_out, unforeseen
from deid.pipeline import mask_file
from deid.policy import load_policy
from deid.scan import scan

GENERAL = load_policy("general")
DULL = (
    "公示期为2024年9月20日至2024年9月26日，如有异议请在公示期内反映。",
    "监督电话12345，举报电话12317，由镇人民政府负责解释。",
    "根据《社会救助暂行办法》（国务院令第649号）第十一条规定办理。",
    "项目编号CZ-2024-0918，批次号202409180001，资金已拨付到位。",
    "　　本季度共发放补助资金1,250,300.50元，惠及群众2,316户。",
    "经村民代表会议评议，该户符合条件，予以公示。",
    "   ",
    "",
)
TELLING = (
    "经审核，何超（身份证号431021199409266220，住湖南省郴州市汝城县香花镇高塘村14组7号）符合条件。",
    "联系方式：",
    "15036533804",
    "姓名：何超",
    "住址：玉麦镇红新村",
    "电话：8344913",
    "何超　15036533804　已领取",
    "王某之子王小明，2019年8月生，由其代领。",
    "四三一零二一一九九四零九二六六二二零为其证件号",
    "家住上曹家坑12号的村民来电咨询，邮箱zhangsan@example.com。",
    "车牌粤B12345，微信wxid_abc12345",
    "①③⑧⓪⓪①③⑧⓪⓪⓪",
    "１５０３６５３３８０４",
    "账号6222****1234，431021************",
    "护照 E12345678，学生王小明就读于第一小学三年级",
    "王小明 何超",
    "高塘村14组7号院内",
    "😀 15036533804",
)


def _exact(source: Path, target: Path, monkeypatch: pytest.MonkeyPatch) -> bytes:
    monkeypatch.setattr(deid.pipeline, "LEAST_TEXT", 1 << 60)
    report = mask_file(source, target, policy=GENERAL)
    assert report.status == "publish"
    return target.read_bytes()


@pytest.mark.parametrize("seed", range(8))
@pytest.mark.parametrize(("encoding", "end"), [("utf-8", "\n"), ("gb18030", "\r\n")])
def test_gives_what_the_exact_path_gives(
    seed: int, encoding: str, end: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    dice = random.Random(seed)
    lines = [dice.choice(DULL) for _ in range(60)]
    for line in dice.sample(TELLING[: len(TELLING) - (encoding != "utf-8")], 8):
        lines.insert(dice.randrange(len(lines)), line)
    source = tmp_path / "a.txt"
    source.write_bytes(end.join(lines).encode(encoding))
    done = mask_txt(source, tmp_path / "fast.txt", GENERAL)
    assert done
    assert (tmp_path / "fast.txt").read_bytes() == _exact(source, tmp_path / "b.txt", monkeypatch)


def test_takes_large_files_and_says_of_them_what_the_exact_path_says(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    source = tmp_path / "孤儿名单.txt"
    source.write_text("\n".join([*DULL, TELLING[0]] * 600), "utf-8")
    fast = mask_file(source, tmp_path / "fast.txt", policy=GENERAL)
    monkeypatch.setattr(deid.pipeline, "LEAST_TEXT", 1 << 60)
    exact = mask_file(source, tmp_path / "exact.txt", policy=GENERAL)
    keys = [
        "status",
        "message",
        "format",
        "found",
        "changed",
        "columns",
        "items",
        "strength",
        "output_sha256",
    ]
    assert [getattr(fast, key) for key in keys] == [getattr(exact, key) for key in keys]
    assert fast.items
    assert fast.changed == 1200


def test_an_example_of_an_entity_is_never_passed_over() -> None:
    texts = [one.text for entity in load_entities().values() for one in entity.hit]
    texts = [text for text in texts if "\n" not in text and "\r" not in text and scan(text)]
    assert len(texts) > 50
    suspects = sort_out("\n".join(texts)).suspects
    assert [text for at, text in enumerate(texts) if at not in suspects] == []
    assert not list(unforeseen())


@pytest.mark.parametrize("line", TELLING)
def test_a_line_is_judged_the_same_beside_others(line: str) -> None:
    alone = sort_out(line).suspects
    assert bool(alone) or not scan(line)
    assert sort_out("\n".join([*DULL, line, *DULL])).suspects == [len(DULL) + at for at in alone]


@pytest.mark.parametrize("line", DULL)
def test_what_holds_nothing_is_passed_over(line: str) -> None:
    assert sort_out(line).suspects == []


@pytest.mark.parametrize(
    "content",
    [
        "姓名,电话,金额\n" + "何超,15036533804,100\n" * 50,
        "姓名\n电话\n住址\n何超\n15036533804\n高塘村\n" + "\n".join(DULL * 3),
        "一\r二\n三",
        "何" * 6_000_000,
        "一\0二",
    ],
    ids=["list", "pasted", "lone CR", "one long line", "NUL"],
)
def test_leaves_to_the_exact_path(content: str, tmp_path: Path) -> None:
    source = tmp_path / "a.txt"
    source.write_text(content, "utf-8", newline="")
    assert mask_txt(source, tmp_path / "b.txt", GENERAL) is None


def test_a_value_is_hidden_wherever_it_stands(tmp_path: Path) -> None:
    source = tmp_path / "a.txt"
    home = "家庭住址：玉麦镇红新村8组12号。"
    child = "学生王小明（9岁）由其母代领。"
    source.write_text("\n".join([*DULL, child, *DULL, "王小明的说明", *DULL, home]), "utf-8")
    assert mask_txt(source, tmp_path / "b.txt", GENERAL)
    assert "王小明" not in (tmp_path / "b.txt").read_text("utf-8")


def test_characters_are_read_once(tmp_path: Path) -> None:
    assert characters() is characters()
