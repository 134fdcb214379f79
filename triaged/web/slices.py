"""The images of a study as pictures, what was found as a contour on them, and the routes that a browser scrolls with.

The last few studies stay open; what is kept in memory has a bound, and nothing of it outlives the process. Knows no
pages.
"""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from http import HTTPStatus
from typing import Any

from fastapi import APIRouter, Response
from starlette.exceptions import HTTPException

from triaged.errors import UnreadableStudy
from triaged.exams.exam import SliceList, View, Viewer, open_view
from triaged.spool.files import Spool
from triaged.store.studies.history import History
from triaged.study.kinds import ObjectKind

MOST_STUDIES = 8
MOST_BYTES = 64 * 2**20
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


class Slices:
    """Images of studies as pictures; safe to share between threads. `viewers` belong to the examinations.

    Every method raises `UnreadableStudy` where the study has no result from a series, or its files cannot be shown, and
    `IndexError` where it has no such image.
    """

    def __init__(self, history: History, spool: Spool, viewers: Sequence[Viewer], most_bytes: int = MOST_BYTES) -> None:
        self._history = history
        self._spool = spool
        self._viewers = viewers
        self._opened: OrderedDict[str, tuple[str, View]] = OrderedDict()
        self._pictures = Pictures(most_bytes)
        self._lock = threading.Lock()
        self._opening = threading.Lock()

    def described(self, study_uid: str) -> SliceList:
        """Return how many images there are and what they are."""
        return self._ready(study_uid)[1].described()

    def jpeg(self, study_uid: str, index: int) -> bytes:
        """Return one image, 0 being the first."""
        basis, view = self._ready(study_uid)
        kept = self._pictures.get((basis, index))
        if kept is None:
            kept = view.jpeg(index)
            self._pictures.keep((basis, index), kept)
        return kept

    def contour(self, study_uid: str, index: int) -> bytes | None:
        """Return the contour of what was found as a transparent PNG of the image's size; None where there is none."""
        _, view = self._ready(study_uid)
        return view.contour(index)

    def _ready(self, study_uid: str) -> tuple[str, View]:
        """Return the study, opened at the result in force: with a new result it is opened again."""
        derived = self._history.derived(study_uid)
        if not derived:
            raise UnreadableStudy("no-result", "expected a result of this study, found none yet")
        basis = derived[0].sop_instance_uid
        found = self._kept(study_uid, basis)
        if found is None:
            with self._opening:  # a second browser waits for the first instead of doing the same
                found = self._kept(study_uid, basis)
                if found is None:
                    segmentation = next((one.path for one in derived if one.kind == ObjectKind.SEG), None)
                    found = self._open(study_uid, segmentation)
                    self._keep(study_uid, basis, found)
        return basis, found

    def _kept(self, study_uid: str, basis: str) -> View | None:
        with self._lock:
            found = self._opened.get(study_uid)
            if found is None or found[0] != basis:
                return None
            self._opened.move_to_end(study_uid)
            return found[1]

    def _keep(self, study_uid: str, basis: str, view: View) -> None:
        with self._lock:
            self._opened[study_uid] = basis, view
            self._opened.move_to_end(study_uid)
            while len(self._opened) > MOST_STUDIES:
                self._opened.popitem(last=False)

    def _open(self, study_uid: str, segmentation: str | None) -> View:
        chosen = {one.series_uid for one in self._history.series_decisions(study_uid) if one.chosen}
        paths = [
            self._spool.absolute(one.path)
            for one in self._history.instances(study_uid)
            if one.series_uid.value in chosen
        ]
        if not paths:
            raise UnreadableStudy("no-result", "expected a series that was read, found none")
        found = None if segmentation is None else self._spool.absolute(segmentation)
        return open_view(self._viewers, paths, found)


class Pictures:
    """Encoded pictures up to a number of bytes; the one that was not asked for longest goes first."""

    def __init__(self, most_bytes: int) -> None:
        self._most_bytes = most_bytes
        self._kept: OrderedDict[tuple[str, int], bytes] = OrderedDict()
        self._lock = threading.Lock()
        self.size_bytes = 0

    def get(self, key: tuple[str, int]) -> bytes | None:
        """Return a picture that is still kept."""
        with self._lock:
            found = self._kept.get(key)
            if found is not None:
                self._kept.move_to_end(key)
            return found

    def keep(self, key: tuple[str, int], picture: bytes) -> None:
        """Keep a picture, and let others go where there is no room."""
        with self._lock:
            self.size_bytes += len(picture) - len(self._kept.pop(key, b""))
            self._kept[key] = picture
            while self.size_bytes > self._most_bytes:
                self.size_bytes -= len(self._kept.popitem(last=False)[1])


@contextmanager
def _or_not_found() -> Iterator[None]:
    try:
        yield
    except UnreadableStudy as error:
        raise HTTPException(HTTPStatus.NOT_FOUND, error.detail) from None
    except IndexError:
        raise HTTPException(HTTPStatus.NOT_FOUND, "this study has no such slice") from None
