"""The flow from slice to delivered result, step by step, with everything that may happen in between."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.findings import urgency_of
from tests.flow.house import House, encoded
from triaged.steps.ports import Outgoing, Refused, SendOutcome, Sent, Unreachable
from triaged.store.tables.database import Database
from triaged.study.lifecycle import State
from triaged.study.ranking import TriageClass
from triaged.study.records import Admission, DeliveryState

SEG_STORAGE = "1.2.840.10008.5.1.4.1.1.66.4"


@pytest.fixture
def house(database: Database, tmp_path: Path) -> House:
    return House(database, tmp_path)


def test_more_disease_is_read_first_whatever_the_order_of_arrival(house: House) -> None:
    for study, severity in ((1, 0.0), (2, 0.3), (3, 0.8)):
        house.triage(study, severity)
        house.later(60)
    assert house.order() == [3, 2, 1]
    assert [house.entry(study).triage_class for study in (3, 2, 1)] == [
        TriageClass.CRITICAL,
        TriageClass.SUSPECTED_MODERATE,
        TriageClass.NOT_FLAGGED,
    ]


def test_a_whole_series_is_complete_two_seconds_after_its_sender_hung_up(house: House) -> None:
    house.send(house.series(1))
    house.later(1.9)
    assert house.assemble() == 0
    house.later(0.1)
    assert house.assemble() == 1


def test_a_series_with_a_gap_waits_until_it_is_quiet(house: House) -> None:
    slices = house.series(1)
    house.send(slices[:4] + slices[5:])
    house.later(29)
    assert house.assemble() == 0
    house.later(1)
    assert house.assemble() == 1


def test_a_wide_gap_ends_as_a_failure_and_the_late_slices_as_a_score(house: House) -> None:
    slices = house.series(1, count=20)
    house.send(slices[:4] + slices[12:])
    house.later(30)
    house.assemble()
    house.score()
    assert house.entry(1).state is State.FAILED
    assert house.entry(1).finding is None

    house.send(slices[4:12])
    house.later(2)
    house.assemble()
    house.score(0.5)

    assert house.entry(1).state is State.TRIAGED
    assert urgency_of(house.entry(1)) == pytest.approx(0.5)


def test_a_late_slice_makes_the_claim_stale_and_its_result_is_never_seen(house: House) -> None:
    slices = house.series(1, count=11)
    house.send(slices[:10])
    house.later(2)
    house.assemble()
    house.pipeline.before = lambda: _all_new(house.send([slices[10]]))
    house.score(0.8)
    assert house.entry(1).state is State.RECEIVING
    assert house.entry(1).finding is None
    assert house.deliver() == 0

    house.pipeline.before = None
    house.later(2)
    assert house.assemble() == 1
    house.score(0.3)

    assert house.entry(1).state is State.TRIAGED
    assert house.entry(1).revision == 11
    assert house.deliver() > 0


def test_a_study_keeps_its_place_while_it_is_scored_again(house: House) -> None:
    slices = house.series(1, count=11)
    house.send(slices[:10])
    house.later(2)
    house.assemble()
    house.score(0.8)
    house.later(60)
    house.triage(2, 0.3)
    house.send([slices[10]])
    assert house.entry(1).state is State.RECEIVING
    assert house.order() == [1, 2]


def test_results_of_another_revision_have_other_uids(house: House) -> None:
    house.deliver()  # as the courier that starts asks what the PACS accepts
    slices = house.series(1, count=11)
    house.send(slices[:10])
    house.later(2)
    house.assemble()
    house.score()
    house.deliver()
    first = set(house.pacs.took)

    house.send([slices[10]])
    house.later(2)
    house.assemble()
    house.score()
    house.deliver()

    assert len(set(house.pacs.took)) == len(house.pacs.took) == 2 * len(first)


def test_the_report_of_a_new_revision_names_the_one_it_supersedes(house: House) -> None:
    slices = house.series(1, count=11)
    house.send(slices[:10])
    house.later(2)
    house.assemble()
    house.score()
    (first,) = house.reports(1)

    house.send([slices[10]])
    house.later(2)
    house.assemble()
    house.score()

    (second,) = house.reports(1)
    assert "PredecessorDocumentsSequence" not in first
    (predecessor,) = second.PredecessorDocumentsSequence
    (series,) = predecessor.ReferencedSeriesSequence
    (document,) = series.ReferencedSOPSequence
    assert document.ReferencedSOPInstanceUID == first.SOPInstanceUID
    assert series.SeriesInstanceUID == first.SeriesInstanceUID


def test_the_same_slices_again_change_nothing(house: House) -> None:
    house.triage(1, 0.3)
    revision = house.entry(1).revision
    assert set(house.send(house.series(1))) == {Admission.DUPLICATE}
    assert house.entry(1).revision == revision
    assert house.entry(1).state is State.TRIAGED


def test_our_own_objects_coming_back_are_ignored(house: House) -> None:
    house.triage(1, 0.3)
    house.deliver()
    before = house.entry(1)
    returned = [encoded(house.spool.absolute(each.path)) for each in house.studies.derived("1.2.1")]
    assert set(house.send(returned)) == {Admission.OWN}
    assert house.entry(1) == before


def test_a_silent_worker_loses_its_study_and_may_not_publish_late(house: House) -> None:
    house.send(house.series(1))
    house.later(2)
    house.assemble()
    slow, fast = house.analyst("slow"), house.analyst("fast")
    claim = house.claim(slow)
    house.later(301)
    assert house.reap() == 1
    house.pipeline.severity = 0.5
    fast.analyse(house.claim(fast), clock=house.clock)

    house.pipeline.severity = 0.9
    slow.analyse(claim, clock=house.clock)

    assert urgency_of(house.entry(1)) == pytest.approx(0.5)


def test_a_worker_that_is_started_again_finds_its_study_in_the_queue(house: House) -> None:
    house.send(house.series(1))
    house.later(2)
    house.assemble()
    house.claim(house.analyst("worker-1"))
    assert house.studies.release("worker-2", now=house.now) == 0
    assert house.studies.release("worker-1", now=house.now) == 1
    house.score()
    assert house.entry(1).state is State.TRIAGED


def test_a_requeued_study_gives_the_same_objects_and_they_are_not_sent_twice(house: House) -> None:
    house.triage(1, 0.3)
    house.deliver()
    took = list(house.pacs.took)
    ready_at = house.entry(1).ready_at
    house.requeue(1)
    assert house.entry(1).ready_at == ready_at
    house.score(0.3)
    house.deliver()
    assert house.pacs.took == took


def test_a_refused_segmentation_stays_with_the_reason_and_the_rest_arrives(house: House) -> None:
    def answer(outgoing: Outgoing) -> SendOutcome:
        if outgoing.sop_class_uid == SEG_STORAGE:
            return Refused("SOP class is not accepted", final=True)
        return Sent()

    house.pacs.answer = answer
    house.triage(1, 0.3)
    house.deliver()
    states = {each.state for each in house.outbox.deliveries("1.2.1")}
    (refused,) = house.outbox.refused_items()
    assert states == {DeliveryState.SENT, DeliveryState.REFUSED}
    assert refused.error == "SOP class is not accepted"
    assert len(house.pacs.took) > 1


def test_a_pacs_that_is_away_is_asked_again_with_growing_pauses(house: House) -> None:
    house.pacs.answer = lambda _: Unreachable("connection refused")
    house.triage(1, 0.3)
    objects = house.deliver()
    assert objects > 1
    assert house.deliver() == 0
    house.later(5)
    assert house.deliver() == objects
    house.later(5)
    assert house.deliver() == 0
    house.pacs.answer = lambda _: Sent()
    house.later(5)
    assert house.deliver() == objects
    assert len(house.pacs.took) == objects


def test_every_change_of_position_is_kept_with_its_reason(house: House) -> None:
    house.triage(1, 0.0)
    house.later(60)
    house.triage(2, 0.8)
    moves = house.studies.moves("1.2.1")
    assert [(move.before, move.after) for move in moves][-1] == (1, 2)
    assert all(move.cause for move in moves)


def _all_new(admissions: list[Admission]) -> None:
    assert set(admissions) == {Admission.NEW}
