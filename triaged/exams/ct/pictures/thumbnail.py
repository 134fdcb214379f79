"""The coronal view of a result as a small picture for a row of the list; no text, no DICOM."""

from __future__ import annotations

import io
from typing import Final

import numpy as np
from PIL import Image

from triaged.exams.ct.options import Palette
from triaged.exams.ct.pictures.colour import covered, plain
from triaged.exams.ct.pictures.coronal import decode_coronal
from triaged.exams.ct.pictures.display import smooth_share

HEIGHT: Final = 96
"""Rows of the picture: three for each that a row of the list has, for screens of a high density."""


def thumbnail(view: bytes) -> bytes:
    """Return the view that `encode_coronal` wrote as PNG, local severity in colour; `ValueError` where it is none."""
    coronal = decode_coronal(view)
    pixel_mm = coronal.attenuation.shape[0] * coronal.spacing_mm[0] / HEIGHT
    share = np.nan_to_num(smooth_share(coronal, pixel_mm), nan=0.0)
    png = io.BytesIO()
    Image.fromarray(covered(plain(coronal, pixel_mm), share, Palette.GREEN_RED)).save(png, "PNG", optimize=True)
    return png.getvalue()
