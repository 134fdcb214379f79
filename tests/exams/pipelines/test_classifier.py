"""A classifier reads a generated chest: lungs are its reader's, probability and reasons follow from its trees."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import numpy as np
import pytest
from structlog.testing import capture_logs

pytest.importorskip("onnx", reason="writing graphs needs onnx: pip install triaged[lab]")

from tests.exams.pipelines.bodies import ADULT, Ball, Chest, draw, grid
from tests.inference.members import Stump, write_classifier, write_reader, write_slice_classifier
from triaged.exams.ct.engines import load_engine
from triaged.exams.ct.finding import CtNumbers, LungAnalysis
from triaged.exams.ct.options import CtOptions
from triaged.exams.ct.pipelines import classifier
from triaged.exams.ct.radiomics.features import NoFeatures, features_of_lungs
from triaged.imaging.volume import Volume
from triaged.study.finding import QualityFlag
from triaged.study.radiomics import LESION_FEATURES, MOVED_BY, RADIOMICS

VOLUME = draw(Chest(balls=[Ball((72, 0, 0), 40)]), grid((4.0, 3.0, 3.0), (290.0, 240.0, 340.0)), noise_hu=20.0)
ALWAYS, NEVER = -1e9, 1e9
STUMPS = {
    "firstorder_mean": Stump(ALWAYS, 0.3, -2e9),
    "glcm_contrast": Stump(ALWAYS, -0.1, -2e9),
    "coif1_HHL_glrlm_run_percentage": Stump(NEVER, -0.2, 2e9),
    "glszm_zone_percentage": Stump(ALWAYS, 0.05, 0.0),
}
"""Three that move the probability by .3, -.1 and .2, and one whose middle lies on the same side of its cut."""


SLOPE, OFFSET = 4.0, -1.0


@pytest.fixture(scope="module")
def models(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("models")
    write_reader(folder / "first")
    write_classifier(folder / "trees", STUMPS, "first", base=0.4)
    write_slice_classifier(folder / "seen", SLOPE, OFFSET, "first")
    return folder


def read(models: Path, name: str) -> LungAnalysis:
    _, pipeline = load_engine(name, models, CtOptions(), "settings", device="cpu", threads=1)
    return pipeline.read(VOLUME, ADULT)


@pytest.fixture(scope="module")
def reading(models: Path) -> LungAnalysis:
    return read(models, "trees")


def moved(reading: LungAnalysis) -> Mapping[str, float]:
    names = {each.name: feature for feature, each in MOVED_BY.items()}
    found = [each for each in reading.finding.measurements if each.concept.name in names]
    return {names[each.concept.name]: each.value for each in found}


def test_lungs_and_severity_are_the_readers_and_the_name_is_the_classifiers(
    models: Path, reading: LungAnalysis
) -> None:
    alone = read(models, "first")
    np.testing.assert_array_equal(reading.lungs.voxels, alone.lungs.voxels)
    np.testing.assert_array_equal(reading.lesion.voxels, alone.lesion.voxels)
    assert CtNumbers.of(reading.finding) == CtNumbers.of(alone.finding)
    assert reading.finding.engine == "trees 1"
    assert reading.finding.quality == alone.finding.quality


def test_the_probability_is_that_of_the_trees(reading: LungAnalysis) -> None:
    suspicion = reading.finding.suspicion
    assert suspicion is not None
    assert suspicion.of.name == "covid-19"
    assert suspicion.probability == pytest.approx(0.4 + 0.3 - 0.1 + 0.05, abs=1e-6)
    assert suspicion.threshold == 0.5


def test_each_feature_that_the_trees_use_is_kept_as_it_was_measured(reading: LungAnalysis) -> None:
    expected = features_of_lungs(VOLUME, reading.lungs)
    assert not isinstance(expected, NoFeatures)
    found = {each.concept.name: each.value for each in reading.finding.measurements if each.concept.name in RADIOMICS}
    assert found == {name: expected[name] for name in STUMPS}


def test_the_three_that_moved_the_probability_most_are_told_with_their_sign_and_no_fourth(
    reading: LungAnalysis,
) -> None:
    """At its middle the first stands below its cut, where .3 less is added; the third would take .2 off there."""
    found = moved(reading)
    assert list(found) == ["firstorder_mean", "coif1_HHL_glrlm_run_percentage", "glcm_contrast"]
    assert list(found.values()) == pytest.approx([0.3, 0.2, -0.1], abs=1e-6)
    assert reading.finding.moved_by.startswith("mean of HU (+0.30), run percentage of grey-level runs in sub-band HHL")


def test_the_share_of_positives_in_training_is_taken_off(models: Path) -> None:
    write_classifier(models / "skewed", STUMPS, "first", base=0.4)
    manifest = models / "skewed" / "manifest.yaml"
    manifest.write_text(manifest.read_text().replace("training_prior: 0.5", "training_prior: 0.65"))
    assert read(models, "skewed").finding.probability == pytest.approx(0.5, abs=1e-6)


def test_other_middles_are_another_model(models: Path) -> None:
    stumps = {**STUMPS, "glcm_contrast": Stump(ALWAYS, -0.1, -3e9)}
    write_classifier(models / "middles", stumps, "first", base=0.4)
    names = ("trees", "middles")
    engines = [load_engine(each, models, CtOptions(), "s", device="cpu", threads=1)[0] for each in names]
    assert engines[0].model_sha256 != engines[1].model_sha256


def test_without_features_the_probability_is_the_readers_and_the_finding_says_so(
    models: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(classifier, "features_of_lungs", lambda volume, lungs: NoFeatures("expected greys, found none"))
    with capture_logs() as logs:
        finding = read(models, "trees").finding
    assert finding.probability == read(models, "first").finding.probability == pytest.approx(0.25)
    assert finding.engine == "trees 1"
    assert finding.quality == (QualityFlag.FEATURES_MISSING,)
    assert not [each for each in finding.measurements if each.concept.name in RADIOMICS]
    assert [(each["log_level"], each["reason"]) for each in logs] == [("warning", "expected greys, found none")]


def test_a_network_that_sees_slices_sees_the_box_around_the_lungs_alone(models: Path) -> None:
    """Metal beside the patient is brighter than all that lies in the box."""
    voxels = VOLUME.voxels.copy()
    voxels[:, -3:, :3] = 3000
    _, pipeline = load_engine("seen", models, CtOptions(), "settings", device="cpu", threads=1)
    reading = pipeline.read(Volume(voxels, VOLUME.geometry), ADULT)
    rows = np.flatnonzero(reading.lungs.voxels.any(axis=(0, 2)))
    columns = np.flatnonzero(reading.lungs.voxels.any(axis=(0, 1)))
    slices = np.flatnonzero(reading.lungs.voxels.any(axis=(1, 2)))
    inside = VOLUME.voxels[slices[0] : slices[-1] + 1, rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]
    assert inside.max() < 200
    brightest = (float(inside.max()) + 1000.0) / 1300.0
    probability = reading.finding.probability
    assert probability is not None
    assert np.log(probability / (1 - probability)) == pytest.approx(SLOPE * brightest + OFFSET, abs=0.15)


def test_lungs_and_lesions_beside_it_are_the_readers(models: Path) -> None:
    alone, reading = read(models, "first"), read(models, "seen")
    np.testing.assert_array_equal(reading.lungs.voxels, alone.lungs.voxels)
    np.testing.assert_array_equal(reading.lesion.voxels, alone.lesion.voxels)
    assert reading.finding.engine == "seen 1"
    assert reading.finding.suspicion is not None
    assert reading.finding.suspicion.threshold == 0.6


def test_the_share_of_positives_that_the_network_saw_is_taken_off(models: Path) -> None:
    write_slice_classifier(models / "skewed-slices", SLOPE, OFFSET, "first")
    manifest = models / "skewed-slices" / "manifest.yaml"
    manifest.write_text(manifest.read_text().replace("training_prior: 0.5", "training_prior: 0.75"))
    usual, shifted = (read(models, name).finding.probability for name in ("seen", "skewed-slices"))
    assert usual is not None
    assert shifted is not None
    odds = usual / (1 - usual) / 3
    assert shifted == pytest.approx(odds / (1 + odds), abs=1e-6)


def test_features_of_lesions_need_no_texture_and_those_of_no_lesion_move_nothing(
    models: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    stumps = {
        "lesions_share_of_worse_lung": Stump(-1.0, 0.3, -2.0),
        "lesions_mean_hu": Stump(ALWAYS, 0.2, -2e9),
    }
    write_classifier(models / "lesions", stumps, "first", base=0.2)
    monkeypatch.setattr(classifier, "features_of_lungs", lambda volume, lungs: NoFeatures("never asked"))
    reading = read(models, "lesions")
    both = {each.concept.name for each in reading.finding.measurements if each.concept.name in LESION_FEATURES}
    assert both == {"lesions_share_of_worse_lung", "lesions_mean_hu"}
    assert reading.finding.probability == pytest.approx(0.7, abs=1e-6)
    monkeypatch.setattr(classifier, "lesion_features", lambda *_: {"lesions_share_of_worse_lung": 0.0})
    bare = read(models, "lesions").finding
    assert bare.probability == pytest.approx(0.5, abs=1e-6)
    assert {each.concept.name for each in bare.measurements if each.concept.name in LESION_FEATURES} == {
        "lesions_share_of_worse_lung"
    }
