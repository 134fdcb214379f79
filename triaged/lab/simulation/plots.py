"""Draws how long studies wait under each order, as PNG; draws to no screen."""

from __future__ import annotations

import io
from typing import Final

import numpy as np
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from triaged.lab.simulation.comparison import Comparison, GroupWaits
from triaged.lab.simulation.waits import GROUPS

COLOURS: Final = ("#888888", "#1f3a5f", "#b0682a", "#4f8a5b", "#7a4f8a")


def waits_plot(comparison: Comparison) -> bytes:
    """Return mean with its interval, 95th percentile and longest wait of each group under each order, as PNG.

    The scale is logarithmic, from one minute on: the waits that matter most are the short ones.
    """
    groups = [group for group in GROUPS if next(iter(comparison.waits.values()))[group].studies]
    figure = Figure(figsize=(11, 4.5), dpi=110, layout="constrained")
    FigureCanvasAgg(figure)
    parts = figure.subplots(1, 3, sharey=True)
    width = 0.8 / len(comparison.waits)
    for axes, (name, value) in zip(parts, _FIGURES.items(), strict=True):
        for place, (order, table) in enumerate(comparison.waits.items()):
            heights = [max(value(table[group]), 1.0) for group in groups]
            at = np.arange(len(groups)) + (place - (len(comparison.waits) - 1) / 2) * width
            axes.bar(at, heights, width, color=COLOURS[place % len(COLOURS)], label=order)
        axes.set_yscale("log")
        axes.set_title(name, fontsize=10)
        axes.set_xticks(range(len(groups)), groups, rotation=60, ha="right", fontsize=8)
    parts[0].set_ylabel("wait, minutes")
    parts[0].set_ylim(bottom=1.0)
    figure.legend(*parts[0].get_legend_handles_labels(), loc="outside upper center", ncols=len(COLOURS), frameon=False)
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png", metadata={"Software": None})
    return buffer.getvalue()


def _mean(waits: GroupWaits) -> float:
    return waits.mean_min.value


def _p95(waits: GroupWaits) -> float:
    return waits.p95_min.value


def _longest(waits: GroupWaits) -> float:
    return waits.max_min


_FIGURES: Final = {"mean": _mean, "95th percentile": _p95, "longest": _longest}
