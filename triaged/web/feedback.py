"""The routes by which a person judges a result, assigns a study, and tells that it was opened; thin over the steps.

That the request comes from a page of ours, and who sent it, was found out before it gets here.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from datetime import datetime
from http import HTTPStatus

from fastapi import APIRouter, Request, Response
from fastapi.responses import RedirectResponse
from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException
from typing_extensions import TypedDict

from triaged.errors import ActionRefused, UnknownStudy
from triaged.steps.feedback import Feedback
from triaged.study.verdict import Assignment, Said, Verdict
from triaged.web.paths import safe_path
from triaged.web.visitor import form, person

TAKE_BACK = "take-back"
"""What is sent in the place of a verdict to take the last one back."""

ME = "@me"
"""What is sent in the place of a name by whom a study is assigned to themselves; it can be nobody's name."""


class GivenVerdict(TypedDict):
    """What was kept: about which revision of the results, by whom and when; `taken_back` where it counts no more."""

    verdict: str
    taken_back: bool
    note: str
    revision: int
    person: str
    at: str


class Assigned(TypedDict):
    """To whom a study is assigned now, empty for nobody, and who said so."""

    assignee: str
    person: str
    at: str


class Answers:
    """Does what a request asks for, and says in a status why it does not."""

    def __init__(self, feedback: Feedback, clock: Callable[[], datetime]) -> None:
        self._feedback = feedback
        self._clock = clock

    def judge(self, uid: str, name: str, fields: Mapping[str, str]) -> Said:
        """Keep a verdict, or take one back."""
        verdict, revision, now = fields.get("verdict", ""), _number(fields.get("revision", "")), self._clock()
        if verdict not in {*Verdict, TAKE_BACK}:
            raise _bad(f"expected a verdict ({', '.join(Verdict)} or {TAKE_BACK}), found none of them")
        with _refusals():
            if verdict == TAKE_BACK:
                return self._feedback.take_back(uid, name, revision=revision, now=now)
            note = fields.get("note", "")
            return self._feedback.say(uid, Verdict(verdict), name, note=note, revision=revision, now=now)

    def assign(self, uid: str, name: str, fields: Mapping[str, str]) -> Assignment:
        """Assign a study."""
        if "assignee" not in fields:
            raise _bad("expected a person or a group, or an empty name for nobody, found no name")
        with _refusals():
            assignee = name if fields["assignee"] == ME else fields["assignee"]
            return self._feedback.assign(uid, assignee, name, now=self._clock())

    def opened(self, uid: str, name: str) -> None:
        """Keep that a person has a study before them."""
        with _refusals():
            self._feedback.opened(uid, name, now=self._clock())


def router(answers: Answers) -> APIRouter:
    """Return the routes for forms: `/studies/{uid}/verdict` and `/assignment`."""
    routes = APIRouter(include_in_schema=False)

    @routes.post("/studies/{uid}/verdict")
    async def judge(request: Request, uid: str) -> Response:
        await run_in_threadpool(answers.judge, uid, person(request).name, form(request))
        return _back(request)

    @routes.post("/studies/{uid}/assignment")
    async def assign(request: Request, uid: str) -> Response:
        await run_in_threadpool(answers.assign, uid, person(request).name, form(request))
        return _back(request)

    return routes


def router_for_scripts(answers: Answers) -> APIRouter:
    """Return the same under `/api`, and `/opened`."""
    routes = APIRouter(tags=["feedback"], prefix="/api/studies/{study_instance_uid}")

    @routes.post("/verdict", summary="Say what you know of the current result")
    async def judge(request: Request, study_instance_uid: str) -> GivenVerdict:
        said = await run_in_threadpool(answers.judge, study_instance_uid, person(request).name, form(request))
        return {
            "verdict": said.verdict.value,
            "taken_back": said.takes_back,
            "note": said.note,
            "revision": said.judged.revision,
            "person": said.person,
            "at": said.at.isoformat(),
        }

    @routes.post("/assignment", summary="Assign a study to a person or a group")
    async def assign(request: Request, study_instance_uid: str) -> Assigned:
        done = await run_in_threadpool(answers.assign, study_instance_uid, person(request).name, form(request))
        return {"assignee": done.assignee, "person": done.person, "at": done.at.isoformat()}

    @routes.post("/opened", summary="Say that a person has the study before them", status_code=HTTPStatus.NO_CONTENT)
    async def opened(request: Request, study_instance_uid: str) -> None:
        await run_in_threadpool(answers.opened, study_instance_uid, person(request).name)

    return routes


@contextmanager
def _refusals() -> Iterator[None]:
    """Answer what the steps refuse with the status that says whose move it is."""
    try:
        yield
    except ActionRefused as refused:
        raise HTTPException(HTTPStatus.CONFLICT, f"Nothing was done. {refused}") from None
    except UnknownStudy:
        raise HTTPException(HTTPStatus.NOT_FOUND, "No study with this Study Instance UID is known.") from None
    except ValueError as wrong:
        raise _bad(str(wrong)) from None


def _bad(words: str) -> HTTPException:
    return HTTPException(HTTPStatus.BAD_REQUEST, f"Nothing was done: {words}.")


def _number(sent: str) -> int | None:
    return int(sent) if sent.isascii() and sent.isdecimal() and len(sent) < 10 else None


def _back(request: Request) -> Response:
    return RedirectResponse(safe_path(form(request).get("next", "/")), HTTPStatus.SEE_OTHER)
