"""Files, wherever they are kept: durable, never overwritten, never outside the spool, never half there.

Each test runs on a folder that all machines share, and on a bucket in front of which each machine has a folder.
"""

from __future__ import annotations

import hashlib
import os
import shutil
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from tests.spool.places import OneBucket, Place, SharedFolder
from tests.spool.test_files import DATA_SET, SERIES, SOP, STUDY, file_meta, files, keep
from triaged.spool.files import Spool
from triaged.spool.part import KeptFile
from triaged.spool.survey import Found, Survey
from triaged.study.uids import SeriesUID, SOPInstanceUID, StudyUID


@pytest.fixture(params=["folder", pytest.param("bucket", marks=pytest.mark.slow)])
def place(request: pytest.FixtureRequest, tmp_path: Path) -> Place:
    """Where files are kept."""
    if request.param == "folder":
        return SharedFolder(tmp_path / "spool")
    bucket: OneBucket = request.getfixturevalue("bucket_place")
    return bucket


@pytest.fixture
def spool(place: Place) -> Spool:
    """The spool as one machine sees it."""
    return place.machine("a")


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


def test_an_invalid_uid_becomes_no_path(spool: Spool) -> None:
    uids = StudyUID.parse("../../etc"), SeriesUID.parse("/root"), SOPInstanceUID.parse("..")
    with spool.part(*uids) as part:
        part.write(DATA_SET)
        kept = part.commit()
    assert files(spool) == [kept.path]
    assert ".." not in kept.path


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


def test_what_one_machine_kept_another_one_reads(place: Place) -> None:
    kept = keep(place.machine("a"))
    there = place.machine("b")
    assert there.absolute(kept.path).read_bytes() == file_meta(b"CT1") + DATA_SET
    assert there.is_whole(kept.path, kept.size_bytes)
    assert there.sha256(kept.path) == kept.sha256
    assert [path.is_file() for path in there.paths([kept.path, "1.2.3/1.2.4/9.dcm"])] == [True, False]


def test_what_two_machines_are_sent_is_kept_once_and_what_differs_twice(place: Place) -> None:
    one, other = place.machine("a"), place.machine("b")
    first = keep(one)
    assert keep(other, sender=b"OTHER-PACS") == first
    assert keep(other, b"other content").path == "1.2.3/1.2.4/1.2.5-1.dcm"
    assert keep(one, b"other content").path == "1.2.3/1.2.4/1.2.5-1.dcm"
    assert other.absolute(first.path).read_bytes().startswith(file_meta(b"CT1"))


def test_whole_is_what_has_all_bytes_with_and_without_its_file_meta_information(spool: Spool) -> None:
    kept = keep(spool)
    result = spool.keep_derived("1.2.3", "2.25.9.dcm", file_meta(b"US") + DATA_SET)
    assert spool.is_whole(kept.path, kept.size_bytes)
    assert spool.is_whole(result.path, result.size_bytes)
    assert not spool.is_whole(kept.path, kept.size_bytes - 1)
    assert not spool.is_whole("1.2.3/1.2.4/9.dcm", None)
    assert spool.is_whole(kept.path, None)


def test_a_lost_file_is_not_whole_and_has_no_digest(place: Place) -> None:
    spool = place.machine("a")
    kept = keep(spool)
    place.lose(kept.path)
    assert not spool.is_whole(kept.path, kept.size_bytes)
    assert spool.sha256(kept.path) is None
    assert spool.sha256_of_file(kept.path) is None


def test_a_damaged_file_has_another_digest_whatever_a_machine_has_of_it(place: Place) -> None:
    spool = place.machine("a")
    kept = keep(spool)
    place.damage(kept.path)
    assert spool.is_whole(kept.path, kept.size_bytes)
    assert spool.sha256(kept.path) not in (None, kept.sha256)


def test_a_survey_finds_every_file_and_what_is_not_ours_in_no_folder(spool: Spool) -> None:
    kept = keep(spool)
    spool.keep_derived("1.2.3", "2.25.9.dcm", b"SEG")
    spool.quarantine("odd.dcm", b"odd")
    survey = Survey(spool)
    with spool.incoming() as part:
        assert survey.folders() == ["1.2.3", "incoming", "quarantine"]
        assert [found.path for found in survey.files("incoming")] == [f"incoming/{part.path.name}"]
    found = survey.files("1.2.3")
    assert [each.path for each in found] == [kept.path, "1.2.3/results/2.25.9.dcm"]
    assert found[0].size_bytes == len(file_meta(b"CT1") + DATA_SET) == survey.size(kept.path)
    assert [each.path for each in survey.files("1.2.3/results")] == ["1.2.3/results/2.25.9.dcm"]
    assert survey.files("1.2.9") == []
    assert survey.size("1.2.9/x") == 0
    with survey.data_set(kept.path) as file:
        assert file.read() == DATA_SET


def test_removed_files_are_gone_for_every_machine_that_looks(place: Place) -> None:
    one, other = place.machine("a"), place.machine("b")
    kept, result = keep(one), one.keep_derived("1.2.3", "2.25.9.dcm", b"SEG")
    other.paths([kept.path, result.path])
    survey = Survey(one)
    survey.remove_all([kept.path, result.path, "1.2.3/results/never.dcm"])
    survey.remove_empty([kept.path, result.path])
    assert files(one) == files(other) == []
    assert not other.is_whole(kept.path, kept.size_bytes)
    assert not one.absolute(kept.path).exists()
    assert keep(one) == kept


def test_a_file_that_was_written_again_since_it_was_found_is_not_removed(spool: Spool) -> None:
    kept = keep(spool)
    survey = Survey(spool)
    (found,) = survey.files("1.2.3")
    earlier = Found(found.path, found.size_bytes, found.modified_at - timedelta(hours=1))
    assert not survey.remove(earlier)
    assert survey.remove(found)
    assert not spool.is_whole(kept.path, kept.size_bytes)
    assert not survey.remove(found)
