"""The application: settings -> an ASGI app with every route behind the gate."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect
from starlette.responses import Response

from deid import __version__
from deid.errors import DeidError

from . import audit, catalogue, dialect, files, pages, preview, records, texts
from .bodies import misfit
from .document import document
from .gate import App, Gate
from .jobs import Jobs
from .problems import Problem, of_deid, of_status, told_at
from .settings import Settings
from .turns import Turns

ROUTERS = (
    catalogue.router,
    files.router,
    preview.router,
    audit.router,
    texts.router,
    records.router,
    dialect.router,
    pages.router,
)


def create_app(settings: Settings | None = None, jobs: Jobs | None = None) -> App:
    """The service as an ASGI application. Raises SettingsFault for unsafe settings.

    ``jobs``: those of a server that wants to know when they are done."""
    settings = (settings or Settings()).checked()
    jobs = jobs or Jobs(settings)

    turns, presidio = Turns(settings), Turns(settings, processes=1)

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        texts.warm_up()
        turns.begin(records.warm_up)
        if settings.presidio_at_start:
            await presidio.run("", dialect.warm_up)
        jobs.start()
        try:
            yield
        finally:
            turns.close()
            presidio.close()
            jobs.close()

    app = FastAPI(
        title="deid",
        version=__version__,
        lifespan=lifespan,
        docs_url=None,  # Swagger's page comes from a content network: ours is served from here
        redoc_url=None,
        swagger_ui_oauth2_redirect_url=None,
    )
    app.state.settings = settings
    app.state.jobs = jobs
    app.state.metrics = jobs.metrics
    app.state.turns = turns
    app.state.presidio = presidio
    for router in ROUTERS:
        app.include_router(router)
    app.openapi = lambda: document(app)  # type: ignore[method-assign]
    _handle_errors(app)
    return Gate(app, settings, app.state.metrics)


def _handle_errors(app: FastAPI) -> None:
    def request_id(request: Request) -> str:
        return str(request.scope.get("state", {}).get("request_id", ""))

    @app.exception_handler(Problem)
    async def _problem(request: Request, error: Problem) -> Response:
        return told_at(request.url.path, error).response(request_id(request))

    @app.exception_handler(RequestValidationError)
    async def _invalid(request: Request, error: RequestValidationError) -> Response:
        return told_at(request.url.path, misfit(error.errors())).response(request_id(request))

    @app.exception_handler(HTTPException)
    async def _status(request: Request, error: HTTPException) -> Response:
        if isinstance(error.__cause__, Problem):  # of reading the body: the framework wraps it
            problem = error.__cause__
        else:
            problem = of_status(error.status_code)
            problem.headers = dict(error.headers or {})
        return told_at(request.url.path, problem).response(request_id(request))

    @app.exception_handler(DeidError)
    async def _deid(request: Request, error: DeidError) -> Response:
        return told_at(request.url.path, of_deid(error)).response(request_id(request))

    @app.exception_handler(ClientDisconnect)
    async def _gone(request: Request, error: ClientDisconnect) -> Response:
        return Response(status_code=499)  # nobody reads it

    @app.exception_handler(Exception)  # the gate notes it
    async def _unforeseen(request: Request, error: Exception) -> Response:
        return told_at(request.url.path, Problem("internal")).response(request_id(request))
