"""Keeps the spool's files in a bucket, and has on this machine those that were written or read here of late.

A file is put under a name that nobody has, and only then counts as kept. Knows no protocol, and no database.
"""

from __future__ import annotations

import hashlib
import os
import tempfile
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from io import BufferedIOBase, BufferedWriter
from itertools import count
from pathlib import Path
from secrets import token_hex
from typing import Any, Final

import structlog

from triaged.spool.cache import RESTS, Cache, CacheLimits, CacheRoot
from triaged.spool.copying import Digest
from triaged.spool.folder import Folder
from triaged.spool.keeping import INCOMING, PART, Extent, Found, Written, data_set_at, numbered
from triaged.spool.objects import Objects, Stamp, demand_identity, demand_writable

log = structlog.get_logger()

_FRESH_S: Final = 5.0
"""For so long the bucket counts as the one that was meant, after it was looked at."""
_AT_ONCE: Final = 8
"""How many files are fetched at the same time."""
_FOLDERS_AT_ONCE: Final = 20


@dataclass(frozen=True, slots=True)
class Cached:
    """The spool `identity` in a bucket, and how much of it a machine has at hand; `monotonic` counts seconds."""

    objects: Objects
    identity: str
    limits: CacheLimits
    monotonic: Callable[[], float]


class Bucket:
    """A bucket that keeps files, with a cache; see `Keeping`."""

    def __init__(self, root: CacheRoot, cached: Cached) -> None:
        self._root = root
        self._local = Folder(root)
        self._cache = Cache(root)
        self._objects = cached.objects
        self._limits = cached.limits
        self._monotonic = cached.monotonic
        self._identity = cached.identity
        self._seen_at: float | None = None
        self._is_tried = False
        self._tidied = ""

    def check_present(self) -> None:
        """Refuse where the bucket is not the spool that was meant, or the cache cannot be used."""
        self._local.check_present()
        now = self._monotonic()
        if self._seen_at is None or now - self._seen_at > _FRESH_S:
            demand_identity(self._objects, self._identity)
            self._seen_at = now

    def check_writable(self) -> None:
        """Refuse where no object can be put, by putting one."""
        self._seen_at = None
        self.check_present()
        demand_writable(self._objects)
        self._is_tried = True

    def keep(self, written: Written, target: str) -> str:
        """Put a file under its name, or one with a number; see `Keeping.keep`.

        Not before this process has seen that the store writes nothing over.
        """
        if self._is_tried:
            self.check_present()
        else:
            self.check_writable()
        whole = self._sha256_of(written.path) if written.meta_bytes else written.sha256
        stamp = Stamp(whole, written.sha256, written.meta_bytes)
        for number in count():
            named = numbered(target, number)
            with self._root.opened() as tree, tree.open(written.path) as file:
                is_put = self._objects.put(named, file, stamp)
            if is_put:
                self._cache.take(written.path, named)
                return named
            if self._is_same(named, written):
                self._cache.drop([written.path])  # it may name another sender than what is kept
                return named
        raise AssertionError("unreachable")

    def put_as(self, path: Path, name: str) -> Digest | None:
        """Put a file of a back-up under its very name; None where there is no such file, or the name is taken."""
        if not path.is_file():
            return None
        with path.open("rb") as file:
            whole = hashlib.file_digest(file, "sha256").hexdigest()
            file.seek(0)
            meta_bytes = data_set_at(file.read(144))
            file.seek(meta_bytes)
            data = hashlib.file_digest(file, "sha256").hexdigest()
            file.seek(0)
            is_put = self._objects.put(name, file, Stamp(whole, data, meta_bytes))
            return Digest(whole, file.seek(0, os.SEEK_END)) if is_put else None

    def bring(self, paths: Sequence[str]) -> int:
        """Fetch what is not here, several at a time; what is not kept is left out."""
        missing = [path for path in dict.fromkeys(paths) if not self._cache.touch(path)]
        if len(missing) < 2:
            return sum(map(self._fetch, missing))
        with ThreadPoolExecutor(_AT_ONCE, thread_name_prefix="fetching") as pool:
            return sum(pool.map(self._fetch, missing))

    @contextmanager
    def reading(self, path: str) -> Iterator[BufferedIOBase]:
        """Open what is in the bucket, whatever the cache has; `FileNotFoundError` where there is no such object."""
        with self._root.opened() as tree:
            tree.ensure(INCOMING)
        with tempfile.TemporaryFile(dir=self._root.path / INCOMING) as file:
            if self._objects.get(path, file.write) is None:
                raise FileNotFoundError(path)
            file.seek(0)
            yield file

    def extents(self, paths: Sequence[str]) -> list[Extent | None]:
        """Return how large objects are, asking for several at a time."""
        if len(paths) < 2:
            return [self._extent(path) for path in paths]
        with ThreadPoolExecutor(_AT_ONCE, thread_name_prefix="asking") as pool:
            return list(pool.map(self._extent, paths))

    def folders(self) -> list[str]:
        """Return the folders of the bucket, and what is being written here."""
        return [*self._objects.folders(), *(name for name in self._local.folders() if name == INCOMING)]

    def files(self, folder: str) -> list[Found]:
        """Return every object in a folder; of `incoming/` what is being written on this machine."""
        if folder == INCOMING:
            return self._local.files(folder)
        return sorted(self._objects.files(folder), key=lambda found: found.path)

    def remove(self, paths: Sequence[str]) -> None:
        """Remove objects, and what this machine has of them."""
        self.check_present()
        self._objects.remove(paths)
        self._cache.drop(paths)

    def remove_unchanged(self, found: Found) -> bool:
        """Remove an object, unless it was put again since it was found; a local file, unless it is being written."""
        if found.path.startswith(f"{INCOMING}/"):
            return self._local.remove_unchanged(found)
        now = self._objects.seen(found.path)
        if now is None or now.modified_at > found.modified_at:
            return False
        self.remove([found.path])
        return True

    def remove_empty(self, folders: Sequence[str]) -> None:
        """Remove folders of the cache in which nothing is left; a bucket has none."""
        self._local.remove_empty(folders)

    def has_other_names(self, path: str) -> bool:  # noqa: ARG002
        """Tell that an object has one name alone."""
        return False

    def tidy(self, *, now: datetime) -> int:
        """Let the cache keep to its limits, and to what the bucket has; return how many files it lost.

        Of all processes of a machine one does it at a time. In each call some folders are compared with the bucket.
        """
        with self._cache.alone() as is_alone:
            if not is_alone:
                return 0
            return self._cache.make_room(self._limits, now=now) + self._forget_removed(now - RESTS)

    def _forget_removed(self, before: datetime) -> int:
        """Drop what was deleted by another machine."""
        studies = [name for name in self._cache.studies() if name > self._tidied][:_FOLDERS_AT_ONCE]
        gone = []
        for study in studies:
            kept = {found.path for found in self._objects.files(study)}
            here = self._cache.files(study)
            gone += [found.path for found in here if found.path not in kept and found.modified_at < before]
        self._tidied = studies[-1] if len(studies) == _FOLDERS_AT_ONCE else ""
        self._cache.drop(gone)
        self._cache.remove_empty(gone)
        return len(gone)

    def _extent(self, path: str) -> Extent | None:
        found = self._objects.seen(path)
        return None if found is None else Extent(found.size_bytes, found.stamp.meta_bytes)

    def _fetch(self, path: str) -> bool:
        """Fetch an object into the cache, whole or not at all; False where there is none, or none that is whole."""
        part = f"{INCOMING}/{token_hex(16)}{PART}"
        with self._root.opened() as tree:
            tree.ensure(INCOMING)
            try:
                with BufferedWriter(tree.create_held(part)) as file:
                    is_whole = self._read_into(file, path)
                    os.fsync(file.fileno())  # a name never has less than its content, whatever loses power
                if is_whole:
                    self._cache.take(part, path)
            finally:
                tree.unlink(part)
        return is_whole

    def _read_into(self, file: BufferedWriter[Any], path: str) -> bool:
        digest = hashlib.sha256()

        def write(piece: bytes) -> None:
            digest.update(piece)
            file.write(piece)

        stamp = self._objects.get(path, write)
        file.flush()
        if stamp is None:
            return False
        is_whole = stamp.sha256 in ("", digest.hexdigest())
        if not is_whole:
            log.error("file in the bucket is damaged", path=path)
        return is_whole

    def _sha256_of(self, part: str) -> str:
        with self._root.opened() as tree, tree.open(part) as file:
            return hashlib.file_digest(file, "sha256").hexdigest()

    def _is_same(self, kept: str, written: Written) -> bool:
        """Tell whether an object holds the same data set, whatever its file meta information says."""
        found = self._objects.seen(kept)
        if found is None:  # removed since the put was refused
            return False
        known = found.stamp.data_sha256 if written.meta_bytes else found.stamp.sha256
        if known:
            return known == written.sha256
        with self.reading(kept) as file:
            file.seek(data_set_at(file.read(144)) if written.meta_bytes else 0)
            return hashlib.file_digest(file, "sha256").hexdigest() == written.sha256
