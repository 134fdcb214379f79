"""How a patient stood and breathed, and how he was exposed, from the lungs' masks and greys alone; decides nothing.

Limits, and how often normal films pass them, are in docs/xrays.md. Must not know networks, headers and numbers.
"""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.typing import NDArray

from triaged.exams.xray.pipelines.lungs import Lungs
from triaged.exams.xray.squares import Picture
from triaged.imaging.regions import components
from triaged.study.finding import QualityFlag

Mask = NDArray[np.bool_]
LEAST_PART: Final = 0.05
"""Of a lung; a part of it that lies apart and is smaller does not count."""
MOST_UNEVEN: Final = 0.12
"""By which one lung is wider than the other, as a share of both."""
LEAST_HEIGHT: Final = 0.6
"""Of both lungs' common width."""
BLACK, MOST_BLACK = 0.05, 0.2
"""Grey that nothing of the body has, and the share of the lungs that may have it."""
WHITE, MOST_WHITE = 0.97, 0.4
"""Grey in which nothing can be seen, and the share of what lies between the lungs' lower halves that may have it."""


def circumstances(picture: Picture, lungs: Lungs) -> tuple[QualityFlag, ...]:
    """Return what is to be said of outlines and exposure; the exposed field of the picture fills [0, 1]."""
    raised = {
        QualityFlag.LUNG_IN_PARTS: any(_is_in_parts(lung) for lung in (lungs.right, lungs.left)),
        QualityFlag.LUNGS_UNEVEN: abs(unevenness(lungs)) > MOST_UNEVEN,
        QualityFlag.SHALLOW_BREATH: height(lungs) < LEAST_HEIGHT,
        QualityFlag.OVER_PENETRATED: black_share(picture, lungs) > MOST_BLACK,
        QualityFlag.UNDER_PENETRATED: white_share(picture, lungs) > MOST_WHITE,
    }
    return tuple(flag for flag, is_raised in raised.items() if is_raised)


def unevenness(lungs: Lungs) -> float:
    """Return by how much the right lung is wider than the left in their middle rows, as a share of both, in [-1, 1].

    1 where they have no rows in common.
    """
    rows = _common_rows(lungs, 0.3, 0.7)
    right, left = (float(np.count_nonzero(lung[rows])) for lung in (lungs.right, lungs.left))
    return (right - left) / (right + left) if right + left else 1.0


def height(lungs: Lungs) -> float:
    """Return the lungs' mean height as a share of their common width, from side to side where they are wide."""
    heights = [np.count_nonzero(lung.any(axis=1)) for lung in (lungs.right, lungs.left)]
    both = lungs.right | lungs.left
    both = both[both.any(axis=1)]
    widths = both.shape[1] - both.argmax(axis=1) - both[:, ::-1].argmax(axis=1)
    return float(np.mean(heights) / np.percentile(widths, 90))


def black_share(picture: Picture, lungs: Lungs) -> float:
    """Return the share of the lungs that is black."""
    return float((picture[lungs.right | lungs.left] < BLACK).mean())


def white_share(picture: Picture, lungs: Lungs) -> float:
    """Return the share of what lies between the lungs' lower halves that is white; 0 where nothing lies there."""
    rows = _common_rows(lungs, 0.5, 0.95)
    both = lungs.right[rows] | lungs.left[rows]
    from_left, from_right = np.maximum.accumulate(both, axis=1), np.maximum.accumulate(both[:, ::-1], axis=1)[:, ::-1]
    between = from_left & from_right & ~both
    return float((picture[rows][between] > WHITE).mean()) if between.any() else 0.0


def _common_rows(lungs: Lungs, begin: float, end: float) -> slice:
    """Return a part of the rows that both lungs have, in shares from the top; none where they have none in common."""
    ends = [np.flatnonzero(lung.any(axis=1))[[0, -1]] for lung in (lungs.right, lungs.left)]
    top, bottom = max(first for first, _ in ends), min(last for _, last in ends) + 1
    return slice(int(top + begin * (bottom - top)), int(top + end * (bottom - top))) if bottom > top else slice(0, 0)


def _is_in_parts(lung: Mask) -> bool:
    sizes = components(lung[np.newaxis]).sizes
    least = LEAST_PART * int(np.count_nonzero(lung))
    return sum(size >= least for size in sizes) > 1
