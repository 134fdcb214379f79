"""Files for a back-up and out of one: by hard link where that can be, else as synced copies, each with its digest.

Files of a spool never change under their names, so a second name of one is as good as a copy while the disk lives.
"""

from __future__ import annotations

import hashlib
import os
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from io import BufferedIOBase
from pathlib import Path, PurePosixPath

from triaged.errors import TriagedError

_PIECE = 1024 * 1024


class NotEmpty(TriagedError):
    """Tell whoever asked: files are only written into places where nothing is."""


@dataclass(frozen=True, slots=True)
class Digest:
    """The digest of a whole file, and its length."""

    sha256: str
    size_bytes: int


def demand_empty(folder: Path) -> None:
    """Make a folder for its owner alone; `NotEmpty` where there is one with something in it."""
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    found = next(folder.iterdir(), None)
    if found is not None:
        raise NotEmpty(f"expected an empty folder, found {found.name} in {folder}")


def place(source: Path, target: Path, *, link: bool) -> bool:
    """Let a file be at `target` too, by a link if that is wanted and can be; False where there is no such file."""
    target.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    if link:
        try:
            os.link(source, target)
        except FileNotFoundError:
            return False
        except OSError:
            link = False  # another file system, or one without links
    return link or copy(source, target) is not None


def copy(source: Path, target: Path) -> Digest | None:
    """Copy a file, synced, and return the digest of what was read; None where there is no such file."""
    target.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    try:
        reading = source.open("rb")
    except FileNotFoundError:
        return None
    digest, size = hashlib.sha256(), 0
    with reading, target.open("xb") as writing:
        while piece := reading.read(_PIECE):
            digest.update(piece)
            size += writing.write(piece)
        writing.flush()
        os.fsync(writing.fileno())
    shutil.copystat(source, target)
    return Digest(digest.hexdigest(), size)


def write_from(file: BufferedIOBase, target: Path) -> None:
    """Write what is in an open file to another place, synced, for its owner alone."""
    target.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    with os.fdopen(os.open(target, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600), "wb") as writing:
        shutil.copyfileobj(file, writing, _PIECE)
        writing.flush()
        os.fsync(writing.fileno())


def digest_of(path: Path) -> Digest | None:
    """Return the digest of a file; None where it cannot be read."""
    try:
        with path.open("rb") as file:
            return Digest(hashlib.file_digest(file, "sha256").hexdigest(), file.tell())
    except OSError:
        return None


def write(target: Path, content: bytes) -> Digest:
    """Write a small file, synced, for its owner alone."""
    target.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    with os.fdopen(os.open(target, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600), "wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
    return Digest(hashlib.sha256(content).hexdigest(), len(content))


class DigestList:
    """A file of digests that `sha256sum -c` reads, too: one line for each file below the folder of the list."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._file = os.fdopen(os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600), "w", encoding="utf-8")

    def add(self, name: str, sha256: str) -> None:
        """Add a file."""
        self._file.write(f"{sha256}  {name}\n")

    def close(self) -> None:
        """End the list, synced."""
        self._file.flush()
        os.fsync(self._file.fileno())
        self._file.close()


def read_digests(path: Path) -> Iterator[tuple[str, str]]:
    """Return name and digest of each line of such a file; `ValueError` where a name leads out of the folder."""
    with path.open(encoding="utf-8") as file:
        for line in file:
            sha256, _, name = line.rstrip("\n").partition("  ")
            parts = PurePosixPath(name).parts
            if len(sha256) != 64 or not parts or name.startswith("/") or ".." in parts:
                raise ValueError(f"expected a digest and a name below the folder, found {line[:80]!r}")
            yield name, sha256


def sync_folders(root: Path) -> None:
    """Wait until all names below a folder are on the disk."""
    for folder in [root, *(path for path in root.rglob("*") if path.is_dir())]:
        descriptor = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
