"""The page on which administrators see who may sign in, and sign somebody out who left a browser open."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from http import HTTPStatus

import structlog
from fastapi import APIRouter, Request, Response
from fastapi.responses import HTMLResponse, RedirectResponse
from starlette.exceptions import HTTPException

from triaged.store.people.accounts import Accounts
from triaged.web.pages import Pages
from triaged.web.visitor import administrator, form

log = structlog.get_logger()


def router(accounts: Accounts, shown: Pages, *, clock: Callable[[], datetime]) -> APIRouter:
    """Return the routes under `/people`, for administrators alone."""
    routes = APIRouter(include_in_schema=False, default_response_class=HTMLResponse)

    @routes.get("/people")
    def people(request: Request) -> Response:
        administrator(request)
        return shown.people(request, accounts.all())

    @routes.post("/people/sign-out")
    def sign_out(request: Request) -> Response:
        by, name = administrator(request), form(request).get("name", "")
        if not accounts.end_sessions(name, now=clock()):
            raise HTTPException(HTTPStatus.NOT_FOUND, "Nobody has an account of this name.")
        log.info("sessions ended by an administrator", account=name, by=by.name)
        return RedirectResponse("/people", HTTPStatus.SEE_OTHER)

    return routes
