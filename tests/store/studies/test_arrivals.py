"""What a received instance does to the ledger, on both databases."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import pytest

from tests.store.making import (
    PATIENT,
    Studies,
    admit,
    at,
    claimed,
    commit,
    derived,
    image,
    instance,
    make_ready,
    ranking,
    study_uid,
)
from triaged.errors import TryLater
from triaged.store.listing.worklist import Worklist
from triaged.store.tables.database import Database, open_database
from triaged.store.tables.views import ConflictKind, Quarantined
from triaged.study.kinds import ObjectKind
from triaged.study.lifecycle import State
from triaged.study.ranking import Lane, RequestPriority
from triaged.study.records import Admission, ReceivedHeader
from triaged.study.uids import SeriesUID, SOPInstanceUID, StudyUID


@pytest.fixture
def studies(database: Database) -> Studies:
    return Studies(database)


@pytest.fixture
def worklist(database: Database) -> Worklist:
    return Worklist(database)


def test_the_first_instance_brings_its_study_onto_the_list(studies: Studies, worklist: Worklist) -> None:
    assert admit(studies, instance(1, 1)) is Admission.NEW
    (entry,) = worklist.entries()
    assert entry.study_instance_uid == study_uid(1).value
    assert (entry.state, entry.revision, entry.instances) == (State.RECEIVING, 1, 1)
    assert (entry.first_instance_at, entry.ready_at, entry.patient) == (at(0), None, PATIENT)
    assert entry.reason == "waiting for its score"


def test_every_further_instance_makes_a_revision(studies: Studies, worklist: Worklist) -> None:
    for number in (1, 2, 3):
        assert admit(studies, instance(1, number), minutes=number) is Admission.NEW
    (entry,) = worklist.entries()
    assert (entry.revision, entry.instances, entry.first_instance_at) == (3, 3, at(1))
    assert [event.revision for event in studies.events(study_uid(1).value)] == [1, 2, 3]
    assert [event.before for event in studies.events(study_uid(1).value)] == [None, State.RECEIVING, State.RECEIVING]


def test_an_instance_comes_back_as_it_was_admitted(studies: Studies) -> None:
    sent = instance(1, 7)
    admit(studies, sent)
    assert studies.instances(study_uid(1).value) == [sent]


def test_the_same_instance_again_changes_nothing(studies: Studies, worklist: Worklist) -> None:
    admit(studies, instance(1, 1))
    before = (worklist.entries(), worklist.version(), studies.events(study_uid(1).value))
    assert admit(studies, instance(1, 1), minutes=5) is Admission.DUPLICATE
    assert (worklist.entries(), worklist.version(), studies.events(study_uid(1).value)) == before
    assert studies.instances(study_uid(1).value) == [instance(1, 1)]


def test_a_duplicate_does_not_reopen_a_finished_study(studies: Studies, worklist: Worklist) -> None:
    make_ready(studies, 1)
    commit(studies, claimed(studies))
    assert admit(studies, instance(1, 1), minutes=9) is Admission.DUPLICATE
    assert worklist.entries()[0].state is State.TRIAGED


def test_other_content_under_the_same_uid_is_kept_aside_and_flagged_once(studies: Studies, worklist: Worklist) -> None:
    make_ready(studies, 1)
    changed = instance(1, 1, content="changed on the way")
    for _ in range(2):
        assert admit(studies, changed, minutes=3) is Admission.CONFLICT
    (conflict,) = studies.conflicts()
    assert (conflict.study_uid, conflict.kind) == (study_uid(1).value, ConflictKind.OTHER_CONTENT)
    assert (conflict.path, conflict.sha256, conflict.at) == (changed.path, changed.sha256, at(3))
    assert instance(1, 1).sha256 in conflict.detail
    assert studies.instances(study_uid(1).value) == [instance(1, 1)]
    (entry,) = worklist.entries()
    assert (entry.state, entry.revision) == (State.READY, 1)
    assert [event.event for event in studies.events(study_uid(1).value)] == ["INSTANCE_ADDED", "COMPLETE", "CONFLICT"]


def test_a_third_content_is_a_second_conflict(studies: Studies) -> None:
    for content in ("first", "second", "third", "second"):
        admit(studies, instance(1, 1, content=content))
    assert len(studies.conflicts()) == 2
    assert admit(studies, instance(1, 1, content="first")) is Admission.DUPLICATE


def test_one_sop_instance_uid_in_two_studies_belongs_to_both_and_is_flagged(studies: Studies) -> None:
    here = instance(1, 1)
    there = replace(here, study_uid=study_uid(2), path="elsewhere.dcm", sha256="0" * 64)
    assert admit(studies, here) is Admission.NEW
    assert admit(studies, there) is Admission.NEW
    assert studies.instances(study_uid(1).value) == [here]
    assert studies.instances(study_uid(2).value) == [there]
    (conflict,) = studies.conflicts()
    assert (conflict.study_uid, conflict.kind) == (study_uid(2).value, ConflictKind.OTHER_STUDY)
    assert study_uid(1).value in conflict.detail


def test_an_object_that_says_we_made_it_is_ignored(studies: Studies, worklist: Worklist) -> None:
    ours = instance(1, 1)
    header = ReceivedHeader(
        ours.study_uid, ours.series_uid, ours.sop_instance_uid, RequestPriority.ROUTINE, PATIENT, image(), True
    )
    admission = studies.admit(ours, header, None, ranking=ranking(0, ours.study_uid), now=at(0))
    assert admission is Admission.OWN
    assert worklist.total() == 0


@pytest.mark.parametrize("study", [1, 2])
def test_a_result_object_that_comes_back_is_ignored_in_whatever_study(
    studies: Studies, worklist: Worklist, study: int
) -> None:
    make_ready(studies, 1)
    claim = claimed(studies)
    result = derived(claim, ObjectKind.SEG)
    commit(studies, claim, objects=(result,))
    back = replace(instance(study, 5), sop_instance_uid=SOPInstanceUID.parse(result.sop_instance_uid))
    assert admit(studies, back, minutes=9) is Admission.OWN
    (entry,) = worklist.entries()
    assert (entry.state, entry.instances) == (State.TRIAGED, 1)


def test_what_has_a_row_is_never_called_our_own_since_its_file_would_be_discarded(studies: Studies) -> None:
    make_ready(studies, 1)
    claim = claimed(studies)
    kept = claim.series[0].instances[0]
    same = replace(derived(claim, ObjectKind.SEG), sop_instance_uid=kept.sop_instance_uid.value)
    commit(studies, claim, objects=(same,))
    assert admit(studies, kept, minutes=9) is Admission.DUPLICATE


@pytest.mark.parametrize("number", [0, 1, 2])
def test_a_late_instance_reopens_a_study_that_is_ready_in_work_or_done(
    studies: Studies, worklist: Worklist, number: int
) -> None:
    make_ready(studies, 1)
    claim = claimed(studies) if number >= 1 else None
    if claim is not None and number == 2:
        commit(studies, claim)
    before = worklist.entries()[0]
    assert admit(studies, instance(1, 2), minutes=7) is Admission.NEW
    (entry,) = worklist.entries()
    assert (entry.state, entry.revision) == (State.RECEIVING, 2)
    assert entry.finding == before.finding
    assert studies.counts()[State.RECEIVING] == 1


def test_a_late_instance_does_not_make_a_scored_study_sink(studies: Studies, worklist: Worklist) -> None:
    make_ready(studies, 1)
    commit(studies, claimed(studies), where=ranking(-180, study_uid(1), reason="severe"))
    admit(studies, instance(1, 2), minutes=7)
    assert worklist.entries()[0].reason == "severe"


def test_a_late_instance_raises_a_study_where_a_new_one_would_stand_higher(
    studies: Studies, worklist: Worklist
) -> None:
    make_ready(studies, 1)
    commit(studies, claimed(studies), where=ranking(30, study_uid(1), reason="not flagged"))
    admit(studies, instance(1, 2), minutes=7, where=ranking(-10, study_uid(1), reason="emergency order"))
    assert worklist.entries()[0].reason == "emergency order"


def test_a_study_has_the_most_urgent_priority_that_any_instance_named(studies: Studies) -> None:
    for number, priority in enumerate((RequestPriority.UNKNOWN, RequestPriority.LOW, RequestPriority.STAT), start=1):
        admit(studies, instance(1, number), priority=priority)
        assert studies.ranking_input(study_uid(1).value, now=at(0)).order_priority is priority
    admit(studies, instance(1, 9), priority=RequestPriority.ROUTINE)
    assert studies.ranking_input(study_uid(1).value, now=at(0)).order_priority is RequestPriority.STAT


def test_a_study_that_turns_out_to_be_an_emergency_moves_at_once(studies: Studies, worklist: Worklist) -> None:
    admit(studies, instance(1, 1), minutes=0)
    admit(studies, instance(2, 1), minutes=1)
    emergency = ranking(2, study_uid(2), lane=Lane.EMERGENCY, reason="STAT order")
    admit(studies, instance(2, 2), minutes=2, where=emergency, priority=RequestPriority.STAT)
    assert [entry.study_instance_uid for entry in worklist.entries()] == [study_uid(2).value, study_uid(1).value]


def test_what_one_instance_says_of_the_patient_fills_what_the_others_left_empty(
    studies: Studies, worklist: Worklist
) -> None:
    admit(studies, instance(1, 1), patient=replace(PATIENT, patient_name="", study_description=""))
    admit(studies, instance(1, 2), patient=replace(PATIENT, patient_id="OTHER"))
    (entry,) = worklist.entries()
    assert entry.patient == PATIENT


def test_invalid_uids_are_kept_as_sent(studies: Studies) -> None:
    sent = replace(
        instance(1, 1),
        study_uid=StudyUID.parse("1.02.not valid\udce9"),
        series_uid=SeriesUID.parse("series\0one"),
        sop_instance_uid=SOPInstanceUID.parse("1.2.3.004 "),
    )
    assert admit(studies, sent) is Admission.NEW
    assert admit(studies, sent) is Admission.DUPLICATE
    assert studies.instances(sent.study_uid.value) == [sent]
    (candidate,) = studies.receiving(now=at(1))
    assert candidate.study_uid == sent.study_uid
    assert candidate.series[0].series_uid == sent.series_uid


def test_text_that_no_database_can_hold_does_not_stop_an_instance(studies: Studies, worklist: Worklist) -> None:
    admit(studies, instance(1, 1), patient=replace(PATIENT, patient_name="Roe\0^J\udce9", accession_number="\ud800"))
    assert worklist.entries()[0].patient.patient_name == "Roe\ufffd^J?"


def test_the_list_has_no_place_for_two_studies_with_one_sort_key(studies: Studies) -> None:
    admit(studies, instance(1, 1))
    with pytest.raises(Exception, match="sort_key"):
        admit(studies, instance(2, 1), where=ranking(0, study_uid(1)))
    assert studies.counts()[State.RECEIVING] == 1


def test_quarantined_bytes_are_listed_with_their_reason(studies: Studies) -> None:
    for number in (1, 2):
        studies.quarantine(
            Quarantined(
                path=f"quarantine/{number}.dcm",
                reason="expected a Study Instance UID (0020,000D), found none",
                peer="127.0.0.1",
                calling_ae_title="MODALITY",
                sop_class_uid="1.2.840.10008.5.1.4.1.1.2",
                sop_instance_uid_sent="1.2.3 \udce9",
                transfer_syntax_uid="1.2.840.10008.1.2",
                sha256="ab",
                size_bytes=5_000_000_000,
                at=at(number),
            )
        )
    assert [kept.path for kept in studies.quarantined()] == ["quarantine/2.dcm", "quarantine/1.dcm"]
    (kept,) = studies.quarantined(limit=1)
    assert (kept.at, kept.size_bytes, kept.sop_instance_uid_sent) == (at(2), 5_000_000_000, "1.2.3 ?")


def test_instances_that_many_senders_bring_at_once_are_all_admitted(studies: Studies, worklist: Worklist) -> None:
    def bring(sender: int) -> list[Admission]:
        association = studies.open_association(receiver="r", peer=f"p{sender}", calling_ae_title="CT", now=at(0))
        sent = [instance(study, 100 * sender + number) for number in range(8) for study in (1, 2)]
        return [admit(studies, each, association_id=association) for each in [*sent, instance(3, 1)]]

    with ThreadPoolExecutor(4) as senders:
        admissions = [each for sent in senders.map(bring, range(4)) for each in sent]
    assert admissions.count(Admission.NEW) == 4 * 16 + 1
    assert admissions.count(Admission.DUPLICATE) == 3
    assert sorted((entry.revision, entry.instances) for entry in worklist.entries()) == [(1, 1), (32, 32), (32, 32)]
    for study, count in ((1, 32), (2, 32), (3, 1)):
        events = studies.events(study_uid(study).value)
        assert sorted(event.revision for event in events) == list(range(1, count + 1))


def test_a_store_that_is_away_is_a_reason_to_try_later() -> None:
    database = open_database("postgresql://nobody@127.0.0.1:1/triaged")
    with pytest.raises(TryLater):
        admit(Studies(database), instance(1, 1))
    database.close()
