"""Cuts square windows out of pictures, resampled for networks, and puts answers back; knows no network and no lung.

Pictures are (row, column). Training sees the same squares.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from PIL import Image as Pillow

Picture = NDArray[np.float32]

_DARKEST, _BRIGHTEST = 1.0, 99.0
"""Percentiles of the exposed field that become 0 and 1: markers and metal decide nothing."""


@dataclass(frozen=True, slots=True)
class Square:
    """A square of pixels of a picture: its first row and column, which may lie outside, and its side."""

    row: int
    column: int
    side: int

    @staticmethod
    def around(box: tuple[int, int, int, int], margin: float = 0.0) -> Square:
        """Return the square with the middle of a box (top, left, bottom, right), wider by a share of its side."""
        top, left, bottom, right = box
        side = round(max(bottom - top, right - left) * (1 + 2 * margin))
        return Square((top + bottom - side) // 2, (left + right - side) // 2, side)

    @staticmethod
    def of(shape: tuple[int, ...]) -> Square:
        """Return the square around a whole picture."""
        return Square.around((0, 0, shape[0], shape[1]))

    def cut(self, picture: Picture, side: int) -> Picture:
        """Return what the square shows, in `side` rows and columns; 0 outside the picture."""
        inside, outside = self._overlap(picture.shape)
        whole = np.zeros((self.side, self.side), dtype=np.float32)
        whole[inside] = picture[outside]
        return resampled(whole, (side, side))

    def put(self, answer: Picture, shape: tuple[int, ...]) -> Picture:
        """Return a picture of `shape` that shows the answer where the square lies, and 0 elsewhere."""
        whole = resampled(answer, (self.side, self.side))
        picture = np.zeros(shape, dtype=np.float32)
        inside, outside = self._overlap(shape)
        picture[outside] = whole[inside]
        return picture

    def _overlap(self, shape: tuple[int, ...]) -> tuple[tuple[slice, slice], tuple[slice, slice]]:
        inside, outside = [], []
        for start, size in zip((self.row, self.column), shape, strict=True):
            low, high = max(0, start), max(0, start, min(size, start + self.side))
            outside.append(slice(low, high))
            inside.append(slice(low - start, high - start))
        return (inside[0], inside[1]), (outside[0], outside[1])


def resampled(picture: Picture, shape: tuple[int, int]) -> Picture:
    """Return a picture with other numbers of rows and columns: linear, and averaged where it shrinks."""
    if picture.shape == shape:
        return picture.astype(np.float32)
    rows, columns = shape
    image = Pillow.fromarray(np.ascontiguousarray(picture, dtype=np.float32))
    return np.asarray(image.resize((columns, rows), Pillow.Resampling.BILINEAR), dtype=np.float32)


def normalised(grey: Picture, field: NDArray[np.bool_]) -> Picture:
    """Return greys so that the exposed field fills [0, 1]; 0 outside it, everywhere where it shows one grey only."""
    seen = grey[field]
    if not seen.size:
        return np.zeros_like(grey)
    low, high = np.percentile(seen, (_DARKEST, _BRIGHTEST))
    if not high > low:
        return np.zeros_like(grey)
    scaled = np.clip((grey - low) / (high - low), 0, 1)
    return np.where(field, scaled, 0).astype(np.float32)
