"""Turns what the first stage answers into the right and the left lung (Danilov et al., stage I); knows no network."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from triaged.errors import UnreadableStudy
from triaged.exams.xray.pipelines.beside import Beside
from triaged.imaging.regions import components
from triaged.study.assessment import ReasonCode
from triaged.study.finding import QualityFlag

Mask = NDArray[np.bool_]
SMALLEST_SHARE: Final = 0.02
"""Of the picture; smaller components are no lungs."""
LEAST_PART: Final = 0.25
"""Of a side's largest component; smaller ones, above a clavicle or in the stomach, are no part of that lung."""
LEAST_LEFT: Final = 0.5
"""Of a side; where less would be left without air beside the body, it stays as it is."""
HEIGHTS_APART: Final = 0.5
"""Of the taller lung's height; with their middles further apart in height, two regions are no lungs side by side."""
_ROUND: Final = np.array([[0, 1, 1, 1, 0], [1] * 5, [1] * 5, [1] * 5, [0, 1, 1, 1, 0]], dtype=bool)


@dataclass(frozen=True, slots=True, eq=False)
class Lungs:
    """The patient's right and left lung on one picture, and what is to be said of them."""

    right: Mask
    left: Mask
    notes: tuple[QualityFlag, ...] = ()

    @property
    def box(self) -> tuple[int, int, int, int]:
        """The first and, behind the last, row and column of both: top, left, bottom, right."""
        both = self.right | self.left
        rows, columns = (np.flatnonzero(both.any(axis=axis)) for axis in (1, 0))
        return int(rows[0]), int(columns[0]), int(rows[-1]) + 1, int(columns[-1]) + 1


def lungs_of(
    probability: NDArray[np.float32], threshold: float, *, is_frontal: bool, beside: Beside | None = None
) -> Lungs:
    """Return both lungs of a picture; `probability` is (2, row, column): right, then left.

    `is_frontal`: the header says so. Where it does not, two lungs side by side have to. `beside`: what lies around the
    body, to be left out.

    Raises:
        UnreadableStudy: `no-frontal-chest` where nothing says that this is a frontal chest; `lung-not-segmented` where
            it is one, and a lung is not found: dense disease is what breaks lung masks.
    """
    is_right = probability[0] >= probability[1]
    right, left = (probability[0] >= threshold) & is_right, (probability[1] >= threshold) & ~is_right
    air = np.zeros_like(right) if beside is None else beside.air(right | left)
    right, left = (_cleaned_of(mask, air) for mask in (right, left))
    if beside is not None:
        right, left = beside.without_outside(right, is_left=False), beside.without_outside(left, is_left=True)
    found = [name for name, mask in (("right", right), ("left", left)) if mask.any()]
    if len(found) < 2:
        detail = f"expected two lungs on a frontal chest X-ray, found {f'the {found[0]} one' if found else 'none'}"
        code = ReasonCode.LUNG_NOT_SEGMENTED if is_frontal else ReasonCode.NO_FRONTAL_CHEST
        raise UnreadableStudy(code, detail)
    if not is_frontal and not _side_by_side(right, left):
        detail = "expected two lungs side by side, or a View Position, found two regions one above the other"
        raise UnreadableStudy(ReasonCode.NO_FRONTAL_CHEST, detail)
    return Lungs(right, left, (QualityFlag.MIRRORED,) if _middle(right)[1] > _middle(left)[1] else ())


def _cleaned_of(mask: Mask, air: Mask) -> Mask:
    """Return a mask cleaned, without air as long as enough is left."""
    cleaned = _cleaned(mask)
    if not (mask & air).any():
        return cleaned
    left = _cleaned(mask & ~air)
    return left if np.count_nonzero(left) >= LEAST_LEFT * np.count_nonzero(cleaned) else cleaned


def _cleaned(mask: Mask) -> Mask:
    """Return a mask opened twice and closed once, its components that are large enough, holes filled."""
    opened = ndimage.binary_opening(mask, _ROUND, iterations=2)
    padded = np.pad(opened, 2)
    closed = ndimage.binary_closing(padded, _ROUND)[2:-2, 2:-2]
    found = components(closed[np.newaxis])
    least = max(SMALLEST_SHARE * mask.size, LEAST_PART * max(found.sizes, default=0))
    large = [number for number, size in enumerate(found.sizes, start=1) if size >= least]
    kept: Mask = ndimage.binary_fill_holes(np.isin(found.labels[0], large))
    return kept


def _side_by_side(right: Mask, left: Mask) -> bool:
    heights = [int(np.count_nonzero(mask.any(axis=1))) for mask in (right, left)]
    return abs(_middle(right)[0] - _middle(left)[0]) < HEIGHTS_APART * max(heights)


def _middle(mask: Mask) -> tuple[float, float]:
    rows, columns = np.nonzero(mask)
    return float(rows.mean()), float(columns.mean())
