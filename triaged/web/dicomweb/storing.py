"""Takes in what is stored (STOW-RS, PS3.18 section 10.5): part by part from the wire into the intake of the receivers.

A part that is refused costs itself. Knows no routes: the body comes in pieces from whoever reads it.
"""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from datetime import datetime
from enum import IntEnum
from http import HTTPStatus
from typing import Final

import structlog

from triaged.dicom.accepted import ACCEPTED_TRANSFER_SYNTAXES, is_storage
from triaged.dicom.arriving import opened
from triaged.dicom.part10 import FileMeta
from triaged.errors import TryLater, UnreadableInstance
from triaged.steps.intake import Intake, Offer, OtherStudy, Sender
from triaged.study.records import Admission
from triaged.web.dicomweb.model import Model
from triaged.web.dicomweb.multipart import Part
from triaged.web.dicomweb.paths import Address

log = structlog.get_logger()

SENDER: Final = "STOW-RS"
"""What stands in the place of an AE title in the files and rows of what was stored so."""
MOST_PARTS: Final = 20_000
DICOM: Final = "application/dicom"


class Refusal(IntEnum):
    """Why an instance was not stored: Failure Reason (0008,1197), with the values of PS3.18 table I.2-2 and PS3.7."""

    PROCESSING_FAILURE = 0x0110
    DUPLICATE = 0x0111
    CLASS_NOT_SUPPORTED = 0x0122
    OUT_OF_RESOURCES = 0xA700
    OTHER_STUDY = 0xA900
    CANNOT_UNDERSTAND = 0xC000
    SYNTAX_NOT_SUPPORTED = 0xC122


class TooMany(ValueError):
    """One request brings more parts than one answer can tell of."""


@dataclass(frozen=True, slots=True)
class Stored:
    """One part: its class and instance UID as far as they are known; no `refusal` where it was stored."""

    sop_class_uid: str
    sop_instance_uid: str
    address: Address | None = None
    refusal: Refusal | None = None


@dataclass
class Delivery:
    """What became of each part of a request, in order."""

    parts: list[Stored] = field(default_factory=list)

    @property
    def status(self) -> HTTPStatus:
        """Return the status of table 10.5.3-1; 503 where nothing could be kept, and later it may be."""
        refused = [one.refusal for one in self.parts if one.refusal is not None]
        if not refused and self.parts:
            return HTTPStatus.OK
        if len(refused) < len(self.parts):
            return HTTPStatus.ACCEPTED
        if Refusal.OUT_OF_RESOURCES in refused:
            return HTTPStatus.SERVICE_UNAVAILABLE
        return HTTPStatus.CONFLICT if refused else HTTPStatus.BAD_REQUEST

    def answer(self, origin: str) -> Model:
        """Return the Store Instances Response Module (PS3.18 annex I) in the JSON model."""
        kept = [one for one in self.parts if one.refusal is None]
        failed = [one for one in self.parts if one.refusal is not None and one.sop_instance_uid]
        others = [one for one in self.parts if one.refusal is not None and not one.sop_instance_uid]
        studies = {one.address.study_uid for one in kept if one.address is not None}
        model: Model = {}
        if len(studies) == 1:
            model["00081190"] = _value("UR", origin + Address(*studies).path)
        for key, items in (
            ("00081198", [_named(one) | _reason(one) for one in failed]),
            ("00081199", [_named(one) | _where(one, origin) for one in kept]),
            ("0008119A", [_reason(one) for one in others]),
        ):
            if items:
                model[key] = {"vr": "SQ", "Value": items}
        return model


class Storing:
    """Stores what requests bring; one is shared by all of them. Nothing of a part is in memory but its header."""

    def __init__(self, intake: Intake, clock: Callable[[], datetime]) -> None:
        self._intake = intake
        self._clock = clock
        self._lock = threading.Lock()
        self._unended: list[Sender] = []
        """Senders that have ended and that the store does not know to have ended, because it was unreachable."""

    def take(self, parts: Iterable[Part], *, study_uid: str, peer: str, account: str) -> Delivery:
        """Store parts, of one study where it is named; raises what `parts` raises, and what came before it is stored.

        Raises:
            TooMany: there are more than `MOST_PARTS`.
        """
        self._end(None)
        delivery, taking = Delivery(), _Taking(self._intake, self._clock, peer)
        try:
            for part in parts:
                if len(delivery.parts) >= MOST_PARTS:
                    raise TooMany(f"expected at most {MOST_PARTS} instances in one request")
                delivery.parts.append(taking.stored(part, study_uid))
        finally:
            self._end(taking.end(account))
            refused = sum(one.refusal is not None for one in delivery.parts)
            stored = len(delivery.parts) - refused
            why = {"why": taking.why_refused} if taking.why_refused else {}
            write = log.warning if taking.why_refused else log.info
            write("stored by DICOMweb", instances=stored, refused=refused, account=account, address=peer, **why)
        return delivery

    def _end(self, sender: Sender | None) -> None:
        """Let the store know that a sender has ended, and those of which it could not be told before."""
        with self._lock:
            waiting, self._unended = [*self._unended, *([] if sender is None else [sender])], []
        try:
            while waiting:
                self._intake.close_association(waiting[-1], now=self._clock())
                waiting.pop()
        except TryLater as later:
            log.warning("end of a delivery not recorded", why=str(later))
            with self._lock:
                self._unended += waiting


class _Taking:
    """One request's way into the intake: an association that is opened with the first instance."""

    def __init__(self, intake: Intake, clock: Callable[[], datetime], peer: str) -> None:
        self._intake = intake
        self._clock = clock
        self._peer = peer
        self._sender: Sender | None = None
        self._came: Counter[str] = Counter()
        self.why_refused = ""

    def stored(self, part: Part, study_uid: str) -> Stored:
        kind = part.headers.get("content-type", DICOM).partition(";")[0].strip().lower()
        if kind != DICOM:
            return Stored("", "", refusal=Refusal.CANNOT_UNDERSTAND)
        try:
            meta, content = opened(part.content)
        except UnreadableInstance:
            return Stored("", "", refusal=Refusal.CANNOT_UNDERSTAND)
        refusal = _refusal(meta)
        if refusal is not None:
            return Stored(meta.sop_class_uid, meta.sop_instance_uid, refusal=refusal)
        return self._kept(meta, content, study_uid)

    def _kept(self, meta: FileMeta, content: Iterator[bytes], study_uid: str) -> Stored:
        offer = Offer(meta.sop_class_uid, meta.sop_instance_uid, meta.transfer_syntax_uid, study_uid)
        named = meta.sop_class_uid, meta.sop_instance_uid
        try:
            kept = self._intake.keep(offer, content, self._known_sender(), clock=self._clock)
        except TryLater as later:
            self.why_refused = self.why_refused or str(later)
            return Stored(*named, refusal=Refusal.OUT_OF_RESOURCES)
        except OtherStudy:
            return Stored(*named, refusal=Refusal.OTHER_STUDY)
        match kept.admission:
            case Admission.QUARANTINED:
                return Stored(*named, refusal=Refusal.CANNOT_UNDERSTAND)
            case Admission.CONFLICT:
                return Stored(*named, refusal=Refusal.DUPLICATE)
            case Admission.NEW:
                self._came[kept.study_uid] += 1
        address = Address(kept.study_uid, kept.series_uid, kept.sop_instance_uid)
        return Stored(meta.sop_class_uid, kept.sop_instance_uid, address)

    def end(self, account: str) -> Sender | None:
        """Say in each study's history who sent it; return the sender, if there was one."""
        by = f", account {account}" if account else ""
        try:
            for study_uid, count in self._came.items():
                instances = "1 instance" if count == 1 else f"{count} instances"
                self._intake.note_delivery(study_uid, f"{instances} from {self._peer}{by}", now=self._clock())
        except TryLater as later:
            log.warning("delivery not in the history", peer=self._peer, why=str(later))
        return self._sender

    def _known_sender(self) -> Sender:
        if self._sender is None:
            self._sender = self._intake.open_association(peer=self._peer, calling_ae_title=SENDER, now=self._clock())
        return self._sender


def _refusal(meta: FileMeta) -> Refusal | None:
    """Return why a file is not taken, by what it says of itself; the receiver negotiates the same."""
    if meta.transfer_syntax_uid not in ACCEPTED_TRANSFER_SYNTAXES:
        return Refusal.SYNTAX_NOT_SUPPORTED
    return None if is_storage(meta.sop_class_uid) else Refusal.CLASS_NOT_SUPPORTED


def _named(one: Stored) -> Model:
    return {"00081150": _value("UI", one.sop_class_uid), "00081155": _value("UI", one.sop_instance_uid)}


def _reason(one: Stored) -> Model:
    return {} if one.refusal is None else {"00081197": _value("US", int(one.refusal))}


def _where(one: Stored, origin: str) -> Model:
    return {} if one.address is None else {"00081190": _value("UR", origin + one.address.path)}


def _value(vr: str, value: object) -> dict[str, object]:
    return {"vr": vr, "Value": [value]} if value not in ("", None) else {"vr": vr}
