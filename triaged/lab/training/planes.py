"""Turns a series so that its coronal or sagittal planes are its slices, on a grid of 2 mm.

Rows of a plane are slices: they rise to the head, as in the volumes that the daemon reads. Must not know networks.
"""

from collections.abc import Mapping
from dataclasses import replace
from types import MappingProxyType
from typing import Final, Literal, TypeAlias

import numpy as np

from triaged.imaging.resample import stretched
from triaged.lab.training.sampling import GRID_MM, LUNG, GeneratedSeries

Plane: TypeAlias = Literal["axial", "coronal", "sagittal"]
AXES: Final[Mapping[Plane, tuple[int, int, int]]] = MappingProxyType(
    {"axial": (0, 1, 2), "coronal": (1, 0, 2), "sagittal": (2, 0, 1)}
)
"""Which axis of (slice, row, column) counts the planes, and which are their rows and columns."""


def seen_from(series: GeneratedSeries, plane: Plane) -> GeneratedSeries:
    """Return the series with the planes of one direction as its slices; axial ones stay as far apart as they are."""
    if plane == "axial":
        return series
    count = max(1, round(len(series.voxels) * series.slice_spacing_mm / GRID_MM))
    voxels = np.rint(stretched(series.voxels.astype(np.float32), count)).astype(np.int16)
    centres = (np.arange(count) + 0.5) * len(series.labels) / count
    labels = series.labels[np.minimum(centres.astype(np.int64), len(series.labels) - 1)]
    turned = np.ascontiguousarray(voxels.transpose(AXES[plane]))
    marked = np.ascontiguousarray(labels.transpose(AXES[plane]))
    rows, columns = (np.flatnonzero((marked & LUNG).any(axis=axes)) for axes in ((0, 2), (0, 1)))
    box = (int(rows[0]), int(rows[-1]) + 1, int(columns[0]), int(columns[-1]) + 1)
    return replace(series, voxels=turned, labels=marked, slice_spacing_mm=GRID_MM, box=box)
