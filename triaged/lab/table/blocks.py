"""Cuts cases to what every row of the table is given: slices of 2 mm pixels in the box around the same lungs.

Of training series the lungs are the true ones; of whole scans those that a package finds. Must not know what reads
them.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from triaged.errors import ConfigError
from triaged.exams.ct.pipelines.body import within_body
from triaged.exams.ct.pipelines.coarse import Coarse, find_lungs, pixel_mm
from triaged.exams.ct.pipelines.split import LEFT, RIGHT, split
from triaged.exams.ct.window import to_unit
from triaged.imaging.regions import bounding_box
from triaged.imaging.volume import Mask, Volume
from triaged.inference.kinds.ct_multitask import CtMultitask
from triaged.lab.evaluation.images import read_images
from triaged.lab.evaluation.overlap import Region
from triaged.lab.evaluation.series import SeriesCase, series_cases, volume_of


@dataclass(frozen=True, slots=True, eq=False)
class Block:
    """The box around the lungs of a case.

    Attributes:
        group: as in a list of cases; `scan` of one whose severity nobody knows.
        lesion: the true one; None where nobody outlined it.
    """

    case: str
    patient: str
    group: str
    hu: Volume
    right: Region
    left: Region
    lesion: Region | None

    @property
    def lung(self) -> Region:
        """Both lungs."""
        return self.right | self.left

    @property
    def unit(self) -> NDArray[np.float32]:
        """The slices as networks take them, in [0, 1]."""
        return to_unit(self.hu.voxels)


def series_blocks(folder: Path) -> Iterator[Block]:
    """Yield the training series of a folder as blocks; raise ConfigError where there is none."""
    return map(_of_series, series_cases(folder))


def is_of_series(folder: Path) -> bool:
    """Tell whether a folder holds training series; else it is a whole scan."""
    return any(folder.glob("*.npz"))


def scan_block(folder: Path, networks: CtMultitask) -> Block:
    """Return a whole scan as a block around the lungs that the networks find.

    Raises:
        UnreadableStudy: the daemon would not score the scan.
    """
    images = read_images(folder)
    settings = networks.manifest.settings
    coarse = Coarse.of(images.volume, pixel_mm(settings.spacing_mm))
    probability = networks.lung_probability(to_unit(coarse.hu.voxels, *settings.window_hu))
    within = within_body(coarse.hu)
    found = find_lungs(coarse.hu, probability, settings.thresholds.lung, within, images.acquisition)
    labels = split(Mask(found.voxels, coarse.hu.geometry)).labels[found.box.slices]
    hu = Volume(coarse.hu.voxels[found.box.slices], coarse.hu.geometry.crop(found.box))
    return Block(folder.name, folder.name, "scan", hu, labels == RIGHT, labels == LEFT, None)


def _of_series(case: SeriesCase) -> Block:
    volume = volume_of(case.path)
    with np.load(case.path) as archive:
        right, left, lesion = (archive[name].astype(np.bool_) for name in ("right", "left", "lesion"))
    box = bounding_box(right | left)
    if box is None:
        raise ConfigError(f"{case.path}: expected a series with lungs, found none")
    hu = Volume(volume.voxels[box.slices], volume.geometry.crop(box))
    return Block(case.case, case.patient, case.group, hu, right[box.slices], left[box.slices], lesion[box.slices])
