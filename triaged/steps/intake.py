"""Takes in what a sender stores: bytes to the spool, a row to the store, and only then an answer.

Knows no sockets: the content arrives in pieces from whoever receives them, and a refusal is `TryLater`. Nothing is
acknowledged that a crash in the next instant could lose.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path

import structlog

from triaged.dicom.header import read_header
from triaged.dicom.part10 import file_meta
from triaged.dicom.sameness import same_image
from triaged.errors import TryLater, UnreadableInstance
from triaged.spool.files import KeptFile, PartFile, Spool
from triaged.steps.beginnings import Beginning, Beginnings
from triaged.store.studies.arrivals import Arrivals, OtherSyntax
from triaged.store.studies.reception import Reception
from triaged.store.tables.views import Quarantined
from triaged.study.ranking_input import RankingPolicy
from triaged.study.records import Admission, Instance, ReceivedHeader
from triaged.study.uids import derived_uid

log = structlog.get_logger()

_CHECK_RESERVE_EVERY = 32 * 1024 * 1024


@dataclass(frozen=True, slots=True)
class Sender:
    """Who sends on one association; `association_id` is the store's."""

    peer: str
    calling_ae_title: str
    association_id: int


@dataclass(frozen=True, slots=True)
class Offer:
    """What the sender says about the instance before it sends it; texts as they came, to be trusted in nothing."""

    sop_class_uid: str
    sop_instance_uid: str
    transfer_syntax_uid: str


class Intake:
    """Keeps instances. One is shared by all associations of a receiver; safe to use from several threads.

    `is_same_image` tells whether two files hold one image in two transfer syntaxes.

    Raises:
        TryLater: the store is unreachable.
    """

    def __init__(
        self,
        reception: Reception,
        arrivals: Arrivals,
        spool: Spool,
        *,
        ranking_policy: RankingPolicy,
        receiver: str,
        is_same_image: Callable[[Path, Path], bool] = same_image,
        hindered: Callable[[str], None] = lambda _: None,
    ) -> None:
        """`hindered` is told why a row could not be kept, or nothing where one was."""
        self._is_same_image = is_same_image
        self._reception = reception
        self._arrivals = arrivals
        self._spool = spool
        self._placing = ranking_policy
        self._receiver = receiver
        self._hindered = hindered
        self._beginnings = Beginnings()

    def open_association(self, *, peer: str, calling_ae_title: str, now: datetime) -> Sender:
        """Note that somebody begins to deliver; a study waits for the end of every association that delivered to it."""
        with self._noted():
            association_id = self._reception.open_association(
                receiver=self._receiver, peer=peer, calling_ae_title=calling_ae_title, now=now
            )
        return Sender(peer, calling_ae_title, association_id)

    def close_association(self, sender: Sender, *, now: datetime) -> None:
        """Note that the sender has ended, in whatever way."""
        self._reception.close_association(sender.association_id, now=now)

    def receive(
        self, offer: Offer, content: Iterable[bytes], sender: Sender, *, clock: Callable[[], datetime]
    ) -> Admission:
        """Keep one instance, durably; whatever the answer, the sender need not keep it any longer.

        `content` yields the encoded data set piece by piece, as slowly as the network is. If it raises, nothing is kept
        and the error passes on.

        Raises:
            TryLater: the disk is below its reserve, the store is unreachable, or too many long headers are being read;
                the sender has to keep the instance.
        """
        self._spool.check_reserve()
        fragments = iter(content)
        beginning = self._beginnings.read(fragments, offer.transfer_syntax_uid)
        try:
            return self._receive(offer, beginning, fragments, sender, clock=clock)
        finally:
            beginning.release()

    def _receive(
        self,
        offer: Offer,
        beginning: Beginning,
        fragments: Iterator[bytes],
        sender: Sender,
        *,
        clock: Callable[[], datetime],
    ) -> Admission:
        try:
            header = self._header(offer, beginning)
        except UnreadableInstance as unreadable:
            kept = self._keep_aside(offer, beginning, fragments, sender)
            return self._quarantine(offer, kept, sender, reason=str(unreadable), now=clock())
        if header.made_by_us:
            _exhaust(fragments)
            log.info("own object came back, ignored", study_instance_uid=header.study_uid.value)
            return Admission.OWN
        kept = self._keep(offer, header, beginning, fragments, sender)
        return self._admit(offer, header, kept, sender, now=clock())

    def _header(self, offer: Offer, beginning: Beginning) -> ReceivedHeader:
        with self._beginnings.looking(beginning) as content:
            return read_header(
                content,
                transfer_syntax_uid=offer.transfer_syntax_uid,
                sop_class_uid=offer.sop_class_uid,
                sop_instance_uid=offer.sop_instance_uid,
            )

    def _keep(
        self, offer: Offer, header: ReceivedHeader, beginning: Beginning, rest: Iterator[bytes], sender: Sender
    ) -> KeptFile:
        named = replace(offer, sop_class_uid=header.image.sop_class_uid, sop_instance_uid=header.sop_instance_uid.value)
        with self._spool.part(header.study_uid, header.series_uid, header.sop_instance_uid) as part:
            self._write(part, named, beginning, rest, sender)
            return part.commit()

    def _write(self, part: PartFile, named: Offer, beginning: Beginning, rest: Iterator[bytes], sender: Sender) -> None:
        """Write a file, with an eye on the disk: one endless object may not eat up the reserve."""
        meta = file_meta(
            sop_class_uid=named.sop_class_uid,
            sop_instance_uid=named.sop_instance_uid,
            transfer_syntax_uid=named.transfer_syntax_uid,
            source_ae_title=sender.calling_ae_title,
        )
        part.write_meta(meta)
        part.write(beginning.content)
        unchecked = len(beginning.content)
        beginning.release()
        for fragment in rest:
            part.write(fragment)
            unchecked += len(fragment)
            if unchecked >= _CHECK_RESERVE_EVERY:
                self._spool.check_reserve()
                unchecked = 0

    def _admit(
        self, offer: Offer, header: ReceivedHeader, kept: KeptFile, sender: Sender, *, now: datetime
    ) -> Admission:
        instance = Instance(
            study_uid=header.study_uid,
            series_uid=header.series_uid,
            sop_instance_uid=header.sop_instance_uid,
            transfer_syntax_uid=offer.transfer_syntax_uid,
            path=kept.path,
            sha256=kept.sha256,
            size_bytes=kept.size_bytes,
            received_at=now,
            image=header.image,
        )
        with self._noted():
            admission = self._settled(instance, header, kept, sender)
        self._hindered("")
        if admission is Admission.OWN:
            self._spool.discard(kept)
            log.info("own object came back, ignored", study_instance_uid=header.study_uid.value)
        elif admission is Admission.CONFLICT:
            log.warning(
                "instance sent again with other content, kept aside",
                study_instance_uid=header.study_uid.value,
                sop_instance_uid=header.sop_instance_uid.value,
                peer=sender.peer,
            )
        return admission

    def _settled(self, instance: Instance, header: ReceivedHeader, kept: KeptFile, sender: Sender) -> Admission:
        """Admit an instance; where another syntax of it was kept, compare the two, outside of any transaction."""
        association, now = sender.association_id, instance.received_at
        try:
            return self._arrivals.admit(instance, header, association, ranking=self._placing, now=now, judged={})
        except OtherSyntax as other:
            is_same = self._is_same_image(self._spool.absolute(other.kept_path), self._spool.absolute(kept.path))
            judged = {other.kept_sha256: is_same}
        admission = self._arrivals.admit(instance, header, association, ranking=self._placing, now=now, judged=judged)
        if admission is Admission.DUPLICATE:
            log.info("same image in another transfer syntax, kept too", study_instance_uid=header.study_uid.value)
        return admission

    @contextmanager
    def _noted(self) -> Iterator[None]:
        """Let be known that the store does not take what senders bring: others may be able to write to it."""
        try:
            yield
        except TryLater as later:
            self._hindered(f"instances are refused: {later}")
            raise

    def _keep_aside(self, offer: Offer, beginning: Beginning, rest: Iterator[bytes], sender: Sender) -> KeptFile:
        with self._spool.incoming() as part:
            self._write(part, offer, beginning, rest, sender)
            return part.quarantine(f"{derived_uid('quarantine', offer.sop_instance_uid)}.dcm")

    def _quarantine(self, offer: Offer, kept: KeptFile, sender: Sender, *, reason: str, now: datetime) -> Admission:
        quarantined = Quarantined(
            at=now,
            path=kept.path,
            reason=reason,
            peer=sender.peer,
            calling_ae_title=sender.calling_ae_title,
            sop_class_uid=offer.sop_class_uid,
            sop_instance_uid_sent=offer.sop_instance_uid,
            transfer_syntax_uid=offer.transfer_syntax_uid,
            sha256=kept.sha256,
            size_bytes=kept.size_bytes,
        )
        self._reception.quarantine(quarantined)
        log.warning("instance cannot be filed, quarantined", reason=reason, path=kept.path, peer=sender.peer)
        return Admission.QUARANTINED


def _exhaust(fragments: Iterator[bytes]) -> None:
    for _ in fragments:
        pass
