"""The command `triaged model evaluate`: from a list of cases to figures on paper.

Must not know how a figure comes about.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn
from rich.table import Table

from triaged.config.loading import load
from triaged.config.settings import Config, ModelsSection
from triaged.config.shipped import shipped
from triaged.daemon.examinations import engine_and_pipeline
from triaged.errors import ConfigError
from triaged.exams.ct.engines import Pipeline
from triaged.exams.ct.pipelines.threshold import BUILT_IN
from triaged.inference.kinds.cxr_two_stage import CXR_TWO_STAGE
from triaged.inference.manifest import MANIFEST_NAME
from triaged.inference.package import read_manifest
from triaged.lab.evaluation import dynamics
from triaged.lab.evaluation.cases import BadCase, Case, read_cases
from triaged.lab.evaluation.pictures import Gallery
from triaged.lab.evaluation.plots import bland_altman, ranked_bars, reliability, severity_by_grade, severity_scatter
from triaged.lab.evaluation.report import page
from triaged.lab.evaluation.row import Outcome, Row
from triaged.lab.evaluation.run import Compared, GradeCutOffs, Look, rows
from triaged.lab.evaluation.summary import HEADLINE, headline, summary
from triaged.lab.evaluation.table import THRESHOLD_METHOD, Line, comparison

DEFAULT_PACKAGE: Final = "ct-open"
REPORT: Final = "report.html"


@dataclass(frozen=True, slots=True)
class Job:
    """What the command line asks for; None where it leaves the choice to us."""

    cases: Path
    generated: Path | None
    package: Path | None
    pipeline: str | None
    config: Path
    threads: int | None
    out: Path | None
    json: Path | None


@dataclass(frozen=True, slots=True, eq=False)
class Measured:
    """What measures, as the results name it, and as a row of the paper's table does: its `method`."""

    engine: dict[str, str]
    method: str
    pipeline: Pipeline
    cut_offs: GradeCutOffs


def evaluate(job: Job, console: Console) -> None:
    """Measure the cases of a list and write what was found.

    Raises:
        ConfigError: a list, the configuration or the package cannot be used.
    """
    cases = read_cases(job.cases)
    generated = read_cases(job.generated) if job.generated else ()
    measured = prepare(job)
    gallery = Gallery()
    found = _measured_rows(cases, measured, "cases", gallery.see if job.out else _look_away)
    made = _measured_rows(generated, measured, "generated cases", _look_away) if generated else ()
    told = summary(found)
    told = {**{key: told.pop(key) for key in HEADLINE}, "engine": measured.engine, **told}
    if made:
        told["generated"] = {name: estimate.as_json() for name, estimate in headline(made).items()}
    told["cases"] = told.pop("cases")
    lines = comparison(found, made, measured.method)
    if job.json is not None:
        _write(job.json, json.dumps(told, indent=1, allow_nan=False) + "\n")
    if job.out is not None:
        plots = {
            "every case by its score, in the colour of its true group": ranked_bars(found),
            "severity by grade of the reference": severity_by_grade(found),
            "severity": severity_scatter(found),
            "agreement (Bland–Altman)": bland_altman(found),
            "reliability": reliability(told["calibration"]),
        }
        _write(job.out / REPORT, page(told, found, lines, plots, gallery.worst))
    _print(told, lines, console)


def reads_xrays(package: Path) -> bool:
    """Tell whether a package is one for chest X-rays; one without a manifest is not."""
    return (package / MANIFEST_NAME).exists() and read_manifest(package).kind == CXR_TWO_STAGE.name


def prepare(job: Job) -> Measured:
    """Return the daemon's own pipeline for what the command line asks for.

    Raises:
        ConfigError: both a package and a pipeline are asked for, or there is no such one.
    """
    if job.package is not None and job.pipeline is not None:
        raise ConfigError("expected one of --package and --pipeline, found both")
    if job.pipeline is not None and job.pipeline not in BUILT_IN:
        raise ConfigError(f"--pipeline: expected {' or '.join(BUILT_IN)}, found {job.pipeline}")
    config = load(job.config) if job.config.exists() else Config()
    models = config.models
    if job.pipeline is not None:
        models = ModelsSection(ct=job.pipeline)
    elif job.package is not None or not job.config.exists():
        package = (job.package or shipped("onnx_models") / DEFAULT_PACKAGE).resolve()
        models = ModelsSection.model_construct(ct=package.name, folder=package.parent)
    inference = config.inference
    if job.threads is not None:
        inference = inference.model_copy(update={"threads": job.threads})
    config = config.model_copy(update={"models": models, "inference": inference})
    engine, pipeline = engine_and_pipeline(config)
    told = {"name": engine.name, "version": engine.version, "sha256": engine.model_sha256}
    return Measured(told, _method(models), pipeline, config.triage.grade_cut_offs)


def _method(models: ModelsSection) -> str:
    return THRESHOLD_METHOD if models.ct in BUILT_IN else read_manifest(models.folder / models.ct).method


def _measured_rows(cases: Sequence[Case | BadCase], measured: Measured, name: str, look: Look) -> tuple[Row, ...]:
    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
        TextColumn("left"),
        TimeRemainingColumn(),
    )
    found: list[Row] = []
    with Progress(*columns, console=Console(stderr=True, soft_wrap=True), speed_estimate_period=3600) as progress:
        task = progress.add_task(name, total=len(cases))
        for row in rows(cases, measured.pipeline, measured.cut_offs, look):
            found.append(row)
            progress.console.print(_said(row), highlight=False, markup=False, soft_wrap=True)
            progress.advance(task)
    return tuple(found)


def _look_away(_: Compared) -> None:
    """Look at no case: no picture is wanted."""


def _write(path: Path, text: str) -> None:
    """Write a file whole or not at all."""
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_name(f"{path.name}.part")
    part.write_text(text, encoding="utf-8")
    part.replace(path)


def _said(row: Row) -> str:
    if row.outcome is not Outcome.MEASURED:
        return f"{row.case}: {row.outcome.value}: {row.reason}"
    figures = {
        "lungs": row.lung_dice,
        "lesions": row.lesion_dice,
        "severity": row.severity,
        "reference": row.severity_reference,
        "P": row.identification,
        "s": row.seconds_pipeline,
    }
    told = ", ".join(f"{name} {value:.3f}" for name, value in figures.items() if value is not None)
    return f"{row.case}: {told}" + "".join(f"; {note}" for note in row.notes)


def _print(told: dict[str, Any], lines: Sequence[Line], console: Console) -> None:
    for key in HEADLINE:
        figure = told[key]
        if figure["value"] is None:
            console.print(f"{key}: undefined ({figure['reason']})")
        else:
            ends = "" if figure["low"] is None else f" ({figure['low']:.3f} to {figure['high']:.3f})"
            console.print(f"{key}: {figure['value']:.3f}{ends}, n={figure['n']}")
    if pairs := dynamics.said(told["dynamics"]):
        console.print(pairs)
    table = Table("", "generated data", "own data", "paper", title=f"{told['engine']['name']} beside the paper")
    for line in lines:
        table.add_row(line.name, line.generated, line.own, line.paper)
    console.print(table)
    counts = told["counts"]
    console.print(
        f"{counts['measured']} of {counts['cases']} cases measured, {counts['failed']} failed, "
        f"{counts['not_read']} not read"
    )
