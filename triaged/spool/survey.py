"""What lies in the spool, file by file, for those who compare it with the store; knows no rows.

A file may be gone again when it is looked at. What is in the root and not ours, such as `lost+found`, is left alone.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from io import BufferedIOBase

from triaged.spool.durable import storage_errors
from triaged.spool.files import Spool
from triaged.spool.keeping import INCOMING, PART, QUARANTINE, Found, data_set_at
from triaged.study.uids import is_valid_uid

__all__ = ["INCOMING", "PART", "QUARANTINE", "Found", "Survey"]


class Survey:
    """Looks at a spool; every method raises `TryLater` while it is away."""

    def __init__(self, spool: Spool) -> None:
        self._keeping = spool.keeping

    def folders(self) -> list[str]:
        """Return our folders under the root: one for each study, and what is kept aside or still being written."""
        names = self._keeping.folders()
        return sorted(name for name in names if name in (INCOMING, QUARANTINE) or is_valid_uid(name))

    def files(self, folder: str) -> list[Found]:
        """Return every file in a folder under the root, at whatever depth; none where there is no such folder."""
        return self._keeping.files(folder)

    @contextmanager
    def data_set(self, path: str) -> Iterator[BufferedIOBase]:
        """Open a kept file where its data set begins."""
        with storage_errors(), self._keeping.reading(path) as file:
            file.seek(data_set_at(file.read(144)))
            yield file

    def remove(self, found: Found) -> bool:
        """Remove a file, unless it was written again since it was found, or is being written."""
        return self._keeping.remove_unchanged(found)

    def size(self, path: str) -> int:
        """Return how many bytes a file has; 0 where there is none."""
        (found,) = self._keeping.extents([path])
        return 0 if found is None else found.size_bytes

    def has_other_names(self, path: str) -> bool:
        """Tell whether a file is also elsewhere, by a hard link, as in a back-up: removing it frees nothing."""
        return self._keeping.has_other_names(path)

    def remove_all(self, paths: Sequence[str]) -> None:
        """Remove files, durably; some may be gone already."""
        self._keeping.remove(paths)

    def remove_empty(self, paths: Sequence[str]) -> None:
        """Remove the folders that such files were in, where nothing is left in them."""
        folders = {path.rpartition("/")[0] for path in paths} - {QUARANTINE, ""}
        self._keeping.remove_empty(sorted(folders | {each.partition("/")[0] for each in folders}, reverse=True))
