"""Draws what figures do not say: agreement, calibration and the scatter of severities, as PNG; draws to no screen."""

from __future__ import annotations

import io
from collections.abc import Sequence
from typing import Any, Final

from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from triaged.lab.evaluation.agreement import limits
from triaged.lab.evaluation.row import Row
from triaged.lab.evaluation.severity import pairs

INK: Final = "#1f3a5f"
OTHER: Final = "#b0682a"
FAINT: Final = "#888888"


def severity_scatter(rows: Sequence[Row]) -> bytes | None:
    """Return found against reference severity as PNG; None without cases."""
    both = pairs(rows)
    if not both:
        return None
    figure, axes = _figure("reference severity, %", "found severity, %")
    axes.plot([0, 100], [0, 100], color=FAINT, linewidth=1)
    for positive, colour, name in ((True, INK, "disease"), (False, OTHER, "other groups")):
        points = [(100 * true, 100 * found) for found, true, row in both if row.is_positive is positive]
        if points:
            axes.scatter(*zip(*points, strict=True), s=18, color=colour, label=name, alpha=0.8)
    axes.legend(frameon=False)
    return _png(figure)


def bland_altman(rows: Sequence[Row]) -> bytes | None:
    """Return differences of severity against their means as PNG; None with too few cases."""
    both = pairs(rows)
    found, true = [found for found, _, _ in both], [true for _, true, _ in both]
    between = limits(found, true)
    if between is None:
        return None
    figure, axes = _figure("mean of found and reference severity, %", "found - reference, percentage points")
    axes.scatter(
        [50 * (f + t) for f, t in zip(found, true, strict=True)],
        [100 * (f - t) for f, t in zip(found, true, strict=True)],
        s=18,
        color=INK,
        alpha=0.8,
    )
    for level, style in ((between.bias_pp, "-"), (between.low_pp, "--"), (between.high_pp, "--")):
        axes.axhline(level, color=FAINT, linestyle=style, linewidth=1)
        axes.annotate(f"{level:.1f}", (1.0, level), xycoords=("axes fraction", "data"), fontsize=8, color=FAINT)
    return _png(figure)


def reliability(calibration: dict[str, Any]) -> bytes | None:
    """Return observed against said probability in bins of equal numbers as PNG; None where it was not judged."""
    found = calibration.get("bins")
    if not found:
        return None
    figure, axes = _figure("identification score, mean of a tenth of the cases", "share with the disease")
    axes.plot([0, 1], [0, 1], color=FAINT, linewidth=1)
    axes.plot(
        [said for said, _, _ in found], [seen for _, seen, _ in found], "o-", color=INK, linewidth=1, markersize=4
    )
    axes.set_xlim(-0.02, 1.02)
    axes.set_ylim(-0.02, 1.02)
    return _png(figure)


def _figure(x_label: str, y_label: str) -> tuple[Figure, Any]:
    figure = Figure(figsize=(4.6, 4.0), dpi=110, layout="constrained")
    FigureCanvasAgg(figure)
    axes = figure.add_subplot()
    axes.set_xlabel(x_label)
    axes.set_ylabel(y_label)
    for side in ("top", "right"):
        axes.spines[side].set_visible(False)
    return figure, axes


def _png(figure: Figure) -> bytes:
    content = io.BytesIO()
    figure.savefig(content, format="png")
    return content.getvalue()
