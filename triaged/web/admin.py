"""The administrator's page and its buttons; thin over `steps.administering`, which decides, does and writes down."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from http import HTTPStatus
from typing import Any
from urllib.parse import quote

from fastapi import APIRouter, Request, Response
from fastapi.responses import HTMLResponse, RedirectResponse
from starlette.exceptions import HTTPException

from triaged.errors import (
    ActionRefused,
    ConfigError,
    IllegalTransition,
    UnknownDestination,
    UnknownQuarantined,
    UnknownStudy,
)
from triaged.steps.administering import Administration, Asker
from triaged.steps.quarantine import changes_of
from triaged.steps.replay import Replayed, comparison, summary
from triaged.store.roles.pauses import Pausable
from triaged.web.admin_page import AdminPage, ConfigurationTrial
from triaged.web.identity import address_of
from triaged.web.templating import Templates
from triaged.web.visitor import administrator, form, visitor

_MOST_TEXT = 1000


def router(
    administration: Administration, page: AdminPage, templates: Templates, trial: ConfigurationTrial | None = None
) -> APIRouter:
    """Return the routes under `/admin`, for administrators alone."""
    routes = APIRouter(include_in_schema=False, default_response_class=HTMLResponse)

    @routes.get("/admin")
    def show(request: Request, done: str = "") -> Response:
        administrator(request)
        return templates.page("admin", visitor(request), version="", done=done[:_MOST_TEXT], **page.values())

    @routes.post("/admin/actions")
    def act(request: Request) -> Response:
        fields = {name: value[:_MOST_TEXT] for name, value in form(request).items()}
        asker = Asker(administrator(request).name, address_of(request), fields.get("reason", ""))
        try:
            said = _done(administration, fields, asker)
        except (UnknownStudy, UnknownDestination, UnknownQuarantined) as unknown:
            raise HTTPException(HTTPStatus.NOT_FOUND, f"Nothing was done: {unknown}.") from None
        except (ActionRefused, ConfigError, IllegalTransition) as refused:
            raise HTTPException(HTTPStatus.CONFLICT, f"Nothing was done: {refused}.") from None
        return RedirectResponse(f"/admin?done={quote(said)}", HTTPStatus.SEE_OTHER)

    if trial is not None:
        _add_trial(routes, trial, templates)
    return routes


def _add_trial(routes: APIRouter, trial: ConfigurationTrial, templates: Templates) -> None:
    @routes.get("/admin/try")
    def begin(request: Request) -> Response:
        administrator(request)
        return _tried(request, _present(trial), None, "")

    @routes.post("/admin/try")
    def try_text(request: Request) -> Response:
        administrator(request)
        text = form(request).get("text", "").replace("\r\n", "\n")
        try:
            return _tried(request, text, trial.tried(text), "")
        except (ConfigError, ActionRefused) as mistakes:
            return _tried(request, text, None, str(mistakes))

    def _tried(request: Request, text: str, replayed: Sequence[Replayed] | None, mistakes: str) -> Response:
        values: dict[str, Any] = {
            "text": text,
            "mistakes": mistakes,
            "counts": None if replayed is None else summary(replayed),
            "changed": [(each, comparison(each)) for each in replayed or () if each.differences()],
        }
        return templates.page("admin_try", visitor(request), version="", **values)


def _present(trial: ConfigurationTrial) -> str:
    try:
        return trial.text()
    except ActionRefused as refused:
        raise HTTPException(HTTPStatus.CONFLICT, f"{refused}.") from None


def _done(administration: Administration, fields: Mapping[str, str], asker: Asker) -> str:
    """Do what a form asks for, and return what is to be said of it."""
    target = fields.get("target", "")
    match fields.get("kind", ""):
        case "requeue":
            return administration.requeue(target, asker)
        case "complete":
            return administration.complete(target, asker)
        case "resend":
            return administration.resend(None, target or None, asker)
        case "pause":
            return administration.pause(_what(fields), target, asker)
        case "resume":
            return administration.resume(_what(fields), target, asker)
        case "test":
            return administration.test(target, asker)
        case "move":
            return administration.move(target, fields.get("to", ""), asker)
        case "drop":
            return administration.drop(target, asker)
        case "rollback":
            return administration.roll_back(_number(target), asker)
        case "reload":
            return administration.read_again(asker)
        case "release":
            changes = changes_of(line for line in fields.get("set", "").splitlines() if line.strip())
            return administration.release(_number(target), changes, asker)
        case "delete":
            return administration.delete(_number(target), asker)
        case _:
            raise HTTPException(HTTPStatus.BAD_REQUEST, "Nothing was done: it was not said what to do.")


def _what(fields: Mapping[str, str]) -> Pausable:
    what = fields.get("what", "")
    if what not in set(Pausable):
        raise HTTPException(HTTPStatus.BAD_REQUEST, "Nothing was done: it was not said what to pause.")
    return Pausable(what)


def _number(text: str) -> int:
    if not text.isdecimal() or len(text) > 12:
        raise HTTPException(HTTPStatus.BAD_REQUEST, "Nothing was done: expected a number.")
    return int(text)
