"""Pure checks: tables of what they accept and what they do not. All numbers are made up, except
those printed as samples in the standards."""

from __future__ import annotations

import datetime
import random

import pytest

from deid import checks
from deid.checks import CHECKS, birth_date, id_birth_date
from deid.sample import resident_id

GENERATED = resident_id(random.Random(1))

YES = {
    "mod11_2": ["11010519491231002X", "11010519491231002x", "440524188001010014", GENERATED],
    "luhn": ["4111111111111111", "79927398713", "6222020200112233446", "0", "18"],
    "mod31_3": ["91350100M000100Y43", "91350100m000100y43"],
    "resident_id": [
        "11010519491231002X",
        "440524188001010014",  # the sample of the standard: born in 1880
        GENERATED,
    ],
    "resident_id_shape": ["110105194912310021", "110105194912310020"],
    "resident_id_15": ["110105491231002"],
    "disability_cert": ["11010519491231002X43", "11010519491231002X11B1"],
    "student_no": ["G11010519491231002X", "j11010519491231002X", "L11010519491231002x"],
    "card_prefix": ["6222020200112233447", "622848"],
    "bank_card": ["6222020200112233446"],
    "landline": ["01088886666", "09343538966", "0108888666612345"],
    "mobile": ["13800138000", "19912345678", "16612345678"],
    "known_area": ["110105", "11010519491231002X", "411726"],
}
NO = {
    "mod11_2": ["", "110105194912310021", "11010519491231002", "1101051949123100AX", "X" * 18],
    "luhn": ["4111111111111112", "1", "6222020200112233447"],
    "mod31_3": ["", "91350100M000100Y42", "91350100M000100Y4", "9135010IM000100Y43"],
    "resident_id": [
        "",
        "110105194912310021",  # check character
        "100105194912310020",  # no such province
        "11010519491331002X",  # month 13
        "110105194902300021",  # 30 February
        "11010529991231002X",  # to come
        "11010517991231002X",  # nobody is that old
    ],
    "resident_id_shape": ["110105194913310021", "000000194912310021", "11010519491231002"],
    "resident_id_15": ["110105491331002", "000000491231002", "11010549123100"],
    "disability_cert": ["11010519491231002X", "11010519491231002X83", "11010519491231002X45"],
    "student_no": ["", "A11010519491231002X", "G110105194912310021"],
    "card_prefix": ["0000000000", "1234567890", ""],
    "bank_card": ["6222020200112233447", "622202020011223", "", "0" * 16],
    "landline": ["", "010188886666", "0100888866", "12345678", "010888866", "01" + "8" * 20],
    "mobile": ["", "12800138000", "1380013800", "138001380001"],
    "known_area": ["", "000000", "999999"],
}  # fmt: skip


@pytest.mark.parametrize(
    ("name", "value"), [(name, value) for name, values in YES.items() for value in values]
)
def test_yes(name: str, value: str) -> None:
    assert CHECKS[name](value) is True


@pytest.mark.parametrize(
    ("name", "value"), [(name, value) for name, values in NO.items() for value in values]
)
def test_no(name: str, value: str) -> None:
    assert CHECKS[name](value) is False


def test_every_check_has_both_tables() -> None:
    assert set(YES) == set(NO) == set(CHECKS)


def test_one_wrong_digit_never_passes() -> None:
    for at in range(17):
        for digit in "0123456789":
            if digit != GENERATED[at]:
                assert not checks.mod11_2(GENERATED[:at] + digit + GENERATED[at + 1 :])


@pytest.mark.parametrize("province", ["71", "81", "82", "83", "91", "99"])
def test_permits_and_foreigners_are_residents(province: str) -> None:
    body = province + "0000" + "19900304" + "012"
    last = next(char for char in "0123456789X" if checks.mod11_2(body + char))
    assert checks.resident_id(body + last)


@pytest.mark.parametrize(
    ("value", "born"),
    [
        ("11010519491231002X", datetime.date(1949, 12, 31)),
        ("11010519491231002", datetime.date(1949, 12, 31)),  # 17: one digit lost
        ("110105491231002", datetime.date(1949, 12, 31)),
        ("110105194913310021", None),
        ("1101051949", None),
        ("", None),
    ],
)
def test_id_birth_date(value: str, born: datetime.date | None) -> None:
    assert id_birth_date(value) == born


@pytest.mark.parametrize("digits", ["19490229", "18791231", "99991231", "1949", "", "abcdefgh"])
def test_birth_date_of_nobody(digits: str) -> None:
    assert birth_date(digits) is None


def test_today_is_a_birth_date_and_tomorrow_is_none() -> None:
    today = datetime.date.today()
    assert birth_date(today.strftime("%Y%m%d")) == today
    assert birth_date((today + datetime.timedelta(days=1)).strftime("%Y%m%d")) is None


@pytest.mark.parametrize(
    ("value", "length"),
    [("01088886666", 3), ("09343538966", 4), ("88886666", 0), ("", 0), ("0000", 0)],
)
def test_area_code_length(value: str, length: int) -> None:
    assert checks.area_code_length(value) == length


@pytest.mark.parametrize(("value", "is_code"), [("91350100M000100Y43", True), (GENERATED, False)])
def test_credit_code(value: str, is_code: bool) -> None:
    assert checks.credit_code(value) is is_code
