"""A wait ends when its time has come, and when the clock by which it was set turns out to have been wrong."""

from __future__ import annotations

from datetime import timedelta

import pytest

from tests.store.making import NOON
from triaged.steps.waits import still_waits

SECOND = timedelta(seconds=1)


@pytest.mark.parametrize(
    ("ahead", "waits"),
    [(timedelta(0), False), (-SECOND, False), (SECOND, True), (30 * SECOND, True), (31 * SECOND, False)],
)
def test_what_is_further_ahead_than_anything_waits_is_due(ahead: timedelta, waits: bool) -> None:
    assert still_waits(NOON + ahead, longest_s=30, now=NOON) is waits


def test_what_was_never_put_off_is_due() -> None:
    assert not still_waits(None, longest_s=30, now=NOON)
