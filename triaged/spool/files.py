"""The files: received instances, result objects and quarantine, each durable before anybody learns of it.

Layout, all names made by us: `<study>/<series>/<sop>[-n].dcm`, `<study>/results/<name>[-n]`, `quarantine/<name>[-n]`,
and on each machine `incoming/` for what is still being written. Knows no database. A file that a crash left without its
row is found again when the same bytes are sent again. Where the spool is not the one that was meant, nothing is
written, and nothing said to be gone.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable, Sequence
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path

from triaged.errors import TryLater
from triaged.spool.bucket import Bucket, Cached
from triaged.spool.cache import CacheRoot
from triaged.spool.folder import Folder
from triaged.spool.keeping import INCOMING, PART, QUARANTINE, Extent, Keeping, data_set_at
from triaged.spool.names import checked
from triaged.spool.part import KeptFile, PartFile
from triaged.spool.root import Root
from triaged.study.uids import SeriesUID, SOPInstanceUID, StudyUID

_MIB = 1024 * 1024


class Spool:
    """The files of this store, and the folder on this machine where they are written and read.

    `identity` is the name that the store knows it by; without one it is whatever is there, or made, at the first use.

    Raises:
        TryLater: it is not there, or the file system refuses, e.g. because it is full or mounted read-only.
    """

    def __init__(
        self, root: Path, reserve_mb: int, identity: str | None = None, *, cached: Cached | None = None
    ) -> None:
        """Without `cached` the folder `root` keeps everything; else the bucket there does, which has its identity."""
        self._path = root.resolve()
        self._reserve_mb = reserve_mb
        self._root, self._keeping = _folder(self._path, identity) if cached is None else _bucket(self._path, cached)

    @property
    def keeping(self) -> Keeping:
        """Where its files are kept, for those who look at all of them."""
        return self._keeping

    def check_present(self) -> None:
        """Refuse where it is not the spool that was meant, e.g. while its file system is not mounted."""
        self._keeping.check_present()

    def check_reserve(self) -> None:
        """Raise `TryLater` while the disk has less free space than the reserve."""
        free = self.free_mb()
        if free < self._reserve_mb:
            raise TryLater(f"expected at least {self._reserve_mb} MiB free for the spool, found {free} MiB")

    def check_writable(self) -> None:
        """Refuse where no file can be begun, written and synced, by doing so."""
        with self.incoming() as probe:
            probe.write(b"\0")
            probe.sync()
        self._keeping.check_writable()

    def free_mb(self) -> int:
        """Return the free space for the spool in MiB."""
        with self._root.opened() as tree:
            disk = os.fstatvfs(tree.descriptor)
            return disk.f_bavail * disk.f_frsize // _MIB

    def part(self, study_uid: StudyUID, series_uid: SeriesUID, sop_instance_uid: SOPInstanceUID) -> PartFile:
        """Begin a file for an instance whose identifiers are known; it exists for others only after `commit`."""
        return PartFile(self._root, self._keeping, f"{study_uid.value}/{series_uid.value}/{sop_instance_uid.value}.dcm")

    def incoming(self) -> PartFile:
        """Begin a file whose place is not known: it can only end in `quarantine`."""
        return PartFile(self._root, self._keeping, None)

    def keep_derived(self, study_uid: str, name: str, content: bytes) -> KeptFile:
        """Keep a result object of a study; the same name with the same content is the same file."""
        return self._keep(f"{checked(study_uid)}/results/{checked(name)}", content)

    def quarantine(self, name: str, content: bytes) -> KeptFile:
        """Keep bytes aside that cannot be filed under a study."""
        return self._keep(f"{QUARANTINE}/{checked(name)}", content)

    def discard(self, kept: KeptFile) -> None:
        """Remove a file that got no row, because its instance is one of our own coming back."""
        self._keeping.remove([kept.path])

    def absolute(self, relative: str) -> Path:
        """Return where a kept file lies on this machine, once it is certain that the spool is there.

        `ValueError` where the path leads out of the spool.
        """
        (path,) = self.paths([relative])
        return path

    def paths(self, relatives: Sequence[str]) -> list[Path]:
        """Return where kept files lie on this machine, as `absolute`, which is slower for many."""
        self.check_present()
        root = self._path.resolve()  # a link may have taken its place since
        paths = [_within(root, relative) for relative in relatives]
        self._keeping.bring(relatives)
        return paths

    def brought_back(self, relatives: Sequence[str]) -> int:
        """Return how many of these files were not on this machine any more, and are now."""
        return self._keeping.bring(relatives)

    def tidy(self, *, now: datetime) -> int:
        """Remove copies of files in the bucket that this machine need not have any more; return how many."""
        return self._keeping.tidy(now=now)

    def sha256(self, relative: str) -> str | None:
        """Return the digest of a kept data set, without its file meta information; None where it cannot be read."""
        return self._sha256(relative, data_set_at)

    def sha256_of_file(self, relative: str) -> str | None:
        """Return the digest of a whole file, as it is kept of a result object; None where it cannot be read."""
        return self._sha256(relative, lambda _: 0)

    def _sha256(self, relative: str, begins_at: Callable[[bytes], int]) -> str | None:
        self._demand_within(relative)
        try:
            with self._keeping.reading(relative) as file:
                file.seek(begins_at(file.read(144)))
                return hashlib.file_digest(file, "sha256").hexdigest()
        except OSError:
            return None

    def is_whole(self, relative: str, size_bytes: int | None) -> bool:
        """Tell whether a kept file is there with as many bytes as were kept, or with any where that is not known."""
        (is_whole,) = self.are_whole([(relative, size_bytes)])
        return is_whole

    def are_whole(self, expected: Sequence[tuple[str, int | None]]) -> list[bool]:
        """Tell of many files whether each is whole, as `is_whole`, which is slower for many."""
        paths = [relative for relative, _ in expected]
        self._demand_within(*paths)
        found = zip(self._keeping.extents(paths), expected, strict=True)
        return [_is_whole(extent, size_bytes) for extent, (_, size_bytes) in found]

    def _demand_within(self, *relatives: str) -> None:
        self.check_present()
        root = self._path.resolve()
        for relative in relatives:
            _within(root, relative)

    def sweep_parts(self, older_than: datetime) -> int:
        """Remove what dead receivers left half-written and nobody has touched since `older_than`; return how many."""
        swept = 0
        with self._root.opened() as tree:
            tree.ensure(INCOMING)
            for name in tree.names(INCOMING):
                path = f"{INCOMING}/{name}"
                with suppress(FileNotFoundError):  # its receiver may just have finished it
                    is_old = datetime.fromtimestamp(tree.stat(path).st_mtime, UTC) < older_than
                    if name.endswith(PART) and is_old and not tree.is_held(path):
                        tree.unlink(path)
                        swept += 1
        return swept

    def _keep(self, target: str, content: bytes) -> KeptFile:
        with PartFile(self._root, self._keeping, target) as part:
            part.write(content)
            return part.commit()


def _folder(path: Path, identity: str | None) -> tuple[Root, Keeping]:
    root = Root(path, identity)
    return root, Folder(root)


def _bucket(path: Path, cached: Cached) -> tuple[Root, Keeping]:
    root = CacheRoot(path, cached.identity)
    return root, Bucket(root, cached)


def _is_whole(found: Extent | None, size_bytes: int | None) -> bool:
    if found is None:
        return False
    if size_bytes is None:
        return found.size_bytes > 0
    return found.size_bytes in (size_bytes, size_bytes + found.meta_bytes)


def _within(root: Path, relative: str) -> Path:
    path = (root / relative).resolve()
    if path == root or not path.is_relative_to(root):
        raise ValueError(f"expected a path inside the spool, found one that leads out of it: {relative!r}")
    return path
