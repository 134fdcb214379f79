"""Adds to every answer the headers that keep other sites and the browser's cache out; knows no pages.

One path is more open than the others: below it lie the files of a viewer that others wrote, which builds its pages by
script and decodes images in WebAssembly.
"""

from __future__ import annotations

from typing import Final

from starlette.datastructures import MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from triaged.web.ohif import BASE as VIEWER

POLICY: Final = (
    "default-src 'none'; style-src 'self'; script-src 'self'; img-src 'self'; connect-src 'self'; "
    "base-uri 'none'; form-action 'self'; frame-ancestors 'none'"
)
VIEWER_POLICY: Final = (
    "default-src 'none'; script-src 'self' 'unsafe-eval'; worker-src 'self' blob:; "
    "style-src 'self' 'unsafe-inline'; img-src 'self' data: blob:; font-src 'self'; connect-src 'self' blob:; "
    "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)
_HEADERS: Final = {
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "same-origin",  # without it browsers say `Origin: null` when they send our own forms
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
}


class Headers:
    """Stands before the application and everything that may answer in its place."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on, and add to its answer."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        path = scope["path"]

        async def sending(message: Message) -> None:
            if message["type"] == "http.response.start":
                _add(MutableHeaders(scope=message), path)
            await send(message)

        await self._app(scope, receive, sending)


def _add(headers: MutableHeaders, path: str) -> None:
    is_viewer = path.startswith(f"{VIEWER}/")
    headers.update(_HEADERS)
    headers["Content-Security-Policy"] = VIEWER_POLICY if is_viewer else POLICY
    # A script is asked for again each time, and answered with 304: after an upgrade no page runs an old one.
    headers.setdefault("Cache-Control", "no-cache" if path.startswith("/static/") else "no-store")
