"""The axial slices of a chest CT as pictures, and the lesion's contour on them; knows no pages and keeps nothing."""

from __future__ import annotations

import io
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from triaged.exams.ct.decoding.slices import SliceStack, read_regions, read_slices
from triaged.exams.ct.pictures.colour import edge
from triaged.exams.ct.pictures.keyslices import LESION, LUNG_WINDOW_HU
from triaged.exams.ct.window import to_unit
from triaged.exams.exam import SliceList

_LESION_LABEL = "Lung opacity"


class CtView:
    """The `View` of a chest CT: its slices from head to feet, and the contours of its lesion."""

    def __init__(self, stack: SliceStack, regions: Mapping[int, NDArray[np.bool_]], *, has_contour: bool) -> None:
        self.stack = stack
        self.contours = {index: _contour_png(region) for index, region in regions.items()}
        self._lesion = {index: int(region.sum()) for index, region in regions.items()}
        self._has_contour = has_contour

    def described(self) -> SliceList:
        """Return what is known before any pixel is decoded."""
        rows, columns = self.stack.shape
        row_mm, column_mm = self.stack.pixel_mm
        return {
            "rows": rows,
            "columns": columns,
            "row_mm": row_mm,
            "column_mm": column_mm,
            "window_hu": LUNG_WINDOW_HU,
            "has_contour": self._has_contour,
            "slices": [
                {"number": one.number, "position_mm": one.position_mm, "lesion": self._lesion.get(index, 0)}
                for index, one in enumerate(self.stack.slices)
            ],
        }

    def jpeg(self, index: int) -> bytes:
        """Return one slice in the lung window; see `View`."""
        self._demand(index)
        return _jpeg(self.stack.hounsfield(index))

    def contour(self, index: int) -> bytes | None:
        """Return the contour of the lesion; see `View`."""
        self._demand(index)
        return self.contours.get(index)

    def _demand(self, index: int) -> None:
        if not 0 <= index < len(self.stack.slices):
            raise IndexError(index)


def view(instances: Sequence[Path], segmentation: Path | None) -> CtView:
    """Open the slices of a series, with the lesion of its Segmentation; see `Viewer`."""
    stack = read_slices(instances)
    regions = {} if segmentation is None else _regions(segmentation, stack)
    return CtView(stack, regions, has_contour=segmentation is not None)


def _regions(segmentation: Path, stack: SliceStack) -> dict[int, NDArray[np.bool_]]:
    found = read_regions(segmentation, _LESION_LABEL)
    shape = stack.slices[0].frame.rows, stack.slices[0].frame.columns
    return {
        index: stack.turned(found[one.key])
        for index, one in enumerate(stack.slices)
        if one.key in found and found[one.key].shape == shape
    }


def _jpeg(hu: NDArray[np.float32]) -> bytes:
    grey = np.round(to_unit(hu, *LUNG_WINDOW_HU) * 255.0).astype(np.uint8)
    stream = io.BytesIO()
    Image.fromarray(grey).save(stream, "JPEG", quality=90)
    return stream.getvalue()


def _contour_png(region: NDArray[np.bool_]) -> bytes:
    picture = Image.fromarray(edge(region).astype(np.uint8))
    picture.putpalette([0, 0, 0, *LESION])
    stream = io.BytesIO()
    picture.save(stream, "PNG", transparency=0, bits=1)
    return stream.getvalue()
