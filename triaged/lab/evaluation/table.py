"""The paper's table beside what was measured here: generated data, own data and the paper in columns of their own.

Must not know how figures come about. Figures of one source never stand under the name of another.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from triaged.lab.evaluation.estimate import Estimate, undefined
from triaged.lab.evaluation.row import Row
from triaged.lab.evaluation.scores import separation, separation_by_group
from triaged.lab.evaluation.summary import headline

COLUMNS: Final = ("vs all", "vs normal", "vs bact. pneum.", "vs nodules", "Spearman ρ", "lesion Dice")
PAPER: Final[Mapping[str, tuple[str, ...]]] = {
    "Thresholding": (".51±.00", ".68±.00", ".46±.00", ".45±.00", ".92±.00", ".42±.00"),
    "3D U-Net": (".76±.02", ".89±.02", ".59±.01", ".79±.03", ".97±.01", ".65±.00"),
    "2D U-Net": (".78±.01", ".93±.01", ".62±.01", ".79±.00", ".97±.00", ".63±.00"),
    "2D U-Net+": (".86±.01", ".98±.01", ".68±.02", ".91±.01", ".80±.03", ".59±.01"),
    "ResNet-50": (".62±.19", ".67±.21", ".55±.13", ".65±.22", "–", "–"),
    "Multitask-Latent": (".79±.06", ".84±.05", ".73±.06", ".80±.07", ".97±.00", ".61±.02"),
    "Multitask-Spatial-4": (".89±.03", ".94±.03", ".83±.05", ".91±.03", ".98±.00", ".61±.02"),
    "Multitask-Spatial-1": (".93±.01", ".97±.01", ".87±.01", ".93±.00", ".97±.01", ".61±.02"),
}
"""Goncharov et al., table 3: 123 cases, 32 of them with COVID-19; ± is the spread over five training runs, not that of
sampling."""
GROUPS: Final = {"vs normal": ("normal", "healthy"), "vs bact. pneum.": ("bact",), "vs nodules": ("nodul",)}
THRESHOLD_METHOD: Final = "Thresholding"
NOT_MEASURED: Final = "–"


@dataclass(frozen=True, slots=True)
class Line:
    """One line of the table: its name, then generated data, own data, paper."""

    name: str
    generated: str
    own: str
    paper: str


def comparison(own: Sequence[Row], generated: Sequence[Row], method: str) -> tuple[Line, ...]:
    """Return the paper's six figures of a method, from each source; the paper may not know the method."""
    here, made = figures(own), figures(generated)
    return tuple(
        Line(name, told(made[name]), told(here[name]), paper)
        for name, paper in zip(COLUMNS, PAPER.get(method, (NOT_MEASURED,) * len(COLUMNS)), strict=True)
    )


def figures(rows: Sequence[Row]) -> dict[str, Estimate]:
    """Return the six figures of the table; what gives no probability is ranked by its severity, as in the paper."""
    score = "identification" if any(row.identification is not None for row in rows) else "severity"
    by_group = separation_by_group(rows, score)
    found = {"vs all": separation(rows, score)}
    for name, beginnings in GROUPS.items():
        own = [estimate for group, estimate in by_group.items() if group.lower().startswith(beginnings)]
        found[name] = own[0] if own else undefined(0, "no such group")
    five = headline(rows)
    return {**found, "Spearman ρ": five["severity_spearman"], "lesion Dice": five["lesion_dice"]}


def told(estimate: Estimate) -> str:
    """Return an estimate as a reader of the table sees it: value (interval), n."""
    if estimate.value is None:
        return NOT_MEASURED if estimate.n == 0 else f"{NOT_MEASURED} n={estimate.n}"
    if estimate.low is None or estimate.high is None:
        return f"{estimate.value:.2f} (no interval), n={estimate.n}"
    return f"{estimate.value:.2f} ({estimate.low:.2f} to {estimate.high:.2f}), n={estimate.n}"
