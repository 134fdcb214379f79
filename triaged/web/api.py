"""The worklist for programs; knows no pages."""

from __future__ import annotations

from collections.abc import Callable
from http import HTTPStatus
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

MOST_ROWS = 1000


class Version(TypedDict):
    """A token that changes whenever the list does."""

    version: str


def router(worklist: Worklist, seconds: SecondResults, news: News, *, count: Callable[[], Overview]) -> APIRouter:
    """Return the routes under `/api`, and `/events`."""
    routes = APIRouter(tags=["worklist"])

    @routes.get("/api/worklist", summary="The worklist in reading order")
    def listed(
        response: Response,
        limit: Annotated[int, Query(ge=1, le=MOST_ROWS)] = MOST_ROWS,
        offset: Annotated[int, Query(ge=0, le=2**31)] = 0,
        modality: ShownModality = ShownModality.ALL,
        classes: Annotated[list[TriageClass] | None, Query(alias="class")] = None,
    ) -> list[WorklistItem]:
        part = Part(modality=modality, classes=frozenset(classes or ()))
        total = worklist.total(part)
        response.headers["X-Total-Count"] = str(total)
        response.headers["X-Left-Out-Count"] = str(worklist.total() - total)
        return [as_json(entry) for entry in worklist.entries(limit, offset, part)]

    @routes.get("/api/worklist/{study_instance_uid}", summary="One study of the worklist")
    def one(study_instance_uid: str) -> WorklistItem:
        entry = worklist.entry(study_instance_uid)
        if entry is None:
            raise HTTPException(HTTPStatus.NOT_FOUND, "no study with this Study Instance UID is on the worklist")
        return as_json(entry)

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
