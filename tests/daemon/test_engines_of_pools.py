"""A worker has the engines of what its pool takes in memory, and can still read what falls back to another."""

from __future__ import annotations

from collections.abc import Collection
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("onnx", reason="writing graphs needs onnx: pip install triaged[lab]")

from tests.inference.xray_packages import write_xray_package
from triaged.config.settings import Config
from triaged.daemon import examinations
from triaged.errors import ModelRefused
from triaged.exams.ct import engines as of_ct
from triaged.exams.ct.examination import ChestCt
from triaged.exams.ct.pipelines.threshold import ThresholdPipeline
from triaged.exams.on_demand import OnDemand
from triaged.exams.xray import engines as of_xrays
from triaged.exams.xray.chest import Chest
from triaged.exams.xray.examination import ChestXray
from triaged.exams.xray.finding import XrayReading
from triaged.exams.xray.pipelines.two_stage import TwoStagePipeline
from triaged.study.modalities import Stratum

CT, XRAY = Stratum.VOLUME, Stratum.RADIOGRAPH


@pytest.fixture
def config(tmp_path: Path) -> Config:
    """Settings with an engine of each kind."""
    write_xray_package(tmp_path / "simple")
    models = {"folder": tmp_path, "ct": "threshold", "cxr": "simple"}
    return Config.model_validate({"models": models, "inference": {"device": "cpu", "threads": 1}})


def _both(config: Config, strata: Collection[Stratum]) -> tuple[ChestCt, ChestXray]:
    ct, xray = examinations.examinations(config, strata)
    assert isinstance(ct, ChestCt)
    assert isinstance(xray, ChestXray)
    return ct, xray


def _read(examination: ChestXray) -> XrayReading:
    rows, columns = np.mgrid[0:512, 0:512]
    lungs = (abs(rows - 256) < 180) & (abs(abs(columns - 256) - 120) < 80)
    grey = np.where(lungs, np.where(rows < 200, 0.45, 0.1), 0.9).astype(np.float32)
    return examination.pipeline.read(Chest(grey, np.ones_like(lungs), is_frontal=True))


@pytest.mark.parametrize(
    ("strata", "ct_kind", "xray_kind"),
    [
        ({CT, XRAY}, ThresholdPipeline, TwoStagePipeline),
        ({CT}, ThresholdPipeline, of_xrays.ReadOnDemand),
        ({XRAY}, of_ct.ReadOnDemand, TwoStagePipeline),
    ],
)
def test_what_a_pool_takes_is_loaded_at_once_and_all_are_known_by_the_same_engine(
    config: Config, strata: Collection[Stratum], ct_kind: type, xray_kind: type
) -> None:
    ct, xray = _both(config, strata)
    assert (type(ct.pipeline), type(xray.pipeline)) == (ct_kind, xray_kind)
    assert [each.engine for each in (ct, xray)] == [each.engine for each in examinations.examinations(config)]


def test_an_x_ray_that_falls_to_a_worker_for_cts_is_read_as_by_any_other(config: Config) -> None:
    there, elsewhere = (_read(_both(config, strata)[1]) for strata in ({CT}, {XRAY}))
    assert there.finding == elsewhere.finding


def test_a_package_that_cannot_be_used_is_refused_at_the_start_whatever_the_pool_takes(config: Config) -> None:
    (config.models.folder / "simple" / "lungs.onnx").write_bytes(b"nothing")
    with pytest.raises(ModelRefused, match=r"lungs\.onnx"):
        _both(config, {CT})


def test_an_engine_that_changed_since_the_start_reads_nothing(config: Config) -> None:
    _, xray = _both(config, {CT})
    write_xray_package(config.models.folder / "simple", seen_columns=10)
    with pytest.raises(ModelRefused, match="expected simple-xray 1 as it was at the start, found it changed"):
        _read(xray)


def test_an_engine_is_loaded_when_it_is_needed_and_then_kept(config: Config) -> None:
    loads = []

    def load() -> tuple[object, str]:
        loads.append("loaded")
        return engine, "reads"

    engine, _ = examinations.engine_and_pipeline(config)
    on_demand = OnDemand(load)  # type: ignore[arg-type]
    assert (on_demand.engine, len(loads)) == (engine, 1)
    assert [on_demand.reads(), on_demand.reads()] == ["reads", "reads"]
    assert len(loads) == 2
