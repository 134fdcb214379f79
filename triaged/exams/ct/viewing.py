"""The axial slices of a chest CT as pictures and as numbers, with what was found on them; knows no pages.

Of a study only headers and masks are kept: pixels are decoded when they are asked for.
"""

from __future__ import annotations

import io
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from triaged.exams.ct.affected import AFFECTED_SLICE_MM2, affected_slices
from triaged.exams.ct.decoding.slices import Regions, SliceStack, read_regions, read_slices
from triaged.exams.ct.pictures.colour import edge
from triaged.exams.ct.pictures.keyslices import LESION, LUNG_WINDOW_HU, key_slices
from triaged.exams.ct.pictures.zones import Counts
from triaged.exams.ct.window import to_unit
from triaged.exams.exam import Slice, SliceList

LESION_LABEL: Final = "Lung opacity"
_LUNG_LABELS: Final = ("Lungs", "Right lung", "Left lung")
_LABELS: Final = (LESION_LABEL, *_LUNG_LABELS)
_INT16: Final = np.iinfo(np.int16)

Mask = NDArray[np.bool_]


class CtView:
    """The `View` of a chest CT: its slices from head to feet, and the regions that were found on them."""

    def __init__(self, stack: SliceStack, regions: Mapping[str, Regions] | None) -> None:
        self.stack = stack
        self._regions = {label: (regions or {}).get(label, {}) for label in _LABELS}
        self._has_contour = regions is not None
        sizes = [[self._size(label, index) for label in _LABELS] for index in range(len(stack.slices))]
        self._lesion = [each[0] for each in sizes]
        self._lungs = [sum(each[1:]) for each in sizes]
        self._keys = self._key_slices()

    def described(self) -> SliceList:
        """Return what is known before any pixel is decoded."""
        rows, columns = self.stack.shape
        row_mm, column_mm = self.stack.pixel_mm
        every = range(len(self.stack.slices))
        affected = affected_slices([self._lesion_mm2(index) for index in every])
        return {
            "modality": "CT",
            "rows": rows,
            "columns": columns,
            "row_mm": row_mm,
            "column_mm": column_mm,
            "window_hu": LUNG_WINDOW_HU,
            "has_contour": self._has_contour,
            "regions": [label.lower() for label in _LABELS] if self._has_contour else [],
            "whole": None,
            "affected": "" if affected is None else affected.words,
            "slices": [self._slice(index) for index in every],
        }

    def jpeg(self, index: int) -> bytes:
        """Return one slice in the lung window; see `View`."""
        self._demand(index)
        return _jpeg(self.stack.hounsfield(index))

    def tile(self, index: int) -> bytes:
        """Return the HU of one slice, and its regions; see `View`."""
        self._demand(index)
        hu = np.clip(np.rint(self.stack.hounsfield(index)), _INT16.min, _INT16.max).astype("<i2")
        if not self._has_contour:
            return hu.tobytes()
        labels = np.zeros(self.stack.shape, np.uint8)
        for bit, label in enumerate(_LABELS):
            region = self._region(label, index)
            if region is not None:
                labels |= region.astype(np.uint8) << bit
        return hu.tobytes() + labels.tobytes()

    def contour(self, index: int) -> bytes | None:
        """Return the contour of the lesion; see `View`."""
        self._demand(index)
        region = self._region(LESION_LABEL, index)
        return None if region is None else _contour_png(region)

    def part(self, index: int, row: int, column: int) -> bytes:
        """Raise `IndexError`: a tile has every pixel; see `View`."""
        raise IndexError(index, row, column)

    @property
    def held_bytes(self) -> int:
        """Return about how much memory the regions take; see `View`."""
        return sum(one.bits.nbytes for regions in self._regions.values() for one in regions.values())

    def _slice(self, index: int) -> Slice:
        one, lesion, lungs = self.stack.slices[index], self._lesion[index], self._lungs[index]
        return {
            "number": one.number,
            "position_mm": one.position_mm,
            "lesion": lesion,
            "share": min(1.0, lesion / lungs) if lungs else None,
            "is_affected": self._lesion_mm2(index) >= AFFECTED_SLICE_MM2,
            "is_key": index in self._keys,
        }

    def _key_slices(self) -> frozenset[int]:
        """Return the slices that the pictures show in large, one in each third of the lungs."""
        if not any(self._lungs):
            return frozenset()
        from_foot = Counts(np.array(self._lungs[::-1], np.int64), np.array(self._lesion[::-1], np.int64))
        return frozenset(len(self._lungs) - 1 - each.index for each in key_slices(from_foot))

    def _lesion_mm2(self, index: int) -> float:
        row_mm, column_mm = self.stack.pixel_mm
        return self._lesion[index] * row_mm * column_mm

    def _size(self, label: str, index: int) -> int:
        region = self._region(label, index)
        return 0 if region is None else int(np.count_nonzero(region))

    def _region(self, label: str, index: int) -> Mask | None:
        """Return a region on one slice, upright; None where it has no voxel there."""
        one = self.stack.slices[index]
        region = self._regions[label].get(one.key)
        if region is None or region.shape != (one.frame.rows, one.frame.columns):
            return None
        return self.stack.turned(region.mask())

    def _demand(self, index: int) -> None:
        if not 0 <= index < len(self.stack.slices):
            raise IndexError(index)


def view(instances: Sequence[Path], segmentation: Path | None) -> CtView:
    """Open the slices of a series, with the regions of its Segmentation; see `Viewer`."""
    stack = read_slices(instances)
    return CtView(stack, None if segmentation is None else read_regions(segmentation))


def _jpeg(hu: NDArray[np.float32]) -> bytes:
    grey = np.round(to_unit(hu, *LUNG_WINDOW_HU) * 255.0).astype(np.uint8)
    stream = io.BytesIO()
    Image.fromarray(grey).save(stream, "JPEG", quality=90)
    return stream.getvalue()


def _contour_png(region: Mask) -> bytes:
    picture = Image.fromarray(edge(region).astype(np.uint8))
    picture.putpalette([0, 0, 0, *LESION])
    stream = io.BytesIO()
    picture.save(stream, "PNG", transparency=0, bits=1)
    return stream.getvalue()
