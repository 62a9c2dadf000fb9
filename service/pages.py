"""The clerks' page and its files, served from here; nothing on it comes from anywhere else."""

from __future__ import annotations

from pathlib import Path

from fastapi import APIRouter
from starlette.responses import FileResponse

from .problems import Problem

router = APIRouter(include_in_schema=False)

FOLDER = Path(__file__).resolve().parent / "page"


@router.get("/")
def page() -> FileResponse:
    return _file("index.html")


@router.get("/docs")
def docs() -> FileResponse:
    """The documentation of the API, made by a script of ours from /openapi.json: the usual page of
    this kind comes from a content network, and weighs one and a half megabytes."""
    return _file("docs.html")


@router.get("/static/{name}")
def static(name: str) -> FileResponse:
    return _file(name)


def _file(name: str) -> FileResponse:
    """A file of the page's folder: one of those there are, so that no name can lead elsewhere."""
    known = {path.name: path for path in FOLDER.iterdir() if path.is_file()}
    if name not in known:
        raise Problem("not-found")
    return FileResponse(known[name])
