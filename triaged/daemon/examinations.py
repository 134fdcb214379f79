"""The examinations of this daemon, each with the engine that reads it; the one place that names them.

A role imports only what it needs of them: the clock and the pages load no engine.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from functools import partial
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Final

from triaged.config.settings import Config
from triaged.errors import ModelRefused
from triaged.study.concepts import SERVICE, XRAY_SERVICE
from triaged.study.modalities import Stratum
from triaged.study.records import Series

if TYPE_CHECKING:
    from triaged.exams.ct.engines import Pipeline
    from triaged.exams.exam import Examination, Thumbnail, Viewer
    from triaged.inference.identity import Engine


ALL: Final = frozenset(Stratum)


def is_whole(config: Config, series: Sequence[Series]) -> bool:
    """Tell whether an examination has all that it needs."""
    from triaged.exams.ct.choice import aim
    from triaged.exams.ct.choice import is_whole as is_whole_ct
    from triaged.exams.xray.choice import is_whole as is_whole_xray

    if aim(series) is not None:  # a CT of which slices are missing is waited for, with an X-ray beside it or not
        return is_whole_ct(series)
    return reads_xrays(config) and is_whole_xray(series)


def reads_xrays(config: Config) -> bool:
    """Tell whether X-rays are read, by the engine of the settings or by one that a rule names; loads no engine."""
    return config.models.reads_xrays or any(is_of_xrays(config, name) for name in config.models_of_rules())


def is_of_xrays(config: Config, name: str) -> bool:
    """Tell by its manifest whether a package reads X-rays; one that cannot be read does not."""
    from triaged.exams.xray.options import KIND
    from triaged.inference.manifest import MANIFEST_NAME
    from triaged.inference.strict_mapping import read_mapping

    try:
        return read_mapping(config.models.folder / name / MANIFEST_NAME).text("kind") == KIND
    except ModelRefused:
        return False


def viewers() -> tuple[Viewer, ...]:
    """Return what opens the images of each examination for a browser."""
    from triaged.exams.ct.viewing import view as view_ct
    from triaged.exams.xray.viewing import view as view_xray

    return view_ct, view_xray


def purposes(config: Config) -> tuple[str, ...]:
    """Return what is looked for and what is not, by which engine in which version; loads no engine."""
    models = config.models
    said = SERVICE.purpose.said(_algorithm(models.folder / models.ct))
    return (said, XRAY_SERVICE.purpose.said(_algorithm(models.folder / models.cxr))) if models.reads_xrays else (said,)


def thumbnails() -> tuple[Thumbnail, ...]:
    """Return what draws the kept view of each examination that has a picture for the list."""
    from triaged.exams.ct.pictures.thumbnail import thumbnail as thumbnail_of_ct
    from triaged.exams.xray.pictures.thumbnail import thumbnail as thumbnail_of_xray

    return thumbnail_of_ct, thumbnail_of_xray


def examinations(config: Config, strata: Collection[Stratum] = ALL) -> tuple[Examination, ...]:
    """Return what is examined here, as the first engines read it; `ModelRefused` where an engine cannot be used.

    Only engines for studies of the `strata` are loaded now. The others are tried, and loaded when a study needs one:
    one with both kinds of images does where its CT cannot be read.
    """
    ct = _chest_ct(config, config.models.ct, strata)
    return (ct, _chest_xray(config, config.models.cxr, strata)) if config.models.reads_xrays else (ct,)


def examinations_of_rules(
    config: Config, of_all: Sequence[Examination], strata: Collection[Stratum] = ALL
) -> Mapping[str, Sequence[Examination]]:
    """Return the examinations for each model that a rule names, which takes the place of the one for all studies.

    Raises:
        ModelRefused: one of the engines cannot be used.
    """
    found: dict[str, Sequence[Examination]] = {}
    for name in config.models_of_rules():
        if is_of_xrays(config, name):
            found[name] = (of_all[0], _chest_xray(config, name, strata))
        else:
            found[name] = (_chest_ct(config, name, strata), *of_all[1:])
    return found


def second_examination(config: Config, name: str) -> Examination:
    """Return the examination as one of `models.second` reads it; `ModelRefused` where that engine cannot be used."""
    return _chest_ct(config, name, ALL)


def engine_and_pipeline(config: Config, name: str = "") -> tuple[Engine, Pipeline]:
    """Load the engine of a name, by default the one that `models.ct` names; `ModelRefused` as `load_engine`."""
    from triaged.exams.ct.engines import load_engine
    from triaged.exams.ct.options import CtOptions
    from triaged.exams.identity import settings_digest

    options = CtOptions(grade_cut_offs=config.triage.grade_cut_offs)
    settings = settings_digest(config.triage.options(), options, config.pictures)
    device, threads = config.inference.device, config.inference.threads
    name = name or config.models.ct
    return load_engine(name, config.models.folder, options, settings, device=device, threads=threads)


def _chest_ct(config: Config, name: str, strata: Collection[Stratum]) -> Examination:
    from triaged.exams.ct.engines import ReadOnDemand
    from triaged.exams.ct.examination import ChestCt
    from triaged.exams.ct.options import Palette
    from triaged.exams.on_demand import OnDemand

    palette = Palette(config.pictures.palette)
    if Stratum.VOLUME in strata:
        return ChestCt(*engine_and_pipeline(config, name), palette=palette)
    on_demand = OnDemand(lambda: engine_and_pipeline(config, name))
    return ChestCt(on_demand.engine, ReadOnDemand(on_demand), palette=palette)


def _chest_xray(config: Config, name: str, strata: Collection[Stratum]) -> Examination:
    from triaged.exams.identity import settings_digest
    from triaged.exams.on_demand import OnDemand
    from triaged.exams.xray.engines import ReadOnDemand, load_engine
    from triaged.exams.xray.examination import ChestXray

    models, running = config.models, config.inference
    settings = settings_digest(config.triage.options(), config.pictures)
    load = partial(load_engine, name, models.folder, settings, device=running.device, threads=running.threads)
    if Stratum.RADIOGRAPH in strata:
        return ChestXray(*load())
    on_demand = OnDemand(load)
    return ChestXray(on_demand.engine, ReadOnDemand(on_demand))


def _algorithm(folder: Path) -> str:
    """Return name and version of an engine as its results have them; its name alone where its package is not here."""
    from triaged.inference.manifest import MANIFEST_NAME
    from triaged.inference.strict_mapping import read_mapping
    from triaged.results.provenance import THRESHOLDING

    if folder.name in THRESHOLDING:
        return f"{folder.name} {version('triaged')}"
    try:
        manifest = read_mapping(folder / MANIFEST_NAME)
        return f"{manifest.text('name')} {manifest.text('version')}"
    except ModelRefused:
        return folder.name
