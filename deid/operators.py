"""Pure operators: how a value is changed. The words are GB/T 37964-2019's: mask 屏蔽, redact 抑制,
generalize 泛化; keep leaves it. Each takes the raw value and returns what stands in its place.

Every operator is idempotent on what it wrote, and what it leaves visible does not depend on what it
hides: the length of a hidden tail of an address, for one, is not shown.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

from deid.address import cut, parse_address
from deid.checks import area_code_length
from deid.errors import PatternError
from deid.names import family_name_length
from deid.text import fold, is_star

Operator = Callable[[str], str]

_LEAST_HIDDEN = 6
"""A mask that would hide fewer characters than this hides the value whole."""

REST = "***"
"""What stands for the hidden rest of an address: always the same, so its length tells nothing."""


def _visible(value: str) -> list[int]:
    """Offsets of the characters that carry the value: letters and digits, not separators."""
    return [at for at, char in enumerate(fold(value)) if char.isalnum() or is_star(char)]


def keep(value: str) -> str:
    """The value itself."""
    return value


def mask(value: str, *, first: int = 0, last: int = 0, star: str = "*") -> str:
    """The value with every letter and digit but the first and last few replaced; length kept.

    >>> mask("11010519491231002X", first=6)
    '110105************'
    """
    places = _visible(value)
    if len(places) - first - last < min(_LEAST_HIDDEN, len(places)):
        first = last = 0
    hidden = set(places[first : len(places) - last])
    return "".join(star if at in hidden else char for at, char in enumerate(value))


def mask_landline(value: str) -> str:
    """The area code, the rest hidden; a number without a known area code is hidden whole."""
    digits = "".join(char for char in fold(value) if char.isdigit())
    return mask(value, first=area_code_length(digits) if digits.startswith("0") else 0)


def mask_email(value: str) -> str:
    """The domain, the part before ``@`` hidden.

    >>> mask_email("zhang@example.com")
    '*****@example.com'
    """
    at = fold(value).rfind("@")
    return "*" * len(value[:at].strip()) + value[at:] if at > 0 else mask(value)


def mask_name(value: str) -> str:
    """The family name and ``*`` for each character after it.

    >>> mask_name("于皓汐")
    '于**'
    """
    return mask_from(value, family_name_length(fold(value)))


def mask_from(value: str, start: int) -> str:
    """The value with every character from ``start`` on that is not blank replaced by ``*``."""
    return value[:start] + "".join(char if char.isspace() else "*" for char in value[start:])


def redact(value: str) -> str:
    """Nothing."""
    return ""


def replace(value: str, *, text: str = "***") -> str:
    """A fixed text."""
    return text


def generalize_address(value: str, *, level: str = "village") -> str:
    """The address down to ``level``; what is finer becomes ``***`` (levels: deid.address.LEVELS)."""
    address = parse_address(fold(value))
    start = cut(address, level) if address else 0
    end = address.end if address else len(value)
    return value if start >= end else value[:start] + REST + value[end:]


OPERATORS: Mapping[str, Callable[..., str]] = {
    function.__name__: function
    for function in (
        keep,
        mask,
        mask_landline,
        mask_email,
        mask_name,
        redact,
        replace,
        generalize_address,
    )
}
"""The operators that a policy may name."""


def build(name: str, options: Mapping[str, object], where: str) -> Operator:
    """The operator ``name`` with its options bound. Raises PatternError that names the place."""
    function = OPERATORS.get(name)
    if function is None:
        raise PatternError(f"{where}: 没有名为 {name} 的处理方式（有：{'、'.join(OPERATORS)}）")
    try:
        function("", **options)
    except TypeError:
        raise PatternError(f"{where}: {name} 不认识选项 {sorted(options)}") from None
    return lambda value: function(value, **options)
