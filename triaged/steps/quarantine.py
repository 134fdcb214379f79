"""Settles what stands in quarantine: shows it, files it after its header was mended, or deletes it.

Knows no pages and no commands.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from datetime import datetime

from triaged.dicom.header import read_header
from triaged.dicom.mending import MENDABLE, mended
from triaged.errors import ActionRefused, TryLater, UnreadableInstance
from triaged.spool.files import Spool
from triaged.spool.keeping import data_set_at
from triaged.spool.part import KeptFile
from triaged.steps.intake import Intake, Offer
from triaged.store.studies.quarantines import Aside, Quarantines
from triaged.study.records import Admission

LONGEST = 512 * 1024 * 1024
"""What is longer is not read into memory to be mended."""
_PIECE = 1024 * 1024


class Quarantine:
    """What is aside; whoever calls says who asked, and writes that down.

    Raises:
        UnknownQuarantined: there is no such number.
        TryLater: store or spool are unreachable.
    """

    def __init__(self, rows: Quarantines, spool: Spool, intake: Intake, clock: Callable[[], datetime]) -> None:
        self._rows = rows
        self._spool = spool
        self._intake = intake
        self._clock = clock

    def all(self) -> list[Aside]:
        """Return what is there, the newest first."""
        return self._rows.all()

    def release(self, number: int, changes: Mapping[str, str]) -> str:
        """File it as if its sender had sent it now, with attributes set; return the study that it is of.

        The bytes as they were sent go once the instance is kept.

        Raises:
            ActionRefused: it still cannot be filed, or an attribute may not be set; nothing has changed.
        """
        unknown = [keyword for keyword in changes if keyword not in MENDABLE]
        if unknown:
            raise ActionRefused(f"expected one of {', '.join(MENDABLE)}, found {unknown[0]}")
        aside = self._rows.one(number)
        if aside.kept.size_bytes > LONGEST:
            raise ActionRefused(f"expected at most {LONGEST} bytes to mend, found {aside.kept.size_bytes}")
        content = self._read(aside)
        kept = aside.kept
        try:
            data_set = (
                mended(content, changes, transfer_syntax_uid=kept.transfer_syntax_uid)
                if changes
                else content[data_set_at(content[:144]) :]
            )
            uid = changes.get("SOPInstanceUID", kept.sop_instance_uid_sent)
            class_uid = changes.get("SOPClassUID", kept.sop_class_uid)
            read_header(
                data_set,
                transfer_syntax_uid=kept.transfer_syntax_uid,
                sop_class_uid=class_uid,
                sop_instance_uid=uid,
            )
        except UnreadableInstance as unreadable:
            raise ActionRefused(f"it still cannot be filed: {unreadable}") from None
        study_uid = self._file(Offer(class_uid, uid, kept.transfer_syntax_uid), data_set, aside)
        self._forget(aside)
        return study_uid

    def delete(self, number: int) -> Aside:
        """Remove row and file for ever, and return what it was; `ActionRefused` where its sender was promised it."""
        aside = self._rows.one(number)
        if aside.promised:
            raise ActionRefused("its sender was promised by storage commitment that it is kept")
        self._forget(aside)
        return aside

    def _file(self, offer: Offer, data_set: bytes, aside: Aside) -> str:
        sender = self._intake.open_association(
            peer=aside.kept.peer, calling_ae_title=aside.kept.calling_ae_title, now=self._clock()
        )
        try:
            pieces = (data_set[start : start + _PIECE] for start in range(0, len(data_set), _PIECE))
            done = self._intake.keep(offer, pieces, sender, clock=self._clock)
        finally:
            self._intake.close_association(sender, now=self._clock())
        if done.admission in (Admission.QUARANTINED, Admission.OWN):
            raise ActionRefused(f"it was not filed: {done.admission.value.lower()}")
        return done.study_uid

    def _read(self, aside: Aside) -> bytes:
        try:
            return self._spool.absolute(aside.kept.path).read_bytes()
        except OSError as error:
            raise TryLater(f"the file in quarantine cannot be read: {error.strerror}") from None

    def _forget(self, aside: Aside) -> None:
        if self._rows.forget(aside.number):
            self._spool.discard(KeptFile(aside.kept.path, aside.kept.sha256, aside.kept.size_bytes))


def changes_of(texts: Iterator[str]) -> dict[str, str]:
    """Return attributes to set, each as `Keyword=value`; `ActionRefused` where one is not."""
    found = {}
    for text in texts:
        keyword, separator, value = text.partition("=")
        if not separator or not keyword.strip():
            raise ActionRefused("expected Keyword=value, such as StudyInstanceUID=1.2.3")
        found[keyword.strip()] = value.strip()
    return found
