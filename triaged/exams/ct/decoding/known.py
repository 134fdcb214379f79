"""Remembers the headers of files that were read while their series arrived, so that they are not read again.

A file is known by path, number on the disk, size and time of its last change: any other file is read.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from pydicom import Dataset

from triaged.dicom.files import read_header_only

MOST_HEADERS: Final = 1024
"""Bounds memory: a header of one slice takes about 30 KiB."""

_File = tuple[Path, int, int, int]


class KnownHeaders:
    """Headers of files that are there before their series is whole."""

    def __init__(self) -> None:
        self._known: OrderedDict[_File, Dataset] = OrderedDict()

    def unknown(self, paths: Sequence[Path]) -> list[Path]:
        """Return those of some files that were not read yet."""
        return [path for path in paths if _file(path) not in self._known]

    def read(self, path: Path) -> Dataset:
        """Return the header of a file, and remember it; errors as `read_header_only`, which see."""
        file = _file(path)
        header = self._known.get(file) if file is not None else None
        if header is None:
            header = read_header_only(path)
            if file is not None:
                self._known[file] = header
        while len(self._known) > MOST_HEADERS:
            self._known.popitem(last=False)
        return header

    def take(self, path: Path) -> Dataset:
        """Return the header of a file, which is the caller's then; errors as `read_header_only`, which see."""
        file = _file(path)
        header = self._known.pop(file, None) if file is not None else None
        return read_header_only(path) if header is None else header

    def forget(self) -> None:
        """Forget what was not taken."""
        self._known.clear()


def _file(path: Path) -> _File | None:
    """Return what a file is known by; None where it is gone, which whoever reads it will say."""
    try:
        found = path.stat()
    except OSError:
        return None
    return path, found.st_ino, found.st_size, found.st_mtime_ns
