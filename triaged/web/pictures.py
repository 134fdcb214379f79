"""Turns a Secondary Capture instance of ours into a picture that a browser shows; knows no store and no pages."""

from __future__ import annotations

import io
from pathlib import Path

from PIL import Image
from pydicom import dcmread


def as_png(path: Path) -> bytes:
    """Return the RGB or 8-bit grey pixels of a single-frame instance as PNG."""
    dataset = dcmread(path)
    png = io.BytesIO()
    Image.fromarray(dataset.pixel_array).save(png, "PNG")
    return png.getvalue()
