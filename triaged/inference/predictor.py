"""Says what the rest of the daemon may ask of networks, whatever runs them.

Must not know ONNX, torch, files or how volumes are prepared.
"""

from typing import NamedTuple, Protocol

import numpy as np
from numpy.typing import NDArray

from triaged.inference.manifest import Manifest


class LesionMaps(NamedTuple):
    """What the multitask network says about the slices of one series.

    Attributes:
        probability: lesion probability per pixel, (slice, row, column), in [0, 1].
        cells: in-plane pyramid maxima, (slice, channel, 85), to be handed to `identification`.
    """

    probability: NDArray[np.float32]
    cells: NDArray[np.float32]


class CtNetworks(Protocol):
    """The networks of one model package for chest CT.

    Slices are (slice, row, column) on the manifest's in-plane spacing, scaled so that its window is [0, 1]; slice
    order is the series' order, rows run to posterior, columns to the patient's left.
    """

    @property
    def manifest(self) -> Manifest:
        """The package that the networks come from."""
        ...

    def lung_probability(self, slices: NDArray[np.float32]) -> NDArray[np.float32]:
        """Return the probability of lung per pixel, in the shape of `slices`: whole slices, uncropped."""
        ...

    def lesions(self, slices: NDArray[np.float32]) -> LesionMaps:
        """Return lesion probability and pyramid cells of `slices`, cropped to the box around the lungs."""
        ...

    def identification(self, cells: NDArray[np.float32]) -> float:
        """Return the probability of disease for the series whose cells these are, at balanced prior odds.

        The log-odds of the prior in training are taken off: -ln 3 at 75 % positives.
        """
        ...
