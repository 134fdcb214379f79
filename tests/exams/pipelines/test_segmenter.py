"""A small network that only segments reads generated chests, in slices or in blocks of them."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("onnx", reason="writing graphs needs onnx: pip install triaged[lab]")

from tests.exams.pipelines.bodies import ADULT, Ball, Chest, draw, grid
from tests.inference.members import write_cascade, write_reader, write_segmenter
from triaged.errors import ModelRefused
from triaged.exams.ct.engines import load_engine
from triaged.exams.ct.finding import CtNumbers
from triaged.exams.ct.options import CtOptions
from triaged.inference.kinds.ct_segmenter import AT_ONCE, MULTIPLE, CtSegmenter
from triaged.inference.package import load_package

BALL = Ball((72, 0, 0), 40)


@pytest.fixture(scope="module")
def models(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("models")
    write_reader(folder / "reader")
    write_segmenter(folder / "unet2", "reader", 2)
    write_segmenter(folder / "unet3", "reader", 3)
    return folder


@pytest.mark.parametrize("package", ["unet2", "unet3"])
def test_severity_is_that_of_what_was_drawn_and_there_is_no_probability(models: Path, package: str) -> None:
    engine, pipeline = load_engine(package, models, CtOptions(), "settings", device="cpu", threads=1)
    reading = pipeline.read(draw(Chest(balls=[BALL]), grid((4.0, 1.8, 1.8))), ADULT)
    found = CtNumbers.of(reading.finding)
    assert found.lesion_ml == pytest.approx(BALL.ml, rel=0.06)
    assert found.severity_right == pytest.approx(0.0, abs=0.002)
    assert reading.finding.suspicion is None
    assert reading.finding.engine == f"{engine.name} {engine.version}"


@pytest.mark.parametrize("slices", [1, MULTIPLE, AT_ONCE, AT_ONCE + 1, 3 * AT_ONCE - 5])
def test_a_block_is_answered_whole_whatever_its_size(models: Path, slices: int) -> None:
    """The stand-in answers each voxel for itself, so that blocks and slices must say the same."""
    flat, deep = (load_package(models / name, "cpu", 1) for name in ("unet2", "unet3"))
    assert isinstance(flat, CtSegmenter)
    assert isinstance(deep, CtSegmenter)
    block = np.random.default_rng(slices).random((slices, 19, 23), dtype=np.float32)
    np.testing.assert_allclose(deep.lesion_probability(block), flat.lesion_probability(block), atol=1e-6)


def test_lungs_of_another_kind_are_refused(models: Path, tmp_path: Path) -> None:
    write_cascade(tmp_path / "cascade")
    write_segmenter(tmp_path / "unet", "cascade")
    with pytest.raises(ModelRefused, match="expected a package of kind ct-multitask, which finds the lungs"):
        load_package(tmp_path / "unet", "cpu", 1)
