"""Turns a Secondary Capture instance of ours into a picture that a browser shows; knows no store and no pages."""

from __future__ import annotations

import io
from dataclasses import dataclass
from pathlib import Path

from PIL import Image
from pydicom import dcmread
from pydicom.errors import InvalidDicomError
from pydicom.pixels.utils import pixel_array

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
