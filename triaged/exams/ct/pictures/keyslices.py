"""Chooses the CT slices that show most, one in each third of the lungs, and draws them; no text and no DICOM."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from pydicom.dataset import Dataset
from scipy import ndimage

from triaged.exams.ct.affected import AffectedSlices, affected_slices
from triaged.exams.ct.finding import LungAnalysis
from triaged.exams.ct.pictures.colour import OUTLINE, edge
from triaged.exams.ct.pictures.display import lungs_outline, resampled
from triaged.exams.ct.pictures.projection import Projection, Region, extent
from triaged.exams.ct.pictures.zones import Counts
from triaged.exams.ct.window import to_unit
from triaged.imaging.geometry import Geometry, Reorientation
from triaged.imaging.stack import Spread
from triaged.imaging.volume import Volume
from triaged.results.greys import in_runs
from triaged.results.identity import sent_text
from triaged.results.page import Picture

if TYPE_CHECKING:  # the pages draw slices and write no objects
    from triaged.results.source import SourceSeries

LESION = (255, 210, 0)
LUNG_WINDOW_HU = (-1350.0, 150.0)  # centre -600, width 1500
GREY_TOLERANCE = 8
_MARGIN_MM = 12.0
_SHAPE = 80  # grey of the lungs' shape that shows where a slice lies
_LESION_SHAPE = (150, 125, 20)
_MUCH = 0.1  # share of the lung's depth from which the shape shows lesion
_THIRDS = ("upper", "middle", "lower")


@dataclass(frozen=True, slots=True)
class KeySlice:
    """One slice of the canonical volume chosen for a third of the lungs; on it are `affected` of `lung` voxels."""

    third: str
    index: int
    affected: int
    lung: int


@dataclass(frozen=True, slots=True)
class Field:
    """The rows and columns that all key slices of a study show."""

    rows: slice
    columns: slice


@dataclass(frozen=True, slots=True)
class SliceName:
    """What a reader calls a slice of the canonical volume: its number from the head of so many, and a viewer's name.

    `is_own` is False where another slice of the source fills this one.
    """

    number: int
    count: int
    name: str
    is_own: bool = True


def key_slices(profile: Counts, names: Sequence[SliceName] = ()) -> tuple[KeySlice, ...]:
    """Return the slice with the largest lesion in the upper, middle and lower third of the lungs' volume.

    A third without lesion shows the slice in the middle of its volume. Only slices of the source itself are shown.
    """
    own = np.flatnonzero([name.is_own for name in names or numbered(profile.lung.size)])
    filled = np.cumsum(profile.lung)
    zone = np.minimum((filled - profile.lung / 2.0) * 3.0 / max(1, int(filled[-1])), 2.0).astype(int)
    chosen = []
    for third, name in zip((2, 1, 0), _THIRDS, strict=True):
        affected = np.where((zone == third) & (profile.lung > 0), profile.affected, 0)
        middle = int(np.searchsorted(filled, (third + 0.5) / 3.0 * filled[-1]))
        index = int(affected.argmax()) if affected.any() else min(middle, filled.size - 1)
        index = int(own[np.abs(own - index).argmin()])
        chosen.append(KeySlice(name, index, int(affected[index]), int(profile.lung[index])))
    return tuple(chosen)


def lesion_mm2(chosen: KeySlice, geometry: Geometry) -> float:
    """Return the area of lesion on a slice that was chosen."""
    _, rows_mm, columns_mm = geometry.spacing_mm
    return chosen.affected * rows_mm * columns_mm


def lungs_field(reading: LungAnalysis) -> Field:
    """Return the rows and columns around both lungs, with a margin."""
    _, rows_mm, columns_mm = reading.lesion.geometry.spacing_mm
    footprint = np.logical_or.reduce(reading.right_lung.voxels) | np.logical_or.reduce(reading.left_lung.voxels)
    return Field(
        extent(footprint.any(axis=1), _MARGIN_MM / rows_mm), extent(footprint.any(axis=0), _MARGIN_MM / columns_mm)
    )


def draw_slice(
    volume: Volume, reading: LungAnalysis, index: int, field: Field, pixel_mm: float
) -> tuple[Picture, Picture]:
    """Return the slice with the outlines of lesion and lungs, and the same without; the patient's right at the left."""
    part = (index, field.rows, field.columns)
    _, *spacing = volume.geometry.spacing_mm
    spacing_mm = (spacing[0], spacing[1])
    quiet = ndimage.median_filter(to_unit(volume.voxels[part], *LUNG_WINDOW_HU), 3)  # noise tells nothing, and is large
    grey = in_runs(resampled(quiet, spacing_mm, pixel_mm), GREY_TOLERANCE)
    outlined = grey.copy()
    lungs = reading.right_lung.voxels[part] | reading.left_lung.voxels[part]
    for region, colour in ((lungs, OUTLINE), (reading.lesion.voxels[part] & lungs, LESION)):
        outlined[edge(fine(region, spacing_mm, pixel_mm))] = colour
    return outlined, grey


def locator(coronal: Projection, index: int, pixel_mm: float) -> Picture:
    """Return the lungs of the uncut coronal view as a grey shape, lesion yellow, with a line at the slice's height."""
    lungs = lungs_outline(coronal, pixel_mm)
    picture = np.zeros((*lungs.shape, 3), np.uint8)
    picture[lungs] = _SHAPE
    share = resampled(coronal.share, coronal.spacing_mm, pixel_mm)
    picture[lungs & (share >= _MUCH)] = _LESION_SHAPE
    row = round((coronal.path_mm.shape[0] - index - 0.5) * coronal.spacing_mm[0] / pixel_mm)
    picture[min(row, lungs.shape[0] - 1)] = 255
    margin = _MARGIN_MM / pixel_mm
    rows, columns = np.asarray(lungs.any(axis=1)), np.asarray(lungs.any(axis=0))
    return np.ascontiguousarray(picture[extent(rows, margin), extent(columns, margin)])


def field_mm(volume: Volume, field: Field) -> tuple[float, float]:
    """Return height and width of the field."""
    _, rows_mm, columns_mm = volume.geometry.spacing_mm
    return (field.rows.stop - field.rows.start) * rows_mm, (field.columns.stop - field.columns.start) * columns_mm


def slice_names(
    sources: Sequence[Dataset], source: SourceSeries, reorientation: Reorientation, spread: Spread | None = None
) -> tuple[SliceName, ...]:
    """Return what a viewer calls each slice of the canonical volume; none where its slices are not the source's.

    Of slices that were `spread`, the source's are counted.
    """
    if reorientation.axes[0] != 0:
        return ()
    if len(sources) == len(source.frames) > 1:
        numbers = [sent_text(one, "InstanceNumber") for one in sources]
        names = [f"instance {number}" if number.isdecimal() else "" for number in numbers]
    else:
        names = [f"frame {frame.frame_number}" if frame.frame_number else "" for frame in source.frames]
    every = range(len(source.frames))
    shown, own = (every, every) if spread is None else (spread.shown, spread.layers)
    total, is_reversed = max(shown) + 1, reorientation.reverse[0]  # reversed: the source's first is at the head
    named = [
        SliceName(at + 1 if is_reversed else total - at, total, name, layer in own)
        for layer, (at, name) in enumerate(zip(shown, names, strict=True))
    ]
    return tuple(named[::-1] if is_reversed else named)


def slices_affected(profile: Counts, geometry: Geometry, names: Sequence[SliceName] = ()) -> AffectedSlices | None:
    """Return which slices are affected, by the numbers that readers see; None where there is no lesion."""
    _, rows_mm, columns_mm = geometry.spacing_mm
    named = names or numbered(profile.lung.size)
    area = np.zeros(named[0].count)
    for name, affected in zip(named, profile.affected, strict=True):
        if name.is_own:
            area[name.number - 1] = affected * rows_mm * columns_mm
    return affected_slices(area)


def numbered(count: int) -> tuple[SliceName, ...]:
    """Return the slices of a canonical volume by number alone."""
    return tuple(SliceName(count - index, count, "") for index in range(count))


def fine(region: Region, spacing_mm: tuple[float, float], pixel_mm: float) -> Region:
    """Return a region of a slice on square pixels."""
    return resampled(region.astype(np.float32), spacing_mm, pixel_mm) >= 0.5
