"""A bucket that keeps files: what is acknowledged is in it, and a machine without its copy fetches it again.

The store is moto. How fast it is says nothing of S3.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from tests.spool.object_store import SECRET_KEY, Environ, Fault, always, puts
from tests.spool.places import OneBucket
from tests.spool.test_files import DATA_SET, SERIES, STUDY, file_meta, files, keep
from triaged.errors import TryLater
from triaged.spool.bucket import Cached
from triaged.spool.cache import CACHE_MARKER, CacheLimits
from triaged.spool.files import Spool
from triaged.spool.objects import BucketAway, BucketPlace, demand_writable
from triaged.spool.root import MARKER, established
from triaged.spool.s3 import S3
from triaged.study.uids import SOPInstanceUID

pytestmark = pytest.mark.slow  # each test asks a server

LATER = timedelta(hours=1)


def sops(number: int) -> list[SOPInstanceUID]:
    return [SOPInstanceUID.parse(f"1.2.5.{each}") for each in range(1, number + 1)]


def cached(place: OneBucket, machine: str) -> list[str]:
    """Return what a machine has at hand."""
    root = place.folder / machine
    found = (path.relative_to(root).as_posix() for path in root.rglob("*") if path.is_file())
    return sorted(path for path in found if path != CACHE_MARKER)


def once() -> Fault:
    """Return a fault that one put meets."""
    met: list[bool] = []

    def meets(environ: Environ) -> bool:
        if met or not puts(environ):
            return False
        met.append(True)
        return True

    return meets


def test_nothing_is_kept_before_the_bucket_has_it(bucket_place: OneBucket) -> None:
    spool = bucket_place.machine("a")
    spool.check_present()
    bucket_place.store.door.refused = puts
    with pytest.raises(TryLater, match="refused with 503"):
        keep(spool)
    assert cached(bucket_place, "a") == []
    bucket_place.store.door.works_again()
    assert files(spool) == []
    assert files(bucket_place.machine("b")) == []
    assert keep(spool).path == "1.2.3/1.2.4/1.2.5.dcm"


def test_a_put_is_tried_again_but_not_for_ever(bucket_place: OneBucket) -> None:
    spool = bucket_place.machine("a")
    spool.check_present()
    door = bucket_place.store.door
    door.refused = once()
    assert keep(spool).path == "1.2.3/1.2.4/1.2.5.dcm"
    door.refused = puts
    before = len(door.requests)
    with pytest.raises(TryLater):
        keep(spool, b"other")
    assert [method for method, _ in door.requests[before:]] == ["PUT"] * 3


def test_a_put_whose_answer_was_lost_is_the_same_file_when_it_is_tried_again(bucket_place: OneBucket) -> None:
    spool = bucket_place.machine("a")
    spool.check_present()
    bucket_place.store.door.unanswered = once()
    kept = keep(spool)
    assert kept.path == "1.2.3/1.2.4/1.2.5.dcm"
    assert files(spool) == [kept.path]
    assert spool.absolute(kept.path).read_bytes() == file_meta(b"CT1") + DATA_SET


def test_a_store_that_cannot_be_reached_is_a_reason_to_try_later(bucket_place: OneBucket) -> None:
    nowhere = S3(replace(bucket_place.options, endpoint="http://127.0.0.1:9", timeout_s=0.5))
    spool = Spool(bucket_place.folder / "a", 0, cached=Cached(nowhere, "some", CacheLimits(1), lambda: 0.0))
    uses: list[Callable[[Spool], object]] = [keep, Spool.check_present, Spool.check_writable]
    for use in uses:
        with pytest.raises(BucketAway, match=r"127\.0\.0\.1:9 does not answer") as caught:
            use(spool)
        assert caught.value.about == "endpoint"
    assert cached(bucket_place, "a") == []


@pytest.mark.parametrize(
    ("code", "about"),
    [
        ("InvalidAccessKeyId", "access_key"),
        ("AccessDenied", "access_key"),
        ("SomethingElse", "access_key"),
        ("SignatureDoesNotMatch", "secret_key"),
        ("AuthorizationHeaderMalformed", "region"),
        ("NoSuchBucket", "bucket"),
        ("RequestTimeTooSkewed", ""),
    ],
)
def test_a_refusal_names_what_to_look_at_and_no_secret(bucket_place: OneBucket, code: str, about: str) -> None:
    bucket_place.store.door.denies = code
    with pytest.raises(BucketAway, match=code) as caught:
        demand_writable(bucket_place.objects)
    assert caught.value.about == about
    assert SECRET_KEY not in str(caught.value) + repr(bucket_place.options)


def test_a_bucket_that_nobody_made_is_said_to_be_none(bucket_place: OneBucket) -> None:
    with pytest.raises(BucketAway, match="NoSuchBucket") as caught:
        demand_writable(S3(replace(bucket_place.options, bucket="nobody-made-this")))
    assert caught.value.about == "bucket"


def test_who_puts_what_another_one_puts_at_this_moment_tries_again(bucket_place: OneBucket) -> None:
    spool, door = bucket_place.machine("a"), bucket_place.store.door
    spool.check_writable()
    door.refusal, door.refused = "409 Conflict", once()
    assert keep(spool).path == "1.2.3/1.2.4/1.2.5.dcm"
    assert spool.sha256("1.2.3/1.2.4/1.2.5.dcm") is not None
    door.refused = puts
    with pytest.raises(TryLater, match="409"):
        keep(spool, b"other")


def test_a_store_that_would_write_over_objects_is_refused(bucket_place: OneBucket) -> None:
    spool = bucket_place.machine("a")
    spool.check_writable()
    bucket_place.store.door.overwrites = True
    with pytest.raises(TryLater, match="If-None-Match"):
        spool.check_writable()
    other = replace(bucket_place.options, key_prefix="other/")
    with pytest.raises(TryLater, match="If-None-Match"):
        BucketPlace(S3(other), "other").established()
    assert not BucketPlace(S3(other), "other").is_marked()


def test_a_process_puts_nothing_before_it_knows_that_nothing_is_written_over(bucket_place: OneBucket) -> None:
    kept = keep(bucket_place.machine("a"))
    receiver = bucket_place.machine("b")
    bucket_place.store.door.overwrites = True
    with pytest.raises(TryLater, match="If-None-Match"):
        keep(receiver, b"other content")
    bucket_place.store.door.works_again()
    assert receiver.sha256(kept.path) == kept.sha256
    assert files(receiver) == [kept.path]


def test_of_many_who_put_one_name_at_once_one_has_it(bucket_place: OneBucket) -> None:
    machines = [bucket_place.machine(name) for name in "abcd"]
    begins = threading.Barrier(len(machines))

    def send(number: int) -> str:
        begins.wait(timeout=30)
        return keep(machines[number], bytes([number]) * 1000).path

    with ThreadPoolExecutor(len(machines)) as pool:
        paths = list(pool.map(send, range(len(machines))))
    assert {*paths} == {f"1.2.3/1.2.4/1.2.5{end}.dcm" for end in ("", "-1", "-2", "-3")}
    for number, path in enumerate(paths):
        assert machines[0].absolute(path).read_bytes().endswith(bytes([number]) * 1000)


def test_a_bucket_is_named_once_and_another_one_in_its_place_is_away(bucket_place: OneBucket) -> None:
    place = BucketPlace(bucket_place.objects, "it")
    assert not place.is_marked()
    assert place.established() == place.established() == bucket_place.identity
    seconds = 0.0
    spool = bucket_place.machine("a", monotonic=lambda: seconds)
    kept, before = keep(spool), bucket_place.identity
    bucket_place.objects.remove([MARKER])
    spool.check_present()  # it was looked at a moment ago
    seconds = 6.0
    with pytest.raises(TryLater, match="found none"):
        spool.check_present()
    with pytest.raises(TryLater, match="found none"):
        keep(spool, b"more")
    assert place.established() != before
    with pytest.raises(TryLater, match="found the spool"):
        spool.absolute(kept.path)


def test_two_spools_share_a_bucket_by_their_prefixes(bucket_place: OneBucket) -> None:
    ward = replace(bucket_place, options=replace(bucket_place.options, key_prefix="ward-3/"))
    assert ward.identity != bucket_place.identity
    keep(ward.machine("a"))
    assert files(ward.machine("b")) == ["1.2.3/1.2.4/1.2.5.dcm"]
    assert files(bucket_place.machine("c")) == []


def test_a_folder_that_is_a_spool_itself_is_no_cache(bucket_place: OneBucket) -> None:
    root = bucket_place.folder / "a"
    identity = established(root)
    before = keep(Spool(root, 0, identity))
    spool = bucket_place.machine("a")
    uses: list[Callable[[Spool], object]] = [keep, Spool.check_present, Spool.check_writable]
    for use in uses:
        with pytest.raises(TryLater, match="found a spool, whose files are in no bucket"):
            use(spool)
    assert (root / before.path).is_file()


def test_the_cache_of_another_spool_is_not_read(bucket_place: OneBucket) -> None:
    keep(bucket_place.machine("a"))
    other = replace(bucket_place, options=replace(bucket_place.options, key_prefix="other/"))
    with pytest.raises(TryLater, match="expected the spool"):
        keep(other.machine("a"))


def test_a_cache_that_was_cleared_away_is_filled_again(bucket_place: OneBucket) -> None:
    spool = bucket_place.machine("a")
    kept = [keep(spool, DATA_SET + bytes([number]), sop=sop) for number, sop in enumerate(sops(12))]
    for path in cached(bucket_place, "a"):
        (bucket_place.folder / "a" / path).unlink()
    assert spool.brought_back([each.path for each in kept]) == 12
    assert spool.brought_back([each.path for each in kept]) == 0
    assert [spool.absolute(each.path).read_bytes()[-1] for each in kept] == list(range(12))


def test_a_damaged_object_is_not_given_to_readers(bucket_place: OneBucket) -> None:
    kept = keep(bucket_place.machine("a"))
    bucket_place.damage(kept.path)
    other = bucket_place.machine("b")
    assert not other.absolute(kept.path).exists()
    assert cached(bucket_place, "b") == []


def test_a_full_cache_loses_what_nobody_asked_for_and_the_bucket_nothing(bucket_place: OneBucket) -> None:
    spool = bucket_place.machine("a", most_mb=3)
    kept = [keep(spool, bytes([number]) * 1_000_000, sop=sop) for number, sop in enumerate(sops(5))]
    now = datetime.now(UTC)
    assert spool.tidy(now=now) == 0, "all of it was asked for a moment ago"
    for age, each in enumerate(kept):
        long_ago = (now - timedelta(hours=9 - age)).timestamp()
        os.utime(bucket_place.folder / "a" / each.path, (long_ago, long_ago))
    spool.absolute(kept[0].path)
    assert spool.tidy(now=now) == 3
    assert cached(bucket_place, "a") == [kept[0].path, kept[4].path]
    assert len(files(spool)) == 5
    assert spool.absolute(kept[1].path).read_bytes().endswith(bytes([1]) * 1000)


def test_what_a_machine_has_of_deleted_files_goes_too(bucket_place: OneBucket) -> None:
    one, other = bucket_place.machine("a"), bucket_place.machine("b")
    kept, stays = keep(one), keep(one, sop=sops(1)[0])
    other.paths([kept.path, stays.path])
    one.discard(kept)
    assert cached(bucket_place, "a") == [stays.path]
    assert cached(bucket_place, "b") == [stays.path, kept.path]
    assert other.tidy(now=datetime.now(UTC)) == 0, "somebody may just be reading it"
    assert other.tidy(now=datetime.now(UTC) + LATER) == 1
    assert cached(bucket_place, "b") == [stays.path]


def test_one_process_of_a_machine_tidies_at_a_time(bucket_place: OneBucket) -> None:
    one, again = bucket_place.machine("a"), bucket_place.machine("a")
    kept = keep(one)
    bucket_place.lose(kept.path)
    door, asked, goes_on = bucket_place.store.door, threading.Event(), threading.Event()

    def waits(environ: Environ) -> bool:
        asked.set()
        goes_on.wait(30)
        return False

    door.refused = waits
    with ThreadPoolExecutor(1) as pool:
        first = pool.submit(one.tidy, now=datetime.now(UTC) + LATER)
        assert asked.wait(30)
        assert again.tidy(now=datetime.now(UTC) + LATER) == 0
        goes_on.set()
        assert first.result() == 1


def test_reading_many_files_fetches_each_once(bucket_place: OneBucket) -> None:
    one = bucket_place.machine("a")
    kept = [keep(one, sop=sop).path for sop in sops(20)]
    other = bucket_place.machine("b")
    other.check_present()
    bucket_place.store.door.requests.clear()
    paths = other.paths([*kept, *kept])
    assert len({*paths}) == 20
    assert all(path.is_file() for path in paths)
    assert len(bucket_place.store.door.requests) == 20
    assert cached(bucket_place, "b") == sorted(kept)


def test_a_machine_that_dies_while_it_puts_leaves_a_file_that_is_found_again(bucket_place: OneBucket) -> None:
    before_it_died = keep(bucket_place.machine("a"))  # and no row
    there = bucket_place.machine("b")
    assert files(there) == [before_it_died.path]
    with there.part(STUDY, SERIES, SOPInstanceUID.parse("1.2.5")) as part:
        part.write_meta(file_meta(b"CT1"))
        part.write(DATA_SET)
        assert part.commit() == before_it_died
    assert files(there) == [before_it_died.path]


def test_nobody_answers_while_the_store_is_down_and_all_goes_on_after(bucket_place: OneBucket) -> None:
    spool = bucket_place.machine("a")
    kept = keep(spool)
    bucket_place.store.door.refused = always
    assert spool.absolute(kept.path).is_file(), "what is at hand can be read for a moment"
    with pytest.raises(TryLater):
        spool.is_whole(kept.path, kept.size_bytes)
    with pytest.raises(TryLater):
        spool.discard(kept)
    bucket_place.store.door.works_again()
    assert spool.is_whole(kept.path, kept.size_bytes)
