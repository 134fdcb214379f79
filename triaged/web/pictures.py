"""Turns a Secondary Capture instance of ours into a picture that a browser shows; knows no store and no pages."""

from __future__ import annotations

import io
from collections.abc import Sequence
from dataclasses import dataclass
from http import HTTPStatus
from pathlib import Path

from fastapi import Response
from PIL import Image
from pydicom import dcmread
from pydicom.errors import InvalidDicomError
from pydicom.pixels.utils import pixel_array
from starlette.exceptions import HTTPException

from triaged.spool.files import Spool
from triaged.study.kinds import ObjectKind
from triaged.study.records import DerivedObject

_SHOWN = ["ImageComments", "Rows", "Columns"]


@dataclass(frozen=True, slots=True)
class Picture:
    """What a page says of a picture before it is loaded; the size is in pixels."""

    caption: str
    width: int
    height: int


def described(path: Path) -> Picture | None:
    """Return caption and size of a picture without reading its pixels; None where the file is gone or damaged."""
    try:
        header = dcmread(path, stop_before_pixels=True, specific_tags=list(_SHOWN))
    except (OSError, InvalidDicomError):
        return None
    if not header.get("Rows") or not header.get("Columns"):
        return None
    # The comment is the notice that every page carries, then the page's title.
    _, _, title = str(header.get("ImageComments", "")).partition(". ")
    return Picture(title.strip(" .") or "Result picture", int(header.Columns), int(header.Rows))


@dataclass(frozen=True, slots=True)
class Turning:
    """Views that turn, as frames of one instance; `count` of them make a whole turn."""

    uid: str
    count: int
    width: int
    height: int


def turning(sop_instance_uid: str, path: Path) -> Turning | None:
    """Return how many views an instance has, and their size; None where the file is gone or damaged."""
    try:
        header = dcmread(path, stop_before_pixels=True, specific_tags=["NumberOfFrames", "Rows", "Columns"])
        return Turning(sop_instance_uid, int(header.NumberOfFrames), int(header.Columns), int(header.Rows))
    except (OSError, InvalidDicomError, AttributeError):
        return None


def as_png(path: Path, frame: int = 1) -> bytes:
    """Return the RGB or 8-bit grey pixels of an instance, or of one of its frames, as PNG."""
    png = io.BytesIO()
    Image.fromarray(pixel_array(path, index=frame - 1)).save(png, "PNG", compress_level=1)
    return png.getvalue()


def picture_of(derived: Sequence[DerivedObject], sop_instance_uid: str, spool: Spool) -> Response:
    """Return a picture among the objects of a study as PNG; `HTTPException` where none of them is it."""
    for item in derived:
        path = spool.absolute(item.path)
        if item.sop_instance_uid == sop_instance_uid and item.kind.is_picture and described(path):
            return Response(as_png(path), media_type="image/png")
    raise HTTPException(HTTPStatus.NOT_FOUND, "this study has no such picture")


def turned_view(derived: Sequence[DerivedObject], sop_instance_uid: str, number: int, spool: Spool) -> Response:
    """Return one of the views that turn among the objects of a study, from 1, as PNG; `HTTPException` as above."""
    for item in derived:
        if item.sop_instance_uid == sop_instance_uid and item.kind == ObjectKind.TURNING:
            path = spool.absolute(item.path)
            found = turning(sop_instance_uid, path)
            if found is not None and number <= found.count:
                return Response(as_png(path, number), media_type="image/png")
    raise HTTPException(HTTPStatus.NOT_FOUND, "this study has no such view")
