"""Presidio's REST dialect: its clients against the real server, its own engines as the measure."""

from __future__ import annotations

import json
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import httpx
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from presidio_analyzer import AnalysisExplanation, Pattern, PatternRecognizer
from presidio_analyzer import RecognizerResult as AnalyzerResult
from presidio_anonymizer import AnonymizerEngine
from presidio_anonymizer.entities import OperatorConfig, RecognizerResult

from service.dialect_models import SentOperator, SentResult
from service.dialect_operators import anonymized, anonymizers

PHONE, ID, MAIL = "13800138000", "11010519491231002X", "john.doe@example.com"
TEXT = f"申请人电话{PHONE}，抄送 {MAIL}，身份证号{ID}。"
KEY = "WmZq4t7w!z%C&F)J"
DEEP = "(a+)+[!?]"


def post(client: httpx.Client, path: str, **body: Any) -> Any:
    answer = client.post(path, json=body)
    assert answer.status_code == 200, answer.text
    return answer.json()


def analyze(client: httpx.Client, text: Any = TEXT, **body: Any) -> Any:
    return post(client, "/analyze", text=text, **{"language": "zh", **body})


def entities(found: list[dict[str, Any]]) -> list[str]:
    return [each["entity_type"] for each in found]


def recognizer(**given: Any) -> dict[str, Any]:
    return {"name": "r", "supported_entity": "X", **given}


def pattern(source: str, score: float = 0.5, **given: Any) -> list[dict[str, Any]]:
    return [recognizer(patterns=[{"name": "p", "regex": source, "score": score}], **given)]


# ------------------------------------------------------------------------------------------ client


def test_a_client_of_presidio_runs_unchanged(server: Any) -> None:
    script = Path(__file__).with_name("presidio_client.py")
    done = subprocess.run(
        [sys.executable, script, server.url, server.url], capture_output=True, text=True, check=True
    )
    told = json.loads(done.stdout)
    usual = AnalyzerResult("X", 0, 1, 0.5, AnalysisExplanation("r", 0.5), {}).to_dict()
    usual.pop("recognition_metadata")  # Presidio takes it out before it answers
    assert [set(each) for each in told["found"]] == [set(usual)] * 3
    assert entities(told["found"]) == ["CN_MOBILE", "EMAIL_ADDRESS", "CN_RESIDENT_ID"]
    assert all(each["analysis_explanation"] is None for each in told["found"])
    trace = AnalysisExplanation("r", 0.5).to_dict()
    assert {*told["explained"][0]["analysis_explanation"]} == {*trace}
    assert told["several"] == [told["found"], []]
    assert entities(told["phones"]) == ["PHONE_NUMBER"]
    assert [(each["entity_type"], each["score"]) for each in told["zip"]] == [("ZIP", 0.4)]
    assert {*told["phones"][0]} <= {*usual}
    assert "PHONE_NUMBER" in told["entities"]
    assert "CN_RESIDENT_ID" in told["entities"]
    assert {"replace", "redact", "mask", "hash", "encrypt", "keep"} <= {*told["anonymizers"]}
    assert told["deanonymizers"] == ["decrypt", "deanonymize_keep"]
    assert told["recognizers"] == ["DeidRecognizer"]
    assert told["replaced"]["text"] == (
        "申请人电话<CN_MOBILE>，抄送 <EMAIL_ADDRESS>，身份证号<CN_RESIDENT_ID>。"
    )
    assert {*told["replaced"]["items"][0]} == {
        "start", "end", "entity_type", "text", "operator", "score"
    }  # fmt: skip
    assert "1380013****" in told["encrypted"]["text"]
    assert told["restored"]["text"] == TEXT.replace(PHONE, "1380013****")


@pytest.mark.parametrize("accept", ["text/plain", "text/html,*/*;q=0.8"])
def test_health_is_text_for_who_asks_for_text(client: httpx.Client, accept: str) -> None:
    told = client.get("/health", headers={"Accept": accept})
    assert told.headers["content-type"].startswith("text/plain")
    assert "Presidio Anonymizer service is up" in told.text
    assert client.get("/health").json()["status"] == "ok"


# ----------------------------------------------------------------------------------------- analyze


@pytest.mark.parametrize(
    ("asked", "answered"),
    [
        (["PHONE_NUMBER"], ["PHONE_NUMBER"]),
        (["CN_MOBILE"], ["CN_MOBILE"]),
        (["PHONE_NUMBER", "CN_MOBILE"], ["CN_MOBILE"]),
        (["CN_MOBILE", "PHONE_NUMBER"], ["CN_MOBILE"]),
        (["EMAIL_ADDRESS", "PHONE_NUMBER"], ["PHONE_NUMBER", "EMAIL_ADDRESS"]),
        (["CREDIT_CARD", "LOCATION", "PERSON"], []),
        ([], ["CN_MOBILE", "EMAIL_ADDRESS", "CN_RESIDENT_ID"]),
    ],
)
def test_entities_are_answered_by_the_name_they_were_asked_for(
    client: httpx.Client, asked: list[str], answered: list[str]
) -> None:
    assert entities(analyze(client, entities=asked)) == answered


def test_all_entities_may_be_asked_for(client: httpx.Client) -> None:
    known = client.get("/supportedentities").json()
    assert analyze(client, entities=known) == analyze(client)


def test_scores_context_and_allow_list(client: httpx.Client) -> None:
    every = analyze(client)
    least = min(each["score"] for each in every)
    assert analyze(client, score_threshold=1) == []
    assert len(analyze(client, score_threshold=least)) == len(every)
    mistyped = "11010519491231002"
    assert analyze(client, mistyped) == []
    assert entities(analyze(client, mistyped, context=["身份证号"])) == ["CN_RESIDENT_ID"]
    assert PHONE not in _words(analyze(client, allow_list=[PHONE]))
    assert PHONE in _words(analyze(client, allow_list=[PHONE[:5]]))
    kept = _words(
        analyze(client, allow_list=[r"^138", r"@example\.com$"], allow_list_match="regex")
    )
    assert kept == [ID]


def _words(found: list[dict[str, Any]]) -> list[str]:
    return [TEXT[each["start"] : each["end"]] for each in found]


def test_the_decision_trace_holds_no_content(client: httpx.Client) -> None:
    told = json.dumps(analyze(client, return_decision_process=True), ensure_ascii=False)
    assert not [word for word in (PHONE, ID, MAIL) if word in told]


@pytest.mark.parametrize(
    ("text", "words", "places"),
    [
        ("村民张三领取", ["张三"], [(2, 4)]),
        ("banana Ana, ana", ["ana"], [(7, 10), (12, 15)]),
        ("编号AB12，AB123", ["AB12"], [(2, 6)]),
        ("张三丰和张三", ["张三", "张三丰"], [(0, 3), (4, 6)]),
        ("a.b acb", ["a.b"], [(0, 3)]),
    ],
)
def test_deny_lists(
    client: httpx.Client, text: str, words: list[str], places: list[tuple[int, int]]
) -> None:
    found = analyze(client, text, ad_hoc_recognizers=[recognizer(deny_list=words)])
    assert [(each["start"], each["end"]) for each in found] == places


def test_a_long_deny_list(client: httpx.Client) -> None:
    words = [recognizer(deny_list=[f"w{number}" for number in range(10_000)])]
    assert len(analyze(client, "W77 w10001 " * 10_000, ad_hoc_recognizers=words)) == 10_000
    deep = [recognizer(deny_list=["a" * length for length in range(1, 1_000)])]
    body = {"text": "a" * 20_000, "language": "zh", "ad_hoc_recognizers": deep}
    _is_fault(client.post("/analyze", json=body), 422, "takes too long")


def test_a_recognizer_as_presidio_writes_it(client: httpx.Client) -> None:
    words = [f"word{number}" for number in range(1_000)]
    real = PatternRecognizer(
        "CASE", patterns=[Pattern("case", r"DB-\d{4}", 0.4)], deny_list=words, context=["低保"]
    )
    sent = real.to_dict()
    text = "低保编号DB-2024, word7, word1000"
    found = analyze(client, text, language="en", ad_hoc_recognizers=[sent])
    assert [text[each["start"] : each["end"]] for each in found] == ["DB-2024", "word7"]
    assert found[0]["score"] == pytest.approx(0.75)
    assert analyze(client, text, language="en") == []  # gone with its request


def test_flags_mean_what_they_mean_to_python(client: httpx.Client) -> None:
    text = "ab AB 中"

    def places(source: str, flags: int) -> list[int]:
        sent = pattern(source, global_regex_flags=flags)
        return [each["start"] for each in analyze(client, text, ad_hoc_recognizers=sent)]

    assert places("ab", 0) == [0]
    assert places("ab", 2) == [0, 3]
    assert places(r"\w+", 0) == [0, 3, 6]
    assert places(r"\w+", 256) == [0, 3]


# ------------------------------------------------------------------------------------------ faults

DOCUMENT = {"text": TEXT, "language": "zh"}
RESULT = {"start": 5, "end": 16, "score": 0.9, "entity_type": "X"}
FAULTS = [
    ("/analyze", {}, 400, "Invalid request json"),
    ("/analyze", [], 400, "Invalid request json"),
    ("/analyze", {"language": "en"}, 422, "No text provided"),
    ("/analyze", {"text": "", "language": "en"}, 422, "No text provided"),
    ("/analyze", {"text": []}, 422, "No text provided"),
    ("/analyze", {"text": 7, "language": "en"}, 422, "text"),
    ("/analyze", {"text": [TEXT, None], "language": "en"}, 422, "text.1"),
    ("/analyze", {"text": TEXT}, 422, "No language provided"),
    ("/analyze", {"text": TEXT, "language": "zz"}, 422, "No matching recognizers"),
    ("/analyze", {**DOCUMENT, "entities": ["US_SSN"]}, 422, "entities.0 is not supported"),
    ("/analyze", {**DOCUMENT, "entities": "PERSON"}, 422, "entities"),
    ("/analyze", {**DOCUMENT, "score_threshold": "0.5"}, 422, "score_threshold"),
    ("/analyze", {**DOCUMENT, "score_threshold": 2}, 422, "score_threshold"),
    ("/analyze", {**DOCUMENT, "context": "身份证号"}, 422, "context"),
    ("/analyze", {**DOCUMENT, "allow_list": [3]}, 422, "allow_list.0"),
    ("/analyze", {**DOCUMENT, "allow_list_match": "fuzzy"}, 422, "allow_list_match"),
    (
        "/analyze",
        {**DOCUMENT, "allow_list": ["("], "allow_list_match": "regex"},
        422,
        "allow_list.0: invalid regex",
    ),
    ("/analyze", {**DOCUMENT, "ad_hoc_recognizers": [{}]}, 422, "needs patterns or a deny_list"),
    ("/analyze", {**DOCUMENT, "ad_hoc_recognizers": pattern("(")}, 422, "invalid regex"),
    ("/analyze", {**DOCUMENT, "ad_hoc_recognizers": pattern("a", 7)}, 422, "patterns.0.score"),
    (
        "/analyze",
        {**DOCUMENT, "ad_hoc_recognizers": [{**recognizer(deny_list=["a"]), "supported_entity": 1}]},
        422,
        "ad_hoc_recognizers.0.supported_entity",
    ),
    (
        "/analyze",
        {**DOCUMENT, "ad_hoc_recognizers": pattern("a", supported_language="en")},
        422,
        "supported_language",
    ),
    ("/analyze", {**DOCUMENT, "ad_hoc_recognizers": pattern("a", type="x")}, 422, "extra_forbidden"),
    (
        "/analyze",
        {**DOCUMENT, "ad_hoc_recognizers": pattern("a", global_regex_flags=64)},
        422,
        "flags",
    ),
    ("/analyze", {**DOCUMENT, "ad_hoc_recognizers": pattern("a") * 51}, 422, "too_long"),
    ("/anonymize", {}, 400, "Invalid request json"),
    ("/anonymize", {"text": TEXT}, 422, "analyzer_results: missing"),
    ("/anonymize", {"analyzer_results": []}, 422, "text: missing"),
    ("/anonymize", {"text": TEXT, "analyzer_results": [{**RESULT, "end": 999}]}, 422, "length"),
    ("/anonymize", {"text": TEXT, "analyzer_results": [{**RESULT, "end": 5}]}, 422, "smaller"),
    ("/anonymize", {"text": TEXT, "analyzer_results": [{**RESULT, "start": -1}]}, 422, "start"),
    ("/anonymize", {"text": TEXT, "analyzer_results": [{**RESULT, "start": True}]}, 422, "start"),
    ("/anonymize", {"text": TEXT, "analyzer_results": [{**RESULT, "score": None}]}, 422, "score"),
    ("/anonymize", {"text": TEXT, "analyzer_results": [[RESULT]]}, 422, "several texts"),
    ("/anonymize", {"text": [TEXT], "analyzer_results": [RESULT]}, 422, "several texts"),
    ("/anonymize", {"text": [TEXT], "analyzer_results": []}, 422, "several texts"),
    ("/deanonymize", {}, 400, "Invalid request json"),
    ("/deanonymize", {"text": TEXT, "anonymizer_results": [RESULT]}, 422, "no deanonymizer"),
]  # fmt: skip


@pytest.mark.parametrize(("path", "body", "status", "error"), FAULTS)
def test_a_fault_of_the_client_is_told_as_one(
    client: httpx.Client, path: str, body: Any, status: int, error: str
) -> None:
    _is_fault(client.post(path, json=body), status, error)


def _is_fault(answer: httpx.Response, status: int, error: str) -> None:
    told = answer.json()
    assert (answer.status_code, told["status"]) == (status, status), answer.text
    assert error in told["error"]
    assert not [word for word in (PHONE, ID, MAIL) if word in answer.text]


OPERATORS = [
    ({"type": "custom"}, 400, "Custom type anonymizer is not supported"),
    ({"type": "bogus"}, 422, "Invalid operator class"),
    ({"type": "surrogate_ahds"}, 422, "Invalid operator class"),  # sends texts to a cloud
    ({"type": "decrypt", "key": KEY}, 422, "Invalid operator class"),
    ({}, 422, "anonymizers.type: missing"),
    ({"type": "mask", "masking_char": "*"}, 422, "chars_to_mask"),
    ({"type": "mask", "masking_char": "**", "chars_to_mask": 1}, 422, "must be a character"),
    ({"type": "mask", "masking_char": "*", "chars_to_mask": -1}, 422, "chars_to_mask"),
    ({"type": "mask", "masking_char": "*", "chars_to_mask": "4"}, 422, "chars_to_mask"),
    ({"type": "mask", "masking_char": "*", "chars_to_mask": 4, "from_end": 1}, 422, "from_end"),
    ({"type": "replace", "new_value": 0}, 422, "new_value"),
    ({"type": "hash", "hash_type": "md5"}, 422, "hash_type"),
    ({"type": "hash", "salt": ""}, 422, "Salt must be at least 16 bytes"),
    ({"type": "hash", "salt": 12}, 422, "salt"),
    ({"type": "encrypt"}, 422, "Expected parameter key"),
    ({"type": "encrypt", "key": "short"}, 422, "128, 192 or 256 bits"),
    ({"type": "deid", "policy": 7}, 422, "policy"),
    ({"type": "deid", "policy": "../general"}, 404, "There are"),
    ({"type": "deid", "channel": "nowhere"}, 422, ""),
]


@pytest.mark.parametrize(("operator", "status", "error"), OPERATORS)
def test_a_wrong_operator_is_told(
    client: httpx.Client, operator: Any, status: int, error: str
) -> None:
    body = {"text": TEXT, "analyzer_results": [RESULT], "anonymizers": {"DEFAULT": operator}}
    _is_fault(client.post("/anonymize", json=body), status, error)


def test_what_cannot_be_decrypted_is_told(client: httpx.Client) -> None:
    made = post(
        client, "/anonymize", text=TEXT, analyzer_results=[RESULT],
        anonymizers={"X": {"type": "encrypt", "key": KEY}},
    )  # fmt: skip
    (item,) = made["items"]
    for text, key, items in (
        (made["text"], KEY[::-1], [item]),
        (TEXT, KEY, [RESULT]),
        (made["text"], KEY, [{**item, "start": item["start"] + 4}]),
    ):
        body = {
            "text": text,
            "anonymizer_results": items,
            "deanonymizers": {"DEFAULT": {"type": "decrypt", "key": key}},
        }
        _is_fault(client.post("/deanonymize", json=body), 422, "cannot be decrypted")
    twice = {**body, "anonymizer_results": [item, item]}
    _is_fault(client.post("/deanonymize", json=twice), 422, "overlap")


@pytest.mark.parametrize("body", [b"{", b'{"text": "\xff"}', b'{"text": "\\ud800"}', b"null"])
def test_what_is_no_json_is_told(client: httpx.Client, body: bytes) -> None:
    for path in ("/analyze", "/anonymize", "/deanonymize"):
        sent = client.post(path, content=body, headers={"Content-Type": "application/json"})
        assert sent.status_code == 400
        assert sent.json()["error"]
        assert client.post(path, content=body).status_code == 415


@pytest.mark.parametrize(
    ("source", "error"),
    [
        (DEEP, "takes too long"),
        ("(?:a{1000}){1000}", "repetitions"),
        ("((a{90}){90}){90}", "repetitions"),
        ("a{99999999999}", "repetitions"),
        ("(?:a|(?R))*b", "recursion"),
        ("(?P<n>a(?&n)?)b", "recursion"),
        ("(?:a{e<=5})*b", "fuzzy"),
        ("(?:a){2i+1d<=4}", "fuzzy"),
        ("(?x)a # b", "verbose"),
        ("a" * 2_001, "too long"),
        ("(" * 900 + ")" * 900, "invalid regex"),
        (r"\L<words>", "invalid regex"),
    ],
)
def test_a_pattern_that_would_eat_the_server_is_refused(
    server: Any, source: str, error: str
) -> None:
    body = {"text": "a" * 5_000 + "b", "language": "zh", "ad_hoc_recognizers": pattern(source)}
    with ThreadPoolExecutor() as pool:
        slow = pool.submit(httpx.post, f"{server.url}/analyze", json=body, timeout=60)
        assert server.client.get("/health").status_code == 200
        _is_fault(slow.result(), 422, error)


def test_an_allow_list_is_timed_too(client: httpx.Client) -> None:
    words = [recognizer(deny_list=["a" * 900])]
    body = {
        "text": "a" * 900, "language": "zh", "ad_hoc_recognizers": words,
        "allow_list": [DEEP], "allow_list_match": "regex",
    }  # fmt: skip
    _is_fault(client.post("/analyze", json=body), 422, "takes too long")


def test_more_results_than_a_request_may_have(client: httpx.Client) -> None:
    body = {"text": "a" * 100_001, "language": "zh", "ad_hoc_recognizers": pattern("a")}
    for _ in range(5):  # on a busy machine the second for expressions may be over before
        answer = client.post("/analyze", json=body)
        if answer.status_code != 422:
            break
    _is_fault(answer, 413, "results")


def test_an_answer_grows_no_larger_than_a_request_may_be(client: httpx.Client) -> None:
    spans = [{"start": n, "end": n + 1, "score": 1, "entity_type": "X"} for n in range(500)]
    body = {
        "text": "a" * 500,
        "analyzer_results": spans,
        "anonymizers": {"DEFAULT": {"type": "replace", "new_value": "b" * 100_000}},
    }
    _is_fault(client.post("/anonymize", json=body), 413, "too long")


# --------------------------------------------------------------------------------------- operators


def _span(start: int, end: int, entity: str = "A", score: float = 0.5) -> SentResult:
    return SentResult(start=start, end=end, entity_type=entity, score=score)


def _operated(text: str, spans: list[SentResult], **operators: Any) -> str:
    made = anonymizers({name: SentOperator(**each) for name, each in operators.items()})
    return str(anonymized(text, spans, made, 10**6)["text"])


MASK = {"type": "mask", "masking_char": "#", "chars_to_mask": 2, "from_end": True}
KEEP = {"type": "keep"}


@pytest.mark.parametrize(
    ("spans", "operators", "shown"),
    [
        # Kept: yields to whatever lies in it or over its edge.
        ([_span(0, 6), _span(2, 4, "B")], {"A": KEEP}, "01<B>456789"),
        ([_span(0, 4), _span(2, 6, "B")], {"A": KEEP}, "01<B>6789"),
        ([_span(0, 4, "A", 1), _span(0, 4, "B", 0.1)], {"A": KEEP}, "<B>456789"),
        # As with Presidio: the outer, the surer, the union of the same.
        ([_span(0, 6), _span(2, 4, "B")], {}, "<A>6789"),
        ([_span(0, 4, "A", 0.4), _span(0, 4, "B", 0.6)], {}, "<B>456789"),
        ([_span(0, 4), _span(2, 6)], {}, "<A>6789"),
        ([_span(0, 4), _span(2, 6, "B")], {}, "<A><B>6789"),
        ([_span(0, 6), _span(2, 4)], {"A": MASK}, "0123##6789"),
        # A mask that shows a part, over what another hides.
        ([_span(0, 6), _span(1, 3, "B")], {"A": MASK}, "******6789"),
        ([_span(0, 4), _span(2, 6)], {"A": MASK}, "******6789"),
        ([_span(0, 4), _span(2, 6, "B")], {"A": MASK}, "****<B>6789"),
        ([_span(2, 4), _span(0, 6, "B")], {"A": MASK}, "<B>6789"),
        # Two with a blank between stay two; neighbours do not overlap.
        ([_span(0, 2), _span(2, 4)], {}, "<A><A>456789"),
    ],
)
def test_nothing_shows_that_another_result_hides(
    spans: list[SentResult], operators: dict[str, Any], shown: str
) -> None:
    assert _operated("0123456789", spans, **operators) == shown
    assert _operated("0123456789", spans[::-1], **operators) == shown


def test_two_numbers_stay_two() -> None:
    text = f"{PHONE} {PHONE}"
    two = [_span(0, 11), _span(12, 23)]
    assert _operated(text, two, A={**MASK, "chars_to_mask": 8}) == "138######## 138########"


_PLACES = st.lists(
    st.tuples(
        st.integers(0, 29), st.integers(1, 12), st.sampled_from("ABCD"), st.integers(0, 4)
    ),
    max_size=8,
)  # fmt: skip
_CHOSEN = {
    "A": {"type": "replace", "new_value": "-"},
    "B": {**MASK, "chars_to_mask": 3},
    "C": KEEP,
    "D": {"type": "redact"},
}


@given(_PLACES)
def test_no_character_shows_that_a_result_hides_whole(places: list[Any]) -> None:
    text = "".join(chr(0x4E00 + number) for number in range(30))
    spans = [_span(s, min(s + n, 30), entity, score / 4) for s, n, entity, score in places]
    made = _operated(text, spans, **_CHOSEN)
    for span in spans:
        equal = [e for e in spans if (e.start, e.end) == (span.start, span.end)]
        if span.entity_type in "AD" and all(e.entity_type != "B" for e in equal):
            assert not set(text[span.start : span.end]) & set(made)
    untouched = set(range(30)) - {n for span in spans for n in range(span.start, span.end)}
    assert {text[number] for number in untouched} <= set(made)


@given(
    st.lists(st.tuples(st.integers(0, 3), st.integers(1, 4), st.sampled_from("ABCDE")), max_size=6)
)
@settings(deadline=None)
def test_without_overlaps_the_answer_is_presidios(steps: list[tuple[int, int, str]]) -> None:
    text = "".join(chr(0x4E00 + number) for number in range(50))
    places, at = [], 0
    for gap, length, entity in steps:
        places.append((entity, at + gap, at + gap + length, 0.5))
        at += gap + length
    chosen = {name: dict(each) for name, each in _CHOSEN.items()}
    stock = AnonymizerEngine().anonymize(  # type: ignore[no-untyped-call]
        text,
        [RecognizerResult(*each) for each in places],
        {name: OperatorConfig(each.pop("type"), each) for name, each in chosen.items()},
        merge_entities_with_spaces=False,
    )
    ours = anonymized(
        text,
        [_span(start, end, entity, score) for entity, start, end, score in places],
        anonymizers({name: SentOperator(**each) for name, each in _CHOSEN.items()}),
        10**6,
    )
    assert ours == json.loads(stock.to_json())


def test_the_policy_as_an_operator(client: httpx.Client) -> None:
    found = analyze(client)
    ours = {"DEFAULT": {"type": "deid", "policy": "general"}}
    made = post(client, "/anonymize", text=TEXT, analyzer_results=found, anonymizers=ours)
    assert made["text"] == post(client, "/v1/mask", texts=[TEXT])["texts"][0]
    assert {each["operator"] for each in made["items"]} == {"deid"}
    named = analyze(client, entities=["PHONE_NUMBER"])
    made = post(client, "/anonymize", text=TEXT, analyzer_results=named, anonymizers=ours)
    assert made["text"] == TEXT.replace(PHONE, "138********")
    person = {"start": 0, "end": 3, "score": 1, "entity_type": "NOBODY_KNOWS"}
    made = post(client, "/anonymize", text=TEXT, analyzer_results=[person], anonymizers=ours)
    assert made["text"] == "***" + TEXT[3:]


def test_presidios_name_chooses_the_operator(client: httpx.Client) -> None:
    body = {"text": TEXT, "analyzer_results": analyze(client)}
    named = {"PHONE_NUMBER": {"type": "redact"}, "DEFAULT": KEEP}
    made = post(client, "/anonymize", anonymizers=named, **body)
    assert made["text"] == TEXT.replace(PHONE, "")
    own = {**named, "CN_MOBILE": {"type": "replace", "new_value": "-"}}
    made = post(client, "/anonymize", anonymizers=own, **body)
    assert made["text"] == TEXT.replace(PHONE, "-")


def test_several_texts(client: httpx.Client) -> None:
    texts = [TEXT, "无", TEXT]
    found = analyze(client, texts)
    made = post(client, "/anonymize", text=texts, analyzer_results=found)
    one = post(client, "/anonymize", text=TEXT, analyzer_results=found[0])
    assert made == [one, {"text": "无", "items": []}, one]


def test_a_hash_is_salted(client: httpx.Client) -> None:
    def hashed(**more: Any) -> str:
        body = {"text": TEXT, "analyzer_results": [RESULT]}
        made = {"X": {"type": "hash", **more}}
        return str(post(client, "/anonymize", anonymizers=made, **body)["items"][0]["text"])

    assert hashed() != hashed()
    assert hashed(salt="0123456789abcdef") == hashed(salt="0123456789abcdef")
    assert len(hashed(hash_type="sha512")) == 128


# ---------------------------------------------------------------------------------------- the rest


@pytest.mark.parametrize("path", ["/recognizers", "/supportedentities"])
def test_lists_know_their_languages(client: httpx.Client, path: str) -> None:
    assert client.get(path).json() == client.get(f"{path}?language=en").json()
    _is_fault(client.get(f"{path}?language=he"), 422, "No matching recognizers")


def test_long_texts_and_many(client: httpx.Client) -> None:
    long = TEXT * 500
    assert len(analyze(client, long)) == 1_500
    assert len(analyze(client, [TEXT] * 500)) == 500
    too_many = {"text": ["a"] * 10_001, "language": "zh"}
    _is_fault(client.post("/analyze", json=too_many), 413, "At most")


def test_presidio_is_there_at_start_if_wanted(start_server: Any) -> None:
    server = start_server(presidio_at_start=True)
    assert entities(analyze(server.client)) == ["CN_MOBILE", "EMAIL_ADDRESS", "CN_RESIDENT_ID"]


def test_logs_and_counters_hold_no_content(server: Any) -> None:
    name = "MADE-UP-4711"
    analyze(server.client, ad_hoc_recognizers=pattern(name), return_decision_process=True)
    for fault in ({"entities": [name]}, {"correlation_id": name, "language": name}):
        server.client.post("/analyze", json={**DOCUMENT, **fault})
    server.client.get(f"/recognizers?language={name}")
    kept = server.log + server.client.get("/metrics").text
    assert "/analyze" in kept
    assert not [word for word in (PHONE, ID, MAIL, KEY, name, "申请人") if word in kept]


def test_what_the_gate_refuses_is_told_as_the_dialect_tells_it(
    start_server: Any, tmp_path: Path
) -> None:
    from service.settings import key_digest

    (tmp_path / "keys").write_text(key_digest("key") + "\n")
    server = start_server(key_file=tmp_path / "keys", body_mb=1)
    key = {"X-API-Key": "key"}
    asked = {"json": {"text": "电话", "language": "zh"}}
    answers = {
        401: server.client.post("/analyze", **asked),
        403: server.client.post(
            "/analyze", headers={**key, "Origin": "http://else.where"}, **asked
        ),
        405: server.client.get("/anonymize", headers=key),
        413: server.client.post("/deanonymize", content=b" " * 1_100_000, headers=key),
        414: server.client.get("/recognizers", params={"language": "z" * 9_000}, headers=key),
        415: server.client.post("/analyze", content=b"a", headers=key),
    }
    for status, answer in answers.items():
        told = answer.json()
        assert (answer.status_code, told["status"]) == (status, status)
        assert told["error"] in (told["title_en"], told.get("detail_en"))
    assert "error" not in server.client.get("/v1/entities").json()
