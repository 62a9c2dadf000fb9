"""The bridge to Presidio, both ways: our entities for its engines, its recognizers for ours.

``create_analyzer()`` is a Presidio AnalyzerEngine that finds what deid finds; it loads no model and
works offline. Importing this module takes the second or two that Presidio itself takes.

What differs from a stock engine, on purpose: unknown entities are refused instead of dropped
silently; the decision log says where, never what; a context word that is one of our column headers
(``context=["身份证号"]``) is taken as the header that the text stands under; cost grows with the
length of the text, not with its square.
"""

from __future__ import annotations

import bisect
import hashlib
import json
import os
import re
import threading
from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import cache
from typing import TYPE_CHECKING, Any, ClassVar

from presidio_analyzer import (
    AnalysisExplanation,
    AnalyzerEngine,
    EntityRecognizer,
    LocalRecognizer,
    RecognizerRegistry,
    RecognizerResult,
)
from presidio_analyzer.app_tracer import AppTracer
from presidio_analyzer.context_aware_enhancers import LemmaContextAwareEnhancer
from presidio_analyzer.nlp_engine import NlpArtifacts, NlpEngine
from spacy.tokens import Doc
from spacy.vocab import Vocab

from deid.entities import load_entities
from deid.fields import header_label
from deid.mask import mask_spans
from deid.model import Finding
from deid.policy import Policy, load_policy
from deid.recognizers import findings_of, hidden_together
from deid.scan import PROSE, Setting, scan
from deid.segment import tokenizer

if TYPE_CHECKING:
    from presidio_anonymizer.entities import OperatorConfig

__all__ = [
    "DeidAnalyzer",
    "DeidRecognizer",
    "JiebaNlpEngine",
    "create_analyzer",
    "deid_operators",
    "hidden_results",
    "mask_results",
    "recognizers",
]

LANGUAGE = "zh"


# ------------------------------------------------------------------------------------- NLP engine


class JiebaNlpEngine(NlpEngine):
    """Tokens by jieba, in Presidio's terms: no spaCy model, no download.

    Headers and context words of the entities are in its dictionary: Presidio compares context by the
    token, so a context word must be one. ``entities`` of the artifacts stay empty: who is a person is
    not told by a part of speech (jieba's ``nr`` is wrong in every second case).
    """

    engine_name: ClassVar[str] = "jieba"
    is_available: ClassVar[bool] = True

    def __init__(
        self, models: Sequence[Mapping[str, str]] = (), ner_model_configuration: Any = None
    ) -> None:
        self.languages = [model["lang_code"] for model in models] or [LANGUAGE]
        self.nlp: dict[str, Any] = {}

    def load(self) -> None:
        """Reads jieba's dictionary (about a second)."""
        self.nlp = dict.fromkeys(self.languages, tokenizer(_context_words()))
        self._vocab = Vocab()

    def is_loaded(self) -> bool:
        return bool(self.nlp)

    def process_text(self, text: str, language: str) -> NlpArtifacts:
        """The tokens of the text; none of it is kept."""
        if language not in self.nlp:
            raise ValueError(f"language {language} is not one of {self.languages}")
        words = list(self.nlp[language].cut(text)) if text else []
        starts, at = [], 0
        for word in words:
            starts.append(at)
            at += len(word)
        doc = Doc(self._vocab, words=words, spaces=[False] * len(words))
        artifacts = NlpArtifacts(
            entities=[],
            tokens=doc,
            tokens_indices=starts,
            lemmas=words,
            nlp_engine=self,
            language=language,
        )
        artifacts.keywords = _Keywords(artifacts.keywords)
        return artifacts

    def process_batch(
        self,
        texts: Iterable[str],
        language: str,
        batch_size: int = 1,
        n_process: int = 1,
        **kwargs: Any,
    ) -> Iterator[tuple[str, NlpArtifacts]]:
        for text in texts:  # Presidio lets numbers and flags in, as texts
            yield text, self.process_text(str(text), language)

    def is_stopword(self, word: str, language: str) -> bool:
        return word in _STOPWORDS

    def is_punct(self, word: str, language: str) -> bool:
        return not any(char.isalnum() for char in word)

    def get_supported_entities(self) -> list[str]:
        return []

    def get_supported_languages(self) -> list[str]:
        return list(self.languages)


_STOPWORDS = frozenset("的了和是在有与及为以于等由对将其该并或")


class _Keywords(list[str]):
    """Presidio asks of every word near a finding whether it is in this list: answer at once."""

    def __init__(self, words: Iterable[str]) -> None:
        super().__init__(words)
        self._known = frozenset(self)

    def __contains__(self, word: object) -> bool:
        return word in self._known


@cache
def _context_words() -> tuple[str, ...]:
    entities = load_entities().values()
    words = {word for entity in entities for word in (*entity.headers, *entity.context)}
    return tuple(sorted(word for word in words if len(word) > 1))


# ------------------------------------------------------------------------------------- recognizers


_SECRET = os.urandom(16)


class _LastScan(threading.local):
    """One scan serves all recognizers of one call: the engine hands each the same text. The text is
    not kept, since a stock engine does not say when its call ends: a digest by this process's key is."""

    key: tuple[bytes, Setting] | None = None
    found: Sequence[Finding] = ()

    def __call__(self, text: str, setting: Setting) -> Sequence[Finding]:
        data = text.encode("utf-8", "surrogatepass")
        key = hashlib.blake2b(data, key=_SECRET).digest(), setting
        if key != self.key:
            self.key, self.found = key, scan(text, setting)
        return self.found

    def forget(self) -> None:
        self.key, self.found = None, ()


_scan_once = _LastScan()


class DeidRecognizer(LocalRecognizer):
    """What deid finds, as one Presidio recognizer: every entity, or those of ``supported_entities``.

    Offsets count characters of the text given, as everywhere in Presidio. Scores are deid's.
    """

    ENTITIES: ClassVar[tuple[str, ...]] = ()
    COUNTRY_CODE: ClassVar[str | None] = "cn"

    def __init__(
        self,
        supported_entities: Sequence[str] | None = None,
        name: str | None = None,
        supported_language: str = LANGUAGE,
        context: Sequence[str] | None = None,
        version: str = "1",
        supported_entity: str | None = None,
        **options: Any,
    ) -> None:
        single = [supported_entity] if supported_entity else None
        chosen = list(supported_entities or single or self.ENTITIES or load_entities())
        unknown = sorted(set(chosen) - set(load_entities()))
        if unknown:
            raise ValueError(f"deid has no entity {', '.join(unknown)}")
        self.name: str
        super().__init__(
            supported_entities=chosen,
            name=name or type(self).__name__,
            supported_language=supported_language,
            version=version,
            # Presidio's enhancer would add .35 for words that the scan has weighed already.
            context=list(context or ()),
            **options,
        )

    def load(self) -> None:
        """Nothing to load: patterns are read when first used."""

    def analyze(
        self, text: str, entities: list[str], nlp_artifacts: NlpArtifacts | None = None
    ) -> list[RecognizerResult]:
        """Every finding of one of ``entities``, in order."""
        return self._results(_scan_once(text, PROSE), entities)

    def enhance_using_context(
        self,
        text: str,
        raw_recognizer_results: list[RecognizerResult],
        other_raw_recognizer_results: list[RecognizerResult],
        nlp_artifacts: NlpArtifacts,
        context: list[str] | None = None,
    ) -> list[RecognizerResult]:
        """With context words that are column headers, also what the text holds under such a header
        (a mistyped ID number, an account number of any length)."""
        results = list(raw_recognizer_results)
        for word in context or ():
            label = header_label(word)
            if label.entity not in self.supported_entities:
                continue
            under = _scan_once(text, Setting(label=label, people=True))
            more = self._results(under, [label.entity])
            for result in more:
                result.recognition_metadata[RecognizerResult.IS_SCORE_ENHANCED_BY_CONTEXT_KEY] = (
                    True
                )
                result.analysis_explanation.set_supportive_context_word(word)
            results = [
                *(each for each in results if not any(_covers(new, each) for new in more)),
                *more,
            ]
        return results

    def _results(self, found: Iterable[Finding], entities: Iterable[str]) -> list[RecognizerResult]:
        wanted = set(self.supported_entities).intersection(entities or self.supported_entities)
        return [self._result(each) for each in found if each.entity in wanted]

    def _result(self, finding: Finding) -> RecognizerResult:
        explanation = AnalysisExplanation(
            recognizer=self.name,
            original_score=finding.score,
            textual_explanation=finding.why,  # why, never what
        )
        return RecognizerResult(
            entity_type=finding.entity,
            start=finding.start,
            end=finding.end,
            score=finding.score,
            analysis_explanation=explanation,
            recognition_metadata={
                RecognizerResult.RECOGNIZER_NAME_KEY: self.name,
                RecognizerResult.RECOGNIZER_IDENTIFIER_KEY: self.id,
            },
        )


def _covers(new: RecognizerResult, old: RecognizerResult) -> bool:
    return bool(new.start <= old.start and old.end <= new.end)


def _class_name(entity: str) -> str:
    """``CN_RESIDENT_ID`` -> ``CnResidentIdRecognizer``: the name that Presidio's YAML refers to."""
    return "".join(part.capitalize() for part in entity.split("_")) + "Recognizer"


RECOGNIZERS: Mapping[str, type[DeidRecognizer]] = {
    entity.name: type(
        _class_name(entity.name),
        (DeidRecognizer,),
        {"ENTITIES": (entity.name,), "__doc__": f"{entity.label}, as deid finds it."},
    )
    for entity in load_entities().values()
}
"""Entity -> its recognizer class. Presidio's loader finds them by class name once this module is
imported, so ``name: CnResidentIdRecognizer, type: predefined`` works in its YAML."""
# By name for pickling, and for `from deid.presidio import CnMobileRecognizer`.
for _class in RECOGNIZERS.values():
    _class.__module__ = __name__
    globals()[_class.__name__] = _class


def recognizers(language: str = LANGUAGE) -> list[DeidRecognizer]:
    """One recognizer for each entity; together they find what one ``DeidRecognizer()`` finds."""
    return [kind(supported_language=language) for kind in RECOGNIZERS.values()]


# ---------------------------------------------------------------------------------------- analyzer


class _PlacesOnly(AppTracer):
    """A decision log without content: Presidio's own logs every token of the text."""

    def trace(self, request_id: str, trace_data: str) -> None:
        if trace_data.startswith("nlp artifacts:"):
            tokens = json.loads(trace_data.partition(":")[2]).get("tokens", ())
            trace_data = f"nlp artifacts: {len(tokens)} tokens"
        super().trace(request_id, trace_data)


class _LinearEnhancer(LemmaContextAwareEnhancer):
    """Presidio's context rule for foreign recognizers, without a pass over all tokens a finding."""

    @staticmethod
    def _find_index_of_match_token(
        word: str, start: int, tokens: Any, tokens_indices: list[int]
    ) -> int:
        return max(bisect.bisect_right(tokens_indices, start) - 1, 0)


_REGEX_FLAGS = int(re.DOTALL | re.MULTILINE | re.IGNORECASE)


class DeidAnalyzer(AnalyzerEngine):
    """Presidio's engine, offline, in Chinese, with deid's findings.

    ``recognizers`` of the caller's own are added. Raises ValueError for an entity that no recognizer
    supports, where the stock engine goes on without it.
    """

    def __init__(
        self,
        recognizers: Sequence[EntityRecognizer] = (),
        *,
        language: str = LANGUAGE,
        nlp_engine: NlpEngine | None = None,
        default_score_threshold: float = 0,
        log_decision_process: bool = False,
    ) -> None:
        registry = RecognizerRegistry(
            recognizers=[DeidRecognizer(supported_language=language), *recognizers],
            supported_languages=[language],
        )
        super().__init__(
            registry=registry,
            nlp_engine=nlp_engine or JiebaNlpEngine([{"lang_code": language, "model_name": ""}]),
            supported_languages=[language],
            app_tracer=_PlacesOnly(),
            context_aware_enhancer=_LinearEnhancer(),
            default_score_threshold=default_score_threshold,
            log_decision_process=log_decision_process,
        )

    def analyze(
        self,
        text: str,
        language: str = LANGUAGE,
        entities: list[str] | None = None,
        correlation_id: str | None = None,
        score_threshold: float | None = None,
        return_decision_process: bool | None = False,
        ad_hoc_recognizers: list[EntityRecognizer] | None = None,
        context: list[str] | None = None,
        allow_list: list[str] | None = None,
        allow_list_match: str | None = "exact",
        regex_flags: int | None = _REGEX_FLAGS,
        nlp_artifacts: NlpArtifacts | None = None,
    ) -> list[RecognizerResult]:
        """As AnalyzerEngine.analyze; results are sorted by place."""
        if entities:
            known = set(self.get_supported_entities(language))
            known.update(e for each in ad_hoc_recognizers or () for e in each.supported_entities)
            if unknown := sorted(set(entities) - known):
                raise ValueError(f"no recognizer supports {', '.join(unknown)}")
        try:
            results: list[RecognizerResult] = super().analyze(
                text,
                language,
                entities,
                correlation_id,
                score_threshold,
                return_decision_process,
                ad_hoc_recognizers,
                context,
                allow_list,
                allow_list_match,
                regex_flags,
                nlp_artifacts,
            )
        finally:
            _scan_once.forget()
        return sorted(results, key=lambda result: (result.start, -result.end))


def create_analyzer(
    recognizers: Sequence[EntityRecognizer] = (), *, language: str = LANGUAGE, **options: Any
) -> DeidAnalyzer:
    """An analyzer that is ready to use, without a model and without a network.

    >>> analyzer = create_analyzer()
    >>> [result.entity_type for result in analyzer.analyze("电话13800138000", language="zh")]
    ['CN_MOBILE']
    """
    return DeidAnalyzer(recognizers, language=language, **options)


# --------------------------------------------------------------------------------------- operators


def deid_operators(policy: Policy | str = "general") -> dict[str, OperatorConfig]:
    """Operators for Presidio's AnonymizerEngine: what the policy does with each entity.

    Call the engine with ``merge_entities_with_spaces=False``, or it swallows the second of two
    numbers, and with results that the policy hides (``hidden_results``), or it prints what lies inside
    a span that is kept; ``mask_results`` does both. An entity that the policy does not know becomes
    stars. Needs presidio-anonymizer.
    """
    from presidio_anonymizer.entities import OperatorConfig

    rules = policy if isinstance(policy, Policy) else load_policy(policy)
    configs = {
        entity: OperatorConfig("custom", {"lambda": operator})
        for entity, operator in rules.operators.items()
    }
    configs["DEFAULT"] = OperatorConfig("custom", {"lambda": lambda value: "*" * len(value)})
    return configs


def hidden_results(
    results: Iterable[RecognizerResult], policy: Policy | str = "general"
) -> list[RecognizerResult]:
    """The results that the policy hides, and those of entities that it does not know."""
    rules = policy if isinstance(policy, Policy) else load_policy(policy)
    return [
        each
        for each in results
        if each.entity_type not in rules.specs or rules.hides(each.entity_type)
    ]


def mask_results(
    text: str, results: Iterable[RecognizerResult], policy: Policy | str = "general"
) -> str:
    """The text with Presidio's results masked as the policy says; what lies inside a kept span is
    still masked, neighbours are not merged, and an unknown entity is masked whole.

    Raises RecognizerFault for a result outside the text.
    """
    rules = policy if isinstance(policy, Policy) else load_policy(policy)
    return mask_spans(text, *hidden_together(findings_of(text, results), rules))
