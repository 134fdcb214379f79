"""The addresses of the pages for people; what is on a page is said elsewhere."""

from __future__ import annotations

from collections.abc import Callable
from http import HTTPStatus
from typing import Annotated

from fastapi import APIRouter, BackgroundTasks, Depends, Query, Request, Response
from fastapi import Path as PathParameter
from fastapi.responses import HTMLResponse, RedirectResponse

from triaged.web.flow import Step
from triaged.web.pages import Pages
from triaged.web.view import View, view_of
from triaged.web.visitor import visitor


def _asked(
    page: Annotated[int, Query(ge=1, le=2**24)] = 1,
    show: str = "",
    order: str = "",
    modality: str = "",
    whose: str = "",
    site: str = "",
    q: str = "",
    chosen: Annotated[list[str] | None, Query(alias="class")] = None,
    state: Annotated[list[str] | None, Query()] = None,
) -> View:
    """Return the part of the list that an address asks for."""
    classes, states = chosen or [], state or []
    sent = {"show": show, "order": order, "modality": modality, "search": q, "whose": whose, "site": site}
    return view_of(**sent, classes=classes, states=states, number=page)


_AskedView = Annotated[View, Depends(_asked)]


def router(pages: Pages, open_ahead: Callable[[str], None]) -> APIRouter:
    """Return the routes of the pages; `open_ahead` gets a study ready whose page is shown."""
    routes = APIRouter(include_in_schema=False, default_response_class=HTMLResponse)

    @routes.get("/")
    def worklist(request: Request, view: _AskedView) -> Response:
        seen = pages.seen_by(visitor(request))
        return seen.worklist(seen.begun(view, asked=bool(request.query_params)))

    @routes.get("/next")
    def following(request: Request, view: _AskedView, step: Step = Step.FIRST, uid: str = "") -> Response:
        seen = pages.seen_by(visitor(request))
        asked = set(request.query_params) - {"uid", "step"}
        return RedirectResponse(seen.beside(seen.begun(view, asked=bool(asked)), uid, step), HTTPStatus.SEE_OTHER)

    @routes.get("/studies/{uid}")
    def study(request: Request, uid: str, afterwards: BackgroundTasks) -> Response:
        afterwards.add_task(open_ahead, uid)
        return pages.seen_by(visitor(request)).study(uid)

    @routes.get("/studies/{uid}/pictures/{sop_instance_uid}.png")
    def picture(uid: str, sop_instance_uid: str) -> Response:
        return pages.picture(uid, sop_instance_uid)

    @routes.get("/studies/{uid}/pictures/{sop_instance_uid}/{number}.png")
    def view(uid: str, sop_instance_uid: str, number: Annotated[int, PathParameter(ge=1)]) -> Response:
        return pages.view(uid, sop_instance_uid, number)

    @routes.get("/status")
    def status(request: Request) -> Response:
        return pages.seen_by(visitor(request)).status()

    return routes
