"""What `triaged model evaluate` does with a package for chest X-rays: from a list to figures, peers beside them.

Must not know how a figure comes about.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

from triaged.exams.xray.pipelines.two_stage import TwoStagePipeline
from triaged.inference.kinds.cxr_two_stage import CXR_TWO_STAGE
from triaged.inference.package import load_of_kind
from triaged.lab.evaluation.film_cases import peers_in, read_film_cases
from triaged.lab.evaluation.film_rows import FilmRow, film_rows
from triaged.lab.evaluation.film_summary import as_json


@dataclass(frozen=True, slots=True)
class FilmJob:
    """What the command line asks for: the list, the package, the peers' columns, and where figures go."""

    cases: Path
    package: Path
    peers: Sequence[str]
    threads: int
    json: Path | None


def evaluate_films(job: FilmJob, console: Console) -> None:
    """Measure the chest X-rays of a list, print the figures, and write them where that is asked for.

    Raises:
        ConfigError: the list or a file of it cannot be used, or a peer has no column.
        ModelRefused: the package is of another kind, or damaged.
    """
    cases = read_film_cases(job.cases)
    peers = peers_in(cases, job.peers)
    networks = load_of_kind(CXR_TWO_STAGE, job.package, "cpu", job.threads)
    rows = []
    for row in film_rows(cases, TwoStagePipeline(networks)):
        rows.append(row)
        if row.reason:
            console.print(f"{row.case.case}: not read: {row.reason}", markup=False)
    manifest = networks.manifest
    told = {"engine": {"name": manifest.name, "version": manifest.version}, **as_json(rows, peers)}
    if job.json is not None:
        job.json.parent.mkdir(parents=True, exist_ok=True)
        job.json.write_text(json.dumps(told, indent=1, allow_nan=False) + "\n", encoding="utf-8")
    _print(told, rows, console)


def _print(told: dict[str, Any], rows: Sequence[FilmRow], console: Console) -> None:
    for name, figure in told.items():
        if isinstance(figure, dict) and "value" in figure and figure["n"]:
            console.print(f"{name}: {_figure(figure)}", markup=False)
    if told["score"]:
        table = Table("", "mean absolute error", "rho", title="score, 0 to 6, beside the list's")
        for who, figures in told["score"].items():
            table.add_row(who, _figure(figures["mae"]), _figure(figures["rho"]))
        console.print(table)
    console.print(f"{sum(not row.reason for row in rows)} of {len(rows)} pictures read")


def _figure(figure: dict[str, Any]) -> str:
    if figure["value"] is None:
        return f"undefined ({figure['reason']})"
    ends = "" if figure["low"] is None else f" ({figure['low']:.3f} to {figure['high']:.3f})"
    return f"{figure['value']:.3f}{ends}, n={figure['n']}"
