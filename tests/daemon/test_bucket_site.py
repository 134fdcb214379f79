"""A site whose spool is in a bucket: what is deleted, backed up, restored and checked there."""

from __future__ import annotations

import dataclasses
import json
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.spool.object_store import ACCESS_KEY, SECRET_KEY
from tests.spool.places import OneBucket
from tests.steps.ward import THEN, Ward, uid
from triaged.config.loading import parse
from triaged.config.settings import Config
from triaged.daemon.backing_up import back_up
from triaged.daemon.checks import Check, check, located
from triaged.daemon.restoring import restore
from triaged.daemon.rooms import open_rooms
from triaged.daemon.spools import files_in
from triaged.daemon.versions import version_from
from triaged.errors import ConfigError, TryLater
from triaged.spool.copying import NotEmpty
from triaged.spool.files import Spool
from triaged.spool.root import established
from triaged.spool.survey import Survey
from triaged.store.studies.spool_name import SpoolName
from triaged.store.tables.database import open_database

TEXT = "dicom: {ae_title: HERE}\n"


def text_of(place: OneBucket, url: str, cache: Path, **more: object) -> str:
    """Return a configuration by which a site is in this bucket."""
    objects = {
        "bucket": place.options.bucket,
        "endpoint": place.options.endpoint,
        "key_prefix": place.options.key_prefix,
        "access_key": ACCESS_KEY,
        "secret_key": "${S3_SECRET_KEY}",
        "timeout_s": 5,
    }
    storage = {"path": str(cache), "reserve_mb": 0, "objects": objects | more}
    return json.dumps({"database": {"url": url}, "models": {"ct": "threshold"}, "storage": storage})


@pytest.fixture(autouse=True)
def secret(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let the secret stand in the environment."""
    monkeypatch.setenv("S3_SECRET_KEY", SECRET_KEY)


def config_of(place: OneBucket, url: str, cache: Path) -> Config:
    return parse(text_of(place, url, cache), place.folder / "config.yaml")


@contextmanager
def ward_in(place: OneBucket, url: str, machine: str = "a") -> Iterator[Ward]:
    rooms = open_rooms(config_of(place, url, place.folder / machine))
    yield Ward(rooms.database, rooms.spool)
    rooms.database.close()


def kept(ward: Ward) -> dict[str, bytes]:
    """Return all that is kept, as another machine reads it."""
    survey = Survey(ward.spool)
    paths = [each.path for folder in survey.folders() for each in survey.files(folder)]
    return {path: ward.spool.absolute(path).read_bytes() for path in paths}


def test_images_that_may_go_leave_the_bucket(bucket_place: OneBucket, sqlite_url: str) -> None:
    with ward_in(bucket_place, sqlite_url) as ward:
        ward.finished(1)
        ward.receive(2)
        images = [path for path in kept(ward) if path.startswith(f"{uid(1)}/") and "/results/" not in path]
        assert images
        ward.pass_days(31)
        assert ward.retain(images_days=30.0) == 1
        assert not [path for path in images if path in kept(ward)]
        assert [path for path in kept(ward) if path.startswith(f"{uid(1)}/results/")]
        assert [path for path in kept(ward) if path.startswith(f"{uid(2)}/")]
        assert not (bucket_place.folder / "a" / images[0]).exists()


def test_a_back_up_of_a_bucket_is_restored_into_another_one(
    bucket_place: OneBucket, sqlite_url: str, tmp_path: Path
) -> None:
    with ward_in(bucket_place, sqlite_url) as ward:
        ward.finished(1)
        ward.receive(2)
        before = kept(ward)
    made = back_up(config_of(bucket_place, sqlite_url, tmp_path / "c"), TEXT, tmp_path / "back-up", link=True, now=THEN)
    assert (made.missing, made.linked, made.spool) == ((), 0, bucket_place.identity)
    other = dataclasses.replace(bucket_place, options=bucket_place.store.new_bucket(), folder=tmp_path / "there")
    there = config_of(other, f"sqlite:///{tmp_path / 'there' / 't.db'}", tmp_path / "there" / "a")
    restored = restore(there, tmp_path / "back-up", now=THEN)
    assert (restored.damaged, restored.faults, restored.files) == ((), (), len(before) + 1)
    database = open_database(there.database.url)
    assert SpoolName(database).known() == other.identity == bucket_place.identity
    database.close()
    with ward_in(other, there.database.url, "b") as ward:
        assert kept(ward) == before
        for image in (path for path in before if "/results/" not in path):
            assert ward.spool.is_whole(image, None)
    with pytest.raises(NotEmpty):
        restore(there, tmp_path / "back-up", now=THEN)


def test_a_site_moves_from_a_folder_into_a_bucket_by_a_back_up(
    bucket_place: OneBucket, sqlite_url: str, tmp_path: Path
) -> None:
    root, database = tmp_path / "folder", open_database(sqlite_url)
    identity = SpoolName(database).name(established(root), now=THEN)
    ward = Ward(database, Spool(root, 0, identity))
    ward.finished(1)
    before = kept(ward)
    database.close()
    plain = parse(json.dumps({"database": {"url": sqlite_url}, "storage": {"path": str(root)}}), tmp_path / "c.yaml")
    back_up(plain, TEXT, tmp_path / "back-up", link=True, now=THEN)
    there = config_of(bucket_place, f"sqlite:///{tmp_path / 'new' / 't.db'}", tmp_path / "cache")
    (tmp_path / "new").mkdir()
    assert restore(there, tmp_path / "back-up", now=THEN).faults == ()
    with ward_in(bucket_place, there.database.url, "b") as moved:
        assert kept(moved) == before
        moved.receive(2)


def test_a_database_with_images_does_not_name_an_empty_bucket(
    bucket_place: OneBucket, sqlite_url: str, tmp_path: Path
) -> None:
    database = open_database(sqlite_url)
    Ward(database, Spool(tmp_path / "old", 0)).receive(1)
    database.close()
    with pytest.raises(TryLater, match="found none of"):
        open_rooms(config_of(bucket_place, sqlite_url, tmp_path / "cache"))


def test_a_process_without_a_store_finds_files(bucket_place: OneBucket, sqlite_url: str) -> None:
    with ward_in(bucket_place, sqlite_url) as ward:
        ward.receive(1)
        (path, *_), content = kept(ward), kept(ward)
    find = files_in(config_of(bucket_place, sqlite_url, bucket_place.folder / "child").storage)
    assert find(path).read_bytes() == content[path]


def _rows(text: str, folder: Path) -> dict[str, Check]:
    version = version_from(text, folder / "config.yaml")
    hide = version.config.secrets.hide
    return {row.what: row for row in located(check(version.config, ("storage",)), text, version.path, hide=hide)}


def test_a_bucket_that_can_be_used_is_said_to_be(bucket_place: OneBucket, sqlite_url: str, tmp_path: Path) -> None:
    text = text_of(bucket_place, sqlite_url, tmp_path / "cache")
    rows = _rows(text, tmp_path)
    assert rows["storage"].passed
    assert "gets its name when the daemon starts" in rows["storage"].found
    assert rows["storage.objects"].passed
    assert rows["storage.objects"].warns, "it is asked by http"
    with ward_in(bucket_place, sqlite_url) as ward:
        ward.receive(1)
    assert "MiB free" in _rows(text, tmp_path)["storage"].found


@pytest.mark.parametrize("about", ["endpoint", "bucket", "access_key", "secret_key"])
def test_the_key_that_is_to_blame_is_named_and_no_secret(
    bucket_place: OneBucket, sqlite_url: str, tmp_path: Path, about: str
) -> None:
    more: dict[str, object] = {}
    match about:
        case "endpoint":
            more = {"endpoint": "http://127.0.0.1:9", "timeout_s": 0.5}
        case "bucket":
            more = {"bucket": "nobody-made-it"}
        case "access_key":
            more = {"access_key": "AKIASOMEBODYELSE"}
        case _:
            bucket_place.store.door.denies = "SignatureDoesNotMatch"
    row = _rows(text_of(bucket_place, sqlite_url, tmp_path / "cache", **more), tmp_path)["storage.objects"]
    assert (row.passed, row.about) == (False, f"storage.objects.{about}")
    assert SECRET_KEY not in row.found


def test_a_client_that_is_not_installed_is_said(
    bucket_place: OneBucket, sqlite_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "triaged.spool.s3", None)
    row = _rows(text_of(bucket_place, sqlite_url, tmp_path / "cache"), tmp_path)["storage.objects"]
    assert not row.passed
    assert "deploy/setup s3" in row.found
    with pytest.raises(ConfigError, match=r"storage\.objects"):
        open_rooms(config_of(bucket_place, sqlite_url, tmp_path / "cache"))


def test_a_running_daemon_keeps_its_bucket_and_takes_another_key(bucket_place: OneBucket, tmp_path: Path) -> None:
    path = tmp_path / "config.yaml"
    running = version_from(text_of(bucket_place, "sqlite:///t.db", tmp_path / "cache"), path)
    rotated = version_from(text_of(bucket_place, "sqlite:///t.db", tmp_path / "cache", access_key="AKIANEW"), path)
    assert rotated.beside(running) is rotated
    moved = version_from(text_of(bucket_place, "sqlite:///t.db", tmp_path / "cache", bucket="elsewhere"), path)
    beside = moved.beside(running)
    assert beside.config.storage == running.config.storage
    folder = version_from(json.dumps({"storage": {"path": str(tmp_path / "cache")}}), path)
    assert folder.beside(running).config.storage.objects == running.config.storage.objects
    assert running.beside(folder).config.storage.objects is None
    assert SECRET_KEY not in repr(running.place)
