"""The inputs of the benches: each made once per run, in a folder of its own."""

from __future__ import annotations

from pathlib import Path

from benchmarks.measure import Make, generate


def inputs(folder: Path, format_: str, *options: object, suffix: str = "") -> Make:
    """Size -> (input, output) of that size, with the options of the generator."""
    mark = "".join(str(option).strip("-") for option in options).replace(".", "")
    suffix = suffix or f".{format_}"

    def make(size: int) -> tuple[Path, Path]:
        source = folder / f"{format_}{mark}-{size}{suffix}"
        if not source.exists():
            generate(format_, size, source, *options)
        out = folder / "out"
        out.mkdir(exist_ok=True)
        return source, out / source.name

    return make


def small_files(folder: Path, *options: object) -> Make:
    """Number of files -> (a folder of that many lists, the folder for their outputs)."""

    def make(files: int) -> tuple[Path, Path]:
        source = folder / f"small{''.join(map(str, options))}-{files}"
        if not source.exists():
            generate("small", files, source, *options)
        return source, folder / "out" / source.name

    return make
