"""Asks the receiver of this machine by C-ECHO whether it answers, as a sender would find out."""

from __future__ import annotations

from dataclasses import replace

from triaged.config.network import DicomSection
from triaged.dimse.scu import DimseSender
from triaged.steps.ports import Peer, Refused, Sent, Unreachable

_ANYWHERE = {"0.0.0.0": "127.0.0.1", "": "127.0.0.1", "::": "::1"}
_TIMEOUT_S = 2.5


def own_peer(dicom: DicomSection) -> Peer:
    """Return our own receiver as a peer, by the port without TLS where there is one."""
    host = _ANYWHERE.get(dicom.host, dicom.host)
    server = dicom.tls.options()
    if server is None or dicom.tls.plain:
        return Peer("self", dicom.ae_title, host, dicom.port)
    return Peer("self", dicom.ae_title, host, dicom.tls.port, replace(server, verify=False))


def echoed(dicom: DicomSection, timeout_s: float) -> Sent | Refused | Unreachable:
    """Return what the receiver at our own address says; to refuse us is an answer too."""
    own = own_peer(dicom)
    calling_ae_title = next(iter(dicom.allowed_calling_ae_titles), dicom.ae_title)
    return DimseSender(calling_ae_title, timeout_s=timeout_s, connect_timeout_s=timeout_s).echo(own)


def receiver_problems(dicom: DicomSection) -> list[str]:
    """Return why nobody can send to this machine, or nothing."""
    match echoed(dicom, _TIMEOUT_S):
        case Sent() | Refused():
            return []
        case Unreachable(reason=reason):
            return [f"receiver: no answer to C-ECHO on port {own_peer(dicom).port}: {reason}"]
