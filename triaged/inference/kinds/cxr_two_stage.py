"""The kind `cxr-two-stage`: both lungs first, then what is affected of them, on a frontal X-ray (Danilov et al.).

Must not know ONNX Runtime, files or how a picture is prepared.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from itertools import pairwise
from typing import Any, Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from triaged.errors import ModelRefused
from triaged.inference.graphs import Graph
from triaged.inference.kinds.kind import Kind
from triaged.inference.kinds.slicewise import read_thresholds, sigmoid
from triaged.inference.manifest import Manifest, Shape, Tensors
from triaged.inference.strict_mapping import StrictMapping

LUNGS_SIDE: Final = 512
"""Rows and columns of the picture that the first stage sees (Danilov et al.)."""


@dataclass(frozen=True, slots=True)
class Estimate:
    """The share of the worse lung's volume that a CT would show, and the 80 % interval of it; shares in [0, 1]."""

    share: float
    low: float
    high: float


@dataclass(frozen=True, slots=True)
class ExtentMap:
    """How an affected share of area becomes one of volume: values at rising extents, straight lines between them."""

    extent: tuple[float, ...]
    share: tuple[float, ...]
    low: tuple[float, ...]
    high: tuple[float, ...]

    def estimate(self, extent: float) -> Estimate:
        """Return what an extent in [0, 1] stands for."""
        share, low, high = (float(np.interp(extent, self.extent, line)) for line in (self.share, self.low, self.high))
        return Estimate(share, low, high)


@dataclass(frozen=True, slots=True)
class TwoStageSettings:
    """How the networks are read.

    `lung` and `affected` are probabilities from which a pixel counts; `gate` the probability of any opacity below
    which nothing counts; `zone` the share of a zone from which it is affected. `repeat_sd` is by how much, as a
    standard deviation, the extent of one chest scatters between pictures.
    """

    lung: float
    affected: float
    gate: float
    zone: float
    repeat_sd: float
    extent_map: ExtentMap

    @property
    def identity(self) -> tuple[str, ...]:
        """What of it makes another model; see `Settings`."""
        thresholds = f"lung {self.lung} affected {self.affected} gate {self.gate} zone {self.zone}"
        return thresholds, f"repeat {self.repeat_sd}", repr(self.extent_map)


class Disease(NamedTuple):
    """Probability per pixel, (channel, row, column), of affected and of consolidated lung where the package tells it.

    `presence` is the probability that there is any opacity.
    """

    opacity: NDArray[np.float32]
    presence: float


class CxrTwoStage:
    """The networks of one package, loaded and checked."""

    def __init__(self, manifest: Manifest[TwoStageSettings], graphs: Mapping[str, Graph], _: Mapping[str, Any]) -> None:
        self._manifest = manifest
        self._lungs, self._disease = (graphs[name] for name in _GRAPHS)
        self._side = disease_side(manifest)

    @property
    def manifest(self) -> Manifest[TwoStageSettings]:
        """The package that the networks come from."""
        return self._manifest

    @property
    def device(self) -> str:
        """Where the networks run: cuda or cpu."""
        return self._lungs.device

    @property
    def disease_side(self) -> int:
        """Rows and columns of the picture that the second stage sees."""
        return self._side

    def lung_probability(self, picture: NDArray[np.float32]) -> NDArray[np.float32]:
        """Return the probability of the patient's right and left lung, (2, 512, 512), of a picture in [0, 1]."""
        (logits,) = self._lungs.run(picture[np.newaxis, np.newaxis])
        return sigmoid(logits[0])

    def disease(self, picture: NDArray[np.float32], lungs: NDArray[np.float32]) -> Disease:
        """Return what is affected of the lungs on a square of `disease_side`: greys, and 1 where lung is, in [0, 1].

        Probabilities are the mean of those of the square and of its mirror image: the networks learn on both.
        """
        seen = np.stack([picture, lungs])
        opacity, presence = self._disease.run(np.stack([seen, seen[..., ::-1]]))
        straight, mirrored = sigmoid(opacity)
        return Disease((straight + mirrored[..., ::-1]) / 2, float(sigmoid(presence).mean()))


def disease_side(manifest: Manifest[TwoStageSettings]) -> int:
    """Return rows and columns of the second stage's picture.

    Raises:
        ModelRefused: its tensors are not one square of greys and lungs in, one of one or two channels and a number out.
    """
    graph = manifest.graphs["disease"]
    inputs, outputs = list(graph.inputs.values()), list(graph.outputs.values())
    side = inputs[0][-1]
    expected = "expected in: [n, 2, side, side]; out: [n, 1 or 2, side, side] and [n, 1]"
    if not (isinstance(side, int) and len(inputs) == 1 and _is_picture(inputs[0], side, (2,)) and len(outputs) == 2):
        raise ModelRefused(f"{manifest.name}: graph disease: {expected}, found other tensors")
    if not (_is_picture(outputs[0], side, (1, 2)) and outputs[1][1:] == (1,)):
        raise ModelRefused(f"{manifest.name}: graph disease: {expected}, found other outputs")
    return side


def _is_picture(shape: Shape, side: int, channels: tuple[int, ...]) -> bool:
    return len(shape) == 4 and shape[2:] == (side, side) and shape[1] in channels


def _settings(section: StrictMapping) -> TwoStageSettings:
    lung, affected, gate, zone = read_thresholds(section, "lung", "affected", "gate", "zone")
    repeat_sd = section.share("repeat_sd")
    return TwoStageSettings(lung, affected, gate, zone, repeat_sd, _extent_map(section.section("extent_map")))


def _extent_map(section: StrictMapping) -> ExtentMap:
    lines = {name: section.numbers(name) for name in ("extent", "share", "low", "high")}
    for name, line in lines.items():
        if len(line) != len(lines["extent"]) or len(line) < 2:
            raise section.refusal(name, f"expected as many numbers as extent has, at least 2, found {len(line)}")
        if not all(0 <= value <= 1 for value in line) or any(one > other for one, other in pairwise(line)):
            raise section.refusal(name, f"expected shares that do not fall, found {', '.join(map(str, line))}")
    found = ExtentMap(**lines)
    if found.extent[0] != 0 or any(one == other for one, other in pairwise(found.extent)):
        raise section.refusal("extent", "expected extents that rise from 0")
    if any(not low <= share <= high for low, share, high in zip(found.low, found.share, found.high, strict=True)):
        raise section.refusal("share", "expected shares between low and high")
    section.close()
    return found


_GRAPHS: Final = ("lungs", "disease")
_TENSORS: Final = {"lungs": Tensors(("n", 1, LUNGS_SIDE, LUNGS_SIDE), ("n", 2, LUNGS_SIDE, LUNGS_SIDE))}
CXR_TWO_STAGE: Final = Kind("cxr-two-stage", "Two-stage X-ray", _GRAPHS, _settings, CxrTwoStage, tensors=_TENSORS)
