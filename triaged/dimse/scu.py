"""Sends objects to a peer by C-STORE, and asks a peer by C-ECHO whether it is there.

Knows neither outbox nor retries: it answers, for every object, what the peer said. Nothing is dropped silently: what a
peer does not take is `Refused`, with the reason.
"""

from __future__ import annotations

import logging
import socket
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from itertools import islice
from pathlib import Path

from pydicom import Dataset, dcmread
from pynetdicom import AE, _config, evt
from pynetdicom.association import Association

from triaged.dicom.part10 import IMPLEMENTATION_CLASS_UID, IMPLEMENTATION_VERSION_NAME
from triaged.steps.ports import Outgoing, Peer, Refused, SendOutcome, Sent, Unreachable

_VERIFICATION = "1.2.840.10008.1.1"
_IMPLICIT_VR_LITTLE_ENDIAN = "1.2.840.10008.1.2"
_EXPLICIT_VR_LITTLE_ENDIAN = "1.2.840.10008.1.2.1"
_RLE_LOSSLESS = "1.2.840.10008.1.2.5"
_CONVERTIBLE = frozenset({_EXPLICIT_VR_LITTLE_ENDIAN, _RLE_LOSSLESS})
"""Syntaxes that we write; every peer has to accept implicit VR little endian (PS3.5 10.1)."""
_MOST_CONTEXTS = 128

_SUCCESS = 0x0000
_WARNINGS = (0x0001, 0x0107, 0x0116, *range(0xB000, 0xC000))
_DUPLICATE_SOP_INSTANCE = 0x0111
"""The peer has the object already: our UIDs are functions of their content, so it is the same one."""
_FINAL = (0x0106, 0x0112, 0x0117, 0x0118, 0x0120, 0x0121, 0x0122, *range(0xA900, 0xAA00), *range(0xC000, 0xD000))
"""Failures that lie in the object or in what the peer supports (PS3.4 table B.2-1, PS3.7 annex C)."""


class DimseSender:
    """Sends under our AE title; safe to use from several threads, each call is an association of its own."""

    def __init__(self, ae_title: str, *, timeout_s: float = 30.0, connect_timeout_s: float = 10.0) -> None:
        self._ae_title = ae_title
        self._timeout_s = timeout_s
        self._connect_timeout_s = connect_timeout_s
        # Files are sent as they are, read piece by piece, instead of being decoded and encoded again.
        _config.STORE_SEND_CHUNKED_DATASET = True
        # What it would log is in the outcome that we return; its tracebacks of a peer that is away help nobody.
        logging.getLogger("pynetdicom").setLevel(logging.CRITICAL)

    def send(self, objects: Sequence[Outgoing], peer: Peer) -> Sequence[SendOutcome]:
        """Return one outcome per object, in order; never raises for what a peer does."""
        outcomes: list[SendOutcome] = []
        remaining = iter(objects)
        while batch := list(islice(remaining, _MOST_CONTEXTS // 3)):
            outcomes += self._send_batch(batch, peer)
        return outcomes

    def echo(self, peer: Peer) -> SendOutcome:
        """Ask a peer whether it is there and knows us."""
        with self._association(peer, {_VERIFICATION: {_IMPLICIT_VR_LITTLE_ENDIAN}}) as association:
            if isinstance(association, Unreachable):
                return association
            if not association.accepted_contexts:
                return Refused("Verification is not accepted", final=True)
            return _outcome(association.send_c_echo(), association)

    def _send_batch(self, objects: Sequence[Outgoing], peer: Peer) -> list[SendOutcome]:
        wanted: dict[str, set[str]] = {}
        for outgoing in objects:
            syntaxes = wanted.setdefault(outgoing.sop_class_uid, set())
            syntaxes.update(_syntaxes_of(outgoing))
        with self._association(peer, wanted) as association:
            if isinstance(association, Unreachable):
                return [association] * len(objects)
            return [_send(association, outgoing) for outgoing in objects]

    @contextmanager
    def _association(self, peer: Peer, wanted: dict[str, set[str]]) -> Iterator[Association | Unreachable]:
        ae = AE(self._ae_title)
        ae.implementation_class_uid = IMPLEMENTATION_CLASS_UID
        ae.implementation_version_name = IMPLEMENTATION_VERSION_NAME
        ae.acse_timeout = ae.dimse_timeout = ae.network_timeout = self._timeout_s
        ae.connection_timeout = self._connect_timeout_s
        for sop_class_uid, syntaxes in wanted.items():
            for syntax in sorted(syntaxes):  # one context each, so that the peer cannot choose between them
                ae.add_requested_context(sop_class_uid, syntax)
        try:
            association = ae.associate(
                peer.host, peer.port, ae_title=peer.ae_title, evt_handlers=[(evt.EVT_CONN_OPEN, _send_at_once)]
            )
        except (OSError, ValueError) as error:
            yield Unreachable(f"no association with {peer.host} port {peer.port}: {error}")
            return
        try:
            # Where every context is rejected there is an answer although there is no association.
            answered = association.is_established or association.rejected_contexts
            yield association if answered else Unreachable(_why_not(association, peer))
        finally:
            if association.is_established:
                association.release()


def _syntaxes_of(outgoing: Outgoing) -> frozenset[str]:
    """Return the transfer syntaxes in which an object may go, which lose nothing: its own, or uncompressed."""
    if outgoing.transfer_syntax_uid not in _CONVERTIBLE:
        return frozenset({outgoing.transfer_syntax_uid})
    return frozenset({outgoing.transfer_syntax_uid, _EXPLICIT_VR_LITTLE_ENDIAN, _IMPLICIT_VR_LITTLE_ENDIAN})


def _uncompressed(path: Path) -> Dataset:
    """Return an object for a peer that does not take its transfer syntax; it stays the same instance."""
    dataset = dcmread(path)
    if dataset.file_meta.TransferSyntaxUID.is_compressed:
        dataset.decompress(generate_instance_uid=False)
    return dataset


def _send_at_once(event: evt.Event) -> None:
    """Switch off Nagle's algorithm: it would hold back the end of every object for a round trip."""
    transport = event.assoc.dul.socket
    if transport is not None and transport.socket is not None:
        transport.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)


def _why_not(association: Association, peer: Peer) -> str:
    answer = association.acceptor.primitive
    if association.is_rejected and answer is not None:
        return f"association rejected by {peer.ae_title}: {answer.result_str}, {answer.reason_str}"
    if association.is_aborted and answer is not None:
        return f"association aborted by {peer.ae_title}"
    return f"no connection to {peer.host} port {peer.port}"


def _send(association: Association, outgoing: Outgoing) -> SendOutcome:
    accepted = {
        str(context.transfer_syntax[0])
        for context in association.accepted_contexts
        if context.abstract_syntax == outgoing.sop_class_uid
    }
    converting = outgoing.transfer_syntax_uid not in accepted
    if accepted.isdisjoint(_syntaxes_of(outgoing)):
        return _not_negotiated(association, outgoing)
    if not association.is_established:
        return Unreachable("the association ended before this object was sent")
    try:
        status = association.send_c_store(_uncompressed(outgoing.path) if converting else outgoing.path)
    except OSError as error:
        return Refused(f"the object cannot be read: {error.strerror or error}", final=False)
    except (ValueError, AttributeError, RuntimeError) as error:
        if not association.is_established:
            return Unreachable(f"the association ended while the object was sent: {error}")
        return Refused(f"the object cannot be sent: {error}", final=True)
    return _outcome(status, association)


def _not_negotiated(association: Association, outgoing: Outgoing) -> Refused:
    results = {
        context.result for context in association.rejected_contexts if context.abstract_syntax == outgoing.sop_class_uid
    }
    if 3 in results:
        return Refused(f"SOP class {outgoing.sop_class_uid} is not accepted", final=True)
    what = f"transfer syntax {outgoing.transfer_syntax_uid} is not accepted for SOP class {outgoing.sop_class_uid}"
    return Refused(what, final=4 in results or not results)


def _outcome(status: Dataset, association: Association) -> SendOutcome:
    """Return what the peer's answer means; an empty one is none."""
    code = status.get("Status")
    if code is None:
        if association.is_established:
            association.abort()
        return Unreachable("no answer: the association ended, or the peer was silent for too long")
    comment = str(status.get("ErrorComment", "")).strip()
    if code == _SUCCESS:
        return Sent()
    if code in _WARNINGS:
        return Sent(f"warning {code:#06x} {comment}".rstrip())
    if code == _DUPLICATE_SOP_INSTANCE:
        return Sent("the peer had the object already")
    return Refused(f"status {code:#06x} {comment}".rstrip(), final=code in _FINAL)
