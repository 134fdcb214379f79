"""Reads a real scan as ground for pasting; the truth is a reader's table of infected slices.

The images are not part of the project: where `../shared/data` is absent, these tests skip.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.real.test_readings import DATA, present
from triaged.errors import ConfigError
from triaged.exams.ct.pipelines.split import LEFT, RIGHT
from triaged.lab.sources.normals import read_normal


def test_infected_slices_are_counted_from_the_head() -> None:
    """The table's first 26 and last 23 slices are not infected, those next to them are."""
    scan = read_normal(present(DATA / "ct_series" / "covid_p001"), DATA / "ct_series" / "covid_p001_slices.csv")
    assert scan.patient == "covid_p001"
    assert [scan.healthy[-26:].all(), scan.healthy[-27], scan.healthy[:23].all(), scan.healthy[23]] == [1, 0, 1, 0]
    litres = [(scan.labels == side).sum() * 2 * 2 * 2 / 1e6 for side in (RIGHT, LEFT)]
    assert 1 < litres[1] < litres[0] < 4


def test_a_table_that_does_not_fit_the_series_is_refused(tmp_path: Path) -> None:
    short = tmp_path / "short.csv"
    short.write_text("slice_from_cranial,infected\n0,1\n")
    with pytest.raises(ConfigError, match="one row for each of 148"):
        read_normal(present(DATA / "ct_series" / "covid_p001"), short)
