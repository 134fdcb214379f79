"""Plots of an evaluation show every case where its score and its truth put it."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

pytest.importorskip("matplotlib", reason="plots need matplotlib: pip install triaged[lab]")

from matplotlib.colors import to_hex
from matplotlib.figure import Figure

from triaged.lab.evaluation import plots
from triaged.lab.evaluation.row import Outcome, Row


def row(name: str, group: str, **figures: object) -> Row:
    return replace(Row(name, name, group, Outcome.MEASURED), **figures)  # type: ignore[arg-type]


ROWS = (
    row("a", "normal", identification=0.1, severity=0.02, severity_reference=0.0, grade_reference=0),
    row("b", "covid", identification=0.9, severity=0.30, severity_reference=0.28, grade_reference=2),
    row("c", "bacterial", identification=0.6, severity=0.40, severity_reference=0.0, grade_reference=0),
    row("d", "covid", identification=0.4, severity=0.10, severity_reference=0.2, grade_reference=1),
    row("e", "normal", severity=0.5),
)


@pytest.fixture
def drawn(monkeypatch: pytest.MonkeyPatch) -> list[Figure]:
    """Keep the figures that are written."""
    kept: list[Figure] = []
    written = plots._png

    def keep(figure: Figure) -> bytes:
        kept.append(figure)
        return written(figure)

    monkeypatch.setattr(plots, "_png", keep)
    return kept


def bars(figure: Figure) -> list[tuple[float, str]]:
    patches: Any = figure.axes[0].patches
    return [(bar.get_height(), to_hex(bar.get_facecolor())) for bar in patches]


def test_cases_are_ranked_by_score_in_the_colour_of_their_group(drawn: list[Figure]) -> None:
    content = plots.ranked_bars(ROWS)
    assert content is not None
    assert content.startswith(b"\x89PNG")
    heights, colours = zip(*bars(drawn[0]), strict=True)
    assert heights == (0.9, 0.6, 0.4, 0.1)
    assert colours[0] == colours[2] == plots.INK
    assert len(set(colours)) == 3
    legend = drawn[0].axes[0].get_legend()
    assert legend is not None
    assert [text.get_text() for text in legend.get_texts()] == ["covid", "bacterial", "normal"]


def test_without_probabilities_severity_ranks(drawn: list[Figure]) -> None:
    plots.ranked_bars([replace(row, identification=None) for row in ROWS])
    assert [height for height, _ in bars(drawn[0])] == [0.5, 0.40, 0.30, 0.10, 0.02]


def test_more_groups_than_colours_are_all_drawn(drawn: list[Figure]) -> None:
    plots.ranked_bars([row(f"{index}", f"group {index}", severity=index / 10) for index in range(9)])
    colours = [colour for _, colour in bars(drawn[0])]
    assert len(colours) == 9
    assert colours.count(plots.FAINT) == 9 - len(plots.GROUPS)


def test_severities_stand_above_the_grade_of_their_reference(drawn: list[Figure]) -> None:
    plots.severity_by_grade(ROWS)
    axes = drawn[0].axes[0]
    points: list[Any] = [offset for collection in axes.collections for offset in np.asarray(collection.get_offsets())]
    shown = {(round(float(x)), float(y)) for x, y in points}
    assert {(0, 2.0), (0, 40.0), (1, 10.0), (2, 30.0)} <= shown
    assert [text.get_text() for text in axes.get_xticklabels()] == [
        "CT-0\nn=2",
        "CT-1\nn=1",
        "CT-2\nn=1",
        "CT-3\nn=0",
        "CT-4\nn=0",
    ]


def test_without_a_case_there_is_no_plot() -> None:
    nothing = [Row("f", "f", "covid", Outcome.NOT_READ, "line 7")]
    assert plots.ranked_bars(nothing) is None
    assert plots.severity_by_grade(nothing) is None
