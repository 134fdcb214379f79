"""What a place has to do that keeps the spool's files, and the words that all such places share.

A file is written below the root of the spool on this machine first, and from there it is kept: in that folder itself
(`folder`), or in a bucket, of which the folder then is a cache (`bucket`). Knows neither.
"""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import datetime
from io import BufferedIOBase
from pathlib import PurePosixPath
from typing import Final, Protocol

INCOMING: Final = "incoming"
QUARANTINE: Final = "quarantine"
PART: Final = ".part"


@dataclass(frozen=True, slots=True)
class Written:
    """A synced file below `incoming/` on its way to its name; `meta_bytes` come before what the digest is of."""

    path: str
    sha256: str
    meta_bytes: int


@dataclass(frozen=True, slots=True)
class Found:
    """A file: `path` is relative to the root, `modified_at` when it was written or made again."""

    path: str
    size_bytes: int
    modified_at: datetime


@dataclass(frozen=True, slots=True)
class Extent:
    """How many bytes a kept file has, and how many of them come before its data set."""

    size_bytes: int
    meta_bytes: int


class Keeping(Protocol):
    """Keeps files under their paths, whole and for good. None ever changes under its path.

    Raises:
        TryLater: it is away, is not the spool that was meant, or refuses.
    """

    def check_present(self) -> None:
        """Refuse where it is not the spool that was meant."""

    def check_writable(self) -> None:
        """Refuse where nothing can be kept, by trying; that this machine's folder can be written to is known."""

    def keep(self, written: Written, target: str) -> str:
        """Make a file durable under a path, or one with a number where other content has it; return the path.

        Where the same content is there already, whatever its file meta information says, that file is the answer.
        """

    def bring(self, paths: Sequence[str]) -> int:
        """Let files lie under the root on this machine, as far as they are kept; return how many had to be fetched."""

    def reading(self, path: str) -> AbstractContextManager[BufferedIOBase]:
        """Open what is kept, not a copy that was made earlier; `FileNotFoundError` where it is not."""

    def extents(self, paths: Sequence[str]) -> list[Extent | None]:
        """Return how large kept files are; None for what is not kept."""

    def folders(self) -> list[str]:
        """Return the names right under the root."""

    def files(self, folder: str) -> list[Found]:
        """Return every file below a folder, at whatever depth; none where there is no such folder."""

    def remove(self, paths: Sequence[str]) -> None:
        """Remove files, durably; some may be gone already."""

    def remove_unchanged(self, found: Found) -> bool:
        """Remove a file, unless it was written again since it was found, or is being written."""

    def remove_empty(self, folders: Sequence[str]) -> None:
        """Remove folders in which nothing is left."""

    def has_other_names(self, path: str) -> bool:
        """Tell whether removing a file would free nothing, since it is also elsewhere by a hard link."""

    def tidy(self, *, now: datetime) -> int:
        """Remove copies that this machine need not have any more; return how many."""


def data_set_at(head: bytes) -> int:
    """Return where the data set begins in a DICOM file (PS3.10 7.1), or 0 where it is none.

    128 bytes of preamble, `DICM`, then the group length (0002,0000) UL, which counts the bytes after itself.
    """
    if head[128:132] != b"DICM" or head[132:140] != b"\x02\x00\x00\x00UL\x04\x00" or len(head) < 144:
        return 0
    return 144 + int.from_bytes(head[140:144], "little")


def numbered(target: str, number: int) -> str:
    """Return the name that a file gets where so many others have come before under the same: `x.dcm`, `x-1.dcm`, ..."""
    if number == 0:
        return target
    path = PurePosixPath(target)
    return str(path.with_name(f"{path.stem}-{number}{path.suffix}"))
