"""How names, times and shares are written for people."""

from __future__ import annotations

from datetime import timedelta

import pytest

from triaged.web.entries import person_name
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
