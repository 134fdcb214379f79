"""Reads pictures of radiographs, as collections publish them, into light; knows no DICOM."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image


def grey_of(path: Path, least_side: int = 1) -> NDArray[np.float32]:
    """Return light in [0, 1] (row, column) of a PNG or JPEG of 8 or 16 bits.

    One whose shorter side has fewer pixels than `least_side` is enlarged to that.
    """
    with Image.open(path) as picture:
        deep = picture.mode.startswith("I")
        values = np.asarray(picture if deep else picture.convert("L"), np.float32) / (65535.0 if deep else 255.0)
    scale = least_side / min(values.shape)
    if scale <= 1.0:
        return values
    rows, columns = (max(least_side, round(side * scale)) for side in values.shape)
    enlarged = Image.fromarray(values).resize((columns, rows), Image.Resampling.BICUBIC)
    return np.clip(np.asarray(enlarged, np.float32), 0.0, 1.0)
