"""Draws where to look twice: the lung on which the members of an ensemble disagree; no DICOM and no vote."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from triaged.exams.ct.finding import CtNumbers, LungAnalysis
from triaged.exams.ct.pictures.display import lungs_outline, resampled
from triaged.exams.ct.pictures.keyslices import SliceName, draw_slice, fine
from triaged.exams.ct.pictures.projection import Projection
from triaged.exams.ct.pictures.twice import SHAPE_HEIGHT, frame_of, set_twice
from triaged.exams.ct.pictures.wording import slice_place
from triaged.imaging.volume import Mask, Volume
from triaged.results.layout import Heading, Sheet
from triaged.results.page import Page, Picture
from triaged.study.coding import percent

TITLE = "Where to look twice"
DISPUTED = (235, 60, 200)
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
    frame = frame_of(volume, reading)
    field, pixel_mm = frame.field, frame.pixel_mm
    outlined, grey = draw_slice(volume, reading, index, field, pixel_mm)
    _, rows_mm, columns_mm = volume.geometry.spacing_mm
    part = reading.disputed.voxels[index, field.rows, field.columns]
    marked = _tinted(grey, fine(part, (rows_mm, columns_mm), pixel_mm))
    sheet = Sheet(heading)
    captions = "Axial; yellow: lesion by vote, cyan: lungs", "The same; magenta: members disagree"
    words = _words(volume, reading, int(areas[index]), index, names[index])
    set_twice(sheet, (outlined, marked), captions, _map(reading.disputed, coronal, index), words)
    return Page(
        "disputed", "Where to look twice", sheet.pixels, pixel_mm, ("L", "P"), "", (index,), "A slice of the CT"
    )


def _words(volume: Volume, reading: LungAnalysis, count: int, index: int, name: SliceName) -> tuple[str, ...]:
    share = CtNumbers.of(reading.finding).ensemble_spread or 0.0
    area_cm2 = count * volume.geometry.spacing_mm[1] * volume.geometry.spacing_mm[2] / 100.0
    disagree = f"Members of the ensemble disagree on {percent(share)} of the lungs; here on {area_cm2:.1f} cm2"
    return slice_place(index, volume.geometry, name), disagree


def _map(disputed: Mask, coronal: Projection, index: int) -> Picture:
    """Return the lungs from the front as a grey shape, magenta where a ray meets disputed lung on any slice.

    A line lies at the slice's height.
    """
    depth_mm = np.count_nonzero(disputed.voxels, axis=1)[::-1] * disputed.geometry.spacing_mm[1]
    map_mm = max(coronal.path_mm.shape[0] * coronal.spacing_mm[0] / SHAPE_HEIGHT, 1.0)
    lungs = lungs_outline(coronal, map_mm)
    picture = np.zeros((*lungs.shape, 3), np.uint8)
    picture[lungs] = _SHAPE
    deep = resampled(depth_mm.astype(np.float32), coronal.spacing_mm, map_mm) >= _LEAST_DEPTH_MM
    picture[lungs & deep] = DISPUTED
    row = round((coronal.path_mm.shape[0] - index - 0.5) * coronal.spacing_mm[0] / map_mm)
    picture[min(row, lungs.shape[0] - 1)] = 255
    rows, columns = np.flatnonzero(lungs.any(axis=1)), np.flatnonzero(lungs.any(axis=0))
    return np.ascontiguousarray(picture[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1])


def _tinted(grey: Picture, region: NDArray[np.bool_]) -> Picture:
    marked = grey.copy()
    marked[region] = grey[region] // 2 + np.array(DISPUTED, np.uint8) // 2
    return marked
