"""The routes by which a person takes, finishes or moves a study; thin over the steps, which decide and record.

That the request comes from a page of ours, and who sent it, was found out before it gets here.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime
from http import HTTPStatus

from fastapi import APIRouter, Request, Response
from fastapi.responses import RedirectResponse
from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException
from typing_extensions import TypedDict

from triaged.errors import ActionRefused, UnknownStudy
from triaged.steps.acting import Readers
from triaged.study.read_state import Action, ActionKind
from triaged.web.paths import safe_path
from triaged.web.visitor import form, person

MOST_DETAIL = 200


class Acted(TypedDict):
    """What was done: its number, by which it can be undone, who did it and when."""

    action_id: int
    kind: str
    person: str
    at: str


def router(readers: Readers, clock: Callable[[], datetime], changed: Callable[[], None] = lambda: None) -> APIRouter:
    """Return `/studies/{uid}/actions` for forms and the same under `/api` for scripts; each calls `changed`."""
    routes = APIRouter(tags=["actions"])

    def act(uid: str, name: str, fields: Mapping[str, str]) -> Action:
        kind = fields.get("kind", "")
        if kind not in set(ActionKind):
            raise HTTPException(HTTPStatus.BAD_REQUEST, "Nothing was done: it was not said what to do.")
        detail = " ".join(fields.get("detail", "").split())[:MOST_DETAIL]
        try:
            if kind == ActionKind.UNDONE:
                number = fields.get("action_id", "")
                return readers.undo(uid, name, now=clock(), action_id=int(number) if number.isdecimal() else None)
            return readers.act(uid, ActionKind(kind), name, now=clock(), detail=detail)
        except ActionRefused as refused:
            raise HTTPException(HTTPStatus.CONFLICT, f"Nothing was done. {refused}") from None
        except UnknownStudy:
            raise HTTPException(HTTPStatus.NOT_FOUND, "No study with this Study Instance UID is known.") from None

    @routes.post("/studies/{uid}/actions", include_in_schema=False)
    async def by_form(request: Request, uid: str) -> Response:
        fields = form(request)
        await run_in_threadpool(act, uid, person(request).name, fields)
        changed()
        return RedirectResponse(safe_path(fields.get("next", "/")), HTTPStatus.SEE_OTHER)

    @routes.post("/api/studies/{study_instance_uid}/actions", summary="Take, finish, move a study, or take that back")
    async def by_script(request: Request, study_instance_uid: str) -> Acted:
        done = await run_in_threadpool(act, study_instance_uid, person(request).name, form(request))
        changed()
        return {"action_id": done.action_id, "kind": done.kind.value, "person": done.person, "at": done.at.isoformat()}

    return routes
