"""Stands in for networks: answers that follow from Hounsfield units by a rule that a test can foretell."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from triaged.inference.kinds.ct_multitask import CT_MULTITASK, CtSettings, LesionMaps, Thresholds
from triaged.inference.manifest import Manifest

WINDOW_HU = (-1000.0, 300.0)


THRESHOLDS = Thresholds(lung=0.5, lesion=0.2, identification=0.62)


def manifest(spacing_mm: tuple[float, float] = (2.0, 2.0), thresholds: Thresholds = THRESHOLDS) -> Manifest[CtSettings]:
    """Return the manifest of a package that does not exist."""
    return Manifest(
        name="ct-stand-in",
        version="1.2.0",
        kind=CT_MULTITASK.name,
        method=CT_MULTITASK.method,
        licence="Apache-2.0",
        terms="tests",
        trained_on="nothing",
        device_uid="2.25.1",
        codes={},
        graphs={},
        parts={},
        settings=CtSettings(spacing_mm, WINDOW_HU, thresholds, training_prior=0.75),
    )


def to_hu(unit: NDArray[np.float32]) -> NDArray[np.float32]:
    hu: NDArray[np.float32] = unit * np.float32(WINDOW_HU[1] - WINDOW_HU[0]) + np.float32(WINDOW_HU[0])
    return hu


@dataclass
class AnswersAtOnce:
    """Calls everything from -930 to -300 HU lung, and what has -500 HU or more than 120 HU lesion.

    The rim of a lung, where air and tissue mix, has hardly any of either.
    `seen` keeps the shapes of what it was asked about.
    """

    manifest: Manifest[CtSettings] = field(default_factory=manifest)
    probability: float = 0.91
    lung_above_hu: float = -930.0
    lung_below_hu: float = -300.0
    seen: list[tuple[str, tuple[int, ...], float, float]] = field(default_factory=list)

    def lung_probability(self, slices: NDArray[np.float32]) -> NDArray[np.float32]:
        self._note("lungs", slices)
        hu = to_hu(slices)
        return np.where((hu > self.lung_above_hu) & (hu < self.lung_below_hu), 0.98, 0.01).astype(np.float32)

    def lesions(self, slices: NDArray[np.float32]) -> LesionMaps:
        self._note("lesions", slices)
        hu = to_hu(slices)
        probability = np.where((np.abs(hu + 500) < 4) | (hu > 120), 0.9, 0.02).astype(np.float32)
        return LesionMaps(probability, np.zeros((len(slices), 8, 85), dtype=np.float32))

    def identification(self, cells: NDArray[np.float32]) -> float:
        self._note("identification", cells)
        return self.probability

    def _note(self, asked: str, values: NDArray[np.float32]) -> None:
        self.seen.append((asked, values.shape, float(values.min()), float(values.max())))
