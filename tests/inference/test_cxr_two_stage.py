"""Packages of the kind `cxr-two-stage`: what they answer, and how broken ones are refused."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("onnx", reason="writing graphs needs onnx: pip install triaged[lab]")

from tests.inference.xray_packages import SIDE, write_xray_package
from triaged.errors import ModelRefused
from triaged.exams.ct.engines import PIPELINES
from triaged.inference.kinds.cxr_two_stage import CXR_TWO_STAGE, CxrTwoStage, ExtentMap
from triaged.inference.package import load_of_kind, load_package


def loaded(folder: Path) -> CxrTwoStage:
    return load_of_kind(CXR_TWO_STAGE, folder, "cpu", 1)


@pytest.fixture(scope="module")
def networks(tmp_path_factory: pytest.TempPathFactory) -> CxrTwoStage:
    folder = tmp_path_factory.mktemp("xray")
    write_xray_package(folder)
    return loaded(folder)


def test_lungs_are_told_apart_by_the_side_of_the_picture(networks: CxrTwoStage) -> None:
    probability = networks.lung_probability(np.zeros((512, 512), np.float32))
    assert probability.shape == (2, 512, 512)
    assert probability[0, :, :256].min() > 0.99
    assert probability[0, :, 256:].max() < 0.01
    assert np.array_equal(probability[1], probability[0, :, ::-1])


def test_the_second_stage_tells_what_is_affected_what_is_solid_and_whether_there_is_any(networks: CxrTwoStage) -> None:
    picture = np.zeros((SIDE, SIDE), np.float32)
    picture[:10], picture[10:20] = 0.9, 0.35
    lungs = np.ones((SIDE, SIDE), np.float32)
    lungs[:, :5] = 0
    found = networks.disease(picture, lungs)
    affected, solid = (found.opacity >= 0.5).sum(axis=(1, 2))
    assert (affected, solid) == (20 * (SIDE - 5), 10 * (SIDE - 5))
    assert found.presence > 0.99
    assert networks.disease(np.zeros((SIDE, SIDE), np.float32), lungs).presence < 0.01


def test_the_second_stage_answers_for_the_mirror_image_what_it_answers_for_the_picture(tmp_path: Path) -> None:
    """These networks see their own left half alone; the mean of both ways sees both halves, each half as sure."""
    write_xray_package(tmp_path, seen_columns=SIDE // 2)
    bright, lungs = np.full((SIDE, SIDE), 0.9, np.float32), np.ones((SIDE, SIDE), np.float32)
    found = loaded(tmp_path).disease(bright, lungs)
    assert found.opacity[0] == pytest.approx(0.5, abs=0.01)
    bright[:, : SIDE // 4] = 0
    there, mirrored = (loaded(tmp_path).disease(each, lungs) for each in (bright, bright[:, ::-1].copy()))
    assert there.opacity[0, 0, [0, -1]] == pytest.approx([0.0, 0.5], abs=0.01)
    assert np.array_equal(there.opacity, mirrored.opacity[..., ::-1])
    assert there.presence == mirrored.presence


def test_a_package_may_tell_no_consolidation(tmp_path: Path) -> None:
    write_xray_package(tmp_path, channels=1)
    dark = np.zeros((SIDE, SIDE), np.float32)
    assert loaded(tmp_path).disease(dark, dark).opacity.shape == (1, SIDE, SIDE)


@pytest.mark.parametrize(
    ("extent", "expected"), [(0.0, (0.0, 0.0, 0.05)), (0.25, (0.15, 0.1, 0.275)), (1.0, (0.8, 0.6, 1.0))]
)
def test_between_its_knots_the_map_is_straight(extent: float, expected: tuple[float, float, float]) -> None:
    found = ExtentMap((0.0, 0.5, 1.0), (0.0, 0.3, 0.8), (0.0, 0.2, 0.6), (0.05, 0.5, 1.0)).estimate(extent)
    assert (found.share, found.low, found.high) == pytest.approx(expected)


BREAKS = [
    ("gate: 0.5", "gate: 1.5", "thresholds.gate: expected a number between 0 and 1"),
    ("gate: 0.5, ", "", "thresholds.gate: expected this key"),
    ("zone: 0.3", "zone: 0.3, zones: 6", "thresholds.zones: unknown key"),
    ("repeat_sd: 0.04", "repeat_sd: a little", "repeat_sd: expected a number"),
    ("extent: [0.0, 0.5, 1.0]", "extent: [0.1, 0.5, 1.0]", "extent_map.extent: expected extents that rise from 0"),
    ("extent: [0.0, 0.5, 1.0]", "extent: [0.0, 0.0, 1.0]", "extent_map.extent: expected extents that rise from 0"),
    ("share: [0.0, 0.3, 0.8]", "share: [0.0, 0.3]", "extent_map.share: expected as many numbers as extent has"),
    ("share: [0.0, 0.3, 0.8]", "share: [0.0, 0.9, 0.8]", "extent_map.share: expected shares that do not fall"),
    ("share: [0.0, 0.3, 0.8]", "share: [0.0, 0.1, 0.8]", "extent_map.share: expected shares between low and high"),
    ("high: [0.05, 0.5, 1.0]", "high: [0.05, 0.5, 1.1]", "extent_map.high: expected shares that do not fall"),
    ("  low: [0.0, 0.2, 0.6]\n", "", "extent_map.low: expected this key"),
    ("lungs: [n, 2, 512, 512]", "lungs: [n, 1, 512, 512]", "outputs: expected one tensor [n, 2, 512, 512]"),
    ("presence: [n, 1]", "presence: [n, 2]", "disease.onnx: expected outputs"),
    ("kind: cxr-two-stage", "kind: cxr-three-stage", "kind: expected cxr-two-stage"),
]


@pytest.mark.parametrize(("found", "replacement", "refusal"), BREAKS, ids=[each[2] for each in BREAKS])
def test_a_broken_package_is_refused_with_what_has_to_be_put_right(
    tmp_path: Path, found: str, replacement: str, refusal: str
) -> None:
    text = write_xray_package(tmp_path)
    assert found in text
    (tmp_path / "manifest.yaml").write_text(text.replace(found, replacement, 1))
    with pytest.raises(ModelRefused, match=re.escape(refusal)):
        loaded(tmp_path)


def test_a_second_stage_that_answers_something_else_is_refused(tmp_path: Path) -> None:
    write_xray_package(tmp_path, channels=3)
    with pytest.raises(ModelRefused, match="simple-xray: graph disease: expected in"):
        loaded(tmp_path)


def test_it_reads_no_ct(tmp_path: Path) -> None:
    write_xray_package(tmp_path)
    with pytest.raises(ModelRefused, match="kind: expected ct-multitask or ct-ensemble or ct-cascade"):
        load_package(tmp_path, "cpu", 1, among=PIPELINES)
