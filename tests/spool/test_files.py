"""Files: durable, never overwritten, never outside the spool, never half there."""

from __future__ import annotations

import errno
import fcntl
import os
import resource
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from triaged.errors import TryLater
from triaged.spool.files import Spool
from triaged.spool.part import KeptFile
from triaged.spool.survey import Survey
from triaged.study.uids import SeriesUID, SOPInstanceUID, StudyUID

STUDY, SERIES, SOP = StudyUID.parse("1.2.3"), SeriesUID.parse("1.2.4"), SOPInstanceUID.parse("1.2.5")
DATA_SET = b"\x08\x00\x05\x00CS\n\x00ISO_IR 192" + bytes(range(256)) * 40


def file_meta(sender: bytes) -> bytes:
    """Return preamble and file meta information by PS3.10 7.1, with Source Application Entity Title (0002,0016)."""
    padded = sender + b" " * (len(sender) % 2)
    elements = b"\x02\x00\x16\x00AE" + len(padded).to_bytes(2, "little") + padded
    return bytes(128) + b"DICM\x02\x00\x00\x00UL\x04\x00" + len(elements).to_bytes(4, "little") + elements


def keep(spool: Spool, data_set: bytes = DATA_SET, *, sender: bytes = b"CT1", sop: SOPInstanceUID = SOP) -> KeptFile:
    with spool.part(STUDY, SERIES, sop) as part:
        part.write_meta(file_meta(sender))
        part.write(data_set[:100])
        part.write(memoryview(data_set)[100:])
        return part.commit()


def files(spool: Spool) -> list[str]:
    """Return all that is kept, and what is being written on this machine."""
    survey = Survey(spool)
    return [found.path for folder in survey.folders() for found in survey.files(folder)]


def test_an_existing_file_cut_short_by_a_crash_is_not_taken_for_the_instance(spool: Spool) -> None:
    whole = file_meta(b"CT1") + DATA_SET
    path = spool.absolute("1.2.3/1.2.4/1.2.5.dcm")
    path.parent.mkdir(parents=True)
    for length in (0, 10, 140, 160, len(whole) - 1):
        path.write_bytes(whole[:length])
        assert keep(spool).path == "1.2.3/1.2.4/1.2.5-1.dcm"


def test_a_file_that_a_crash_left_without_a_row_is_found_again(spool: Spool, tmp_path: Path) -> None:
    before_the_crash = keep(spool)
    after_it = keep(Spool(tmp_path / "spool", reserve_mb=0))
    assert after_it == before_the_crash


def test_a_link_that_leads_out_of_the_spool_is_refused(spool: Spool, tmp_path: Path) -> None:
    spool.check_reserve()
    (tmp_path / "spool" / "out").symlink_to(tmp_path)
    with pytest.raises(ValueError, match="spool"):
        spool.absolute("out/secret")


def test_a_disk_below_its_reserve_is_a_reason_to_try_later(tmp_path: Path) -> None:
    disk = os.statvfs(tmp_path)
    free_mb = disk.f_bavail * disk.f_frsize // 2**20
    Spool(tmp_path / "spool", reserve_mb=1).check_reserve()
    with pytest.raises(TryLater, match="MiB free"):
        Spool(tmp_path / "spool", reserve_mb=10 * free_mb).check_reserve()


def test_a_disk_that_takes_only_half_is_a_reason_to_try_later_and_leaves_nothing(spool: Spool) -> None:
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (len(DATA_SET) // 2, hard))
    try:
        with pytest.raises(TryLater, match="File too large"):
            keep(spool)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert files(spool) == []


def test_a_spool_that_is_no_folder_is_a_reason_to_try_later(tmp_path: Path) -> None:
    (tmp_path / "spool").write_text("in the way")
    spool = Spool(tmp_path / "spool", reserve_mb=0)
    with pytest.raises(TryLater):
        spool.check_reserve()
    with pytest.raises(TryLater), spool.part(STUDY, SERIES, SOP):
        pass


def test_every_name_is_synced_before_the_file_counts_as_kept(spool: Spool, monkeypatch: pytest.MonkeyPatch) -> None:
    spool.check_reserve()
    root = spool.absolute("x").parent
    synced: list[str] = []
    fsync = os.fsync

    def record(descriptor: int) -> None:
        path = Path(os.readlink(f"/proc/self/fd/{descriptor}"))
        synced.append("part" if path.suffix == ".part" else path.relative_to(root).as_posix())
        fsync(descriptor)

    monkeypatch.setattr(os, "fsync", record)
    keep(spool)
    # Data before the name; each new folder's name in its parent; the file's name last.
    assert synced[-4:] == ["part", ".", "1.2.3", "1.2.3/1.2.4"]
    synced.clear()
    keep(spool, sop=SOPInstanceUID.parse("1.2.6"))
    assert synced == ["part", "1.2.3/1.2.4"]


def test_a_disk_that_cannot_sync_is_found_out_before_a_sender_comes(
    spool: Spool, monkeypatch: pytest.MonkeyPatch
) -> None:
    spool.check_writable()

    def fail(descriptor: int) -> None:
        raise OSError(errno.EIO, os.strerror(errno.EIO))

    monkeypatch.setattr(os, "fsync", fail)
    with pytest.raises(TryLater, match="Input/output error"):
        spool.check_writable()


def test_a_folder_made_by_another_process_is_synced_all_the_same(spool: Spool, monkeypatch: pytest.MonkeyPatch) -> None:
    spool.absolute("1.2.3/1.2.4").mkdir(parents=True)  # the other process may not have synced it yet
    synced: list[str] = []
    monkeypatch.setattr(os, "fsync", lambda descriptor: synced.append(os.readlink(f"/proc/self/fd/{descriptor}")))
    keep(spool)
    assert {str(spool.absolute("1.2.3")), str(spool.absolute("1.2.3").parent)} <= set(synced)


def test_a_file_system_without_links_overwrites_nothing_either(spool: Spool, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise OSError(errno.EPERM, "Operation not permitted")

    monkeypatch.setattr(os, "link", refuse)
    assert keep(spool).path == "1.2.3/1.2.4/1.2.5.dcm"
    assert keep(spool, b"other").path == "1.2.3/1.2.4/1.2.5-1.dcm"
    assert spool.absolute("1.2.3/1.2.4/1.2.5.dcm").read_bytes() == file_meta(b"CT1") + DATA_SET
    assert files(spool) == ["1.2.3/1.2.4/1.2.5-1.dcm", "1.2.3/1.2.4/1.2.5.dcm"]


def test_where_the_file_system_cannot_say_who_writes_the_age_of_a_part_tells(
    spool: Spool, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object) -> None:
        raise OSError(errno.ENOLCK, "No locks available")

    monkeypatch.setattr(fcntl, "flock", refuse)
    with spool.incoming() as part:
        assert spool.sweep_parts(datetime.now(UTC) - timedelta(hours=1)) == 0
        assert spool.sweep_parts(datetime.now(UTC) + timedelta(hours=1)) == 1
        part.write(b"more")


def test_on_nfs_too_a_file_that_is_being_written_is_seen_to_be(spool: Spool, monkeypatch: pytest.MonkeyPatch) -> None:
    flock = fcntl.flock

    def as_on_nfs(descriptor: int, how: int) -> None:
        """Lock as a byte range of the server, exclusively only what is open for writing."""
        reads_only = fcntl.fcntl(descriptor, fcntl.F_GETFL) & os.O_ACCMODE == os.O_RDONLY
        if how & fcntl.LOCK_EX and reads_only:
            raise OSError(errno.EBADF, "Bad file descriptor")
        flock(descriptor, how)

    monkeypatch.setattr(fcntl, "flock", as_on_nfs)
    with spool.incoming() as part:
        assert spool.sweep_parts(datetime.now(UTC) + timedelta(hours=1)) == 0
        part.write(b"more")
