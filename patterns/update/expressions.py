"""Writes ``patterns/expressions.json``: what ``re`` makes of our expressions, and for which engines.

source: the expressions of ``deid/`` and ``patterns/entities/``. Run it after changing one, with the
Python that deid is developed with; then with each other one, which needs nothing installed: it makes
all of them again and, where it comes to the same words, adds its engine to the list:

    python patterns/update/expressions.py
    python3.12 patterns/update/expressions.py --also

It uses the insides of ``re``, as ``re.compile`` does. Where a Python makes other words, it is left out,
and compiles.
"""

from __future__ import annotations

import json
import sys
from array import array
from binascii import b2a_base64
from collections.abc import Collection
from pathlib import Path
from typing import Any
from zlib import compress

TARGET = Path(__file__).resolve().parent.parent / "expressions.json"


def entry(source: str) -> str:
    """One line: the expression, its flags, how many groups, their names, the words of its program."""
    from re import _compiler, _parser  # type: ignore[attr-defined]

    parsed = _parser.parse(source)
    words = array("I", map(int, _compiler._code(parsed, 0)))
    packed = b2a_base64(compress(words.tobytes(), 9), newline=False).decode()
    state: Any = parsed.state
    told = [int(state.flags), state.groups - 1, dict(state.groupdict), packed]
    return f"{json.dumps(source, ensure_ascii=False)}: {json.dumps(told)}"


def engine() -> int:
    """The version of this Python's engine."""
    import _sre  # type: ignore[import-not-found]

    return int(_sre.MAGIC)


def text(engines: Collection[int], sources: Collection[str]) -> str:
    """The file as it should stand: one expression a line."""
    head = f'{{\n"engines": {sorted(engines)}'
    return ",\n".join([head, *map(entry, sorted(sources))]) + "\n}\n"


class _Asked(dict[bytes, bytes]):
    """In place of the file: knows nothing, and notes what it is asked for."""

    def get(self, key: bytes, default: Any = None) -> Any:
        self[key] = b""
        return default


def declared() -> set[str]:
    """Every expression that deid declares when it is imported, or asks for in a small run."""
    from importlib import import_module

    import deid
    from deid import entities, later, policy

    asked = _Asked()
    later._known = lambda: asked
    for path in sorted(Path(deid.__path__[0]).rglob("*.py")):
        name = ".".join(path.relative_to(deid.__path__[0]).with_suffix("").parts)
        if name not in ("__init__", "__main__", "spark", "presidio"):
            import_module(f"deid.{name.removesuffix('.__init__')}")
    for each in entities.load_entities().values():
        for form in (*each.find, each):
            _ = form.column if isinstance(form, entities.Entity) else form.regex
        for example in (*each.hit, *each.miss):
            for name in policy.policy_names():
                deid.mask_text(example.text, header=example.header, policy=name)
    _mask_samples()
    return later.DECLARED | {json.loads(key) for key in asked}


def _mask_samples() -> None:
    """Mask the lists of ``deid sample``, and one of them as a workbook."""
    from tempfile import TemporaryDirectory

    from openpyxl import Workbook

    import deid
    from deid.sample import write_samples

    with TemporaryDirectory() as folder:
        lists = write_samples(Path(folder))
        book = Workbook()
        for line in lists[0].read_text("utf-8-sig").splitlines():
            book.active.append(line.split(","))
        book.save(workbook := Path(folder, "list.xlsx"))
        for source in (*lists, workbook):
            deid.mask_file(source, Path(folder, f"masked-{source.name}"))


def main(arguments: list[str]) -> None:
    """Write the file anew, or (``--also``) add this Python's engine to it."""
    if arguments != ["--also"]:
        TARGET.write_text(text([engine()], declared()), encoding="utf-8", newline="\n")
        return
    old = TARGET.read_text("utf-8")
    known = json.loads(old)
    engines = known.pop("engines")
    if text(engines, known) != old:
        sys.exit(f"Python {sys.version.split()[0]} makes other words of these expressions")
    TARGET.write_text(text({*engines, engine()}, known), encoding="utf-8", newline="\n")


if __name__ == "__main__":
    main(sys.argv[1:])
