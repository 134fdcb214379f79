"""What the steps need of rooms above them, as protocols and the values that pass through them.

The courier has to send DICOM objects, but the wire is above the steps and imports them; so the wire fits these
shapes.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from pathlib import Path
from typing import Protocol

from pydicom import Dataset

from triaged.dicom.matching import Query
from triaged.study.commitment import CommitmentReport, CommitmentRequest
from triaged.study.ranking import RequestPriority


class Profile(StrEnum):
    """Secure Transport Connection Profiles of PS3.15; the value is what settings call it."""

    BCP195 = "bcp195"
    """BCP 195 RFC 8996, 9325 TLS (section B.12): TLS 1.2 or 1.3, forward secrecy and authenticated encryption."""
    MODIFIED = "bcp195-modified"
    """Modified BCP 195 RFC 8996, 9325 TLS (section B.13): the suites of its list, and no weak key."""


@dataclass(frozen=True, slots=True)
class TlsSetup:
    """What one side shows and demands. Files are PEM; without `key` it stands in `certificate`.

    `ca_file` are the authorities that may have issued the other side's certificate; None are those of the system. A
    server demands a certificate where it is `mutual`. A client always does, and compares the host name where
    `check_host_name` is set; only who asks itself whether it is there does not `verify`.
    """

    certificate: Path | None = None
    key: Path | None = None
    ca_file: Path | None = None
    profile: Profile = Profile.BCP195
    mutual: bool = True
    check_host_name: bool = True
    verify: bool = True

    @property
    def files(self) -> tuple[Path, ...]:
        """Return the files that all this stands in."""
        return tuple(file for file in (self.certificate, self.key, self.ca_file) if file is not None)


@dataclass(frozen=True, slots=True)
class Peer:
    """A DICOM application entity that we talk to; None: without TLS."""

    name: str
    ae_title: str
    host: str
    port: int
    tls: TlsSetup | None = None


@dataclass(frozen=True, slots=True)
class Outgoing:
    """One object on disk, and what has to be negotiated to send it.

    `transfer_syntaxes` are those in which it may go, the most wanted first; empty: as it is, else uncompressed.
    """

    path: Path
    sop_class_uid: str
    sop_instance_uid: str
    transfer_syntax_uid: str
    transfer_syntaxes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Sent:
    """The peer answered Success or a warning; `comment` is the warning, or empty.

    `for_log` is the same without the peer's own words, which may name the patient.
    """

    comment: str = ""
    code: str = field(default="", compare=False)

    @property
    def for_log(self) -> str:
        """Return what may stand in the log."""
        return self.code or self.comment


@dataclass(frozen=True, slots=True)
class Refused:
    """The peer answered and does not want the object. `final`: asking again will not help.

    `code` is set where `reason` quotes the peer, whose own words may name the patient.
    """

    reason: str
    final: bool
    code: str = field(default="", compare=False)

    @property
    def for_log(self) -> str:
        """Return what may stand in the log."""
        return self.code or self.reason


@dataclass(frozen=True, slots=True)
class Unreachable:
    """No answer: no connection, association rejected for now, or the connection broke."""

    reason: str

    @property
    def for_log(self) -> str:
        """Return what may stand in the log."""
        return self.reason


SendOutcome = Sent | Refused | Unreachable


@dataclass(frozen=True, slots=True)
class Negotiation:
    """What a peer accepts: for every SOP class that was proposed its transfer syntaxes, none where it is refused."""

    accepted: Mapping[str, tuple[str, ...]]


class Prober(Protocol):
    """Asks a peer what it accepts, without sending anything."""

    def negotiate(self, wanted: Mapping[str, Sequence[str]], peer: Peer) -> Negotiation | Unreachable:
        """Propose SOP classes with their transfer syntaxes, release, and return the answer; never raises for a peer."""
        ...


class CommitmentPeer(Protocol):
    """Asks a peer for storage commitment, and answers one that asked us."""

    def request_commitment(
        self, request: CommitmentRequest, peer: Peer, *, wait_s: float
    ) -> CommitmentReport | SendOutcome:
        """Ask (N-ACTION); return the report if it comes within `wait_s` on this association, else how asking went."""
        ...

    def report_commitment(self, report: CommitmentReport, peer: Peer) -> SendOutcome:
        """Answer on an association of our own (N-EVENT-REPORT, we are the SCP)."""
        ...


class CommitmentProvider(Protocol):
    """Takes what peers say about storage commitment; both methods return fast, a peer waits for its answer.

    Raises:
        TryLater: it cannot be kept now; the peer is told to come again.
    """

    def requested(self, request: CommitmentRequest, calling_ae_title: str, *, now: datetime) -> CommitmentReport | None:
        """Return the report to send on this association, or None where it goes on one of our own later.

        The same transaction asked twice by the same peer is one question.
        """
        ...

    def reported(self, report: CommitmentReport, *, now: datetime) -> None:
        """Take what a peer answers to what we asked; an answer to nothing is ignored."""
        ...


class WorklistProvider(Protocol):
    """Answers who asks for the worklist."""

    def find(self, query: Query) -> Iterator[Dataset]:
        """Return what matches, row by row in the order of the list, each with what the query asks for.

        Raises:
            TryLater: the store is unreachable, from the first row or from one in between.
        """
        ...


@dataclass(frozen=True, slots=True)
class ImagingRequest:
    """By what another list knows the order of a study; either may be empty. Never logged."""

    accession_number: str
    study_instance_uid: str


class RequestPrioritySource(Protocol):
    """Asks a peer how urgent an order is."""

    def ask(self, order: ImagingRequest, peer: Peer) -> RequestPriority | Unreachable | None:
        """Return the most urgent priority that the peer knows for it, or None; never raises for what a peer does."""
        ...


class Sender(Protocol):
    """Sends objects to a peer by C-STORE."""

    def send(self, objects: Sequence[Outgoing], peer: Peer) -> Sequence[SendOutcome]:
        """Return one outcome per object, in order; never raises for what a peer does."""
        ...
