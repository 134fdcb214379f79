"""The settings of everything that has an address: who may send to us, and who gets what.

Must not know how anything is sent.
"""

from __future__ import annotations

from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from triaged.config.security import ServiceAccessSection, TlsClientSection, TlsServerSection
from triaged.config.triage import TriageSection
from triaged.config.values import (
    AETitle,
    Count,
    Host,
    ObjectName,
    PersonName,
    Port,
    ResolvedPath,
    Seconds,
    Section,
    ViewerUrl,
    Wait,
    wrong,
)
from triaged.dimse.options import ScpOptions
from triaged.dimse.syntaxes import NAMES
from triaged.steps.commitment import CommitmentOptions
from triaged.steps.errand import DeliveryOptions
from triaged.steps.negotiate import Destination, wanted_of
from triaged.steps.ports import Peer, TlsSetup
from triaged.steps.priorities import LookUpOptions
from triaged.study.kinds import ObjectKind, forms_of, kind_of
from triaged.web.identity import AccessOptions
from triaged.web.options import ViewerKind, WebOptions

SyntaxName = Literal["explicit", "implicit", "deflated", "rle"]

_SCP = ScpOptions("", "", 0)
_WEB = WebOptions("", "")
_DELIVERY, _COMMITMENT = DeliveryOptions(), CommitmentOptions()


class PeerSection(TlsClientSection):
    """Where an application entity listens, and whether by TLS."""

    ae_title: AETitle
    host: Host
    port: Port


class DicomSection(Section):
    """How peers reach us, who may, and where those are reached who ask us for storage commitment."""

    ae_title: AETitle = "TRIAGED"
    host: Host = "0.0.0.0"
    port: Port = 11112
    allowed_calling_ae_titles: Annotated[tuple[AETitle, ...], Field(strict=False)] = tuple(
        _SCP.allowed_calling_ae_titles
    )
    check_called_ae_title: bool = _SCP.check_called_ae_title
    receivers: Annotated[int, Field(ge=1, le=16)] = 1
    max_associations: Count = _SCP.max_associations
    max_associations_per_peer: Count = _SCP.max_associations_per_peer
    request_timeout_s: Wait = _SCP.request_timeout_s
    idle_timeout_s: Wait = _SCP.idle_timeout_s
    least_bytes_per_s: Seconds = _SCP.least_bytes_per_s
    peers: Annotated[tuple[PeerSection, ...], Field(strict=False)] = ()
    access: ServiceAccessSection = ServiceAccessSection()
    tls: TlsServerSection = TlsServerSection()

    @model_validator(mode="after")
    def _names_differ(self) -> Self:
        titles = [peer.ae_title for peer in self.peers]
        if len(set(titles)) != len(titles):
            raise wrong("peers with different AE titles", key="peers")
        is_mutual = self.tls.certificate is not None and self.tls.mutual
        if self.access.asks_for_certificates() and not is_mutual:
            raise wrong("no names of certificates without tls.certificate and tls.mutual", key="access")
        if self.tls.certificate is not None and self.tls.plain and self.tls.port == self.port:
            raise wrong("another port than dicom.tls.port", key="port")
        return self

    def peer(self, ae_title: str) -> Peer | None:
        """Return where a peer is reached, or None where that is not known."""
        peers = (Peer(each.ae_title, *_reached(each)) for each in self.peers if each.ae_title == ae_title)
        return next(peers, None)

    def options(self) -> ScpOptions:
        """Return what the receiver needs."""
        return ScpOptions(
            self.ae_title,
            self.host,
            self.port,
            frozenset(self.allowed_calling_ae_titles),
            check_called_ae_title=self.check_called_ae_title,
            access=self.access.rules(),
            expected=self._expected(),
            secured=self.tls.options(),
            tls_port=self.tls.port,
            has_plain_port=self.tls.plain,
            max_associations=self.max_associations,
            max_associations_per_peer=self.max_associations_per_peer,
            request_timeout_s=self.request_timeout_s,
            idle_timeout_s=self.idle_timeout_s,
            least_bytes_per_s=self.least_bytes_per_s,
        )

    def _expected(self) -> tuple[tuple[str, str], ...]:
        """Return senders that are known from the settings: titles, each with a host where it is given."""
        allowed = [(title, "") for title in self.allowed_calling_ae_titles]
        return *allowed, *((peer.ae_title, peer.host) for peer in self.peers)


class DestinationSection(PeerSection):
    """One peer that gets the result objects: the kinds it wants, how, and whether it has to promise to keep them."""

    name: Annotated[str, Field(min_length=1, max_length=64)]
    objects: Annotated[tuple[ObjectName, ...], Field(strict=False, min_length=1)] = (
        "sc",
        "sr",
        "seg",
        "kos",
        "gsps",
        "3d",
    )
    multi_frame: Literal["auto", "never"] = "auto"
    transfer_syntaxes: Annotated[tuple[SyntaxName, ...], Field(strict=False)] = ()
    storage_commitment: bool = False

    @model_validator(mode="after")
    def _reports_can_go(self) -> Self:
        if self.transfer_syntaxes and set(self.transfer_syntaxes) == {"rle"}:
            raise wrong("explicit, implicit or deflated too: only pictures go in rle", key="transfer_syntaxes")
        return self

    def peer(self) -> Peer:
        """Return what the courier sends to."""
        return Peer(self.name, *_reached(self))

    def destination(self) -> Destination:
        """Return a destination with what it is asked for, its transfer syntaxes by their UIDs."""
        syntaxes = tuple(NAMES[name] for name in self.transfer_syntaxes)
        wanted = wanted_of(self.kinds(), syntaxes, commitment=self.storage_commitment)
        return Destination(self.peer(), wanted, syntaxes)

    def kinds(self) -> frozenset[ObjectKind]:
        """Return the kinds of objects that it wants; pictures as one object too, unless that is never to be tried."""
        kinds = frozenset(kind_of(name) for name in self.objects)
        return kinds if self.multi_frame == "never" else kinds.union(*(forms_of(kind) for kind in kinds))


class OrderPrioritySection(TlsClientSection):
    """Where else it is said how urgent an order is: in the images' header only, or on another list too."""

    source: Literal["header", "mwl", "ups"] = "header"
    ae_title: AETitle | None = None
    host: Host | None = None
    port: Port | None = None
    timeout_s: Wait = 5.0

    @model_validator(mode="after")
    def _has_an_address(self) -> Self:
        if self.source != "header" and self.peer() is None:
            raise wrong("ae_title, host and port of the list that is asked")
        return self

    def peer(self) -> Peer | None:
        """Return what is asked, or None where nothing is."""
        if self.source == "header" or self.ae_title is None or self.host is None or self.port is None:
            return None
        return Peer("order priority", self.ae_title, self.host, self.port, self.tls_options())

    def options(self) -> LookUpOptions:
        """Return what asks the other list."""
        return LookUpOptions(self.source)


class WebSection(Section):
    """Where the worklist page is served, how often a page asks for news, where the viewer is, and who is a group."""

    host: Host = "127.0.0.1"
    port: Port = 8080
    refresh_s: Annotated[float, Field(ge=1, le=3600)] = _WEB.refresh_s
    viewer: Annotated[ViewerKind, Field(strict=False)] = _WEB.viewer
    wall_names: bool = _WEB.wall_names
    viewer_url: ViewerUrl | None = _WEB.viewer_url or None
    groups: dict[PersonName, Annotated[tuple[PersonName, ...], Field(strict=False)]] = Field(default_factory=dict)
    viewer_path: ResolvedPath = _WEB.viewer_path

    def options(self, dicom: DicomSection, triage: TriageSection, access: AccessOptions) -> WebOptions:
        """Return what the pages need."""
        return WebOptions(
            address=f"{dicom.ae_title} on port {dicom.port}",
            scheme=triage.scheme.value,
            identification_threshold=triage.identification_threshold,
            identification_threshold_cxr=triage.identification_threshold_cxr,
            refresh_s=self.refresh_s,
            wall_names=self.wall_names,
            access=access,
            viewer=self.viewer,
            viewer_url=self.viewer_url or "",
            viewer_path=self.viewer_path,
            groups=self.groups,
            policy=triage.options(),
            worth=tuple(each.said() for each in triage.worth().values()),
        )


class DeliverySection(Section):
    """How patient the courier is: waits double from first to longest; what is asked again, and after how long."""

    first_wait_s: Wait = _DELIVERY.first_wait_s
    longest_wait_s: Wait = _DELIVERY.longest_wait_s
    max_attempts: Count = _DELIVERY.max_attempts
    timeout_s: Wait = 30.0
    negotiate_every_s: Wait = _DELIVERY.negotiate_every_s
    commitment_wait_s: Wait = _COMMITMENT.ask_again_s

    @model_validator(mode="after")
    def _rise(self) -> Self:
        if self.first_wait_s > self.longest_wait_s:
            raise wrong("at least first_wait_s", key="longest_wait_s")
        return self

    def options(self) -> DeliveryOptions:
        """Return what the couriers need."""
        return DeliveryOptions(
            self.first_wait_s, self.longest_wait_s, self.max_attempts, negotiate_every_s=self.negotiate_every_s
        )

    def commitment_options(self) -> CommitmentOptions:
        """Return how storage commitment is asked for."""
        return CommitmentOptions(ask_again_s=self.commitment_wait_s)


def _reached(section: PeerSection) -> tuple[str, str, int, TlsSetup | None]:
    return section.ae_title, section.host, section.port, section.tls_options()
