"""An X-ray as a small picture for a row of the list, with what is affected in colour; no text, no DICOM."""

from __future__ import annotations

import io
from typing import Final

import numpy as np
from PIL import Image

from triaged.exams.xray.pictures.kept import decode_xray
from triaged.exams.xray.pictures.overlay import AFFECTED, fitted_grey

ROOM: Final = (140, 96)
"""Columns and rows at most: three for each that a row of the list has, for screens of a high density."""
_COVER: Final = 0.4
"""How much of the grey the colour covers: more than on a page, where a line says it as well."""


def thumbnail(view: bytes) -> bytes:
    """Return the X-ray that `encode_xray` wrote as PNG, upright; `ValueError` where it is none."""
    kept = decode_xray(view)
    grey = fitted_grey(kept.grey, kept.spacing_mm, ROOM)
    affected = Image.fromarray(kept.affected.astype(np.float32)).resize(grey.shape[1::-1], Image.Resampling.BILINEAR)
    cover = _COVER * np.asarray(affected)[..., None]
    png = io.BytesIO()
    coloured = np.round(grey * (1.0 - cover) + np.array(AFFECTED) * cover)
    Image.fromarray(coloured.astype(np.uint8)).save(png, "PNG", optimize=True)
    return png.getvalue()
