"""Takes in what a sender stores: bytes to the spool, a row to the store, and only then an answer.

Knows no sockets: the content arrives in pieces from whoever receives them, and a refusal is `TryLater`. Nothing is
acknowledged that a crash in the next instant could lose.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import datetime
from functools import partial
from pathlib import Path

import structlog

from triaged.dicom.header import header_in, read_header
from triaged.dicom.part10 import file_meta
from triaged.dicom.sameness import same_image
from triaged.errors import TriagedError, TryLater, UnreadableInstance
from triaged.rules.matching import NO_RULES, Rules
from triaged.spool.files import Spool
from triaged.spool.part import KeptFile, PartFile
from triaged.steps.beginnings import Beginning, Beginnings
from triaged.steps.newcomers import Newcomers
from triaged.store.studies.admitting import OtherSyntax
from triaged.store.studies.arrivals import Arrivals
from triaged.store.studies.reception import Reception
from triaged.store.tables.views import Quarantined
from triaged.study.facts import StudyFacts
from triaged.study.ranking_input import RankingPolicy
from triaged.study.records import Admission, Instance, ReceivedHeader
from triaged.study.uids import derived_uid

log = structlog.get_logger()

_CHECK_RESERVE_EVERY = 32 * 1024 * 1024


@dataclass(frozen=True, slots=True)
class Sender:
    """Who sends on one association, and whom it called; `association_id` is the store's."""

    peer: str
    calling_ae_title: str
    association_id: int
    called_ae_title: str = ""


@dataclass(frozen=True, slots=True)
class Offer:
    """What the sender says about the instance before it sends it; texts as they came, to be trusted in nothing."""

    sop_class_uid: str
    sop_instance_uid: str
    transfer_syntax_uid: str
    study_instance_uid: str = ""
    """The only study that it may be of, where the sender names one beforehand."""


class OtherStudy(TriagedError):
    """Tell the sender: the instance is of another study than the one that was named."""


@dataclass(frozen=True, slots=True)
class Kept:
    """What became of an instance, and the study it is of; none for what was put into quarantine."""

    admission: Admission
    study_uid: str
    series_uid: str = ""
    sop_instance_uid: str = ""


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
        rules: Rules = NO_RULES,
        gate: Callable[[], None] = lambda: None,
        beginnings: Beginnings | None = None,
    ) -> None:
        """`hindered` is told why a row could not be kept, or nothing where one was; `rules` are those of the site;
        `gate` raises `TryLater` while receiving is paused."""
        self._newcomers, self._gate = Newcomers(rules, arrivals), gate
        self._is_same_image = is_same_image
        self._reception, self._arrivals = reception, arrivals
        self._spool, self._placing = spool, ranking_policy
        self._receiver, self._hindered = receiver, hindered
        self._beginnings = beginnings or Beginnings()

    def open_association(self, *, peer: str, calling_ae_title: str, now: datetime, called_ae_title: str = "") -> Sender:
        """Note that somebody begins to deliver; a study waits for the end of every association that delivered to it."""
        with self._noted():
            association_id = self._reception.open_association(
                receiver=self._receiver, peer=peer, calling_ae_title=calling_ae_title, now=now
            )
        return Sender(peer, calling_ae_title, association_id, called_ae_title)

    def close_association(self, sender: Sender, *, now: datetime) -> None:
        """Note that the sender has ended, in whatever way."""
        self._reception.close_association(sender.association_id, now=now)

    def receive(
        self, offer: Offer, content: Iterable[bytes], sender: Sender, *, clock: Callable[[], datetime]
    ) -> Admission:
        """Keep one instance, as `keep`, and return what became of it."""
        return self.keep(offer, content, sender, clock=clock).admission

    def keep(self, offer: Offer, content: Iterable[bytes], sender: Sender, *, clock: Callable[[], datetime]) -> Kept:
        """Keep one instance, durably; whatever the answer, the sender need not keep it any longer.

        `content` yields the encoded data set piece by piece, as slowly as the network is. If it raises, nothing is kept
        and the error passes on.

        Raises:
            TryLater: the disk is below its reserve, the store is unreachable, too many long headers are being read, or
                the study is a new one of a drained site; the sender has to keep the instance.
            OtherStudy: it is not of the study that the offer names; nothing is kept.
        """
        self._gate()
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
    ) -> Kept:
        header = self._header(offer, beginning)
        if isinstance(header, str):
            aside = self._keep_aside(offer, beginning, fragments, sender)
            return Kept(self._quarantine(offer, aside, sender, reason=header, now=clock()), "")
        uids = header.study_uid.value, header.series_uid.value, header.sop_instance_uid.value
        if offer.study_instance_uid not in ("", uids[0]):
            raise OtherStudy(f"expected an instance of the study {offer.study_instance_uid}, found one of {uids[0]}")
        if header.made_by_us:
            deque(fragments, maxlen=0)  # the rest is read, and not kept
            log.info("own object came back, ignored", study_instance_uid=header.study_uid.value)
            return Kept(Admission.OWN, *uids)
        self._newcomers.demand_open(uids[0], _sent_by(sender, header.facts))
        kept = self._keep(offer, header, beginning, fragments, sender)
        return Kept(self._admit(offer, header, kept, sender, now=clock()), *uids)

    def _header(self, offer: Offer, beginning: Beginning) -> ReceivedHeader | str:
        """Return the header, or why there is none: an error would hold all elements that were read until it is gone."""
        with self._beginnings.looking(beginning) as content:
            sent = {"sop_class_uid": offer.sop_class_uid, "sop_instance_uid": offer.sop_instance_uid}
            try:
                if beginning.elements is not None:
                    return header_in(beginning.elements, **sent)
                return read_header(content, transfer_syntax_uid=offer.transfer_syntax_uid, **sent)
            except UnreadableInstance as unreadable:
                return str(unreadable)

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
        admit = partial(
            self._arrivals.admit,
            *(instance, replace(header, facts=_sent_by(sender, header.facts)), sender.association_id),
            ranking=self._placing,
            now=instance.received_at,
            is_there=lambda path: self._spool.is_whole(path, instance.size_bytes),
            treat=self._newcomers.treatment,
        )
        try:
            return admit(judged={})
        except OtherSyntax as other:
            is_same = self._is_same_image(self._spool.absolute(other.kept_path), self._spool.absolute(kept.path))
            judged = {other.kept_sha256: is_same}
        admission = admit(judged=judged)
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

    def note_delivery(self, study_uid: str, words: str, *, now: datetime) -> None:
        """Write into a study's history what was delivered, and by whom, where an association does not say it."""
        self._reception.note_delivery(study_uid, words, now=now)

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
        there = partial(self._spool.is_whole, size_bytes=kept.size_bytes)
        self._reception.quarantine(quarantined, is_there=there)
        log.warning("instance cannot be filed, quarantined", reason=reason, path=kept.path, peer=sender.peer)
        return Admission.QUARANTINED


def _sent_by(sender: Sender, facts: StudyFacts) -> StudyFacts:
    return replace(facts, sender=sender.calling_ae_title, called_title=sender.called_ae_title, peer=sender.peer)
