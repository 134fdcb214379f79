"""The folder of one machine in front of a bucket: what was written here or read here of late, as far as there is room.

All in it but `incoming/` is in the bucket too, so that any of it may go at any time: who misses a file fetches it.
Knows no bucket.
"""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Final

from triaged.errors import TryLater
from triaged.spool.durable import Tree, storage_errors
from triaged.spool.folder import Folder
from triaged.spool.keeping import INCOMING, Found
from triaged.spool.root import MARKER, Root, established

CACHE_MARKER: Final = ".triaged-cache"
"""The file in the folder that names the spool which it is a cache of."""
RESTS: Final = timedelta(minutes=15)
"""What was asked for so recently stays, however little room there is: somebody may be reading it."""
_MIB = 1024 * 1024
_ROOM_AFTER = 0.9
"""How full a cache is after files were dropped, so that not each new one drops another."""


@dataclass(frozen=True, slots=True)
class CacheLimits:
    """`most_mb` is what files may take, `free_mb` what has to be free on the disk for those that come."""

    most_mb: int
    free_mb: int = 0


class CacheRoot(Root):
    """The root of a cache of a spool, which is made wherever it is not: nothing is kept in it alone."""

    def __init__(self, path: Path, identity: str) -> None:
        super().__init__(path, identity, CACHE_MARKER)
        self._spool = identity

    @contextmanager
    def opened(self) -> Iterator[Tree]:
        """Open the root for one operation; see `Root.opened`.

        Raises:
            TryLater: it is a spool itself, whose files may be nowhere else, or the cache of another spool.
        """
        with storage_errors():
            if not (self.path / CACHE_MARKER).exists():
                self._make()
        with super().opened() as tree:
            yield tree

    def _make(self) -> None:
        if (self.path / MARKER).exists():
            words = "whose files are in no bucket: name another folder"
            raise TryLater(f"expected a folder for the cache of a bucket at {self.path}, found a spool, {words}")
        established(self.path, CACHE_MARKER, self._spool)


class Cache:
    """Files under the root of a cache."""

    def __init__(self, root: CacheRoot) -> None:
        self._root = root
        self._folder = Folder(root)

    def touch(self, path: str) -> bool:
        """Tell whether a file is here, and let it stay for longer."""
        with self._root.opened() as tree:
            try:
                os.utime(path, dir_fd=tree.descriptor)
            except FileNotFoundError:
                return False
        return True

    def take(self, part: str, path: str) -> None:
        """Give a file below `incoming/` its path, in the place of whatever has it."""
        with self._root.opened() as tree:
            tree.ensure(path.rpartition("/")[0])
            if not tree.link(part, path):
                os.rename(part, path, src_dir_fd=tree.descriptor, dst_dir_fd=tree.descriptor)
            tree.unlink(part)

    def drop(self, paths: Sequence[str]) -> None:
        """Remove files; some may be gone already."""
        with self._root.opened() as tree:
            for path in paths:
                tree.unlink(path)

    def studies(self) -> list[str]:
        """Return the folders in which files are cached."""
        return sorted(name for name in self._folder.folders() if name != INCOMING and not name.startswith("."))

    def files(self, folder: str) -> list[Found]:
        """Return the files below a folder; `modified_at` is when each was asked for last."""
        return self._folder.files(folder)

    @contextmanager
    def alone(self) -> Iterator[bool]:
        """Tell whether this process is the one of this machine that clears up, for as long as that takes."""
        with self._root.opened() as tree, tree.open(CACHE_MARKER) as file:
            try:
                fcntl.flock(file.fileno(), fcntl.LOCK_EX | fcntl.LOCK_NB)
            except OSError:
                yield False
                return
            yield True

    def make_room(self, limits: CacheLimits, *, now: datetime) -> int:
        """Drop what nobody asked for, for longest first, until there is room; return how many files."""
        files = [each for study in self.studies() for each in self.files(study)]
        over = sum(each.size_bytes for each in files) - limits.most_mb * _MIB
        short = limits.free_mb * _MIB - self._free_bytes()
        if over <= 0 and short <= 0:
            return 0
        to_go = max(over + (1 - _ROOM_AFTER) * limits.most_mb * _MIB if over > 0 else 0, short)
        dropped = []
        for each in sorted(files, key=lambda found: found.modified_at):
            if to_go <= 0 or each.modified_at > now - RESTS:
                break
            dropped.append(each.path)
            to_go -= each.size_bytes
        self.drop(dropped)
        self.remove_empty(dropped)
        return len(dropped)

    def remove_empty(self, paths: Sequence[str]) -> None:
        """Remove the folders that such files were in, where nothing is left in them."""
        folders = {path.rpartition("/")[0] for path in paths} - {""}
        with suppress(TryLater):  # somebody may just fill one
            self._folder.remove_empty(sorted(folders | {each.partition("/")[0] for each in folders}, reverse=True))

    def _free_bytes(self) -> int:
        with self._root.opened() as tree:
            disk = os.fstatvfs(tree.descriptor)
            return disk.f_bavail * disk.f_frsize
