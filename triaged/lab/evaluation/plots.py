"""Draws what figures do not say: the order of all cases, agreement, calibration, the scatter of severities.

As PNG; draws to no screen.
"""

from __future__ import annotations

import io
from collections.abc import Sequence
from typing import Any, Final

import numpy as np
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.patches import Patch

from triaged.lab.evaluation.agreement import GRADES, limits
from triaged.lab.evaluation.row import Row
from triaged.lab.evaluation.severity import pairs

INK: Final = "#1f3a5f"
OTHER: Final = "#b0682a"
FAINT: Final = "#888888"
GROUPS: Final = ("#b0682a", "#4f8a5b", "#8b6bb1", "#c2a13a", "#5f9ea0", "#a05f6f")
"""Colours of the groups without the disease, in the order of their names; those beyond share `FAINT`."""


def ranked_bars(rows: Sequence[Row]) -> bytes | None:
    """Return every scored case as a bar, the highest score first, in the colour of its true group, as PNG.

    Scores are the engine's own, severity where it has none (Goncharov et al., figure 5). None without cases.
    """
    name = "identification" if any(row.identification is not None for row in rows) else "severity"
    scored = [(score, row) for row in rows if (score := getattr(row, name)) is not None]
    if not scored:
        return None
    scored.sort(key=lambda pair: -pair[0])
    colours = _colours([row for _, row in scored])
    figure, axes = _figure("cases, the most suspicious first", f"{name} score", 9.2)
    bars = axes.bar(range(len(scored)), [score for score, _ in scored], width=1.0)
    for bar, (_, row) in zip(bars, scored, strict=True):
        bar.set_facecolor(colours[row.group])
    axes.set_xlim(-0.5, len(scored) - 0.5)
    axes.legend(handles=[Patch(color=colour, label=group) for group, colour in colours.items()], frameon=False)
    return _png(figure)


def severity_by_grade(rows: Sequence[Row]) -> bytes | None:
    """Return the severity found in the cases of each grade of the reference as PNG (Goncharov et al., figure 6).

    A point is a case, a bar the median; None where no case has both.
    """
    graded: list[list[float]] = [[] for _ in range(GRADES)]
    for found, _, row in pairs(rows):
        if row.grade_reference is not None:
            graded[row.grade_reference].append(100 * found)
    if not any(graded):
        return None
    figure, axes = _figure("grade of the reference", "found severity, %")
    for grade, shares in enumerate(graded):
        places = np.linspace(-0.25, 0.25, len(shares) + 2)[1:-1]
        axes.scatter(grade + places, sorted(shares), s=18, color=INK, alpha=0.8)
        if shares:
            axes.hlines(float(np.median(shares)), grade - 0.3, grade + 0.3, color=OTHER, linewidth=2)
    axes.set_xticks(range(GRADES), [f"CT-{grade}\nn={len(shares)}" for grade, shares in enumerate(graded)])
    return _png(figure)


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


def _colours(rows: Sequence[Row]) -> dict[str, str]:
    """Return the colour of each group of the rows, that of the disease first."""
    positive = sorted({row.group for row in rows if row.is_positive})
    others = sorted({row.group for row in rows if not row.is_positive})
    return dict.fromkeys(positive, INK) | dict(zip(others, (*GROUPS, *(FAINT,) * len(others)), strict=False))


def _figure(x_label: str, y_label: str, wide: float = 4.6) -> tuple[Figure, Any]:
    figure = Figure(figsize=(wide, 4.0), dpi=110, layout="constrained")
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
