"""What lies in the spool, file by file, for those who compare it with the store; knows no rows.

A file may be gone again when it is looked at. What is in the root and not ours, such as `lost+found`, is left alone.
"""

from __future__ import annotations

import stat
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from io import BufferedReader

from triaged.spool.durable import Tree
from triaged.spool.files import INCOMING, PART, QUARANTINE, Spool, data_set_at
from triaged.study.uids import is_valid_uid

__all__ = ["INCOMING", "PART", "QUARANTINE", "Found", "Survey"]


@dataclass(frozen=True, slots=True)
class Found:
    """A file: `path` is relative to the root, `modified_at` when it was written or made again."""

    path: str
    size_bytes: int
    modified_at: datetime


class Survey:
    """Looks at a spool; every method raises `TryLater` while it is away."""

    def __init__(self, spool: Spool) -> None:
        self._spool = spool

    def folders(self) -> list[str]:
        """Return our folders under the root: one for each study, and what is kept aside or still being written."""
        with self._spool.opened() as tree:
            return sorted(name for name in tree.names(".") if name in (INCOMING, QUARANTINE) or is_valid_uid(name))

    def files(self, folder: str) -> list[Found]:
        """Return every file in a folder right under the root, at whatever depth; none where there is no such folder."""
        with self._spool.opened() as tree:
            return sorted(_files(tree, folder), key=lambda found: found.path)

    @contextmanager
    def data_set(self, path: str) -> Iterator[BufferedReader]:
        """Open a kept file where its data set begins."""
        with self._spool.opened() as tree, tree.open(path) as file:
            file.seek(data_set_at(file.read(144)))
            yield file

    def remove(self, found: Found) -> bool:
        """Remove a file, unless it was written again since it was found, or is being written."""
        with self._spool.opened() as tree, suppress(FileNotFoundError):
            is_the_same = tree.stat(found.path).st_mtime <= found.modified_at.timestamp() + 1e-6
            if is_the_same and not tree.is_held(found.path):
                tree.unlink(found.path)
                return True
        return False

    def size(self, path: str) -> int:
        """Return how many bytes a file has; 0 where there is none."""
        with self._spool.opened() as tree, suppress(FileNotFoundError):
            return tree.stat(path).st_size
        return 0

    def has_other_names(self, path: str) -> bool:
        """Tell whether a file is also elsewhere, by a hard link, as in a back-up: removing it frees nothing."""
        with self._spool.opened() as tree, suppress(FileNotFoundError):
            return tree.stat(path).st_nlink > 1
        return False

    def remove_all(self, paths: Sequence[str]) -> None:
        """Remove files, durably; some may be gone already."""
        with self._spool.opened() as tree:
            for path in paths:
                tree.unlink(path)
            for folder in {path.rpartition("/")[0] for path in paths}:
                with suppress(FileNotFoundError):
                    tree.sync(folder)

    def remove_empty(self, paths: Sequence[str]) -> None:
        """Remove the folders that such files were in, where nothing is left in them."""
        folders = {path.rpartition("/")[0] for path in paths} - {QUARANTINE, ""}
        with self._spool.opened() as tree:
            for folder in sorted(folders | {each.partition("/")[0] for each in folders}, reverse=True):
                tree.remove_empty(folder)


def _files(tree: Tree, name: str) -> Iterator[Found]:
    try:
        what = tree.stat(name)
        if stat.S_ISDIR(what.st_mode):
            for each in tree.names(name):
                yield from _files(tree, f"{name}/{each}")
        elif stat.S_ISREG(what.st_mode):
            yield Found(name, what.st_size, datetime.fromtimestamp(what.st_mtime, UTC))
    except FileNotFoundError:
        return
