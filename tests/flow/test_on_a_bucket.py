"""Studies that one machine receives and another one scores, which share a bucket and a database and no folder.

The store is moto: it shows that the protocol is kept, and not how fast S3 is.
"""

from __future__ import annotations

import shutil
from collections.abc import Callable, Sequence
from datetime import UTC, datetime

import pytest

from tests.flow.house import House
from tests.flow.test_fsck import crash_before_the_row, found, repaired
from tests.spool.object_store import Environ, puts
from tests.spool.places import OneBucket
from triaged.errors import TryLater
from triaged.steps.footing import Footing
from triaged.steps.inspect_spool import Fault
from triaged.store.tables.database import Database
from triaged.study.lifecycle import State
from triaged.study.records import Admission

Machine = Callable[[str], House]


@pytest.fixture
def machine(database: Database, bucket_place: OneBucket) -> Machine:
    """Return what makes a machine with a folder of its own."""

    def made(name: str) -> House:
        folder = bucket_place.folder / f"of-{name}"
        folder.mkdir()
        return House(database, folder, spool=bucket_place.machine(name))

    return made


def test_what_one_machine_received_another_one_scores_and_a_third_one_sends(machine: Machine) -> None:
    one, other, third = machine("a"), machine("b"), machine("c")
    assert set(one.send(one.series(1))) == {Admission.NEW}
    one.later(2)
    assert one.assemble() == 1
    other.later(2)
    other.score(0.4)
    assert other.entry(1).state is State.TRIAGED
    third.later(10)
    assert third.deliver() > 0
    assert third.pacs.took
    assert one.reports(1)
    assert found(third, digests=True) == []


def test_while_the_bucket_takes_nothing_senders_are_refused_and_nothing_is_listed(
    machine: Machine, bucket_place: OneBucket
) -> None:
    house = machine("a")
    slices = house.series(1)
    house.spool.check_present()
    bucket_place.store.door.refused = puts
    with pytest.raises(TryLater, match="refused with 503"):
        house.send(slices[:1])
    assert house.worklist.entries() == []
    bucket_place.store.door.works_again()
    assert found(house) == []
    assert set(house.send(slices)) == {Admission.NEW}


def test_an_object_that_a_crash_left_without_a_row_is_found_and_sent_again(
    machine: Machine, monkeypatch: pytest.MonkeyPatch
) -> None:
    house = machine("a")
    slices = house.series(1)
    crash_before_the_row(house, slices, monkeypatch)
    other = machine("b")
    assert {one.fault for one in found(other)} == {Fault.INSTANCE_WITHOUT_ROW}
    assert len(found(other)) == len(slices)
    assert set(other.send(slices)) == {Admission.NEW}
    assert found(other, digests=True) == []


def test_an_object_without_a_row_gets_one_by_another_machine(machine: Machine, monkeypatch: pytest.MonkeyPatch) -> None:
    house = machine("a")
    crash_before_the_row(house, house.series(1), monkeypatch)
    other = machine("b")
    assert set(repaired(other, adopt=True)) == {"admitted: new"}
    assert found(other, digests=True) == []
    assert set(house.send(house.series(1))) == {Admission.DUPLICATE}


def test_a_study_whose_files_leave_the_cache_while_it_is_read_is_read_again_and_not_to_blame(
    machine: Machine, bucket_place: OneBucket, monkeypatch: pytest.MonkeyPatch
) -> None:
    house, reader = machine("a"), machine("b")
    house.send(house.series(1))
    for each in (house, reader):
        each.later(2)
    house.assemble()
    paths = reader.spool.paths

    def vanish(relatives: Sequence[str]) -> object:
        found = paths(relatives)
        shutil.rmtree(bucket_place.folder / "b" / "1.2.1")
        return found

    with monkeypatch.context() as clearing:
        clearing.setattr(reader.spool, "paths", vanish)
        reader.score(0.3)
    assert reader.entry(1).state is State.READY
    reader.later(120)
    reader.score(0.3)
    assert reader.entry(1).state is State.TRIAGED


def test_a_lost_object_is_missing_and_its_study_fails(machine: Machine, bucket_place: OneBucket) -> None:
    house, reader = machine("a"), machine("b")
    house.send(house.series(1))
    lost = "1.2.1/1.2.1.1/1.2.1.1.5.dcm"
    bucket_place.lose(lost)
    assert [(one.fault, one.path) for one in found(reader)] == [(Fault.MISSING, lost)]
    for each in (house, reader):
        each.later(2)
    house.assemble()
    reader.score(0.3)
    assert reader.entry(1).state is State.FAILED


def test_a_machine_that_does_not_reach_the_bucket_claims_nothing(machine: Machine, bucket_place: OneBucket) -> None:
    house = machine("a")
    house.send(house.series(1))
    house.later(2)
    house.assemble()
    now = datetime.now(UTC)
    footing = Footing(bucket_place.machine("b"))

    def away(environ: Environ) -> bool:
        return True

    bucket_place.store.door.refused = away
    with pytest.raises(TryLater, match="refused with 503"):
        footing.demand(now=now)
    bucket_place.store.door.works_again()
    footing.demand(now=now)
