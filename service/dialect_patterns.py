"""The recognizers and allow lists a client sends along, under limits: somebody else's regular
expression may run for ever, or ask for all the memory there is.

Imports Presidio (a second or two): only ``dialect_engine`` imports this.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any

import regex
from presidio_analyzer import AnalysisExplanation, LocalRecognizer, RecognizerResult
from presidio_analyzer.nlp_engine import NlpArtifacts

from .dialect_models import ITEMS, PATTERNS, USUAL_FLAGS, SentRecognizer, fault
from .problems import Problem

SECONDS = 1.0
"""Of the processor, for all the regular expressions of one request. Presidio allows 60 for each, and
then goes on without the pattern: what it would have found counts as not there."""
LONGEST = 200_000
"""Characters of a text that a client's expressions run over: memory grows with them, 150 MB at most."""
_LONGEST_SOURCE = 2_000
_EXPANDED = 100_000
"""Characters that the counted repetitions of one expression may come to: the compiler writes them
out, so that ``(a{1000}){1000}`` takes 270 MB before it has read a character."""

_FLAGS = {2: regex.IGNORECASE, 8: regex.MULTILINE, 16: regex.DOTALL, 32: regex.UNICODE}
_FLAGS |= {256: regex.ASCII}  # 256 is ASCII to `re`, to `regex` it is VERSION1
_COUNT = regex.compile(r"(\S?)\s*\{\s*(\d+)")
_REFUSED = {
    "the verbose flag": regex.compile(r"\(\?[a-zA-Z0-9-]*x[a-zA-Z0-9-]*[:)]"),
    # ``(?:a{e<=5})*`` takes 400 MB in its second.
    "fuzzy matching": regex.compile(r"(?<!\\[pPN])\{[\s\d<=+,]*[eids][\s\d<=+,:}]"),
    # ``(?:a|(?R))*b`` takes 8 GB before any clock is looked at.
    "recursion": regex.compile(r"\(\?(?:R|&|P>|[+-]?\d)"),
}


class Clock:
    """The time left for the expressions of one request, and the results they may still give."""

    def __init__(self, seconds: float = SECONDS, results: int = ITEMS) -> None:
        self.seconds, self.results = seconds, results

    def matches(self, compiled: Any, text: str, where: str) -> Iterator[tuple[int, int]]:
        """The places of every match that is not empty. Raises Problem when the time is up."""
        started = time.thread_time()
        try:
            for start, end in self._places(compiled, text, started):
                self.results -= 1
                if self.results < 0:
                    raise _too_much(f"more than {ITEMS} results", f"结果超过 {ITEMS} 处")
                yield start, end
        except TimeoutError:
            raise _too_slow(where) from None
        finally:
            self.seconds -= time.thread_time() - started

    def _places(self, compiled: Any, text: str, started: float) -> Iterator[tuple[int, int]]:
        if isinstance(compiled, _Words):
            yield from compiled.places(text, started + self.seconds)
            return
        for match in compiled.finditer(text, timeout=max(self.seconds, 0.001)):
            start, end = match.span()
            if start < end:
                yield start, end

    def found(self, compiled: Any, text: str, where: str) -> bool:
        """Whether the expression is met with in the text."""
        started = time.thread_time()
        try:
            return compiled.search(text, timeout=max(self.seconds, 0.001)) is not None
        except TimeoutError:
            raise _too_slow(where) from None
        finally:
            self.seconds -= time.thread_time() - started


def _too_slow(where: str) -> Problem:
    return fault(f"{where}: takes too long", f"{where}：运行太久，已停止")


def _too_much(error: str, detail: str) -> Problem:
    return fault(error, detail, "too-large")


def compiled(source: str, flags: int | None, where: str) -> Any:
    """The expression, compiled. Raises Problem for one that is wrong or would grow too large."""
    given = USUAL_FLAGS if flags is None else flags
    if given & ~sum(_FLAGS):
        raise fault(f"{where}: flags are not supported", f"{where}：不支持这些 flags")
    if len(source) > _LONGEST_SOURCE:
        raise fault(f"{where}: the pattern is too long", f"{where}：正则表达式太长")
    for name, sign in _REFUSED.items():
        if sign.search(source):
            raise fault(f"{where}: {name} is not supported", f"{where}：不支持 {name}")
    if _expanded(source) > _EXPANDED:
        raise fault(f"{where}: repetitions are too large", f"{where}：重复次数太大")
    wanted = 0
    for bit, flag in _FLAGS.items():
        wanted |= flag if given & bit else 0
    try:
        return regex.compile(source, wanted, cache_pattern=False)
    except (regex.error, ValueError, RecursionError, OverflowError, KeyError, IndexError):
        raise fault(f"{where}: invalid regex pattern", f"{where}：正则表达式不合法") from None


def _expanded(source: str) -> float:
    """No fewer characters than the counted repetitions come to. Which group a count belongs to is
    not asked: counts behind a group multiply all there is, others add."""
    added, factor = len(source), 1
    for before, digits in _COUNT.findall(source):
        count = int(digits[:9])
        if before in (")", "}", ""):
            factor *= max(count, 1)
        else:
            added += count
        if factor > _EXPANDED:
            return math.inf
    return added * factor


class ClientRecognizer(LocalRecognizer):
    """Presidio's PatternRecognizer, of one request, with a clock.

    Words of a deny list stand alone only where letters or digits could run on: among Chinese
    characters, which all are word characters to Python, Presidio's own finds none.
    """

    def __init__(self, sent: SentRecognizer, language: str, clock: Clock, where: str) -> None:
        self.name: str
        self._clock, self._where = clock, where
        self._flags = USUAL_FLAGS if sent.global_regex_flags is None else sent.global_regex_flags
        self._patterns: list[tuple[str, str | None, float, Any]] = [
            (each.name, each.regex, each.score, compiled(each.regex, self._flags, f"{where}.{i}"))
            for i, each in enumerate(sent.patterns or ())
            # ``to_dict`` writes the words a second time, as a pattern.
            if not (sent.deny_list and each.name == "deny_list")
        ]
        if words := [word for word in sent.deny_list or () if word]:
            listed = _Words(words, ignore_case=bool(self._flags & 2))
            self._patterns.append(("deny_list", None, sent.deny_list_score, listed))
        if not self._patterns:
            raise fault(f"{where}: needs patterns or a deny_list", f"{where}：没有规则，也没有词表")
        super().__init__(
            supported_entities=[_entity(sent, where)],
            supported_language=language,
            name=sent.name or "PatternRecognizer",
            version=sent.version or "0.0.1",
            context=[word for word in sent.context or () if word],
        )

    def load(self) -> None:
        """Nothing to load."""

    def analyze(
        self, text: str, entities: list[str], nlp_artifacts: NlpArtifacts | None = None
    ) -> list[RecognizerResult]:
        """Every match of every pattern."""
        if len(text) > LONGEST:
            raise _too_much(
                f"ad-hoc recognizers take texts of at most {LONGEST} characters",
                f"临时识别器只用于不超过 {LONGEST} 字的文字",
            )
        return [
            self._result(start, end, name, source, score)
            for index, (name, source, score, each) in enumerate(self._patterns)
            if score > 0
            for start, end in self._clock.matches(each, text, f"{self._where}.{index}")
        ]

    def _result(
        self, start: int, end: int, name: str, source: str | None, score: float
    ) -> RecognizerResult:
        explanation = AnalysisExplanation(
            recognizer=self.name,
            original_score=score,
            pattern_name=name,
            pattern=source or "",
            textual_explanation=f"Detected by `{self.name}` using pattern `{name}`",
            regex_flags=self._flags,
        )
        return RecognizerResult(
            self.supported_entities[0],
            start,
            end,
            score,
            explanation,
            {
                RecognizerResult.RECOGNIZER_NAME_KEY: self.name,
                RecognizerResult.RECOGNIZER_IDENTIFIER_KEY: self.id,
            },
        )


def _entity(sent: SentRecognizer, where: str) -> str:
    named = [each for each in (sent.supported_entity, *(sent.supported_entities or ())) if each]
    if len(named) != 1:
        raise fault(f"{where}: give one supported_entity", f"{where}：应写明一个 supported_entity")
    return str(named[0])


_LETTER = r"[^\W\p{Han}\p{Hiragana}\p{Katakana}]"
"""What runs on: a word of a list that ends in one must not end inside a longer one."""
_RUNS_ON = regex.compile(_LETTER)


class _Words:
    """The words of a deny list, with the one method of an expression that is asked of them. (As an
    alternation, ten thousand of them take minutes; as a tree, gigabytes.)"""

    def __init__(self, words: Iterable[str], ignore_case: bool) -> None:
        self._read: Callable[[str], str] = _lower if ignore_case else str
        self._words = frozenset(map(self._read, words))
        lengths: dict[str, set[int]] = {}
        for word in self._words:
            lengths.setdefault(word[0], set()).add(len(word))
        self._lengths = {first: sorted(each, reverse=True) for first, each in lengths.items()}

    def places(self, text: str, until: float) -> Iterator[tuple[int, int]]:
        """Where a word stands, the longest first, none overlapping. Raises TimeoutError."""
        read, end, steps = self._read(text), 0, 0
        for start, first in enumerate(read):
            if start < end:
                continue
            for length in self._lengths.get(first, ()):
                steps += 1
                if not steps % 1024 and time.thread_time() > until:
                    raise TimeoutError
                stop = start + length
                if stop > len(read) or read[start:stop] not in self._words:
                    continue
                if not _runs_on(text, start) and not _runs_on(text, stop):
                    end = stop
                    yield start, stop
                    break


def _lower(text: str) -> str:
    """In lower case, letter by letter: some become two, and places would move."""
    lower = text.lower()
    if len(lower) == len(text):
        return lower
    return "".join(small if len(small := char.lower()) == 1 else char for char in text)


def _runs_on(text: str, at: int) -> bool:
    """Whether the letters on both sides of this place are one word's."""
    return 0 < at < len(text) and bool(_RUNS_ON.match(text[at - 1]) and _RUNS_ON.match(text[at]))


def client_recognizers(
    sent: Sequence[SentRecognizer], language: str, clock: Clock
) -> list[ClientRecognizer]:
    """The recognizers of a request. Raises Problem for one that makes no sense."""
    if sum(len(each.patterns or ()) for each in sent) > PATTERNS:
        raise fault(f"at most {PATTERNS} patterns in a request", f"一次最多 {PATTERNS} 个规则")
    for index, each in enumerate(sent):
        # Presidio drops such a one without a word.
        if each.supported_language not in (None, language):
            where = f"ad_hoc_recognizers.{index}"
            raise fault(
                f"{where}: supported_language is not the language of the request",
                f"{where}：supported_language 与请求的 language 不一致",
            )
    return [
        ClientRecognizer(each, "zh", clock, f"ad_hoc_recognizers.{index}")
        for index, each in enumerate(sent)
    ]


class Allowed:
    """What a client wants left alone: whole findings, by their words or by expressions."""

    def __init__(self, words: Iterable[str], match: str, flags: int | None, clock: Clock) -> None:
        self._clock = clock
        self._words = frozenset(words if match == "exact" else ())
        self._expressions = [
            compiled(word, flags, f"allow_list.{index}")
            for index, word in enumerate(words)
            if word and match == "regex"
        ]

    def __call__(self, value: str) -> bool:
        return value in self._words or any(
            self._clock.found(each, value, f"allow_list.{index}")
            for index, each in enumerate(self._expressions)
        )
