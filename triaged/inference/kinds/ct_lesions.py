"""The kind `ct-lesions`: one network that marks lesion on slices of one plane; a member of an ensemble.

It reads nothing by itself, since it finds no lungs. Must not know ONNX Runtime, files or how slices are cut.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from triaged.inference.graphs import Graph
from triaged.inference.kinds.kind import Kind
from triaged.inference.kinds.slicewise import (
    ANY_SIZE,
    logits_of,
    read_spacing,
    read_thresholds,
    read_window,
    sigmoid,
)
from triaged.inference.manifest import Manifest
from triaged.inference.strict_mapping import StrictMapping


class Plane(StrEnum):
    """How the slices that a network sees are cut from a canonical volume.

    Rows and columns of a slice are rows and columns of the volume in axial ones, slices and columns in coronal ones,
    slices and rows in sagittal ones; no axis is reversed.
    """

    AXIAL = "axial"
    CORONAL = "coronal"
    SAGITTAL = "sagittal"


@dataclass(frozen=True, slots=True)
class LesionSettings:
    """How the network is fed and read: plane, spacing of rows and columns, the HU that become 0 and 1, threshold."""

    plane: Plane
    spacing_mm: tuple[float, float]
    window_hu: tuple[float, float]
    lesion: float

    @property
    def identity(self) -> tuple[str, ...]:
        """What of it makes another model; see `Settings`."""
        return self.plane.value, repr(self.spacing_mm), repr(self.window_hu), f"lesion {self.lesion}"


class CtLesions:
    """The network of one package, loaded and checked."""

    def __init__(self, manifest: Manifest[LesionSettings], graphs: Mapping[str, Graph], _: Mapping[str, Any]) -> None:
        self._manifest = manifest
        (self._lesions,) = (graphs[name] for name in _GRAPHS)

    @property
    def manifest(self) -> Manifest[LesionSettings]:
        """The package that the network comes from."""
        return self._manifest

    @property
    def device(self) -> str:
        """Where the network runs: cuda or cpu."""
        return self._lesions.device

    def probability(self, slices: NDArray[np.float32]) -> NDArray[np.float32]:
        """Return the probability of lesion per pixel of (slice, row, column), in the same shape."""
        return sigmoid(logits_of(self._lesions, slices)[:, 0])


def _settings(section: StrictMapping) -> LesionSettings:
    plane = Plane(section.one_of("plane", tuple(Plane)))
    spacing_mm, window_hu = read_spacing(section), read_window(section)
    (lesion,) = read_thresholds(section, "lesion")
    return LesionSettings(plane, spacing_mm, window_hu, lesion)


_GRAPHS: Final = ("lesions",)
CT_LESIONS: Final = Kind("ct-lesions", "Lesions by slice", _GRAPHS, _settings, CtLesions, tensors={"lesions": ANY_SIZE})
