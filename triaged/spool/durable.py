"""What it takes on a POSIX file system for a file to be there after a power cut.

Data are synced before the file has its name, and a name is durable only after its folder is synced, and so is a
folder's own name.
"""

from __future__ import annotations

import errno
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from triaged.errors import TryLater

_NO_LINKS = (errno.EPERM, errno.ENOTSUP, errno.EOPNOTSUPP, errno.ENOSYS, errno.EMLINK)
_REMEMBERED = 10_000


class Folders:
    """Folders under a root that this process has made durable, so that each is synced into its parent once."""

    def __init__(self, root: Path) -> None:
        self._root = root
        self._durable: dict[Path, None] = {}

    def ensure(self, folder: Path) -> None:
        """Make a folder under the root, or the root, with all that lead to it, durable.

        A folder that exists may have been made a moment ago by another process that has not synced it yet, so the first
        use in this process syncs it again. One that somebody has cleared away meanwhile is made again.
        """
        if folder in self._durable and folder.is_dir():
            return
        if folder != self._root:
            self.ensure(folder.parent)
        folder.mkdir(mode=0o750, parents=folder == self._root, exist_ok=True)
        self.sync(folder.parent)
        if len(self._durable) >= _REMEMBERED:
            self._durable.clear()
        self._durable[folder] = None

    def sync(self, folder: Path) -> None:
        """Make the names in a folder durable."""
        sync_file(folder)


def sync_file(path: Path) -> None:
    """Wait until a file, or the names in a folder, are on the disk."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def link_without_overwriting(source: Path, target: Path) -> bool:
    """Give a file a second name; False where another file has that name. Unlike a rename, it never replaces one."""
    try:
        os.link(source, target)
    except FileExistsError:
        return False
    except OSError as error:
        if error.errno not in _NO_LINKS:
            raise
        return _rename_onto_placeholder(source, target)
    return True


def _rename_onto_placeholder(source: Path, target: Path) -> bool:
    """Rename on a file system without hard links: reserve the name with an empty file first."""
    try:
        os.close(os.open(target, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o640))
    except FileExistsError:
        return False
    os.rename(source, target)
    return True


@contextmanager
def storage_errors() -> Iterator[None]:
    """Turn what the file system refuses into `TryLater`: it may have space again, or come back."""
    try:
        yield
    except OSError as error:
        raise TryLater(f"the spool's file system refused: {error.strerror or error}") from error
