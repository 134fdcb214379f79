"""The spool's root folder, which is only ever the one that was meant: never the empty mount point under it.

A marker file in it names the spool. The root is made once, by `established`; from then on whoever finds another folder
in its place, or none, comes again later. Knows nothing of what is kept in it.
"""

from __future__ import annotations

import os
import uuid
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from triaged.errors import TryLater
from triaged.spool.durable import Tree, storage_errors

MARKER = ".triaged-spool"
"""The name of the file in the root whose one line is the identity of the spool."""
_SHOWN = 8

_Numbers = tuple[int, int, int, int]
"""Device and inode of the root, and of its marker: what tells a folder from another of the same name."""


class Root:
    """The root folder of the spool of an identity; without one, of whatever is there, or made, at the first use."""

    def __init__(self, path: Path, identity: str | None = None, marker: str = MARKER) -> None:
        self.path = path
        self._identity = identity
        self._marker = marker
        self._known: tuple[_Numbers, dict[str, None]] | None = None

    @contextmanager
    def opened(self) -> Iterator[Tree]:
        """Open the root for one operation, no longer: an open folder would keep its file system from being unmounted.

        Raises:
            TryLater: it is not there, or not the one that was meant; or the file system refuses what is done with it.
        """
        identity = self._identity = self._identity or established(self.path)
        with storage_errors():
            descriptor = _open(self.path, identity)
            try:
                yield Tree(descriptor, self._verified(descriptor, identity))
            finally:
                os.close(descriptor)

    def _verified(self, descriptor: int, identity: str) -> dict[str, None]:
        """Return what this process has synced in this very folder; a file system that comes back may have lost it."""
        numbers = _numbers(descriptor, self._marker)
        if numbers is None:
            raise TryLater(f"{_expected(self.path, identity)}, found a folder that is no spool: is it mounted?")
        if self._known is None or self._known[0] != numbers:
            found = _read_marker(descriptor, self._marker)
            if found != identity:
                raise TryLater(f"{_expected(self.path, identity)}, found the spool {found[:_SHOWN]}")
            self._known = numbers, {}
        return self._known[1]


@dataclass(frozen=True, slots=True)
class FolderPlace:
    """A folder as a place where a spool is looked for and made; see `Place`."""

    path: Path

    def __str__(self) -> str:
        return str(self.path)

    def is_marked(self) -> bool:
        """Tell whether there is a spool."""
        return is_marked(self.path)

    def established(self) -> str:
        """Return the identity of the spool, which is made where there is none."""
        return established(self.path)

    def holds_any(self, paths: Sequence[str]) -> bool:
        """Tell whether one of these files is there."""
        return any((self.path / each).is_file() for each in paths)


class Place(Protocol):
    """Where a spool is looked for before its name is known, and made at the first start; `str` says where that is.

    Raises:
        TryLater: it cannot be looked at, or made.
    """

    def is_marked(self) -> bool:
        """Tell whether there is a spool."""

    def established(self) -> str:
        """Return the identity of the spool, which is made where there is none: for the first start alone."""

    def holds_any(self, paths: Sequence[str]) -> bool:
        """Tell whether one of these files is there."""


def established(path: Path, marker: str = MARKER, name: str = "") -> str:
    """Return the identity of the spool at a path, which is made where there is none: for the first start alone.

    Of several processes that start at once, one names the spool: as it likes, or as it is told.

    Raises:
        TryLater: it cannot be made.
    """
    with storage_errors():
        path.mkdir(mode=0o750, parents=True, exist_ok=True)
        descriptor = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        try:
            if _numbers(descriptor, marker) is None:
                _mark(Tree(descriptor, {}), marker, name or str(uuid.uuid4()))
                _sync(path.parent)
            return _read_marker(descriptor, marker)
        finally:
            os.close(descriptor)


def is_marked(path: Path) -> bool:
    """Tell whether there is a spool at a path; `TryLater` where that cannot be seen."""
    with storage_errors():
        return (path / MARKER).exists()


def _mark(root: Tree, marker: str, name: str) -> None:
    """Name a spool durably; a name that another process gave it a moment earlier stays."""
    draft = f"{marker}.{uuid.uuid4()}"
    try:
        with root.create(draft) as file:
            file.write(f"{name}\n".encode())
            os.fsync(file.fileno())
        root.link(draft, marker)
    finally:
        root.unlink(draft)
    root.sync(".")


def _open(path: Path, identity: str) -> int:
    try:
        return os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    except FileNotFoundError:
        raise TryLater(f"{_expected(path, identity)}, found no folder: is it mounted?") from None


def _numbers(descriptor: int, name: str) -> _Numbers | None:
    """Return what tells this folder from another, or None where it has no marker."""
    with suppress(FileNotFoundError):
        root, marker = os.fstat(descriptor), os.stat(name, dir_fd=descriptor)
        return root.st_dev, root.st_ino, marker.st_dev, marker.st_ino
    return None


def _read_marker(descriptor: int, name: str) -> str:
    with Tree(descriptor, {}).open(name) as file:
        identity = file.read(200).decode("ascii", "replace").strip()
    if not identity:  # on a file system without links it is empty for a moment
        raise TryLater(f"expected the name of a spool in {name}, found it empty")
    return identity


def _sync(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _expected(path: Path, identity: str) -> str:
    return f"expected the spool {identity[:_SHOWN]} at {path}"
