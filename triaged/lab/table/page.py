"""Writes the table as Markdown: each of the paper's figures for every method, from generated series, patients, paper.

Must not know how figures come about. Figures of one source never stand under the name of another.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from statistics import fmean, stdev
from typing import Final

from triaged.lab.evaluation.estimate import Estimate
from triaged.lab.evaluation.row import Row
from triaged.lab.evaluation.table import COLUMNS, GROUPS, NOT_MEASURED, PAPER, figures

BEGIN: Final = "<!-- figures: written by triaged model table -->"
END: Final = "<!-- end of figures -->"

Runs = Mapping[str, Sequence[Sequence[Row]]]
"""The rows of each run of a method, one run for each seed."""


def table_page(generated: Runs, real: Runs, scans: Runs) -> str:
    """Return the tables; a method that was trained with one seed has no ± ."""
    lines = [BEGIN, ""]
    for name in COLUMNS:
        lines += [f"### {name}{_counted(name, generated)}", "", "| | generated | real | paper |", "|---|---|---|---|"]
        for method in generated:
            told = [cell([figures(rows)[name] for rows in runs.get(method, ())]) for runs in (generated, real)]
            paper = dict(zip(COLUMNS, PAPER.get(method, ()), strict=False)).get(name, NOT_MEASURED)
            lines.append(f"| {method} | {' | '.join(told)} | {paper} |")
        lines.append("")
    return "\n".join([*lines, *_scans(scans), END]) + "\n"


def cell(estimates: Sequence[Estimate]) -> str:
    """Return mean ± deviation over runs and, in brackets, the mean of the ends of their 95 % intervals."""
    known = [(one.value, one.low, one.high) for one in estimates if one.value is not None]
    if not known:
        return NOT_MEASURED
    values = [value for value, _, _ in known]
    told = f"{fmean(values):.2f}" + (f" ± {stdev(values):.2f}" if len(values) > 1 else "")
    ends = [(low, high) for _, low, high in known if low is not None and high is not None]
    if not ends:
        return told
    return f"{told} ({fmean(low for low, _ in ends):.2f} to {fmean(high for _, high in ends):.2f})"


def put_between_marks(page: str, path: Path) -> None:
    """Write a page into a file: in place of an earlier one where its marks are, else as the whole file."""
    text = path.read_text(encoding="utf-8") if path.exists() else ""
    before, begin, rest = text.partition(BEGIN)
    _, end, after = rest.partition(END + "\n")
    path.write_text(before + page + after if begin and end else page, encoding="utf-8")


def _counted(name: str, runs: Runs) -> str:
    """Return of how many generated cases a figure is."""
    rows = next(iter(runs.values()))[0]
    positives = sum(row.is_positive for row in rows)
    if not name.startswith("vs"):
        return f" (generated n = {positives})"
    beginnings = GROUPS.get(name, ("",))
    others = sum(not row.is_positive and row.group.lower().startswith(beginnings) for row in rows)
    return f" (generated n = {positives} against {others})"


def _scans(runs: Runs) -> list[str]:
    """Return what each method says of each whole scan: no figure can be computed from so few."""
    first = next(iter(runs.values()))[0] if runs else ()
    if not first:
        return []
    lines = [
        "### Whole scans, one by one",
        "",
        f"| | {' | '.join(row.case for row in first)} |",
        "|---|" + "---|" * len(first),
    ]
    for method, seeds in runs.items():
        told = [" / ".join(dict.fromkeys(_said(row) for row in rows)) for rows in zip(*seeds, strict=True)]
        lines.append(f"| {method} | {' | '.join(told)} |")
    return [*lines, ""]


def _said(row: Row) -> str:
    if row.identification is None:
        return NOT_MEASURED if row.severity is None else f"S {100 * row.severity:.1f} %"
    if row.severity is None:
        return f"P {row.identification:.2f}"
    return f"P {row.identification:.2f}, S {100 * row.severity:.1f} %"
