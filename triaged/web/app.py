"""The worklist page and the REST interface as one application; thin over the store, which it only reads.

Knows no DICOM network, no settings and no clock: all of that comes as arguments.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from datetime import datetime
from functools import partial
from http import HTTPStatus
from pathlib import Path

from fastapi import FastAPI, Request, Response
from fastapi.responses import JSONResponse
from fastapi.staticfiles import StaticFiles
from starlette.exceptions import HTTPException

from triaged.errors import TryLater
from triaged.exams.exam import Viewer
from triaged.spool.files import Spool
from triaged.steps.acting import Readers
from triaged.steps.worklist_query import WorklistQuery
from triaged.store.couriers.notifications import Notifications
from triaged.store.couriers.outbox import Outbox
from triaged.store.couriers.peers import Peers
from triaged.store.listing.policies import Policies
from triaged.store.listing.worklist import Worklist
from triaged.store.people.accounts import Accounts
from triaged.store.studies.history import History
from triaged.store.studies.inventory import Inventory
from triaged.store.studies.publications import Publications
from triaged.store.studies.second_results import SecondResults
from triaged.store.tables.database import Database
from triaged.web import actions, api, health, pages, signin, slices, workitems
from triaged.web.access import Access, Refuse, is_for_programs
from triaged.web.health import ALONE, Surroundings
from triaged.web.identity import Mode
from triaged.web.news import News
from triaged.web.options import WebOptions
from triaged.web.overview import overview, what_waits

_HERE = Path(__file__).parent
_POLICY = (
    "default-src 'none'; style-src 'self'; script-src 'self'; img-src 'self'; connect-src 'self'; "
    "base-uri 'none'; form-action 'self'; frame-ancestors 'none'"
)
_HEADERS = {
    "Content-Security-Policy": _POLICY,
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "same-origin",  # without it browsers say `Origin: null` when they send our own forms
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
}


def create_app(
    database: Database,
    spool: Spool,
    accounts: Accounts,
    readers: Readers,
    *,
    viewers: Sequence[Viewer],
    options: WebOptions,
    clock: Callable[[], datetime],
    session_clock: Callable[[], datetime] | None = None,
    surroundings: Surroundings = ALONE,
) -> FastAPI:
    """Return the application: pages for people, `/api` for programs, `/health` for whoever watches.

    `session_clock` is what sessions and waits of people last by, if not `clock`: one that nobody can set.
    """
    lasting = session_clock or clock
    app = FastAPI(title="triaged", docs_url=None, redoc_url=None, openapi_url="/api/openapi.json")
    app.mount("/static", StaticFiles(directory=_HERE / "static"), name="static")
    worklist, history = Worklist(database), History(database)
    leaving = Outbox(database), Notifications(database)
    peers = Peers(database)
    app.state.news = News(worklist.version, limits=options.limits)
    seconds = SecondResults(database)
    count = partial(overview, history, *leaving, peers, seconds)
    app.include_router(api.router(worklist, seconds, app.state.news, count=count))
    app.include_router(health.router(_health(database, spool, surroundings, clock)))
    app.include_router(workitems.router(WorklistQuery(worklist)))
    app.include_router(slices.router(slices.Slices(history, spool, viewers)))
    app.include_router(actions.router(readers, clock))
    rooms = (worklist, history, Publications(database), seconds, *leaving, spool, peers, readers)
    shown = pages.Pages(*rooms, options=options, clock=clock, notices=surroundings.notices)
    app.include_router(pages.router(shown))
    access = options.access
    if access.mode is Mode.ACCOUNTS:
        app.include_router(signin.router(accounts, shown, options=access, clock=lasting))
        app.include_router(signin.people_router(accounts, shown, clock=lasting))
    refuse = partial(_problem, shown)
    app.add_middleware(Access, options=access, accounts=accounts, clock=lasting, refuse=refuse, limits=options.limits)
    _guard(app, refuse)
    return app


def _health(database: Database, spool: Spool, around: Surroundings, clock: Callable[[], datetime]) -> health.Health:
    worklist, policies, inventory = Worklist(database), Policies(database), Inventory(database)
    leaving = Outbox(database), Notifications(database)

    def database_answers() -> list[str]:
        worklist.version()
        return []

    def spool_takes() -> list[str]:
        spool.check_reserve()
        spool.check_writable()
        return []

    def waiting() -> list[str]:
        return what_waits(*leaving, policies, inventory, now=clock())

    return health.Health(database=database_answers, spool=spool_takes, waiting=waiting, surroundings=around)


def _guard(app: FastAPI, refuse: Refuse) -> None:
    """Add the headers that keep other sites and the browser's cache out, and pages for what goes wrong."""

    @app.middleware("http")
    async def add_headers(request: Request, call_next: Callable[[Request], Awaitable[Response]]) -> Response:
        response = await call_next(request)
        response.headers.update(_HEADERS)
        if not request.url.path.startswith("/static/"):
            response.headers["Cache-Control"] = "no-store"
        return response

    @app.exception_handler(TryLater)
    def store_away(request: Request, error: Exception) -> Response:
        return refuse(request, HTTPStatus.SERVICE_UNAVAILABLE, str(error))

    @app.exception_handler(HTTPException)
    def refused(request: Request, error: Exception) -> Response:
        assert isinstance(error, HTTPException)
        return refuse(request, HTTPStatus(error.status_code), str(error.detail))


def _problem(shown: pages.Pages, request: Request, status: HTTPStatus, words: str) -> Response:
    if is_for_programs(request):
        return JSONResponse({"detail": words}, status_code=status)
    return shown.problem(request, status, words)
