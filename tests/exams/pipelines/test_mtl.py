"""A multi-task network reads a generated chest: lungs are its reader's, each head says what its graph does."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import pytest
from structlog.testing import capture_logs

pytest.importorskip("onnx", reason="writing graphs needs onnx: pip install triaged[lab]")

from tests.exams.pipelines.bodies import ADULT, Ball, Chest, draw, grid
from tests.inference.members import MTL_BOX, MTL_LOGITS, write_mtl, write_reader
from triaged.errors import UnreadableStudy
from triaged.exams.ct.engines import load_engine
from triaged.exams.ct.finding import CtNumbers, LungAnalysis
from triaged.exams.ct.options import CtOptions
from triaged.exams.ct.pipelines import mtl
from triaged.exams.ct.pipelines.lung_box import Sight, lungs_in_box
from triaged.exams.ct.radiomics.features import NoFeatures, features_of_lungs
from triaged.imaging.volume import Volume
from triaged.study.finding import QualityFlag
from triaged.study.radiomics import RADIOMICS

VOLUME = draw(Chest(balls=[Ball((72, 0, 0), 40)]), grid((4.0, 3.0, 3.0), (290.0, 240.0, 340.0)), noise_hu=20.0)
SCALED = {"firstorder_mean": (-850.0, 40.0), "glcm_contrast": (3.0, 1.5)}
FAR = {name: (mean - 1e6 * scale, 1e6 * scale) for name, (mean, scale) in SCALED.items()}
"""By these each feature of a chest is about 1 spread above its mean."""


@pytest.fixture(scope="module")
def models(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("models")
    write_reader(folder / "reader")
    write_mtl(folder / "two")
    write_mtl(folder / "three", ("severity", "nat", "ct"))
    write_mtl(folder / "severity", ("severity",))
    write_mtl(folder / "features", features=FAR)
    return folder


def read(models: Path, name: str, volume: Volume = VOLUME) -> LungAnalysis:
    _, pipeline = load_engine(name, models, CtOptions(), "settings", device="cpu", threads=1)
    return pipeline.read(volume, ADULT)


def box_mean(reading: LungAnalysis) -> float:
    """Return the mean of what the network sees, from the lungs' own voxels: it is not cut off, so their sum remains."""
    scaled = np.clip((VOLUME.voxels[reading.lungs.voxels].astype(np.float64) + 1000) / 1300, 0, 1)
    return float(scaled.sum() * VOLUME.geometry.voxel_ml * 1000 / (8.0**3 * math.prod(MTL_BOX)))


def softmax(head: str, added: float) -> list[float]:
    logits = np.array(MTL_LOGITS[head])
    logits[-1] += added
    return list(np.exp(logits) / np.exp(logits).sum())


def test_lungs_and_severity_are_the_readers_and_the_name_is_the_networks(models: Path) -> None:
    reading, alone = read(models, "two"), read(models, "reader")
    np.testing.assert_array_equal(reading.lungs.voxels, alone.lungs.voxels)
    np.testing.assert_array_equal(reading.lesion.voxels, alone.lesion.voxels)
    assert reading.finding.urgency == alone.finding.urgency
    assert reading.finding.grade == alone.finding.grade
    assert reading.finding.engine == "two 1"
    assert reading.finding.quality == alone.finding.quality


def test_each_head_says_what_its_graph_does(models: Path) -> None:
    reading = read(models, "three")
    added, found = box_mean(reading), CtNumbers.of(reading.finding)
    assert added > 0.01
    suspicion = reading.finding.suspicion
    assert suspicion is not None
    assert (suspicion.of.name, suspicion.threshold) == ("covid-19", 0.5)
    assert suspicion.probability == pytest.approx(softmax("ct", added)[1], abs=1e-5)
    assert found.nat_probability == pytest.approx(softmax("nat", added)[1], abs=1e-5)
    _, mild, severe = softmax("severity", added)
    assert (found.mild_probability, found.severe_probability) == pytest.approx((mild, severe), abs=1e-5)


def test_nothing_tells_of_a_head_that_the_package_does_not_have(models: Path) -> None:
    found = CtNumbers.of(read(models, "two").finding)
    assert found.severe_probability is not None
    assert found.nat_probability is None
    alone = read(models, "severity").finding
    assert alone.suspicion is None
    assert CtNumbers.of(alone).severe_probability is not None


def test_the_share_of_positives_in_training_is_taken_off(models: Path) -> None:
    write_mtl(models / "skewed")
    manifest = models / "skewed" / "manifest.yaml"
    manifest.write_text(manifest.read_text().replace("training_prior: 0.5", "training_prior: 0.75"))
    told, skewed = (read(models, name).finding.probability for name in ("two", "skewed"))
    assert told is not None
    assert skewed == pytest.approx(told / (told + 3 * (1 - told)), abs=1e-5)


def test_other_heads_are_another_model(models: Path) -> None:
    engines = [load_engine(each, models, CtOptions(), "s", device="cpu", threads=1)[0] for each in ("two", "three")]
    assert engines[0].model_sha256 != engines[1].model_sha256


def test_features_move_the_heads_and_are_kept_as_they_were_measured(models: Path) -> None:
    reading = read(models, "features")
    expected = features_of_lungs(VOLUME, reading.lungs)
    assert not isinstance(expected, NoFeatures)
    found = {each.concept.name: each.value for each in reading.finding.measurements if each.concept.name in RADIOMICS}
    assert found == {name: expected[name] for name in SCALED}
    assert reading.finding.probability == pytest.approx(softmax("ct", box_mean(reading) + 2.0)[1], abs=1e-3)


def test_without_features_each_is_taken_at_its_mean_and_the_finding_says_so(
    models: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(mtl, "features_of_lungs", lambda volume, lungs: NoFeatures("expected greys, found none"))
    with capture_logs() as logs:
        finding = read(models, "features").finding
    assert finding.probability == pytest.approx(read(models, "two").finding.probability, abs=1e-6)
    assert finding.quality == (QualityFlag.FEATURES_MISSING,)
    assert not [each for each in finding.measurements if each.concept.name in RADIOMICS]
    assert [(each["log_level"], each["reason"]) for each in logs] == [("warning", "expected greys, found none")]


def test_a_network_without_features_computes_none(models: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(mtl, "features_of_lungs", lambda volume, lungs: pytest.fail("no feature was asked for"))
    assert QualityFlag.FEATURES_MISSING not in read(models, "two").finding.quality


def test_without_lungs_there_is_no_finding(models: Path) -> None:
    empty = Volume(np.full(VOLUME.geometry.shape, 40, dtype=np.int16), VOLUME.geometry)
    with pytest.raises(UnreadableStudy):
        read(models, "two", empty)


def test_the_box_keeps_the_amount_of_lung_whatever_the_voxels() -> None:
    """A block of 64 x 40 x 48 mm at -350 HU, half of the window, in voxels that no cube of 4 mm is a multiple of."""
    hu = np.full((10, 30, 30), 200, dtype=np.int16)
    lungs = np.zeros(hu.shape, dtype=np.bool_)
    lungs[1:9, 4:20, 3:19] = True
    hu[lungs] = -350
    seen = lungs_in_box(hu, lungs, (8.0, 2.5, 3.0), Sight((32, 34, 36), 4.0, (-1000.0, 300.0)))
    assert seen.sum() == pytest.approx(0.5 * 64 * 40 * 48 / 64, rel=1e-4)
    assert seen.max() == pytest.approx(0.5, abs=1e-6)
    filled = np.argwhere(seen > 0)
    assert filled.min(axis=0).tolist() == [8, 12, 12]
    assert filled.max(axis=0).tolist() == [23, 21, 23]


def test_what_the_box_does_not_hold_is_cut_off_on_both_sides() -> None:
    lungs = np.ones((100, 40, 40), dtype=np.bool_)
    hu = np.where(np.arange(100) < 50, -1000, 300)[:, None, None].repeat(40, 1).repeat(40, 2).astype(np.int16)
    seen = lungs_in_box(hu, lungs, (4.0, 4.0, 4.0), Sight((32, 32, 32), 4.0, (-1000.0, 300.0)))
    np.testing.assert_array_equal(seen[:16], 0.0)
    np.testing.assert_array_equal(seen[16:], 1.0)


def test_without_lungs_the_box_is_empty() -> None:
    hu = np.zeros((9, 9, 9), dtype=np.int16)
    seen = lungs_in_box(hu, np.zeros((9, 9, 9), dtype=np.bool_), (1.0, 1.0, 1.0), Sight((32, 32, 32), 4.0, (-1e3, 0.0)))
    assert seen.shape == (32, 32, 32)
    assert not seen.any()
