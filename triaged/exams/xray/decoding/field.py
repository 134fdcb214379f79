"""Which part of a radiograph was exposed: padding, shutters that the header names, and borders that can be seen.

Knows no files. A shutter or padding that would leave next to nothing is taken for a mistake and passed over.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw
from pydicom import Dataset
from scipy import ndimage

from triaged.dicom.attributes import attribute, integer, numbers, text
from triaged.exams.xray.decoding.light import Codes, blocks

LEAST_LEFT: Final = 0.1
"""The share of an image that a shutter leaves at least."""
_SAMPLES = 256
_SAME, _WHITE = 1e-4, 0.98
_BAR_SHARE = 0.97
"""Of a line of a border: letters may stand in it."""
_DEEPEST = 0.4
_BAR_LINES = 0.9

Mask = NDArray[np.bool_]


def padding_codes(header: Dataset, allocated: int) -> Mask:
    """Return which codes mean that nothing was measured (Pixel Padding Value and its range limit)."""
    codes = np.arange(2**allocated)
    value = integer(attribute(header, "PixelPaddingValue"))
    if value is None:
        return np.zeros(codes.size, np.bool_)
    limit = integer(attribute(header, "PixelPaddingRangeLimit"))
    is_signed = integer(attribute(header, "PixelRepresentation")) == 1
    ends = [_wrapped(end, allocated, is_signed=is_signed) for end in (value, value if limit is None else limit)]
    stored = np.where(is_signed & (codes >= codes.size // 2), codes - codes.size, codes)
    return np.asarray((stored >= min(ends)) & (stored <= max(ends)))


def padding(codes: Codes, means_nothing: Mask) -> Mask | None:
    """Return the padding: pixels of its codes that are joined to the edge of the image; None where there is none.

    A dark spot within the patient may have the same value.
    """
    if not means_nothing.any():
        return None
    padded = np.empty(codes.shape, np.bool_)
    for rows in blocks(codes.shape):
        padded[rows] = means_nothing[codes[rows]]
    if not padded.any() or padded.mean() > 1.0 - LEAST_LEFT:
        return None
    parts, _ = ndimage.label(padded)
    edges = np.unique(np.concatenate([parts[0], parts[-1], parts[:, 0], parts[:, -1]]))
    kept = np.zeros(int(parts.max()) + 1, np.bool_)
    kept[edges] = True
    kept[0] = False
    return np.asarray(kept[parts]) if kept.any() else None


def shutters(header: Dataset, shape: tuple[int, int]) -> Mask | None:
    """Return the pixels inside the Display Shutter and the Collimator of a header; None where neither leaves out any.

    Rows and columns count from 1 (PS3.3 C.7.6.11 and C.8.7.3); the edges belong to what is left.
    """
    inside: Mask | None = None
    for kind in ("Shutter", "Collimator"):
        for form in _forms(header, kind):
            mask = _opening(header, kind, form, shape)
            if mask is not None and LEAST_LEFT <= mask.mean() < 1.0:
                inside = mask if inside is None else inside & mask
    return inside if inside is None or inside.mean() >= LEAST_LEFT else None


def borders(picture: NDArray[np.float32], inside: Mask | None) -> tuple[slice, slice]:
    """Return rows and columns without the bars at the edges: of one value, or white as where no rays came.

    `picture` is light in [0, 1]. Only what is `inside` is looked at. Bars that lie at an angle are not found.
    """
    step = max(1, min(picture.shape) // _SAMPLES)
    sample = picture[::step, ::step].astype(np.float64)
    if inside is not None:
        sample[~inside[::step, ::step]] = np.nan
    top, bottom, left, right = 0, sample.shape[0], 0, sample.shape[1]
    for _ in range(2):
        within = sample[:, left:right]
        top, bottom = _bars(within), sample.shape[0] - _bars(within[::-1])
        across = sample[top:bottom].T
        left, right = _bars(across), sample.shape[1] - _bars(across[::-1])
    return _full(top, bottom, step, sample.shape[0]), _full(left, right, step, sample.shape[1])


def _full(begin: int, end: int, step: int, samples: int) -> slice:
    """Return a range of samples as one of lines."""
    return slice(begin * step, None if end == samples else (end - 1) * step + 1)


def _bars(lines: NDArray[np.float64]) -> int:
    """Return how many lines from the first on are a bar."""
    deepest = int(len(lines) * _DEEPEST)
    is_bar = np.array([_is_bar(line) for line in lines[:deepest]], np.bool_)
    shares = np.cumsum(is_bar) / np.arange(1, deepest + 1)
    ends = np.flatnonzero(is_bar & (shares >= _BAR_LINES))
    return int(ends[-1]) + 1 if ends.size else 0


def _is_bar(line: NDArray[np.float64]) -> bool:
    known = line[~np.isnan(line)]
    if not known.size:
        return True
    same = np.abs(known - np.median(known)) <= _SAME
    return bool(same.mean() >= _BAR_SHARE or (known >= _WHITE).mean() >= _BAR_SHARE)


def _wrapped(value: int, allocated: int, *, is_signed: bool) -> int:
    """Return a number as the pixels have it: some writers give a negative one as unsigned, and the reverse."""
    code = value % (1 << allocated)
    return code - (1 << allocated) if is_signed and code >= 1 << (allocated - 1) else code


def _forms(header: Dataset, kind: str) -> Sequence[str]:
    said = attribute(header, f"{kind}Shape")
    values = [said] if isinstance(said, str) else list(said) if isinstance(said, Sequence) else []
    return [text(value) or "" for value in values]


def _opening(header: Dataset, kind: str, form: str, shape: tuple[int, int]) -> Mask | None:
    """Return what a shutter of one form leaves open; None where its numbers are not there."""
    match form:
        case "RECTANGULAR":
            edges = [
                integer(attribute(header, f"{kind}{side}Edge"))
                for side in ("UpperHorizontal", "LowerHorizontal", "LeftVertical", "RightVertical")
            ]
            known = [edge for edge in edges if edge is not None]
            return _rectangle(shape, known) if len(known) == 4 else None
        case "CIRCULAR":
            center = numbers(attribute(header, f"CenterOfCircular{kind}"))
            radius = integer(attribute(header, f"RadiusOfCircular{kind}"))
            return _disc(shape, center, radius) if len(center) == 2 and radius else None
        case "POLYGONAL":
            corners = numbers(attribute(header, f"VerticesOfThePolygonal{kind}"))
            return _polygon(shape, corners) if len(corners) >= 6 and len(corners) % 2 == 0 else None
    return None


def _rectangle(shape: tuple[int, int], edges: Sequence[int]) -> Mask:
    upper, lower, left, right = edges
    mask = np.zeros(shape, np.bool_)
    mask[max(0, min(upper, lower) - 1) : max(0, max(upper, lower)), max(0, min(left, right) - 1) : max(left, right)] = (
        True
    )
    return mask


def _disc(shape: tuple[int, int], center: Sequence[float], radius: int) -> Mask:
    rows, columns = np.ogrid[1 : shape[0] + 1, 1 : shape[1] + 1]
    return np.asarray((rows - center[0]) ** 2 + (columns - center[1]) ** 2 <= radius**2)


def _polygon(shape: tuple[int, int], corners: Sequence[float]) -> Mask:
    drawn = Image.new("1", (shape[1], shape[0]))
    points = [(column - 1, row - 1) for row, column in zip(corners[::2], corners[1::2], strict=True)]
    ImageDraw.Draw(drawn).polygon(points, fill=1, outline=1)
    return np.asarray(drawn)
