"""An ensemble of small packages reads generated chests: vote, planes, spread and sides follow from what was drawn."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("onnx", reason="writing graphs needs onnx: pip install triaged[lab]")

from tests.exams.pipelines.bodies import ADULT, LUNG_ML, Ball, Chest, draw, ellipsoid, grid
from tests.inference.members import NOTHING_HU, write_ensemble, write_lesions, write_lungs, write_reader
from triaged.errors import ModelRefused
from triaged.exams.ct.engines import load_engine
from triaged.exams.ct.finding import CtNumbers, LungAnalysis
from triaged.exams.ct.options import CtOptions
from triaged.imaging.volume import Mask
from triaged.study.finding import QualityFlag

GRID = grid((2.0, 1.8, 1.8), (290.0, 240.0, 340.0))
BALL = Ball((72, 0, 0), 40)
ONE = "  - {members: [reader], rule: all, for: 0.5}\n"


@pytest.fixture(scope="module")
def models(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("models")
    write_reader(folder / "first")
    write_lungs(folder / "sides")
    write_lungs(folder / "swapped", swapped=True)
    for plane in ("axial", "coronal", "sagittal"):
        write_lesions(folder / plane, plane)
    write_lesions(folder / "blind", "coronal", NOTHING_HU)
    return folder


def read(models: Path, name: str, vote: str, parts: Mapping[str, str], chest: Chest | None = None) -> LungAnalysis:
    write_ensemble(models / name, vote, {"reader": "first", **parts})
    _, pipeline = load_engine(name, models, CtOptions(), "settings", device="cpu", threads=1)
    return pipeline.read(draw(chest or Chest(balls=[BALL]), GRID), ADULT)


def share_within_ball(mask: Mask) -> float:
    ball = ellipsoid(GRID, BALL.centre_mm, (BALL.radius_mm + 3,) * 3)
    return np.count_nonzero(mask.voxels & ball) / np.count_nonzero(mask.voxels)


def test_members_of_all_planes_find_what_was_drawn(models: Path) -> None:
    for plane in ("axial", "coronal", "sagittal"):
        reading = read(models, f"by-{plane}", f"  - {{members: [{plane}], rule: all, for: 0.5}}\n", {plane: plane})
        found = CtNumbers.of(reading.finding)
        assert found.severity_left == pytest.approx(BALL.ml / LUNG_ML, rel=0.08), plane
        assert found.severity_right == pytest.approx(0.0, abs=0.005), plane  # some of the rim, where air is mixed
        assert share_within_ball(reading.lesion) > 0.97, plane


def test_the_vote_decides_and_the_spread_is_where_members_differ(models: Path) -> None:
    """A blind member outvotes the reader under `all`, and the whole ball is in dispute."""
    reading = read(models, "both", "  - {members: [reader, b], rule: all, for: 0.5}\n", {"b": "blind"})
    found = CtNumbers.of(reading.finding)
    assert found.severity == 0.0
    assert found.ensemble_spread == pytest.approx(BALL.ml / (2 * LUNG_ML), rel=0.1)
    assert reading.disputed is not None
    assert share_within_ball(reading.disputed) > 0.97


def test_members_that_agree_have_no_spread_but_on_the_rim(models: Path) -> None:
    reading = read(models, "alike", "  - {members: [reader, a], rule: mean, for: 0.5}\n", {"a": "axial"})
    spread = CtNumbers.of(reading.finding).ensemble_spread
    assert spread is not None
    assert spread < 0.002


def test_probability_and_threshold_are_the_readers_and_the_name_is_the_ensembles(models: Path) -> None:
    reading = read(models, "named", ONE, {})
    assert reading.finding.engine == "named 1"
    assert reading.finding.suspicion is not None
    assert reading.finding.suspicion.threshold == 0.5
    assert reading.finding.suspicion.probability == pytest.approx(0.25)  # a logit of 0, less the log-odds of 0.75


def test_sides_named_alike_raise_no_flag_and_swapped_ones_do(models: Path) -> None:
    assert read(models, "checked", ONE, {"lungs": "sides"}).finding.quality == ()
    assert read(models, "swaps", ONE, {"lungs": "swapped"}).finding.quality == (QualityFlag.SIDES_DISAGREE,)


def test_one_lung_alone_is_no_disagreement_where_it_has_one_name(models: Path) -> None:
    chest = Chest(lungs=[((-90, 0, 0), (60, 88, 130))], balls=())
    assert QualityFlag.SIDES_DISAGREE not in read(models, "single", ONE, {"lungs": "sides"}, chest).finding.quality


def test_a_part_that_is_no_reader_reads_nothing_by_itself(models: Path) -> None:
    with pytest.raises(ModelRefused, match=r"manifest\.yaml:3: kind: expected ct-multitask or .*, found ct-lesions"):
        load_engine("axial", models, CtOptions(), "settings", device="cpu", threads=1)


def test_the_same_study_gives_the_same_masks(models: Path) -> None:
    first, second = (read(models, f"again-{n}", ONE, {}) for n in range(2))
    np.testing.assert_array_equal(first.lesion.voxels, second.lesion.voxels)
