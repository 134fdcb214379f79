"""The axial slices of a chest CT as pictures, and the lesion's contour on them; knows no pages and keeps nothing."""

from __future__ import annotations

import io
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from triaged.exams.ct.affected import AFFECTED_SLICE_MM2, affected_slices
from triaged.exams.ct.decoding.slices import SliceStack, read_regions, read_slices
from triaged.exams.ct.pictures.colour import edge
from triaged.exams.ct.pictures.keyslices import LESION, LUNG_WINDOW_HU
from triaged.exams.ct.window import to_unit
from triaged.exams.exam import Slice, SliceList

LESION_LABEL, _LUNG_LABELS = "Lung opacity", frozenset({"Lungs", "Right lung", "Left lung"})


class CtView:
    """The `View` of a chest CT: its slices from head to feet, and the contours of its lesion."""

    def __init__(
        self,
        stack: SliceStack,
        regions: Mapping[int, NDArray[np.bool_]],
        lungs: Mapping[int, int],
        *,
        has_contour: bool,
    ) -> None:
        self.stack = stack
        self._lungs = lungs
        self.contours = {index: _contour_png(region) for index, region in regions.items()}
        self._lesion = {index: int(region.sum()) for index, region in regions.items()}
        self._has_contour = has_contour

    def described(self) -> SliceList:
        """Return what is known before any pixel is decoded."""
        rows, columns = self.stack.shape
        row_mm, column_mm = self.stack.pixel_mm
        every = range(len(self.stack.slices))
        affected = affected_slices([self._lesion_mm2(index) for index in every])
        return {
            "rows": rows,
            "columns": columns,
            "row_mm": row_mm,
            "column_mm": column_mm,
            "window_hu": LUNG_WINDOW_HU,
            "has_contour": self._has_contour,
            "affected": "" if affected is None else affected.words,
            "slices": [self._slice(index) for index in every],
        }

    def _slice(self, index: int) -> Slice:
        one, lesion, lungs = self.stack.slices[index], self._lesion.get(index, 0), self._lungs.get(index, 0)
        share = min(1.0, lesion / lungs) if lungs else None
        return {
            "number": one.number,
            "position_mm": one.position_mm,
            "lesion": lesion,
            "share": share,
            "is_affected": self._lesion_mm2(index) >= AFFECTED_SLICE_MM2,
        }

    def _lesion_mm2(self, index: int) -> float:
        row_mm, column_mm = self.stack.pixel_mm
        return self._lesion.get(index, 0) * row_mm * column_mm

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
    if segmentation is None:
        return CtView(stack, {}, {}, has_contour=False)
    found = read_regions(segmentation, LESION_LABEL, _LUNG_LABELS)
    shape = stack.slices[0].frame.rows, stack.slices[0].frame.columns
    regions = {
        index: stack.turned(region)
        for index, one in enumerate(stack.slices)
        if (region := found.regions.get(one.key)) is not None and region.shape == shape
    }
    lungs = {index: found.around.get(one.key, 0) for index, one in enumerate(stack.slices)}
    return CtView(stack, regions, lungs, has_contour=True)


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
