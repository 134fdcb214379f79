"""Grey level runs (GLRLM): how many voxels of one level are in a row (IBSI reference manual, 3.7; 3D, averaged)."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from triaged.exams.ct.radiomics.grouped import Groups, features_of
from triaged.exams.ct.radiomics.levels import DIRECTIONS, Levels
from triaged.study.radiomics import GLRLM


def runs(grey: Levels) -> Mapping[str, float]:
    """Return the 16 run features of a region, the mean over 13 directions."""
    found = np.mean([features_of(_runs(grey, grey.stride(direction))) for direction in DIRECTIONS], axis=0)
    return dict(zip(GLRLM, (float(each) for each in found), strict=True))


def _runs(grey: Levels, stride: int) -> Groups:
    """Return the runs along one direction; all that still go on take a step at once."""
    flat, inside = grey.flat, grey.inside
    here = flat[inside]
    goes_on = np.zeros(flat.size, dtype=np.bool_)
    goes_on[inside] = flat[inside + stride] == here
    begins = flat[inside - stride] != here
    first, level = inside[begins], here[begins]
    length = np.ones(first.size, dtype=np.int32)
    alive: NDArray[np.intp] = np.flatnonzero(goes_on[first])
    at = first[alive] + stride
    while alive.size:
        length[alive] += 1
        on = goes_on[at]
        alive, at = alive[on], at[on] + stride
    return Groups.of(level, length)
