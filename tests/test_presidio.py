"""The bridge to Presidio: the same findings as the core, and each known trap of Presidio avoided."""

from __future__ import annotations

import datetime
import json
import logging
import pickle
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from presidio_analyzer import (
    AnalyzerEngine,
    AnalyzerEngineProvider,
    BatchAnalyzerEngine,
    EntityRecognizer,
    Pattern,
    PatternRecognizer,
    RecognizerRegistry,
    RecognizerResult,
)
from presidio_analyzer.nlp_engine import NlpEngineProvider
from presidio_anonymizer import AnonymizerEngine
from presidio_anonymizer.entities import RecognizerResult as AnonymizerResult

import deid
from deid import mask_text, scan_text
from deid.entities import load_entities
from deid.errors import DeidError, RecognizerFault
from deid.presidio import (
    RECOGNIZERS,
    DeidAnalyzer,
    DeidRecognizer,
    JiebaNlpEngine,
    create_analyzer,
    deid_operators,
    hidden_results,
    mask_results,
    recognizers,
)
from deid.scan import PROSE, scan

FIXTURES = Path(__file__).parent / "fixtures"
TEXT = "张三，身份证11010519491231002X，电话13800138000，住红新村8组。监督电话12345"
STRINGS = json.loads((FIXTURES / "strings.json").read_text(encoding="utf-8"))


@pytest.fixture(scope="module")
def analyzer() -> DeidAnalyzer:
    return create_analyzer()


def spans(results: list[RecognizerResult]) -> list[tuple[int, int, str]]:
    return [(each.start, each.end, each.entity_type) for each in results]


def texts() -> Iterator[str]:
    for case in STRINGS[::7]:
        yield case["text"] if isinstance(case, dict) else case[0]


# ---------------------------------------------------------------------------------- agreement


@pytest.mark.parametrize("text", [TEXT, "", " ", "\n", *texts()])
def test_bridge_and_core_agree(analyzer: DeidAnalyzer, text: str) -> None:
    expected = [(each.start, each.end, each.entity) for each in scan(text, PROSE)]
    assert spans(analyzer.analyze(text, language="zh")) == sorted(expected)


def test_one_recognizer_an_entity_finds_the_same() -> None:
    registry = RecognizerRegistry(recognizers=recognizers(), supported_languages=["zh"])
    engine = AnalyzerEngine(registry, JiebaNlpEngine(), supported_languages=["zh"])
    expected = [(each.start, each.end, each.entity) for each in scan(TEXT, PROSE)]
    assert sorted(spans(engine.analyze(TEXT, "zh"))) == sorted(expected)
    assert set(engine.get_supported_entities("zh")) == set(load_entities())


def test_scores_and_reasons_are_ours(analyzer: DeidAnalyzer) -> None:
    (found,) = scan("电话13800138000", PROSE)
    (result,) = analyzer.analyze("电话13800138000", return_decision_process=True)
    assert result.score == found.score
    assert result.analysis_explanation.textual_explanation == found.why
    assert "13800138000" not in str(result.to_dict())


@pytest.mark.parametrize(
    ("text", "context", "entity"),
    [
        ("62284800", ["银行账号"], "CN_BANK_CARD"),
        ("红新村8组12号", ["家庭住址"], "CN_ADDRESS"),
        ("1101051949123100", ["身份证号"], "CN_RESIDENT_ID"),
    ],
)
def test_a_header_as_context(
    analyzer: DeidAnalyzer, text: str, context: list[str], entity: str
) -> None:
    with_context = analyzer.analyze(text, context=context)
    assert [each.entity_type for each in with_context] == [entity]
    found = scan_text(text, header=context[0])
    assert spans(with_context) == [(each.start, each.end, each.entity) for each in found]


def test_entities_threshold_and_allow_list(analyzer: DeidAnalyzer) -> None:
    assert spans(analyzer.analyze(TEXT, entities=["CN_MOBILE"])) == [(27, 38, "CN_MOBILE")]
    assert spans(analyzer.analyze(TEXT, score_threshold=0.9)) == [(6, 24, "CN_RESIDENT_ID")]
    left = analyzer.analyze(TEXT, allow_list=["13800138000"])
    assert "CN_MOBILE" not in {each.entity_type for each in left}


def test_batches(analyzer: DeidAnalyzer) -> None:
    batch = BatchAnalyzerEngine(analyzer)
    found = batch.analyze_iterator([TEXT, "没有"], language="zh")
    assert [len(each) for each in found] == [3, 0]
    rows = batch.analyze_dict({"电话": ["13800138000"], "备注": ["无"]}, language="zh")
    assert [len(each.recognizer_results[0]) for each in rows] == [1, 0]


# ------------------------------------------------------------------------ loading by Presidio itself


def test_presidio_loads_ours_from_its_yaml(tmp_path: Path) -> None:
    conf = tmp_path / "recognizers.yaml"
    conf.write_text(
        "supported_languages: [zh]\nglobal_regex_flags: 26\nrecognizers:\n"
        "  - {name: CnResidentIdRecognizer, type: predefined, supported_languages: [zh]}\n"
        "  - {name: CnMobileRecognizer, type: predefined, supported_languages: [zh]}\n",
        encoding="utf-8",
    )
    from presidio_analyzer.recognizer_registry import RecognizerRegistryProvider

    registry = RecognizerRegistryProvider(conf_file=conf).create_recognizer_registry()
    engine = AnalyzerEngine(registry, JiebaNlpEngine(), supported_languages=["zh"])
    found = spans(engine.analyze(TEXT, "zh"))
    assert found == [(6, 24, "CN_RESIDENT_ID"), (27, 38, "CN_MOBILE")]


def test_presidios_provider_makes_the_nlp_engine() -> None:
    models = [{"lang_code": "zh", "model_name": "jieba"}]
    provider = NlpEngineProvider(
        nlp_engines=(JiebaNlpEngine,),
        nlp_configuration={"nlp_engine_name": "jieba", "models": models},
    )
    engine = provider.create_engine()
    assert engine.is_loaded()
    assert engine.get_supported_languages() == ["zh"]
    artifacts = engine.process_text(TEXT, "zh")
    assert "".join(artifacts.lemmas) == TEXT
    assert [
        TEXT[at:][: len(w)]
        for at, w in zip(artifacts.tokens_indices, artifacts.lemmas, strict=True)
    ] == artifacts.lemmas
    assert "身份证" in artifacts.keywords
    assert json.loads(artifacts.to_json())["tokens"] == artifacts.lemmas
    assert [text for text, _ in engine.process_batch(["甲", "乙"], "zh")] == ["甲", "乙"]
    with pytest.raises(ValueError, match="language en"):
        engine.process_text(TEXT, "en")


def test_a_language_of_the_callers_choice() -> None:
    found = create_analyzer(language="en").analyze(TEXT, language="en")
    assert len(found) == 3


def test_recognizers_are_picklable_and_described() -> None:
    kinds = pickle.loads(pickle.dumps(list(RECOGNIZERS.values())))
    assert kinds == list(RECOGNIZERS.values())
    content = RECOGNIZERS["CN_MOBILE"]().to_dict()
    assert content["supported_entities"] == ["CN_MOBILE"]
    with pytest.raises(ValueError, match="NO_SUCH"):
        DeidRecognizer(["NO_SUCH"])


def test_creating_an_analyzer_opens_no_socket() -> None:
    script = (
        "import socket, sys\n"
        "def refuse(*a, **k): raise OSError('network')\n"
        "socket.socket.connect = refuse; socket.create_connection = refuse\n"
        "from deid.presidio import create_analyzer\n"
        "print(len(create_analyzer().analyze('电话13800138000')))"
    )
    run = subprocess.run(
        [sys.executable, "-X", "utf8", "-c", script], capture_output=True, encoding="utf-8"
    )
    assert (run.stdout, run.stderr) == ("1\n", "")


# ------------------------------------------------------------------------------- Presidio's traps


def test_a_number_beside_han_is_found(analyzer: DeidAnalyzer) -> None:
    assert spans(analyzer.analyze("号码13800138000的人")) == [(2, 13, "CN_MOBILE")]


def test_a_mistyped_id_is_not_deleted(analyzer: DeidAnalyzer) -> None:
    (found,) = analyzer.analyze("身份证号：110105194912310021")
    assert found.entity_type == "CN_RESIDENT_ID"


def test_nineteen_digit_cards(analyzer: DeidAnalyzer) -> None:
    text = "卡号6228480402564890018"
    assert spans(analyzer.analyze(text)) == [(2, 21, "CN_BANK_CARD")]


def test_every_context_word_is_one_token() -> None:
    engine = JiebaNlpEngine()
    engine.load()
    words = [w for e in load_entities().values() for w in e.context if len(w) > 1]
    whole = [w for w in words if engine.process_text(w, "zh").lemmas == [w]]
    assert {*words} - {*whole} <= {w for w in words if not w.isalnum()}


def test_context_raises_the_score_of_a_foreign_recognizer() -> None:
    own = PatternRecognizer(
        "STAFF_NO",
        patterns=[Pattern("staff", r"(?a:\b)GH\d{4}(?a:\b)", 0.3)],
        context=["工号"],
        supported_language="zh",
    )
    analyzer = create_analyzer([own])
    (low,) = analyzer.analyze("编码GH1234", entities=["STAFF_NO"])
    (high,) = analyzer.analyze("他的工号是GH1234", entities=["STAFF_NO"])
    assert (low.score, high.score) == (0.3, pytest.approx(0.65))


def test_an_unknown_entity_is_refused(analyzer: DeidAnalyzer) -> None:
    with pytest.raises(ValueError, match="US_SSN"):
        analyzer.analyze(TEXT, entities=["US_SSN"])


def test_keep_does_not_print_what_lies_inside(analyzer: DeidAnalyzer) -> None:
    whole = RecognizerResult("BIRTH_DATE", 0, len(TEXT), 1.0)
    results = [whole, *analyzer.analyze(TEXT)]
    assert mask_results(TEXT, results) == mask_text(TEXT)
    assert whole not in hidden_results(results)


def test_the_second_of_two_phones_is_not_eaten(analyzer: DeidAnalyzer) -> None:
    text = "电话13800138000 13900139000"
    results = analyzer.analyze(text)
    assert mask_results(text, results) == "电话138******** 139********"
    told = [AnonymizerResult(r.entity_type, r.start, r.end, r.score) for r in results]
    engine = AnonymizerEngine()
    masked = engine.anonymize(text, told, deid_operators(), merge_entities_with_spaces=False)
    assert masked.text == "电话138******** 139********"


def test_operators_are_the_policys(analyzer: DeidAnalyzer) -> None:
    results = hidden_results(analyzer.analyze(TEXT))
    told = [AnonymizerResult(r.entity_type, r.start, r.end, r.score) for r in results]
    told.append(AnonymizerResult("SOMETHING", 0, 2, 1.0))
    masked = AnonymizerEngine().anonymize(
        TEXT, told, deid_operators("general"), merge_entities_with_spaces=False
    )
    assert masked.text == "**" + mask_text(TEXT)[2:]


def test_the_decision_log_holds_no_content(caplog: pytest.LogCaptureFixture) -> None:
    analyzer = create_analyzer(log_decision_process=True)
    with caplog.at_level(logging.DEBUG):
        analyzer.analyze(TEXT)
    assert "tokens" in caplog.text
    assert not any(part in caplog.text for part in ("110105", "13800138", "张三", "红新村"))


def test_nothing_is_remembered(analyzer: DeidAnalyzer) -> None:
    from deid.presidio import _scan_once

    analyzer.analyze(TEXT)
    assert _scan_once.key is None
    assert not _scan_once.found
    registry = RecognizerRegistry([DeidRecognizer()], supported_languages=["zh"])
    engine = AnalyzerEngine(registry, JiebaNlpEngine(), supported_languages=["zh"])
    assert len(engine.analyze(TEXT, "zh")) == 3
    assert _scan_once.found  # a stock engine does not tell when it is done
    assert "1101051949" not in repr(vars(_scan_once))


def test_threads_do_not_mix(analyzer: DeidAnalyzer) -> None:
    def spans_of(number: int) -> list[tuple[int, int, str]]:
        return spans(analyzer.analyze("，" * (number % 7) + f"电话138{number:08d}"))

    with ThreadPoolExecutor(8) as pool:
        found = list(pool.map(spans_of, range(300)))
    assert found == [[(2 + n % 7, 13 + n % 7, "CN_MOBILE")] for n in range(300)]


def test_presidios_batches(analyzer: DeidAnalyzer) -> None:
    batch = BatchAnalyzerEngine(analyzer)
    found = list(batch.analyze_iterator(["无", "电话13800138000", 13800138000, 1.5, True], "zh"))
    assert [len(each) for each in found] == [0, 1, 1, 0, 0]
    told = {
        each.key: each.recognizer_results
        for each in batch.analyze_dict({"电话": ["13800138000", 5], "备注": "无"}, "zh")
    }
    assert [len(each) for each in told["电话"]] == [1, 0]
    assert told["备注"] == []


@pytest.mark.parametrize("value", [datetime.date(2020, 1, 1), [datetime.date(2020, 1, 1)]])
def test_what_presidio_takes_for_no_text_is_refused(analyzer: DeidAnalyzer, value: Any) -> None:
    """Dates and tables are for mask_table: here nothing comes out half examined."""
    with pytest.raises(ValueError, match="type"):
        list(BatchAnalyzerEngine(analyzer).analyze_dict({"x": value}, "zh"))


def test_options_that_nobody_knows_are_refused() -> None:
    with pytest.raises(TypeError):
        create_analyzer(default_score_treshold=0.5)
    with pytest.raises(TypeError):
        DeidRecognizer(suported_entities=["CN_MOBILE"])


def test_long_texts_cost_in_proportion(
    analyzer: DeidAnalyzer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Counted, not timed: one scan a call, however many findings, and one look for each of them."""
    import deid.presidio as bridge

    calls: list[int] = []
    monkeypatch.setattr(
        bridge, "scan", lambda text, setting: calls.append(1) or scan(text, setting)
    )
    found = analyzer.analyze(f"{TEXT}\n" * 300)
    assert len(found) == 900
    assert len(calls) == 1


def test_a_long_text_costs_no_square() -> None:
    """Counted, not timed: each finding asks for its token once, by bisection."""
    from deid.presidio import _LinearEnhancer

    starts = list(range(0, 1_000_000, 2))
    assert _LinearEnhancer._find_index_of_match_token("", 777_777, None, starts) == 388_888
    engine = JiebaNlpEngine()
    engine.load()
    keywords = engine.process_text("工号 " * 10, "zh").keywords
    assert "工号" in keywords
    assert "没有" not in keywords


# ------------------------------------------------------------------------- the caller's recognizers


class Fixed(EntityRecognizer):
    """Returns what it was given."""

    def __init__(self, *results: Any, entity: str = "STAFF_NO") -> None:
        self.results = list(results)
        super().__init__([entity], supported_language="zh", name="Fixed")

    def load(self) -> None: ...

    def analyze(self, text: str, entities: list[str], nlp_artifacts: Any) -> list[Any]:
        if isinstance(next(iter(self.results), None), str):
            raise RuntimeError(text)
        return self.results


def at(start: int, end: int, entity: str = "STAFF_NO") -> RecognizerResult:
    return RecognizerResult(entity, start, end, 0.9)


def test_an_own_recognizer_adds_to_ours() -> None:
    own = PatternRecognizer(
        "STAFF_NO", patterns=[Pattern("staff", r"GH\d{4}", 0.6)], supported_language="zh"
    )
    text = "工号GH1234，电话13800138000"
    found = scan_text(text, recognizers=[own])
    assert [each.entity for each in found] == ["STAFF_NO", "CN_MOBILE"]
    assert mask_text(text, recognizers=[own]) == "工号******，电话138********"
    assert mask_text(text) == "工号GH1234，电话138********"


@pytest.mark.parametrize(
    ("results", "masked"),
    [
        ([at(0, 5)], "*************，好"),
        ([at(10, 15)], "电话***********，*"),
        ([at(0, 15)], "*************，*"),
        ([at(4, 6)], "电话***********，好"),
        ([at(0, 2), at(14, 15)], "**138********，*"),
        ([at(2, 13, "CN_MOBILE")], "电话138********，好"),
        ([at(3, 9, "CN_MOBILE")], "电话138********，好"),
        ([at(2, 15, "CN_MOBILE")], "电话138********，*"),
        ([at(0, 15, "AGE")], "电话138********，好"),  # kept: hides nothing inside
        ([], "电话138********，好"),
    ],
)
def test_overlaps_show_nothing_that_one_of_them_hides(
    results: list[RecognizerResult], masked: str
) -> None:
    assert mask_text("电话13800138000，好", recognizers=[Fixed(*results)]) == masked


@pytest.mark.parametrize(
    "result",
    [
        at(0, 99),
        at(-1, 2),
        at(3, 3),
        at(5, 2),
        "raise",
        object(),
        RecognizerResult("X", None, 3, 1),
    ],
)
def test_a_faulty_recognizer_stops_the_call(result: Any) -> None:
    with pytest.raises(RecognizerFault, match="识别器 Fixed") as caught:
        mask_text("电话13800138000", recognizers=[Fixed(result)])
    assert "138" not in str(caught.value)
    assert caught.value.__cause__ is None
    assert isinstance(caught.value, DeidError)


def test_the_stock_engine_works_with_our_recognizer() -> None:
    registry = RecognizerRegistry(supported_languages=["zh"])
    registry.add_recognizer(DeidRecognizer())
    engine = AnalyzerEngine(registry, JiebaNlpEngine(), supported_languages=["zh"])
    assert len(engine.analyze(TEXT, "zh")) == 3


def test_importing_deid_loads_no_presidio() -> None:
    assert AnalyzerEngineProvider  # imported here, and only here
    script = "import sys, deid; deid.mask_text('电话13800138000'); print('presidio_analyzer' in sys.modules)"
    run = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True)
    assert run.stdout == "False\n"
    assert deid.RecognizerFault is RecognizerFault
