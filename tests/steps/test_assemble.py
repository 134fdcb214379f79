"""Studies are completed in time though the clock was set while they came: by an hour or a day, ahead or back."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timedelta

import pytest

from tests.store.making import NOON, Studies, admit, instance
from triaged.steps.assemble import Assembler
from triaged.steps.ranking_policy import ranking_policy
from triaged.store.tables.database import Database
from triaged.study.completeness import CompletionOptions
from triaged.triage.scheme import TriageOptions

HOUR, DAY = timedelta(hours=1), timedelta(days=1)
STEPS = (-DAY, -HOUR, HOUR, DAY)
OPTIONS = CompletionOptions(settle_s=2, quiet_s=30, max_wait_s=900)


class Clinic:
    """A store, and a clock that can be set while time passes as it does."""

    def __init__(self, database: Database, *, whole: bool) -> None:
        self.passed_s, self.off = 0.0, timedelta()
        self.studies = Studies(database)
        self._assembler = Assembler(
            self.studies,
            self.studies,
            is_whole=lambda _series: whole,
            options=OPTIONS,
            ranking_policy=ranking_policy(TriageOptions()),
            monotonic=lambda: self.passed_s,
        )

    @property
    def now(self) -> datetime:
        """Return what the clock on the wall shows."""
        return NOON + timedelta(seconds=self.passed_s) + self.off

    def arrive(self, number: int) -> None:
        """Let a slice arrive now."""
        what = replace(instance(1, number), received_at=self.now)
        admit(self.studies, what, minutes=(self.now - NOON).total_seconds() / 60)

    def completed_after(self, most_s: float) -> float:
        """Return after how many seconds the study is complete."""
        began_s = self.passed_s
        while self.passed_s - began_s <= most_s:
            if self._assembler.tick(now=self.now):
                return self.passed_s - began_s
            self.passed_s += 0.5
        raise AssertionError(f"not complete within {most_s} s")


@pytest.fixture
def make(database: Database) -> Callable[..., Clinic]:
    """Make a clinic whose series are whole, or not."""
    return lambda whole: Clinic(database, whole=whole)


@pytest.mark.parametrize("step", STEPS, ids=str)
@pytest.mark.parametrize(("whole", "most_s"), [(True, 3), (False, 31)])
def test_a_study_that_came_before_the_clock_was_set_does_not_wait_for_it(
    make: Callable[..., Clinic], step: timedelta, whole: bool, most_s: float
) -> None:
    clinic = make(whole)
    clinic.arrive(1)
    clinic.off = step
    clinic.completed_after(most_s)


@pytest.mark.parametrize("step", STEPS, ids=str)
def test_nor_does_one_that_came_while_the_clock_was_wrong(make: Callable[..., Clinic], step: timedelta) -> None:
    clinic = make(False)
    clinic.off = step
    clinic.arrive(1)
    clinic.off = timedelta()
    clinic.completed_after(31)


def test_a_clock_set_back_hastens_nothing_while_slices_still_come(make: Callable[..., Clinic]) -> None:
    clinic = make(False)
    clinic.arrive(1)
    clinic.off = -HOUR
    for number in range(2, 6):
        clinic.passed_s += 20
        assert clinic._assembler.tick(now=clinic.now) == 0
        clinic.arrive(number)
    assert clinic.completed_after(31) >= 30


def test_one_that_never_falls_quiet_ends_in_time_though_the_clock_was_set_back(make: Callable[..., Clinic]) -> None:
    clinic = make(False)
    clinic.arrive(1)
    clinic.off = -DAY
    for number in range(2, 50):
        clinic.passed_s += 20
        clinic.arrive(number)
        if clinic._assembler.tick(now=clinic.now):
            break
    assert clinic.passed_s <= OPTIONS.max_wait_s + 40
