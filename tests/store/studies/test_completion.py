"""From RECEIVING to READY, associations, and requeueing, on both databases."""

from __future__ import annotations

import pytest

from tests.findings import urgency_of
from tests.store.making import Studies, admit, at, claimed, commit, instance, make_ready, ranking, study_uid
from triaged.errors import IllegalTransition, StaleClaim, UnknownStudy
from triaged.store.listing.worklist import Worklist
from triaged.store.tables.database import Database
from triaged.study.lifecycle import State
from triaged.study.ranking import RequestPriority


@pytest.fixture
def studies(database: Database) -> Studies:
    return Studies(database)


@pytest.fixture
def worklist(database: Database) -> Worklist:
    return Worklist(database)


def opened(studies: Studies, *, receiver: str = "receiver-1", minutes: float = 0.0) -> int:
    return studies.open_association(receiver=receiver, peer="10.0.0.7", calling_ae_title="MODALITY", now=at(minutes))


def test_a_candidate_carries_all_that_the_decision_needs(studies: Studies) -> None:
    association = opened(studies)
    for number, series in ((1, 1), (2, 2), (3, 1)):
        admit(studies, instance(1, number, series=series), minutes=number, association_id=association)
    (candidate,) = studies.receiving(now=at(4))
    assert (candidate.study_uid, candidate.revision) == (study_uid(1), 3)
    assert (candidate.first_instance_at, candidate.last_instance_at) == (at(1), at(3))
    assert candidate.order_priority is RequestPriority.ROUTINE
    assert [[part.sop_instance_uid for part in series.instances] for series in candidate.series] == [
        [instance(1, 1).sop_instance_uid, instance(1, 3).sop_instance_uid],
        [instance(1, 2, series=2).sop_instance_uid],
    ]
    assert candidate.series[0].instances[0] == instance(1, 1)


def test_what_is_received_between_two_looks_is_seen_at_the_second(studies: Studies) -> None:
    admit(studies, instance(1, 1))
    first = studies.receiving(now=at(0))
    assert studies.receiving(now=at(0)) == first
    admit(studies, instance(1, 2), minutes=1)
    admit(studies, instance(2, 1), minutes=1)
    assert [sum(len(series.instances) for series in each.series) for each in studies.receiving(now=at(1))] == [2, 1]


def test_only_studies_that_are_receiving_are_candidates(studies: Studies) -> None:
    make_ready(studies, 1)
    admit(studies, instance(2, 1))
    assert [candidate.study_uid for candidate in studies.receiving(now=at(1))] == [study_uid(2)]


def test_an_association_counts_until_it_is_closed(studies: Studies) -> None:
    first, second = opened(studies), opened(studies)
    admit(studies, instance(1, 1), association_id=first)
    admit(studies, instance(1, 2), association_id=second)
    admit(studies, instance(1, 3), association_id=second)
    opened(studies)  # delivers nothing to this study
    (candidate,) = studies.receiving(now=at(1))
    assert (candidate.open_associations, candidate.last_association_closed_at) == (2, None)
    studies.close_association(first, now=at(2))
    (candidate,) = studies.receiving(now=at(2))
    assert (candidate.open_associations, candidate.last_association_closed_at) == (1, at(2))
    studies.close_association(second, now=at(3))
    (candidate,) = studies.receiving(now=at(3))
    assert (candidate.open_associations, candidate.last_association_closed_at) == (0, at(3))


def test_an_association_that_sends_only_duplicates_counts_too(studies: Studies) -> None:
    admit(studies, instance(1, 1))
    admit(studies, instance(1, 1), association_id=opened(studies))
    (candidate,) = studies.receiving(now=at(1))
    assert candidate.open_associations == 1


def test_an_association_is_closed_once(studies: Studies) -> None:
    association = opened(studies)
    admit(studies, instance(1, 1), association_id=association)
    studies.close_association(association, now=at(1))
    studies.close_association(association, now=at(9))
    (candidate,) = studies.receiving(now=at(9))
    assert candidate.last_association_closed_at == at(1)


def test_a_restarted_receiver_closes_what_its_predecessor_left_open_and_nothing_else(studies: Studies) -> None:
    closed, orphan, other = opened(studies), opened(studies), opened(studies, receiver="receiver-2")
    studies.close_association(closed, now=at(1))
    for number, association in enumerate((closed, orphan, other), start=1):
        admit(studies, instance(number, 1), association_id=association)
    assert studies.close_orphans("receiver-1", now=at(5)) == 1
    found = {candidate.study_uid: candidate for candidate in studies.receiving(now=at(5))}
    assert found[study_uid(1)].last_association_closed_at == at(1)
    assert found[study_uid(2)].last_association_closed_at == at(5)
    assert found[study_uid(3)].open_associations == 1


def test_a_complete_study_is_ready_and_has_the_place_of_a_ready_one(studies: Studies, worklist: Worklist) -> None:
    admit(studies, instance(1, 1))
    place = ranking(5, study_uid(1), reason="ready, waiting for its score")
    studies.complete(study_uid(1), 1, ranking=place, cause="whole", now=at(5))
    (entry,) = worklist.entries()
    assert (entry.state, entry.ready_at, entry.reason) == (State.READY, at(5), "ready, waiting for its score")
    assert studies.events(study_uid(1).value)[-1].detail == "whole"


def test_a_study_that_grew_since_the_decision_is_not_completed(studies: Studies) -> None:
    admit(studies, instance(1, 1))
    admit(studies, instance(1, 2))
    with pytest.raises(StaleClaim, match=r"revision 1.*revision 2"):
        studies.complete(study_uid(1), 1, ranking=ranking(0, study_uid(1)), cause="quiet", now=at(1))
    assert studies.counts()[State.RECEIVING] == 1


def test_a_study_is_completed_by_one_clock_only(studies: Studies) -> None:
    make_ready(studies, 1)
    with pytest.raises(StaleClaim, match="READY"):
        studies.complete(study_uid(1), 1, ranking=ranking(0, study_uid(1)), cause="quiet", now=at(1))


def test_a_study_that_is_not_there_is_not_completed(studies: Studies) -> None:
    with pytest.raises(StaleClaim, match="no such study"):
        studies.complete(study_uid(1), 1, ranking=ranking(0, study_uid(1)), cause="quiet", now=at(1))


def test_a_scored_study_completed_again_keeps_its_place_and_the_time_it_waits_since(
    studies: Studies, worklist: Worklist
) -> None:
    make_ready(studies, 1)
    commit(studies, claimed(studies), where=ranking(-180, study_uid(1), reason="severe"))
    admit(studies, instance(1, 2), minutes=60)
    studies.complete(study_uid(1), 2, ranking=ranking(60, study_uid(1)), cause="whole", now=at(60))
    (entry,) = worklist.entries()
    assert (entry.state, entry.reason, entry.ready_at) == (State.READY, "severe", at(0))
    assert claimed(studies, minutes=61).ready_at == at(0)


def test_a_new_revision_has_all_its_attempts(studies: Studies) -> None:
    make_ready(studies, 1)
    for minutes in (1, 2):
        studies.retry_later(claimed(studies, minutes=minutes), not_before=at(minutes), why="memory", now=at(minutes))
    admit(studies, instance(1, 2), minutes=3)
    studies.complete(study_uid(1), 2, ranking=ranking(3, study_uid(1)), cause="whole", now=at(3))
    assert claimed(studies, minutes=4).attempt == 1


def test_a_requeued_study_is_scored_again_and_does_not_sink(studies: Studies, worklist: Worklist) -> None:
    make_ready(studies, 1)
    commit(studies, claimed(studies), where=ranking(-180, study_uid(1), reason="severe"))
    studies.requeue(study_uid(1).value, ranking=ranking(0, study_uid(1)), now=at(9))
    (entry,) = worklist.entries()
    assert (entry.state, entry.reason, urgency_of(entry)) == (State.READY, "severe", 0.54)
    assert claimed(studies, minutes=10).attempt == 1


def test_a_requeue_raises_a_study_where_an_unscored_one_would_stand_higher(
    studies: Studies, worklist: Worklist
) -> None:
    make_ready(studies, 1)
    commit(studies, claimed(studies), where=ranking(30, study_uid(1), reason="not flagged"))
    studies.requeue(study_uid(1).value, ranking=ranking(-45, study_uid(1), reason="unscored"), now=at(9))
    assert worklist.entries()[0].reason == "unscored"


def test_a_result_from_before_a_requeue_is_stale(studies: Studies) -> None:
    make_ready(studies, 1)
    late = claimed(studies, lease_s=1)
    studies.reap(now=at(2))
    commit(studies, claimed(studies, minutes=3), minutes=3)
    studies.requeue(study_uid(1).value, ranking=ranking(0, study_uid(1)), now=at(4))
    claimed(studies, minutes=5)  # by the same worker, and its first attempt again
    with pytest.raises(StaleClaim):
        commit(studies, late, minutes=6)


def test_a_study_on_its_way_cannot_be_requeued(studies: Studies) -> None:
    admit(studies, instance(1, 1))
    with pytest.raises(IllegalTransition):
        studies.requeue(study_uid(1).value, ranking=ranking(0, study_uid(1)), now=at(1))


def test_asking_for_a_study_that_is_not_there_says_so(studies: Studies) -> None:
    with pytest.raises(UnknownStudy, match=r"9\.9"):
        studies.requeue("9.9", ranking=ranking(0, study_uid(1)), now=at(1))
    with pytest.raises(UnknownStudy, match=r"9\.9"):
        studies.ranking_input("9.9", now=at(1))


def test_a_study_waits_since_its_first_instance_and_then_since_it_was_ready(studies: Studies) -> None:
    admit(studies, instance(1, 1), minutes=1)
    assert studies.ranking_input(study_uid(1).value, now=at(2)).since == at(1)
    studies.complete(study_uid(1), 1, ranking=ranking(5, study_uid(1)), cause="whole", now=at(5))
    assert studies.ranking_input(study_uid(1).value, now=at(6)).since == at(5)
