"""Presidio behind its dialect: the analyzer that finds what deid finds, and the operators.

Importing this takes the second or two that Presidio takes; ``dialect`` does so when first asked.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Iterable, Mapping, Sequence
from functools import cache
from types import MappingProxyType
from typing import Any

from presidio_analyzer import RecognizerResult
from presidio_analyzer.context_aware_enhancers import ContextAwareEnhancer
from presidio_analyzer.nlp_engine import NlpArtifacts
from spacy.tokens import Doc
from spacy.vocab import Vocab

from deid import load_entities
from deid.presidio import DeidAnalyzer, JiebaNlpEngine, create_analyzer

from .dialect_models import AnalyzeRequest, fault
from .dialect_patterns import Allowed, Clock, client_recognizers
from .problems import Problem

LANGUAGES = ("zh", "en")
"""Clients send en as a matter of course; what is found does not depend on it."""

ALIASES: Mapping[str, tuple[str, ...]] = MappingProxyType(
    {
        "CREDIT_CARD": ("CN_BANK_CARD",),
        "LOCATION": ("CN_ADDRESS", "CN_VILLAGE_GROUP"),
        "PHONE_NUMBER": ("CN_MOBILE", "CN_LANDLINE"),
    }
)
"""Presidio's names for what goes by another name here. EMAIL_ADDRESS and PERSON are the same."""

NAMES: Mapping[str, str] = MappingProxyType(
    {ours: alias for alias, several in ALIASES.items() for ours in several}
)


class _WhenNeeded(JiebaNlpEngine):
    """Reads its dictionary (a second) when a client's recognizer comes with context words."""

    def __init__(self) -> None:
        super().__init__([{"lang_code": "zh", "model_name": ""}])
        self._loading = threading.Lock()

    def is_loaded(self) -> bool:
        return True

    def process_text(self, text: str, language: str) -> NlpArtifacts:
        with self._loading:
            if not self.nlp:
                self.load()
        return super().process_text(text, language)


class _OnlyWithContext(ContextAwareEnhancer):
    """Context for the recognizers that have context words; Presidio's copies every result first."""

    def __init__(self, real: Any) -> None:
        self._real = real

    def enhance_using_context(
        self,
        text: str,
        raw_results: list[RecognizerResult],
        nlp_artifacts: NlpArtifacts,
        recognizers: list[Any],
        context: list[str] | None = None,
    ) -> list[RecognizerResult]:
        if not any(each.context for each in recognizers):
            return raw_results
        found: list[RecognizerResult] = self._real.enhance_using_context(
            text, raw_results, nlp_artifacts, recognizers, context
        )
        return found


@cache
def analyzer() -> DeidAnalyzer:
    """The analyzer; nothing of it tells anybody what it read."""
    for name in ("presidio-analyzer", "presidio-anonymizer", "decision_process"):
        logging.getLogger(name).setLevel(logging.CRITICAL + 1)  # they log names a client made up
    made = create_analyzer(nlp_engine=_WhenNeeded())
    made.context_aware_enhancer = _OnlyWithContext(made.context_aware_enhancer)
    return made


@cache
def _no_tokens() -> NlpArtifacts:
    engine = analyzer().nlp_engine
    return NlpArtifacts([], Doc(Vocab()), [], [], engine, "zh")


def recognizer_names() -> list[str]:
    return [str(getattr(each, "name", "")) for each in analyzer().get_recognizers("zh")]


def supported_entities() -> list[str]:
    """Ours, and Presidio's names for them."""
    return sorted({*load_entities(), *ALIASES})


def checked_language(language: str | None) -> str:
    """The language. Raises Problem."""
    if not language:
        raise fault("No language provided", "没有写明语言（zh 或 en）")
    if language not in LANGUAGES:
        raise fault(
            f"No matching recognizers were found to serve the request. "
            f"Languages: {', '.join(LANGUAGES)}",
            f"只支持这些语言：{'、'.join(LANGUAGES)}",
        )
    return language


class Analysis:
    """One /analyze request, checked; ``of(text)`` is what it answers for a text."""

    def __init__(self, asked: AnalyzeRequest) -> None:
        language = checked_language(asked.language)
        clock = Clock()
        self._asked = asked
        self._own = client_recognizers(asked.ad_hoc_recognizers or (), language, clock)
        self._allowed = Allowed(
            asked.allow_list or (), asked.allow_list_match or "exact", asked.regex_flags, clock
        )
        self._named, self._entities = _wanted(
            asked.entities or (), {name for each in self._own for name in each.supported_entities}
        )
        self._tokens = None if any(each.context for each in self._own) else _no_tokens()

    def of(self, text: str) -> list[dict[str, Any]]:
        found = analyzer().analyze(
            text,
            entities=self._entities,
            score_threshold=self._asked.score_threshold,
            return_decision_process=bool(self._asked.return_decision_process),
            ad_hoc_recognizers=list(self._own),
            context=self._asked.context,
            nlp_artifacts=self._tokens,
        )
        return [
            self._shown(each) for each in found if not self._allowed(text[each.start : each.end])
        ]

    def _shown(self, result: RecognizerResult) -> dict[str, Any]:
        explanation = result.analysis_explanation
        return {
            "analysis_explanation": explanation and explanation.to_dict(),
            "end": result.end,
            "entity_type": self._named.get(result.entity_type, result.entity_type),
            "score": result.score,
            "start": result.start,
        }


def _wanted(
    entities: Sequence[str], sent_along: Iterable[str]
) -> tuple[Mapping[str, str], list[str] | None]:
    """By which name each entity is answered, and the entities to look for (None: all)."""
    if not entities:
        return {}, None
    known = {*load_entities(), *sent_along}
    named: dict[str, str] = {}
    for index, name in enumerate(entities):
        if name not in known and name not in ALIASES:
            raise _unknown(index)
        if name in known:
            named[name] = name
        for ours in ALIASES.get(name, ()):
            named.setdefault(ours, name)
    # A name asked for as such is answered as such, whatever alias came first.
    named.update({name: name for name in entities if name in known})
    return named, list(named)


def _unknown(index: int) -> Problem:
    known = supported_entities()
    return fault(
        f"entities.{index} is not supported. Supported: {', '.join(known)}",
        f"entities 第 {index + 1} 项不支持。支持：{'、'.join(known)}",
        supported=known,
    )
