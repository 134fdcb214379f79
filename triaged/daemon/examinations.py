"""The examinations of this daemon, each with the engine that reads it; the one place that names them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from hashlib import sha256
from importlib.metadata import version
from typing import Final

from triaged.config.settings import THRESHOLD_ENGINE, Config
from triaged.exams.ct.completeness import is_whole as is_whole_ct
from triaged.exams.ct.examination import ChestCt
from triaged.exams.ct.pictures.colour import Palette
from triaged.exams.ct.pipelines.networks import CtOptions, CtPipeline
from triaged.exams.ct.pipelines.pipeline import Pipeline
from triaged.exams.ct.pipelines.threshold import ThresholdPipeline
from triaged.exams.ct.viewing import view as view_ct
from triaged.exams.exam import Examination, Viewer
from triaged.inference.identity import Engine
from triaged.inference.manifest import Manifest
from triaged.inference.onnx import load_package
from triaged.study.records import Series
from triaged.study.uids import derived_uid
from triaged.triage.scheme import Discipline, described

VIEWERS: Final[tuple[Viewer, ...]] = (view_ct,)


def is_whole(series: Sequence[Series]) -> bool:
    """Tell whether an examination has all that it needs; loads no engine."""
    return is_whole_ct(series)


def examinations(config: Config) -> tuple[Examination, ...]:
    """Return what is examined here, each with the engine that reads it.

    Raises:
        ModelRefused: an engine cannot be used.
    """
    return (ChestCt(*engine_and_pipeline(config), palette=Palette(config.pictures.palette)),)


def engine_and_pipeline(config: Config) -> tuple[Engine, Pipeline]:
    """Load the engine that `models.ct` names.

    Raises:
        ModelRefused: the package is not what its manifest says, or the device asked for is not there.
    """
    options = CtOptions(grade_cut_offs=config.triage.grade_cut_offs)
    settings = _settings_digest(config, options)
    software = version("triaged")
    if config.models.ct == THRESHOLD_ENGINE:
        digest = sha256(f"threshold {software}".encode()).hexdigest()
        engine = Engine("threshold", software, digest, derived_uid("engine", digest), software, settings)
        return engine, ThresholdPipeline(options)
    networks = load_package(
        config.models.folder / config.models.ct, device=config.inference.device, threads=config.inference.threads
    )
    manifest = networks.manifest
    digest = _model_sha256(manifest)
    engine = Engine(manifest.name, manifest.version, digest, manifest.device_uid, software, settings)
    return engine, CtPipeline(networks, options)


def _settings_digest(config: Config, options: CtOptions) -> str:
    """Return one digest of what alters a result; in which order studies are read does not."""
    triage = replace(config.triage.options(), discipline=Discipline.HEAD_START, strict_cap_min=0)
    return sha256(repr((described(triage), options, config.pictures)).encode()).hexdigest()[:12]


def _model_sha256(manifest: Manifest) -> str:
    """Return one digest for a package: any change of a network or of a threshold changes it."""
    networks = (manifest.networks.lungs, manifest.networks.backbone, manifest.networks.head)
    parts = [*(network.sha256 for network in networks), repr(manifest.thresholds), repr(manifest.window_hu)]
    return sha256("\n".join(parts).encode()).hexdigest()
