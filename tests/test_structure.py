"""The architecture, enforced by reading the sources: no review has to look for this."""

from __future__ import annotations

import ast
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

PACKAGE = Path(__file__).resolve().parent.parent / "deid"

# Which way imports point: a module may import from its own group or one further up.
GROUPS = (
    {"errors", "model"},
    {"data"},
    {"later"},
    {"text", "checks"},
    {"divisions", "address", "names", "segment", "tagger"},
    {"operators"},
    {"entities"},
    {"fields"},
    {"policy_files"},
    {"policy"},
    {"calendar", "matters"},
    {"explain"},
    {"evidence"},
    {"scan", "rows", "columns", "dates", "minors", "vector", "prose", "wrapped", "tables", "lists"},
    {"mask", "verify"},
    {"actions.rules"},
    {"actions.grids"},
    {"actions.labels", "actions.drops"},
    {"actions.reshaping", "actions.checking"},
    {"actions"},
    {"strength.masks"},
    {"strength.numbers"},
    {"strength"},
    {"strength.places"},
    {"strength.context", "strength.remedy"},
    {"strength.columns"},
    {"grading"},
    {"stream.memories"},
    {"stream.verdicts"},
    {"stream.grids"},
    {"stream.reader", "stream.columns", "stream.heads", "stream.ruling"},
    {"stream.grades", "stream.narrow"},
    {"stream.reshape"},
    {"stream.windows"},
    {"stream.recheck"},
    {"stream.run"},
    {"stream"},
    {"sheets.markup", "sheets.splices"},
    {"sheets.formulas", "sheets.evenrows"},
    {"sheets.cells", "sheets.strings"},
    {"sheets.written", "sheets.spelled", "sheets.splitids", "sheets.hidden"},
    {"sheets.reading", "sheets.judging"},
    {"sheets.namesakes"},
    {"sheets.passes"},
    {"sheets.writing"},
    {"sheets.checking"},
    {"sheets.run"},
    {"sheets"},
    {"by_hand", "frames_large"},
    {"examine"},
    {"kept"},
    {"leftover", "outcome", "notices.characters"},
    {"notices.gates"},
    {"notices.reading"},
    {"notices.run"},
    {"notices"},
    {"pipeline"},
    {"published", "union"},
    {"review", "catalog", "audit"},
    {"batch", "recognizers", "presidio", "spark", "frames", "batches", "accessors", "__init__"},
    {"runs", "preview"},
    {"sweep"},
    {"console", "service_loader"},
    {"commands"},
    {"cli"},
    {"__main__"},
)
PLACED = {name for group in GROUPS for name in group}
# These know nothing of privacy, or of files, and so import the contracts only.
NARROW = {
    "report": {"errors", "model", "later"},
    "terminal": set(),
    "inputs": {"errors"},
    "sample": {"errors"},
}
# The fast paths for csv files and for workbooks.
FAST = {
    f"{path.parent.name}.{path.stem}"
    for name in ("stream", "sheets", "notices")
    for path in (PACKAGE / name).glob("[!_]*.py")
}
# The one home of each heavy package, and the modules that load it only inside a function.
HOMES = {
    "chinese_calendar": {"calendar"},
    "numpy": {
        "vector",
        *FAST,
        "strength.columns",
        "formats.delimited",
        "formats.xlsx",
    },
    "pandas": {"frames", "accessors"},
    "jieba": {"segment"},
    "presidio_analyzer": {"presidio"},
    "spacy": {"presidio"},
    "fastapi": set(),
    "uvicorn": set(),
    "rich": {"terminal"},
    "openpyxl": set(),
    "polars": {"frames", "accessors"},
    "pyarrow": {"frames", "batches", "spark"},
    "pyspark": {"spark"},
    "jinja2": set(),
}
# Those that open files, and those that tell of the formats.
PATHS_TO_FILES = {
    "catalog",
    "audit",
    "stream",
    "notices",
    "sheets",
    "pipeline",
    "presidio",
    "spark",
    "commands",
}
LAZY = {*HOMES, "yaml", "multiprocessing", "concurrent"}
BANNED_NAMES = {
    "utils", "util", "helpers", "common", "core", "base", "manager", "engine", "processor", "misc",
}  # fmt: skip

FILES = sorted(PACKAGE.rglob("*.py"))


def name_of(path: Path) -> str:
    """``strength.masks``; a package by its own name: ``strength``; ``__init__`` for deid itself."""
    return ".".join(path.relative_to(PACKAGE).with_suffix("").parts).removesuffix(".__init__")


def is_type_checking(node: ast.stmt) -> bool:
    return isinstance(node, ast.If) and "TYPE_CHECKING" in ast.dump(node.test)


def statements(body: list[ast.stmt], *, nested: bool) -> Iterator[ast.Import | ast.ImportFrom]:
    """Import statements that run: when the module loads, or (``nested``) also inside functions."""
    for node in body:
        if isinstance(node, ast.Import | ast.ImportFrom):
            yield node
        elif is_type_checking(node):
            continue
        elif nested or not isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            for part in ("body", "orelse", "finalbody"):
                yield from statements(getattr(node, part, []), nested=nested)
            for part in ("handlers", "cases"):
                for inner in getattr(node, part, []):
                    yield from statements(inner.body, nested=nested)


def imports(path: Path, *, nested: bool = True) -> Iterator[str]:
    """Dotted names that the module imports; ``from deid import x`` counts as ``deid.x``."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    for node in statements(tree.body, nested=nested):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        else:
            assert not node.level, f"{name_of(path)}: relative import"
            assert node.module
            for alias in node.names:
                inside = PACKAGE.parent / Path(*node.module.split("."), f"{alias.name}.py")
                yield f"{node.module}.{alias.name}" if inside.exists() else node.module


def ours(path: Path, *, nested: bool = True) -> set[str]:
    """Modules of deid that the module imports, without the package's own name."""
    found = {name for name in imports(path, nested=nested) if name.split(".")[0] == "deid"}
    return {name.removeprefix("deid").removeprefix(".") or "__init__" for name in found}


def rank(module: str) -> int:
    known = next(name for name in (module, module.split(".")[0]) if name in PLACED)
    return next(at for at, group in enumerate(GROUPS) if known in group)


@pytest.mark.parametrize("path", FILES, ids=name_of)
def test_imports_point_one_way(path: Path) -> None:
    module = name_of(path)
    found = ours(path)
    if module.startswith("formats"):
        contracts = {"errors", "model", "later"}
        assert all(name in contracts or name.startswith("formats") for name in found)
    elif module in NARROW:
        assert found <= NARROW[module]
    else:
        flat = {name for name in found if not name.startswith("formats") and name not in NARROW}
        package = module.split(".")[0]
        flat -= {"__init__"} if package in ("cli", "commands", "batch") else set()
        assert all(rank(name) <= rank(module) for name in flat), sorted(found)
        if any(name.startswith("formats") for name in found):
            assert package in PATHS_TO_FILES


def test_every_module_has_a_place() -> None:
    modules = {name_of(path) for path in FILES}
    folders = {"formats", "commands"}  # one file each: found by name, all alike
    own = {name for name in modules if name.split(".")[0] not in folders}
    assert own <= {*NARROW, *PLACED}


def test_no_cycles() -> None:
    graph = {name_of(path): ours(path) - {name_of(path)} for path in FILES}
    graph["__init__"] = set()  # the package re-exports its modules, and gives them its version
    done: set[str] = set()

    def visit(module: str, above: tuple[str, ...]) -> None:
        assert module not in above, " -> ".join((*above, module))
        if module not in done:
            for name in graph.get(module, ()):
                visit(name, (*above, module))
            done.add(module)

    for module in graph:
        visit(module, ())


@pytest.mark.parametrize("path", FILES, ids=name_of)
def test_heavy_packages_stay_home(path: Path) -> None:
    module = name_of(path)
    for name in imports(path):
        home = HOMES.get(name.split(".")[0])
        assert home is None or module in home, f"{module} imports {name}"


@pytest.mark.parametrize("path", FILES, ids=name_of)
def test_nothing_heavy_is_imported_when_a_module_loads(path: Path) -> None:
    if name_of(path) in {"vector", *FAST, "strength.columns", "presidio", "spark", "accessors"}:
        pytest.skip("loaded only where its package is needed")
    loaded = {name.split(".")[0] for name in imports(path, nested=False)}
    assert not loaded & LAZY


@pytest.mark.parametrize("path", FILES, ids=name_of)
def test_names(path: Path) -> None:
    assert not BANNED_NAMES & {path.stem, *path.stem.split("_")}


@pytest.mark.parametrize("path", FILES, ids=name_of)
def test_functions_are_of_a_readable_size(path: Path) -> None:
    tree = ast.parse(path.read_text(encoding="utf-8"))
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef):
            length = (node.end_lineno or 0) - node.body[0].lineno + 1
            assert length <= 60, f"{path.name}:{node.lineno} {node.name} has {length} lines"


def test_importing_deid_is_light() -> None:
    heavy = sorted(LAZY - {"yaml"})
    script = f"import sys, deid; print([name for name in {heavy} if name in sys.modules])"
    run = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True)
    assert (run.stdout, run.stderr) == ("[]\n", "")
