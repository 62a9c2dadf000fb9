"""A hidden value is traced in every spelling; what only looks like it is not."""

from __future__ import annotations

import pytest

from deid.verify import Residue

CARD = "11010519491231002X"
PHONE = "13800138000"


@pytest.fixture
def hidden() -> Residue:
    residue = Residue()
    residue.add(CARD, "CN_RESIDENT_ID")
    residue.add("138-0013-8000", "CN_MOBILE")
    residue.add("3538966", "CN_LANDLINE")
    residue.add("于皓汐", "PERSON")
    residue.add("红新村8组12号", "CN_ADDRESS")
    return residue


FOUND = [
    CARD,
    CARD.lower(),
    f"旧{CARD}新",
    "１１０１０５１９４９１２３１００２Ｘ",
    "110105 19491231 002X",
    "110105-1949-1231-002X",
    "1-1-0-1-0-5-1-9-4-9-1-2-3-1-0-0-2-X",
    "110105\n19491231\u200b002X",
    "9" + CARD,  # a long number counts inside a longer one
    PHONE,
    "一三八零零一三八零零零",
    "1.3800138E+10",
    "1.3800138000e10",
    "0934-3538966"[5:],
    "学生于皓汐同学",
    "红新村 8 组 12 号",
]
NOT_FOUND = [
    "",
    "110105************",
    CARD[:-1],
    "110105194912310021",
    "1380013800",
    "93538966",  # seven digits count only as a whole run
    "35389661",
    "于皓",
    "皓汐",
    "红新村8组",
    "1.39001390E+10",
    "-" * 500,
]


@pytest.mark.parametrize("text", FOUND)
def test_find(hidden: Residue, text: str) -> None:
    assert list(hidden.find(text))


@pytest.mark.parametrize("text", NOT_FOUND)
def test_find_noop(hidden: Residue, text: str) -> None:
    assert not list(hidden.find(text))


def test_find_tells_where_and_what(hidden: Residue) -> None:
    text = f"于皓汐（{CARD[:6]} {CARD[6:]}）, 138-0013-8000"
    spans = [(text[start:end], entity) for start, end, entity in hidden.find(text)]
    assert spans == [
        ("于皓汐", "PERSON"),
        (f"{CARD[:6]} {CARD[6:]}", "CN_RESIDENT_ID"),
        ("138-0013-8000", "CN_MOBILE"),
    ]


@pytest.mark.parametrize(
    ("value", "entity"),
    [
        ("", "CN_MOBILE"),
        ("王", "PERSON"),
        ("8组", "CN_ADDRESS"),
        ("12345", "CN_LANDLINE"),
        ("138****8000", "CN_MOBILE"),  # masked before: no value to trace
    ],
)
def test_too_little_to_trace(value: str, entity: str) -> None:
    residue = Residue()
    residue.add(value, entity)
    assert len(residue) == 0
    assert not list(residue.find(f"前{value}后"))
    assert not residue.in_bytes(value.encode())


def test_a_value_counts_once(hidden: Residue) -> None:
    before = len(hidden)
    hidden.add("1380013 8000", "CN_MOBILE")
    assert len(hidden) == before


@pytest.mark.parametrize("encoding", ["utf-8", "utf-16-le", "utf-16-be", "utf-16", "gb18030"])
@pytest.mark.parametrize("text", [CARD, f"身份证{CARD}号", PHONE, "138-0013-8000", f"x=00{PHONE}"])
def test_in_bytes(hidden: Residue, encoding: str, text: str) -> None:
    assert hidden.in_bytes(text.encode(encoding))


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"\0\1\2\xff",
        b"110105************",
        b"13900139000",
        b"3538966",  # short numbers are not sought in raw bytes
        "于皓汐".encode(),
        b"0.13900138",
    ],
)
def test_in_bytes_noop(hidden: Residue, data: bytes) -> None:
    assert not hidden.in_bytes(data)
