"""What the figures say of verdicts and times, against sums done by hand and a queue played study by study."""

from __future__ import annotations

from datetime import timedelta
from statistics import median

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.store.making import Studies, at, claimed, commit, make_ready, ranking, study_uid
from triaged.steps.figures import FLAG_OF, By, Figures, Flag, Period, Spread, earned, turnaround
from triaged.store.listing.actions import Actions
from triaged.store.listing.assignments import Assignments
from triaged.store.listing.readings import Readings, ReadStudy
from triaged.store.listing.verdicts import Verdicts
from triaged.store.tables.database import Database
from triaged.study.ranking import TriageClass
from triaged.study.read_state import ActionKind
from triaged.study.verdict import Verdict

NOW = at(600)


class House:
    """Studies that are scored and read, with everything that figures come from."""

    def __init__(self, database: Database) -> None:
        self.studies, self.verdicts, self.actions = Studies(database), Verdicts(database), Actions(database)
        self.assignments = Assignments(database)
        self.figures = Figures(self.verdicts, Readings(database))

    def scored(self, number: int, *, minutes: float) -> str:
        """Let a study be complete at a time and scored two minutes later."""
        make_ready(self.studies, number, minutes=minutes)
        commit(self.studies, claimed(self.studies, minutes=minutes), minutes=minutes + 2)
        return study_uid(number).value

    def act(self, uid: str, kind: ActionKind, *, minutes: float) -> None:
        self.actions.act(uid, kind, "ann", ranking_policy=lambda _: ranking(0, uid), now=at(minutes))


@pytest.fixture
def house(database: Database) -> House:
    return House(database)


def test_stages_are_measured_from_the_last_slice_to_the_end_of_reading(house: House) -> None:
    first, second = house.scored(1, minutes=0), house.scored(2, minutes=10)
    house.assignments.opened(first, "ben", now=at(12))
    house.act(first, ActionKind.READING, minutes=15)  # later than the first look
    house.act(first, ActionKind.DONE, minutes=20)
    house.act(second, ActionKind.READING, minutes=42)
    house.act(second, ActionKind.DONE, minutes=45)
    report = house.figures.report(Period.DAY, now=NOW)
    (both,) = (each for each in report.turnaround if each.by is By.ALL)
    for spread, middle, p95 in (
        (both.scored, 2, 2),
        (both.opened, (10 + 30) / 2, 10 + 0.95 * 20),
        (both.done, (8 + 3) / 2, 3 + 0.95 * 5),
        (both.in_all, (20 + 35) / 2, 20 + 0.95 * 15),
    ):
        assert spread is not None
        assert [spread.n, spread.median_min, spread.p95_min] == pytest.approx([2, middle, p95], abs=1e-4)
    assert [(each.by, each.name) for each in report.turnaround] == [
        (By.ALL, ""),
        (By.CLASS, "B"),
        (By.SCANNER, ""),
        (By.MODEL, "ct-test"),
    ]


def test_a_study_that_nobody_opened_counts_only_where_both_ends_are_known(house: House) -> None:
    house.act(house.scored(1, minutes=0), ActionKind.DONE, minutes=20)
    report = house.figures.report(Period.DAY, now=NOW)
    everything = report.turnaround[0]
    assert (everything.opened, everything.done) == (None, None)
    assert everything.in_all is not None
    assert [everything.in_all.n, everything.in_all.median_min] == pytest.approx([1, 20], abs=1e-4)
    assert report.earned == ()


def test_taking_a_study_and_taking_that_back_is_no_opening(house: House) -> None:
    uid = house.scored(1, minutes=0)
    house.act(uid, ActionKind.READING, minutes=3)
    house.actions.undo(uid, "ann", ranking_policy=lambda _: ranking(0, uid), now=at(4))
    house.act(uid, ActionKind.READING, minutes=10)
    house.act(uid, ActionKind.DONE, minutes=11)
    opened = house.figures.report(Period.DAY, now=NOW).turnaround[0].opened
    assert opened is not None
    assert opened.median_min == pytest.approx(8)


def test_only_what_was_done_and_said_in_the_period_counts(house: House) -> None:
    old, new = house.scored(1, minutes=0), house.scored(2, minutes=1)
    house.act(old, ActionKind.DONE, minutes=20)
    house.act(new, ActionKind.DONE, minutes=60)
    house.verdicts.say(old, Verdict.AGREE, "ann", note="", revision=None, now=at(20))
    house.verdicts.say(new, Verdict.AGREE, "ann", note="", revision=None, now=at(60))
    day = house.figures.report(Period.DAY, now=at(30) + timedelta(days=1))
    week = house.figures.report(Period.WEEK, now=at(30) + timedelta(days=1))
    assert (day.studies, week.studies) == (1, 2)
    assert (day.agreement[0].agreeing.total, week.agreement[0].agreeing.total) == (1, 2)


def test_agreement_counts_the_last_word_of_everybody_with_wilsons_interval(house: House) -> None:
    """Of ten, seven: 0.397 to 0.892 (the score interval, as tables have it)."""
    for number in range(1, 11):
        uid = house.scored(number, minutes=number)
        house.verdicts.say(uid, Verdict.TOO_LOW, "ann", note="", revision=None, now=at(50))
        last = Verdict.AGREE if number <= 7 else Verdict.MISSED
        house.verdicts.say(uid, last, "ann", note="", revision=None, now=at(51))
    house.verdicts.say(study_uid(1).value, Verdict.OTHER_DISEASE, "ann", note="", revision=None, now=at(52))
    house.verdicts.take_back(study_uid(1).value, "ann", revision=None, now=at(53))
    everything, severe, scanner, model = house.figures.report(Period.DAY, now=NOW).agreement
    assert dict(everything.counts) == {
        Verdict.AGREE: 7,
        Verdict.TOO_HIGH: 0,
        Verdict.TOO_LOW: 0,
        Verdict.MISSED: 3,
        Verdict.OTHER_DISEASE: 0,
    }
    assert list(everything.agreeing.bounds()) == pytest.approx([0.397, 0.892], abs=5e-4)
    assert (severe.name, scanner.name, model.name) == ("B", "", "ct-test")
    assert {severe.agreeing, scanner.agreeing, model.agreeing} == {everything.agreeing}


def test_nothing_is_said_of_nothing(house: House) -> None:
    report = house.figures.report(Period.QUARTER, now=NOW)
    assert (report.studies, report.agreement, report.turnaround, report.earned) == (0, (), (), ())


def test_times_are_kept_for_a_minute_and_verdicts_are_always_new(house: House) -> None:
    uid = house.scored(1, minutes=0)
    assert house.figures.report(Period.DAY, now=at(30)).studies == 0
    house.act(uid, ActionKind.DONE, minutes=30)
    house.verdicts.say(uid, Verdict.MISSED, "ann", note="", revision=None, now=at(30))
    soon, later = house.figures.report(Period.DAY, now=at(30.5)), house.figures.report(Period.DAY, now=at(31.5))
    assert (soon.studies, soon.agreement[0].agreeing.total) == (0, 1)
    assert later.studies == 1


def _read(triage_class: TriageClass, came: float, opened: float | None) -> ReadStudy:
    return ReadStudy(triage_class, "", "", came, came, came, opened, 1e9)


def test_what_the_order_earned_is_told_beside_the_order_of_arrival() -> None:
    """Three wait when a reader begins at minute 30, ten minutes for each: the ill one came last and was read first."""
    well, ill = TriageClass.NOT_FLAGGED, TriageClass.CRITICAL
    found = earned([_read(well, 0, 40 * 60), _read(well, 600, 50 * 60), _read(ill, 1200, 30 * 60)])
    flagged, not_flagged = found
    assert (flagged.flag, flagged.waited.median_min, flagged.by_arrival.median_min) == (Flag.FLAGGED, 10, 30)
    assert (not_flagged.flag, not_flagged.waited.median_min, not_flagged.by_arrival.median_min) == (
        Flag.NOT_FLAGGED,
        40,
        30,
    )


studies = st.lists(
    st.tuples(st.sampled_from(list(TriageClass)), st.integers(0, 500), st.one_of(st.none(), st.integers(0, 500))),
    max_size=40,
)


@given(studies)
def test_by_arrival_nobody_is_opened_before_coming(
    made: list[tuple[TriageClass, int, int | None]],
) -> None:
    """Against a queue that is played study by study."""
    read = [_read(kind, came, None if wait is None else came + wait) for kind, came, wait in made]
    seen = sorted((each for each in read if each.opened_s is not None), key=lambda each: each.complete_s)
    moments = sorted(each.opened_s for each in seen if each.opened_s is not None)
    waits: dict[Flag, list[float]] = {}
    for moment, each in zip(moments, seen, strict=True):
        assert moment >= each.complete_s
        waits.setdefault(FLAG_OF[each.triage_class], []).append((moment - each.complete_s) / 60)
    found = {each.flag: each for each in earned(read)}
    assert found.keys() == waits.keys()
    for flag, expected in waits.items():
        assert found[flag].by_arrival.n == found[flag].waited.n == len(expected)
        assert found[flag].by_arrival.median_min == pytest.approx(median(expected))


def test_a_stage_whose_ends_are_in_another_order_does_not_count() -> None:
    """A study that was scored again after somebody had opened it."""
    again = ReadStudy(TriageClass.SEVERE, "CT1", "m", 0.0, 0.0, 900.0, 300.0, 1200.0)
    (everything, *_rest) = turnaround([again])
    assert everything.opened is None
    assert everything.done == Spread(1, 15.0, 15.0)


def test_every_class_is_flagged_or_not() -> None:
    assert set(FLAG_OF) == set(TriageClass)


def test_periods_are_what_they_are_called() -> None:
    assert [period.span for period in Period] == [timedelta(days=days) for days in (1, 7, 30, 90)]
