"""Associations that we open: proposals out, and what a peer's answer to them, or its silence, means.

Knows no service. pynetdicom speaks the protocol here: what we send is little, and it may take its time.
"""

from __future__ import annotations

import logging
import socket
import threading
from collections.abc import Collection, Iterator, Mapping
from contextlib import contextmanager
from ssl import SSLContext
from typing import cast

from pydicom import Dataset
from pynetdicom import AE, _config, evt
from pynetdicom.association import Association
from pynetdicom.events import EventHandlerType
from pynetdicom.pdu import A_ABORT_RQ, A_ASSOCIATE_RJ
from pynetdicom.presentation import build_role

from triaged.dicom.part10 import IMPLEMENTATION_CLASS_UID, IMPLEMENTATION_VERSION_NAME
from triaged.dimse.command import Status
from triaged.dimse.tls import Credentials, NotingContext, client_context
from triaged.errors import ConfigError
from triaged.steps.ports import Peer, Refused, SendOutcome, Sent, TlsSetup, Unreachable

MOST_CONTEXTS = 128
"""How many presentation contexts one association can have: their numbers are odd and one byte long."""

_WARNINGS = (0x0001, 0x0107, 0x0116, *range(0xB000, 0xC000))
_DUPLICATE_SOP_INSTANCE = 0x0111
"""The peer has the object already: our UIDs are functions of their content, so it is the same one."""


class Requestor:
    """Opens associations under our AE title; safe to use from several threads."""

    def __init__(self, ae_title: str, *, timeout_s: float, connect_timeout_s: float) -> None:
        self._ae_title = ae_title
        self._timeout_s = timeout_s
        self._connect_timeout_s = connect_timeout_s
        self._lock = threading.Lock()
        self._credentials: dict[TlsSetup, Credentials] = {}
        # Files are sent as they are, read piece by piece, instead of being decoded and encoded again.
        _config.STORE_SEND_CHUNKED_DATASET = True
        # What it would log is in the outcome that we return; its tracebacks of an unreachable peer help nobody.
        logging.getLogger("pynetdicom").setLevel(logging.CRITICAL)

    @contextmanager
    def association(
        self,
        peer: Peer,
        proposals: Mapping[str, Collection[str]],
        *,
        provided: Collection[str] = (),
        handlers: Collection[EventHandlerType] = (),
        idle_s: float = 0.0,
    ) -> Iterator[Association | Unreachable]:
        """Open an association that proposes, for each SOP class, transfer syntaxes; release it in the end.

        Of the classes in `provided` we are the SCP. Silence of the peer ends the association after the time-out, or
        after `idle_s` where that is longer. Where every context is rejected there is an association that is not
        established, as there is an answer.
        """
        ae = AE(self._ae_title)
        ae.implementation_class_uid = IMPLEMENTATION_CLASS_UID
        ae.implementation_version_name = IMPLEMENTATION_VERSION_NAME
        ae.acse_timeout = ae.dimse_timeout = self._timeout_s
        ae.network_timeout = max(self._timeout_s, idle_s)
        ae.connection_timeout = self._connect_timeout_s
        for sop_class_uid, syntaxes in proposals.items():
            for syntax in syntaxes:  # one context each, so that the peer cannot choose between them
                ae.add_requested_context(sop_class_uid, syntax)
        heard = _Heard()
        try:
            secured = self._secured(peer)
            association = ae.associate(
                peer.host,
                peer.port,
                ae_title=peer.ae_title,
                ext_neg=[build_role(sop_class_uid, scp_role=True) for sop_class_uid in provided],
                evt_handlers=[
                    (evt.EVT_CONN_OPEN, _send_at_once),
                    (evt.EVT_CONN_OPEN, heard.open),
                    (evt.EVT_PDU_RECV, heard.pdu),
                    *handlers,
                ],
                # Of the context pynetdicom asks nothing but to wrap its socket.
                tls_args=None if secured is None else (cast("SSLContext", secured), peer.host),
            )
        except ConfigError as error:
            yield Unreachable(str(error))
            return
        except (OSError, ValueError) as error:
            yield Unreachable(f"no association with {peer.host} port {peer.port}: {error}")
            return
        try:
            answered = association.is_established or association.rejected_contexts
            yield association if answered else Unreachable(heard.why_not(peer, secured))
        finally:
            if association.is_established:
                association.release()

    def _secured(self, peer: Peer) -> NotingContext | None:
        """Return what the association is secured with; `ConfigError` where certificates cannot be read."""
        if peer.tls is None:
            return None
        with self._lock:
            credentials = self._credentials.setdefault(peer.tls, Credentials(peer.tls, client_context))
        return NotingContext(credentials.context())


class _Heard:
    """What came from a peer until there was an association, or none.

    Noted as it arrives: pynetdicom takes a connection that was rejected and closed at once for one that never was.
    """

    def __init__(self) -> None:
        self._connected = False
        self._rejection: A_ASSOCIATE_RJ | None = None
        self._aborted = False

    def open(self, _: evt.Event) -> None:
        self._connected = True

    def pdu(self, event: evt.Event) -> None:
        if isinstance(event.pdu, A_ASSOCIATE_RJ):
            self._rejection = event.pdu
        elif isinstance(event.pdu, A_ABORT_RQ):
            self._aborted = True

    def why_not(self, peer: Peer, secured: NotingContext | None) -> str:
        """Say why there is no association."""
        if self._rejection is not None:
            why = f"{self._rejection.result_str}, {self._rejection.reason_str}"
            return f"association rejected by {peer.ae_title}: {why}"
        if self._aborted:
            return f"association aborted by {peer.ae_title}"
        if secured is not None and secured.problem:
            return f"no TLS connection to {peer.host} port {peer.port}: {secured.problem}"
        if self._connected:
            return f"{peer.host} port {peer.port} gave no answer to the request for an association"
        return f"no connection to {peer.host} port {peer.port}"


def accepted_by(association: Association, sop_class_uid: str) -> tuple[str, ...]:
    """Return the transfer syntaxes that the peer accepts for a SOP class, in the order of the proposal."""
    contexts = association.accepted_contexts
    return tuple(str(context.transfer_syntax[0]) for context in contexts if context.abstract_syntax == sop_class_uid)


def outcome_of(status: Dataset, association: Association, *, final: Collection[int]) -> SendOutcome:
    """Return what the peer's answer means; an empty one is none. Failures in `final` cannot end otherwise later."""
    code = status.get("Status")
    if code is None:
        if association.is_established:
            association.abort()
        return Unreachable("no answer: the association ended, or the peer was silent for too long")
    comment = str(status.get("ErrorComment", "")).strip()
    if code == Status.SUCCESS:
        return Sent()
    if code in _WARNINGS:
        return Sent(f"warning {code:#06x} {comment}".rstrip(), f"warning {code:#06x}")
    if code == _DUPLICATE_SOP_INSTANCE:
        return Sent("the peer had the object already")
    return Refused(f"status {code:#06x} {comment}".rstrip(), final=code in final, code=f"status {code:#06x}")


def _send_at_once(event: evt.Event) -> None:
    """Switch off Nagle's algorithm: it would delay the end of every object for a round trip."""
    transport = event.assoc.dul.socket
    if transport is not None and transport.socket is not None:
        transport.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
