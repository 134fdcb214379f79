"""The kind `ct-multitask`: Multitask-Spatial-1 of Goncharov et al. with its lung network, in three graphs.

Must not know ONNX Runtime, torch, files or how volumes are prepared.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final, NamedTuple, Protocol, runtime_checkable

import numpy as np
from numpy.typing import NDArray

from triaged.inference.graphs import Graph
from triaged.inference.kinds.kind import Kind
from triaged.inference.kinds.remembered import RememberedLogits
from triaged.inference.kinds.slicewise import batches, read_spacing, read_thresholds, read_window, sigmoid
from triaged.inference.manifest import Manifest
from triaged.inference.pyramid import SMALLEST_AXIS, pool_over_slices
from triaged.inference.strict_mapping import StrictMapping


@dataclass(frozen=True, slots=True)
class Thresholds:
    """Probabilities from which a voxel is lung or lesion, and a study is identified; each in (0, 1)."""

    lung: float
    lesion: float
    identification: float


@dataclass(frozen=True, slots=True)
class CtSettings:
    """How the networks are fed and read: row and column spacing, the HU that become 0 and 1, and the thresholds.

    `training_prior` is the share of positive studies that the identification head saw; its log-odds are taken off.
    """

    spacing_mm: tuple[float, float]
    window_hu: tuple[float, float]
    thresholds: Thresholds
    training_prior: float

    @property
    def identity(self) -> tuple[str, ...]:
        """What of it makes another model; see `Settings`."""
        return repr(self.thresholds), repr(self.window_hu)


class LesionMaps(NamedTuple):
    """Lesion probability per pixel, (slice, row, column), and in-plane pyramid maxima, (slice, channel, 85)."""

    probability: NDArray[np.float32]
    cells: NDArray[np.float32]


class CtNetworks(Protocol):
    """What may be asked of the networks of one package, whatever runs them.

    Slices are (slice, row, column) on the manifest's in-plane spacing, scaled so that its window is [0, 1]; slice
    order is the series' order, rows run to posterior, columns to the patient's left.
    """

    @property
    def manifest(self) -> Manifest[CtSettings]:
        """The package that the networks come from."""

    def lung_probability(self, slices: NDArray[np.float32]) -> NDArray[np.float32]:
        """Return the probability of lung per pixel, in the shape of `slices`: whole slices, uncropped."""

    def lesions(self, slices: NDArray[np.float32]) -> LesionMaps:
        """Return lesion probability and pyramid cells of `slices`, cropped to the box around the lungs."""

    def identification(self, cells: NDArray[np.float32]) -> float:
        """Return the probability of disease at balanced prior odds: -ln 3 is added at 75 % positives in training."""


@runtime_checkable
class LungsAhead(Protocol):
    """Networks that can look at slices before all of them are there."""

    def prepare(self, slices: NDArray[np.float32]) -> None:
        """Look at whole slices that `lung_probability` will be asked for; what that returns does not change."""


class CtMultitask:
    """The `CtNetworks` of one package, loaded and checked."""

    def __init__(self, manifest: Manifest[CtSettings], graphs: Mapping[str, Graph], _: Mapping[str, Any]) -> None:
        self._manifest = manifest
        self._lungs, self._backbone, self._head = (graphs[name] for name in _GRAPHS)
        self._lung_logits = RememberedLogits(self._lungs)

    @property
    def manifest(self) -> Manifest[CtSettings]:
        """The package that the networks come from."""
        return self._manifest

    @property
    def device(self) -> str:
        """Where the networks run: cuda or cpu."""
        return self._lungs.device

    def lung_probability(self, slices: NDArray[np.float32]) -> NDArray[np.float32]:
        """Return the probability of lung per pixel; see `CtNetworks`."""
        return sigmoid(self._lung_logits.of(slices)[:, 0])

    def prepare(self, slices: NDArray[np.float32]) -> None:
        """Look for lungs on slices before the others are there; see `LungsAhead`."""
        self._lung_logits.prepare(slices)

    def lesions(self, slices: NDArray[np.float32]) -> LesionMaps:
        """Return lesion probability and pyramid cells; see `CtNetworks`."""
        _, rows, columns = slices.shape
        results = [self._backbone.run(batch) for batch in batches(_at_least_eight(slices))]
        logits = np.concatenate([logits[:, 0, :rows, :columns] for logits, _ in results])
        return LesionMaps(sigmoid(logits), np.concatenate([cells for _, cells in results]))

    def identification(self, cells: NDArray[np.float32]) -> float:
        """Return the probability of disease at balanced prior odds; see `CtNetworks`."""
        (logit,) = self._head.run(pool_over_slices(cells)[np.newaxis])
        prior = self._manifest.settings.training_prior
        return float(sigmoid(logit.ravel() - np.float32(math.log(prior / (1 - prior))))[0])


def _settings(section: StrictMapping) -> CtSettings:
    spacing_mm, window_hu = read_spacing(section), read_window(section)
    thresholds = Thresholds(*read_thresholds(section, "lung", "lesion", "identification"))
    return CtSettings(spacing_mm, window_hu, thresholds, section.share("training_prior"))


_GRAPHS: Final = ("lungs", "backbone", "head")
CT_MULTITASK: Final = Kind("ct-multitask", "Multitask-Spatial-1", _GRAPHS, _settings, CtMultitask)


def _at_least_eight(slices: NDArray[np.float32]) -> NDArray[np.float32]:
    """Extend rows and columns to 8 by repetition: the pyramid has no smaller cells."""
    missing = [(0, max(0, SMALLEST_AXIS - size)) for size in slices.shape[1:]]
    return np.pad(slices, ((0, 0), *missing), mode="edge")
