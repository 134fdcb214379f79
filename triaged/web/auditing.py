"""Which requests are written into the audit trail, and as what; one table for all routes.

A test asks for every route to stand here, as audited or as not. Knows no handlers.
"""

from __future__ import annotations

from collections.abc import Mapping
from http import HTTPStatus
from typing import Any, Final

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from triaged.steps.trail import Trail
from triaged.study.audit import AuditEvent
from triaged.web.identity import address_of
from triaged.web.paths import named_study
from triaged.web.visitor import form, visitor

_STUDY, _INSTANCE = "/dicom-web/studies/{study_uid}", "/series/{series_uid}/instances/{sop_instance_uid}"
_SERIES = f"{_STUDY}/series/{{series_uid}}"

AUDITED: Final[Mapping[tuple[str, str], AuditEvent]] = {
    ("GET", "/"): AuditEvent.LIST_VIEWED,
    ("GET", "/wall"): AuditEvent.LIST_VIEWED,
    ("GET", "/api/worklist"): AuditEvent.LIST_EXPORTED,
    ("GET", "/figures/verdicts.csv"): AuditEvent.LIST_EXPORTED,
    ("GET", "/figures/turnaround.csv"): AuditEvent.LIST_EXPORTED,
    ("GET", "/api/figures"): AuditEvent.LIST_EXPORTED,
    ("GET", "/api/admin/times"): AuditEvent.LIST_EXPORTED,
    ("GET", "/api/admin/shadow"): AuditEvent.LIST_EXPORTED,
    ("GET", "/api/admin/watch"): AuditEvent.LIST_EXPORTED,
    ("GET", "/api/workitems"): AuditEvent.LIST_QUERIED,
    ("GET", "/api/workitems/{sop_instance_uid}"): AuditEvent.LIST_QUERIED,
    ("GET", "/dicom-web/studies"): AuditEvent.LIST_QUERIED,
    ("GET", "/dicom-web/series"): AuditEvent.LIST_QUERIED,
    ("GET", "/dicom-web/instances"): AuditEvent.LIST_QUERIED,
    ("GET", "/api/worklist/{study_instance_uid}"): AuditEvent.STUDY_VIEWED,
    ("GET", "/api/studies/{study_instance_uid}/second-results"): AuditEvent.STUDY_VIEWED,
    ("GET", "/studies/{uid}"): AuditEvent.STUDY_VIEWED,
    **dict.fromkeys(
        [
            ("GET", "/studies/{uid}/thumbnail.png"),
            ("GET", "/studies/{uid}/pictures/{sop_instance_uid}.png"),
            ("GET", "/studies/{uid}/pictures/{sop_instance_uid}/{number}.png"),
            ("GET", "/api/studies/{study_instance_uid}/slices"),
            ("GET", "/api/studies/{study_instance_uid}/slices/{index}.jpg"),
            ("GET", "/api/studies/{study_instance_uid}/slices/first/tile"),
            ("GET", "/api/studies/{study_instance_uid}/slices/{index}/tile"),
            ("GET", "/api/studies/{study_instance_uid}/slices/{index}/parts/{row}/{column}"),
            ("GET", "/api/studies/{study_instance_uid}/slices/{index}/contour.png"),
            ("GET", _STUDY),
            ("GET", f"{_STUDY}/series"),
            ("GET", f"{_STUDY}/instances"),
            ("GET", f"{_STUDY}/metadata"),
            ("GET", f"{_STUDY}/thumbnail"),
            ("GET", _SERIES),
            ("GET", f"{_SERIES}/instances"),
            ("GET", f"{_SERIES}/metadata"),
            ("GET", f"{_SERIES}/thumbnail"),
            ("GET", f"{_STUDY}{_INSTANCE}"),
            ("GET", f"{_STUDY}{_INSTANCE}/metadata"),
            ("GET", f"{_STUDY}{_INSTANCE}/frames/{{numbers}}"),
            ("GET", f"{_STUDY}{_INSTANCE}/bulkdata/{{path:path}}"),
            ("GET", f"{_STUDY}{_INSTANCE}/rendered"),
            ("GET", f"{_STUDY}{_INSTANCE}/frames/{{number}}/rendered"),
            ("GET", f"{_STUDY}{_INSTANCE}/thumbnail"),
        ],
        AuditEvent.PICTURES_VIEWED,
    ),
    ("POST", "/studies/{uid}/actions"): AuditEvent.DECISION,
    ("POST", "/studies/{uid}/verdict"): AuditEvent.DECISION,
    ("POST", "/studies/{uid}/assignment"): AuditEvent.DECISION,
    ("POST", "/api/studies/{study_instance_uid}/actions"): AuditEvent.DECISION,
    ("POST", "/api/studies/{study_instance_uid}/verdict"): AuditEvent.DECISION,
    ("POST", "/api/studies/{study_instance_uid}/assignment"): AuditEvent.DECISION,
}
"""What is written of each route. Signing in and out, what is stored, and what administrators do is written where it is
done."""
NOT_AUDITED: Final = frozenset(
    {
        ("GET", "/next"),  # leads to a page that is
        ("GET", "/figures"),  # names no patient
        ("GET", "/status"),
        ("GET", "/admin"),
        ("GET", "/admin/times"),  # names neither study nor patient
        ("GET", "/admin/shadow"),  # the same
        ("GET", "/admin/watch"),
        ("GET", "/admin/try"),  # changes nothing, and shows no more of a study than its UID
        ("POST", "/admin/try"),
        ("POST", "/admin/actions"),  # written where it is done, with its reason
        ("GET", "/metrics"),
        ("GET", "/events"),
        ("GET", "/people"),
        ("GET", "/sign-in"),
        ("GET", "/api/openapi.json"),
        ("GET", "/api/status"),
        ("GET", "/api/version"),
        ("GET", "/health"),
        ("GET", "/health/live"),
        ("GET", "/health/ready"),
        ("POST", "/preferences"),
        ("POST", "/api/studies/{study_instance_uid}/opened"),  # a page tells by itself that it was opened
        ("POST", "/sign-in"),
        ("GET", "/sign-in/oidc"),
        ("GET", "/sign-in/oidc/callback"),
        ("POST", "/sign-out"),
        ("POST", "/people/sign-out"),
        ("POST", "/studies"),  # DICOMweb: what comes is written when its association ends
        ("POST", "/studies/{study_uid}"),
    }
)


class Auditing:
    """Writes into the trail after the answer has left, so that nobody waits for it."""

    def __init__(self, app: ASGIApp, *, trail: Trail) -> None:
        self._app = app
        self._trail = trail

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request, and write down what is to be known of it."""
        status = 0

        async def noting(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
            await send(message)

        await self._app(scope, receive, noting)
        if scope["type"] == "http" and (entry := _entry(scope, status)) is not None:
            event, what = entry
            write = self._trail.record if event is AuditEvent.DECISION else self._trail.looked_at
            await run_in_threadpool(write, event, **what)


def _entry(scope: Scope, status: int) -> tuple[AuditEvent, dict[str, Any]] | None:
    """Return what is to be written of an answered request, or None."""
    request = Request(scope)
    known = visitor(request)
    path = getattr(scope.get("route"), "path", "")
    event = AUDITED.get((scope["method"], path))
    study_uid = named_study(scope.get("path_params", {}))
    what: dict[str, Any] = {"person": known.name, "address": address_of(request), "study_uid": study_uid}
    if status == HTTPStatus.FORBIDDEN and known.person is not None:
        return AuditEvent.ACCESS_REFUSED, {**what, "target": f"{scope['method']} {path or '/…'}", "succeeded": False}
    if event is None or status >= HTTPStatus.BAD_REQUEST:
        return None
    if event is AuditEvent.DECISION:
        fields = form(request)
        did = fields.get("kind") or fields.get("verdict") or fields.get("to") or path.rpartition("/")[2]
        return event, {**what, "target": path.rpartition("/")[2], "detail": did[:64]}
    return event, {**what, "target": "" if study_uid else path}
