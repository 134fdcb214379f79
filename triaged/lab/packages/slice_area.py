"""Fits the area of lesion from which a slice counts as positive, to series kept for tuning, and writes it to a package.

Reads the series through the daemon's own pipeline. Must not know networks.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray
from ruamel.yaml import YAML

from triaged.errors import UnreadableStudy
from triaged.exams.ct.engines import Pipeline, pipeline_of
from triaged.exams.ct.options import CtOptions
from triaged.exams.ct.slices import slice_areas
from triaged.inference.manifest import MANIFEST_NAME
from triaged.inference.package import load_package
from triaged.lab.evaluation.images import UNSAID
from triaged.lab.packages.tuning import volume_of
from triaged.lab.training.losses import ranking_area
from triaged.lab.training.run import read_folder
from triaged.lab.training.sampling import IGNORED, LESION, LUNG, GeneratedSeries

AREAS_MM2: Final = (4.0, 25.0, 50.0, 100.0, 150.0, 200.0, 300.0, 400.0, 600.0, 800.0)


@dataclass(frozen=True, slots=True, eq=False)
class Slices:
    """The area of lesion that was found in each slice of lung, and whether there is some."""

    found_mm2: NDArray[np.float64]
    true: NDArray[np.bool_]

    def detection(self, from_mm2: float) -> tuple[float, float]:
        """Return sensitivity and specificity of calling slices positive from an area on."""
        positive = (self.found_mm2 > 0) & (self.found_mm2 >= from_mm2)
        sick, healthy = max(1, int(self.true.sum())), max(1, int((~self.true).sum()))
        return float((positive & self.true).sum()) / sick, float((~positive & ~self.true).sum()) / healthy

    @property
    def ranking(self) -> float:
        """How often a slice with lesion has more of it found than one without."""
        return ranking_area(self.found_mm2[self.true].tolist(), self.found_mm2[~self.true].tolist())


def write_slice_area(package: Path, tune: Sequence[Path], threads: int, report: Callable[[str], None]) -> float:
    """Fit `slice_mm2` of a package to the series of the folders `tune`, write it into the manifest, and return it.

    Raises:
        ConfigError: a folder has no series.
    """
    pipeline = pipeline_of(load_package(package, "cpu", threads), CtOptions())
    slices = joined(read_slices(pipeline, (one for folder in tune for one in read_folder(folder)), report))
    best = best_area(slices)
    for area in (0.0, best):
        sensitivity, specificity = slices.detection(area)
        report(f"from {area:g} mm2: sensitivity {sensitivity:.3f}, specificity {specificity:.3f}")
    report(f"{len(slices.true)} slices, {int(slices.true.sum())} with lesion, AUC of the area {slices.ranking:.3f}")
    yaml, path = YAML(), package / MANIFEST_NAME
    manifest = yaml.load(path.read_text(encoding="utf-8"))
    manifest["slice_mm2"] = best
    with path.open("w", encoding="utf-8") as file:
        yaml.dump(manifest, file)
    load_package(package, "cpu", threads)
    return best


def read_slices(
    pipeline: Pipeline, series: Iterable[GeneratedSeries], report: Callable[[str], None]
) -> Iterable[Slices]:
    """Yield what a pipeline finds in each series that it can read, but for slices whose truth is not known."""
    for one in series:
        try:
            analysis = pipeline.read(volume_of(one), UNSAID)
        except UnreadableStudy as error:
            report(f"{one.patient}: not read: {error}")
            continue
        areas = slice_areas(analysis.lesion, analysis.right_lung, analysis.left_lung)
        shown, ignored = (np.asarray(((one.labels & bit) > 0).any(axis=(1, 2))) for bit in (LUNG, IGNORED))
        known = shown & ~ignored
        true = np.asarray(((one.labels & LESION) > 0).any(axis=(1, 2)), dtype=np.bool_)
        yield Slices(areas.lesion_mm2[known], true[known])


def joined(parts: Iterable[Slices]) -> Slices:
    """Return the slices of several series as one."""
    every = list(parts)
    none = np.empty(0)
    return Slices(
        np.concatenate([none, *(part.found_mm2 for part in every)]),
        np.concatenate([none.astype(np.bool_), *(part.true for part in every)]),
    )


def best_area(slices: Slices) -> float:
    """Return the area with the largest sum of sensitivity and specificity, the smallest of several."""
    return max(AREAS_MM2, key=lambda area: (round(sum(slices.detection(area)), 6), -area))
