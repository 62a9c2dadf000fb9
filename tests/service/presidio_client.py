"""A client of Presidio's two services as one finds them: it knows two addresses, and nothing of ours.

python presidio_client.py http://localhost:5002 http://localhost:5001
"""

from __future__ import annotations

import json
import sys
from typing import Any

import httpx

TEXT = "申请人电话13800138000，抄送 john.doe@example.com，身份证号11010519491231002X。"
ZIP = {
    "name": "Zip code Recognizer",
    "supported_language": "en",
    "patterns": [
        {"name": "zip code (weak)", "regex": "(\\b\\d{5}(?:\\-\\d{4})?\\b)", "score": 0.01}
    ],
    "context": ["zip", "code"],
    "supported_entity": "ZIP",
}


def main(analyzer: str, anonymizer: str) -> dict[str, Any]:
    """What the two services answer."""

    def post(url: str, **body: Any) -> Any:
        answer = httpx.post(url, json=body, timeout=60, trust_env=False)
        answer.raise_for_status()
        return answer.json()

    def get(url: str, **query: str) -> httpx.Response:
        return httpx.get(url, params=query, timeout=60, trust_env=False).raise_for_status()

    assert "Presidio Analyzer service is up" in get(f"{analyzer}/health").text
    assert "Presidio Anonymizer service is up" in get(f"{anonymizer}/health").text
    found = post(f"{analyzer}/analyze", text=TEXT, language="en")
    replaced = post(f"{anonymizer}/anonymize", text=TEXT, analyzer_results=found)
    encrypted = post(
        f"{anonymizer}/anonymize",
        text=TEXT,
        analyzer_results=found,
        anonymizers={
            "DEFAULT": {"type": "encrypt", "key": "WmZq4t7w!z%C&F)J"},
            "PHONE_NUMBER": {
                "type": "mask",
                "masking_char": "*",
                "chars_to_mask": 4,
                "from_end": True,
            },
        },
    )
    return {
        "recognizers": get(f"{analyzer}/recognizers", language="en").json(),
        "entities": get(f"{analyzer}/supportedentities", language="en").json(),
        "anonymizers": get(f"{anonymizer}/anonymizers").json(),
        "deanonymizers": get(f"{anonymizer}/deanonymizers").json(),
        "found": found,
        "phones": post(
            f"{analyzer}/analyze",
            text=TEXT,
            language="en",
            entities=["PHONE_NUMBER"],
            score_threshold=0.5,
            correlation_id="4711",
        ),
        "explained": post(
            f"{analyzer}/analyze", text=TEXT, language="en", return_decision_process=True
        ),
        "several": post(f"{analyzer}/analyze", text=[TEXT, "nothing here"], language="en"),
        "zip": post(
            f"{analyzer}/analyze",
            text="Zip code: 10023",
            language="en",
            ad_hoc_recognizers=[ZIP],
        ),
        "replaced": replaced,
        "encrypted": encrypted,
        "restored": post(
            f"{anonymizer}/deanonymize",
            text=encrypted["text"],
            anonymizer_results=[
                each for each in encrypted["items"] if each["operator"] == "encrypt"
            ],
            deanonymizers={"DEFAULT": {"type": "decrypt", "key": "WmZq4t7w!z%C&F)J"}},
        ),
    }


if __name__ == "__main__":
    print(json.dumps(main(*sys.argv[1:])))
