"""Signing in and out, and the page on which administrators see who may, and sign somebody out who left a browser open.

Who may be let in is the store's business.
"""

from __future__ import annotations

import asyncio
import math
from collections.abc import Callable
from datetime import datetime
from functools import partial
from http import HTTPStatus

import structlog
from fastapi import APIRouter, Request, Response
from fastapi.responses import HTMLResponse, RedirectResponse
from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException

from triaged.steps.trail import Trail
from triaged.store.people.accounts import Accounts, SignedIn, TooMany, Wrong
from triaged.study.audit import AuditEvent
from triaged.web.access import SIGN_IN
from triaged.web.identity import address_of
from triaged.web.pages import Pages
from triaged.web.paths import SIGN_OUT, safe_path
from triaged.web.seldom import Seldom
from triaged.web.sessions import BrowserSessions
from triaged.web.visitor import administrator, form, visitor

log = structlog.get_logger()

_MOST_AT_ONCE = 2
"""Each check of a password takes memory and a core on purpose; the list must stay readable meanwhile."""
_MOST_WAITING = 20
_MOST_TEXT, _MOST_NAME = 1024, 64


def router(
    accounts: Accounts,
    shown: Pages,
    trail: Trail,
    *,
    sessions: BrowserSessions,
    clock: Callable[[], datetime],
) -> APIRouter:
    """Return the routes `/sign-in`."""
    routes = APIRouter(include_in_schema=False, default_response_class=HTMLResponse)
    turns, note = Turns(), partial(_note, Seldom(), clock)

    @routes.get(SIGN_IN)
    def ask(request: Request, next: str = "/") -> Response:
        if visitor(request).person is not None:
            return RedirectResponse(safe_path(next), HTTPStatus.SEE_OTHER)
        return shown.sign_in(request, wanted=safe_path(next))

    @routes.post(SIGN_IN)
    async def sign_in(request: Request) -> Response:
        fields, address = form(request), address_of(request)
        name, password = fields.get("name", "")[:_MOST_TEXT], fields.get("password", "")[:_MOST_TEXT]
        wanted, browser = safe_path(fields.get("next", "/")), request.state.browser
        async with turns:
            outcome = await run_in_threadpool(
                accounts.sign_in, name, password, address=address, browser=browser, now=clock()
            )
        match outcome:
            case SignedIn(token=token, person=known):
                await run_in_threadpool(sessions.leave, request)
                log.info("signed in", account=known.name, address=address)
                await run_in_threadpool(trail.record, AuditEvent.SIGNED_IN, person=known.name, address=address)
                return sessions.begun(request, token, wanted)
            case Wrong():
                note(address, wait_s=0)
                await run_in_threadpool(_failed, trail, name, address)
                words, status = "Name or password is wrong.", HTTPStatus.UNAUTHORIZED
                return shown.sign_in(request, wanted=wanted, words=words, status=status)
            case TooMany(wait=wait):
                note(address, wait_s=math.ceil(wait.total_seconds()))
                await run_in_threadpool(_kept_out, trail, name, address)
                return _told_to_wait(shown, request, wanted, math.ceil(wait.total_seconds()))

    return routes


def leaving_router(
    shown: Pages, trail: Trail, *, sessions: BrowserSessions, goodbye: Callable[[], str | None]
) -> APIRouter:
    """Return the route `/sign-out`; `goodbye` says where single sign-on is left, if anywhere."""
    routes = APIRouter(include_in_schema=False, default_response_class=HTMLResponse)

    @routes.post(SIGN_OUT)
    def sign_out(request: Request) -> Response:
        trail.record(AuditEvent.SIGNED_OUT, person=visitor(request).name, address=address_of(request))
        elsewhere = goodbye() if sessions.leave(request) else None
        if elsewhere is None:
            return sessions.forget(request, RedirectResponse(SIGN_IN, HTTPStatus.SEE_OTHER))
        return sessions.forget(request, shown.signed_out(request, elsewhere))

    return routes


def people_router(accounts: Accounts, shown: Pages, trail: Trail, *, clock: Callable[[], datetime]) -> APIRouter:
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
        what = {"person": by.name, "address": address_of(request), "target": name}
        trail.record(AuditEvent.ADMINISTRATION, detail="ended the sessions of an account", **what)
        return RedirectResponse("/people", HTTPStatus.SEE_OTHER)

    return routes


class Turns:
    """Lets a few in at a time, keeps some waiting, and sends away the rest."""

    def __init__(self, at_once: int = _MOST_AT_ONCE, waiting: int = _MOST_WAITING) -> None:
        self._free = asyncio.Semaphore(at_once)
        self._most_waiting = waiting
        self._waiting = 0

    async def __aenter__(self) -> None:
        if self._free.locked() and self._waiting >= self._most_waiting:
            raise HTTPException(HTTPStatus.SERVICE_UNAVAILABLE, "Too many people sign in at once: try again soon.")
        self._waiting += 1
        try:
            await self._free.acquire()
        finally:
            self._waiting -= 1

    async def __aexit__(self, *_error: object) -> None:
        self._free.release()


def _failed(trail: Trail, name: str, address: str) -> None:
    """Write down with which name somebody tried to sign in; how often they may is limited."""
    what = {"person": name[:_MOST_NAME], "address": address, "succeeded": False}
    trail.record(AuditEvent.SIGNED_IN, detail="name or password is wrong", **what)


def _kept_out(trail: Trail, name: str, address: str) -> None:
    """Write down that an address has to wait, once in a while: strangers set the pace of this."""
    detail = f"too many tries, the last as {name[:_MOST_NAME]}"
    trail.looked_at(AuditEvent.SIGNED_IN, address=address, target="too many", detail=detail, succeeded=False)


def _note(seldom: Seldom, clock: Callable[[], datetime], address: str, *, wait_s: int) -> None:
    """Write that a sign-in was refused, a few times a minute for each address; strangers set the pace of the rest."""
    if not seldom.allows((address, wait_s > 0), clock().timestamp()):
        return
    if wait_s == 0:
        log.warning("sign-in failed", address=address, lines_left_out=seldom.unsaid())
    else:
        log.warning("sign-in refused after too many failures", address=address, wait_s=wait_s)


def _told_to_wait(shown: Pages, request: Request, wanted: str, wait_s: int) -> Response:
    minutes = math.ceil(wait_s / 60)
    words = (
        f"Too many sign-ins failed here. Wait {minutes} {'minute' if minutes == 1 else 'minutes'}, or use a browser in "
        "which you have signed in before. Who is signed in stays so."
    )
    response = shown.sign_in(request, wanted=wanted, words=words, status=HTTPStatus.TOO_MANY_REQUESTS)
    response.headers["Retry-After"] = str(wait_s)
    return response
