"""Reads a chest CT slice by slice with a cascade: lungs, then lesion on what is lung (Qiblawey et al.).

Must not know what runs the networks. It gives no probability of disease.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from triaged.exams.ct.finding import Acquisition, LungAnalysis
from triaged.exams.ct.options import CtOptions
from triaged.exams.ct.pipelines.body import within_body
from triaged.exams.ct.pipelines.coarse import Coarse, LungRegion, find_lungs, pixel_mm
from triaged.exams.ct.pipelines.measure import Verdict, measure
from triaged.exams.ct.pipelines.native import Probability
from triaged.exams.ct.pipelines.split import split
from triaged.exams.ct.window import to_unit
from triaged.imaging.geometry import Box
from triaged.imaging.regions import bounding_box
from triaged.imaging.volume import Mask, Volume
from triaged.inference.kinds.ct_cascade import SIDE, CtCascade

AT_ONCE = 32
"""Slices that are cut and answered at once, so that windows of a long series are never held together."""


class CascadePipeline:
    """The `Pipeline` of a cascade.

    Raises:
        ModelRefused: the package works on pixels that are not square.
    """

    def __init__(self, networks: CtCascade, options: CtOptions) -> None:
        self._pixel_mm = pixel_mm(networks.manifest.settings.spacing_mm)
        self._networks = networks
        self._options = options

    def read(self, volume: Volume, acquisition: Acquisition) -> LungAnalysis:
        """Return severity and masks; see `Pipeline`."""
        manifest = self._networks.manifest
        settings = manifest.settings
        coarse = Coarse.of(volume, self._pixel_mm)
        unit = to_unit(coarse.hu.voxels, *settings.window_hu)
        within = within_body(coarse.hu)
        found = find_lungs(coarse.hu, self._lung_probability(unit, within), settings.lung, within, acquisition)
        probability = self._lesion_probability(unit, found)
        del unit
        lungs = coarse.lungs(found, split(Mask(found.voxels, coarse.hu.geometry)))
        lesion = coarse.lesion(probability, found.box, settings.lesion, lungs)
        verdict = Verdict(f"{manifest.name} {manifest.version}", None, None, settings.slice_mm2)
        return measure(volume, lungs, lesion, verdict, acquisition, self._options)

    def _lung_probability(self, unit: Probability, within: NDArray[np.bool_]) -> Probability:
        """Return the probability of lung in a window around the body; 0 outside it."""
        body = bounding_box(within)
        window = _Window.around(body or Box((0, 0, 0), within.shape))
        probability = np.zeros_like(unit)
        for part in _batches(len(unit)):
            window.put(self._networks.lung_probability(window.cut(unit[part])), probability[part])
        return probability

    def _lesion_probability(self, unit: Probability, found: LungRegion) -> Probability:
        """Return the probability of lesion within the box of the lungs."""
        window = _Window.around(found.box)
        slices, *in_plane = found.box.slices
        probability = np.zeros(found.box.shape, dtype=np.float32)
        for part in _batches(len(probability)):
            lungs = np.where(found.voxels[slices][part], unit[slices][part], np.float32(0))
            answer = np.zeros_like(lungs)
            window.put(self._networks.lesion_probability(window.cut(lungs)), answer)
            probability[part] = answer[:, in_plane[0], in_plane[1]]
        return probability


@dataclass(frozen=True, slots=True)
class _Window:
    """The square of pixels that the networks see: where its first row and column lie on the slices."""

    row: int
    column: int

    @staticmethod
    def around(box: Box) -> _Window:
        (_, top, left), (_, bottom, right) = box.start, box.stop
        return _Window((top + bottom - SIDE) // 2, (left + right - SIDE) // 2)

    def cut(self, slices: Probability) -> Probability:
        """Return the square out of slices, 0 where it reaches beyond them."""
        square = np.zeros((len(slices), SIDE, SIDE), dtype=np.float32)
        inside, outside = self._overlap(slices)
        square[inside] = slices[outside]
        return square

    def put(self, square: Probability, slices: Probability) -> None:
        """Write the square back to where it was cut out of slices."""
        inside, outside = self._overlap(slices)
        slices[outside] = square[inside]

    def _overlap(self, slices: Probability) -> tuple[tuple[slice, ...], tuple[slice, ...]]:
        inside, outside = [slice(None)], [slice(None)]
        for start, size in zip((self.row, self.column), slices.shape[1:], strict=True):
            low, high = max(0, start), min(size, start + SIDE)
            outside.append(slice(low, high))
            inside.append(slice(low - start, high - start))
        return tuple(inside), tuple(outside)


def _batches(count: int) -> Iterator[slice]:
    return (slice(start, start + AT_ONCE) for start in range(0, count, AT_ONCE))
