"""What becomes of an instance on its way in, on a real store and a real spool."""

from __future__ import annotations

import itertools
import os
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from io import BytesIO
from pathlib import Path
from typing import Any

import pydicom
import pytest
from pydicom import Dataset
from pydicom.filebase import DicomBytesIO
from pydicom.filewriter import write_dataset
from sqlalchemy import text

from tests.store.making import Studies
from triaged.errors import TryLater
from triaged.spool.files import Spool
from triaged.spool.root import MARKER
from triaged.steps.intake import Intake, Offer, Sender
from triaged.store.tables.database import Database, open_database
from triaged.study.ranking import Lane, Ranking, TriageClass
from triaged.study.ranking_input import RankingInput
from triaged.study.records import Admission

NOW = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
EXPLICIT = "1.2.840.10008.1.2.1"
IMPLICIT = "1.2.840.10008.1.2"
CT_IMAGE = "1.2.840.10008.5.1.4.1.1.2"


def place(ranking_input: RankingInput) -> Ranking:
    key = f"{ranking_input.since.isoformat()} {ranking_input.study_uid}"
    return Ranking(Lane.ORDERED, TriageClass.UNSCORED, ranking_input.since, key, "waiting")


def a_slice(instance_uid: str = "1.2.3.4.5", *, study_uid: str = "1.2.3", pixels: bytes = b"\1\2" * 200_000) -> bytes:
    dataset = Dataset()
    dataset.SOPClassUID = CT_IMAGE
    dataset.SOPInstanceUID = instance_uid
    dataset.StudyInstanceUID = study_uid
    dataset.SeriesInstanceUID = "1.2.3.4"
    dataset.Modality = "CT"
    dataset.PatientName = "Secret^Name"
    return encoded(dataset) + b"\xe0\x7f\x10\x00OW\0\0" + len(pixels).to_bytes(4, "little") + pixels


def encoded(dataset: Dataset) -> bytes:
    stream = DicomBytesIO()
    stream.is_implicit_VR, stream.is_little_endian = False, True
    write_dataset(stream, dataset)
    return stream.getvalue()


def in_pieces(content: bytes, size: int = 16_000) -> Iterator[bytes]:
    for start in range(0, len(content), size):
        yield content[start : start + size]


@dataclass
class Door:
    """An intake with everything behind it, and one sender before it."""

    intake: Intake
    sender: Sender
    spool: Spool
    database: Database
    root: Path

    def send(self, content: bytes, instance_uid: str = "1.2.3.4.5") -> Admission:
        offer = Offer(CT_IMAGE, instance_uid, EXPLICIT)
        return self.intake.receive(offer, in_pieces(content), self.sender, clock=lambda: NOW)

    def files(self) -> list[Path]:
        return sorted(path for path in self.root.rglob("*") if path.is_file() and path.name != MARKER)

    def rows(self, table: str) -> list[dict[str, object]]:
        with self.database.read() as connection:
            return [dict(row) for row in connection.execute(text(f"SELECT * FROM {table}")).mappings()]


@pytest.fixture
def door(tmp_path: Path, sqlite_url: str) -> Iterator[Door]:
    database = open_database(sqlite_url)
    root = tmp_path / "spool"
    spool = Spool(root, reserve_mb=0)
    intake = Intake(Studies(database), Studies(database), spool, ranking_policy=place, receiver="receiver-1")
    sender = intake.open_association(peer="192.0.2.1", calling_ae_title="CT1", now=NOW)
    yield Door(intake, sender, spool, database, root)
    database.close()


def test_an_instance_is_kept_as_a_dicom_file_with_the_bytes_that_were_sent(door: Door) -> None:
    content = a_slice()
    assert door.send(content) is Admission.NEW
    (row,) = door.rows("instance")
    kept = door.spool.absolute(str(row["path"])).read_bytes()
    assert kept.endswith(content)
    read = pydicom.dcmread(BytesIO(kept))
    assert read.SOPInstanceUID == read.file_meta.MediaStorageSOPInstanceUID == "1.2.3.4.5"
    assert read.file_meta.TransferSyntaxUID == EXPLICIT
    assert read.file_meta.SourceApplicationEntityTitle == "CT1"
    assert len(kept) == len(content) + 132 + 12 + read.file_meta.FileMetaInformationGroupLength
    assert [path for path in door.files() if path.suffix == ".part"] == []


def test_the_same_instance_again_changes_nothing(door: Door) -> None:
    assert door.send(a_slice()) is Admission.NEW
    files, studies = door.files(), door.rows("study")
    assert door.send(a_slice()) is Admission.DUPLICATE
    assert (door.files(), door.rows("study")) == (files, studies)


def test_the_same_instance_with_other_content_is_kept_beside_the_first(door: Door) -> None:
    door.send(a_slice(pixels=b"\1\1" * 50_000))
    assert door.send(a_slice(pixels=b"\2\2" * 50_000)) is Admission.CONFLICT
    (kept,), (aside,) = door.rows("instance"), door.rows("conflict")
    first, second = (door.spool.absolute(str(row["path"])).read_bytes() for row in (kept, aside))
    assert first.endswith(b"\1\1" * 50_000)
    assert second.endswith(b"\2\2" * 50_000)


def test_an_invalid_uid_is_neither_lost_nor_a_path(door: Door) -> None:
    content = a_slice("1.2.3.4.5.6.7.89").replace(b"1.2.3.4.5.6.7.89", b"../../../escaped")
    assert door.send(content, "../../../escaped") is Admission.NEW
    (row,) = door.rows("instance")
    assert "escaped" not in str(row["path"])
    assert "escaped" in str(row["sop_instance_uid_sent"])
    assert all(path.is_relative_to(door.root) for path in door.files())


def test_an_object_of_our_own_leaves_no_trace(door: Door) -> None:
    dataset = pydicom.dcmread(BytesIO(a_slice()), force=True)
    dataset.Manufacturer, dataset.ManufacturerModelName = "triaged", "triaged threshold"
    del dataset.PixelData
    assert door.send(encoded(dataset)) is Admission.OWN
    assert door.files() == []
    assert door.rows("study") == []


def test_bytes_that_cannot_be_filed_are_kept_aside_with_the_reason(door: Door) -> None:
    content = a_slice(study_uid="")
    assert door.send(content) is Admission.QUARANTINED
    (row,) = door.rows("quarantine")
    assert door.spool.absolute(str(row["path"])).read_bytes().endswith(content)
    assert "StudyUID" in str(row["reason"])
    assert (row["calling_ae_title"], row["sop_instance_uid_sent"]) == ("CT1", "1.2.3.4.5")
    assert door.rows("study") == []


def test_two_unreadable_instances_do_not_overwrite_each_other(door: Door) -> None:
    for content in (b"\xff" * 1000, b"\xfe" * 1000):
        assert door.send(content, "not a uid / at all") is Admission.QUARANTINED
    paths = {str(row["path"]) for row in door.rows("quarantine")}
    assert len(paths) == 2
    assert sorted(door.spool.absolute(path).read_bytes()[-1] for path in paths) == [0xFE, 0xFF]


def test_a_connection_that_breaks_in_the_middle_leaves_nothing(door: Door) -> None:
    class Broken(Exception):
        pass

    def half() -> Iterator[bytes]:
        yield a_slice()[:200_000]
        raise Broken

    with pytest.raises(Broken):
        door.intake.receive(Offer(CT_IMAGE, "1.2.3.4.5", EXPLICIT), half(), door.sender, clock=lambda: NOW)
    assert door.files() == []
    assert door.rows("instance") == []


def test_nothing_is_read_from_the_sender_while_the_disk_is_below_its_reserve(door: Door, tmp_path: Path) -> None:
    full = Spool(tmp_path / "spool", reserve_mb=10**12)
    intake = Intake(Studies(door.database), Studies(door.database), full, ranking_policy=place, receiver="receiver-1")
    pieces = in_pieces(a_slice(), 1000)
    with pytest.raises(TryLater, match="MiB free"):
        intake.receive(Offer(CT_IMAGE, "1.2.3.4.5", EXPLICIT), pieces, door.sender, clock=lambda: NOW)
    assert b"".join(pieces) == a_slice()


def test_it_is_known_whether_the_store_takes_rows(door: Door) -> None:
    """Others may be able to write where this is not, for example while a table is locked or cannot grow."""
    said: list[str] = []

    class Full(Studies):
        is_full = True

        def admit(self, *arguments: Any, **named: Any) -> Admission:
            if self.is_full:
                raise TryLater("the database is away: DiskFull")
            return super().admit(*arguments, **named)

    store = Full(door.database)
    intake = Intake(store, store, door.spool, ranking_policy=place, receiver="receiver-1", hindered=said.append)
    offer = Offer(CT_IMAGE, "1.2.3.4.5", EXPLICIT)
    with pytest.raises(TryLater):
        intake.receive(offer, in_pieces(a_slice()), door.sender, clock=lambda: NOW)
    intake.open_association(peer="192.0.2.1", calling_ae_title="CT1", now=NOW)  # a small row still fits
    store.is_full = False
    intake.receive(offer, in_pieces(a_slice()), door.sender, clock=lambda: NOW)
    assert said == ["instances are refused: the database is away: DiskFull", ""]


def test_an_object_that_would_eat_up_the_reserve_is_refused_on_the_way(door: Door) -> None:
    class Filling(Spool):
        checks = 0

        def check_reserve(self) -> None:
            self.checks += 1
            if self.checks > 2:
                raise TryLater("expected at least 10 MiB free")

    filling = Filling(door.root, reserve_mb=0)
    intake = Intake(
        Studies(door.database), Studies(door.database), filling, ranking_policy=place, receiver="receiver-1"
    )
    endless = itertools.chain([a_slice()], itertools.repeat(b"\0" * 1_000_000))
    with pytest.raises(TryLater, match="free"):
        intake.receive(Offer(CT_IMAGE, "1.2.3.4.5", EXPLICIT), endless, door.sender, clock=lambda: NOW)
    assert door.files() == []


def test_an_instance_whose_row_could_not_be_written_is_refused_and_kept_when_sent_again(door: Door) -> None:
    with door.database.begin() as connection:
        connection.execute(text("ALTER TABLE instance RENAME TO away"))
    with pytest.raises(TryLater):
        door.send(a_slice())
    with door.database.begin() as connection:
        connection.execute(text("ALTER TABLE away RENAME TO instance"))
    assert door.send(a_slice()) is Admission.NEW
    assert len(door.files()) == len(door.rows("instance")) == 1


def test_an_instance_arrives_when_its_last_byte_does(door: Door) -> None:
    times = iter([NOW + timedelta(minutes=1)])
    pieces = iter([a_slice()])

    def clock() -> datetime:
        assert next(pieces, None) is None, "the content is to be read first"
        return next(times)

    door.intake.receive(Offer(CT_IMAGE, "1.2.3.4.5", EXPLICIT), pieces, door.sender, clock=clock)
    (row,) = door.rows("study")
    assert row["last_instance_at"] == (NOW + timedelta(minutes=1)).isoformat(timespec="microseconds")


def test_a_row_is_written_after_its_file_is_durable_and_nothing_is_synced_twice(
    door: Door, monkeypatch: pytest.MonkeyPatch
) -> None:
    happened: list[str] = []
    fsync, admit = os.fsync, Studies.admit

    def record_sync(descriptor: int) -> None:
        happened.append(Path(os.readlink(f"/proc/self/fd/{descriptor}")).suffix)
        fsync(descriptor)

    def record_row(*arguments: Any, **options: Any) -> Admission:
        happened.append("row")
        return admit(*arguments, **options)

    door.send(a_slice())
    monkeypatch.setattr(os, "fsync", record_sync)
    monkeypatch.setattr(Studies, "admit", record_row)
    assert door.send(a_slice("1.2.3.4.6"), "1.2.3.4.6") is Admission.NEW
    assert happened == [".part", ".4", "row"]  # the file, the folder of series 1.2.3.4, the database


def test_a_study_knows_the_associations_that_delivered_to_it(door: Door) -> None:
    door.send(a_slice())
    (candidate,) = Studies(door.database).receiving(now=NOW)
    assert candidate.open_associations == 1
    door.intake.close_association(door.sender, now=NOW)
    (candidate,) = Studies(door.database).receiving(now=NOW)
    assert (candidate.open_associations, candidate.last_association_closed_at) == (0, NOW)


def test_an_object_larger_than_any_memory_limit_for_headers_is_written_piece_by_piece(door: Door) -> None:
    content = a_slice(pixels=b"\0" * 40_000_000)
    most = 0

    def pieces() -> Iterator[bytes]:
        nonlocal most
        for piece in in_pieces(content, 1_000_000):
            parts = list(door.root.rglob("*.part"))
            most = max(most, *(path.stat().st_size for path in parts)) if parts else most
            yield piece

    door.intake.receive(Offer(CT_IMAGE, "1.2.3.4.5", EXPLICIT), pieces(), door.sender, clock=lambda: NOW)
    assert most > 30_000_000, "the pieces are on disk before the last one has come"


def test_the_same_image_in_another_transfer_syntax_is_a_duplicate_and_kept_without_a_flag(door: Door) -> None:
    picture = Dataset()
    picture.SOPClassUID, picture.SOPInstanceUID = CT_IMAGE, "1.2.3.4.5"
    picture.StudyInstanceUID, picture.SeriesInstanceUID = "1.2.3", "1.2.3.4"
    picture.Rows = picture.Columns = 4
    picture.SamplesPerPixel, picture.PhotometricInterpretation = 1, "MONOCHROME2"
    picture.BitsAllocated = picture.BitsStored = 16
    picture.HighBit, picture.PixelRepresentation = 15, 0
    picture.PixelData = bytes(range(32))
    picture["PixelData"].VR = "OW"

    def send(syntax: str) -> Admission:
        stream = DicomBytesIO()
        stream.is_implicit_VR, stream.is_little_endian = syntax == IMPLICIT, True
        write_dataset(stream, picture)
        offer = Offer(CT_IMAGE, "1.2.3.4.5", syntax)
        return door.intake.receive(offer, in_pieces(stream.getvalue()), door.sender, clock=lambda: NOW)

    assert send(EXPLICIT) is Admission.NEW
    assert [send(IMPLICIT) for _ in range(2)] == [Admission.DUPLICATE] * 2
    assert len(door.files()) == 2, "what was acknowledged is kept"
    assert door.rows("study")[0]["conflicts"] == 0
    picture.PixelData = bytes(range(1, 33))
    assert [send(IMPLICIT) for _ in range(2)] == [Admission.CONFLICT] * 2
    assert len(door.files()) == 3, "other content is kept aside"
    assert door.rows("study")[0]["conflicts"] == 1


def test_elements_out_of_order_still_name_their_study(door: Door) -> None:
    content = a_slice()
    at = content.index(b"\x20\x00\x0d\x00")  # Study Instance UID
    end = content.index(b"\xe0\x7f\x10\x00")
    disordered = content[:at] + content[end:] + content[at:end]
    assert door.send(disordered) is Admission.NEW
    assert {path.parent.parent.name for path in door.files()} == {"1.2.3"}
