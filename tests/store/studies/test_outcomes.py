"""The transaction that publishes a result, on both databases."""

from __future__ import annotations

from typing import Any

import pytest
from sqlalchemy import select, text

from tests.findings import urgency_of
from tests.store.making import (
    Studies,
    admit,
    at,
    claimed,
    commit,
    derived,
    finding,
    instance,
    make_ready,
    next_set,
    object_set,
    ranking,
    study_uid,
)
from triaged.errors import StaleClaim
from triaged.store.couriers.outbox import Outbox
from triaged.store.listing.worklist import Worklist
from triaged.store.studies import outcomes
from triaged.store.studies.outcomes import Found, Made
from triaged.store.tables import schema
from triaged.store.tables.database import Database
from triaged.store.tables.views import SeriesDecision
from triaged.study.assessment import Failed, OutOfScope, Reason, ReasonCode
from triaged.study.kinds import KINDS, ObjectKind
from triaged.study.lifecycle import State
from triaged.study.records import Claim, DeliveryState
from triaged.study.uids import SeriesUID

PACS = {"pacs": frozenset({ObjectKind.SC, ObjectKind.SR}), "research": frozenset({ObjectKind.SEG})}


@pytest.fixture
def studies(database: Database) -> Studies:
    return Studies(database)


def results(database: Database) -> list[Any]:
    with database.read() as connection:
        return list(connection.execute(select(schema.result).order_by(schema.result.c.id)))


def measurements(database: Database) -> list[tuple[int, str, str, float]]:
    with database.read() as connection:
        found = connection.execute(text("SELECT result_id, concept, site, value FROM measurement ORDER BY number"))
        return [(each.result_id, each.concept, each.site, each.value) for each in found]


def decline(
    studies: Studies,
    claim: Claim,
    assessment: OutOfScope | Failed,
    *,
    minutes: float = 2.0,
    chosen: SeriesUID | None = None,
) -> None:
    studies.commit(
        claim,
        Found(
            assessment,
            ranking=ranking(-45, claim.study_uid, reason="unscored: no lungs"),
            not_chosen=[(each.series_uid, "no axial images") for each in claim.series if each.series_uid != chosen],
            chosen=chosen,
            model="ct-test",
            scheme="combined",
            object_set=next_set(studies, claim, assessment.reason.code),
        ),
        Made(objects=(), destinations=PACS),
        now=at(minutes),
    )


def test_a_score_is_on_the_list_with_its_reason_and_place(studies: Studies, database: Database) -> None:
    make_ready(studies, 1)
    make_ready(studies, 2, minutes=0.5)
    claimed(studies)
    commit(studies, claimed(studies), severity=0.54)
    top = Worklist(database).entries()[0]
    assert (top.study_instance_uid, top.position, top.state) == (study_uid(2).value, 1, State.TRIAGED)
    assert top.finding == finding(0.54)
    assert (top.triage_class.value, top.reason) == ("B", "B severe — left lung 54 %, P .91")


def test_a_result_keeps_everything_that_was_found(studies: Studies, database: Database) -> None:
    make_ready(studies, 1)
    commit(studies, claimed(studies))
    (row,) = results(database)
    found = row._asdict()
    assert found["outcome"] == "TRIAGED"
    assert measurements(database) == [
        (row.id, "severity", "", 0.54),
        (row.id, "affected_share", "right", 0.27),
        (row.id, "affected_share", "left", 0.54),
        (row.id, "total_share", "total", pytest.approx(0.405)),
        (row.id, "lung_volume", "right", 2600.0),
        (row.id, "lung_volume", "left", 2300.0),
        (row.id, "lungs_volume", "", 4900.0),
        (row.id, "affected_volume", "", 1200.0),
        (row.id, "dense_share", "", 0.2),
    ]
    assert (found["urgency"], found["suspicion"], found["probability"]) == (0.54, "covid-19", 0.91)
    assert (found["grade"], found["grade_scale"], found["quality"]) == (3, "CT", '["thick-slices"]')
    assert (found["engine"], found["model"], found["scheme"]) == ("networks", "ct-test", "combined")
    assert (found["at"], found["worker"], found["threshold"]) == (at(2), "worker-1", 0.5)


@pytest.mark.parametrize(
    ("assessment", "state", "event"),
    [
        (OutOfScope(Reason(ReasonCode.LOCALIZER_ONLY, "expected axial images")), State.OUT_OF_SCOPE, "DECLINED"),
        (Failed(Reason(ReasonCode.NO_LUNGS, "expected lungs")), State.FAILED, "GIVEN_UP"),
    ],
)
def test_a_study_without_a_score_stays_on_the_list_with_its_reason(
    studies: Studies, database: Database, assessment: OutOfScope | Failed, state: State, event: str
) -> None:
    make_ready(studies, 1)
    decline(studies, claimed(studies), assessment)
    (entry,) = Worklist(database).entries()
    assert (entry.state, entry.finding) == (state, None)
    assert entry.reason == "unscored: no lungs"
    assert studies.events(study_uid(1).value)[-1].event == event
    (row,) = results(database)
    assert row.reason_detail.startswith("expected")


def test_a_study_that_can_no_longer_be_scored_does_not_show_its_old_score(studies: Studies, database: Database) -> None:
    make_ready(studies, 1)
    commit(studies, claimed(studies))
    studies.requeue(study_uid(1).value, ranking=ranking(0, study_uid(1)), now=at(3))
    decline(studies, claimed(studies, minutes=4), Failed(Reason(ReasonCode.CORRUPT, "expected pixels")), minutes=5)
    (entry,) = Worklist(database).entries()
    assert entry.finding is None


def test_a_second_result_supersedes_the_first_which_stays(studies: Studies, database: Database) -> None:
    make_ready(studies, 1)
    first = claimed(studies)
    commit(studies, first, severity=0.2, objects=(derived(first, ObjectKind.SEG, number=1),))
    admit(studies, instance(1, 2), minutes=3)
    studies.complete(study_uid(1), 2, ranking=ranking(3, study_uid(1)), cause="whole", now=at(3))
    second = claimed(studies, minutes=4)
    commit(studies, second, minutes=5, severity=0.6, objects=(derived(second, ObjectKind.SEG, number=2),))
    old, new = results(database)
    assert (old.urgency, old.revision, old.superseded_by) == (0.2, 1, new.id)
    assert (new.urgency, new.revision, new.superseded_by) == (0.6, 2, None)
    assert studies.derived(study_uid(1).value) == [derived(second, ObjectKind.SEG, number=2)]
    assert urgency_of(Worklist(database).entries()[0]) == 0.6


def test_each_destination_gets_the_kinds_it_wants_once(studies: Studies, database: Database) -> None:
    make_ready(studies, 1)
    claim = claimed(studies)
    commit(studies, claim, objects=tuple(derived(claim, kind) for kind in KINDS.values()), destinations=PACS)
    deliveries = Outbox(database).deliveries(study_uid(1).value)
    assert sorted((each.destination, each.kind.name) for each in deliveries) == [
        ("pacs", "sc"),
        ("pacs", "sr"),
        ("research", "seg"),
    ]
    assert {(each.state, each.attempts, each.next_attempt_at) for each in deliveries} == {
        (DeliveryState.PENDING, 0, at(2))
    }


def test_the_same_objects_made_again_are_not_delivered_again(studies: Studies, database: Database) -> None:
    make_ready(studies, 1)
    outbox = Outbox(database)
    for minutes in (1.0, 10.0):
        claim = claimed(studies, minutes=minutes)
        commit(studies, claim, minutes=minutes, objects=(derived(claim, ObjectKind.SEG),), destinations=PACS)
        if (item := outbox.claim_due("courier", lease_s=60, now=at(minutes))) is not None:
            outbox.sent(item, now=at(minutes))
        studies.requeue(study_uid(1).value, ranking=ranking(0, study_uid(1)), now=at(minutes + 1))
    (delivery,) = outbox.deliveries(study_uid(1).value)
    assert (delivery.state, delivery.sent_at) == (DeliveryState.SENT, at(1))
    assert studies.derived(study_uid(1).value) == [derived(claim, ObjectKind.SEG)]


def test_a_delivery_that_was_given_up_is_tried_again_when_its_object_is_made_again(
    studies: Studies, database: Database
) -> None:
    make_ready(studies, 1)
    outbox = Outbox(database)
    claim = claimed(studies)
    commit(studies, claim, objects=(derived(claim, ObjectKind.SEG),), destinations=PACS)
    item = outbox.claim_due("courier", lease_s=60, now=at(3))
    assert item is not None
    outbox.dead(item, error="refused", now=at(3))
    studies.requeue(study_uid(1).value, ranking=ranking(0, study_uid(1)), now=at(4))
    commit(studies, claimed(studies, minutes=5), minutes=6, objects=(item.object,), destinations=PACS)
    (delivery,) = outbox.deliveries(study_uid(1).value)
    assert (delivery.state, delivery.attempts, delivery.next_attempt_at) == (DeliveryState.PENDING, 0, at(6))


def test_why_a_series_was_not_read_is_kept_for_every_series(studies: Studies) -> None:
    admit(studies, instance(1, 1, series=1))
    admit(studies, instance(1, 2, series=2))
    studies.complete(study_uid(1), 2, ranking=ranking(0, study_uid(1)), cause="whole", now=at(0))
    claim = claimed(studies)
    first, second = (series.series_uid for series in claim.series)
    studies.commit(
        claim,
        Found(
            Failed(Reason(ReasonCode.MISSING_SLICES, "expected 1.25 mm throughout, found 2.5 mm")),
            ranking=ranking(0, study_uid(1)),
            not_chosen=[(first, "localizer"), (SeriesUID.parse("9.9"), "dose report")],
            chosen=second,
            chosen_words="chosen: image 2; image 1: lateral",
            model="ct-test",
            scheme="combined",
            object_set=object_set(1, "missing slices"),
        ),
        Made(objects=(), destinations={}),
        now=at(2),
    )
    assert set(studies.series_decisions(study_uid(1).value)) == {
        SeriesDecision(first.value, False, "localizer"),
        SeriesDecision("9.9", False, "dose report"),
        SeriesDecision(second.value, True, "chosen: image 2; image 1: lateral"),
    }


def test_a_stale_commit_writes_nothing_at_all(studies: Studies, database: Database) -> None:
    make_ready(studies, 1)
    claim = claimed(studies)
    admit(studies, instance(1, 2), minutes=2)
    moves = studies.moves(study_uid(1).value)
    with pytest.raises(StaleClaim):
        commit(studies, claim, minutes=3, objects=(derived(claim, ObjectKind.SEG),), destinations=PACS)
    assert results(database) == []
    assert studies.derived(study_uid(1).value) == []
    assert Outbox(database).counts() == {}
    assert studies.moves(study_uid(1).value) == moves


def test_a_commit_that_breaks_in_the_middle_writes_nothing_at_all(
    studies: Studies, database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    make_ready(studies, 1)
    claim = claimed(studies)

    def broken(*_: object, **__: object) -> None:
        raise ConnectionAbortedError

    monkeypatch.setattr(outcomes, "record_event", broken)  # the last thing that a commit writes
    with pytest.raises(ConnectionAbortedError):
        commit(studies, claim, objects=(derived(claim, ObjectKind.SEG),), destinations=PACS)
    monkeypatch.undo()
    assert results(database) == []
    assert Outbox(database).counts() == {}
    assert Worklist(database).entries()[0].state is State.ANALYSING
    commit(studies, claim, objects=(derived(claim, ObjectKind.SEG),), destinations=PACS)
    assert Worklist(database).entries()[0].state is State.TRIAGED


def test_a_reason_that_quotes_what_no_database_can_hold_ends_the_study_all_the_same(
    studies: Studies, database: Database
) -> None:
    make_ready(studies, 1)
    decline(studies, claimed(studies), OutOfScope(Reason(ReasonCode.NO_CT, "expected CT images, found A\0B\ud800")))
    assert studies.counts()[State.OUT_OF_SCOPE] == 1
    with database.read() as connection:
        kept = connection.execute(text("SELECT reason_detail FROM result")).scalar_one()
    assert kept == "expected CT images, found A\N{REPLACEMENT CHARACTER}B?"
