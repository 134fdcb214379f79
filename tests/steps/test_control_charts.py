"""Charts of scanners by day: against studies whose days, classes and ends the test wrote into the store."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, datetime, timedelta

import pytest
from sqlalchemy import insert

from tests.store.making import NOON, ranking, study_uid
from triaged.steps.control_charts import Asked, Chart, Charts, ControlCharts, Measure, Outside
from triaged.store.listing.order import ranking_columns
from triaged.store.studies.daily import Daily, DayCount
from triaged.store.tables import schema
from triaged.store.tables.database import Database
from triaged.store.tables.rows import PATIENT_FIELDS
from triaged.study.ranking import TriageClass
from triaged.web.watch import sentence

TODAY = NOON.date()
CT1, CT2 = "Maker, M, CT1", "Maker, M, CT2"


class House:
    """A store into which studies are written as they ended, with the charts of it."""

    def __init__(self, database: Database) -> None:
        self.database, self.number = database, 0

    def came(
        self, days_ago: int, scanner: str, *, ends: Mapping[str, int], hours: float = 9.0, ignored: int = 0
    ) -> None:
        """Let studies arrive at an hour of a day: how many with which class, or as FAILED, OUT_OF_SCOPE, or waiting."""
        at = datetime(TODAY.year, TODAY.month, TODAY.day, tzinfo=NOON.tzinfo) + timedelta(days=-days_ago, hours=hours)
        studies, results = [], []
        for end, number in ends.items():
            for _ in range(number):
                self.number += 1
                studies.append(self._study(at, end, ignored))
                if end != "waiting":
                    results.append(self._result(at, end, scanner))
        with self.database.begin() as connection:
            connection.execute(insert(schema.study), studies)
            if results:
                connection.execute(insert(schema.result), results)

    def _study(self, at: datetime, end: str, ignored: int) -> dict[str, object]:
        is_ended = end != "waiting"
        return {
            "id": self.number,
            "study_uid": study_uid(self.number).value,
            "revision": 1,
            "ignored": ignored,
            "state": _outcome(end) if is_ended else "RECEIVING",
            "order_priority": "ROUTINE",
            "instances": 1,
            "first_instance_at": at,
            "last_instance_at": at,
            "ready_at": at,
            "conflicts": 0,
            "attempts": 0,
            "result_id": self.number if is_ended else None,
            **dict.fromkeys(PATIENT_FIELDS, "x"),
            **ranking_columns(ranking(self.number, study_uid(self.number))),
        }

    def _result(self, at: datetime, end: str, scanner: str) -> dict[str, object]:
        outcome = _outcome(end)
        return {
            "id": self.number,
            "study_id": self.number,
            "revision": 1,
            "at": at,
            "worker": "w",
            "outcome": outcome,
            "quality": "[]",
            "model": "m",
            "scheme": "s",
            "reason": "",
            "device": scanner,
            "triage_class": end if outcome == "TRIAGED" else "U",
        }

    def charts(self, days: int = 7, baseline: int = 30) -> Charts:
        return ControlCharts(Daily(self.database)).charts(Asked(days, baseline), now=NOON)

    def chart(self, measure: Measure, scanner: str = CT1, **asked: int) -> Chart:
        (found,) = (each for each in self.charts(**asked).charts if (each.scanner, each.measure) == (scanner, measure))
        return found


def _outcome(end: str) -> str:
    return end if end in ("FAILED", "OUT_OF_SCOPE") else "TRIAGED"


@pytest.fixture
def house(database: Database) -> House:
    return House(database)


def _usual(house: House, *, until: int = 0, scanner: str = CT1) -> None:
    """Let ten studies come on each day, of which one or three are flagged."""
    for days_ago in range(37, until, -1):
        flagged = 1 if days_ago % 2 else 3
        house.came(days_ago, scanner, ends={"D": flagged, "N": 10 - flagged})


def test_a_day_begins_at_midnight_and_counts_what_became_of_its_studies(house: House) -> None:
    ends = {"A": 1, "C'": 1, "N": 2, "U": 1, "E0": 1, "FAILED": 2, "OUT_OF_SCOPE": 3}
    house.came(2, CT1, ends=ends)
    house.came(2, CT1, ends={"N": 1}, hours=0)
    house.came(1, CT1, ends={"N": 1}, hours=23.9999)
    house.came(0, CT1, ends={"N": 1}, hours=0)
    house.came(1, CT2, ends={"N": 1, "waiting": 2})
    house.came(1, CT2, ends={"N": 1}, ignored=1)
    counts = house.charts().counts
    assert counts[CT1] == {
        date(2026, 2, 27): DayCount(arrived=12, scored=6, flagged=2, ended=9, failed=2),
        date(2026, 2, 28): DayCount(arrived=1, scored=1, ended=1),
    }
    assert counts[CT2] == {date(2026, 2, 28): DayCount(arrived=1, scored=1, ended=1)}
    assert counts[""] == {date(2026, 2, 28): DayCount(arrived=2)}


def test_a_scanner_that_is_as_usual_has_nothing_outside(house: House) -> None:
    _usual(house)
    charts = house.charts()
    assert charts.outside == ()
    assert (charts.first, charts.last) == (date(2026, 2, 22), date(2026, 2, 28))
    assert [len(chart.days) for chart in charts.charts] == [7, 7, 7]
    flagged = house.chart(Measure.FLAGGED)
    assert flagged.week is not None
    assert (flagged.week.hits, flagged.week.total) == (13, 70)
    assert flagged.usual == "20.1 %"  # (60 + 0.5) of (300 + 1)


def test_a_day_on_which_more_is_flagged_is_outside_and_says_why(house: House) -> None:
    _usual(house, until=1)
    house.came(1, CT1, ends={"D": 8, "N": 2})
    (outside,) = house.charts().outside
    assert (outside.chart.measure, outside.day, outside.days) == (Measure.FLAGGED, date(2026, 2, 28), 1)
    words = sentence(outside)
    assert words.startswith("Maker, M, CT1: on 2026-02-28 8 of 10 scored studies were flagged (80.0 %); 0.0 % to ")
    assert words.endswith(" was to be expected")


def test_a_scanner_whose_studies_cannot_be_read_is_outside(house: House) -> None:
    _usual(house, until=1)
    house.came(1, CT1, ends={"FAILED": 4, "D": 2, "N": 6})
    found = {(each.chart.measure, each.days) for each in house.charts().outside}
    assert found == {(Measure.FAILED, 1), (Measure.FAILED, 7)}


def test_a_scanner_that_falls_silent_is_outside_after_days_not_at_once(house: House) -> None:
    """Of three a day none on one day is chance; six in a week, where 21 are usual, are less."""
    for days_ago in range(67, 7, -1):
        house.came(days_ago, CT1, ends={"N": 3})
    for days_ago in range(7, 4, -1):
        house.came(days_ago, CT1, ends={"N": 2})
    outside = [each for each in house.charts(baseline=60).outside if each.chart.measure is Measure.ARRIVED]
    assert [(each.days, each.judged.hits) for each in outside] == [(7, 6)]
    assert "6 studies arrived" in sentence(outside[0])


def test_small_numbers_say_so_and_never_alarm(house: House) -> None:
    for days_ago in (30, 20, 10):
        house.came(days_ago, CT1, ends={"N": 3})
    house.came(1, CT1, ends={"A": 5})
    charts = house.charts()
    assert charts.outside == ()
    assert [chart.is_judged for chart in charts.charts] == [False, False, False]
    assert house.chart(Measure.FLAGGED).usual.startswith("too few before to say what is usual: 9 studies on 3 days")


def test_a_new_scanner_is_not_judged_by_the_days_before_it_came(house: House) -> None:
    for days_ago in range(20, 0, -1):
        house.came(days_ago, CT2, ends={"N": 9})
    chart = house.chart(Measure.ARRIVED, CT2, baseline=30)
    assert not chart.is_judged
    assert chart.usual.startswith("too few before to say what is usual: 117 studies in 13 days")


def test_weekends_have_limits_of_their_own(house: House) -> None:
    for days_ago in range(67, 0, -1):
        is_weekend = (TODAY - timedelta(days=days_ago)).weekday() >= 5
        house.came(days_ago, CT1, ends={"N": 4 if is_weekend else 40})
    chart = house.chart(Measure.ARRIVED, baseline=60)
    assert chart.usual == "40.0 on a workday, 4.0 on a weekend"
    assert all(judged.signal is None for _, judged in chart.days)


def _warned(charts: ControlCharts, now: datetime = NOON) -> list[tuple[str, int]]:
    found: tuple[Outside, ...] = charts.warnings(now=now)
    return [(each.chart.scanner, each.days) for each in found]


def test_operators_are_warned_of_yesterday_only_and_only_of_what_is_no_chance(house: House) -> None:
    for days_ago in range(67, -1, -1):
        house.came(days_ago, CT1, ends={"D": 2, "N": 8})
        house.came(days_ago, CT2, ends={"D": 2, "N": 8} if days_ago != 3 else {"D": 10})
    charts = ControlCharts(Daily(house.database))
    assert _warned(charts) == []
    house.came(1, CT1, ends={"A": 12})
    assert _warned(charts) == [], "counted once a day"
    again = ControlCharts(Daily(house.database))
    assert (CT1, 1) in _warned(again)
    assert (CT1, 1) not in _warned(again, NOON + timedelta(days=1))


def test_classes_that_are_flagged_are_those_of_the_metric(house: House) -> None:
    for each in TriageClass:
        house.came(1, each.value, ends={each.value: 1})
    flagged = {scanner for scanner, days in house.charts().counts.items() for count in days.values() if count.flagged}
    assert flagged == {"A", "B", "C", "D", "C'"}
