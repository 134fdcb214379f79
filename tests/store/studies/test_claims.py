"""Who may analyse a study, on both databases."""

from __future__ import annotations

from dataclasses import replace

import pytest

from tests.store.making import (
    CT_IMAGE_STORAGE,
    Studies,
    admit,
    at,
    claimed,
    commit,
    instance,
    make_ready,
    ranking,
    study_uid,
)
from triaged.errors import StaleClaim
from triaged.store.tables.database import Database
from triaged.study.lifecycle import State
from triaged.study.modalities import Stratum
from triaged.study.ranking import Lane, RequestPriority


@pytest.fixture
def studies(database: Database) -> Studies:
    return Studies(database)


def test_a_claim_carries_the_study_and_who_owns_it_until_when(studies: Studies) -> None:
    make_ready(studies, 1, slices=3)
    claim = claimed(studies, "worker-7", minutes=1, lease_s=30)
    assert (claim.study_uid, claim.revision, claim.worker, claim.attempt) == (study_uid(1), 3, "worker-7", 1)
    assert (claim.lease_expires_at, claim.ready_at) == (at(1.5), at(0))
    assert claim.order_priority is RequestPriority.ROUTINE
    assert [kept for series in claim.series for kept in series.instances] == [instance(1, n) for n in (1, 2, 3)]


def test_nothing_is_claimed_where_nothing_is_ready(studies: Studies) -> None:
    assert studies.claim_next("worker-1", lease_s=60, now=at(0)) is None
    admit(studies, instance(1, 1))
    assert studies.claim_next("worker-1", lease_s=60, now=at(0)) is None


def test_studies_are_claimed_in_the_order_of_the_list(studies: Studies) -> None:
    for number in (2, 3, 1):
        make_ready(studies, number, minutes=number)
    admit(studies, instance(4, 1), minutes=4, where=ranking(4, study_uid(4), lane=Lane.EMERGENCY))
    emergency = ranking(4, study_uid(4), lane=Lane.EMERGENCY)
    studies.complete(study_uid(4), 1, ranking=emergency, cause="whole", now=at(4))
    order = [claimed(studies, minutes=5).study_uid for _ in range(4)]
    assert order == [study_uid(number) for number in (4, 1, 2, 3)]
    assert studies.claim_next("worker-1", lease_s=60, now=at(5)) is None


def test_a_study_put_off_is_not_claimed_before_its_time_and_holds_up_no_other(studies: Studies) -> None:
    make_ready(studies, 1)
    make_ready(studies, 2, minutes=1)
    studies.retry_later(claimed(studies, minutes=2), not_before=at(10), why="database away", now=at(2))
    assert claimed(studies, minutes=9.9).study_uid == study_uid(2)
    assert studies.claim_next("worker-1", lease_s=60, now=at(9.9)) is None
    again = claimed(studies, minutes=10)
    assert (again.study_uid, again.attempt) == (study_uid(1), 2)
    assert "database away" in [event.detail for event in studies.events(study_uid(1).value)]


def test_a_late_slice_makes_the_claim_stale(studies: Studies) -> None:
    make_ready(studies, 1)
    claim = claimed(studies)
    admit(studies, instance(1, 2), minutes=2)
    with pytest.raises(StaleClaim, match=r"ANALYSING at revision 1 .* RECEIVING at revision 2"):
        studies.extend(claim, lease_s=60, now=at(2))
    with pytest.raises(StaleClaim):
        studies.retry_later(claim, not_before=at(2), why="memory", now=at(2))
    with pytest.raises(StaleClaim):
        commit(studies, claim, minutes=2)
    assert studies.counts()[State.RECEIVING] == 1


def test_a_study_that_became_ready_again_is_not_the_old_claim_s(studies: Studies) -> None:
    make_ready(studies, 1)
    claim = claimed(studies)
    admit(studies, instance(1, 2), minutes=2)
    studies.complete(study_uid(1), 2, ranking=ranking(2, study_uid(1)), cause="whole", now=at(2))
    again = claimed(studies, minutes=3)
    with pytest.raises(StaleClaim):
        commit(studies, claim, minutes=4)
    commit(studies, again, minutes=4)


def test_a_lease_that_ran_out_returns_the_study_to_the_queue(studies: Studies) -> None:
    make_ready(studies, 1)
    claim = claimed(studies, "worker-1", minutes=1, lease_s=60)
    assert studies.reap(now=at(2)) == 0
    assert studies.reap(now=at(2.01)) == 1
    assert studies.reap(now=at(2.01)) == 0
    event = studies.events(study_uid(1).value)[-1]
    assert (event.event, event.before, event.after) == ("LEASE_EXPIRED", State.ANALYSING, State.READY)
    assert "worker-1" in event.detail
    with pytest.raises(StaleClaim, match="nobody"):
        commit(studies, claim, minutes=3)


def test_an_extended_lease_does_not_run_out(studies: Studies) -> None:
    make_ready(studies, 1)
    claim = claimed(studies, minutes=1, lease_s=60)
    extended = studies.extend(claim, lease_s=60, now=at(1.9))
    assert extended.lease_expires_at == at(2.9)
    assert studies.reap(now=at(2.5)) == 0
    commit(studies, claim, minutes=2.5)  # the claim from before the extension is the same claim


def test_a_commit_after_another_worker_took_over_is_stale(studies: Studies) -> None:
    make_ready(studies, 1)
    slow = claimed(studies, "worker-1", lease_s=1)
    studies.reap(now=at(5))
    fast = claimed(studies, "worker-2", minutes=5)
    with pytest.raises(StaleClaim):
        commit(studies, slow, minutes=6)
    commit(studies, fast, minutes=6)
    with pytest.raises(StaleClaim, match="TRIAGED"):
        commit(studies, slow, minutes=7)


def test_a_worker_s_own_earlier_attempt_is_stale_too(studies: Studies) -> None:
    make_ready(studies, 1)
    first = claimed(studies, "worker-1", lease_s=1)
    studies.reap(now=at(5))
    second = claimed(studies, "worker-1", minutes=5)
    with pytest.raises(StaleClaim, match=r"attempt 1.*attempt 2"):
        studies.extend(first, lease_s=60, now=at(6))
    studies.extend(second, lease_s=60, now=at(6))


def test_a_lease_that_ran_out_unnoticed_may_still_commit(studies: Studies) -> None:
    make_ready(studies, 1)
    commit(studies, claimed(studies, minutes=1, lease_s=1), minutes=30)
    assert studies.counts()[State.TRIAGED] == 1


def test_a_restarted_worker_gives_its_own_studies_back_at_once(studies: Studies) -> None:
    for number, worker in ((1, "worker-1"), (2, "worker-2")):
        make_ready(studies, number, minutes=number)
        claimed(studies, worker, minutes=number)
    assert studies.release("worker-1", now=at(3)) == 1
    assert claimed(studies, "worker-1", minutes=3).study_uid == study_uid(1)
    assert studies.claim_next("worker-1", lease_s=60, now=at(3)) is None


XRAY_CLASS = "1.2.840.10008.5.1.4.1.1.1.1"


def arrive_as(studies: Studies, study: int, *modalities: str) -> None:
    """Let a study be complete that has an image of each of these modalities."""
    for number, modality in enumerate(modalities, 1):
        sop_class = CT_IMAGE_STORAGE if modality == "CT" else XRAY_CLASS if modality == "DX" else "1.2.3"
        sent = instance(study, number)
        admit(studies, replace(sent, image=replace(sent.image, modality=modality, sop_class_uid=sop_class)))
    uid = study_uid(study)
    studies.complete(uid, len(modalities), ranking=ranking(study, uid), cause="whole", now=at(0))


def test_a_worker_takes_only_the_kinds_of_studies_that_it_is_for_and_each_study_has_one(studies: Studies) -> None:
    arriving = {1: ("DX",), 2: ("CT",), 3: ("CT", "DX"), 4: ("MR",), 5: ("CR", "DX")}
    for study, modalities in arriving.items():
        arrive_as(studies, study, *modalities)

    def taken(*of: Stratum) -> list[int]:
        found = []
        while (claim := studies.claim_next("w", lease_s=60, now=at(1), of=of)) is not None:
            found.append(int(claim.study_uid.value.rpartition(".")[2]))
            studies.retry_later(claim, not_before=at(99), why="seen", now=at(1))
        return found

    assert taken(Stratum.VOLUME) == [2, 3, 4]
    assert taken(Stratum.RADIOGRAPH) == [1, 5]
    assert taken(*Stratum) == []
