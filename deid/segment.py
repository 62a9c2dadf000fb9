"""Chinese text -> words, by jieba with a dictionary of its own; loaded where it is asked for.

A process's first tokenizer reads jieba's dictionary (half a second to a second). jieba would keep a
copy of it in the shared temporary folder, where anybody could put another one: ours does not.
"""

from __future__ import annotations

from collections.abc import Iterable
from functools import cache
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import jieba


@cache
def frequencies() -> tuple[dict[str, int], int]:
    """How often jieba's words (and their beginnings: 0) occur, and the sum of it."""
    import logging  # with jieba only: nobody who masks a list waits for them
    import warnings

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # it asks setuptools for its own files, which is deprecated
        import jieba

    jieba.setLogLevel(logging.WARNING)
    plain = jieba.Tokenizer()
    known, total = plain.gen_pfdict(plain.get_dict_file())
    return known, total


@cache
def tokenizer(words: tuple[str, ...] = ()) -> jieba.Tokenizer:
    """A tokenizer that never cuts one of ``words`` in two."""
    known, total = frequencies()
    import jieba

    made = jieba.Tokenizer()
    made.FREQ, made.total, made.initialized = dict(known), total, True
    add_words(made, words)
    return made


def add_words(made: jieba.Tokenizer, words: Iterable[str]) -> None:
    """Make each word one token."""
    for word in words:
        made.add_word(word)
