"""Files: durable, never overwritten, never outside the spool, never half there."""

from __future__ import annotations

import errno
import fcntl
import hashlib
import os
import resource
import shutil
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from triaged.errors import TryLater
from triaged.spool.files import Spool
from triaged.spool.part import KeptFile
from triaged.spool.root import MARKER
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
    root = spool.absolute("incoming").parent
    found = (path.relative_to(root).as_posix() for path in root.rglob("*") if path.is_file())
    return sorted(path for path in found if path != MARKER)


def test_an_instance_lies_under_its_study_and_series_with_its_digest(spool: Spool) -> None:
    kept = keep(spool)
    assert kept == KeptFile("1.2.3/1.2.4/1.2.5.dcm", hashlib.sha256(DATA_SET).hexdigest(), len(DATA_SET))
    assert spool.absolute(kept.path).read_bytes() == file_meta(b"CT1") + DATA_SET


def test_nothing_is_there_before_the_commit_and_nothing_is_left_without_one(spool: Spool) -> None:
    with spool.part(STUDY, SERIES, SOP) as part:
        part.write(DATA_SET)
        assert files(spool) == [f"incoming/{part.path.name}"]
    assert files(spool) == []


def test_an_error_while_receiving_leaves_nothing(spool: Spool) -> None:
    def broken() -> None:
        with spool.part(STUDY, SERIES, SOP) as part:
            part.write(DATA_SET)
            raise ConnectionResetError

    with pytest.raises(ConnectionResetError):
        broken()
    assert files(spool) == []


def test_the_same_instance_again_is_the_same_file_whoever_sends_it(spool: Spool) -> None:
    assert keep(spool, sender=b"CT1") == keep(spool, sender=b"OTHER-PACS")
    assert files(spool) == ["1.2.3/1.2.4/1.2.5.dcm"]
    assert spool.absolute("1.2.3/1.2.4/1.2.5.dcm").read_bytes().startswith(file_meta(b"CT1"))


def test_other_content_under_the_same_uid_gets_a_name_of_its_own_and_overwrites_nothing(spool: Spool) -> None:
    first, other, third = (keep(spool, content) for content in (DATA_SET, DATA_SET + b"\0", b"third"))
    assert [kept.path for kept in (first, other, third)] == [
        "1.2.3/1.2.4/1.2.5.dcm",
        "1.2.3/1.2.4/1.2.5-1.dcm",
        "1.2.3/1.2.4/1.2.5-2.dcm",
    ]
    assert spool.absolute(first.path).read_bytes() == file_meta(b"CT1") + DATA_SET
    assert keep(spool, DATA_SET + b"\0") == other


def test_a_file_numbered_for_a_conflict_is_not_taken_for_another_instance(spool: Spool) -> None:
    keep(spool)
    conflicting = keep(spool, b"other content")
    neighbour = keep(spool, b"another instance", sop=SOPInstanceUID.parse("1.2.5.1"))
    assert neighbour.path == "1.2.3/1.2.4/1.2.5.1.dcm"
    assert neighbour.path != conflicting.path


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


def test_an_instance_whose_place_is_never_known_goes_to_quarantine(spool: Spool) -> None:
    with spool.incoming() as part:
        part.write(b"not a data set")
        kept = part.quarantine("2026-03-01.dcm")
    assert kept.path == "quarantine/2026-03-01.dcm"
    assert kept.sha256 == hashlib.sha256(b"not a data set").hexdigest()


def test_file_meta_information_cannot_come_after_the_data_set(spool: Spool) -> None:
    with spool.incoming() as part:
        part.write(b"data set")
        with pytest.raises(ValueError, match="begun"):
            part.write_meta(b"meta")


def test_a_file_without_a_place_cannot_be_committed_as_if_it_had_one(spool: Spool) -> None:
    with spool.incoming() as part, pytest.raises(ValueError, match="expected quarantine"):
        part.commit()


def test_a_result_object_is_kept_once_however_often_it_is_made(spool: Spool) -> None:
    first = spool.keep_derived("1.2.3", "2.25.9.dcm", b"SEG")
    assert first == spool.keep_derived("1.2.3", "2.25.9.dcm", b"SEG")
    assert first == KeptFile("1.2.3/results/2.25.9.dcm", hashlib.sha256(b"SEG").hexdigest(), 3)
    assert files(spool) == ["1.2.3/results/2.25.9.dcm"]


@pytest.mark.parametrize(
    "name", ["", ".", "..", "../up", "/etc/passwd", "a/b", ".hidden", "a\0b", "a\nb", "é", "x" * 300]
)
def test_a_name_that_is_not_plain_is_refused(spool: Spool, name: str) -> None:
    with pytest.raises(ValueError):
        spool.keep_derived("1.2.3", name, b"")
    with pytest.raises(ValueError):
        spool.keep_derived(name, "plain", b"")
    with pytest.raises(ValueError):
        spool.quarantine(name, b"")
    assert files(spool) == []


@pytest.mark.parametrize("path", ["../secret", "/etc/passwd", "1.2.3/../../secret", ".", "", "1.2.3/.."])
def test_a_path_that_leads_out_of_the_spool_is_refused(spool: Spool, path: str) -> None:
    with pytest.raises(ValueError, match="spool"):
        spool.absolute(path)


def test_a_link_that_leads_out_of_the_spool_is_refused(spool: Spool, tmp_path: Path) -> None:
    spool.check_reserve()
    (tmp_path / "spool" / "out").symlink_to(tmp_path)
    with pytest.raises(ValueError, match="spool"):
        spool.absolute("out/secret")


def test_an_invalid_uid_becomes_no_path(spool: Spool) -> None:
    uids = StudyUID.parse("../../etc"), SeriesUID.parse("/root"), SOPInstanceUID.parse("..")
    with spool.part(*uids) as part:
        part.write(DATA_SET)
        kept = part.commit()
    assert files(spool) == [kept.path]
    assert ".." not in kept.path


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


def test_only_parts_that_nobody_has_touched_for_long_are_swept(spool: Spool) -> None:
    now = datetime.now(UTC)
    with spool.incoming() as young, spool.incoming() as dead:
        pass
    long_ago = (now - timedelta(hours=2)).timestamp()
    dead.path.write_bytes(b"half")
    os.utime(dead.path, (long_ago, long_ago))
    young.path.write_bytes(b"half")
    assert spool.sweep_parts(now - timedelta(hours=1)) == 1
    assert files(spool) == [f"incoming/{young.path.name}"]


def test_a_part_that_is_being_written_is_swept_by_nobody_however_slow_its_sender_is(spool: Spool) -> None:
    now = datetime.now(UTC)
    survey = Survey(spool)
    with spool.part(STUDY, SERIES, SOP) as slow:
        slow.write(DATA_SET)
        long_ago = (now - timedelta(hours=2)).timestamp()
        os.utime(slow.path, (long_ago, long_ago))
        assert spool.sweep_parts(now - timedelta(hours=1)) == 0
        (found,) = survey.files("incoming")
        assert not survey.remove(found)
        assert slow.commit().path == "1.2.3/1.2.4/1.2.5.dcm"
    (found,) = survey.files("1.2.3")
    assert survey.remove(found), "it is not being written any more"


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


def test_sweeping_touches_no_kept_file(spool: Spool) -> None:
    kept = keep(spool)
    assert spool.sweep_parts(datetime.now(UTC) + timedelta(days=1)) == 0
    assert files(spool) == [kept.path]


def test_a_discarded_file_is_gone_and_may_be_gone_already(spool: Spool) -> None:
    kept = keep(spool)
    spool.discard(kept)
    spool.discard(kept)
    assert files(spool) == []


def test_folders_that_somebody_cleared_away_are_made_again(spool: Spool) -> None:
    keep(spool)
    shutil.rmtree(spool.absolute("1.2.3"))
    shutil.rmtree(spool.absolute("incoming"))
    assert keep(spool).path == "1.2.3/1.2.4/1.2.5.dcm"
