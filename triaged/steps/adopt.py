"""Makes the row of a file that a crash left without one, from the file itself and as the intake would have made it.

The sender had no answer: where it sends again, that is a duplicate. Knows no sockets.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from io import BufferedIOBase

import structlog

from triaged.dicom.header import read_header
from triaged.dicom.part10 import FileMeta, read_file_meta
from triaged.errors import UnreadableInstance
from triaged.spool.files import Spool
from triaged.spool.survey import Found, Survey
from triaged.steps.beginnings import Beginnings
from triaged.store.studies.arrivals import Arrivals
from triaged.store.studies.reception import Reception
from triaged.store.tables.views import Quarantined
from triaged.study.ranking_input import RankingPolicy
from triaged.study.records import Admission, Instance, ReceivedHeader

log = structlog.get_logger()

_PIECE = 64 * 1024


class Adoption:
    """Gives files their rows. Raises `UnreadableInstance` where a file does not say what it is."""

    def __init__(
        self, reception: Reception, arrivals: Arrivals, spool: Spool, *, ranking_policy: RankingPolicy
    ) -> None:
        self._reception = reception
        self._arrivals = arrivals
        self._spool = spool
        self._survey = Survey(spool)
        self._placing = ranking_policy
        self._beginnings = Beginnings()

    def instance(self, found: Found, *, now: datetime) -> Admission:
        """Admit a file of a study; one that was analysed is opened again, as by a late slice."""
        meta = read_file_meta(self._spool.absolute(found.path))
        header = self._header(found, meta)
        _demand_name(found.path, header)
        instance = self._instance(found, meta, header)
        admission = self._arrivals.admit(
            instance,
            header,
            None,
            ranking=self._placing,
            now=now,
            is_there=lambda path: self._spool.is_whole(path, instance.size_bytes),
        )
        log.info(
            "file without a row admitted",
            path=found.path,
            admission=admission.value,
            study_instance_uid=header.study_uid.value,
        )
        return admission

    def quarantined(self, found: Found, *, now: datetime) -> None:
        """Record bytes in quarantine; who sent them is known by the file meta information alone."""
        try:
            meta = read_file_meta(self._spool.absolute(found.path))
        except UnreadableInstance:
            meta = FileMeta("", "", "", "")
        sha256, size = self._content(found)
        self._reception.quarantine(
            Quarantined(
                at=now,
                path=found.path,
                reason="found without a row, after a crash",
                peer="",
                calling_ae_title=meta.source_ae_title,
                sop_class_uid=meta.sop_class_uid,
                sop_instance_uid_sent=meta.sop_instance_uid,
                transfer_syntax_uid=meta.transfer_syntax_uid,
                sha256=sha256,
                size_bytes=size,
            )
        )
        log.info("file without a row recorded", path=found.path)

    def _header(self, found: Found, meta: FileMeta) -> ReceivedHeader:
        with self._survey.data_set(found.path) as file:
            beginning = self._beginnings.read(_pieces(file), meta.transfer_syntax_uid)
        try:
            with self._beginnings.looking(beginning) as content:
                return read_header(
                    content,
                    transfer_syntax_uid=meta.transfer_syntax_uid,
                    sop_class_uid=meta.sop_class_uid,
                    sop_instance_uid=meta.sop_instance_uid,
                )
        finally:
            beginning.release()

    def _instance(self, found: Found, meta: FileMeta, header: ReceivedHeader) -> Instance:
        sha256, size = self._content(found)
        return Instance(
            study_uid=header.study_uid,
            series_uid=header.series_uid,
            sop_instance_uid=header.sop_instance_uid,
            transfer_syntax_uid=meta.transfer_syntax_uid,
            path=found.path,
            sha256=sha256,
            size_bytes=size,
            received_at=found.modified_at,
            image=header.image,
        )

    def _content(self, found: Found) -> tuple[str, int]:
        sha256 = self._spool.sha256(found.path)
        if sha256 is None:
            raise UnreadableInstance("expected a file that can be read, found one that cannot")
        with self._survey.data_set(found.path) as file:
            return sha256, found.size_bytes - file.tell()


def _pieces(file: BufferedIOBase) -> Iterator[bytes]:
    return iter(lambda: file.read(_PIECE), b"")


def _demand_name(path: str, header: ReceivedHeader) -> None:
    expected = f"{header.study_uid.value}/{header.series_uid.value}/{header.sop_instance_uid.value}"
    if path.removesuffix(".dcm") != expected and not path.startswith(f"{expected}-"):
        raise UnreadableInstance(f"expected a name that begins with {expected}")
