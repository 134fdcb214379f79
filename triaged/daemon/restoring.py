"""Brings a back-up into places where nothing is, and reads whether one is whole. `daemon.backing_up` made it.

Nothing is sent from a restored site before somebody says so: what waited then may have been sent since.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Final

from triaged.config.settings import Config, StorageSection
from triaged.daemon.backing_up import DIGESTS, MANIFEST, POSTGRESQL, SPOOL, SQLITE, Manifest
from triaged.daemon.postgresql import load
from triaged.daemon.spools import bucket_to_restore, open_spool
from triaged.errors import ConfigError
from triaged.spool.bucket import Bucket
from triaged.spool.copying import NotEmpty, copy, demand_empty, digest_of, read_digests, sync_folders
from triaged.steps.adopt import Adoption
from triaged.steps.inspect_spool import Disagreement, Inspection
from triaged.steps.ranking_policy import ranking_policy
from triaged.store.couriers.pauses import EVERYBODY
from triaged.store.roles.pauses import Pausable, Pause, Pauses
from triaged.store.roles.pulses import Pulses
from triaged.store.studies.arrivals import Arrivals
from triaged.store.studies.inventory import Inventory
from triaged.store.studies.reception import Reception
from triaged.store.studies.retention import Retention
from triaged.store.tables.database import has_tables, migrate, open_database
from triaged.store.tables.postgresql import server_of
from triaged.store.tables.sqlite import file_of

PERSON: Final = "triaged restore"
_PART: Final = ".restoring"


@dataclass(frozen=True, slots=True)
class Restored:
    """What was brought back; `damaged` files have other content than was backed up, `faults` is what does not agree."""

    manifest: Manifest
    files: int
    damaged: tuple[str, ...]
    faults: tuple[Disagreement, ...]


def manifest_of(folder: Path) -> Manifest:
    """Return what a back-up is of.

    Raises:
        ConfigError: there is none, or one that was not finished, or the list of its files is another.
    """
    try:
        values = json.loads((folder / MANIFEST).read_text(encoding="utf-8"))
        for name in ("missing", "deleted"):
            values[name] = tuple(values[name])
        manifest = Manifest(**values)
    except FileNotFoundError:
        raise ConfigError(f"expected a back-up with {MANIFEST} in {folder}, found none: it was not finished") from None
    except (ValueError, TypeError, KeyError) as error:
        raise ConfigError(f"{folder / MANIFEST}: expected the manifest of a back-up: {error}") from None
    found = digest_of(folder / DIGESTS)
    if found is None or found.sha256 != manifest.digests_sha256:
        raise ConfigError(f"{folder / DIGESTS}: expected sha256 {manifest.digests_sha256}, found {found}")
    return manifest


def damage(folder: Path) -> Iterator[tuple[str, bool]]:
    """Read every file of a back-up; return each name, and whether it has the content that was backed up."""
    manifest_of(folder)
    for name, sha256 in read_digests(folder / DIGESTS):
        found = digest_of(folder / name)
        yield name, found is not None and found.sha256 == sha256


def restore(config: Config, folder: Path, *, now: datetime) -> Restored:
    """Bring a back-up to where the configuration says that database and spool are; everything sent is held.

    Raises:
        NotEmpty: there is a database or a spool already.
        ConfigError: it is no whole back-up, of another kind of database, or its database is damaged.
    """
    manifest = manifest_of(folder)
    _demand_fit(config, manifest)
    digests = dict(read_digests(folder / DIGESTS))
    dump = digest_of(folder / manifest.database)
    if dump is None or dump.sha256 != digests.get(manifest.database):
        raise ConfigError(f"{folder / manifest.database}: expected the database that was backed up, found it damaged")
    files, damaged = _copy_spool(folder, _target(config.storage, manifest.spool), digests)
    _bring_database(config, folder, manifest, now)
    return Restored(manifest, files, tuple(damaged), tuple(_faults(config, manifest, now)))


def _demand_fit(config: Config, manifest: Manifest) -> None:
    url = config.database.url
    file = file_of(url)
    wanted = POSTGRESQL if file is None else SQLITE
    if manifest.database != wanted:
        raise ConfigError(f"database.url: expected the kind of database of the back-up ({manifest.database})")
    if file is not None:
        found = next((each for each in (file, Path(f"{file}-wal")) if each.exists() and each.stat().st_size), None)
        if found is not None:
            raise NotEmpty(f"expected no database yet, found {found}")
        return
    database = open_database(url)
    try:
        if has_tables(database):
            raise NotEmpty("expected an empty database, found one with tables")
    finally:
        database.close()


def _target(storage: StorageSection, identity: str) -> Path | Bucket:
    """Return where the files go; `NotEmpty` where something is."""
    demand_empty(storage.path)
    if storage.objects is None:
        return storage.path
    bucket = bucket_to_restore(storage, storage.objects, identity)
    if bucket is None:
        raise NotEmpty(f"expected an empty bucket, found something in {storage.objects.options()}")
    return bucket


def _copy_spool(folder: Path, target: Path | Bucket, digests: dict[str, str]) -> tuple[int, list[str]]:
    files, damaged = 0, []
    for name, sha256 in digests.items():
        if not name.startswith(f"{SPOOL}/"):
            continue
        path = name.removeprefix(f"{SPOOL}/")
        copied = copy(folder / name, target / path) if isinstance(target, Path) else target.put_as(folder / name, path)
        if copied is None or copied.sha256 != sha256:
            damaged.append(name)
        files += copied is not None
    if isinstance(target, Path):
        sync_folders(target)
    return files, damaged


def _bring_database(config: Config, folder: Path, manifest: Manifest, now: datetime) -> None:
    """Bring the database to its place; nobody sees it there before what waits is held."""
    file = file_of(config.database.url)
    if file is None:
        load(folder / manifest.database, server_of(config.database.url))
        _prepare(config.database.url, manifest, now)
        return
    part = file.with_name(f"{file.name}{_PART}")
    part.unlink(missing_ok=True)
    copy(folder / manifest.database, part)
    _prepare(f"sqlite:///{part}", manifest, now)
    os.replace(part, file)
    _sync_name_of(file)


def _sync_name_of(file: Path) -> None:
    """Wait until the name of a file is on the disk."""
    descriptor = os.open(file.parent, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _prepare(url: str, manifest: Manifest, now: datetime) -> None:
    database = open_database(url)
    try:
        migrate(database)
        reason = f"restored from a back-up of {manifest.at}"
        Pauses(database).begin(Pause(Pausable.SENDING, EVERYBODY, PERSON, reason, now))
        pulses = Pulses(database)
        for pulse in pulses.all():
            pulses.remove(pulse.name)
        Retention(database).gone(manifest.deleted, "deleted while the back-up was made", now=now)
    finally:
        database.close()


def _faults(config: Config, manifest: Manifest, now: datetime) -> Sequence[Disagreement]:
    """Return which rows have no file, and which files no row."""
    database = open_database(config.database.url)
    try:
        spool = open_spool(config.storage, manifest.spool)
        policy = ranking_policy(config.triage.options())
        adoption = Adoption(Reception(database), Arrivals(database), spool, ranking_policy=policy)
        inspection = Inspection(Inventory(database), spool, adoption)
        later = now + timedelta(days=1)
        return [each for name in inspection.folders() for each in inspection.look(name, older_than=later)]
    finally:
        database.close()
