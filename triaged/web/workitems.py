"""The worklist for DICOMweb: search for and retrieve Unified Procedure Steps (UPS-RS, PS3.18 sections 11.5 and 11.9).

The same steps in the same order as C-FIND returns; nothing is changed through it. Knows no store.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from http import HTTPStatus
from itertools import chain, islice
from typing import Any, Final

from fastapi import APIRouter, Request, Response
from fastapi.responses import StreamingResponse
from pydicom import Dataset
from starlette.exceptions import HTTPException

from triaged.dicom.matching import Query, query_of
from triaged.dicom.quiet import without_warnings
from triaged.dicom.workitem import KNOWN
from triaged.steps.worklist_query import WorklistQuery
from triaged.web.parameters import add_key, demand_few, number, tags_of
from triaged.web.visitor import visitor

MEDIA_TYPE: Final = "application/dicom+json"
_ACCEPTED = frozenset({MEDIA_TYPE, "application/json", "application/*", "*/*"})
_STEPS: dict[int | str, dict[str, Any]] = {
    200: {"content": {MEDIA_TYPE: {}}},
    406: {"description": f"Only {MEDIA_TYPE} can be had."},
}


def router(steps: WorklistQuery) -> APIRouter:
    """Return the routes under `/api/workitems`."""
    routes = APIRouter(prefix="/api/workitems", tags=["UPS-RS"], default_response_class=Response)

    @routes.get("", summary="The worklist as Unified Procedure Steps, in reading order", responses={**_STEPS, 204: {}})
    def search(request: Request) -> Response:
        _demand_json(request)
        parameters = request.query_params.multi_items()
        query, first, last = _query(parameters), number(parameters, "offset"), number(parameters, "limit")
        found = islice(
            steps.within(visitor(request).sites).search(query),
            first or 0,
            None if last is None else (first or 0) + last,
        )
        headers = _warnings(query, parameters)
        begun = next(found, None)
        if begun is None:
            return Response(status_code=HTTPStatus.NO_CONTENT, headers=headers)
        return StreamingResponse(_array(chain([begun], found)), media_type=MEDIA_TYPE, headers=headers)

    @routes.get("/{sop_instance_uid}", summary="One Unified Procedure Step", responses={**_STEPS, 404: {}})
    def retrieve(request: Request, sop_instance_uid: str) -> Response:
        _demand_json(request)
        step = steps.within(visitor(request).sites).retrieve(sop_instance_uid)
        if step is None:
            raise HTTPException(HTTPStatus.NOT_FOUND, "no step with this SOP Instance UID is on the worklist")
        return Response("".join(_array([step])), media_type=MEDIA_TYPE)

    return routes


def _demand_json(request: Request) -> None:
    accepted = {kind.partition(";")[0].strip().lower() for kind in request.headers.get("Accept", "*/*").split(",")}
    if not accepted & _ACCEPTED:
        raise HTTPException(HTTPStatus.NOT_ACCEPTABLE, f"only {MEDIA_TYPE} can be had")


def _array(steps: Iterable[Dataset]) -> Iterator[str]:
    """Return a JSON array piece by piece; if it cannot be ended, it is none, and never a shorter list."""
    before = "["
    for step in steps:
        yield before + json.dumps(step.to_json_dict())
        before = ","
    yield "]"


@without_warnings()
def _query(parameters: list[tuple[str, str]]) -> Query:
    """Return what is asked for; every attribute is returned, so that `includefield` has only to name attributes."""
    demand_few(parameters)
    identifier = Dataset()
    try:
        for name, value in parameters:
            match name:
                case "limit" | "offset" | "fuzzymatching":
                    continue
                case "includefield":
                    for field in value.split(","):
                        if field != "all":
                            tags_of(field)
                case _:
                    add_key(identifier, tags_of(name), value)
        return query_of(identifier)
    except ValueError as error:
        raise HTTPException(HTTPStatus.BAD_REQUEST, str(error)) from None


def _warnings(query: Query, parameters: list[tuple[str, str]]) -> dict[str, str]:
    """Return headers that say what was asked for in vain (PS3.18 section 8.3.4.2)."""
    in_vain = query != query.known(KNOWN) or ("fuzzymatching", "true") in parameters
    return {"Warning": '299 triaged "Some query parameters are not supported and were ignored"'} if in_vain else {}
