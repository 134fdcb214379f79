"""Draws where to look twice: the lung on which the members of an ensemble disagree; no DICOM and no vote."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from triaged.exams.ct.finding import CtNumbers, LungAnalysis
from triaged.exams.ct.pictures.display import lungs_outline, resampled
from triaged.exams.ct.pictures.keyslices import SliceName, draw_slice, field_mm, fine, lungs_field
from triaged.exams.ct.pictures.projection import Projection
from triaged.exams.ct.pictures.wording import slice_place
from triaged.imaging.volume import Mask, Volume
from triaged.results.layout import CAPTION, LARGE, MARGIN, PAGE_WIDTH, TOP, Heading, Markers, Sheet
from triaged.results.page import Page, Picture
from triaged.study.coding import SHARE

TITLE = "Where to look twice"
DISPUTED = (235, 60, 200)
_AXIAL = Markers("R", "L", "A", "P")
_FINEST_MM = 0.7
_MAP_MM = 1.3
_SHAPE = 80  # grey of the lungs' shape
_LEAST_DEPTH_MM = 6.0  # of disputed lung behind a point of the map: less is the rim of a lesion


def disputed_page(
    volume: Volume, reading: LungAnalysis, coronal: Projection, names: Sequence[SliceName], heading: Heading
) -> Page | None:
    """Return the slice with most disputed lung and a map of it from the front; None where one engine read alone.

    `coronal` is the uncut view.
    """
    if reading.disputed is None or not reading.disputed.voxels.any():
        return None
    areas = np.count_nonzero(reading.disputed.voxels, axis=(1, 2))
    index = int(np.where([name.is_own for name in names], areas, -1).argmax())
    field = lungs_field(reading)
    height_mm, width_mm = field_mm(volume, field)
    pixel_mm = max(width_mm / ((PAGE_WIDTH - 3 * MARGIN) // 2), height_mm / 560.0, _FINEST_MM)
    outlined, grey = draw_slice(volume, reading, index, field, pixel_mm)
    _, rows_mm, columns_mm = volume.geometry.spacing_mm
    part = reading.disputed.voxels[index, field.rows, field.columns]
    marked = _tinted(grey, fine(part, (rows_mm, columns_mm), pixel_mm))
    sheet = Sheet(heading)
    sheet.picture(outlined, (MARGIN, TOP), "Axial; yellow: lesion by vote, cyan: lungs", _AXIAL)
    sheet.picture(marked, (2 * MARGIN + grey.shape[1], TOP), "The same; magenta: members disagree", _AXIAL)
    level = TOP + grey.shape[0] + MARGIN
    for line in _words(volume, reading, int(areas[index]), index, names[index]):
        sheet.text((MARGIN, level), line, LARGE)
        level += LARGE + 8
    shape = _map(reading.disputed, coronal, index)
    sheet.picture(shape, (MARGIN, level + CAPTION), "The same from the front, all slices", Markers("R", "L", "", ""))
    return Page(
        "disputed", "Where to look twice", sheet.pixels, pixel_mm, ("L", "P"), "", (index,), "A slice of the CT"
    )


def _words(volume: Volume, reading: LungAnalysis, count: int, index: int, name: SliceName) -> tuple[str, ...]:
    share = CtNumbers.of(reading.finding).ensemble_spread or 0.0
    area_cm2 = count * volume.geometry.spacing_mm[1] * volume.geometry.spacing_mm[2] / 100.0
    disagree = f"Members of the ensemble disagree on {SHARE.text(share)} of the lungs; here on {area_cm2:.1f} cm2"
    return slice_place(index, volume.geometry, name), disagree


def _map(disputed: Mask, coronal: Projection, index: int) -> Picture:
    """Return the lungs as a grey shape, magenta where a ray meets disputed lung, with a line at the slice's height."""
    depth_mm = np.count_nonzero(disputed.voxels, axis=1)[::-1] * disputed.geometry.spacing_mm[1]
    lungs = lungs_outline(coronal, _MAP_MM)
    picture = np.zeros((*lungs.shape, 3), np.uint8)
    picture[lungs] = _SHAPE
    deep = resampled(depth_mm.astype(np.float32), coronal.spacing_mm, _MAP_MM) >= _LEAST_DEPTH_MM
    picture[lungs & deep] = DISPUTED
    row = round((coronal.path_mm.shape[0] - index - 0.5) * coronal.spacing_mm[0] / _MAP_MM)
    picture[min(row, lungs.shape[0] - 1)] = 255
    rows, columns = np.flatnonzero(lungs.any(axis=1)), np.flatnonzero(lungs.any(axis=0))
    return np.ascontiguousarray(picture[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1])


def _tinted(grey: Picture, region: NDArray[np.bool_]) -> Picture:
    marked = grey.copy()
    marked[region] = grey[region] // 2 + np.array(DISPUTED, np.uint8) // 2
    return marked
