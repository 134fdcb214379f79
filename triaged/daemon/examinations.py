"""The examinations of this daemon, each with the engine that reads it; the one place that names them.

A role imports only what it needs of them: the clock and the pages load no engine.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from triaged.config.settings import Config
from triaged.study.records import Series

if TYPE_CHECKING:
    from triaged.exams.ct.engines import Pipeline
    from triaged.exams.exam import Examination, Viewer
    from triaged.inference.identity import Engine


def is_whole(config: Config, series: Sequence[Series]) -> bool:
    """Tell whether an examination has all that it needs."""
    from triaged.exams.ct.choice import aim
    from triaged.exams.ct.choice import is_whole as is_whole_ct
    from triaged.exams.xray.choice import is_whole as is_whole_xray

    if aim(series) is not None:  # a CT of which slices are missing is waited for, with an X-ray beside it or not
        return is_whole_ct(series)
    return config.models.reads_xrays and is_whole_xray(series)


def viewers() -> tuple[Viewer, ...]:
    """Return what opens the images of each examination for a browser."""
    from triaged.exams.ct.viewing import view as view_ct
    from triaged.exams.xray.viewing import view as view_xray

    return view_ct, view_xray


def examinations(config: Config) -> tuple[Examination, ...]:
    """Return what is examined here, as the first engines read it; `ModelRefused` where an engine cannot be used."""
    ct = _chest_ct(config, config.models.ct)
    return (ct, _chest_xray(config)) if config.models.reads_xrays else (ct,)


def second_examination(config: Config, name: str) -> Examination:
    """Return the examination as one of `models.second` reads it; `ModelRefused` where that engine cannot be used."""
    return _chest_ct(config, name)


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


def _chest_ct(config: Config, name: str) -> Examination:
    from triaged.exams.ct.examination import ChestCt
    from triaged.exams.ct.options import Palette

    return ChestCt(*engine_and_pipeline(config, name), palette=Palette(config.pictures.palette))


def _chest_xray(config: Config) -> Examination:
    from triaged.exams.identity import settings_digest
    from triaged.exams.xray.engines import load_engine
    from triaged.exams.xray.examination import ChestXray

    models, running = config.models, config.inference
    settings = settings_digest(config.triage.options(), config.pictures)
    return ChestXray(*load_engine(models.cxr, models.folder, settings, device=running.device, threads=running.threads))
