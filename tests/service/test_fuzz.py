"""Requests made up from the OpenAPI document, and against it: whatever comes, the server answers with
something that the document foresees, and never with 500."""

from __future__ import annotations

import json
from typing import Any

import hypothesis
import pytest

schemathesis = pytest.importorskip("schemathesis")

_EXAMPLES = 10
"""For each route; what the bad input in test_api.py does not know yet."""
_TAGS = {"catalogue", "texts", "records"}
"""Whose answers have to be in the document; other routes must not break, that is all."""


@pytest.mark.parametrize("mode", ["POSITIVE", "NEGATIVE"])
def test_no_request_breaks_the_server(server: Any, mode: str) -> None:
    told = server.client.get("/openapi.json").json()
    document = schemathesis.openapi.from_dict(told)
    tried = 0
    for found in document.get_all_operations():
        operation = found.ok()
        try:
            _try_out(server, operation, schemathesis.GenerationMode[mode])
        except hypothesis.errors.Unsatisfiable:
            continue  # nothing can be wrong with a request that has no parts
        tried += 1
    assert tried >= 5


def _try_out(server: Any, operation: Any, mode: Any) -> None:
    raw = operation.definition.raw

    @hypothesis.settings(
        max_examples=_EXAMPLES,
        deadline=None,
        derandomize=True,
        database=None,
        phases=(hypothesis.Phase.explicit, hypothesis.Phase.generate),
        suppress_health_check=list(hypothesis.HealthCheck),
    )
    @hypothesis.given(case=operation.as_strategy(generation_mode=mode))
    def run(case: Any) -> None:
        response = case.call(base_url=server.url)
        place = (operation.method, operation.path, response.status_code)
        assert response.status_code < 500 or response.status_code == 503, place
        if response.status_code < 400:
            return
        kind = response.headers["content-type"]
        if _TAGS & set(raw.get("tags", ())):
            assert kind == ["application/problem+json"], place
            if response.status_code != 405:
                assert str(response.status_code) in raw["responses"], place
            assert json.loads(response.content)["status"] == response.status_code

    run()
