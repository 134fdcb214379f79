"""The files: received instances, result objects and quarantine, each durable before anybody learns of it.

Layout under the root, all names made by us: `<study>/<series>/<sop>[-n].dcm`, `<study>/results/<name>[-n]`,
`quarantine/<name>[-n]`, and `incoming/` for what is still being written. Knows no database. A file that a crash left
without its row is found again when the same bytes are sent again. Where the root is not the spool that was meant,
nothing is written, and nothing said to be gone.
"""

from __future__ import annotations

import hashlib
import os
import re
from collections.abc import Callable
from contextlib import AbstractContextManager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import count
from pathlib import Path, PurePosixPath
from secrets import token_hex
from types import TracebackType
from typing import Self

from triaged.errors import TryLater
from triaged.spool.durable import Tree, refusal
from triaged.spool.root import Root
from triaged.study.uids import SeriesUID, SOPInstanceUID, StudyUID

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,199}\Z")
_MIB = 1024 * 1024
INCOMING = "incoming"
QUARANTINE = "quarantine"
PART = ".part"


@dataclass(frozen=True, slots=True)
class KeptFile:
    """A durable file: `path` is relative to the spool's root; digest and size are of the encoded data set.

    Of a result object or of bytes in quarantine they are of everything that was written without `write_meta`.
    """

    path: str
    sha256: str
    size_bytes: int


class Spool:
    """A folder tree on one file system, shared by every process that serves this store.

    `identity` is the name that the store knows it by; without one it is whatever is there, or made, at the first use.

    Raises:
        TryLater: it is not there, or the file system refuses, e.g. because it is full or mounted read-only.
    """

    def __init__(self, root: Path, reserve_mb: int, identity: str | None = None) -> None:
        self._path = root.resolve()
        self._root = Root(self._path, identity)
        self._reserve_mb = reserve_mb

    def check_present(self) -> None:
        """Refuse where the root is not the spool that was meant, e.g. while its file system is not mounted."""
        with self._root.opened():
            pass

    def opened(self) -> AbstractContextManager[Tree]:
        """Open the root for one operation; see `Root.opened`."""
        return self._root.opened()

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

    def free_mb(self) -> int:
        """Return the free space for the spool in MiB."""
        with self._root.opened() as tree:
            disk = os.fstatvfs(tree.descriptor)
            return disk.f_bavail * disk.f_frsize // _MIB

    def part(self, study_uid: StudyUID, series_uid: SeriesUID, sop_instance_uid: SOPInstanceUID) -> PartFile:
        """Begin a file for an instance whose identifiers are known; it exists for others only after `commit`."""
        return PartFile(self._root, f"{study_uid.value}/{series_uid.value}/{sop_instance_uid.value}.dcm")

    def incoming(self) -> PartFile:
        """Begin a file whose place is not known: it can only end in `quarantine`."""
        return PartFile(self._root, None)

    def keep_derived(self, study_uid: str, name: str, content: bytes) -> KeptFile:
        """Keep a result object of a study; the same name with the same content is the same file."""
        return self._keep(f"{_checked(study_uid)}/results/{_checked(name)}", content)

    def quarantine(self, name: str, content: bytes) -> KeptFile:
        """Keep bytes aside that cannot be filed under a study."""
        return self._keep(f"{QUARANTINE}/{_checked(name)}", content)

    def discard(self, kept: KeptFile) -> None:
        """Remove a file that got no row, because its instance is one of our own coming back."""
        with self._root.opened() as tree:
            tree.unlink(kept.path)

    def absolute(self, relative: str) -> Path:
        """Return where a kept file lies, once it is certain that the spool is there.

        `ValueError` where the path leads out of the spool.
        """
        self.check_present()
        root = self._path.resolve()  # a link may have taken its place since
        path = (root / relative).resolve()
        if path == root or not path.is_relative_to(root):
            raise ValueError(f"expected a path inside the spool, found one that leads out of it: {relative!r}")
        return path

    def sha256(self, relative: str) -> str | None:
        """Return the digest of a kept data set, without its file meta information; None where it cannot be read."""
        return self._sha256(relative, data_set_at)

    def sha256_of_file(self, relative: str) -> str | None:
        """Return the digest of a whole file, as it is kept of a result object; None where it cannot be read."""
        return self._sha256(relative, lambda _: 0)

    def _sha256(self, relative: str, begins_at: Callable[[bytes], int]) -> str | None:
        self.absolute(relative)
        with self._root.opened() as tree:
            try:
                with tree.open(relative) as file:
                    file.seek(begins_at(file.read(144)))
                    return hashlib.file_digest(file, "sha256").hexdigest()
            except OSError:
                return None

    def is_whole(self, relative: str, size_bytes: int | None) -> bool:
        """Tell whether a kept file is there with as many bytes as were kept, or with any where that is not known."""
        self.absolute(relative)
        with self._root.opened() as tree:
            try:
                with tree.open(relative) as file:
                    meta_bytes = data_set_at(file.read(144))
                    found = file.seek(0, os.SEEK_END)
            except FileNotFoundError:
                return False
        return found > 0 if size_bytes is None else found in (size_bytes, size_bytes + meta_bytes)

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
        with PartFile(self._root, target) as part:
            part.write(content)
            return part.commit()


class PartFile:
    """A file being written; leaving the context without a commit removes it.

    File meta information goes through `write_meta` first: it names the sender, so it is kept, but it is not part of
    the digest, and two sendings that differ only there are the same instance.

    Raises:
        TryLater: the disk is full or unreachable; the sender has to be refused.
    """

    def __init__(self, root: Root, target: str | None) -> None:
        self._root = root
        self._target = target
        self._name = f"{INCOMING}/{token_hex(16)}{PART}"
        self._digest = hashlib.sha256()
        self._meta_bytes = 0
        self._size_bytes = 0
        self._is_filed = False

    def __enter__(self) -> Self:
        with self._root.opened() as tree:
            tree.ensure(INCOMING)
            self._file = tree.create_held(self._name)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._file.close()
        if self._is_filed:
            return
        with suppress(TryLater), self._root.opened() as tree:  # what cannot be removed now is swept later
            tree.unlink(self._name)

    @property
    def path(self) -> Path:
        """Where the bytes lie while they are being written."""
        return self._root.path / self._name

    def write_meta(self, content: bytes) -> None:
        """Write preamble and file meta information, before anything else."""
        if self._size_bytes:
            raise ValueError("expected file meta information before the data set, found the data set begun")
        self._meta_bytes += len(content)
        self._write(content)

    def write(self, content: bytes | bytearray | memoryview) -> None:
        """Write the next bytes of the encoded data set."""
        self._digest.update(content)
        self._size_bytes += len(content)
        self._write(content)

    def sync(self) -> None:
        """Wait until what was written is on the disk."""
        try:
            os.fsync(self._file.fileno())
        except OSError as error:
            raise refusal(error) from error

    def commit(self) -> KeptFile:
        """Make the file durable under the name it was begun for, and return where it is."""
        if self._target is None:
            raise ValueError("expected quarantine for a file whose place was not known")
        return self._commit(self._target)

    def quarantine(self, name: str) -> KeptFile:
        """Make the file durable in quarantine, and return where it is."""
        return self._commit(f"{QUARANTINE}/{_checked(name)}")

    def _write(self, content: bytes | bytearray | memoryview) -> None:
        try:
            written = self._file.write(content)
            while written < len(content):
                written += self._file.write(memoryview(content)[written:])
        except OSError as error:
            raise refusal(error) from error

    def _commit(self, target: str) -> KeptFile:
        self.sync()
        with self._root.opened() as tree:
            path = self._file_as(target, tree)
        self._is_filed = True
        return KeptFile(path, self._digest.hexdigest(), self._size_bytes)

    def _file_as(self, target: str, tree: Tree) -> str:
        """Give the synced part its name, or one with a number where other content has the name; return the path.

        Where the same content is there already, from a sender that repeats itself or from before a crash, that file is
        the answer: it is synced again, since a crash may have come between its rename and its sync.
        """
        wanted = PurePosixPath(target)
        folder = str(wanted.parent)
        tree.ensure(folder)
        for number in count():
            named = target if number == 0 else str(wanted.with_name(f"{wanted.stem}-{number}{wanted.suffix}"))
            if tree.link(self._name, named):
                break
            if self._is_same(named, tree):
                tree.sync(named)
                break
        tree.sync(folder)
        tree.unlink(self._name)
        return named

    def _is_same(self, kept: str, tree: Tree) -> bool:
        """Tell whether a kept file holds the same data set, whatever its file meta information says."""
        with tree.open(kept) as file:
            file.seek(data_set_at(file.read(144)) if self._meta_bytes else 0)
            return hashlib.file_digest(file, "sha256").digest() == self._digest.digest()


def data_set_at(head: bytes) -> int:
    """Return where the data set begins in a DICOM file (PS3.10 7.1), or 0 where it is none.

    128 bytes of preamble, `DICM`, then the group length (0002,0000) UL, which counts the bytes after itself.
    """
    if head[128:132] != b"DICM" or head[132:140] != b"\x02\x00\x00\x00UL\x04\x00" or len(head) < 144:
        return 0
    return 144 + int.from_bytes(head[140:144], "little")


def _checked(name: str) -> str:
    """Return a name that is safe as one component of a path; `ValueError` where it is not."""
    if not _NAME.match(name):
        raise ValueError(f"expected a plain file name (letters, digits, '.', '_', '-'), found {name!r}")
    return name
