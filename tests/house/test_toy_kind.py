"""A kind of network is added without a change in `triaged/`: it is a row in tables that are arguments."""

from __future__ import annotations

from pathlib import Path

import pytest

pytest.importorskip("onnx", reason="writing graphs needs onnx: pip install triaged[lab]")

from tests.exams.pipelines.bodies import ADULT, LUNG_ML, Ball, Chest, draw, grid
from tests.house.toy import TOY_KINDS, ToyPipeline, write_toy
from triaged.errors import ModelRefused
from triaged.exams.ct.engines import PIPELINES, load_engine, pipeline_of
from triaged.exams.ct.options import CtOptions
from triaged.inference.kinds.table import KINDS
from triaged.inference.package import load_package, read_manifest
from triaged.study.concepts import AFFECTED_SHARE, RIGHT_LUNG

BALL = Ball((72, 0, 0), 40)


@pytest.fixture
def package(tmp_path: Path) -> Path:
    write_toy(tmp_path / "toy-1")
    return tmp_path / "toy-1"


def test_a_toy_reads_a_chest_through_the_tables_that_name_it(package: Path) -> None:
    """A ball of 268 mL in a lung of 2643 mL."""
    engine, pipeline = load_engine(
        package.name,
        package.parent,
        CtOptions(),
        "settings",
        device="cpu",
        threads=1,
        kinds=TOY_KINDS,
        pipelines={"toy": ToyPipeline},
    )
    assert (engine.algorithm, engine.settings_digest, engine.device_uid) == ("toy-1 1", "settings", "2.25.7")
    found = pipeline.read(draw(Chest(balls=[BALL], trachea=()), grid((3.0, 2.0, 2.0))), ADULT).finding
    assert found.urgency == pytest.approx(BALL.ml / LUNG_ML, rel=0.02)
    assert found.value(AFFECTED_SHARE, RIGHT_LUNG) == 0


def test_without_its_rows_a_toy_is_refused(package: Path) -> None:
    with pytest.raises(ModelRefused, match=rf"manifest\.yaml:3: kind: expected {' or '.join(KINDS)}, found toy"):
        load_package(package, "cpu", 0)
    networks = load_package(package, "cpu", 0, TOY_KINDS)
    with pytest.raises(ModelRefused, match=f"networks that read a CT, of kind {' or '.join(PIPELINES)}, found toy"):
        pipeline_of(networks, CtOptions())


def test_a_toy_whose_graph_was_changed_is_refused(package: Path) -> None:
    (package / "dense.onnx").write_bytes(b"else")
    with pytest.raises(ModelRefused, match=r"dense\.onnx: expected sha256 [0-9a-f]{64}, found [0-9a-f]{64}"):
        load_package(package, "cpu", 0, TOY_KINDS)


@pytest.mark.parametrize(
    ("found", "replacement", "told"),
    [
        ("score: 0.5", "score: 5", "9: score: expected a number between 0 and 1"),
        ("score: 0.5", "scores: 0.5", "1: score: expected this key"),
        ("score: 0.5", "window_hu: [0, 1]\nscore: 0.5", "9: window_hu: unknown key"),
        ("  dense:", "  sparse: {}\n  dense:", r"11: networks\.sparse: unknown key"),
        ("score: 0.5", "parts: {}\nscore: 0.5", "9: parts: unknown key"),
    ],
)
def test_the_keys_of_a_toy_are_read_as_strictly_as_all_others(
    package: Path, found: str, replacement: str, told: str
) -> None:
    path = package / "manifest.yaml"
    assert found in path.read_text()
    path.write_text(path.read_text().replace(found, replacement, 1))
    with pytest.raises(ModelRefused, match=rf"manifest\.yaml:{told}"):
        load_package(package, "cpu", 0, TOY_KINDS)


def test_a_package_says_its_method_or_has_that_of_its_kind(package: Path, tmp_path: Path) -> None:
    write_toy(tmp_path / "other", more="method: 3D U-Net\n")
    assert read_manifest(package, TOY_KINDS).method == "Thresholding"
    assert read_manifest(tmp_path / "other", TOY_KINDS).method == "3D U-Net"


def test_what_reads_with_a_kind_reads_with_one_that_there_is() -> None:
    assert set(PIPELINES) <= set(KINDS)
