"""The worklist for programs; knows no pages."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from http import HTTPStatus
from types import MappingProxyType
from typing import Annotated

from fastapi import APIRouter, Query, Request, Response
from fastapi.responses import StreamingResponse
from starlette.exceptions import HTTPException
from typing_extensions import TypedDict

from triaged.store.listing.worklist import Part, Worklist
from triaged.store.studies.second_results import SecondResults
from triaged.study.modalities import ShownModality
from triaged.study.ranking import TriageClass
from triaged.web.entries import WorklistItem, as_json
from triaged.web.identity import address_of
from triaged.web.news import EVENTS, News
from triaged.web.overview import Overview
from triaged.web.seconds import SecondItem, as_second_items
from triaged.web.site_lists import asked_site, site_choices
from triaged.web.visitor import visitor

MOST_ROWS = 1000


class Version(TypedDict):
    """A token that changes whenever the list does."""

    version: str


def router(
    worklist: Worklist,
    seconds: SecondResults,
    news: News,
    *,
    count: Callable[[], Overview],
    sites: Mapping[str, str] = MappingProxyType({}),
) -> APIRouter:
    """Return the routes under `/api`, and `/events`; `sites` has titles by names."""
    routes = APIRouter(tags=["worklist"])

    _add_list(routes, worklist, sites)

    @routes.get("/api/studies/{study_instance_uid}/second-results", summary="What second engines found in one study")
    def found_second(study_instance_uid: str) -> list[SecondItem]:
        return as_second_items(seconds.of_study(study_instance_uid))

    @routes.get("/api/version", summary="Whether the worklist has changed")
    def version() -> Version:
        return {"version": worklist.version()}

    @routes.get(
        EVENTS,
        summary="Whether the worklist has changed, told at once",
        response_class=StreamingResponse,
        responses={200: {"content": {"text/event-stream": {}}}, 503: {"description": "Too many listen already."}},
    )
    async def events(request: Request) -> Response:
        address = address_of(request)
        if news.is_full(address):
            raise HTTPException(HTTPStatus.SERVICE_UNAVAILABLE, "too many pages are open: ask /api/version instead")
        return StreamingResponse(news.stream(address), media_type="text/event-stream")

    @routes.get("/api/status", summary="How many studies and deliveries stand where")
    def status() -> Overview:
        return count()

    return routes


def _add_list(routes: APIRouter, worklist: Worklist, sites: Mapping[str, str]) -> None:
    @routes.get("/api/worklist", summary="The worklist in reading order")
    def listed(
        request: Request,
        response: Response,
        limit: Annotated[int, Query(ge=1, le=MOST_ROWS)] = MOST_ROWS,
        offset: Annotated[int, Query(ge=0, le=2**31)] = 0,
        modality: ShownModality = ShownModality.ALL,
        classes: Annotated[list[TriageClass] | None, Query(alias="class")] = None,
        site: str = "",
    ) -> list[WorklistItem]:
        who = visitor(request).sites
        seen = worklist.within(who)
        try:
            asked = asked_site(site, site_choices(sites, who))
        except ValueError as error:
            raise HTTPException(HTTPStatus.BAD_REQUEST, str(error)) from None
        part = Part(modality=modality, classes=frozenset(classes or ()), sites=asked)
        total = seen.total(part)
        response.headers["X-Total-Count"] = str(total)
        response.headers["X-Left-Out-Count"] = str(seen.total() - total)
        return [as_json(entry) for entry in seen.entries(limit, offset, part)]

    @routes.get("/api/worklist/{study_instance_uid}", summary="One study of the worklist")
    def one(request: Request, study_instance_uid: str) -> WorklistItem:
        entry = worklist.within(visitor(request).sites).entry(study_instance_uid)
        if entry is None:
            raise HTTPException(HTTPStatus.NOT_FOUND, "no study with this Study Instance UID is on the worklist")
        return as_json(entry)
