"""Tries the engines that the settings name, as a worker would load them; reads no image."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial

from triaged.config.settings import Config
from triaged.daemon.examinations import is_of_xrays
from triaged.daemon.pools import as_of
from triaged.errors import ModelRefused
from triaged.exams.ct.engines import PIPELINES, pipeline_of
from triaged.exams.ct.options import CtOptions
from triaged.exams.ct.pipelines.threshold import BUILT_IN
from triaged.inference.kinds.cxr_two_stage import CXR_TWO_STAGE
from triaged.inference.kinds.kind import Networks
from triaged.inference.package import load_of_kind, load_package


def described_models(config: Config) -> Iterator[tuple[str, Callable[[], str]]]:
    """Yield each place of an engine in the settings, and what says which engine that is, or raises ModelRefused.

    Where pools of workers run on different devices, each place is tried on each of them.
    """
    tried: set[str] = set()
    for pool in config.workers:
        its_own = as_of(config, pool)
        if its_own.inference.device not in tried:
            tried.add(its_own.inference.device)
            where = f" in workers {pool.name}" if pool.name else ""
            yield from ((f"{place}{where}", describe) for place, describe in _described(its_own))


def _described(config: Config) -> Iterator[tuple[str, Callable[[], str]]]:
    models = config.models
    yield f"models.ct {models.ct}", partial(_of_ct, config, models.ct)
    if models.reads_xrays:
        yield f"models.cxr {models.cxr}", partial(_of_xrays, config, models.cxr)
    for name in models.second:
        yield f"models.second {name}", partial(_of_ct, config, name)
    for name in config.models_of_rules():
        yield f"rules {name}", partial(_of_xrays if is_of_xrays(config, name) else _of_ct, config, name)


def _of_ct(config: Config, name: str) -> str:
    if name in BUILT_IN:
        return "built in: needs no model package"
    running = config.inference
    with _naming_others(config, name):
        networks = load_package(config.models.folder / name, running.device, running.threads, among=PIPELINES)
    pipeline_of(networks, CtOptions())  # a worker refuses what no pipeline reads
    return _words(networks)


def _of_xrays(config: Config, name: str) -> str:
    models, running = config.models, config.inference
    with _naming_others(config, name):
        return _words(load_of_kind(CXR_TWO_STAGE, models.folder / name, running.device, running.threads))


@contextmanager
def _naming_others(config: Config, name: str) -> Iterator[None]:
    """Say which packages there are where one that is refused is not there at all."""
    folder = config.models.folder
    try:
        yield
    except ModelRefused:
        if (folder / name).is_dir():
            raise
        there = sorted(each.name for each in folder.iterdir() if each.is_dir()) if folder.is_dir() else []
        known = f"there is: {', '.join(there)}" if there else "there is none"
        raise ModelRefused(f"{folder}: expected a model package ({known}), found none named {name}") from None


def _words(networks: Networks) -> str:
    return f"{networks.manifest.name} {networks.manifest.version} matches its manifest, runs on {networks.device}"
