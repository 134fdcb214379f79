"""The images of a study as pictures and as tiles of 16 bits, what was found on them, and the routes for a browser.

The last few studies stay open; what is kept in memory has a bound, and nothing of it outlives the process. A study that
was not scored is shown by its largest series that can be. Knows no pages.
"""

from __future__ import annotations

import gzip
import threading
from collections import OrderedDict
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from http import HTTPStatus
from pathlib import Path
from typing import Any

from fastapi import APIRouter, BackgroundTasks, Request, Response
from starlette.exceptions import HTTPException

from triaged.errors import TryLater, UnreadableStudy
from triaged.exams.exam import SliceList, View, Viewer, open_view
from triaged.spool.files import Spool
from triaged.store.studies.history import History
from triaged.study.kinds import ObjectKind
from triaged.web.recent import Recent

MOST_STUDIES = 6
MOST_BYTES = 128 * 2**20
MOST_HELD_BYTES = 256 * 2**20
_BASE = "/api/studies/{study_instance_uid}/slices"
_FAST = 1
_Key = tuple[str, str, int]
_Answers = dict[int | str, dict[str, Any]]
_PICTURE: _Answers = {200: {"content": {"image/jpeg": {}}}, 404: {"description": "There is no such slice."}}
_TILE: _Answers = {200: {"content": {"application/octet-stream": {}}}, 404: {"description": "There is no such slice."}}
_CONTOUR: _Answers = {200: {"content": {"image/png": {}}}, 204: {"description": "This slice shows no lesion."}}


def _nothing(_study_uid: str) -> None:
    """Get nothing ready."""


def router(slices: Slices, begun: Callable[[str], None] = _nothing) -> APIRouter:
    """Return the routes under `/api/studies/{study_instance_uid}/slices`; slice 0 is the nearest to the head.

    `begun` is called after the first slice of a study has left, which is when somebody begins to look at it.
    """
    routes = APIRouter(prefix=_BASE, tags=["slices"])
    _add_tiles(routes, slices, begun)

    @routes.get("", summary="The axial slices that were read, from head to feet; of an unread study those of a series")
    def listed(study_instance_uid: str) -> ShownSlices:
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


def _add_tiles(routes: APIRouter, slices: Slices, begun: Callable[[str], None]) -> None:
    @routes.get(
        "/first/tile",
        summary="The slice that is shown first, as a tile; `Content-Location` says which one it is",
        response_class=Response,
        responses=_TILE,
    )
    def first(request: Request, study_instance_uid: str, afterwards: BackgroundTasks) -> Response:
        with _or_not_found():
            index, packed = slices.first_tile(study_instance_uid)
        afterwards.add_task(begun, study_instance_uid)
        answer = _tile_of(request, packed)
        answer.headers["Content-Location"] = f"{request.url.path.removesuffix('/first/tile')}/{index}/tile"
        return answer

    @routes.get(
        "/{index}/tile",
        summary="One slice as little-endian int16 (HU; greys of an X-ray), row by row, then a byte of labels per pixel",
        description="Bit n of a label is the n-th of `regions`; there are no labels where that is empty.",
        response_class=Response,
        responses=_TILE,
    )
    def tile(request: Request, study_instance_uid: str, index: int) -> Response:
        with _or_not_found():
            packed = slices.tile(study_instance_uid, index)
        return _tile_of(request, packed)

    @routes.get(
        "/{index}/parts/{row}/{column}",
        summary="A square part of an image that has more pixels than its tile, one byte of grey for each, row by row",
        description="`whole` of the list says how many pixels the image has, and the side of a part.",
        response_class=Response,
        responses=_TILE,
    )
    def part(request: Request, study_instance_uid: str, index: int, row: int, column: int) -> Response:
        with _or_not_found():
            packed = slices.part(study_instance_uid, index, row, column)
        return _tile_of(request, packed)


class ShownSlices(SliceList):
    """The slices, the index of the `first` to show, and which `result` they were opened at.

    The first is the one with most lesion, else the one in the middle. With another result, regions and slices may be
    others.
    """

    first: int
    result: str


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
        self._pictures: Recent[_Key, bytes] = Recent(most_bytes, len)
        self._lock = threading.Lock()
        self._opening = threading.Lock()

    def described(self, study_uid: str) -> ShownSlices:
        """Return how many images there are and what they are."""
        basis, view = self._ready(study_uid)
        described = view.described()
        return {**described, "first": _first(described), "result": basis}

    def open_ahead(self, study_uid: str) -> None:
        """Have the first slice ready of a study that will be looked at.

        What cannot be opened is told to who looks at it.
        """
        with suppress(UnreadableStudy, TryLater):
            self.first_tile(study_uid)

    def first_tile(self, study_uid: str) -> tuple[int, bytes]:
        """Return which image is shown first, and its tile as `tile` does."""
        basis, view = self._ready(study_uid)
        index = _first(view.described())
        return index, self._tile(basis, view, index)

    def jpeg(self, study_uid: str, index: int) -> bytes:
        """Return one image, 0 being the first."""
        basis, view = self._ready(study_uid)
        return self._made((basis, "jpeg", index), lambda: view.jpeg(index))

    def tile(self, study_uid: str, index: int) -> bytes:
        """Return the values and labels of one image, compressed with gzip."""
        return self._tile(*self._ready(study_uid), index)

    def part(self, study_uid: str, index: int, row: int, column: int) -> bytes:
        """Return a square part of an image as it was sent, a byte of grey for each pixel, compressed with gzip."""
        _, view = self._ready(study_uid)
        return gzip.compress(view.part(index, row, column), _FAST, mtime=0)

    def contour(self, study_uid: str, index: int) -> bytes | None:
        """Return the contour of what was found as a transparent PNG of the image's size; None where there is none."""
        _, view = self._ready(study_uid)
        return view.contour(index)

    def _tile(self, basis: str, view: View, index: int) -> bytes:
        return self._made((basis, "tile", index), lambda: gzip.compress(view.tile(index), _FAST, mtime=0))

    def _made(self, key: _Key, make: Callable[[], bytes]) -> bytes:
        kept = self._pictures.get(key)
        if kept is None:
            kept = make()
            self._pictures.keep(key, kept)
        return kept

    def _ready(self, study_uid: str) -> tuple[str, View]:
        """Return the study, opened at the current result, or at the images that came of an unread one."""
        derived = self._history.derived(study_uid)
        basis = derived[0].sop_instance_uid if derived else f"{self._history.instance_count(study_uid)} instances"
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
            while len(self._opened) > 1 and self._is_too_much():
                self._opened.popitem(last=False)

    def _is_too_much(self) -> bool:
        held = sum(view.held_bytes for _, view in self._opened.values())
        return len(self._opened) > MOST_STUDIES or held > MOST_HELD_BYTES

    def _open(self, study_uid: str, segmentation: str | None) -> View:
        """Open the series that was read; without one the first that can be shown, the largest before others."""
        gone = next((each for each in self._history.removed(study_uid) if each.kept == "images"), None)
        if gone is not None:
            words = f"its images were deleted here on {gone.at:%Y-%m-%d} ({gone.why}); the archive has them"
            raise UnreadableStudy("images-deleted", words)
        chosen = {one.series_uid for one in self._history.series_decisions(study_uid) if one.chosen}
        shown = [one for one in self._history.instances(study_uid) if not chosen or one.series_uid.value in chosen]
        series: dict[str, list[Path]] = {}
        for one, path in zip(shown, self._spool.paths([one.path for one in shown]), strict=True):
            series.setdefault(one.series_uid.value, []).append(path)
        if not series:
            raise UnreadableStudy("no-result", "expected slices of this study, found no image")
        found = None if segmentation is None or not chosen else self._spool.absolute(segmentation)
        refusals = []
        for paths in sorted(series.values(), key=len, reverse=True):
            try:
                return open_view(self._viewers, paths, found)
            except UnreadableStudy as refusal:
                refusals.append(refusal)
        raise refusals[0]


def _first(described: SliceList) -> int:
    lesions = [each["lesion"] for each in described["slices"]]
    most = max(lesions, default=0)
    return lesions.index(most) if most else len(lesions) // 2


def _tile_of(request: Request, packed: bytes) -> Response:
    if "gzip" in request.headers.get("accept-encoding", ""):
        return Response(packed, media_type="application/octet-stream", headers={"Content-Encoding": "gzip"})
    return Response(gzip.decompress(packed), media_type="application/octet-stream")


@contextmanager
def _or_not_found() -> Iterator[None]:
    try:
        yield
    except UnreadableStudy as error:
        raise HTTPException(HTTPStatus.NOT_FOUND, error.detail) from None
    except IndexError:
        raise HTTPException(HTTPStatus.NOT_FOUND, "this study has no such slice") from None
