"""Keeps the spool's files in the root folder itself, which is one file system for every machine, such as NFS.

A name is taken by `link`, which never replaces one, and is durable once its folder is synced. Knows no database.
"""

from __future__ import annotations

import hashlib
import os
import stat
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from io import BufferedReader
from itertools import count

from triaged.spool.durable import Tree
from triaged.spool.keeping import Extent, Found, Written, data_set_at, numbered
from triaged.spool.root import Root


class Folder:
    """A folder that keeps what is in it; see `Keeping`."""

    def __init__(self, root: Root) -> None:
        self._root = root

    def check_present(self) -> None:
        """Refuse where the root is not the spool that was meant, e.g. while its file system is not mounted."""
        with self._root.opened():
            pass

    def check_writable(self) -> None:
        """Do nothing: what can be begun here can be kept here."""

    def keep(self, written: Written, target: str) -> str:
        """Give a synced file its name, or one with a number; see `Keeping.keep`.

        Where the same content is there already, from a sender that repeats itself or from before a crash, that file is
        the answer: it is synced again, since a crash may have come between its rename and its sync.
        """
        folder = target.rpartition("/")[0]
        with self._root.opened() as tree:
            tree.ensure(folder)
            for number in count():
                named = numbered(target, number)
                if tree.link(written.path, named):
                    break
                if _is_same(tree, named, written):
                    tree.sync(named)
                    break
            tree.sync(folder)
            tree.unlink(written.path)
        return named

    def bring(self, paths: Sequence[str]) -> int:  # noqa: ARG002
        """Do nothing: all that is kept lies here."""
        return 0

    @contextmanager
    def reading(self, path: str) -> Iterator[BufferedReader]:
        """Open a file."""
        found = self._open(path)
        if isinstance(found, OSError):
            raise found
        with found:
            yield found

    def extents(self, paths: Sequence[str]) -> list[Extent | None]:
        """Return how large files are; None for what is not there."""
        return [self._extent(path) for path in paths]

    def _extent(self, path: str) -> Extent | None:
        with self._root.opened() as tree:
            try:
                with tree.open(path) as file:
                    meta_bytes = data_set_at(file.read(144))
                    return Extent(file.seek(0, os.SEEK_END), meta_bytes)
            except FileNotFoundError:
                return None

    def folders(self) -> list[str]:
        """Return the names right under the root."""
        with self._root.opened() as tree:
            return tree.names(".")

    def files(self, folder: str) -> list[Found]:
        """Return every file below a folder; what is gone again when it is looked at is left out."""
        with self._root.opened() as tree:
            return sorted(_files(tree, folder), key=lambda found: found.path)

    def remove(self, paths: Sequence[str]) -> None:
        """Remove files, durably; some may be gone already."""
        with self._root.opened() as tree:
            for path in paths:
                tree.unlink(path)
            for folder in {path.rpartition("/")[0] for path in paths}:
                with suppress(FileNotFoundError):
                    tree.sync(folder)

    def remove_unchanged(self, found: Found) -> bool:
        """Remove a file, unless it was written again since it was found, or is being written."""
        with self._root.opened() as tree, suppress(FileNotFoundError):
            is_the_same = tree.stat(found.path).st_mtime <= found.modified_at.timestamp() + 1e-6
            if is_the_same and not tree.is_held(found.path):
                tree.unlink(found.path)
                return True
        return False

    def remove_empty(self, folders: Sequence[str]) -> None:
        """Remove folders in which nothing is left; some may be gone already."""
        with self._root.opened() as tree:
            for folder in folders:
                tree.remove_empty(folder)

    def has_other_names(self, path: str) -> bool:
        """Tell whether a file is also elsewhere, by a hard link, as in a back-up."""
        with self._root.opened() as tree, suppress(FileNotFoundError):
            return tree.stat(path).st_nlink > 1
        return False

    def tidy(self, *, now: datetime) -> int:  # noqa: ARG002
        """Do nothing: there are no copies."""
        return 0

    def _open(self, path: str) -> BufferedReader | OSError:
        with self._root.opened() as tree:
            try:
                return tree.open(path)
            except OSError as error:  # of this file alone: whoever asks knows what that means
                return error


def _is_same(tree: Tree, kept: str, written: Written) -> bool:
    """Tell whether a kept file holds the same data set, whatever its file meta information says."""
    with tree.open(kept) as file:
        file.seek(data_set_at(file.read(144)) if written.meta_bytes else 0)
        return hashlib.file_digest(file, "sha256").hexdigest() == written.sha256


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
