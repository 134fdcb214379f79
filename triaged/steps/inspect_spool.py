"""Compares the spool with the store, folder by folder, and repairs what a crash left between the two.

Nothing that was acknowledged is ever removed: an instance without a row gets one. Only what nobody refers to and is
older than an hour may be removed, and an instance only where the same content is kept under another name.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import assert_never

import structlog

from triaged.errors import UnreadableInstance
from triaged.spool.files import Spool
from triaged.spool.survey import INCOMING, PART, QUARANTINE, Found, Survey
from triaged.steps.adopt import Adoption
from triaged.store.studies.inventory import Inventory, Kept, Row
from triaged.study.records import Admission

log = structlog.get_logger()

AN_HOUR = timedelta(hours=1)
_RESULTS = "/results/"


class Fault(StrEnum):
    """How spool and store disagree about a file."""

    INSTANCE_WITHOUT_ROW = "instance without a row"
    QUARANTINE_WITHOUT_ROW = "quarantined file without a row"
    UNUSED_RESULT = "result that nobody refers to"
    UNFINISHED = "half-written file"
    UNKNOWN = "file of another name"
    DELETED = "file that was deleted on purpose, and is there"
    MISSING = "file is missing or too short"
    DAMAGED = "content is not what was kept"


_SURE = (Fault.UNFINISHED, Fault.INSTANCE_WITHOUT_ROW, Fault.DELETED)
"""What is removed unasked where it is old: nobody was told that it is kept, or the same is kept elsewhere,
or a power cut brought back what had been deleted."""


@dataclass(frozen=True, slots=True)
class Disagreement:
    """One file; `found` is None where it is missing, `detail` says what the store keeps it as."""

    fault: Fault
    path: str
    found: Found | None
    detail: str = ""


class Inspection:
    """Looks and repairs; raises `TryLater` while the store or the spool is away."""

    def __init__(self, inventory: Inventory, spool: Spool, adoption: Adoption) -> None:
        self._inventory = inventory
        self._spool = spool
        self._survey = Survey(spool)
        self._adoption = adoption

    def folders(self) -> list[str]:
        """Return all that is to be looked at, by name: what is there, and what should be."""
        return sorted({*self._survey.folders(), *self._inventory.studies(), QUARANTINE})

    def look(self, folder: str, *, digests: bool = False, older_than: datetime) -> list[Disagreement]:
        """Return how a folder disagrees with the store; files touched since `older_than` may be on their way."""
        files = [found for found in self._survey.files(folder) if found.path != folder]
        rows = self._rows(folder)
        old = (found for found in files if found.modified_at < older_than and found.path not in rows)
        without_row = [Disagreement(_fault(found.path), found.path, found) for found in old]
        back = (found for found in files if found.path in rows and rows[found.path].is_deleted)
        deleted = [Disagreement(Fault.DELETED, each.path, each) for each in back if each.modified_at < older_than]
        return without_row + deleted + self._broken(rows, digests)

    def repair(self, each: Disagreement, *, adopt: bool, remove: bool, now: datetime) -> str:
        """Do what may be done about a disagreement, and return what was done; empty where nothing was."""
        if each.found is None:
            return ""
        is_old = each.found.modified_at < now - AN_HOUR
        match each.fault:
            case Fault.INSTANCE_WITHOUT_ROW:
                return self._repair_instance(each.found, adopt=adopt, remove=remove and is_old, now=now)
            case Fault.QUARANTINE_WITHOUT_ROW:
                return self._adopted_aside(each.found, now) if adopt else ""
            case Fault.UNUSED_RESULT | Fault.DELETED:
                return self._removed(each.found) if remove and is_old else ""
            case Fault.UNFINISHED:
                return "removed" if remove and is_old and self._survey.remove(each.found) else ""
            case Fault.UNKNOWN | Fault.MISSING | Fault.DAMAGED:
                return ""
            case _:
                assert_never(each.fault)

    def record_missing(self, folder: str, disagreements: list[Disagreement], *, now: datetime) -> None:
        """Keep which files of a folder are missing, for those who are asked how the daemon is."""
        missing = {each.path: f"{each.fault}: {each.detail}" for each in disagreements if each.found is None}
        if self._inventory.record_missing(folder, missing, now=now):
            log.error("files are missing in the spool", folder=folder, files=len(missing))

    def _rows(self, folder: str) -> Mapping[str, Row]:
        if folder == INCOMING:
            return {}
        return self._inventory.quarantined() if folder == QUARANTINE else self._inventory.of_study(folder)

    def _broken(self, rows: Mapping[str, Row], digests: bool) -> list[Disagreement]:
        broken = []
        kept = [each for each in rows.values() if not each.is_deleted]
        whole = self._spool.are_whole([(row.path, row.size_bytes) for row in kept])
        for row, is_whole in zip(kept, whole, strict=True):
            if not is_whole:
                broken.append(Disagreement(Fault.MISSING, row.path, None, row.kept.value))
            elif digests and row.sha256 is not None and self._digest(row) != row.sha256:
                broken.append(Disagreement(Fault.DAMAGED, row.path, None, row.kept.value))
        return broken

    def _digest(self, row: Row) -> str | None:
        is_ours = row.kept is Kept.RESULT
        return self._spool.sha256_of_file(row.path) if is_ours else self._spool.sha256(row.path)

    def _repair_instance(self, found: Found, *, adopt: bool, remove: bool, now: datetime) -> str:
        if remove and not found.size_bytes and self._survey.remove(found):
            return "removed: it is empty"
        if remove and self._is_kept_elsewhere(found) and self._survey.remove(found):
            return "removed: the same content has another name"
        if not adopt:
            return ""
        try:
            admission = self._adoption.instance(found, now=now)
        except UnreadableInstance as unreadable:
            log.warning("file without a row cannot be admitted", path=found.path, why=str(unreadable))
            return ""
        if admission is Admission.OWN and remove and self._survey.remove(found):
            return "removed: it is one of our own objects"
        return f"admitted: {admission.value}" if admission in (Admission.NEW, Admission.CONFLICT) else ""

    def _adopted_aside(self, found: Found, now: datetime) -> str:
        self._adoption.quarantined(found, now=now)
        return "recorded"

    def _is_kept_elsewhere(self, found: Found) -> bool:
        """Tell whether a whole file of the same instance has a row and the same content."""
        sha256 = self._spool.sha256(found.path)
        name = found.path.rpartition("-")[0]
        same = (
            row
            for row in self._rows(found.path.partition("/")[0]).values()
            if row.sha256 == sha256 and name and row.path.startswith(name)
        )
        return sha256 is not None and any(self._spool.sha256(row.path) == sha256 for row in same)

    def _removed(self, found: Found) -> str:
        with self._inventory.unused(found.path.partition("/")[0], found.path) as is_unused:
            return "removed" if is_unused and self._survey.remove(found) else ""


class Watch:
    """The search of the clock: a few folders at a time, round after round."""

    def __init__(
        self, inspection: Inspection, inventory: Inventory, *, monotonic: Callable[[], float], at_most_s: float = 1.0
    ) -> None:
        self._inspection = inspection
        self._inventory = inventory
        self._monotonic = monotonic
        self._at_most_s = at_most_s

    def look_on(self, *, now: datetime) -> int:
        """Look at the next folders for a moment, admit old files without a row; return how many files were repaired."""
        until, last = self._monotonic() + self._at_most_s, self._inventory.looked_at()
        repaired = 0
        for folder in (name for name in self._inspection.folders() if name > last):
            disagreements = self._inspection.look(folder, older_than=now - AN_HOUR)
            self._inspection.record_missing(folder, disagreements, now=now)
            repaired += sum(
                bool(self._inspection.repair(each, adopt=True, remove=each.fault in _SURE, now=now))
                for each in disagreements
            )
            last = folder
            if self._monotonic() >= until:
                break
        else:
            last = ""
        self._inventory.look_on(last, now=now)
        return repaired


def _fault(path: str) -> Fault:
    top = path.partition("/")[0]
    if top == INCOMING:
        return Fault.UNFINISHED if path.endswith(PART) else Fault.UNKNOWN
    if top == QUARANTINE:
        return Fault.QUARANTINE_WITHOUT_ROW
    if _RESULTS in path:
        return Fault.UNUSED_RESULT
    return Fault.INSTANCE_WITHOUT_ROW if path.count("/") == 2 and path.endswith(".dcm") else Fault.UNKNOWN
