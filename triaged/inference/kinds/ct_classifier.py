"""The kind `ct-classifier`: says how probable the disease is in lungs that another package finds.

`reader`, a `ct-multitask` package, finds lungs and lesions. Where the manifest names features, the graph `trees` takes
them in its order and gives the probability (after Bao et al.); else a network sees the slices, as
`triaged.inference.kinds.slice_classifier` says. Must not know how features are computed.
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
from triaged.inference.kinds.reader import READER, balanced, demand_reader, demand_seen_alike
from triaged.inference.kinds.slice_classifier import GRAPHS, CtSliceClassifier, SliceSettings, read_slice_settings
from triaged.inference.kinds.slicewise import read_thresholds
from triaged.inference.manifest import Manifest
from triaged.inference.strict_mapping import StrictMapping
from triaged.study.radiomics import FEATURES

TREES: Final = "trees"
MOST: Final = 64
"""Features at most: each is explained, and written into the report."""


@dataclass(frozen=True, slots=True)
class TreeSettings:
    """How trees are fed and read.

    `features` are names with their middles, the medians of the training series, in the order of the graph's input.
    `identification` is the probability from which a study is identified, in (0, 1); `training_prior` the share of
    positive studies that the trees saw: its log-odds are taken off.
    """

    features: Mapping[str, float]
    identification: float
    training_prior: float

    @property
    def identity(self) -> tuple[str, ...]:
        """What of it makes another model; see `Settings`."""
        middles = " ".join(f"{name} {middle!r}" for name, middle in self.features.items())
        return middles, f"identification {self.identification}", f"prior {self.training_prior}"


class CtClassifier:
    """The networks of one package and of its reader, loaded and checked.

    Raises:
        ModelRefused: the trees give no probability for the middles of the features.
    """

    def __init__(self, manifest: Manifest[TreeSettings], graphs: Mapping[str, Graph], reader: CtMultitask) -> None:
        self._manifest = manifest
        self._trees = graphs[TREES]
        self.reader = reader
        self._demand_probability()

    @property
    def manifest(self) -> Manifest[TreeSettings]:
        """The package that names the features."""
        return self._manifest

    @property
    def device(self) -> str:
        """Where the networks run: cuda or cpu."""
        return self.reader.device

    def probabilities(self, rows: NDArray[np.float32]) -> NDArray[np.float64]:
        """Return the probability of disease at balanced prior odds of each row, (n, feature), in the manifest's order.

        -ln 3 is added to the log-odds at 75 % positives in training.
        """
        (found,) = self._trees.run(rows)
        return balanced(found[:, 0], self._manifest.settings.training_prior)

    def _demand_probability(self) -> None:
        middles = np.array([list(self._manifest.settings.features.values())], dtype=np.float32)
        (found,) = self._trees.run(middles)
        if found.shape != (1, 1) or not 0 <= float(found[0, 0]) <= 1:
            told = f"{found[0, 0]:g}" if found.shape == (1, 1) else f"{found.shape} numbers"
            where = self._manifest.graphs[TREES].path
            raise ModelRefused(f"{where}: expected the probability of a series of middle features, found {told}")


ClassifierSettings: TypeAlias = TreeSettings | SliceSettings


def _settings(section: StrictMapping) -> ClassifierSettings:
    if "parts" not in section.names() or READER not in section.section("parts").names():
        raise section.refusal("parts", f"expected a part {READER}: a classifier without lungs has nothing to look at")
    return read_slice_settings(section) if "window_hu" in section.names() else _tree_settings(section)


def _graphs(settings: ClassifierSettings) -> tuple[str, ...]:
    return GRAPHS if isinstance(settings, SliceSettings) else (TREES,)


def _load(
    manifest: Manifest[Any], graphs: Mapping[str, Graph], parts: Mapping[str, Any]
) -> CtClassifier | CtSliceClassifier:
    reader: CtMultitask = parts[READER]
    if isinstance(manifest.settings, SliceSettings):
        return CtSliceClassifier(manifest, graphs, reader)
    return CtClassifier(manifest, graphs, reader)


def _tree_settings(section: StrictMapping) -> TreeSettings:
    features = section.section("features")
    for name in features.names():
        if name not in FEATURES:
            raise features.refusal(name, f"unknown feature, expected one of the {len(FEATURES)} of triaged")
    middles = {name: features.number(name) for name in features.names()}
    if not 1 <= len(middles) <= MOST:
        raise section.refusal("features", f"expected 1 to {MOST} features, found {len(middles)}")
    _demand_tensors(section, len(middles))
    (identification,) = read_thresholds(section, "identification")
    return TreeSettings(MappingProxyType(middles), identification, section.share("training_prior"))


def _demand_tensors(section: StrictMapping, features: int) -> None:
    """Refuse a graph that takes another number of features than are named, or gives more than one number of each."""
    trees = section.section("networks").section(TREES)
    for side, last in (("inputs", features), ("outputs", 1)):
        tensors = trees.section(side)
        shapes = [tensors.shape(name) for name in tensors.names()]
        if len(shapes) != 1 or len(shapes[0]) != 2 or not isinstance(shapes[0][0], str) or shapes[0][1] != last:
            listed = "; ".join(f"[{', '.join(map(str, shape))}]" for shape in shapes)
            counted = f", as features has {features}" if side == "inputs" else ""
            raise trees.refusal(side, f"expected one tensor [n, {last}]{counted}, found {listed or 'none'}")


def _demand_parts(manifest: Manifest[ClassifierSettings], parts: Mapping[str, Manifest[Any]]) -> None:
    """Refuse a reader of another kind, and one that sees other slices than a network of this package."""
    demand_reader(manifest, parts)
    if isinstance(manifest.settings, SliceSettings):
        demand_seen_alike(manifest.settings, parts[READER].settings, manifest.parts[READER].where)


CT_CLASSIFIER: Final = Kind(
    "ct-classifier",
    "Trees on features",
    _graphs,
    _settings,
    _load,
    parts=(READER,),
    demand_parts=_demand_parts,
)
