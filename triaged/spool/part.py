"""A file that is being written, on this machine, until it is kept; knows not where that is."""

from __future__ import annotations

import hashlib
import os
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from secrets import token_hex
from types import TracebackType
from typing import Self

from triaged.errors import TryLater
from triaged.spool.durable import refusal
from triaged.spool.keeping import INCOMING, PART, QUARANTINE, Keeping, Written
from triaged.spool.names import checked
from triaged.spool.root import Root


@dataclass(frozen=True, slots=True)
class KeptFile:
    """A durable file: `path` is relative to the spool's root; digest and size are of the encoded data set.

    Of a result object or of bytes in quarantine they are of everything that was written without `write_meta`.
    """

    path: str
    sha256: str
    size_bytes: int


class PartFile:
    """A file being written; leaving the context without a commit removes it.

    File meta information goes through `write_meta` first: it names the sender, so it is kept, but it is not part of
    the digest, and two sendings that differ only there are the same instance.

    Raises:
        TryLater: the disk is full or unreachable; the sender has to be refused.
    """

    def __init__(self, root: Root, keeping: Keeping, target: str | None) -> None:
        self._root = root
        self._keeping = keeping
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
        return self._commit(f"{QUARANTINE}/{checked(name)}")

    def _write(self, content: bytes | bytearray | memoryview) -> None:
        try:
            written = self._file.write(content)
            while written < len(content):
                written += self._file.write(memoryview(content)[written:])
        except OSError as error:
            raise refusal(error) from error

    def _commit(self, target: str) -> KeptFile:
        self.sync()
        digest = self._digest.hexdigest()
        path = self._keeping.keep(Written(self._name, digest, self._meta_bytes), target)
        self._is_filed = True
        return KeptFile(path, digest, self._size_bytes)
