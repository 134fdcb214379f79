"""The kind `ct-lungs`: lungs from three projections, right and left by name (CoRSAI); a part of an ensemble.

Three networks look at the volume, resized to a cube of 128, in axial, coronal and sagittal slices; beside the image
they see where in the cube each voxel lies. It reads nothing by itself. Must not know ONNX Runtime or files.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from triaged.inference.graphs import Graph
from triaged.inference.kinds.kind import Kind
from triaged.inference.kinds.slicewise import SLICES_AT_ONCE, read_thresholds, read_window, softmax
from triaged.inference.manifest import Manifest, Tensors
from triaged.inference.strict_mapping import StrictMapping

CUBE: Final = 128
CLASSES: Final = ("none", "right", "left")


@dataclass(frozen=True, slots=True)
class LungsSettings:
    """How the networks are fed and read: the HU that become 0 and 1, and the threshold of lung."""

    window_hu: tuple[float, float]
    lung: float

    @property
    def identity(self) -> tuple[str, ...]:
        """What of it makes another model; see `Settings`."""
        return repr(self.window_hu), f"lung {self.lung}"


class CtLungs:
    """The networks of one package, loaded and checked."""

    def __init__(self, manifest: Manifest[LungsSettings], graphs: Mapping[str, Graph], _: Mapping[str, Any]) -> None:
        self._manifest = manifest
        self._graphs = tuple(graphs[name] for name in _GRAPHS)

    @property
    def manifest(self) -> Manifest[LungsSettings]:
        """The package that the networks come from."""
        return self._manifest

    @property
    def device(self) -> str:
        """Where the networks run: cuda or cpu."""
        return self._graphs[0].device

    def classes(self, cube: NDArray[np.float32]) -> NDArray[np.float32]:
        """Return the mean probability of no lung, right and left lung: (class, slice, row, column).

        `cube` is the volume, resized to 128 slices, rows and columns, canonical and scaled so that the window is
        [0, 1].
        """
        if cube.shape != (CUBE, CUBE, CUBE):
            raise ValueError(f"cube: expected 128 slices, rows and columns, found {cube.shape}")
        total = np.zeros((len(CLASSES), *cube.shape), dtype=np.float32)
        for axis, graph in enumerate(self._graphs):
            planes = np.moveaxis(total, axis + 1, 0)  # (plane, class, ...): views, so that sums land in `total`
            for start in range(0, CUBE, SLICES_AT_ONCE):
                part = slice(start, start + SLICES_AT_ONCE)
                planes[part] += softmax(graph.run(_with_coordinates(cube, axis, part))[0])
        total /= len(self._graphs)
        return total


def _with_coordinates(cube: NDArray[np.float32], axis: int, part: slice) -> NDArray[np.float32]:
    """Return planes across an axis as (plane, channel, row, column): image, then x, y and z of each voxel in [0, 1]."""
    middle = ((np.arange(CUBE) + 0.5) / CUBE).astype(np.float32)
    z, y, x = np.meshgrid(middle, middle, middle, indexing="ij", sparse=True)
    channels = (np.moveaxis(np.broadcast_to(channel, cube.shape), axis, 0)[part] for channel in (cube, x, y, z))
    return np.stack(list(channels), axis=1)


def _settings(section: StrictMapping) -> LungsSettings:
    window_hu = read_window(section)
    (lung,) = read_thresholds(section, "lung")
    return LungsSettings(window_hu, lung)


_GRAPHS: Final = ("axial", "coronal", "sagittal")
_TENSORS: Final = Tensors(("n", 4, CUBE, CUBE), ("n", len(CLASSES), CUBE, CUBE))
CT_LUNGS: Final = Kind(
    "ct-lungs",
    "Lungs from three projections",
    _GRAPHS,
    _settings,
    CtLungs,
    tensors=dict.fromkeys(_GRAPHS, _TENSORS),
)
