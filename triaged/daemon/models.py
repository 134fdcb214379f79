"""Tries the engines that the settings name, as a worker would load them; reads no image."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial

from triaged.config.settings import Config
from triaged.exams.ct.engines import PIPELINES, pipeline_of
from triaged.exams.ct.options import CtOptions
from triaged.exams.ct.pipelines.threshold import BUILT_IN
from triaged.inference.kinds.cxr_two_stage import CXR_TWO_STAGE
from triaged.inference.kinds.kind import Networks
from triaged.inference.package import load_of_kind, load_package


def described_models(config: Config) -> Iterator[tuple[str, Callable[[], str]]]:
    """Yield each place of an engine in the settings, and what says which engine that is, or raises ModelRefused."""
    models = config.models
    yield f"models.ct {models.ct}", partial(_of_ct, config, models.ct)
    if models.reads_xrays:
        yield f"models.cxr {models.cxr}", partial(_of_xrays, config)
    for name in models.second:
        yield f"models.second {name}", partial(_of_ct, config, name)


def _of_ct(config: Config, name: str) -> str:
    if name in BUILT_IN:
        return "built in: needs no model package"
    running = config.inference
    networks = load_package(config.models.folder / name, running.device, running.threads, among=PIPELINES)
    pipeline_of(networks, CtOptions())  # a worker refuses what no pipeline reads
    return _words(networks)


def _of_xrays(config: Config) -> str:
    models, running = config.models, config.inference
    return _words(load_of_kind(CXR_TWO_STAGE, models.folder / models.cxr, running.device, running.threads))


def _words(networks: Networks) -> str:
    return f"{networks.manifest.name} {networks.manifest.version} matches its manifest, runs on {networks.device}"
