"""deid/docs/library.md, from the docstrings: ``python tests/reference.py`` writes it anew."""

from __future__ import annotations

import importlib
import inspect
import re
from pathlib import Path
from types import ModuleType

TARGET = Path(__file__).resolve().parent.parent / "deid" / "docs" / "library.md"
MODULES = ("deid", "deid.presidio", "deid.spark")
_HEAD = """# Library

Every public name, written by `python tests/reference.py` from the docstrings; a test keeps it current.
Pages of their own: [DataFrames](dataframes.md), [Presidio](presidio.md), [Spark](spark.md),
[policies](policies.md). All errors are `DeidError`s; their messages are fit to show and hold no content.
"""


def text() -> str:
    """The page as it should be."""
    return "\n".join([_HEAD, *map(_module, MODULES)])


def _module(name: str) -> str:
    module = importlib.import_module(name)
    entries = [_entry(module, each) for each in module.__all__ if not each.startswith("__")]
    return "\n".join([f"## {name}\n", _paragraphs(module), *entries])


def _entry(module: ModuleType, name: str) -> str:
    value = getattr(module, name)
    lines = [f"### {module.__name__}.{name}\n"]
    if not (inspect.isclass(value) and issubclass(value, Exception)):
        lines.append(f"```text\n{_signature(name, value)}\n```\n")
    lines.append(_paragraphs(value))
    if inspect.isclass(value):
        for key, member in vars(value).items():
            if key.startswith("_") or not (
                inspect.isfunction(member) or isinstance(member, property)
            ):
                continue
            if inspect.getdoc(member):
                shown = key if isinstance(member, property) else _signature(key, member)
                lines.append(f"- `{_short(shown)}`: {_line(member)}")
        if lines[-1].startswith("- "):
            lines.append("")
    return "\n".join(lines)


def _signature(name: str, value: object) -> str:
    try:
        signature = inspect.signature(value)  # type: ignore[arg-type]
    except (TypeError, ValueError):
        return name
    parts: list[str] = []
    kind = inspect.Parameter.POSITIONAL_ONLY
    for parameter in signature.parameters.values():
        if parameter.kind is parameter.KEYWORD_ONLY and kind < parameter.VAR_POSITIONAL:
            parts.append("*")
        kind = parameter.kind
        parts.append(_parameter(parameter))
    result = "" if inspect.isclass(value) else _told(signature.return_annotation, " -> ")
    line = f"{name}({', '.join(parts)}){result}"
    if len(line) <= 96:
        return line
    return name + "(\n" + "".join(f"    {part},\n" for part in parts) + ")" + result


def _parameter(parameter: inspect.Parameter) -> str:
    stars = {parameter.VAR_POSITIONAL: "*", parameter.VAR_KEYWORD: "**"}.get(parameter.kind, "")
    shown = f"{stars}{parameter.name}{_told(parameter.annotation, ': ')}"
    if parameter.default is parameter.empty:
        return shown
    default = repr(parameter.default)
    return shown + (
        " = …" if default.startswith(("<", "mappingproxy", "frozenset({")) else f" = {default}"
    )


def _told(annotation: object, before: str) -> str:
    if annotation is inspect.Parameter.empty:
        return ""
    name = getattr(annotation, "__forward_arg__", None) or (
        annotation.__name__ if inspect.isclass(annotation) else str(annotation)
    )
    return before + re.sub(r"~|\b[a-z_]\w*(?:\.\w+)*\.(?=[A-Z])", "", name)


def _short(signature: str) -> str:
    return " ".join(signature.replace("(\n", "(").replace(",\n)", ")").split())


def _line(value: object) -> str:
    return " ".join((inspect.getdoc(value) or "").split("\n\n")[0].split())


def _paragraphs(value: object) -> str:
    """The docstring; its examples as code."""
    lines = (inspect.getdoc(value) or "").splitlines()
    if inspect.isclass(value) and lines and lines[0].startswith(f"{value.__name__}("):
        lines = []  # what dataclass writes where nobody did
    out: list[str] = []
    is_code = False
    for line in lines:
        if line.startswith(">>> ") and not is_code:
            out.append("```python")
            is_code = True
        if is_code and not line.strip():
            out.append("```")
            is_code = False
        out.append(line)
    return "\n".join([*out, *(["```"] if is_code else []), ""])


if __name__ == "__main__":
    TARGET.write_text(text(), encoding="utf-8")
