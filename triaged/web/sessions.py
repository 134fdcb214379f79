"""Sessions as browsers carry them: the cookie of one that begins, and the end of one. Knows not who may begin one."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from http import HTTPStatus

from fastapi import Request, Response
from fastapi.responses import RedirectResponse

from triaged.store.people.accounts import Accounts
from triaged.web.identity import AccessOptions, is_secure, session_cookie


class BrowserSessions:
    """Begins and ends the session of a browser."""

    def __init__(self, accounts: Accounts, options: AccessOptions, clock: Callable[[], datetime]) -> None:
        self._accounts = accounts
        self._options = options
        self._clock = clock

    def begun(self, request: Request, token: str, wanted: str) -> Response:
        """Return what takes a browser to a page with a session that has begun."""
        response = RedirectResponse(wanted, HTTPStatus.SEE_OTHER)
        secure = is_secure(self._options, request)
        response.set_cookie(session_cookie(self._options, request), token, httponly=True, samesite="lax", secure=secure)
        return response

    def leave(self, request: Request) -> bool:
        """End the session that a browser has, if any; tell whether single sign-on began it."""
        return self._accounts.sign_out(
            request.cookies.get(session_cookie(self._options, request), ""), now=self._clock()
        )

    def forget(self, request: Request, response: Response) -> Response:
        """Have a browser forget its session with this answer."""
        secure = is_secure(self._options, request)
        response.delete_cookie(session_cookie(self._options, request), httponly=True, samesite="lax", secure=secure)
        return response
