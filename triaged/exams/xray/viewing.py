"""A chest X-ray as a picture, upright, with the outlines of what was found on it; knows no pages and keeps nothing."""

from __future__ import annotations

import io
from collections.abc import Sequence
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from pydicom import dcmread

from triaged.dicom.attributes import DAMAGED, attribute, integer
from triaged.dicom.quiet import without_warnings
from triaged.errors import UnreadableStudy
from triaged.exams.exam import Slice, SliceList, Whole
from triaged.exams.xray.chest import chest_of
from triaged.exams.xray.decoding.radiograph import Radiograph, decode_radiograph
from triaged.exams.xray.decoding.turning import turned
from triaged.exams.xray.pictures.overlay import AFFECTED_STROKE, LUNGS_STROKE, SOLID_STROKE, Stroke, drawn, scaled
from triaged.imaging.outlines import outlines
from triaged.study.assessment import ReasonCode
from triaged.study.coding import percent

_STROKES: Final = {
    "Right lung": LUNGS_STROKE,
    "Left lung": LUNGS_STROKE,
    "Lung opacity": AFFECTED_STROKE,
    "Consolidation": SOLID_STROKE,
}
_OPACITY, _LUNGS = "Lung opacity", ("Right lung", "Left lung")
_SMALLEST: Final = 0.0005
_WHITE: Final = 255
_PART: Final = 512
_ROWS_AT_ONCE: Final = 256

Mask = NDArray[np.bool_]


class XrayView:
    """The `View` of a chest X-ray: the one image, and the outlines of lungs and of what is affected."""

    def __init__(self, radiograph: Radiograph, regions: dict[str, Mask] | None) -> None:
        grey = chest_of(radiograph).grey
        self._grey = np.round(grey * _WHITE).astype(np.uint8)
        self._whole = _whole(radiograph, self._grey.shape)
        self._number = integer(attribute(radiograph.header, "InstanceNumber"))
        self._spacing_mm = _shown_spacing(radiograph, self._grey.shape)
        self._has_contour = regions is not None
        self._sizes = {name: int(mask.sum()) for name, mask in (regions or {}).items()}
        self._contour = _contour_png(regions, self._grey.shape) if regions else None

    def described(self) -> SliceList:
        """Return what is known of the one image, of which `lesion` counts stored pixels."""
        rows, columns = self._grey.shape
        share = self._share()
        return {
            "modality": "CR",
            "rows": rows,
            "columns": columns,
            "row_mm": self._spacing_mm[0],
            "column_mm": self._spacing_mm[1],
            "window_hu": (0.0, float(_WHITE)),
            "has_contour": self._has_contour,
            "regions": [],
            "whole": self._size_of_whole(),
            "affected": "" if not share else f"{percent(share)} of the area of both lungs",
            "slices": [self._slice(share)],
        }

    def jpeg(self, index: int) -> bytes:
        """Return the image in the greys that its header asks for; see `View`."""
        self._demand(index)
        stream = io.BytesIO()
        Image.fromarray(self._grey).save(stream, "JPEG", quality=92)
        return stream.getvalue()

    def tile(self, index: int) -> bytes:
        """Return the greys of the image, without labels; see `View`."""
        self._demand(index)
        return self._grey.astype("<i2").tobytes()

    def contour(self, index: int) -> bytes | None:
        """Return the outlines of lungs and of what is affected; see `View`."""
        self._demand(index)
        return self._contour

    def part(self, index: int, row: int, column: int) -> bytes:
        """Return a part of the image as it was sent, in the greys that its header asks for; see `View`."""
        self._demand(index)
        whole = self._whole
        if whole is None or min(row, column) < 0 or row * _PART >= whole.shape[0] or column * _PART >= whole.shape[1]:
            raise IndexError(index, row, column)
        top, left = row * _PART, column * _PART
        return np.ascontiguousarray(whole[top : top + _PART, left : left + _PART]).tobytes()

    @property
    def held_bytes(self) -> int:
        """Return how much memory the greys and the outlines take; see `View`."""
        return self._grey.nbytes + (0 if self._whole is None else self._whole.nbytes) + len(self._contour or b"")

    def _size_of_whole(self) -> Whole | None:
        if self._whole is None:
            return None
        rows, columns = self._whole.shape
        return {"rows": rows, "columns": columns, "side": _PART}

    def _slice(self, share: float | None) -> Slice:
        lesion = self._sizes.get(_OPACITY, 0)
        return {
            "number": self._number,
            "position_mm": 0.0,
            "lesion": lesion,
            "share": share,
            "is_affected": lesion > 0,
            "is_key": False,
        }

    def _share(self) -> float | None:
        lungs = sum(self._sizes.get(name, 0) for name in _LUNGS)
        return min(1.0, self._sizes.get(_OPACITY, 0) / lungs) if lungs else None

    def _demand(self, index: int) -> None:
        if index != 0:
            raise IndexError(index)


def view(instances: Sequence[Path], segmentation: Path | None) -> XrayView:
    """Open the one image of a series, with the regions of its Segmentation; see `Viewer`."""
    if len(instances) != 1:
        detail = f"expected the one image of a chest X-ray, found {len(instances)}"
        raise UnreadableStudy(ReasonCode.NOT_A_RADIOGRAPH, detail)
    radiograph = decode_radiograph(instances[0])
    regions = None if segmentation is None else _regions(segmentation, radiograph)
    return XrayView(radiograph, regions)


def _whole(radiograph: Radiograph, shown: tuple[int, ...]) -> NDArray[np.uint8] | None:
    """Return the image upright with all its pixels, as greys; None where it is shown with all of them anyway.

    Some rows at a time: an image of 60 million pixels as floating point numbers takes 240 MB.
    """
    upright = turned(radiograph.grey, radiograph.upright)
    if upright.shape == shown:
        return None
    whole = np.empty(upright.shape, np.uint8)
    for top in range(0, upright.shape[0], _ROWS_AT_ONCE):
        rows = slice(top, top + _ROWS_AT_ONCE)
        whole[rows] = np.round(upright[rows] * _WHITE)
    return whole


def _regions(segmentation: Path, radiograph: Radiograph) -> dict[str, Mask]:
    """Return the segments of a Segmentation on the image, upright; those of another size are left out."""
    try:
        with without_warnings():
            dataset = dcmread(segmentation)
            labels = [str(each.SegmentLabel) for each in dataset.SegmentSequence]
            frames = dataset.pixel_array.reshape(-1, int(dataset.Rows), int(dataset.Columns)) > 0
    except DAMAGED as error:
        detail = f"expected a segmentation, found {type(error).__name__} in {segmentation.name}"
        raise UnreadableStudy(ReasonCode.CORRUPT, detail) from error
    if frames.shape[1:] != radiograph.grey.shape:
        return {}
    return {
        label: np.ascontiguousarray(turned(frame, radiograph.upright))
        for label, frame in zip(labels, frames, strict=True)
    }


def _shown_spacing(radiograph: Radiograph, shape: tuple[int, ...]) -> tuple[float, float]:
    """Return how far rows and columns of the picture are apart in mm; equally far where the image does not say."""
    spacing = radiograph.spacing_mm or (1.0, 1.0)
    if radiograph.upright.quarters % 2:
        spacing = spacing[::-1]
    rows, columns = turned(radiograph.grey, radiograph.upright).shape
    return spacing[0] * rows / shape[0], spacing[1] * columns / shape[1]


def _contour_png(regions: dict[str, Mask], shape: tuple[int, ...]) -> bytes:
    """Return all outlines as a transparent picture of this shape."""
    lines = [
        (scaled(line, mask.shape, shape), _STROKES[label])
        for label, mask in regions.items()
        if label in _STROKES
        for line in outlines(mask, round(_SMALLEST * mask.size))
    ]
    black = np.zeros((*shape, 3), np.uint8)
    covered = drawn(black, [(line, Stroke((_WHITE,) * 3, each.width, each.dash, each.gap)) for line, each in lines])
    coloured = drawn(black, lines)
    alpha = covered[..., :1].astype(np.float32) / _WHITE
    plain = np.divide(coloured, alpha, out=np.zeros(coloured.shape, np.float32), where=alpha > 0)
    picture = np.dstack([np.clip(np.round(plain), 0, _WHITE).astype(np.uint8), covered[..., 0]])
    stream = io.BytesIO()
    Image.fromarray(picture).save(stream, "PNG")
    return stream.getvalue()
