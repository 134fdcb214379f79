"""A result is in force before its objects are there; what happens between the two, on both databases."""

from __future__ import annotations

from typing import Any

import pytest
from sqlalchemy import select

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
    object_set,
    ranking,
    study_uid,
)
from triaged.errors import StaleClaim
from triaged.store.couriers.outbox import Outbox
from triaged.store.listing.rankings import Rankings
from triaged.store.listing.worklist import Worklist
from triaged.store.studies.outcomes import Found, Made
from triaged.store.tables import schema
from triaged.store.tables.database import Database
from triaged.study.assessment import Assessed
from triaged.study.kinds import ObjectKind
from triaged.study.lifecycle import State
from triaged.study.ranking import TriageClass
from triaged.study.ranking_input import RankingInput
from triaged.study.records import Claim, DeliveryState, ObjectSet

PACS = {"pacs": frozenset({ObjectKind.SR})}
UID = study_uid(1).value
FIRST = object_set(1, "slices")


@pytest.fixture
def studies(database: Database) -> Studies:
    studies = Studies(database)
    make_ready(studies, 1)
    return studies


def found(severity: float = 0.54, named: ObjectSet = FIRST) -> Found:
    return Found(
        Assessed(finding(severity)),
        ranking(-178, study_uid(1), triage_class=TriageClass.SEVERE, reason=f"B severe, {severity:.0%}"),
        chosen=None,
        not_chosen=(),
        model="ct-test",
        scheme="combined",
        object_set=named,
    )


def made(claim: Claim) -> Made:
    return Made((derived(claim, ObjectKind.SR),), PACS, coronal_path="1/view.npz")


def results(database: Database) -> list[Any]:
    with database.read() as connection:
        return list(connection.execute(select(schema.result).order_by(schema.result.c.id)))


def measured(database: Database) -> list[float]:
    query = select(schema.measurement.c.value).where(schema.measurement.c.concept == "severity")
    with database.read() as connection:
        return list(connection.execute(query).scalars())


def lost(studies: Studies) -> Claim:
    """Let the worker die, and another one take the study."""
    assert studies.release("worker-1", now=at(3)) == 1
    return claimed(studies, "worker-2", minutes=4)


def test_a_study_has_score_and_place_before_its_objects_are_there(studies: Studies, database: Database) -> None:
    make_ready(studies, 2, minutes=-1)
    claimed(studies, "worker-9")
    studies.place(claimed(studies), found(), now=at(2))
    top = Worklist(database).entries()[0]
    assert (top.study_instance_uid, top.state, top.reason) == (UID, State.ANALYSING, "B severe, 54%")
    assert top.finding == finding(0.54)
    assert Outbox(database).deliveries(UID) == []


def test_the_objects_follow_and_end_the_claim(studies: Studies, database: Database) -> None:
    claim = claimed(studies)
    studies.place(claim, found(), now=at(2))
    studies.publish(claim, made(claim), now=at(3))
    (row,) = results(database)
    entry = Worklist(database).entries()[0]
    assert (entry.state, entry.view_of) == (State.TRIAGED, FIRST.uid)
    assert (row.at, row.coronal_path) == (at(2), "1/view.npz")
    assert [each.state for each in Outbox(database).deliveries(UID)] == [DeliveryState.PENDING]
    assert [each.event for each in studies.events(UID)][-3:] == ["CLAIMED", "PLACED", "ASSESSED"]


def test_a_worker_that_dies_between_costs_no_result_and_sends_nothing_twice(
    studies: Studies, database: Database
) -> None:
    studies.place(claimed(studies), found(), now=at(2))
    claim = lost(studies)
    studies.place(claim, found(), now=at(5))
    studies.publish(claim, made(claim), now=at(6))
    (row,) = results(database)
    assert (row.object_set_uid, row.superseded_by, row.worker) == (FIRST.uid, None, "worker-2")
    assert measured(database) == [0.54]
    assert len(Outbox(database).deliveries(UID)) == 1


def test_another_result_takes_the_place_of_one_whose_objects_never_came(studies: Studies, database: Database) -> None:
    studies.place(claimed(studies), found(), now=at(2))
    claim = lost(studies)
    other = object_set(1, "slices, and a prior that came meanwhile")
    studies.commit(claim, found(0.61, other), made(claim), now=at(5))
    (row,) = results(database)
    assert row.object_set_uid == other.uid
    assert measured(database) == [0.61]
    assert Worklist(database).entries()[0].finding == finding(0.61)


def test_a_set_is_whole_only_with_its_objects(studies: Studies) -> None:
    claim = claimed(studies)
    studies.place(claim, found(), now=at(2))
    announced = studies.publication(UID)
    studies.publish(claim, made(claim), now=at(3))
    published = studies.publication(UID)
    assert announced is not None
    assert published is not None
    assert (announced.is_whole, published.is_whole) == (False, True)


def test_a_set_of_a_revision_before_counts_as_whole(studies: Studies) -> None:
    studies.place(claimed(studies), found(), now=at(2))
    admit(studies, instance(1, 2), minutes=2.5)
    publication = studies.publication(UID)
    assert publication is not None
    assert publication.is_whole


def test_a_slice_that_comes_between_makes_the_objects_stale(studies: Studies, database: Database) -> None:
    claim = claimed(studies)
    studies.place(claim, found(), now=at(2))
    admit(studies, instance(1, 2), minutes=2.5)
    with pytest.raises(StaleClaim):
        studies.publish(claim, made(claim), now=at(3))
    assert Outbox(database).deliveries(UID) == []


def test_what_is_not_sent_of_an_earlier_set_is_withdrawn_at_once(studies: Studies, database: Database) -> None:
    claim = claimed(studies)
    commit(studies, claim, objects=(derived(claim, ObjectKind.SR),), destinations=PACS)
    studies.requeue(UID, ranking=ranking(0, UID), now=at(3))
    before = studies.publication(UID)
    assert before is not None
    studies.place(claimed(studies, minutes=4), found(0.61, object_set(1, "b", follows=before.object_set)), now=at(5))
    assert [each.state for each in Outbox(database).deliveries(UID)] == [DeliveryState.WITHDRAWN]


def test_a_study_whose_objects_are_to_come_is_ranked_by_its_score_alone(studies: Studies, database: Database) -> None:
    seen: list[RankingInput] = []

    def policy(ranking_input: RankingInput) -> Any:
        seen.append(ranking_input)
        return ranking(-178, study_uid(1))

    studies.place(claimed(studies), found(), now=at(2))
    Rankings(database).rerank_all(policy, cause="settings changed", now=at(2.5))
    studies.release("worker-1", now=at(3))
    Rankings(database).rerank_all(policy, cause="settings changed", now=at(3.5))
    assert [each.state for each in seen] == [State.TRIAGED] * 2


def test_a_study_that_is_to_be_read_again_still_counts_as_waiting(studies: Studies, database: Database) -> None:
    seen: list[RankingInput] = []

    def policy(ranking_input: RankingInput) -> Any:
        seen.append(ranking_input)
        return ranking(-178, study_uid(1))

    commit(studies, claimed(studies))
    studies.requeue(UID, ranking=ranking(0, UID), now=at(3))
    Rankings(database).rerank_all(policy, cause="settings changed", now=at(4))
    assert [each.state for each in seen] == [State.READY]


def test_a_study_of_which_nothing_can_be_drawn_keeps_score_and_place(studies: Studies, database: Database) -> None:
    studies.place(claimed(studies), found(), now=at(2))
    assert studies.leave_bare(lost(studies), "no result objects: gave up", now=at(5))
    entry = Worklist(database).entries()[0]
    assert (entry.state, entry.reason) == (State.TRIAGED, "B severe, 54%")
    assert studies.events(UID)[-1].detail == "no result objects: gave up"


def test_a_study_without_a_result_is_not_left_bare(studies: Studies, database: Database) -> None:
    claim = claimed(studies)
    assert not studies.leave_bare(claim, "gave up", now=at(2))
    assert Worklist(database).entries()[0].state is State.ANALYSING
