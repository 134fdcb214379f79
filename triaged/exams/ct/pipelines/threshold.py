"""Reads a chest CT by Hounsfield units alone: the engine that needs no model package.

Must not know networks. The rule is the thresholding baseline of Goncharov et al. with the constants of the systems
specification, section 1.0.5. It tells how much is opaque, not why: it has no probability of disease.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Final, TypeAlias

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from triaged.exams.ct.finding import Acquisition, LungAnalysis
from triaged.exams.ct.options import CtOptions
from triaged.exams.ct.pipelines.airway import central_airway
from triaged.exams.ct.pipelines.body import within_body
from triaged.exams.ct.pipelines.classical import classical_lungs
from triaged.exams.ct.pipelines.contours import contoured_lungs
from triaged.exams.ct.pipelines.measure import Verdict, body_ml, demand_lungs, measure
from triaged.exams.ct.pipelines.native import lesion_on, lungs_on
from triaged.exams.ct.pipelines.split import Split
from triaged.imaging.regions import bounding_box, remove_small_components
from triaged.imaging.resample import resample_in_plane
from triaged.imaging.volume import Mask, Volume

FindLungs: TypeAlias = Callable[[Volume, NDArray[np.bool_], NDArray[np.bool_]], Split]
THRESHOLD_ENGINE: Final = "threshold"
BUILT_IN: Final[Mapping[str, FindLungs]] = {
    THRESHOLD_ENGINE: classical_lungs,
    "threshold-contours": contoured_lungs,
}
"""The engines that need no model package, and how each finds the lungs."""
OPAQUE_HU: Final = (-700.0, 300.0)
SIGMA_MM: Final = 8.0
"""Four pixels of 2 mm, taken as a length, so that the slice spacing does not change what is a vessel."""
LEAST_LESION_SHARE: Final = 0.001


class ThresholdPipeline:
    """The `Pipeline` without a model: one of `BUILT_IN`."""

    def __init__(self, options: CtOptions, name: str = THRESHOLD_ENGINE) -> None:
        self._options = options
        self._name = name

    def read(self, volume: Volume, acquisition: Acquisition) -> LungAnalysis:
        """Return severity and masks; see `Pipeline`."""
        hu = resample_in_plane(volume)
        sides = BUILT_IN[self._name](hu, central_airway(hu), within_body(hu))
        lung = sides.labels > 0
        demand_lungs(Mask(lung, hu.geometry), body_ml(hu), acquisition)
        opacity = blurred_opacity(hu, lung)
        lungs = lungs_on(volume.geometry, sides, lung.astype(np.float32), hu.geometry)
        lesion = lesion_on(volume.geometry, opacity, hu.geometry, 0.5, lungs)
        return measure(volume, lungs, lesion, Verdict(self._name, None, None), acquisition, self._options)


def blurred_opacity(hu: Volume, lung: NDArray[np.bool_]) -> NDArray[np.float32]:
    """Return the local share of opaque lung, on the volume's grid; where it reaches 0.5 is lesion.

    Vessels are thinner than the blur and vanish; components below a thousandth of the lung are set to 0.
    """
    opacity = np.zeros(hu.geometry.shape, dtype=np.float32)
    box = bounding_box(lung)
    if box is None:
        return opacity
    inner = hu.voxels[box.slices]
    opaque = lung[box.slices] & (inner >= OPAQUE_HU[0]) & (inner <= OPAQUE_HU[1])
    sigma = [SIGMA_MM / mm for mm in hu.geometry.spacing_mm]
    blurred = ndimage.gaussian_filter(opaque.astype(np.float32), sigma, mode="constant", truncate=3.0)
    reached = (blurred >= 0.5) & lung[box.slices]
    kept = remove_small_components(reached, int(np.ceil(LEAST_LESION_SHARE * np.count_nonzero(lung))))
    blurred[reached & ~kept] = 0.0
    opacity[box.slices] = blurred
    return opacity
