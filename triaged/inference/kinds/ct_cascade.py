"""The kind `ct-cascade`: lungs first, then lesion on what is lung (Qiblawey et al.), slice by slice at 256 x 256.

Must not know ONNX Runtime, files or how slices are cut. It has no probability of disease.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from triaged.inference.graphs import Graph
from triaged.inference.kinds.kind import Kind
from triaged.inference.kinds.slicewise import logits_of, read_spacing, read_thresholds, read_window, sigmoid, softmax
from triaged.inference.manifest import Manifest, Tensors
from triaged.inference.strict_mapping import StrictMapping

SIDE: Final = 256
"""Rows and columns of the slices that both networks see."""


@dataclass(frozen=True, slots=True)
class CascadeSettings:
    """How the networks are fed and read.

    Spacing of rows and columns, the HU that become 0 and 1, the thresholds of lung and lesion, and the area of lesion
    from which a slice counts as positive.
    """

    spacing_mm: tuple[float, float]
    window_hu: tuple[float, float]
    lung: float
    lesion: float
    slice_mm2: float

    @property
    def identity(self) -> tuple[str, ...]:
        """What of it makes another model; see `Settings`."""
        thresholds = f"lung {self.lung} lesion {self.lesion} slice {self.slice_mm2}"
        return repr(self.spacing_mm), repr(self.window_hu), thresholds


class CtCascade:
    """The networks of one package, loaded and checked."""

    def __init__(self, manifest: Manifest[CascadeSettings], graphs: Mapping[str, Graph], _: Mapping[str, Any]) -> None:
        self._manifest = manifest
        self._lungs, self._lesions = (graphs[name] for name in _GRAPHS)

    @property
    def manifest(self) -> Manifest[CascadeSettings]:
        """The package that the networks come from."""
        return self._manifest

    @property
    def device(self) -> str:
        """Where the networks run: cuda or cpu."""
        return self._lungs.device

    def lung_probability(self, slices: NDArray[np.float32]) -> NDArray[np.float32]:
        """Return the probability of lung per pixel of (slice, 256, 256), scaled so that the window is [0, 1]."""
        return sigmoid(logits_of(self._lungs, slices)[:, 0])

    def lesion_probability(self, slices: NDArray[np.float32]) -> NDArray[np.float32]:
        """Return the probability of lesion per pixel of (slice, 256, 256), which are 0 outside the lungs."""
        return softmax(logits_of(self._lesions, slices))[:, 1]


def _settings(section: StrictMapping) -> CascadeSettings:
    spacing_mm, window_hu = read_spacing(section), read_window(section)
    lung, lesion = read_thresholds(section, "lung", "lesion")
    slice_mm2 = section.number("slice_mm2")
    if slice_mm2 < 0:
        raise section.refusal("slice_mm2", f"expected an area, found {slice_mm2}")
    return CascadeSettings(spacing_mm, window_hu, lung, lesion, slice_mm2)


_GRAPHS: Final = ("lungs", "lesions")
_TENSORS: Final = {
    "lungs": Tensors(("n", 1, SIDE, SIDE), ("n", 1, SIDE, SIDE)),
    "lesions": Tensors(("n", 1, SIDE, SIDE), ("n", 2, SIDE, SIDE)),
}
CT_CASCADE: Final = Kind("ct-cascade", "Cascade of lungs and lesions", _GRAPHS, _settings, CtCascade, tensors=_TENSORS)
