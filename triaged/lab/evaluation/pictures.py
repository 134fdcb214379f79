"""Draws the slices on which a case went worst, with the outlines of what was found and of the references.

Must not know figures' sums. Pictures show patients: they stay in the report, beside whoever made it.
"""

from __future__ import annotations

import io
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from scipy import ndimage

from triaged.exams.ct.window import to_unit
from triaged.imaging.regions import bounding_box
from triaged.lab.evaluation.row import Outcome, Row
from triaged.lab.evaluation.run import Compared

Region = NDArray[np.bool_]

WINDOW_HU: Final = (-1350.0, 150.0)
WIDTH_PX: Final = 420
SLICES: Final = 2
FOUND: Final = (255, 140, 0)
REFERENCE: Final = (0, 220, 255)
LUNG_FOUND: Final = (150, 90, 20)
LUNG_REFERENCE: Final = (20, 120, 140)


@dataclass(frozen=True, slots=True)
class Picture:
    """Slices of one case as PNG, and how bad the case is: the larger, the worse."""

    row: Row
    badness: float
    png: bytes
    slices: tuple[int, ...]


class Gallery:
    """Looks at each case and keeps the worst ones."""

    def __init__(self, size: int = 8) -> None:
        self._size = size
        self._kept: list[Picture] = []

    @property
    def worst(self) -> tuple[Picture, ...]:
        """The worst cases seen so far, the worst first."""
        return tuple(self._kept)

    def see(self, compared: Compared) -> None:
        """Take a case into account; its arrays are not kept."""
        bad = badness(compared.row)
        if len(self._kept) == self._size and bad <= self._kept[-1].badness:
            return
        chosen = _worst_slices(compared)
        picture = Picture(compared.row, bad, _png(compared, chosen), chosen)
        self._kept = sorted([*self._kept, picture], key=lambda kept: -kept.badness)[: self._size]


def badness(row: Row) -> float:
    """Return how bad a case went, in errors of severity, Dice of lungs and Dice of lesions; failures are worst."""
    if row.outcome is Outcome.FAILED:
        return 10.0
    error = 0.0
    if row.severity is not None and row.severity_reference is not None:
        error = abs(row.severity - row.severity_reference)
    elif row.severity is not None and not row.is_positive:
        error = row.severity
    lungs = 1 - row.lung_dice if row.lung_dice is not None else 0.0
    lesions = 1 - row.lesion_dice if row.lesion_dice is not None and row.is_positive else 0.0
    return 2 * error + 3 * lungs + 0.5 * lesions


def _regions(compared: Compared) -> tuple[tuple[Region | None, tuple[int, int, int]], ...]:
    """Return the outlines to be drawn, later ones over earlier ones."""
    reading = compared.reading
    return (
        (compared.lungs.lung if compared.lungs else None, LUNG_REFERENCE),
        (reading.right_lung.voxels | reading.left_lung.voxels if reading else None, LUNG_FOUND),
        (compared.lesions.lesion if compared.lesions else None, REFERENCE),
        (reading.lesion.voxels if reading else None, FOUND),
    )


def _worst_slices(compared: Compared) -> tuple[int, ...]:
    """Return the slices that differ most, in lesions, else in lungs, else those with most lesion, else the middle."""
    lungs_true, lungs, lesions_true, lesions = (region for region, _ in _regions(compared))
    for found, true in ((lesions, lesions_true), (lungs, lungs_true), (lesions, None), (lungs_true, None)):
        if found is None or (true is None and found is not lesions and found is not lungs_true):
            continue
        wrong = (found ^ true if true is not None else found).sum(axis=(1, 2))
        if wrong.any():
            return _peaks(wrong)
    return (compared.images.volume.geometry.shape[0] // 2,)


def _peaks(wrong: NDArray[np.int64]) -> tuple[int, ...]:
    """Return the worst slices, well apart from each other."""
    left, chosen = wrong.astype(np.float64), []
    for _ in range(SLICES):
        worst = int(np.argmax(left))
        if left[worst] <= 0:
            break
        chosen.append(worst)
        apart = max(1, len(wrong) // 8)
        left[max(0, worst - apart) : worst + apart + 1] = 0
    return tuple(sorted(chosen))


def _png(compared: Compared, slices: tuple[int, ...]) -> bytes:
    """Return each slice plain and with outlines, side by side, one slice below the other, cut to the lungs."""
    _, row_mm, column_mm = compared.images.volume.geometry.spacing_mm
    cut = _cut(compared)
    pairs = []
    for index in slices:
        plane = np.asarray(compared.images.volume.voxels[index][cut], dtype=np.float32)
        height = max(1, round(WIDTH_PX * plane.shape[0] * row_mm / (plane.shape[1] * column_mm)))
        grey = Image.fromarray(np.rint(to_unit(plane, *WINDOW_HU) * 255).astype(np.uint8)).resize((WIDTH_PX, height))
        plain = np.repeat(np.asarray(grey)[..., None], 3, axis=2)
        drawn = plain.copy()
        for region, colour in _regions(compared):
            if region is not None:
                drawn[_outline(region[index][cut], (WIDTH_PX, height))] = colour
        pairs.append(np.concatenate([plain, drawn], axis=1))
    content = io.BytesIO()
    Image.fromarray(np.concatenate(pairs, axis=0)).save(content, format="PNG", optimize=True)
    return content.getvalue()


def _cut(compared: Compared) -> tuple[slice, slice]:
    """Return the rows and columns that hold all outlines, with a margin; everything where there are none."""
    shape = compared.images.volume.geometry.shape
    together = np.zeros(shape, dtype=np.bool_)
    for region, _ in _regions(compared):
        if region is not None:
            together |= region
    box = bounding_box(together)
    if box is None:
        return slice(None), slice(None)
    _, rows, columns = box.grown((0, shape[1] // 16, shape[2] // 16), shape).slices
    return rows, columns


def _outline(plane: Region, size: tuple[int, int]) -> Region:
    large = np.asarray(Image.fromarray(plane).resize(size, Image.Resampling.NEAREST), dtype=np.bool_)
    outline: Region = large & ~ndimage.binary_erosion(large, iterations=1)
    return outline
