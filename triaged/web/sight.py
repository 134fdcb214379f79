"""What somebody gets to see who sees the studies of some sites alone: decided before any handler, by the route.

A route that names a study answers for theirs; of others it says what it says of a study that is not there. One that
shows more than a study has to stand here, since its handler narrows what it shows, or shows no study. Every other one
is closed to them, so that a new one cannot be open by mistake. Knows no pages.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from http import HTTPStatus
from typing import Final

from fastapi import Request
from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException

from triaged.store.listing.worklist import Worklist
from triaged.web.paths import named_study
from triaged.web.visitor import visitor

NARROWED: Final = frozenset(
    {
        ("GET", "/"),
        ("GET", "/next"),
        ("GET", "/wall"),
        ("GET", "/api/worklist"),
        ("GET", "/api/workitems"),
        ("GET", "/api/workitems/{sop_instance_uid}"),
        ("GET", "/dicom-web/studies"),
        ("GET", "/dicom-web/series"),
        ("GET", "/dicom-web/instances"),
    }
)
"""Lists, whose handlers leave out the studies of other sites."""
WITHOUT_STUDIES: Final = frozenset(
    {
        ("GET", "/api/version"),  # that something changed, somewhere
        ("GET", "/events"),
        ("GET", "/health"),
        ("GET", "/health/live"),
        ("GET", "/health/ready"),
        ("GET", "/sign-in"),
        ("GET", "/sign-in/oidc"),
        ("GET", "/sign-in/oidc/callback"),
        ("GET", "/viewer/{path:path}"),  # the files of OHIF
        ("POST", "/preferences"),
        ("POST", "/sign-in"),
        ("POST", "/sign-out"),
    }
)
NO_STORING: Final = frozenset({("POST", "/studies"), ("POST", "/studies/{study_uid}")})
"""Storing by DICOMweb: which site a study is of that comes this way is for the settings to say."""
_NOT_THERE = "No study with this Study Instance UID is on the worklist."
_CLOSED = "This is of all sites, and your account sees the studies of some of them alone."


def sight(worklist: Worklist) -> Callable[[Request], Awaitable[None]]:
    """Return what looks at every request before its handler; `HTTPException` for what is not for who asks."""

    async def look(request: Request) -> None:
        sites = visitor(request).sites
        if not sites:
            return
        route = (request.method, getattr(request.scope.get("route"), "path", ""))
        study_uid = named_study(request.path_params)
        if study_uid and route not in NO_STORING:
            if not await run_in_threadpool(worklist.within(sites).knows, study_uid):
                raise HTTPException(HTTPStatus.NOT_FOUND, _NOT_THERE)
        elif route not in NARROWED | WITHOUT_STUDIES:
            raise HTTPException(HTTPStatus.FORBIDDEN, _CLOSED)

    return look
