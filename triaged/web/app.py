"""The worklist page and the REST interface as one application; thin over the store, which it only reads.

Knows no DICOM network, no settings and no clock: all of that comes as arguments.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from datetime import datetime
from functools import partial
from http import HTTPStatus
from pathlib import Path

from fastapi import Depends, FastAPI, Request, Response
from fastapi.responses import JSONResponse
from fastapi.staticfiles import StaticFiles
from starlette.exceptions import HTTPException

from triaged.errors import TryLater
from triaged.exams.exam import Thumbnail, Viewer
from triaged.spool.files import Spool
from triaged.steps.acting import Readers
from triaged.steps.control_charts import ControlCharts
from triaged.steps.feedback import Feedback
from triaged.steps.figures import Figures
from triaged.steps.intake import Intake
from triaged.steps.notification_times import NotificationTimes
from triaged.steps.shadowing import Shadowing
from triaged.steps.trail import Trail
from triaged.steps.worklist_query import WorklistQuery
from triaged.store.couriers.notifications import Notifications
from triaged.store.couriers.outbox import Outbox
from triaged.store.couriers.peers import Peers
from triaged.store.listing.assignments import Assignments
from triaged.store.listing.readings import Readings
from triaged.store.listing.verdicts import Verdicts
from triaged.store.listing.worklist import Worklist
from triaged.store.people.accounts import Accounts
from triaged.store.people.preferences import Preferences
from triaged.store.people.sign_ons import SignOns
from triaged.store.studies.daily import Daily
from triaged.store.studies.history import History
from triaged.store.studies.notified import Notified
from triaged.store.studies.paired import Paired
from triaged.store.studies.publications import Publications
from triaged.store.studies.second_results import SecondResults
from triaged.store.tables.database import Database
from triaged.store.trail.audits import Audits
from triaged.study.pulse import Seen
from triaged.web import (
    actions,
    admin,
    api,
    feedback,
    figures,
    health,
    metrics,
    pages,
    routes,
    shadow,
    signin,
    slices,
    times,
    viewing,
    wall,
    watch,
    workitems,
)
from triaged.web import preferences as choosing
from triaged.web import thumbnails as pictured
from triaged.web.access import Access, Refuse, is_for_programs
from triaged.web.admin_page import Administered, AdminPage
from triaged.web.auditing import Auditing
from triaged.web.dicomweb.service import service
from triaged.web.headers import Headers
from triaged.web.health import ALONE, Surroundings
from triaged.web.health_probes import health_of
from triaged.web.identity import Mode
from triaged.web.news import News
from triaged.web.oidc.routes import SignOnRoutes
from triaged.web.options import WebOptions
from triaged.web.overview import overview
from triaged.web.sessions import BrowserSessions
from triaged.web.sight import sight
from triaged.web.templating import Templates

_HERE = Path(__file__).parent
_RETRY_AFTER_S = "10"


def create_app(
    database: Database,
    spool: Spool,
    accounts: Accounts,
    readers: Readers,
    *,
    viewers: Sequence[Viewer],
    thumbnails: Sequence[Thumbnail] = (),
    options: WebOptions,
    clock: Callable[[], datetime],
    session_clock: Callable[[], datetime] | None = None,
    surroundings: Surroundings = ALONE,
    intake: Intake | None = None,
    administered: Administered | None = None,
) -> FastAPI:
    """Return the application: pages for people, `/api` for programs, `/health` for whoever watches.

    `intake` takes what is stored by DICOMweb; without one nothing can be stored. `administered` is what administrators
    act with; without it they have no page. `session_clock` is what sessions and
    waits of people last by, if not `clock`: one that nobody can set.
    """
    lasting = session_clock or clock
    worklist, history = Worklist(database), History(database)
    app = _bare_app(worklist)
    leaving = Outbox(database), Notifications(database)
    peers = Peers(database)
    app.state.news = News(worklist.version, limits=options.limits)
    seconds = SecondResults(database)
    count = partial(overview, history, *leaving, peers, seconds)
    app.include_router(api.router(worklist, seconds, app.state.news, count=count, sites=options.sites))
    app.include_router(health.router(health_of(database, spool, surroundings, clock)))
    _add_metrics(app, database, spool, surroundings, clock, options.sites)
    app.include_router(workitems.router(WorklistQuery(worklist)))
    app.include_router(service(database, spool, intake, clock, origin=options.access.origin))
    opened = slices.Slices(history, spool, viewers)
    app.include_router(slices.router(opened, partial(_open_following, opened, worklist)))
    app.include_router(actions.router(readers, clock, app.state.news.look))
    preferences = Preferences(database)
    app.include_router(choosing.router(preferences))
    app.include_router(pictured.router(pictured.Thumbnails(Publications(database), spool, thumbnails)))
    templates = Templates(preferences, refresh_s=options.refresh_s, purposes=options.purposes)
    said = _add_feedback(app, database, templates, clock)
    rooms = (worklist, history, Publications(database), seconds, *leaving, spool, peers, readers, said, templates)
    shown = pages.Pages(*rooms, options=options, clock=clock, notices=surroundings.notices)
    app.include_router(routes.router(shown, opened.open_ahead))
    app.include_router(viewing.router(options, history, opened))
    app.include_router(wall.router(worklist, templates, options, clock))
    if administered is not None:
        page = AdminPage(database, administered, clock)
        app.include_router(admin.router(administered.administration, page, templates, administered.trial))
        _add_quality(app, database, administered, templates, clock)
    trail = Trail(Audits(database), surroundings.name, clock)
    _close_the_door(app, accounts, SignOns(database), shown, trail, options=options, clock=clock, session_clock=lasting)
    return app


def _bare_app(worklist: Worklist) -> FastAPI:
    """Return an application without routes, which looks at who may see what before each that it is given."""
    looks = [Depends(sight(worklist))]
    app = FastAPI(title="triaged", docs_url=None, redoc_url=None, openapi_url="/api/openapi.json", dependencies=looks)
    app.mount("/static", StaticFiles(directory=_HERE / "static"), name="static")
    return app


def _close_the_door(
    app: FastAPI,
    accounts: Accounts,
    sign_ons: SignOns,
    shown: pages.Pages,
    trail: Trail,
    *,
    options: WebOptions,
    clock: Callable[[], datetime],
    session_clock: Callable[[], datetime],
) -> None:
    """Add who is let in, how they sign in, and what is written down of them."""
    access, refuse = options.access, partial(_problem, shown)
    if access.mode is Mode.ACCOUNTS:
        sessions = BrowserSessions(accounts, access, session_clock)
        goodbye: Callable[[], str | None] = _nowhere
        if access.oidc is not None:
            clocks = {"clock": clock, "session_clock": session_clock}
            origin = access.origin or ""
            sign_on = SignOnRoutes(
                sign_ons, shown, trail, options=access.oidc, origin=origin, sessions=sessions, **clocks
            )
            goodbye = sign_on.goodbye
            app.include_router(sign_on.router())
        app.include_router(signin.router(accounts, shown, trail, sessions=sessions, clock=session_clock))
        app.include_router(signin.leaving_router(shown, trail, sessions=sessions, goodbye=goodbye))
        app.include_router(signin.people_router(accounts, shown, trail, clock=session_clock))
    app.add_middleware(Auditing, trail=trail)
    limits = options.limits
    app.add_middleware(Access, options=access, accounts=accounts, clock=session_clock, refuse=refuse, limits=limits)
    _guard(app, refuse)


def _nowhere() -> str | None:
    """Leave nothing but this list."""
    return None


def _add_feedback(app: FastAPI, database: Database, templates: Templates, clock: Callable[[], datetime]) -> Feedback:
    """Add what readers say, and the figures that come of it."""
    verdicts = Verdicts(database)
    said = Feedback(verdicts, Assignments(database))
    answers = feedback.Answers(said, clock)
    app.include_router(feedback.router(answers))
    app.include_router(feedback.router_for_scripts(answers))
    app.include_router(figures.router(Figures(verdicts, Readings(database)), templates, clock))
    return said


def _add_quality(
    app: FastAPI,
    database: Database,
    administered: Administered,
    templates: Templates,
    clock: Callable[[], datetime],
) -> None:
    """Add the pages for whoever answers for quality."""
    app.include_router(times.router(NotificationTimes(Notified(database)), templates, clock))
    app.include_router(shadow.router(Shadowing(Paired(database), administered.triage), templates, clock))
    app.include_router(watch.router(ControlCharts(Daily(database)), templates, clock))


def _add_metrics(
    app: FastAPI,
    database: Database,
    spool: Spool,
    around: Surroundings,
    clock: Callable[[], datetime],
    sites: Collection[str],
) -> None:
    """Add `/metrics`, and keep its registry for a port of its own."""
    seen: Callable[[], Sequence[Seen]] = around.roles or (lambda: ())
    measured = metrics.Measurements(
        database,
        spool,
        clock=clock,
        roles=seen,
        config_accepted=around.config_accepted,
        tells_of_audit=around.tells_of_audit,
        sites=sites,
    )
    app.state.metrics = metrics.registry_of(measured)
    app.include_router(metrics.router(app.state.metrics))


def _open_following(opened: slices.Slices, worklist: Worklist, study_uid: str) -> None:
    """Get the first image ready of the study that a reader comes to after this one."""
    entry = worklist.entry(study_uid)
    for following in () if entry is None or not entry.position else worklist.entries(1, entry.position):
        opened.open_ahead(following.study_instance_uid)


def _guard(app: FastAPI, refuse: Refuse) -> None:
    """Add the headers that keep other sites and the browser's cache out, and pages for what goes wrong."""

    app.add_middleware(Headers)

    @app.exception_handler(TryLater)
    def store_away(request: Request, error: Exception) -> Response:
        response = refuse(request, HTTPStatus.SERVICE_UNAVAILABLE, str(error))
        response.headers["Retry-After"] = _RETRY_AFTER_S
        return response

    @app.exception_handler(HTTPException)
    def refused(request: Request, error: Exception) -> Response:
        assert isinstance(error, HTTPException)
        return refuse(request, HTTPStatus(error.status_code), str(error.detail))


def _problem(shown: pages.Pages, request: Request, status: HTTPStatus, words: str) -> Response:
    if is_for_programs(request):
        return JSONResponse({"detail": words}, status_code=status)
    return shown.problem(request, status, words)
