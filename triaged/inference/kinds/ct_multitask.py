"""The kind `ct-multitask`: Multitask-Spatial-1 of Goncharov et al. with its lung network, in three graphs.

Must not know ONNX Runtime, torch, files or how volumes are prepared.
"""

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final, NamedTuple, Protocol

import numpy as np
from numpy.typing import NDArray

from triaged.inference.graphs import Graph
from triaged.inference.kinds.kind import Kind
from triaged.inference.manifest import Manifest
from triaged.inference.pyramid import SMALLEST_AXIS, pool_over_slices
from triaged.inference.strict_mapping import StrictMapping

SLICES_AT_ONCE: Final = 8
"""Bounds memory: activations of 8 slices stay below 200 MiB, however long the series is."""


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


class CtMultitask:
    """The `CtNetworks` of one package, loaded and checked."""

    def __init__(self, manifest: Manifest[CtSettings], graphs: Mapping[str, Graph], _: Mapping[str, Any]) -> None:
        self._manifest = manifest
        self._lungs, self._backbone, self._head = (graphs[name] for name in _GRAPHS)

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
        logits = [self._lungs.run(batch)[0][:, 0] for batch in _batches(slices)]
        return _sigmoid(np.concatenate(logits))

    def lesions(self, slices: NDArray[np.float32]) -> LesionMaps:
        """Return lesion probability and pyramid cells; see `CtNetworks`."""
        _, rows, columns = slices.shape
        results = [self._backbone.run(batch) for batch in _batches(_at_least_eight(slices))]
        logits = np.concatenate([logits[:, 0, :rows, :columns] for logits, _ in results])
        return LesionMaps(_sigmoid(logits), np.concatenate([cells for _, cells in results]))

    def identification(self, cells: NDArray[np.float32]) -> float:
        """Return the probability of disease at balanced prior odds; see `CtNetworks`."""
        (logit,) = self._head.run(pool_over_slices(cells)[np.newaxis])
        prior = self._manifest.settings.training_prior
        return float(_sigmoid(logit.ravel() - np.float32(math.log(prior / (1 - prior))))[0])


def _settings(section: StrictMapping) -> CtSettings:
    row, column = section.pair("spacing_mm")
    if not (row > 0 and column > 0):
        raise section.refusal("spacing_mm", f"expected two positive millimetres, found {row}, {column}")
    low, high = section.pair("window_hu")
    if not low < high:
        raise section.refusal("window_hu", f"expected the lower HU first, found {low}, {high}")
    shares = section.section("thresholds")
    thresholds = Thresholds(shares.share("lung"), shares.share("lesion"), shares.share("identification"))
    shares.close()
    return CtSettings((row, column), (low, high), thresholds, section.share("training_prior"))


_GRAPHS: Final = ("lungs", "backbone", "head")
CT_MULTITASK: Final = Kind("ct-multitask", "Multitask-Spatial-1", _GRAPHS, _settings, CtMultitask)


def _batches(slices: NDArray[np.float32]) -> Iterator[NDArray[np.float32]]:
    """Yield (slice, 1, row, column) pieces of (slice, row, column)."""
    for start in range(0, len(slices), SLICES_AT_ONCE):
        yield slices[start : start + SLICES_AT_ONCE, np.newaxis]


def _sigmoid(logits: NDArray[np.float32]) -> NDArray[np.float32]:
    result: NDArray[np.float32] = 0.5 * (1 + np.tanh(0.5 * logits))
    return result.astype(np.float32)


def _at_least_eight(slices: NDArray[np.float32]) -> NDArray[np.float32]:
    """Extend rows and columns to 8 by repetition: the pyramid has no smaller cells."""
    missing = [(0, max(0, SMALLEST_AXIS - size)) for size in slices.shape[1:]]
    return np.pad(slices, ((0, 0), *missing), mode="edge")
