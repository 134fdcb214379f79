"""The page of the table says each figure with its spread and its interval, and leaves what a person wrote around it."""

from __future__ import annotations

from pathlib import Path

import pytest

from triaged.lab.evaluation.estimate import Estimate, undefined
from triaged.lab.evaluation.row import Outcome, Row
from triaged.lab.table.page import BEGIN, END, cell, put_between_marks, table_page


def row(name: str, group: str, score: float, severity: float | None = None) -> Row:
    return Row(name, name, group, Outcome.MEASURED, identification=score, severity=severity)


def test_one_run_has_an_interval_and_no_spread() -> None:
    assert cell([Estimate(0.8, 0.7, 0.9, 20)]) == "0.80 (0.70 to 0.90)"


def test_several_runs_have_mean_and_deviation_and_the_mean_of_their_ends() -> None:
    runs = [Estimate(0.8, 0.7, 0.9, 20), Estimate(0.9, 0.8, 0.96, 20)]
    assert cell(runs) == "0.85 ± 0.07 (0.75 to 0.93)"


@pytest.mark.parametrize("runs", [[], [undefined(3, "no such group")]])
def test_what_is_not_known_is_a_dash(runs: list[Estimate]) -> None:
    assert cell(runs) == "–"


def test_a_figure_without_an_interval_stands_alone() -> None:
    assert cell([Estimate(1.0, None, None, 4)]) == "1.00"


def test_sources_never_share_a_column() -> None:
    generated = [row("a", "covid", 0.9), row("b", "healthy", 0.2), row("c", "nodules", 0.95)]
    page = table_page({"2D U-Net": [generated]}, {"2D U-Net": [[]]}, {"2D U-Net": [[]]})
    lines = page.splitlines()
    assert "### vs normal (generated n = 1 against 1)" in lines
    of_normal = lines[lines.index("### vs normal (generated n = 1 against 1)") + 4]
    assert of_normal.startswith("| 2D U-Net | 1.00 (")
    assert of_normal.endswith(" | – | .93±.01 |")
    assert "Whole scans" not in page


def test_whole_scans_are_told_one_by_one_and_runs_beside_each_other() -> None:
    generated = [row("a", "covid", 0.9)]
    scans = [
        [row("x", "scan", 0.9, 0.25), row("y", "scan", 0.1, 0.0)],
        [row("x", "scan", 0.8, 0.2), row("y", "scan", 0.1, 0.0)],
    ]
    page = table_page({"m": [generated]}, {"m": [[]]}, {"m": scans})
    assert "| | x | y |" in page
    assert "| m | P 0.90, S 25.0 % / P 0.80, S 20.0 % | P 0.10, S 0.0 % |" in page


def test_what_stands_around_the_figures_is_kept(tmp_path: Path) -> None:
    path = tmp_path / "table.md"
    path.write_text(f"# Title\n\n{BEGIN}\nold\n{END}\n\nWhat it says.\n", encoding="utf-8")
    put_between_marks(f"{BEGIN}\nnew\n{END}\n", path)
    assert path.read_text(encoding="utf-8") == f"# Title\n\n{BEGIN}\nnew\n{END}\n\nWhat it says.\n"


def test_a_file_without_marks_becomes_the_page(tmp_path: Path) -> None:
    put_between_marks(f"{BEGIN}\nnew\n{END}\n", tmp_path / "table.md")
    assert (tmp_path / "table.md").read_text(encoding="utf-8") == f"{BEGIN}\nnew\n{END}\n"
