"""Grey level size zones (GLSZM): how large connected areas of one level are (IBSI reference manual, 3.8; 3D)."""

from __future__ import annotations

from collections.abc import Mapping

import cc3d
import numpy as np

from triaged.exams.ct.radiomics.grouped import Groups, features_of
from triaged.exams.ct.radiomics.levels import Levels
from triaged.study.radiomics import GLSZM


def zones(grey: Levels) -> Mapping[str, float]:
    """Return the 16 zone features of a region; voxels are connected over faces, edges and corners."""
    labels = cc3d.connected_components(grey.codes, connectivity=26).reshape(-1)[grey.inside]
    size = np.bincount(labels)[1:]
    level = np.zeros(size.size + 1, dtype=np.int64)
    level[labels] = grey.flat[grey.inside]
    found = features_of(Groups.of(level[1:], size))
    return dict(zip(GLSZM, (float(each) for each in found), strict=True))
