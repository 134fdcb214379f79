"""What it takes on a POSIX file system for a file to be there after a power cut.

Data are synced before the file has its name, and a name is durable only after its folder is synced, and so is a
folder's own name. All names are relative to a folder that is open: whatever is mounted over its path meanwhile, nothing
is written elsewhere.
"""

from __future__ import annotations

import errno
import fcntl
import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from io import BufferedReader, FileIO

from triaged.errors import TryLater

_NO_LINKS = (errno.EPERM, errno.ENOTSUP, errno.EOPNOTSUPP, errno.ENOSYS, errno.EMLINK)
_REMEMBERED = 10_000


class Tree:
    """A folder that is open, with all below it.

    `synced` are the folders below it that this process has made durable, so that each is synced into its parent once.
    """

    def __init__(self, descriptor: int, synced: dict[str, None]) -> None:
        self.descriptor = descriptor
        self._synced = synced

    def ensure(self, folder: str) -> None:
        """Make a folder, with all that lead to it, durable.

        A folder that exists may have been made a moment ago by another process that has not synced it yet, so the first
        use in this process syncs it again. One that somebody has cleared away meanwhile is made again.
        """
        if folder in self._synced and self.has(folder):
            return
        parent = _parent(folder)
        if parent != ".":
            self.ensure(parent)
        try:
            os.mkdir(folder, 0o750, dir_fd=self.descriptor)
        except FileExistsError:
            if not stat.S_ISDIR(self.stat(folder).st_mode):
                raise
        self.sync(parent)
        if len(self._synced) >= _REMEMBERED:
            self._synced.clear()
        self._synced[folder] = None

    def has(self, name: str) -> bool:
        """Tell whether a file or folder is there."""
        try:
            self.stat(name)
        except FileNotFoundError:
            return False
        return True

    def stat(self, name: str) -> os.stat_result:
        """Return what the file system says of a file or folder."""
        return os.stat(name, dir_fd=self.descriptor)

    def names(self, folder: str) -> list[str]:
        """Return the names in a folder."""
        descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC, dir_fd=self.descriptor)
        try:
            return os.listdir(descriptor)
        finally:
            os.close(descriptor)

    def create(self, name: str) -> FileIO:
        """Begin a file that nobody else has begun, unbuffered."""
        flags = os.O_CREAT | os.O_EXCL | os.O_WRONLY | os.O_CLOEXEC
        return os.fdopen(os.open(name, flags, 0o600, dir_fd=self.descriptor), "wb", buffering=0)

    def create_held(self, name: str) -> FileIO:
        """Begin a file that everybody can tell is being written until it is closed, or this process ends."""
        file = self.create(name)
        with suppress(OSError):  # a file system without such locks: its age has to tell
            fcntl.flock(file.fileno(), fcntl.LOCK_EX | fcntl.LOCK_NB)
        return file

    def is_held(self, name: str) -> bool:
        """Tell whether a file is being written, as far as the file system can tell."""
        with self.open(name) as file:
            try:  # a shared lock: NFS gives no other to who only reads
                fcntl.flock(file.fileno(), fcntl.LOCK_SH | fcntl.LOCK_NB)
            except BlockingIOError:
                return True
            except OSError:
                return False
        return False

    def open(self, name: str) -> BufferedReader:
        """Open a file for reading."""
        return os.fdopen(os.open(name, os.O_RDONLY | os.O_CLOEXEC, dir_fd=self.descriptor), "rb")

    def sync(self, name: str) -> None:
        """Wait until a file, or the names in a folder, are on the disk."""
        descriptor = os.open(name, os.O_RDONLY | os.O_CLOEXEC, dir_fd=self.descriptor)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)

    def link(self, source: str, target: str) -> bool:
        """Give a file a second name; False where another file has that name. Unlike a rename, it never replaces one."""
        try:
            os.link(source, target, src_dir_fd=self.descriptor, dst_dir_fd=self.descriptor)
        except FileExistsError:
            return False
        except OSError as error:
            if error.errno not in _NO_LINKS:
                raise
            return self._rename_onto_placeholder(source, target)
        return True

    def unlink(self, name: str) -> None:
        """Remove a file; it may be gone already."""
        with suppress(FileNotFoundError):
            os.unlink(name, dir_fd=self.descriptor)

    def remove_empty(self, folder: str) -> None:
        """Remove a folder if nothing is in it; it may be gone already."""
        try:
            os.rmdir(folder, dir_fd=self.descriptor)
        except OSError as error:
            if error.errno not in (errno.ENOTEMPTY, errno.EEXIST, errno.ENOENT):
                raise
        else:
            self._synced.pop(folder, None)

    def _rename_onto_placeholder(self, source: str, target: str) -> bool:
        """Rename on a file system without hard links: reserve the name with an empty file first."""
        try:
            self.create(target).close()
        except FileExistsError:
            return False
        os.rename(source, target, src_dir_fd=self.descriptor, dst_dir_fd=self.descriptor)
        return True


@contextmanager
def storage_errors() -> Iterator[None]:
    """Turn what the file system refuses into `TryLater`: it may have space again, or come back."""
    try:
        yield
    except OSError as error:
        raise refusal(error) from error


def refusal(error: OSError) -> TryLater:
    """Return what a refusal of the file system means to a sender."""
    return TryLater(f"the spool's file system refused: {error.strerror or error}")


def _parent(name: str) -> str:
    return name.rpartition("/")[0] or "."
