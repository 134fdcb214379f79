"""The audit trail on both databases: rows that stay, what was received and sent, and who has been told."""

from __future__ import annotations

from dataclasses import replace

import pytest
from sqlalchemy import delete, update
from sqlalchemy.exc import DBAPIError

from tests.store.making import Studies, admit, at, claimed, commit, derived, instance, make_ready
from triaged.errors import TryLater
from triaged.steps.trail import QUIET, Trail
from triaged.store.couriers.outbox import Outbox
from triaged.store.tables.database import Database
from triaged.store.tables.history import audit
from triaged.store.trail.audits import Audits
from triaged.study.audit import Audited, AuditEvent
from triaged.study.kinds import ObjectKind

VIEWED = Audited(AuditEvent.STUDY_VIEWED, at(0), "ann", "10.0.0.5", "web@a", "1.2.826.0.1.1", "", "", "why", True)


def test_rows_come_back_as_they_were_and_the_database_refuses_to_change_them(database: Database) -> None:
    audits = Audits(database)
    failed = replace(VIEWED, event=AuditEvent.SIGNED_IN, at=at(1), study_uid="", succeeded=False, person="\ud800\0")
    audits.record(VIEWED, failed)
    found = audits.since(at(0))
    assert found == [VIEWED, replace(failed, person="?\ufffd")]
    assert audits.since(at(0.5)) == found[1:]
    assert audits.last(AuditEvent.STUDY_VIEWED) == VIEWED
    assert audits.last(AuditEvent.STARTED) is None
    for change in (update(audit).values(person="bob"), delete(audit)):
        with pytest.raises(DBAPIError, match="history is never changed"), database.begin() as connection:
            connection.execute(change)


def test_rows_are_told_in_their_order_each_once_with_the_patient_of_the_study(database: Database) -> None:
    studies, audits = Studies(database), Audits(database)
    make_ready(studies, 1)
    audits.record(VIEWED, replace(VIEWED, study_uid="", person="bob"))
    first, second = audits.untold(10)
    assert (first.patient_id, first.audited) == ("P-1", VIEWED)
    assert second.patient_id == ""
    audits.told(first.number, now=at(1))
    assert [told.audited.person for told in audits.untold(10)] == ["bob"]
    assert audits.waiting() == 1
    audits.told(second.number, now=at(2))
    assert audits.untold(10) == []
    audits.record(VIEWED)
    assert audits.waiting() == 1


def _association(studies: Studies, title: str) -> int:
    return studies.open_association(receiver="r@a", peer="10.0.0.5", calling_ae_title=title, now=at(0))


def test_what_an_association_brought_is_written_once_per_study_when_it_ends(database: Database) -> None:
    studies, audits = Studies(database), Audits(database)
    first, second, idle = (_association(studies, title) for title in ("CT1", "CT2", "CT3"))
    for number in (1, 2, 3):
        admit(studies, instance(1, number), association_id=first)
    admit(studies, instance(2, 1), association_id=first)
    admit(studies, instance(2, 2), association_id=second)
    studies.close_association(first, now=at(5))
    studies.close_association(first, now=at(6))
    studies.close_association(idle, now=at(6))
    assert studies.close_orphans("r@a", now=at(9)) == 1
    found = [(each.at, each.person, each.study_uid, each.detail) for each in audits.since(at(0))]
    assert found == [
        (at(5), "CT1", "1.2.826.0.1.1", "instances: 3"),
        (at(5), "CT1", "1.2.826.0.1.2", "instances: 1"),
        (at(9), "CT2", "1.2.826.0.1.2", "instances: 1"),
    ]


def test_what_a_destination_got_is_written_when_nothing_more_waits_for_it(database: Database) -> None:
    studies, outbox, audits = Studies(database), Outbox(database), Audits(database)
    make_ready(studies, 1)
    claim = claimed(studies)
    objects = tuple(derived(claim, kind) for kind in (ObjectKind.SEG, ObjectKind.SR, ObjectKind.SC))
    commit(studies, claim, objects=objects, destinations={"pacs": frozenset({ObjectKind.SEG, ObjectKind.SR})})
    items = [outbox.claim_due("c", lease_s=60, now=at(3)) for _ in range(2)]
    assert items[0] is not None
    assert items[1] is not None
    outbox.retry(items[0], error="busy", next_attempt_at=at(4), now=at(3))
    outbox.sent(items[1], now=at(3))
    assert audits.since(at(0)) == []
    again = outbox.claim_due("c", lease_s=60, now=at(5))
    assert again is not None
    outbox.refused(again, error="not wanted", now=at(5))
    (written,) = audits.since(at(0))
    assert (written.event, written.target, written.study_uid) == (
        AuditEvent.INSTANCES_SENT,
        "pacs",
        "1.2.826.0.1.1",
    )
    assert (written.detail, written.succeeded) == ("instances: 1, refused or given up: 1", True)


class _Away:
    """A store that is unreachable for a while."""

    def __init__(self) -> None:
        self.rows: list[Audited] = []
        self.is_away = True

    def record(self, *entries: Audited) -> None:
        if self.is_away:
            raise TryLater("the database is away")
        self.rows += entries


def test_what_happens_while_the_store_is_away_is_written_later_in_its_order() -> None:
    away = _Away()
    trail = Trail(away, "web@a", lambda: at(0))  # type: ignore[arg-type]
    for person in ("ann", "bob"):
        trail.record(AuditEvent.SIGNED_IN, person=person)
    assert away.rows == []
    away.is_away = False
    trail.record(AuditEvent.SIGNED_IN, person="eve")
    trail.flush()
    assert [row.person for row in away.rows] == ["ann", "bob", "eve"]
    assert {row.source for row in away.rows} == {"web@a"}


def test_who_looks_at_the_same_again_is_written_once_in_a_while() -> None:
    away, now = _Away(), at(0)
    away.is_away = False
    trail = Trail(away, "web@a", lambda: now)  # type: ignore[arg-type]
    for person in ("ann", "ann", "bob", "ann"):
        trail.looked_at(AuditEvent.STUDY_VIEWED, person=person, study_uid="1.2.3")
    trail.looked_at(AuditEvent.PICTURES_VIEWED, person="ann", study_uid="1.2.3")
    assert [row.person for row in away.rows] == ["ann", "bob", "ann"]
    now += QUIET
    trail.looked_at(AuditEvent.STUDY_VIEWED, person="ann", study_uid="1.2.3")
    assert len(away.rows) == 4
