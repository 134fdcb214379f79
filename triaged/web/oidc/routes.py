"""Signing in by the site's provider: there, back with a code, and out again.

What has begun waits in the store and is taken once, by the browser in which it began. Knows no protocol.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from http import HTTPStatus
from typing import Final

import structlog
from fastapi import APIRouter, Request, Response
from fastapi.responses import HTMLResponse, RedirectResponse
from limits import RateLimitItemPerMinute
from limits.storage import MemoryStorage
from limits.strategies import FixedWindowRateLimiter

from triaged.steps.trail import Trail
from triaged.store.people.sign_ons import NameTaken, SignOn, SignOns
from triaged.study.audit import AuditEvent
from triaged.study.people import Person
from triaged.web.access import SIGN_IN, SIGN_ON, SIGNED_ON
from triaged.web.identity import address_of
from triaged.web.oidc.claims import NoName, NoRole, person_of
from triaged.web.oidc.options import OidcOptions
from triaged.web.oidc.provider import Away, Provider, Untrusted
from triaged.web.pages import Pages
from triaged.web.paths import safe_path
from triaged.web.seldom import Seldom
from triaged.web.sessions import BrowserSessions
from triaged.web.visitor import visitor

log = structlog.get_logger()

STARTS_A_MINUTE: Final = 120
"""Of one address: each costs a row, and a hospital may have one address."""
_AGAIN: Final = "Try again; if it goes on, tell the administrator."


class SignOnRoutes:
    """What the routes of single sign-on do; what has begun ends in `sessions`; `origin` is where browsers see us."""

    def __init__(
        self,
        sign_ons: SignOns,
        shown: Pages,
        trail: Trail,
        *,
        options: OidcOptions,
        origin: str,
        clock: Callable[[], datetime],
        session_clock: Callable[[], datetime],
        sessions: BrowserSessions,
    ) -> None:
        self._provider = Provider(options, f"{origin}{SIGNED_ON}")
        self._left = f"{origin}{SIGN_IN}"
        self._sign_ons = sign_ons
        self._shown = shown
        self._trail = trail
        self._options = options
        self._clock = clock
        self._session_clock = session_clock
        self._sessions = sessions
        self._seldom = Seldom()
        self._starts = FixedWindowRateLimiter(MemoryStorage())

    def router(self) -> APIRouter:
        """Return the two routes."""
        routes = APIRouter(include_in_schema=False, default_response_class=HTMLResponse)
        routes.get(SIGN_ON)(self.go)
        routes.get(SIGNED_ON)(self.come_back)
        return routes

    def goodbye(self) -> str | None:
        """Return where the provider is left, too; None where it offers no such place, or cannot be asked."""
        try:
            return self._provider.end_session_url(back=self._left)
        except (Away, Untrusted) as why:
            log.warning("single sign-on not left, its provider cannot be asked", why=str(why))
            return None

    def go(self, request: Request, next: str = "/") -> Response:
        """Send a browser to the provider."""
        wanted = safe_path(next)
        if visitor(request).person is not None:
            return RedirectResponse(wanted, HTTPStatus.SEE_OTHER)
        if not self._starts.hit(RateLimitItemPerMinute(STARTS_A_MINUTE), address_of(request)):
            words = "Too many sign-ins began here. Wait a minute."
            return self._refused(request, HTTPStatus.TOO_MANY_REQUESTS, words, wanted)
        try:
            self._provider.metadata()
            begun = self._sign_ons.begin(browser=request.state.browser, wanted=wanted, now=self._session_clock())
            url = self._provider.authorization_url(
                state=begun.state, nonce=begun.nonce, code_verifier=begun.code_verifier
            )
        except Away as later:
            return self._away(request, later, wanted)
        except Untrusted as why:
            return self._untrusted(request, str(why), wanted)
        return RedirectResponse(url, HTTPStatus.SEE_OTHER)

    def come_back(self, request: Request) -> Response:
        """Begin a session for whom the provider sends back."""
        given = request.query_params
        now = self._session_clock()
        begun = self._sign_ons.take(given.get("state", ""), browser=request.state.browser, now=now)
        if begun is None:
            words = "This sign-in has ended, or did not begin in this browser. Begin again."
            return self._failed(request, HTTPStatus.BAD_REQUEST, words, "/", why="unknown state")
        if given.get("iss", self._options.issuer) != self._options.issuer:  # RFC 9207
            return self._untrusted(request, "it is another issuer", begun.wanted)
        if "code" not in given:
            return self._untrusted(request, "it gave no code", begun.wanted)
        try:
            return self._prove(request, given["code"], begun)
        except Away as later:
            return self._away(request, later, begun.wanted)
        except Untrusted as why:
            return self._untrusted(request, str(why), begun.wanted)

    def _prove(self, request: Request, code: str, begun: SignOn) -> Response:
        proven = self._provider.prove(code, nonce=begun.nonce, code_verifier=begun.code_verifier, now=self._clock())
        label, wanted = self._options.label, begun.wanted
        try:
            person = person_of(proven.claims, self._options)
        except NoName:
            words = f"{label} does not say by which name you are known here. Ask the administrator of this list."
            return self._failed(request, HTTPStatus.FORBIDDEN, words, wanted, why="no name")
        except NoRole as none:
            words = f"{label} knows you as {none.name}, and gives you no role on this list. Ask who administers it."
            return self._failed(request, HTTPStatus.FORBIDDEN, words, wanted, why="no role", name=none.name)
        sites = person.sites if self._options.decides_sites else None
        entered = self._sign_ons.sign_in(
            proven.subject, person, browser=request.state.browser, now=self._session_clock(), sites=sites
        )
        if isinstance(entered, NameTaken):
            words = f"The name {person.name} is that of another account of this list. Ask who administers it."
            return self._failed(request, HTTPStatus.FORBIDDEN, words, wanted, why="name taken", name=person.name)
        return self._entered(request, entered.token, person, wanted)

    def _entered(self, request: Request, token: str, known: Person, wanted: str) -> Response:
        self._sessions.leave(request)
        address = address_of(request)
        log.info("signed in", account=known.name, address=address)
        what = {"person": known.name, "address": address}
        self._trail.record(AuditEvent.SIGNED_IN, detail="by single sign-on", **what)
        return self._sessions.begun(request, token, wanted)

    def _away(self, request: Request, later: Away, wanted: str) -> Response:
        if self._says("away"):
            log.warning("single sign-on is unreachable", why=str(later))
        words = f"{self._options.label} cannot be reached now. Try again soon, or use an account of this list."
        response = self._refused(request, HTTPStatus.SERVICE_UNAVAILABLE, words, wanted)
        response.headers["Retry-After"] = "10"
        return response

    def _untrusted(self, request: Request, why: str, wanted: str) -> Response:
        words = f"{self._options.label} did not sign you in. {_AGAIN}"
        return self._failed(request, HTTPStatus.UNAUTHORIZED, words, wanted, why=why)

    def _failed(
        self, request: Request, status: HTTPStatus, words: str, wanted: str, *, why: str, name: str = ""
    ) -> Response:
        """Write down that a sign-in failed, and say so; strangers set the pace of those that name nobody."""
        address = address_of(request)
        if self._says(address):
            log.warning("single sign-on failed", why=why, address=address, lines_left_out=self._seldom.unsaid())
        what = {"person": name, "address": address, "detail": f"single sign-on: {why}", "succeeded": False}
        self._trail.looked_at(AuditEvent.SIGNED_IN, target=f"single sign-on: {why}", **what)
        return self._refused(request, status, words, wanted)

    def _refused(self, request: Request, status: HTTPStatus, words: str, wanted: str) -> Response:
        return self._shown.sign_in(request, wanted=wanted, words=words, status=status)

    def _says(self, key: str) -> bool:
        return self._seldom.allows(key, self._clock().timestamp())
