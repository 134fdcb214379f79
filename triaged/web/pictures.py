"""Turns a Secondary Capture instance of ours into a picture that a browser shows; knows no store and no pages."""

from __future__ import annotations

import io
from dataclasses import dataclass
from pathlib import Path

from PIL import Image
from pydicom import dcmread
from pydicom.errors import InvalidDicomError

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


def as_png(path: Path) -> bytes:
    """Return the RGB or 8-bit grey pixels of a single-frame instance as PNG."""
    dataset = dcmread(path)
    png = io.BytesIO()
    Image.fromarray(dataset.pixel_array).save(png, "PNG")
    return png.getvalue()
