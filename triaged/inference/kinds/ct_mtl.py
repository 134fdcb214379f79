"""The kind `ct-mtl`: one 3D network of the lungs with a head for each task (COVID-MTL of Bao et al.).

`reader`, a `ct-multitask` package, finds lungs and lesions; the graph `network` looks at the lungs, at their radiomic
features where it takes some, and at a mask that says which heads are asked. Must not know how volumes are prepared or
how features are computed.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, Final, TypeAlias

import numpy as np
from numpy.typing import NDArray

from triaged.errors import ModelRefused
from triaged.inference.graphs import Graph
from triaged.inference.kinds.ct_multitask import CtMultitask
from triaged.inference.kinds.kind import Kind
from triaged.inference.kinds.reader import READER, balanced, demand_reader
from triaged.inference.kinds.slicewise import read_thresholds, read_window
from triaged.inference.manifest import Manifest, Shape
from triaged.inference.strict_mapping import StrictMapping
from triaged.study.radiomics import RADIOMICS

NETWORK: Final = "network"
VOLUME, FEATURES, ASKED = "volume", "features", "heads"
"""The inputs of the graph, by name."""
CT, NAT, SEVERITY = "ct", "nat", "severity"
CLASSES: Final[Mapping[str, int]] = MappingProxyType({CT: 2, NAT: 2, SEVERITY: 3})
"""The heads that there can be, in the order of the mask, and how many classes each tells apart."""
SMALLEST: Final = 32
LARGEST: Final = 256
"""Voxels of the box along each axis: the network halves them five times, and memory is bounded."""
_WHOLE: Final = 1e-3
"""So near to 1 the probabilities of a head add up."""

Told: TypeAlias = Mapping[str, NDArray[np.float32]]
"""The probabilities of the classes of each head, in their order."""


@dataclass(frozen=True, slots=True)
class Identifying:
    """How the head `ct` is read: `threshold` from which a study is identified, and the share of positives it saw."""

    threshold: float
    training_prior: float


@dataclass(frozen=True, slots=True)
class Scaling:
    """How a feature is fed: less its mean, in parts of its scale, both of those who taught."""

    mean: float
    scale: float


@dataclass(frozen=True, slots=True)
class MtlSettings:
    """How the network is fed and read.

    Attributes:
        heads: which of its heads are asked, in the order of `CLASSES`; the others give 0.
        grid_mm: edge of the voxels that it sees.
        box: slices, rows and columns of them, around the lungs.
        window_hu: HU that become 0 and 1; all but the lungs is 0.
        features: the radiomic features that it takes, in the order of its input; none where it has no such input.
        identifying: None where the head `ct` is not asked.
    """

    heads: tuple[str, ...]
    grid_mm: float
    box: tuple[int, int, int]
    window_hu: tuple[float, float]
    features: Mapping[str, Scaling]
    identifying: Identifying | None

    @property
    def identity(self) -> tuple[str, ...]:
        """What of it makes another model; see `Settings`."""
        scaled = " ".join(f"{name} {each.mean!r} {each.scale!r}" for name, each in self.features.items())
        told = self.identifying
        rest = () if told is None else (f"identification {told.threshold}", f"prior {told.training_prior}")
        return " ".join(self.heads), f"{self.grid_mm} {self.box}", repr(self.window_hu), scaled, *rest


class CtMtl:
    """The network of one package and its reader, loaded and checked.

    Raises:
        ModelRefused: a head that is asked gives no probabilities, or one that is not asked gives some.
    """

    def __init__(self, manifest: Manifest[MtlSettings], graphs: Mapping[str, Graph], parts: Mapping[str, Any]) -> None:
        self._manifest = manifest
        self._network = graphs[NETWORK]
        self.reader: CtMultitask = parts[READER]
        self._demand_probabilities()

    @property
    def manifest(self) -> Manifest[MtlSettings]:
        """The package that the network comes from."""
        return self._manifest

    @property
    def device(self) -> str:
        """Where the network runs: cuda or cpu."""
        return self._network.device

    def tell(self, volume: NDArray[np.float32], features: Mapping[str, float] | None) -> Told:
        """Return what the heads that are asked say about one series; that of `ct` at balanced prior odds.

        `volume` is the box of the manifest, scaled so that its window is [0, 1]. Without features, None, the network
        takes each at its mean.
        """
        settings = self._manifest.settings
        found = self._run(volume[np.newaxis], features, np.array([[name in settings.heads for name in CLASSES]]))
        told = {name: found[name][0] for name in settings.heads}
        if settings.identifying is not None:
            positive = balanced(told[CT][1:], settings.identifying.training_prior)
            told[CT] = np.concatenate([1 - positive, positive]).astype(np.float32)
        return told

    def _run(
        self, volumes: NDArray[np.float32], features: Mapping[str, float] | None, asked: NDArray[np.bool_]
    ) -> dict[str, NDArray[np.float32]]:
        scaling = self._manifest.settings.features
        values = {VOLUME: volumes[:, np.newaxis], ASKED: asked.astype(np.float32)}
        if scaling:
            scaled = [0.0 if features is None else (features[k] - by.mean) / by.scale for k, by in scaling.items()]
            values[FEATURES] = np.tile(np.array(scaled, dtype=np.float32), (len(volumes), 1))
        return self._network.run_named(values)

    def _demand_probabilities(self) -> None:
        """Ask about two empty boxes: of the first what the manifest asks, of the second nothing."""
        settings = self._manifest.settings
        asked = np.array([[name in settings.heads for name in CLASSES], [False] * len(CLASSES)])
        found = self._run(np.zeros((2, *settings.box), dtype=np.float32), None, asked)
        for name, answers in found.items():
            whole = float(name in settings.heads)
            sums = answers.sum(axis=1)
            if not (np.all(answers >= 0) and np.all(np.abs(sums - [whole, 0.0]) <= (_WHOLE, 0.0))):
                told = " and ".join(f"{each:g}" for each in sums)
                raise ModelRefused(
                    f"{self._manifest.graphs[NETWORK].path}: expected probabilities of {name} that add up to {whole:g} "
                    f"and, where it is not asked, to 0, found sums of {told}"
                )


def _settings(section: StrictMapping) -> MtlSettings:
    if "parts" not in section.names() or READER not in section.section("parts").names():
        raise section.refusal("parts", f"expected a part {READER}: the network looks at lungs and does not find them")
    named = section.some_of("heads", tuple(CLASSES))
    heads = tuple(name for name in CLASSES if name in named)
    grid_mm, box, window_hu = section.number("grid_mm"), _box(section), read_window(section)
    if grid_mm <= 0:
        raise section.refusal("grid_mm", f"expected positive millimetres, found {grid_mm:g}")
    features = _features(section.section(FEATURES)) if FEATURES in section.names() else {}
    identifying = None
    if CT in heads:
        (threshold,) = read_thresholds(section, "identification")
        identifying = Identifying(threshold, section.share("training_prior"))
    _demand_tensors(section, heads, box, len(features))
    return MtlSettings(heads, grid_mm, box, window_hu, MappingProxyType(features), identifying)


def _box(section: StrictMapping) -> tuple[int, int, int]:
    sizes = section.numbers("box")
    if len(sizes) != 3 or not all(size == int(size) and SMALLEST <= size <= LARGEST for size in sizes):
        listed = ", ".join(f"{size:g}" for size in sizes)
        expected = f"expected slices, rows and columns, each {SMALLEST} to {LARGEST}"
        raise section.refusal("box", f"{expected}, found {listed or 'none'}")
    slices, rows, columns = (int(size) for size in sizes)
    return slices, rows, columns


def _features(section: StrictMapping) -> dict[str, Scaling]:
    found = {}
    for name in section.names():
        if name not in RADIOMICS:
            raise section.refusal(name, f"unknown feature, expected one of the {len(RADIOMICS)} of triaged")
        mean, scale = section.pair(name)
        if scale <= 0:
            raise section.refusal(name, f"expected a mean and a positive scale, found {mean:g}, {scale:g}")
        found[name] = Scaling(mean, scale)
    if not found:
        raise ModelRefused(f"{section.where}: expected a feature, or no such key, found none")
    return found


def _demand_tensors(section: StrictMapping, heads: tuple[str, ...], box: tuple[int, int, int], features: int) -> None:
    """Refuse a graph of other inputs than the manifest feeds, without a head that is asked, or with an unknown one."""
    network = section.section("networks").section(NETWORK)
    wanted: dict[str, Shape] = {VOLUME: ("n", 1, *box), ASKED: ("n", len(CLASSES))}
    if features:
        wanted[FEATURES] = ("n", features)
    _demand(network, "inputs", wanted, tuple(wanted))
    _demand(network, "outputs", {name: ("n", count) for name, count in CLASSES.items()}, heads)


def _demand(network: StrictMapping, side: str, known: Mapping[str, Shape], needed: tuple[str, ...]) -> None:
    tensors = network.section(side)
    for name in needed:
        if name not in tensors.names():
            raise tensors.refusal(name, f"expected a tensor {_listed(known[name])}, found none of this name")
    for name in tensors.names():
        if name not in known:
            raise tensors.refusal(name, f"unknown tensor, expected {', '.join(known)}")
        if (found := tensors.shape(name)) != known[name]:
            raise tensors.refusal(name, f"expected {_listed(known[name])}, found {_listed(found)}")


def _listed(shape: Shape) -> str:
    return f"[{', '.join(map(str, shape))}]"


CT_MTL: Final = Kind(
    "ct-mtl",
    "COVID-MTL",
    (NETWORK,),
    _settings,
    CtMtl,
    parts=(READER,),
    demand_parts=demand_reader,
)
