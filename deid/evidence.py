"""What the words around a value say of it: an agency's, which stays, or a person's.

The words are ``patterns/evidence.yaml``. Everything here reads folded text.
"""

from __future__ import annotations

import re
from functools import cache
from typing import NamedTuple

from deid.address import Address, cut, is_agency_place
from deid.data import load_yaml, patterns_dir
from deid.errors import PatternError
from deid.fields import label_before
from deid.later import later

_SENTENCE_END = later(r"[。;!?\n]")
_CLAUSE_END = later(r"[。;!?\n,]")
_MAILBOX = later(r"(?:邮箱|信箱|邮件|发送?至|报送?至|投[至递])[^\u4e00-\u9fff]{0,4}$")
_OWN_MAILBOX = later(
    r"(?:个人|私人|本人|[其他她我])的?(?:电子|联系)?(?:邮箱|邮件)[^\u4e00-\u9fff]{0,4}$"
)
_GLUED_MAILBOX = later(r"(?<![子至到送寄方务公作])(?:邮箱|信箱)$")
"""The label of a person's mailbox, as messages write it: 邮箱zhangsan@…; a publisher sets a colon."""
_SIGNED_BEHIND = later(r"[\d*-]{5,}\s?\(([^()\d]{3,20})\)")
_WINDOW = 60
"""How many characters before a value its sentence is read."""
_SIGNED_WINDOW = 120
_NEAR = 20
_KEYS = frozenset(
    [
        "org",
        "duty",
        "contact",
        "collective",
        "concern",
        "invitation",
        "signatory",
        "rank",
        "person",
        "office",
        "home",
        "dormitory",
        "household",
        "unit",
    ]
)


class _Words(NamedTuple):
    """The lists, as patterns."""

    org: re.Pattern[str]
    agency_contact: re.Pattern[str]
    invited: re.Pattern[str]
    account_of: re.Pattern[str]
    place_of: re.Pattern[str]
    signed: re.Pattern[str]
    person: re.Pattern[str]
    office: re.Pattern[str]
    home: re.Pattern[str]
    dormitory: re.Pattern[str]
    household: re.Pattern[str]
    amount: re.Pattern[str]


@cache
def _words() -> _Words:
    path = patterns_dir() / "evidence.yaml"
    raw = load_yaml(path)
    if not isinstance(raw, dict) or set(raw) != _KEYS:
        raise PatternError(f"{path.name} 的键应为 {'、'.join(sorted(_KEYS))}")
    either = {key: "|".join(words) for key, words in raw.items()}
    han = "\u4e00-\u9fff"
    return _Words(
        org=later(f"[{han}]{{2,}}(?:{either['org']})"),
        agency_contact=later(
            f"(?:{either['duty']})[{han}、/及和与或]{{0,8}}(?:{either['contact']})?[^{han}0-9]{{0,6}}$"
        ),
        invited=later(
            rf"(?:(?:{either['concern']})[^。;]{{0,12}}?(?:请|可|欢迎)|(?:{either['invitation']}))[^。;]{{0,40}}$"
        ),
        account_of=later(
            rf"(?:户名|账户名称|开户名称|开户单位|收款单位|收款方|账户)\s*:?\s*[{han}()0-9]{{2,24}}?"
            rf"(?:{either['org']}|专户|收入户|支出户|基金会?|总会|{either['collective']})"
        ),
        place_of=later(
            rf"(?:{either['org']})\s*(?:\([^()]*\))?[,\s]{{1,2}}(?:注册|办公|联系|通讯|经营|单位|公司)?(?:地址|住所地?|所在地)\s*[:为]?\s*$"
        ),
        signed=later(
            rf"(?:{either['signatory']})\s*(?:\([^()]*\))?\s*:"
            rf"|联系人\s*:\s*[{han}]{{1,3}}(?:{either['rank']})"
        ),
        person=later(either["person"]),
        office=later(either["office"]),
        home=later(either["home"]),
        dormitory=later(either["dormitory"]),
        household=later(either["household"]),
        amount=later(rf"\s?(?:[.]\d+)?\s?(?:{either['unit']})"),
    )


def is_amount(folded: str, end: int) -> bool:
    """Whether a unit stands behind a number that ends there."""
    return bool(_words().amount.match(folded, end))


def _before(folded: str, start: int, ends: re.Pattern[str]) -> str:
    """What stands before ``start`` in the same sentence or clause."""
    return ends.split(folded[max(0, start - _WINDOW) : start])[-1]


def is_agency_contact(
    entity: str, folded: str, start: int, *, people: bool = False, public: bool = False
) -> bool:
    """Whether a telephone number or mailbox is an agency's, which the public must be able to see.

    ``people``: it stands in a listed person's row; ``public``: in what the publisher says himself.
    """
    if not start and people:  # no word before it
        return False
    words = _words()
    sentence = _before(folded, start, _SENTENCE_END)
    clause = _before(folded, start, _CLAUSE_END)
    if not people and words.signed.search(folded[max(0, start - _SIGNED_WINDOW) : start]):
        return True
    if words.agency_contact.search(clause):
        return True
    signed = None if people else _SIGNED_BEHIND.match(folded, start)
    if signed and entity != "CN_MOBILE" and words.org.search(f"某某{signed[1]}"):
        return True
    invited = not people and words.invited.search(sentence)
    if invited and not words.person.search(invited.group()):
        return True
    if people or words.person.search(clause):
        landline = entity != "CN_MOBILE" and not words.person.search(clause)
        return landline and bool(words.org.search(clause))
    if public and entity == "CN_LANDLINE":
        return True
    if entity == "EMAIL_ADDRESS":
        if _OWN_MAILBOX.search(sentence):
            return False
        official = ".gov.cn" in folded[start : start + 80]
        if not official and not public and _GLUED_MAILBOX.search(sentence):
            return bool(words.org.search(sentence))
        return official or bool(_MAILBOX.search(sentence))
    return bool(words.org.search(sentence))


def is_agency_account(folded: str, start: int, end: int) -> bool:
    """Whether an account is one to pay into: its holder, named beside it, is no person."""
    words = _words()
    near = folded[max(0, start - _WINDOW) : start] + "\0" + folded[end : end + _NEAR]
    return bool(words.account_of.search(near)) and not words.person.search(near)


def is_home(
    folded: str,
    address: Address,
    *,
    people: bool = False,
    public: bool = False,
    record: bool = False,
) -> bool:
    """Whether an address in prose is somebody's home and not an office.

    ``record``: the text is a person's row without any header.
    """
    words = _words()
    label = label_before(folded, address.start)
    if label.agency or is_agency_place(folded, address):
        return False
    sentence = _before(folded, address.start, _SENTENCE_END)
    near = sentence[-_NEAR:]
    if not (people or record) and words.place_of.search(sentence):
        return False
    household = words.household.search(folded, cut(address), address.end)
    if words.home.search(near) or (record and household):
        return True
    # In a person's row the address itself may name an office (洋湖办事处洋湖社区29号楼): look behind it.
    first = address.end if record else address.start
    after = _SENTENCE_END.split(folded[first : address.end + 25])[0]
    if words.org.search(after) and not words.dormitory.search(after):
        return False
    if (label.entity == "CN_ADDRESS" and not public) or words.person.search(near):
        return True
    if public or label.public:
        return False
    if people or household:
        return True
    return not words.office.search(sentence + folded[address.end : address.end + 12])
