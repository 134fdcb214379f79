"""The door of the application: nothing is shown to whom nobody knows, nothing changed for whom another site sent.

Every path is closed unless it is named here, so that a new page cannot be open by mistake. Knows no pages: how a
refusal looks is an argument.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable
from datetime import datetime
from http import HTTPStatus
from typing import Any, Final, cast
from urllib.parse import parse_qsl, quote

from fastapi import Request, Response
from fastapi.responses import RedirectResponse
from starlette.concurrency import run_in_threadpool
from starlette.types import ASGIApp, Message, Receive, Scope, Send
from uvicorn.middleware.proxy_headers import ProxyHeadersMiddleware

from triaged.errors import TryLater
from triaged.store.people.accounts import Accounts
from triaged.study.people import Person
from triaged.web.dicomweb.paths import is_below, is_store
from triaged.web.fairness import Fairness
from triaged.web.identity import AccessOptions, Identity, Mode, Unknown, browser_cookie, is_secure, plain
from triaged.web.limits import Limits
from triaged.web.news import EVENTS
from triaged.web.visitor import Visitor, csrf_token, is_token

Refuse = Callable[[Request, HTTPStatus, str], Response]

SIGN_IN: Final = "/sign-in"
SIGN_ON: Final = f"{SIGN_IN}/oidc"
SIGNED_ON: Final = f"{SIGN_ON}/callback"
"""Where the provider of single sign-on sends browsers back to; it has this address in its own settings."""
UNATTENDED: Final = "Triaged-Unattended"
"""The header of requests that a page makes by itself: they do not keep a session open."""
_FOR_EVERYBODY = frozenset({"/health", "/health/ready", "/health/live"})
_FOR_EVERYBODY_BELOW = "/static/"
_SAFE = frozenset({"GET", "HEAD", "OPTIONS"})
_UNATTENDED_PATHS = frozenset({"/api/version", EVENTS})
_MOST_OF_A_FORM = 64 * 1024
_A_YEAR_S = 365 * 24 * 3600
_FORM = "application/x-www-form-urlencoded"
_FOREIGN = (
    "This did not come from a page of this list. Reload the page and try again; where a proxy stands before it, "
    "set access.origin."
)


class Access:
    """Lets in whom the options say, and tells the application who it is."""

    def __init__(
        self,
        app: ASGIApp,
        *,
        options: AccessOptions,
        accounts: Accounts,
        clock: Callable[[], datetime],
        refuse: Refuse,
        limits: Limits,
        random: Callable[[int], str] = secrets.token_hex,
    ) -> None:
        self._app = app
        self._options = options
        self._identity = Identity(options, accounts, clock)
        self._refuse = refuse
        self._random = random
        self._for_signing_in = _for_signing_in(options)
        fair = Fairness(self._ask, limits)
        self._behind_proxies = ProxyHeadersMiddleware(cast(Any, fair), list(options.proxies))

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request, or pass it on with who asks."""
        if scope["type"] == "lifespan":
            await self._app(scope, receive, send)
        elif scope["type"] == "http":
            host, port = scope.get("client") or ("", 0)
            peer = plain(host)
            scope["client"] = (peer, port)
            scope.setdefault("state", {})["peer"] = peer  # from here on `client` may be whom a proxy names
            await self._behind_proxies(cast(Any, scope), cast(Any, receive), cast(Any, send))

    async def _ask(self, scope: Scope, receive: Receive, send: Send) -> None:
        path = scope["path"]
        if path in _FOR_EVERYBODY or path.startswith(_FOR_EVERYBODY_BELOW):
            await self._app(scope, receive, send)
            return
        request = Request(scope, receive)
        try:
            found = await self._known(request, scope["state"]["peer"])
        except TryLater as later:
            await self._refuse(request, HTTPStatus.SERVICE_UNAVAILABLE, str(later))(scope, receive, send)
            return
        browser = self._identity.browser(request)
        if not browser and request.method in _SAFE and not is_for_programs(request):
            browser = self._random(32)
            send = self._remembering(request, browser, send)
        known = found if isinstance(found, Person) else None
        signed_in = known is not None and self._options.mode is Mode.ACCOUNTS
        secret = self._identity.session(request) if signed_in else browser
        scope["state"]["visitor"] = Visitor(known, csrf_token(secret) if secret else "", signed_in)
        scope["state"]["browser"] = browser
        if isinstance(found, Unknown) and path not in self._for_signing_in:
            await self._turn_away(request, found)(scope, receive, send)
            return
        if request.method not in _SAFE:
            forged, receive = await self._is_forged(request, receive)
            if forged is not None:
                await self._refuse(request, forged, _FOREIGN)(scope, receive, send)
                return
        await self._app(scope, receive, send)

    async def _known(self, request: Request, peer: str) -> Person | Unknown:
        """Return who asks; only accounts have to be looked up, in a thread."""
        if self._options.mode is Mode.ACCOUNTS:
            return await run_in_threadpool(self._identity.of, request, peer, attended=_is_attended(request))
        return self._identity.of(request, peer, attended=_is_attended(request))

    def _turn_away(self, request: Request, unknown: Unknown) -> Response:
        """Lead a person to the form, and tell a program."""
        if self._options.mode is Mode.ACCOUNTS and request.method in _SAFE and not is_for_programs(request):
            query = request.scope["query_string"].decode("latin-1")
            wanted = request.scope["path"] + (f"?{query}" if query else "")
            target = SIGN_IN if wanted == "/" else f"{SIGN_IN}?next={quote(wanted, safe='/')}"
            return RedirectResponse(target, HTTPStatus.SEE_OTHER)
        status = HTTPStatus.FORBIDDEN if unknown.forbidden else HTTPStatus.UNAUTHORIZED
        return self._refuse(request, status, unknown.words)

    async def _is_forged(self, request: Request, receive: Receive) -> tuple[HTTPStatus | None, Receive]:
        """Return how to refuse a change that no page of ours asked for, and how its body is read from now on."""
        if _is_foreign(request, self._options.origin):
            return HTTPStatus.FORBIDDEN, receive
        if _asks_first(request):
            return None, receive
        sent = request.headers.get("X-CSRF-Token", "")
        if request.headers.get("Content-Type", "").partition(";")[0].strip().lower() == _FORM:
            body = await _body(receive)
            if body is None:
                return HTTPStatus.REQUEST_ENTITY_TOO_LARGE, receive
            fields = dict(parse_qsl(body.decode("utf-8", "replace"), keep_blank_values=True))
            request.scope["state"]["form"] = fields
            sent = sent or fields.get("csrf", "")
            receive = _again(body, receive)
        expected = request.scope["state"]["visitor"].csrf
        return (None if is_token(sent, expected) else HTTPStatus.FORBIDDEN), receive

    def _remembering(self, request: Request, browser: str, send: Send) -> Send:
        """Give a browser a secret that lasts: its forms are known by it, and it is known when somebody signs in."""
        cookie = Response()
        cookie.set_cookie(
            browser_cookie(self._options, request),
            browser,
            max_age=_A_YEAR_S,
            httponly=True,
            samesite="lax",
            secure=is_secure(self._options, request),
        )
        header = next(pair for pair in cookie.raw_headers if pair[0] == b"set-cookie")

        async def remembering(message: Message) -> None:
            if message["type"] == "http.response.start":
                message = {**message, "headers": [*message["headers"], header]}
            await send(message)

        return remembering


def _for_signing_in(options: AccessOptions) -> frozenset[str]:
    if options.mode is not Mode.ACCOUNTS:
        return frozenset()
    return frozenset({SIGN_IN} if options.oidc is None else {SIGN_IN, SIGN_ON, SIGNED_ON})


def _is_attended(request: Request) -> bool:
    return request.scope["path"] not in _UNATTENDED_PATHS and UNATTENDED not in request.headers


def is_for_programs(request: Request) -> bool:
    """Tell whether an answer is read by a program, also by a page's own script, which cannot show a form instead."""
    path = request.scope["path"]
    return path.startswith("/api/") or path == EVENTS or is_below(path) or UNATTENDED in request.headers


def _asks_first(request: Request) -> bool:
    """Tell whether a browser would not send this for another site: DICOM is no type of a form.

    It would first ask whether that site may (CORS preflight), and is never told so. Programs know no token.
    """
    kind = request.headers.get("Content-Type", "").partition(";")[0].strip().lower()
    return is_store(request.scope) and kind in ("application/dicom", "multipart/related")


def _is_foreign(request: Request, origin: str | None) -> bool:
    """Tell whether a browser says that another site asked; programs say nothing, and have to know the token."""
    if request.headers.get("Sec-Fetch-Site", "same-origin") != "same-origin":
        return True
    said = request.headers.get("Origin")
    own = origin or f"{request.scope['scheme']}://{request.headers.get('Host', '')}"
    return said is not None and said.lower() != own.lower()


async def _body(receive: Receive) -> bytes | None:
    """Return the whole body, or None where it is longer than any form of ours."""
    body: bytes = b""
    while True:
        message = await receive()
        body += message.get("body", b"")
        if len(body) > _MOST_OF_A_FORM:
            return None
        if message["type"] == "http.disconnect" or not message.get("more_body", False):
            return body


def _again(body: bytes, receive: Receive) -> Receive:
    """Return a way to read a body that was read already."""
    waiting: list[Message] = [{"type": "http.request", "body": body, "more_body": False}]

    async def again() -> Message:
        return waiting.pop() if waiting else await receive()

    return again
