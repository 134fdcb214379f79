"""Chooses what reads the images, and says by what its results are known.

Must not know the configuration: which kinds of network there are, and what reads a CT with each, two tables say.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from hashlib import sha256
from importlib.metadata import version
from pathlib import Path
from typing import Any, Final, Protocol, TypeAlias, runtime_checkable

from triaged.errors import ModelRefused
from triaged.exams.ct.finding import Acquisition, LungAnalysis
from triaged.exams.ct.options import CtOptions
from triaged.exams.ct.pipelines.cascade import CascadePipeline
from triaged.exams.ct.pipelines.classifier import classifier_pipeline
from triaged.exams.ct.pipelines.ensemble import EnsemblePipeline
from triaged.exams.ct.pipelines.mtl import MtlPipeline
from triaged.exams.ct.pipelines.networks import CtPipeline
from triaged.exams.ct.pipelines.segmenter import SegmenterPipeline
from triaged.exams.ct.pipelines.threshold import BUILT_IN, ThresholdPipeline
from triaged.exams.identity import engine_of
from triaged.exams.on_demand import OnDemand
from triaged.imaging.volume import Volume
from triaged.inference.graphs import Device
from triaged.inference.identity import Engine
from triaged.inference.kinds.ct_cascade import CT_CASCADE
from triaged.inference.kinds.ct_classifier import CT_CLASSIFIER
from triaged.inference.kinds.ct_ensemble import CT_ENSEMBLE
from triaged.inference.kinds.ct_mtl import CT_MTL
from triaged.inference.kinds.ct_multitask import CT_MULTITASK
from triaged.inference.kinds.ct_segmenter import CT_SEGMENTER
from triaged.inference.kinds.kind import Kinds, Networks
from triaged.inference.kinds.table import KINDS
from triaged.inference.package import load_package
from triaged.study.uids import derived_uid


class Pipeline(Protocol):
    """Reads one CT series."""

    def read(self, volume: Volume, acquisition: Acquisition) -> LungAnalysis:
        """Return scores and masks on the volume's own grid; raise UnreadableStudy where no score means anything."""


@runtime_checkable
class Preparing(Protocol):
    """A pipeline that can do a part of its work while a series arrives."""

    def prepare(self, volume: Volume) -> None:
        """Work on a part of a volume that `read` will be given whole; what that returns does not change."""


Pipelines: TypeAlias = Mapping[str, Callable[[Any, CtOptions], Pipeline]]
PIPELINES: Final[Pipelines] = {
    CT_MULTITASK.name: CtPipeline,
    CT_ENSEMBLE.name: EnsemblePipeline,
    CT_CASCADE.name: CascadePipeline,
    CT_SEGMENTER.name: SegmenterPipeline,
    CT_MTL.name: MtlPipeline,
    CT_CLASSIFIER.name: classifier_pipeline,
}
"""What reads a chest CT with each kind of network: one row each."""


def load_engine(
    name: str,
    folder: Path,
    options: CtOptions,
    settings: str,
    *,
    device: Device,
    threads: int,
    kinds: Kinds[Networks] = KINDS,
    pipelines: Pipelines = PIPELINES,
) -> tuple[Engine, Pipeline]:
    """Load the engine of a name: one that is built in, or that of a package in `folder`; `settings` is their digest.

    Raises:
        ModelRefused: as `load_package` and `pipeline_of`.
    """
    software = version("triaged")
    if name in BUILT_IN:
        digest = sha256(f"{name} {software}".encode()).hexdigest()
        engine = Engine(name, software, digest, derived_uid("engine", digest), software, settings)
        return engine, ThresholdPipeline(options, name)
    networks = load_package(folder / name, device, threads, kinds, pipelines)
    return engine_of(networks.manifest, settings), pipeline_of(networks, options, pipelines)


class ReadOnDemand:
    """A pipeline whose networks are loaded when the first series is to be read."""

    def __init__(self, on_demand: OnDemand[Pipeline]) -> None:
        self._on_demand = on_demand

    def read(self, volume: Volume, acquisition: Acquisition) -> LungAnalysis:
        """Read a series as the engine does; raise ModelRefused where it cannot be loaded by now."""
        return self._on_demand.reads().read(volume, acquisition)


def pipeline_of(networks: Networks, options: CtOptions, pipelines: Pipelines = PIPELINES) -> Pipeline:
    """Return what reads a CT with these networks; raise ModelRefused where nothing does."""
    manifest = networks.manifest
    if manifest.kind not in pipelines:
        expected = f"expected networks that read a CT, of kind {' or '.join(pipelines)}"
        raise ModelRefused(f"{manifest.name}: {expected}, found {manifest.kind}")
    return pipelines[manifest.kind](networks, options)
