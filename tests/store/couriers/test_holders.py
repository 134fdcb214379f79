"""What one holds who is gone is everybody's again, in every table; what others hold stays theirs."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import pytest
from sqlalchemy import select

from tests.store.couriers.test_outbox import publish
from tests.store.making import Studies, at, claimed, commit, derived, make_ready, study_uid
from triaged.errors import StaleClaim
from triaged.store.couriers.answers import Answers
from triaged.store.couriers.holders import Holders, Released
from triaged.store.couriers.notifications import Notifications
from triaged.store.couriers.outbox import Outbox
from triaged.store.posting.drawing import queue_drawing
from triaged.store.studies.drawings import Drawings
from triaged.store.studies.seconds import Seconds
from triaged.store.tables import schema
from triaged.store.tables.database import Database, open_database
from triaged.store.tables.rows import known_study
from triaged.study.commitment import CommitmentReport
from triaged.study.kinds import ObjectKind
from triaged.study.notification import Occasion
from triaged.study.records import Claim

GONE, OTHER = "worker-1@here/1", "worker-1@here/2"
WHY = "gave no sign of life"
SECOND = ("other",)


@dataclass
class Held:
    """One of everything that can be held, for one holder after the other."""

    database: Database
    claims: dict[str, Claim] = field(default_factory=dict)

    def __post_init__(self) -> None:
        Notifications(self.database).subscribe({"ris": frozenset(Occasion)})

    def by(self, name: str, study: int) -> None:
        """Let somebody hold something in every table: results of one study, and another one."""
        database, studies = self.database, Studies(self.database)
        make_ready(studies, study)
        claim = claimed(studies, "scorer")
        seg = derived(claim, ObjectKind.SEG)
        commit(studies, claim, objects=(seg,), destinations={"pacs": frozenset({ObjectKind.SEG})}, seconds=SECOND)
        with database.begin() as connection:
            row = known_study(connection, study_uid(study).value)
            queue_drawing(connection, row.id, row.result_id, "draft")
        report = CommitmentReport(f"2.25.{study}", (), ())
        Answers(database).queue_report("CT1", report, now=at(2))
        held: list[Any] = [
            Seconds(database).claim_next(name, SECOND, lease_s=600, now=at(3)),
            Drawings(database).claim_next(name, lease_s=600, now=at(3)),
            *(queue(database).claim_due(name, lease_s=600, now=at(3)) for queue in (Outbox, Notifications, Answers)),
            studies.open_association(receiver=name, peer="10.0.0.1", calling_ae_title="CT1", now=at(3)),
        ]
        assert None not in held
        make_ready(studies, study + 100, minutes=3)
        self.claims[name] = claimed(studies, name, minutes=3, lease_s=600)


@pytest.fixture
def held(database: Database) -> Held:
    both = Held(database)
    both.by(GONE, 1)
    both.by(OTHER, 2)
    return both


def test_everybody_who_holds_anything_is_known(held: Held) -> None:
    assert Holders(held.database).names() == {GONE, OTHER}


def test_all_that_one_holds_who_is_gone_is_taken_back_and_nothing_of_another(held: Held) -> None:
    holders = Holders(held.database)
    everything = Released(studies=1, second_results=1, drawings=1, deliveries=3, associations=1)
    assert holders.release(GONE, why=WHY, now=at(4)) == everything
    assert everything.found() == {"studies": 1, "second_results": 1, "drawings": 1, "deliveries": 3, "associations": 1}
    assert holders.names() == {OTHER}
    assert holders.release(GONE, why=WHY, now=at(5)).found() == {}
    assert holders.release(OTHER, why=WHY, now=at(5)) == everything


def test_one_who_only_seemed_to_be_gone_finds_the_claim_stale_also_where_its_place_has_it_again(held: Held) -> None:
    studies, stale = Studies(held.database), held.claims[GONE]
    Holders(held.database).release(GONE, why=WHY, now=at(4))
    acts: list[Callable[[], object]] = [
        lambda: studies.extend(stale, lease_s=60, now=at(5)),
        lambda: studies.retry_later(stale, not_before=at(6), why="x", now=at(5)),
        lambda: studies.strike(stale, not_before=at(6), why="x", now=at(5)),
        lambda: commit(studies, stale, minutes=5),
    ]
    for holder in (None, "worker-1@here/3"):
        if holder is not None:
            again = claimed(studies, holder, minutes=5)
            assert (again.study_uid, again.attempt) == (stale.study_uid, stale.attempt + 1)
        for act in acts:
            with pytest.raises(StaleClaim):
                act()
    events = [each.event for each in studies.events(stale.study_uid.value)][-3:]
    assert events == ["CLAIMED", "LEASE_EXPIRED", "CLAIMED"]
    assert WHY in studies.events(stale.study_uid.value)[-2].detail


@pytest.mark.slow
def test_rows_that_a_stopped_process_has_locked_hold_nobody_up_and_are_taken_back_later(postgresql_url: str) -> None:
    database = open_database(postgresql_url)
    Held(database).by(GONE, 1)
    holders, tables = Holders(database), (schema.study, schema.second_result, schema.drawing, schema.outbox)
    with database.begin() as stopped:
        for table in (*tables, schema.push, schema.commitment_report):
            stopped.execute(select(table.c.id).with_for_update())
        assert holders.release(GONE, why=WHY, now=at(4)).found() == {"associations": 1}
        assert holders.names() == {GONE}
    assert holders.release(GONE, why=WHY, now=at(5)).found() == {
        "studies": 1,
        "second_results": 1,
        "drawings": 1,
        "deliveries": 3,
    }
    database.close()


def test_a_courier_that_comes_back_settles_nothing_that_was_posted_anew_and_has_the_same_attempt(held: Held) -> None:
    outbox = Outbox(held.database)
    publish(held.database, 3, "archive", minutes=4)
    late = outbox.claim_due(GONE, to="archive", lease_s=600, now=at(4))
    assert late is not None
    Holders(held.database).release(GONE, why=WHY, now=at(5))
    second = outbox.claim_due(OTHER, to="archive", lease_s=600, now=at(6))
    assert second is not None
    outbox.dead(second, error="unreachable", now=at(7))
    outbox.resend(second.study_uid, now=at(8))
    third = outbox.claim_due("courier@there/1", to="archive", lease_s=600, now=at(9))
    assert third is not None
    assert (third.item_id, third.attempts) == (late.item_id, late.attempts)
    ends: list[Callable[[], None]] = [
        lambda: outbox.sent(late, now=at(10)),
        lambda: outbox.retry(late, error="x", next_attempt_at=at(11), now=at(10)),
        lambda: outbox.refused(late, error="x", now=at(10)),
        lambda: outbox.dead(late, error="x", now=at(10)),
    ]
    for end in ends:
        with pytest.raises(StaleClaim):
            end()
    outbox.sent(third, now=at(10))
