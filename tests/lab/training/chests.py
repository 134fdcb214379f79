"""Writes training series whose truth follows from formulas: boxes of lung in a box of tissue."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from triaged.lab.training.sampling import GeneratedSeries, read_series

SHAPE = (12, 40, 48)


def boxes() -> tuple[NDArray[np.bool_], NDArray[np.bool_], NDArray[np.bool_]]:
    """Return the right lung, the left lung, and an opacity in one corner of the right one."""
    right, left, opacity = (np.zeros(SHAPE, dtype=bool) for _ in range(3))
    right[2:10, 10:30, 8:20] = True
    left[2:10, 10:30, 28:40] = True
    opacity[4:8, 20:30, 8:16] = True
    return right, left, opacity


def write_series(path: Path, disease: str, **more: object) -> Path:
    """Write a series: the opacity is a lesion in viral disease, another disease's otherwise, and absent in none."""
    right, left, opacity = boxes()
    opacity &= disease != "none"
    voxels = np.full(SHAPE, -1000, dtype=np.int16)
    voxels[:, 4:36, 4:44] = 40
    voxels[right | left] = -850
    voxels[opacity] = -400
    none = np.zeros(SHAPE, dtype=bool)
    np.savez_compressed(
        path,
        allow_pickle=False,
        voxels=voxels,
        right=right,
        left=left,
        lesion=opacity if disease == "viral" else none,
        other=none if disease == "viral" else opacity,
        spacing=np.array([5.0, 2.0, 2.0]),
        disease=np.array(disease),
        severity=np.array([0.1, 0.0]),
        **{name: np.array(value) for name, value in more.items()},
    )
    return path


def series(folder: Path, disease: str) -> GeneratedSeries:
    """Return such a series as training reads it."""
    return read_series(write_series(folder / f"{disease}.npz", disease))
