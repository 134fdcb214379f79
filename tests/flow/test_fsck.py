"""Spool and database agree, or say where they do not; what a crash left between the two is repaired."""

from __future__ import annotations

import itertools
import os
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from tests.flow.house import House
from triaged.errors import TryLater
from triaged.spool.files import Spool
from triaged.steps.adopt import Adoption
from triaged.steps.inspect_spool import Disagreement, Fault, Inspection, Watch
from triaged.store.studies.inventory import Inventory
from triaged.store.tables.database import Database
from triaged.study.lifecycle import State
from triaged.study.records import Admission

ALL = datetime.max.replace(tzinfo=UTC)


@pytest.fixture
def house(database: Database, tmp_path: Path) -> House:
    return House(database, tmp_path)


def inspection(house: House) -> Inspection:
    adoption = Adoption(house.studies, house.studies, house.spool, ranking_policy=house.placing)
    return Inspection(Inventory(house.database), house.spool, adoption)


def found(house: House, *, digests: bool = False) -> list[Disagreement]:
    each = inspection(house)
    return [one for folder in each.folders() for one in each.look(folder, digests=digests, older_than=ALL)]


def repaired(house: House, *, adopt: bool = False, remove: bool = False) -> list[str]:
    now = house.now = datetime.now(UTC) + timedelta(hours=2)
    each = inspection(house)
    return [each.repair(one, adopt=adopt, remove=remove, now=now) for one in found(house)]


def crash_before_the_row(house: House, slices: list[bytes], monkeypatch: pytest.MonkeyPatch) -> None:
    """Receive slices, each of which dies after its file has a name and before it has a row."""

    class Killed(BaseException):
        pass

    def die(*_: object, **__: object) -> None:
        raise Killed

    with monkeypatch.context() as dying:
        dying.setattr(type(house.studies), "admit", die)
        dying.setattr(type(house.studies), "quarantine", die)
        for content in slices:
            with pytest.raises(Killed):
                house.send([content])


def test_a_clinic_at_work_agrees(house: House) -> None:
    house.triage(1, 0.3)
    house.triage(2, 0.0)
    house.requeue(1)
    house.score(0.3)
    slices = house.series(3)
    house.send([*slices, slices[0][:-2] + b"\1\1"])
    assert house.studies.conflicts() != []
    assert found(house, digests=True) == []


def test_files_that_a_crash_left_without_a_row_get_theirs_as_if_they_had_come_now(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    crash_before_the_row(house, house.series(1), monkeypatch)
    assert {one.fault for one in found(house)} == {Fault.INSTANCE_WITHOUT_ROW}
    assert repaired(house) == [""] * 10
    assert repaired(house, remove=True) == [""] * 10
    assert repaired(house, adopt=True) == ["admitted: new"] * 10
    assert found(house, digests=True) == []
    assert house.send(house.series(1)) == [Admission.DUPLICATE] * 10
    house.later(60)
    house.assemble()
    house.score(0.3)
    assert house.entry(1).state is State.TRIAGED
    assert house.entry(1).patient.patient_name == "Test^Person"


def test_a_row_that_was_made_so_is_the_one_that_the_intake_makes(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    house.send(house.series(1))
    crash_before_the_row(house, house.series(2), monkeypatch)
    repaired(house, adopt=True)
    by_intake, from_files = (
        {(each.image, each.size_bytes, each.transfer_syntax_uid) for each in house.studies.instances(uid)}
        for uid in ("1.2.1", "1.2.2")
    )
    assert by_intake == from_files
    assert len(from_files) == 10


def test_a_file_of_a_study_that_was_analysed_opens_it_again(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    slices = house.series(1)
    house.send(slices[:-1])
    house.later(60)
    house.assemble()
    house.score(0.3)
    crash_before_the_row(house, slices[-1:], monkeypatch)
    repaired(house, adopt=True)
    assert house.entry(1).state is State.RECEIVING


def test_bytes_in_quarantine_get_their_row(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    house.spool.quarantine("2.25.1.dcm", b"odd bytes")
    assert [one.fault for one in found(house)] == [Fault.QUARANTINE_WITHOUT_ROW]
    assert repaired(house, remove=True) == [""]
    assert repaired(house, adopt=True) == ["recorded"]
    assert [kept.path for kept in house.studies.quarantined()] == ["quarantine/2.25.1.dcm"]
    assert found(house) == []


def test_a_result_that_nobody_refers_to_is_removed_and_one_that_somebody_may_stays(house: House) -> None:
    house.triage(1, 0.3)
    house.spool.keep_derived("1.2.1", "2.25.9.dcm", b"never committed")
    assert [(one.fault, one.path) for one in found(house)] == [(Fault.UNUSED_RESULT, "1.2.1/results/2.25.9.dcm")]
    assert repaired(house, adopt=True) == [""]
    house.requeue(1)
    house.claim(house.analyst())
    assert repaired(house, remove=True) == [""]
    house.studies.release("worker-1", now=house.now)
    assert repaired(house, remove=True) == ["removed"]
    assert found(house) == []


def test_nothing_young_is_removed(house: House) -> None:
    house.triage(1, 0.3)
    house.spool.keep_derived("1.2.1", "2.25.9.dcm", b"never committed")
    (one,) = found(house)
    assert inspection(house).repair(one, adopt=True, remove=True, now=datetime.now(UTC) + timedelta(minutes=59)) == ""


def test_a_second_copy_is_removed_only_while_the_first_is_whole(house: House) -> None:
    house.send(house.series(1))
    first = house.spool.absolute(house.studies.instances("1.2.1")[0].path)
    copy = first.with_name(f"{first.stem}-1.dcm")
    copy.write_bytes(first.read_bytes())
    content = first.read_bytes()
    first.write_bytes(content[:-1] + bytes([content[-1] ^ 1]))
    assert "removed: the same content has another name" not in repaired(house, adopt=True, remove=True)
    assert copy.exists()
    first.write_bytes(content)
    assert repaired(house, adopt=True, remove=True) == ["removed: the same content has another name"]
    assert found(house) == []


def test_files_that_are_gone_or_cut_or_changed_are_named_and_never_repaired(house: House) -> None:
    house.triage(1, 0.3)
    gone, cut, changed = (house.spool.absolute(each.path) for each in house.studies.instances("1.2.1")[:3])
    content = changed.read_bytes()
    gone.unlink()
    os.truncate(cut, 500)
    changed.write_bytes(content[:-1] + bytes([content[-1] ^ 1]))
    assert sorted((one.path.rpartition("/")[2], one.fault) for one in found(house, digests=True)) == sorted(
        [(gone.name, Fault.MISSING), (cut.name, Fault.MISSING), (changed.name, Fault.DAMAGED)]
    )
    assert repaired(house, adopt=True, remove=True) == ["", ""]


def test_what_is_not_ours_is_left_alone(house: House) -> None:
    house.triage(1, 0.3)
    (house.folder / "spool/lost+found").mkdir()
    (house.folder / "spool/lost+found/x").write_text("x")
    assert found(house) == []


def test_the_clock_repairs_after_an_hour_a_little_at_a_time_and_counts_what_is_gone(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    house.triage(1, 0.3)
    lost = house.spool.absolute(house.studies.instances("1.2.1")[0].path)
    content = lost.read_bytes()
    lost.unlink()
    crash_before_the_row(house, house.series(2), monkeypatch)
    inventory, ticks = Inventory(house.database), itertools.count()
    watch = Watch(inspection(house), inventory, monotonic=lambda: float(next(ticks)), at_most_s=0.5)
    soon, later = datetime.now(UTC) + timedelta(minutes=30), datetime.now(UTC) + timedelta(hours=2)
    folders = inspection(house).folders()
    assert [watch.look_on(now=soon) for _ in folders] == [0] * len(folders)
    assert inventory.missing() == 1
    watch.look_on(now=soon)  # the end of the round
    lost.write_bytes(content)
    assert sum(watch.look_on(now=later) for _ in folders) == 10
    assert inventory.missing() == 0
    assert found(house) == []


def test_half_written_files_are_removed_by_the_clock_once_they_are_old(house: House) -> None:
    house.spool.check_writable()
    part = house.folder / "spool/incoming/dead.part"
    part.write_bytes(b"half")
    inventory = Inventory(house.database)
    watch = Watch(inspection(house), inventory, monotonic=lambda: 0.0)
    assert watch.look_on(now=datetime.now(UTC)) == 0
    assert watch.look_on(now=datetime.now(UTC) + timedelta(hours=2)) == 1
    assert not part.exists()


def test_another_spool_is_not_inspected(house: House, tmp_path: Path) -> None:
    house.triage(1, 0.3)
    other = Spool(tmp_path / "spool", 0, "another one")
    adoption = Adoption(house.studies, house.studies, other, ranking_policy=house.placing)
    with pytest.raises(TryLater, match="expected the spool another"):
        Inspection(Inventory(house.database), other, adoption).folders()
