"""Tells from greys on which side the heart is: a mirrored chest has it on the wrong one; knows no network, no header.

The first stage tells the sides by their place, so that its outlines say nothing of them. Four differences of mean grey,
each of what is on the patient's left, if the picture is not mirrored, less what is on the right, are weighed.
"""

from __future__ import annotations

from dataclasses import astuple, dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from triaged.exams.xray.pipelines.lungs import Lungs
from triaged.exams.xray.squares import Picture

Mask = NDArray[np.bool_]
MIRRORED_FROM: Final = 3.3
"""Evidence from which a chest is flagged: of 733 real films that are not mirrored, 7 have as much."""
_LOWER, _UPPER, _AORTA = (0.55, 0.95), (0.05, 0.5), (0.15, 0.5)
"""Of the rows that both lungs have, from the top: where heart, the middle of the chest, and the aorta's arch are."""
_MEDIAL, _CENTRAL = (0.0, 0.4), (0.3, 0.6)
"""Of a lung's width on one row, from its medial edge."""
_BESIDE_MIDDLE: Final = 0.0825
"""Of both lungs' common width, on either side of the middle: where aorta and vena cava are."""
_BELOW: Final = 0.2
"""Of the height that both lungs have: how far below them liver and stomach are looked at."""
_LEAST_ROWS: Final = 40
"""On the picture of the first stage; lungs with fewer in common tell nothing."""


@dataclass(frozen=True, slots=True)
class Differences:
    """Mean grey on the left of the patient less that on the right, in [-1, 1].

    `medial` and `central`: of the lower half of the lungs, next to the heart and further out; the heart is behind the
    left one. `aorta`: beside the middle of the chest above the heart; the arch and what descends of it are left.
    `below`: under the lungs' bases, right less left: the liver is denser than the stomach's air.
    """

    medial: float = 0.0
    central: float = 0.0
    aorta: float = 0.0
    below: float = 0.0


_WEIGHTS: Final = Differences(medial=-31.0, central=10.0, aorta=-48.0, below=-12.0)
"""Logistic regression without a constant, on 733 real films and their mirror images, five collections of one weight."""


def is_mirrored(picture: Picture, lungs: Lungs) -> bool:
    """Tell whether the heart seems to lie on the patient's right; the exposed field of the picture fills [0, 1]."""
    return evidence(differences(picture, lungs)) > MIRRORED_FROM


def evidence(found: Differences) -> float:
    """Return the logarithm of the odds that the chest is mirrored, were half of all chests."""
    weights, values = (np.array(astuple(each)) for each in (_WEIGHTS, found))
    return float(weights @ values)


def differences(picture: Picture, lungs: Lungs) -> Differences:
    """Return what the sides differ by; nothing where the lungs have too few rows in common."""
    ends = [np.flatnonzero(lung.any(axis=1))[[0, -1]] for lung in (lungs.right, lungs.left)]
    top, bottom = (int(each) for each in (max(ends[0][0], ends[1][0]), min(ends[0][1], ends[1][1]) + 1))
    if bottom - top < _LEAST_ROWS:
        return Differences()
    lower, upper, aorta = (_part(top, bottom, each) for each in (_LOWER, _UPPER, _AORTA))
    middle, width = _middle(lungs, upper)
    medial, central = (
        _band(picture[lower], lungs.left[lower], share, is_left=True)
        - _band(picture[lower], lungs.right[lower], share, is_left=False)
        for share in (_MEDIAL, _CENTRAL)
    )
    near = max(1, round(_BESIDE_MIDDLE * width))
    at = min(max(round(middle), near), picture.shape[1] - near)
    beside = picture[aorta, at : at + near].mean() - picture[aorta, at - near : at].mean()
    return Differences(medial, central, float(beside), _below(picture, lungs, top, bottom))


def _part(top: int, bottom: int, share: tuple[float, float]) -> slice:
    begin, end = (int(top + each * (bottom - top)) for each in share)
    return slice(begin, end)


def _middle(lungs: Lungs, rows: slice) -> tuple[float, float]:
    """Return the column halfway between the lungs, and how wide both are."""
    right, left = lungs.right[rows], lungs.left[rows]
    common = right.any(axis=1) & left.any(axis=1)
    if not common.any():
        return lungs.right.shape[1] / 2, 0.0
    (first, inner), (outer, last) = _edges(right[common]), _edges(left[common])
    return float(np.median((inner + outer) / 2)), float(np.percentile(last, 90) - np.percentile(first, 10))


def _band(picture: Picture, lung: Mask, share: tuple[float, float], *, is_left: bool) -> float:
    """Return the mean grey of a part of a lung's width, every row counting the same; 0 where it has no rows."""
    filled = lung.any(axis=1)
    if not filled.any():
        return 0.0
    first, last = _edges(lung[filled])
    begin, end = ((last - first) * each for each in share)
    begin, end = (first + begin, first + end) if is_left else (last - end, last - begin)
    columns = np.arange(lung.shape[1])
    within = (columns >= np.floor(begin)[:, None]) & (columns < np.maximum(np.floor(end), np.floor(begin) + 1)[:, None])
    return float(((picture[filled] * within).sum(axis=1) / within.sum(axis=1)).mean())


def _below(picture: Picture, lungs: Lungs, top: int, bottom: int) -> float:
    under = picture[bottom : bottom + int(_BELOW * (bottom - top))]
    if len(under) < _LEAST_ROWS // 8:
        return 0.0
    spans = (np.flatnonzero(lung.any(axis=0))[[0, -1]] for lung in (lungs.right, lungs.left))
    right, left = (float(under[:, first:last].mean()) if last > first else 0.0 for first, last in spans)
    return right - left


def _edges(lung: Mask) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    """Return the first column of each row and the one behind the last."""
    return lung.argmax(axis=1), lung.shape[1] - lung[:, ::-1].argmax(axis=1)
