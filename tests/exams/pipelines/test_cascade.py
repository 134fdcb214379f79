"""A small cascade reads generated chests: lesion is found on lung alone, wherever the chest lies in the image."""

from __future__ import annotations

import numpy as np
import pytest

pytest.importorskip("onnx", reason="writing graphs needs onnx: pip install triaged[lab]")

from tests.exams.pipelines.bodies import ADULT, LUNG_ML, Ball, Chest, cut, draw, grid
from tests.inference.members import write_cascade
from triaged.exams.ct.engines import Pipeline, load_engine
from triaged.exams.ct.finding import CtNumbers
from triaged.exams.ct.options import CtOptions
from triaged.exams.ct.slices import slice_areas
from triaged.imaging.geometry import Box

BALL = Ball((72, 0, 0), 40)


@pytest.fixture(scope="module")
def cascade(tmp_path_factory: pytest.TempPathFactory) -> Pipeline:
    folder = tmp_path_factory.mktemp("models")
    write_cascade(folder / "cascade")
    return load_engine("cascade", folder, CtOptions(), "settings", device="cpu", threads=1)[1]


@pytest.mark.parametrize("spacing_mm", [(4.0, 1.8, 1.8), (1.0, 0.9, 0.9)])
def test_severity_is_that_of_what_was_drawn(cascade: Pipeline, spacing_mm: tuple[float, float, float]) -> None:
    volume = draw(Chest(balls=[BALL]), grid(spacing_mm, (140.0, 240.0, 340.0)))
    reading = cascade.read(volume, ADULT)
    seen = sum(np.count_nonzero(mask.voxels) for mask in (reading.right_lung, reading.left_lung))
    assert seen * volume.geometry.voxel_ml < 2 * LUNG_ML
    found = CtNumbers.of(reading.finding)
    assert found.lesion_ml == pytest.approx(BALL.ml, rel=0.06)
    assert found.severity_right == pytest.approx(0.0, abs=0.002)
    assert reading.finding.suspicion is None


def test_a_chest_at_the_edge_of_a_wide_image_is_read_as_well(cascade: Pipeline) -> None:
    """The image is 500 mm wide, more than the 384 mm that the networks see."""
    middle = draw(Chest(balls=[BALL]), grid((5.0, 1.5, 1.5), (300.0, 300.0, 840.0)))
    shifted = cut(middle, Box((0, 0, 120), (60, 200, 453)))
    whole, aside = (CtNumbers.of(cascade.read(volume, ADULT).finding) for volume in (middle, shifted))
    assert aside.lesion_ml == pytest.approx(BALL.ml, rel=0.06)
    assert aside.severity == pytest.approx(whole.severity, rel=0.02)
    assert aside.lungs_ml == pytest.approx(2 * LUNG_ML, rel=0.03)


def test_opacity_outside_the_lungs_is_not_seen(cascade: Pipeline) -> None:
    outside = Ball((0, -100, 0), 12)
    reading = cascade.read(draw(Chest(balls=[outside]), grid((4.0, 1.8, 1.8))), ADULT)
    assert reading.finding.urgency == pytest.approx(0.0, abs=0.002)


def test_positive_slices_are_those_from_the_area_of_the_manifest(cascade: Pipeline) -> None:
    """A ball of 40 mm is cut by 20 slices of 4 mm; its outermost circles are smaller than 50 square millimetres."""
    reading = cascade.read(draw(Chest(balls=[BALL]), grid((4.0, 1.8, 1.8))), ADULT)
    assert reading.slice_mm2 == 50.0
    areas = slice_areas(reading.lesion, reading.right_lung, reading.left_lung)
    drawn = np.pi * (40.0**2 - np.arange(-38, 39, 4) ** 2)
    assert int(areas.positive(reading.slice_mm2).sum()) == pytest.approx(np.count_nonzero(drawn >= 50.0), abs=1)
