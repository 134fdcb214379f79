"""The spool as the settings say that it is kept: in a folder, or in a bucket of which the folder is a cache."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Final

import structlog

from triaged.config.settings import StorageSection
from triaged.errors import ConfigError, TryLater
from triaged.spool.bucket import Bucket, Cached
from triaged.spool.cache import CacheLimits, CacheRoot
from triaged.spool.copying import place, write_from
from triaged.spool.files import Spool
from triaged.spool.objects import BucketPlace, Objects, identity_in
from triaged.spool.root import MARKER, FolderPlace, Place

if TYPE_CHECKING:
    from triaged.config.objects import ObjectsSection

log = structlog.get_logger()

TIDY_S: Final = 60.0
_SWEEP_AFTER: Final = timedelta(hours=1)


def place_of(storage: StorageSection) -> Place:
    """Return where the spool is looked for, and made at the first start; `ConfigError` as `objects_of`."""
    if storage.objects is None:
        return FolderPlace(storage.path)
    return BucketPlace(objects_of(storage.objects), str(storage.objects.options()))


def open_spool(storage: StorageSection, identity: str | None) -> Spool:
    """Return the spool of an identity; without one that which is there.

    Raises:
        TryLater: it is in a bucket, its identity is not known, and the bucket cannot be asked or has none.
        ConfigError: as `objects_of`.
    """
    if storage.objects is None:
        return Spool(storage.path, storage.reserve_mb, identity)
    return Spool(storage.path, storage.reserve_mb, cached=_cached(storage, storage.objects, identity))


def files_in(storage: StorageSection) -> Callable[[str], Path]:
    """Return what finds a file of the spool on this machine, for a process that knows no store."""
    if storage.objects is None:
        return lambda path: storage.path / path
    return open_spool(storage, None).absolute


def back_up_of(storage: StorageSection, *, link: bool) -> tuple[str, Callable[[str, Path], bool]]:
    """Return the identity of the spool, and what copies a file of it, or links it where that is wanted and can be.

    The copying returns False where there is no such file.

    Raises:
        TryLater: it is away.
    """
    if storage.objects is None:
        marker = storage.path / MARKER
        if not marker.is_file():
            raise TryLater(f"expected the spool at {storage.path}, found none: is it mounted?")
        return marker.read_text(encoding="ascii").strip(), lambda path, target: place(
            storage.path / path, target, link=link
        )
    spool = open_spool(storage, None)
    spool.check_present()
    identity = identity_in(objects_of(storage.objects))
    assert identity is not None
    return identity, partial(_copied, spool)


def bucket_to_restore(storage: StorageSection, section: ObjectsSection, identity: str) -> Bucket | None:
    """Return an empty bucket to bring a back-up to; None where something is in it."""
    objects = objects_of(section)
    if identity_in(objects) is not None or objects.folders():
        return None
    return Bucket(CacheRoot(storage.path, identity), _cached(storage, section, identity))


def objects_of(section: ObjectsSection) -> Objects:
    """Return a bucket's client.

    Raises:
        ConfigError: the client is not installed, or cannot be used with these settings.
    """
    try:
        from triaged.spool.s3 import S3
    except ModuleNotFoundError as error:
        words = f"expected the client of S3, found no {error.name}: run deploy/setup s3"
        raise ConfigError(f"storage.objects: {words}") from None
    if section.ca_file is not None and not section.ca_file.is_file():
        raise ConfigError(f"storage.objects.ca_file: expected certificates, found no file at {section.ca_file}")
    return S3(section.options())


@contextmanager
def tidying(spool: Spool, storage: StorageSection, clock: Callable[[], datetime]) -> Iterator[None]:
    """Let the cache of this machine, if there is one, keep to its limits meanwhile."""
    if storage.objects is None:
        yield
        return
    ended = threading.Event()
    thread = threading.Thread(target=_tidy, args=(spool, clock, ended), name="tidying the cache", daemon=True)
    thread.start()
    try:
        yield
    finally:
        ended.set()


def _tidy(spool: Spool, clock: Callable[[], datetime], ended: threading.Event) -> None:
    while not ended.wait(TIDY_S):
        try:
            now = clock()
            spool.sweep_parts(older_than=now - _SWEEP_AFTER)
            dropped = spool.tidy(now=now)
        except TryLater as later:
            log.warning("cache cannot be tidied, will try again", why=str(later))
            continue
        if dropped:
            log.info("cache tidied", files=dropped)


def _cached(storage: StorageSection, section: ObjectsSection, identity: str | None) -> Cached:
    objects = objects_of(section)
    known = identity or identity_in(objects)
    if known is None:
        raise TryLater(f"expected a spool in {section.options()}, found none: it is made when the daemon starts")
    limits = CacheLimits(section.cache_mb, 2 * storage.reserve_mb)
    return Cached(objects, known, limits, time.monotonic)


def _copied(spool: Spool, path: str, target: Path) -> bool:
    try:
        with spool.keeping.reading(path) as file:
            write_from(file, target)
    except FileNotFoundError:
        return False
    return True
