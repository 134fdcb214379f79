"""A `ct-classifier` that sees slices: a network gives numbers for each, and a head the probability from their maxima.

So ResNet-50 reads a series in Goncharov et al. The lungs and lesions are those of another package, whose box around the
lungs is what the network sees. Must not know ONNX Runtime, files or how volumes are prepared.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Final

import numpy as np
from numpy.typing import NDArray

from triaged.inference.graphs import Graph
from triaged.inference.kinds.ct_multitask import CtMultitask, CtSettings, LesionMaps
from triaged.inference.kinds.slicewise import logits_of, read_spacing, read_thresholds, read_window, sigmoid
from triaged.inference.manifest import Manifest
from triaged.inference.pyramid import LEVELS, pool_along_slices
from triaged.inference.strict_mapping import StrictMapping

GRAPHS: Final = ("slices", "head")
CELLS: Final = sum(LEVELS)
"""Maxima along the series of each number that the network gives for a slice."""


@dataclass(frozen=True, slots=True)
class SliceSettings:
    """How the network is fed and read: spacing of rows and columns, and HU of 0 and 1, which are those of the reader.

    `identification` is the probability from which a study is identified, in (0, 1); `training_prior` the share of
    positive studies that the network saw: its log-odds are taken off.
    """

    spacing_mm: tuple[float, float]
    window_hu: tuple[float, float]
    identification: float
    training_prior: float

    @property
    def identity(self) -> tuple[str, ...]:
        """What of it makes another model; see `Settings`."""
        texts = repr(self.spacing_mm), repr(self.window_hu)
        return *texts, f"identification {self.identification}", f"prior {self.training_prior}"


class CtSliceClassifier:
    """The networks of one package and of its reader, loaded and checked; together they are `CtNetworks`."""

    def __init__(self, manifest: Manifest[SliceSettings], graphs: Mapping[str, Graph], reader: CtMultitask) -> None:
        self._manifest = manifest
        self._slices, self._head = (graphs[name] for name in GRAPHS)
        self._reader = reader

    @property
    def manifest(self) -> Manifest[CtSettings]:
        """The package, with the thresholds of its reader for what the reader finds."""
        own, read = self._manifest.settings, self._reader.manifest.settings
        thresholds = replace(read.thresholds, identification=own.identification)
        settings = CtSettings(own.spacing_mm, own.window_hu, thresholds, own.training_prior)
        return Manifest(
            **{name: getattr(self._manifest, name) for name in Manifest.__slots__ if name != "settings"},
            settings=settings,
        )

    @property
    def device(self) -> str:
        """Where the networks run: cuda or cpu."""
        return self._slices.device

    def lung_probability(self, slices: NDArray[np.float32]) -> NDArray[np.float32]:
        """Return the reader's probability of lung; see `CtNetworks`."""
        return self._reader.lung_probability(slices)

    def lesions(self, slices: NDArray[np.float32]) -> LesionMaps:
        """Return the reader's probability of lesion, and what the network says of each slice in place of cells."""
        return LesionMaps(self._reader.lesions(slices).probability, logits_of(self._slices, slices))

    def identification(self, cells: NDArray[np.float32]) -> float:
        """Return the probability of disease at balanced prior odds from the numbers of each slice, (slice, number)."""
        (logit,) = self._head.run(pool_along_slices(cells)[np.newaxis])
        prior = self._manifest.settings.training_prior
        return float(sigmoid(logit.ravel() - np.float32(math.log(prior / (1 - prior))))[0])


def read_slice_settings(section: StrictMapping) -> SliceSettings:
    """Return the settings of a manifest, whose graphs fit each other; raise ModelRefused otherwise."""
    spacing_mm, window_hu = read_spacing(section), read_window(section)
    (identification,) = read_thresholds(section, "identification")
    _demand_tensors(section.section("networks"))
    return SliceSettings(spacing_mm, window_hu, identification, section.share("training_prior"))


def _demand_tensors(networks: StrictMapping) -> None:
    """Refuse graphs that are not slices to numbers, and `CELLS` times as many numbers to one."""
    slices, head = (networks.section(name) for name in GRAPHS)
    numbers = _last(slices, "outputs", 2)
    _last(slices, "inputs", 4)
    if not isinstance(numbers, int):
        raise slices.refusal("outputs", f"expected [n, a number], found {numbers} of them")
    for side, wanted in (("inputs", CELLS * numbers), ("outputs", 1)):
        found = _last(head, side, 2)
        if found != wanted:
            raise head.refusal(side, f"expected [n, {wanted}], found [n, {found}]")


def _last(graph: StrictMapping, side: str, axes: int) -> int | str:
    """Return the size of the last axis of the only tensor of a side, which has so many axes and any number of rows."""
    tensors = graph.section(side)
    shapes = [tensors.shape(name) for name in tensors.names()]
    if len(shapes) != 1 or len(shapes[0]) != axes or not isinstance(shapes[0][0], str):
        listed = "; ".join(f"[{', '.join(map(str, shape))}]" for shape in shapes)
        raise graph.refusal(side, f"expected one tensor of {axes} axes, the first free, found {listed or 'none'}")
    return shapes[0][-1]
