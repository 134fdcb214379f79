"""Makes a picture of one frame as a browser shows it: greys through a window, colours as they are (PS3.18 8.3.5, 10.4).

Knows no requests; what a parameter says wrongly raises `ValueError` in our words.
"""

from __future__ import annotations

import io
import math
import threading
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from pydicom import Dataset
from pydicom.pixels.processing import apply_color_lut, convert_color_space

from triaged.dicom.attributes import DAMAGED, Groups, attribute, functional, items, numbers, text
from triaged.dicom.files import read_header_only
from triaged.dicom.frames import MOST_PIXELS_OF_A_FRAME
from triaged.dicom.pixels import stored_frames, undecodable

FORMATS: Final[Mapping[str, str]] = {"image/jpeg": "JPEG", "image/png": "PNG"}
LONGEST_SIDE: Final = 8192
THUMBNAIL: Final = 128
_QUALITY: Final = 90
_LARGEST: Final = 1e9
_MOST_VALUES: Final = 2**17
_FUNCTIONS: Final = ("LINEAR", "LINEAR_EXACT", "SIGMOID")
_two_at_once = threading.BoundedSemaphore(2)
"""A large frame takes several times its size in memory."""

_Pixels = NDArray[np.generic]


@dataclass(frozen=True, slots=True)
class Window:
    """Which values become which greys (PS3.3 C.11.2.1.2)."""

    center: float
    width: float
    function: str = "LINEAR"


@dataclass(frozen=True, slots=True)
class Wanted:
    """What a picture is to be like; None where the image itself decides. `source` is left, top, width and height of a
    part of the image, `size` width and height that the picture fits into, in pixels."""

    media_type: str = "image/jpeg"
    window: Window | None = None
    size: tuple[int, int] | None = None
    source: tuple[int, int, int, int] | None = None
    quality: int = _QUALITY


def wanted_of(parameters: Mapping[str, str], media_type: str, size: tuple[int, int] | None = None) -> Wanted:
    """Return what the parameters of a rendered resource ask for; `size` where they name none."""
    window, source = None, None
    if "window" in parameters:
        window = _window(parameters["window"].split(","))
    if "viewport" in parameters:
        size, source = _viewport(parameters["viewport"].split(","))
    quality = _number(parameters.get("quality", str(_QUALITY)), "quality", 1, 100)
    return Wanted(media_type, window, size, source, int(quality))


def rendered(path: Path, index: int, wanted: Wanted) -> bytes:
    """Return a picture of a frame, from 0.

    Raises:
        ValueError: the part of it that is wanted is none.
        UnreadableStudy: it cannot be decoded.
        TryLater: the disk fails.
    """
    header = read_header_only(path)
    with _two_at_once:
        (frame,) = stored_frames(path, header, [index], most_pixels=MOST_PIXELS_OF_A_FRAME)
        frame = _part(frame, wanted.source)
        try:
            picture = Image.fromarray(_shown(header, index, frame, wanted.window))
        except DAMAGED as error:
            raise undecodable(path, "pixels that can be shown", type(error).__name__) from error
        if wanted.size is not None:
            scale = min(wanted.size[0] / picture.width, wanted.size[1] / picture.height)
            picture = picture.resize((max(1, round(picture.width * scale)), max(1, round(picture.height * scale))))
        content = io.BytesIO()
        picture.save(content, FORMATS[wanted.media_type], quality=wanted.quality)
    return content.getvalue()


def _part(frame: _Pixels, source: tuple[int, int, int, int] | None) -> _Pixels:
    if source is None:
        return frame
    left, top, width, height = source
    if left >= frame.shape[1] or top >= frame.shape[0]:
        raise ValueError("viewport: expected a part of the image")
    return frame[top : top + height, left : left + width]


def _shown(header: Dataset, index: int, frame: _Pixels, window: Window | None) -> NDArray[np.uint8]:
    """Return pixels in greys, or in red, green and blue."""
    photometric = text(attribute(header, "PhotometricInterpretation")) or "MONOCHROME2"
    if photometric == "PALETTE COLOR":
        coloured = apply_color_lut(frame, header)
        return (coloured >> 8).astype(np.uint8) if coloured.dtype == np.uint16 else coloured.astype(np.uint8)
    if frame.ndim == 3:
        is_ybr = photometric.startswith("YBR_FULL")
        shown = convert_color_space(frame, "YBR_FULL", "RGB") if is_ybr else frame
        return shown.astype(np.uint8, copy=False)
    return _greys(header, index, frame, window, is_inverted=photometric == "MONOCHROME1")


def _greys(
    header: Dataset, index: int, frame: _Pixels, window: Window | None, *, is_inverted: bool
) -> NDArray[np.uint8]:
    """Put values through rescale and window by a table of them: they are few, and pixels are many."""
    groups = _groups(header, index)
    slope, intercept = (
        _first(functional(groups, "PixelValueTransformationSequence", keyword), default)
        for keyword, default in (("RescaleSlope", 1.0), ("RescaleIntercept", 0.0))
    )
    values, places = _indexed(frame)
    real = values.astype(np.float64) * slope + intercept
    greys = _windowed(real, window or _own_window(groups) or _full(real))
    table = np.rint(255 * (1 - greys if is_inverted else greys)).astype(np.uint8)
    shown: NDArray[np.uint8] = table[places].reshape(frame.shape)
    return shown


def _indexed(frame: _Pixels) -> tuple[_Pixels, _Pixels]:
    """Return all values from the lowest to the highest, or those that occur, and which of them each pixel has."""
    if np.issubdtype(frame.dtype, np.integer):
        low, high = int(frame.min()), int(frame.max())
        if high - low < _MOST_VALUES:
            return np.arange(low, high + 1), frame.astype(np.int64) - low if low else frame
    values, places = np.unique(frame, return_inverse=True)
    return values, places


def _windowed(values: NDArray[np.float64], window: Window) -> NDArray[np.float64]:
    """Return values from 0 to 1 (PS3.3 C.11.2.1.2 and C.11.2.1.3)."""
    center, width = window.center, window.width
    if window.function == "SIGMOID":
        with np.errstate(over="ignore"):
            return np.asarray(1 / (1 + np.exp(-4 * (values - center) / width)))
    if window.function == "LINEAR_EXACT":
        return np.clip((values - center) / width + 0.5, 0, 1)
    if width <= 1:
        return (values > center - 0.5).astype(np.float64)
    return np.clip((values - (center - 0.5)) / (width - 1) + 0.5, 0, 1)


def _own_window(groups: Groups) -> Window | None:
    center, width = (
        _first(functional(groups, "FrameVOILUTSequence", keyword), math.nan)
        for keyword in ("WindowCenter", "WindowWidth")
    )
    said = text(functional(groups, "FrameVOILUTSequence", "VOILUTFunction")) or "LINEAR"
    function = said if said in _FUNCTIONS else "LINEAR"
    is_known = math.isfinite(center) and width >= (1 if function == "LINEAR" else 1e-6)
    return Window(center, width, function) if is_known else None


def _full(values: NDArray[np.float64]) -> Window:
    low, high = float(values.min()), float(values.max())
    return Window((low + high) / 2, max(high - low, 1e-6), "LINEAR_EXACT")


def _groups(header: Dataset, index: int) -> Groups:
    own = items(header, "PerFrameFunctionalGroupsSequence")
    return (*own[index : index + 1], *items(header, "SharedFunctionalGroupsSequence")[:1], header)


def _first(value: object, default: float) -> float:
    found = numbers(value)
    return found[0] if found else default


def _window(parts: list[str]) -> Window:
    if len(parts) not in (2, 3):
        raise ValueError("window: expected CENTER,WIDTH[,FUNCTION]")
    function = parts[2].upper().replace("-", "_") if len(parts) == 3 else "LINEAR"
    if function not in _FUNCTIONS:
        raise ValueError("window: expected the function linear, linear-exact or sigmoid")
    smallest = 1.0 if function == "LINEAR" else 1e-6
    center = _number(parts[0], "window", -_LARGEST, _LARGEST)
    return Window(center, _number(parts[1], "window", smallest, _LARGEST), function)


def _viewport(parts: list[str]) -> tuple[tuple[int, int], tuple[int, int, int, int] | None]:
    if len(parts) not in (2, 6):
        raise ValueError("viewport: expected WIDTH,HEIGHT[,LEFT,TOP,WIDTH,HEIGHT]")
    width, height = (int(_number(part, "viewport", 1, LONGEST_SIDE)) for part in parts[:2])
    if len(parts) == 2:
        return (width, height), None
    left, top = (int(_number(part or "0", "viewport", 0, 2**20)) for part in parts[2:4])
    across, down = (int(_number(part or str(2**20), "viewport", 1, 2**20)) for part in parts[4:])
    return (width, height), (left, top, across, down)


def _number(text: str, name: str, least: float, most: float) -> float:
    try:
        found = float(text)
    except ValueError:
        found = math.nan
    if not least <= found <= most:
        raise ValueError(f"{name}: expected a number from {least:g} to {most:g}")
    return found
