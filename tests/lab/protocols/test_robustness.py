"""Drift is zero for a pipeline that sees the same disease, and shows where one does not."""

from __future__ import annotations

import math
from dataclasses import dataclass, field, replace

import numpy as np
import pytest

from tests.exams.pipelines.bodies import ADULT, LUNG_ML, Ball, Chest, draw, grid
from tests.findings import changed
from triaged.errors import UnreadableStudy
from triaged.exams.ct.finding import Acquisition, LungAnalysis
from triaged.exams.ct.options import CtOptions
from triaged.exams.ct.pipelines.measure import Lungs, Verdict, measure
from triaged.exams.ct.pipelines.split import SplitMethod
from triaged.imaging.volume import Mask, Volume
from triaged.lab.protocols.robustness import REFERENCE, drifts, protocols
from triaged.lab.protocols.variation import Protocol

QUIET = replace(REFERENCE, noise_sd_hu=0.0)
BALL = Ball((72, 0, 0), 40, -400)
CHEST = draw(Chest(balls=[BALL], trachea=()), grid((2.0, 4.0, 4.0)))


@dataclass
class Reads:
    """Calls -930 to -600 HU lung, -600 to -200 HU lesion, and what lies at x < 0 right, where the chest has lungs.

    Series whose slices are `more_from_mm` apart or farther it reads 5 points higher, from `refused_from_mm` on it
    refuses them.
    """

    more_from_mm: float = math.inf
    refused_from_mm: float = math.inf
    seen: list[Acquisition] = field(default_factory=list)

    def read(self, volume: Volume, acquisition: Acquisition) -> LungAnalysis:
        self.seen.append(acquisition)
        grid = volume.geometry
        if grid.spacing_mm[0] >= self.refused_from_mm:
            raise UnreadableStudy("lung-not-segmented", "expected lung")
        x_mm = grid.affine[0, 3] + grid.spacing_mm[2] * np.arange(grid.shape[2])
        y_mm = grid.affine[1, 3] + grid.spacing_mm[1] * np.arange(grid.shape[1])[:, None]
        lung = (volume.voxels > -930) & (volume.voxels < -200) & (np.abs(x_mm) < 132) & (np.abs(y_mm) < 88)
        lesion = lung & (volume.voxels > -600)
        lungs = Lungs(Mask(lung & (x_mm < 0), grid), Mask(lung & (x_mm >= 0), grid), SplitMethod.COMPONENTS)
        verdict = Verdict("by rule", None, None)
        reading = measure(volume, lungs, Mask(lesion, grid), verdict, acquisition, CtOptions())
        more = 0.05 if grid.spacing_mm[0] >= self.more_from_mm else 0.0
        return replace(reading, finding=changed(reading.finding, severity=reading.finding.urgency + more))


def test_the_same_disease_in_every_other_slice_drifts_little() -> None:
    sparse = Protocol("sparse", 2.0, 4.0, noise_sd_hu=0.0)
    first, second = drifts(Reads(), CHEST, ADULT, [sparse], np.random.default_rng(1))
    assert first.protocol == REFERENCE
    assert first.drift_pp == 0
    assert first.severity == pytest.approx(BALL.ml / LUNG_ML, abs=0.01)
    assert abs(second.drift_pp) < 1.0
    assert second.slices == pytest.approx(first.slices / 2, abs=1)


def test_a_pipeline_that_reads_more_into_fewer_slices_is_found_out() -> None:
    sparse = Protocol("sparse", 2.0, 4.0, noise_sd_hu=0.0)
    _, found = drifts(Reads(more_from_mm=3.0), CHEST, ADULT, [sparse], np.random.default_rng(1))
    assert found.drift_pp == pytest.approx(5.0, abs=1.0)


def test_a_refused_series_is_a_row_with_its_reason() -> None:
    thick = Protocol("thick", 6.0, 6.0, noise_sd_hu=0.0)
    _, found, last = drifts(Reads(refused_from_mm=5.0), CHEST, ADULT, [thick, QUIET], np.random.default_rng(1))
    assert math.isnan(found.drift_pp)
    assert found.refused == "lung-not-segmented: expected lung"
    assert last.refused == ""


def test_what_a_narrow_field_leaves_out_is_not_called_drift() -> None:
    """The field cuts 20 mm off the outer side of both lungs; the ball in the middle of one stays whole."""
    narrow = replace(QUIET, name="narrow", margin_mm=-20.0)
    first, found = drifts(Reads(), CHEST, ADULT, [narrow], np.random.default_rng(1))
    assert found.expected > 1.005 * first.severity
    assert abs(found.drift_pp) < 1.0


def test_the_pipeline_is_told_the_thickness_of_the_slices() -> None:
    reads = Reads()
    list(drifts(reads, CHEST, ADULT, [Protocol("thick", 5.0, 5.0)], np.random.default_rng(1)))
    assert [one.slice_thickness_mm for one in reads.seen] == [2.0, 5.0]


def test_the_protocols_reach_as_far_as_the_requirement() -> None:
    """0.5 to 8 mm, averaged and decimated, sharp and soft, noise, and a cut field."""
    chosen = protocols()
    averaged = {p.slice_mm for p in chosen if p.slice_mm == p.increment_mm}
    decimated = {p.increment_mm for p in chosen if p.slice_mm < p.increment_mm}
    assert {0.5, 1.0, 3.0, 5.0, 8.0} <= averaged
    assert {2.0, 5.0, 8.0} <= decimated
    assert {p.kernel for p in chosen} == {"soft", "medium", "sharp"}
    assert min(p.margin_mm for p in chosen) < 0
    assert max(p.noise_sd_hu for p in chosen) >= 80
    assert len({p.name for p in chosen}) == len(chosen)
