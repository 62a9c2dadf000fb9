"""Pure checks on a value whose separators are gone. Each returns a bool; YAML names them."""

from __future__ import annotations

import datetime
from collections.abc import Callable
from functools import cache
from operator import mul

from deid.data import load_keys

# GB 11643-1999, 4.3 (ISO 7064:1983 MOD 11-2): weights of positions 18 to 2, and the check characters.
_ID_WEIGHTS = (7, 9, 10, 5, 8, 4, 2, 1, 6, 3, 7, 9, 10, 5, 8, 4, 2)
_ID_CHECK = "10X98765432"
# ISO/IEC 7812-1, annex B: the sum of the digits of twice a digit.
_DOUBLED = (0, 2, 4, 6, 8, 1, 3, 5, 7, 9)
# GB 32100-2015, 5.5 (MOD 31-3): the alphabet leaves out I, O, S, V, Z.
_CREDIT_ALPHABET = "0123456789ABCDEFGHJKLMNPQRTUWXY"
_CREDIT_WEIGHTS = tuple(pow(3, n, 31) for n in range(17))
# GB/T 2260: the first two digits. 81-83 residence permits (2018), 9x foreigners' permanent ID (2023).
_PROVINCES = frozenset(
    [
        "11",
        "12",
        "13",
        "14",
        "15",
        "21",
        "22",
        "23",
        "31",
        "32",
        "33",
        "34",
        "35",
        "36",
        "37",
        "41",
        "42",
        "43",
        "44",
        "45",
        "46",
        "50",
        "51",
        "52",
        "53",
        "54",
        "61",
        "62",
        "63",
        "64",
        "65",
        "71",
        "81",
        "82",
        "83",
        "91",
        "92",
        "93",
        "94",
        "95",
        "96",
        "97",
        "98",
        "99",
    ]
)
_FIRST_YEAR = 1880


def mod11_2(value: str) -> bool:
    """The check character of an 18-character ID number is right (GB 11643-1999, 4.3).

    >>> mod11_2("11010519491231002X")
    True
    """
    if len(value) != 18 or not value[:17].isdecimal():
        return False
    total = sum(map(mul, map(int, value[:17]), _ID_WEIGHTS))
    return _ID_CHECK[total % 11] == value[17].upper()


def luhn(value: str) -> bool:
    """The check digit of a card number is right (ISO/IEC 7812-1, annex B)."""
    if not value.isdecimal():
        return False
    doubled = map(_DOUBLED.__getitem__, map(int, value[-2::-2]))
    return (sum(map(int, value[::-2])) + sum(doubled)) % 10 == 0


def mod31_3(value: str) -> bool:
    """The check character of a unified social credit code is right (GB 32100-2015, 5.5)."""
    value = value.upper()
    if len(value) != 18 or any(char not in _CREDIT_ALPHABET for char in value):
        return False
    total = sum(
        _CREDIT_ALPHABET.index(char) * weight
        for char, weight in zip(value, _CREDIT_WEIGHTS, strict=False)
    )
    return _CREDIT_ALPHABET[-total % 31] == value[17]


def birth_date(digits: str) -> datetime.date | None:
    """The date that eight digits name, or None when no living person can have been born then."""
    if not digits.isdecimal():
        return None
    try:
        date = datetime.date(int(digits[:4]), int(digits[4:6]), int(digits[6:8]))
    except ValueError:
        return None
    return date if date.year >= _FIRST_YEAR and date <= datetime.date.today() else None


ADULT = 18
"""Years; 民法典 art. 17: who has not reached them is a minor."""


def age_on(birth: datetime.date, day: datetime.date) -> int:
    """Completed years of age."""
    return day.year - birth.year - ((day.month, day.day) < (birth.month, birth.day))


def id_birth_date(value: str) -> datetime.date | None:
    """The birth date inside an ID number of 18 or 15 characters (15: the century is 19)."""
    if len(value) >= 17:
        return birth_date(value[6:14])
    return birth_date("19" + value[6:12]) if len(value) == 15 else None


@cache
def _area_codes() -> frozenset[str]:
    return load_keys("area_codes")


def known_area(value: str) -> bool:
    """The first six digits are, or once were, a division code (GB/T 2260).

    Never used to reject an ID number whose check character is right: old codes are incomplete.
    """
    return value[:6] in _area_codes()


def resident_id(value: str) -> bool:
    """18 characters with a province, a birth date and the right check character (GB 11643-1999)."""
    return (
        len(value) == 18
        and value[:2] in _PROVINCES
        and birth_date(value[6:14]) is not None
        and mod11_2(value)
    )


def resident_id_shape(value: str) -> bool:
    """18 characters with a known division and a birth date, whatever the check character."""
    if len(value) != 18 or not value[:17].isdecimal():
        return False
    return known_area(value) and birth_date(value[6:14]) is not None


def resident_id_15(value: str) -> bool:
    """15 digits of the first generation: a known division and a date of birth in the 1900s."""
    if len(value) != 15 or not value.isdecimal():
        return False
    return known_area(value) and birth_date("19" + value[6:12]) is not None


def disability_cert(value: str) -> bool:
    """An ID number, kind 1-7, grade 1-4 and perhaps B and a count (残疾人证管理办法)."""
    kind, grade = value[18:19], value[19:20]
    return resident_id(value[:18]) and kind in tuple("1234567") and grade in tuple("1234")


def student_no(value: str) -> bool:
    """G, J or L in front of an ID number (教育部 学籍号 rule)."""
    return value[:1].upper() in "GJL" and resident_id(value[1:])


@cache
def _card_prefixes() -> tuple[frozenset[str], tuple[int, ...]]:
    prefixes = load_keys("bank_prefixes")
    return prefixes, tuple(sorted({len(prefix) for prefix in prefixes}))


def card_prefix(value: str) -> bool:
    """The number starts like a card that a Chinese bank issues."""
    prefixes, lengths = _card_prefixes()
    return any(value[:length] in prefixes for length in lengths)


def bank_card(value: str) -> bool:
    """16 to 19 digits, an issuer's prefix and the right check digit."""
    return 16 <= len(value) <= 19 and value[0] != "0" and card_prefix(value) and luhn(value)


@cache
def _telephone_areas() -> frozenset[str]:
    return load_keys("telephone_areas")


def area_code_length(value: str) -> int:
    """How many digits of a telephone number are a known area code; 0 when none is."""
    return next((n for n in (3, 4) if value[:n] in _telephone_areas()), 0)


def landline(value: str) -> bool:
    """A known area code and seven or eight digits that start neither with 0 nor with 1."""
    length = area_code_length(value)
    if not value[: length + 7].isdecimal():  # an extension may follow in words
        return False
    return length > 0 and 7 <= len(value) - length <= 13 and value[length] not in "01"


@cache
def _mobile_prefixes() -> frozenset[str]:
    return frozenset(key[:3] for key in load_keys("mobile_prefixes"))


def mobile(value: str) -> bool:
    """Eleven digits with a prefix in service (numbering plan of the ministry of industry)."""
    return len(value) == 11 and value.isdecimal() and value[:3] in _mobile_prefixes()


def credit_code(value: str) -> bool:
    """A unified social credit code: never an ID number, it stays.

    One ID number in 31 has the check character by chance. Characters 3 to 8 of a code are a division
    (GB 32100-2015, 5.3), which tells the two apart.

    >>> credit_code("510104198304209000"), mod31_3("510104198304209000")
    (False, True)
    """
    return mod31_3(value) and (known_area(value[2:]) or not resident_id_shape(value))


CHECKS: dict[str, Callable[[str], bool]] = {
    check.__name__: check
    for check in (
        mod11_2,
        luhn,
        mod31_3,
        known_area,
        resident_id,
        resident_id_shape,
        resident_id_15,
        disability_cert,
        student_no,
        card_prefix,
        bank_card,
        landline,
        mobile,
    )
}
"""The checks that an entity file may name."""
