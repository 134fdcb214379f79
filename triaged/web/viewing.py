"""The routes that a browser scrolls through a study with; thin over the slices."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from http import HTTPStatus
from typing import Any

from fastapi import APIRouter, Response
from starlette.exceptions import HTTPException

from triaged.errors import UnreadableStudy
from triaged.exams.exam import SliceList
from triaged.web.slices import Slices

_Answers = dict[int | str, dict[str, Any]]
_PICTURE: _Answers = {200: {"content": {"image/jpeg": {}}}, 404: {"description": "There is no such slice."}}
_CONTOUR: _Answers = {200: {"content": {"image/png": {}}}, 204: {"description": "This slice shows no lesion."}}


def router(slices: Slices) -> APIRouter:
    """Return the routes under `/api/studies/{study_instance_uid}/slices`; slice 0 is the nearest to the head."""
    routes = APIRouter(prefix="/api/studies/{study_instance_uid}/slices", tags=["slices"])

    @routes.get("", summary="The axial slices that were read, from head to feet")
    def listed(study_instance_uid: str) -> SliceList:
        with _or_not_found():
            return slices.described(study_instance_uid)

    @routes.get("/{index}.jpg", summary="One slice in the lung window", response_class=Response, responses=_PICTURE)
    def picture(study_instance_uid: str, index: int) -> Response:
        with _or_not_found():
            return Response(slices.jpeg(study_instance_uid, index), media_type="image/jpeg")

    @routes.get(
        "/{index}/contour.png",
        summary="The contour of the lesion on one slice, transparent elsewhere",
        response_class=Response,
        responses=_CONTOUR,
    )
    def contour(study_instance_uid: str, index: int) -> Response:
        with _or_not_found():
            drawn = slices.contour(study_instance_uid, index)
        if drawn is None:
            return Response(status_code=HTTPStatus.NO_CONTENT)
        return Response(drawn, media_type="image/png")

    return routes


@contextmanager
def _or_not_found() -> Iterator[None]:
    try:
        yield
    except UnreadableStudy as error:
        raise HTTPException(HTTPStatus.NOT_FOUND, error.detail) from None
    except IndexError:
        raise HTTPException(HTTPStatus.NOT_FOUND, "this study has no such slice") from None
