"""How names, times and shares are written for people."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest

from tests.web.scene import Scene
from triaged.study.ranking import Trend
from triaged.web.entries import as_row, person_name
from triaged.web.offers import duration


@pytest.mark.parametrize(
    ("sent", "shown"),
    [
        ("Doe^Jane", "Doe, Jane"),
        ("Doe^Jane^Mary^Dr^MD", "Doe, Dr Jane Mary, MD"),
        ("Yamada^Tarou=山田^太郎=やまだ^たろう", "Yamada, Tarou"),
        ("=山田^太郎", "山田, 太郎"),
        ("^^^^=Wang^XiaoDong", "Wang, XiaoDong"),
        ("Doe", "Doe"),
        ("^Jane", "Jane"),
        ("", "no name"),
        ("^^^^", "no name"),
        ("A^B^C^D^E^F^G", "A, D B C, E"),
    ],
)
def test_a_person_name_reads_as_people_write_it(sent: str, shown: str) -> None:
    """PS3.5 6.2.1: family, given, middle, prefix, suffix; up to three character groups."""
    assert person_name(sent) == shown


@pytest.mark.parametrize(
    ("minutes", "shown"),
    [
        (-5, "0 min"),
        (0, "0 min"),
        (0.99, "0 min"),
        (59.9, "59 min"),
        (60, "1 h 00 min"),
        (1439, "23 h 59 min"),
        (1440, "1 d 0 h"),
    ],
)
def test_a_wait_is_given_in_the_units_that_matter(minutes: float, shown: str) -> None:
    assert duration(timedelta(minutes=minutes)) == shown


@pytest.mark.parametrize(
    ("trend", "points", "shown"),
    [
        (Trend.NO_PRIOR, None, ""),
        (Trend.PROGRESSION, 12.4, "▲ progression, +12 points"),
        (Trend.REGRESSION, -7.6, "▼ regression, −8 points"),
        (Trend.STABLE, 1.5, "▬ within noise, +2 points"),
        (Trend.STABLE, -0.2, "▬ stable, −<1 point"),
        (Trend.STABLE, 0.0, "▬ stable, 0 points"),
        (Trend.NOT_COMPARED, None, "earlier study, not compared"),
    ],
)
def test_the_trend_is_told_by_a_sign_and_in_words(
    filled: Scene, trend: Trend, points: float | None, shown: str
) -> None:
    entry = filled.worklist.entry("1.2.826.0.1.3")
    assert entry is not None
    assert as_row(replace(entry, trend=trend, change_points=points), now=filled.now).trend == shown
