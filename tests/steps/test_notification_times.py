"""How soon studies had their place, their results elsewhere and a notification: against times that the test set."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta

import pytest

from tests.store.making import (
    Studies,
    admit,
    at,
    claimed,
    commit,
    derived,
    instance,
    make_ready,
    ranking,
    study_uid,
)
from triaged.steps.notification_times import By, NotificationTimes, Row, Stage, TimesReport, rows_of
from triaged.store.couriers.notifications import Notifications
from triaged.store.couriers.outbox import Outbox
from triaged.store.listing import order
from triaged.store.studies.notified import Notified, NotifiedStudy
from triaged.store.tables.database import Database
from triaged.store.tables.rows import known_study
from triaged.study.kinds import ObjectKind
from triaged.study.notification import Occasion
from triaged.study.ranking import TriageClass

NOW = at(600)
WANTED = {"pacs": frozenset({ObjectKind.SR, ObjectKind.SC}), "archive": frozenset({ObjectKind.SR})}


class House:
    """Studies that are scored, and the couriers of their results."""

    def __init__(self, database: Database) -> None:
        self.database = database
        self.studies, self.outbox, self.pushes = Studies(database), Outbox(database), Notifications(database)
        self.pushes.subscribe({"ris": frozenset(Occasion), "app": frozenset({Occasion.CLASS_CHANGE})})

    def scored(self, number: int, *, minutes: float, took: float = 2) -> None:
        """Let a study be complete at a time and scored some minutes later."""
        make_ready(self.studies, number, minutes=minutes)
        self.read(minutes=minutes, took=took)

    def read(self, *, minutes: float, took: float = 2) -> None:
        """Let the next study be scored."""
        claim = claimed(self.studies, minutes=minutes)
        objects = derived(claim, ObjectKind.SR, number=claim.revision), derived(claim, ObjectKind.SC)
        commit(self.studies, claim, minutes=minutes + took, objects=objects, destinations=WANTED)

    def requeued(self, number: int, *, minutes: float) -> None:
        """Let a study be read again and get the same result."""
        uid = study_uid(number)
        self.studies.requeue(uid.value, ranking=ranking(minutes, uid), now=at(minutes))
        claim = claimed(self.studies, minutes=minutes)
        known = self.studies.publication(uid.value)
        assert known is not None
        objects = (derived(claim, ObjectKind.SR, number=1),)
        commit(
            self.studies,
            claim,
            minutes=minutes + 1,
            basis=known.object_set.basis,
            objects=objects,
            destinations=WANTED,
        )

    def moved(self, number: int, triage_class: TriageClass, *, minutes: float) -> None:
        """Give a study another class long after its result, as a change of settings does."""
        uid = study_uid(number)
        with self.database.begin() as connection:
            row = known_study(connection, uid.value)
            order.place(connection, row, ranking(0, uid, triage_class=triage_class), cause="settings", now=at(minutes))

    def deliver(self, *, minutes: float, destination: str, most: int = 9) -> None:
        """Let a destination have the oldest objects that are due."""
        for _ in range(most):
            item = self.outbox.claim_due("courier", lease_s=60, to=destination, now=at(minutes))
            if item is None:
                return
            self.outbox.sent(item, now=at(minutes))

    def tell(self, receiver: str, *, minutes: float) -> None:
        """Let a subscriber have what is due."""
        while item := self.pushes.claim_due("courier", lease_s=60, to=receiver, now=at(minutes)):
            self.pushes.sent(item, now=at(minutes))

    def report(self, days: int = 1) -> TimesReport:
        return NotificationTimes(Notified(self.database)).report(days, now=NOW)


@pytest.fixture
def house(database: Database) -> House:
    return House(database)


def _row(rows: Sequence[Row], stage: Stage, by: By = By.ALL, name: str = "") -> Row:
    (found,) = (row for row in rows if (row.stage, row.by, row.name) == (stage, by, name))
    return found


def _minutes(row: Row) -> tuple[int, float, float]:
    assert row.times is not None
    return row.times.n, round(row.times.mean.value / 60, 4), round(row.times.max_s / 60, 4)


def test_each_stage_begins_with_the_last_slice(house: House) -> None:
    house.scored(1, minutes=0, took=2)
    house.scored(2, minutes=10, took=4)
    house.deliver(minutes=16, destination="pacs")
    house.tell("ris", minutes=15)
    rows = house.report().rows
    assert _minutes(_row(rows, Stage.ORDER)) == (2, 3, 4)
    assert _minutes(_row(rows, Stage.RESULTS)) == (2, 11, 16)
    assert _minutes(_row(rows, Stage.NOTIFICATION)) == (2, 10, 15)
    assert _row(rows, Stage.ORDER, By.CLASS, "B").times == _row(rows, Stage.ORDER).times
    assert _row(rows, Stage.ORDER, By.FLAG, "flagged").times == _row(rows, Stage.ORDER).times
    assert [row for row in rows if row.name == "archive"] == []


def test_a_destination_has_the_results_when_it_has_all_and_the_first_of_several_counts(house: House) -> None:
    house.scored(1, minutes=0)
    house.deliver(minutes=5, destination="pacs", most=1)
    assert _row(house.report().rows, Stage.RESULTS).times is None
    house.deliver(minutes=7, destination="archive")
    house.deliver(minutes=9, destination="pacs")
    rows = house.report().rows
    assert _minutes(_row(rows, Stage.RESULTS)) == (1, 7, 7)
    assert _minutes(_row(rows, Stage.RESULTS, By.TO, "archive")) == (1, 7, 7)
    assert _minutes(_row(rows, Stage.RESULTS, By.TO, "pacs")) == (1, 9, 9)


def test_of_a_study_that_slices_came_for_again_only_the_result_after_the_last_counts(house: House) -> None:
    house.scored(1, minutes=0)
    admit(house.studies, instance(1, 2), minutes=20)
    house.studies.complete(study_uid(1), 2, ranking=ranking(20, study_uid(1)), cause="whole", now=at(20))
    house.read(minutes=21, took=4)
    assert _minutes(_row(house.report().rows, Stage.ORDER)) == (1, 5, 5)


def test_a_result_that_a_person_asked_for_again_counts_no_second_time(house: House) -> None:
    house.scored(1, minutes=0)
    house.deliver(minutes=6, destination="pacs")
    house.requeued(1, minutes=60)
    rows = house.report().rows
    assert _minutes(_row(rows, Stage.ORDER)) == (1, 2, 2)
    assert _minutes(_row(rows, Stage.RESULTS)) == (1, 6, 6)


def test_a_class_change_that_the_result_did_not_make_is_no_notification_of_it(house: House) -> None:
    house.scored(1, minutes=0)
    house.tell("ris", minutes=5)
    house.tell("app", minutes=5)
    house.scored(2, minutes=10)
    house.pushes.subscribe({"ris": frozenset(), "late": frozenset(Occasion)})
    house.moved(1, TriageClass.NOT_FLAGGED, minutes=100)
    house.tell("late", minutes=101)
    rows = house.report().rows
    assert _minutes(_row(rows, Stage.NOTIFICATION)) == (1, 5, 5)
    assert [row.name for row in rows if row.by is By.TO] == ["app", "ris"]


def test_what_was_withdrawn_for_something_newer_is_told_with_that(house: House) -> None:
    house.scored(1, minutes=0)
    house.moved(1, TriageClass.CRITICAL, minutes=4)
    house.tell("ris", minutes=9)
    assert _minutes(_row(house.report().rows, Stage.NOTIFICATION)) == (1, 9, 9)


def test_only_the_studies_of_the_period_count_and_nothing_is_said_of_nothing(house: House) -> None:
    assert house.report().rows == ()
    house.scored(1, minutes=600 - 1450)
    house.scored(2, minutes=0)
    assert (house.report(1).studies, house.report(2).studies) == (1, 2)


def test_groups_stand_in_the_order_of_the_list(database: Database) -> None:
    studies = [
        NotifiedStudy(1, TriageClass.NOT_FLAGGED, "CT 2", 30.0, {}, {}),
        NotifiedStudy(2, TriageClass.CRITICAL, "CT 1", 10.0, {"pacs": 12.0}, {}),
        NotifiedStudy(3, TriageClass.EMERGENCY, "CT 2", 20.0, {}, {"ris": 21.0}),
    ]
    rows = [row for row in rows_of(studies) if row.stage is Stage.ORDER]
    assert [(row.by, row.name, row.studies) for row in rows] == [
        (By.ALL, "", 3),
        (By.FLAG, "flagged", 1),
        (By.FLAG, "not flagged", 1),
        (By.FLAG, "emergency order", 1),
        (By.CLASS, "E0", 1),
        (By.CLASS, "A", 1),
        (By.CLASS, "N", 1),
        (By.SCANNER, "CT 1", 1),
        (By.SCANNER, "CT 2", 2),
    ]


def test_times_are_counted_once_a_minute(house: House) -> None:
    times = NotificationTimes(Notified(house.database))
    assert times.report(1, now=NOW).studies == 0
    house.scored(1, minutes=0)
    assert times.report(1, now=NOW + timedelta(seconds=59)).studies == 0
    assert times.report(1, now=NOW + timedelta(seconds=61)).studies == 1
