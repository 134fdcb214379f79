"""Draws how long studies wait under each order, what that costs others, and the gates, as PNG; draws to no screen."""

from __future__ import annotations

import io
import textwrap
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final

import numpy as np
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from triaged.lab.simulation.comparison import Comparison, GroupWaits
from triaged.lab.simulation.gates import P95_RATIO
from triaged.lab.simulation.ranking import FIRST_ROWS
from triaged.lab.simulation.verdict import Criterion, Verdict

COLOURS: Final = ("#888888", "#1f3a5f", "#b0682a", "#4f8a5b", "#7a4f8a")
SIGNS: Final = {Verdict.MEETS: "yes", Verdict.DOES_NOT_MEET: "NO", Verdict.TOO_FEW: "?"}
Figures = Callable[[GroupWaits], float]
WAITS: Final[Mapping[str, Figures]] = {
    "mean wait, min": lambda waits: waits.mean_min.value,
    "median wait, min": lambda waits: waits.median_min.value,
    "95th percentile, min": lambda waits: waits.p95_min.value,
    "longest wait, min": lambda waits: waits.max_min,
}
LEAST_MIN: Final = 1.0


def waits_plot(comparison: Comparison, criteria: Sequence[Criterion] = ()) -> bytes:
    """Return the waits of each group under each order, starvation, harm, ranking and the gates, as PNG.

    Waits are on a logarithmic scale from one minute on: those that matter most are the short ones.
    """
    groups = [name for name, waits in next(iter(comparison.waits.values())).items() if waits.studies]
    figure = Figure(figsize=(16, 9), dpi=100, layout="constrained")
    FigureCanvasAgg(figure)
    upper, lower = figure.subplots(2, 4)
    for axes, (name, value) in zip(upper, WAITS.items(), strict=True):
        _bars(axes, name, groups, comparison, value)
        axes.set_yscale("log")
        axes.set_ylim(bottom=LEAST_MIN)
    longest = f"{comparison.plan.longest_min / 60:g} h"
    _bars(lower[0], f"starved (over {longest}), studies", groups, comparison, lambda waits: float(waits.starved))
    lower[0].set_ylim(bottom=0, top=max(1.0, lower[0].get_ylim()[1]))
    _bars(lower[1], "harm: 95th percentile by that of fifo", groups, comparison, lambda waits: waits.p95_ratio.value)
    lower[1].axhline(P95_RATIO, color="#a00", linewidth=0.8, linestyle="--")
    _ranking(lower[2], comparison)
    _gates(lower[3], criteria)
    handles, labels = upper[0].get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside upper center", ncols=len(COLOURS), frameon=False)
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png", metadata={"Software": None})
    return buffer.getvalue()


def _bars(axes: Any, name: str, groups: Sequence[str], comparison: Comparison, value: Figures) -> None:
    width = 0.8 / len(comparison.waits)
    for place, (order, table) in enumerate(comparison.waits.items()):
        at = np.arange(len(groups)) + (place - (len(comparison.waits) - 1) / 2) * width
        axes.bar(at, [value(table[group]) for group in groups], width, color=_colour(place), label=order)
    axes.set_title(name, fontsize=10)
    axes.set_xticks(range(len(groups)), groups, rotation=60, ha="right", fontsize=8)


def _ranking(axes: Any, comparison: Comparison) -> None:
    for place, quality in enumerate(comparison.rankings.values()):
        axes.bar([place - 0.2, place + 0.2], [quality.recall.value, quality.area.value], 0.36, color=_colour(place))
    axes.axhline(0.5, color="#333", linewidth=0.8, linestyle=":")
    axes.set_ylim(0, 1)
    axes.set_xlim(-0.5, len(comparison.rankings) - 0.5)
    axes.set_xticks(range(len(comparison.rankings)), list(comparison.rankings), rotation=60, ha="right", fontsize=8)
    axes.set_title(f"severe in the first {FIRST_ROWS} rows | area (0.5 chance)", fontsize=10)


def _gates(axes: Any, criteria: Sequence[Criterion]) -> None:
    axes.set_axis_off()
    axes.set_title("gates of the daemon's order", fontsize=10)
    lines = [textwrap.fill(f"{SIGNS[each.verdict]}: {each.asked} ({each.found})", 62) for each in criteria]
    axes.text(0, 1, "\n".join(lines) or "not simulated", va="top", fontsize=6.5, transform=axes.transAxes)


def _colour(place: int) -> str:
    return COLOURS[place % len(COLOURS)]
