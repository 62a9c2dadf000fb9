"""What is remembered from call to call: nothing that grows with the content of lists."""

from __future__ import annotations

import importlib
import inspect
import pkgutil

import deid

OF_OUR_OWN = {
    "deid.data.load_keys": "names of our data files",
    "deid.data.load_rows": "names of our data files",
    "deid.entities._compiled": "expressions of our entities",
    "deid.fields.kind_label": "fields and entities; raises for any other",
    "deid.fields.markers": "our word lists",
    "deid.fields.field_of_entity": "entities",
    "deid.formats.pdf_fonts._standard": "font encodings",
    "deid.formats.pdf_fonts._collection": "font collections",
    "deid.formats.pdf_fonts._predefined": "font encodings",
    "deid.operators._all_bands": "a policy's bands",
    "deid.policy._load": "policy files",
    "deid.scan._forms_of": "combinations of our forms",
    "deid.segment.tokenizer": "our own words",
    "deid.tagger._cues": "our word lists",
    "deid.tagger._sounds": "single characters",
    "deid.tagger._named_like": "words of the dictionary",
    "deid.vector._luhn_sums": "two tables",
    "deid.vector._weighted": "two tables",
}
"""Memories without a bound that take an argument, and why they do not grow with what is masked."""


def unbounded() -> set[str]:
    """The functions that remember all that they were ever asked."""
    found = set()
    for about in pkgutil.walk_packages(deid.__path__, "deid."):
        if about.name.endswith("__main__") or about.name.startswith("deid.service"):
            continue
        try:
            module = importlib.import_module(about.name)
        except ImportError:  # of an extra that is not installed
            continue
        for name, each in vars(module).items():
            told = getattr(each, "cache_parameters", None)
            if (
                told is not None
                and each.__module__ == about.name
                and told()["maxsize"] is None
                and inspect.signature(each).parameters
            ):
                found.add(f"{about.name}.{name}")
    return found


def test_no_memory_grows_with_what_is_masked() -> None:
    assert unbounded() <= OF_OUR_OWN.keys()
