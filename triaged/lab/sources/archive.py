"""The training series of every source beyond phantoms, as one `.npz` file each; `lab.training.sampling` reads them.

Must not know where a series comes from. Keys: those of `triaged.lab.phantom.cache`, and `patient`, `source`,
`lung_known`, `lesion_known`.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

Bool = NDArray[np.bool_]


@dataclass(frozen=True, slots=True, eq=False)
class TrainingSeries:
    """One series with its truth, on a grid of 2 mm in plane.

    Attributes:
        voxels: HU, int16, (slice, row, column); slices rise to the head, rows to posterior, columns to patient left.
        right, left, lesion, other: masks of that shape; `lesion` is viral disease, `other` any other opacity.
        spacing_mm: (slice, row, column).
        disease: as in `triaged.lab.phantom.options.Disease`.
        seed: tells the variants of one patient apart.
        patient: a pseudonym; files that share it must stay on one side of any split.
        source: what made the series.
        lung_known: whether the lung masks may teach.
        lesion_known: (slice,), whether the lesion mask may teach there.
    """

    voxels: NDArray[np.int16]
    right: Bool
    left: Bool
    lesion: Bool
    other: Bool
    spacing_mm: tuple[float, float, float]
    disease: str
    seed: int
    patient: str
    source: str
    lung_known: bool
    lesion_known: Bool

    def __post_init__(self) -> None:
        for name in ("right", "left", "lesion", "other"):
            if getattr(self, name).shape != self.voxels.shape:
                raise ValueError(f"{name}: expected shape {self.voxels.shape}, found {getattr(self, name).shape}")
        if self.lesion_known.shape != self.voxels.shape[:1]:
            raise ValueError(f"lesion_known: expected {self.voxels.shape[0]} slices, found {self.lesion_known.shape}")

    @property
    def severity(self) -> tuple[float, float]:
        """Return the share of (right, left) lung that lesion covers, in [0, 1]; 0 for a lung that is not there."""
        right, left = (int((self.lesion & lung).sum()) / max(int(lung.sum()), 1) for lung in (self.right, self.left))
        return right, left


def save_series(series: TrainingSeries, path: Path) -> None:
    """Write a series; a half-written file never carries the final name."""
    part = path.with_suffix(".part")
    with part.open("wb") as sink:
        np.savez_compressed(
            sink,
            voxels=series.voxels,
            right=series.right,
            left=series.left,
            lesion=series.lesion,
            other=series.other,
            spacing=np.array(series.spacing_mm, dtype=np.float64),
            disease=np.array(series.disease),
            severity=np.array(series.severity),
            seed=np.array(series.seed),
            patient=np.array(series.patient),
            source=np.array(series.source),
            lung_known=np.array(series.lung_known),
            lesion_known=series.lesion_known,
        )
    part.rename(path)
