"""The kind `ct-segmenter`: one network that marks lesion in slices, or in blocks of slices at once (U-Nets).

`reader`, a `ct-multitask` package, finds the lungs and says nothing else: there is no probability of disease. Must not
know ONNX Runtime, files or how volumes are prepared.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final, cast

import numpy as np
from numpy.typing import NDArray

from triaged.errors import ModelRefused
from triaged.inference.graphs import Graph
from triaged.inference.kinds.ct_multitask import CtMultitask
from triaged.inference.kinds.kind import Kind
from triaged.inference.kinds.reader import READER, demand_reader, demand_seen_alike
from triaged.inference.kinds.slicewise import logits_of, read_spacing, read_thresholds, read_window, sigmoid
from triaged.inference.manifest import Manifest
from triaged.inference.strict_mapping import StrictMapping

MULTIPLE: Final = 8
"""Blocks are extended by zeros to multiples of this along each axis: a 3D U-Net halves them three times."""
AT_ONCE: Final = 24
"""Slices of a block whose answer is taken; bounds memory."""
MARGIN: Final = 16
"""Slices beside them that the network sees too."""


@dataclass(frozen=True, slots=True)
class SegmenterSettings:
    """How the network is fed and read: 2 or 3 dimensions, spacing of rows and columns, HU of 0 and 1, threshold."""

    dimensions: int
    spacing_mm: tuple[float, float]
    window_hu: tuple[float, float]
    lesion: float

    @property
    def identity(self) -> tuple[str, ...]:
        """What of it makes another model; see `Settings`."""
        return f"{self.dimensions}D", repr(self.spacing_mm), repr(self.window_hu), f"lesion {self.lesion}"


class CtSegmenter:
    """The network of one package and the reader of the lungs, loaded and checked."""

    def __init__(
        self, manifest: Manifest[SegmenterSettings], graphs: Mapping[str, Graph], parts: Mapping[str, Any]
    ) -> None:
        self._manifest = manifest
        (self._lesions,) = (graphs[name] for name in _GRAPHS)
        self.reader = cast(CtMultitask, parts[READER])

    @property
    def manifest(self) -> Manifest[SegmenterSettings]:
        """The package that the network comes from."""
        return self._manifest

    @property
    def device(self) -> str:
        """Where the network runs: cuda or cpu."""
        return self._lesions.device

    def lesion_probability(self, block: NDArray[np.float32]) -> NDArray[np.float32]:
        """Return the probability of lesion of a block (slice, row, column), scaled so that the window is [0, 1]."""
        if self._manifest.settings.dimensions == 2:
            return sigmoid(logits_of(self._lesions, block)[:, 0])
        answer = np.empty_like(block)
        for start in range(0, len(block), AT_ONCE):
            first, end = max(0, start - MARGIN), min(len(block), start + AT_ONCE + MARGIN)
            seen = self._logits(block[first:end])
            kept = seen[start - first : start - first + AT_ONCE]
            answer[start : start + len(kept)] = sigmoid(kept)
        return answer

    def _logits(self, block: NDArray[np.float32]) -> NDArray[np.float32]:
        missing = [(0, -size % MULTIPLE) for size in block.shape]
        (logits,) = self._lesions.run(np.pad(block, missing)[np.newaxis, np.newaxis])
        slices, rows, columns = block.shape
        return logits[0, 0, :slices, :rows, :columns]


def _settings(section: StrictMapping) -> SegmenterSettings:
    dimensions = section.number("dimensions")
    if dimensions not in (2, 3):
        raise section.refusal("dimensions", f"expected 2 or 3, found {dimensions:g}")
    spacing_mm, window_hu = read_spacing(section), read_window(section)
    (lesion,) = read_thresholds(section, "lesion")
    return SegmenterSettings(int(dimensions), spacing_mm, window_hu, lesion)


def _demand_parts(manifest: Manifest[SegmenterSettings], parts: Mapping[str, Manifest[Any]]) -> None:
    """Refuse another reader than one of the lungs of the same pixels, and a graph of other dimensions."""
    settings = manifest.settings
    demand_reader(manifest, parts)
    demand_seen_alike(settings, parts[READER].settings, manifest.parts[READER].where)
    graph = manifest.graphs[_GRAPHS[0]]
    for side, tensors in (("input", graph.inputs), ("output", graph.outputs)):
        shapes = list(tensors.values())
        if len(shapes) != 1 or len(shapes[0]) != settings.dimensions + 2:
            told = "; ".join(f"[{', '.join(map(str, shape))}]" for shape in shapes)
            expected = f"one {side} of {settings.dimensions + 2} axes, for {settings.dimensions} dimensions"
            raise ModelRefused(f"{manifest.name}: {_GRAPHS[0]}: expected {expected}, found {told}")


_GRAPHS: Final = ("lesions",)
CT_SEGMENTER: Final = Kind(
    "ct-segmenter",
    "2D U-Net",
    _GRAPHS,
    _settings,
    CtSegmenter,
    parts=(READER,),
    demand_parts=_demand_parts,
)
