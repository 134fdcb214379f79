"""The receiver: listens, gives every connection a thread with an acceptor, and ends them all without losing an answer.

Knows neither files nor tables; what is received goes to the intake.
"""

from __future__ import annotations

import os
import select
import socket
import threading
import time
from collections.abc import Callable, Collection
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from ipaddress import IPv6Address, ip_address

import structlog

from triaged.dimse.acceptor import Acceptor
from triaged.dimse.association_log import AssociationLog
from triaged.dimse.board import Board
from triaged.dimse.descriptors import limits_for, limits_wanted
from triaged.dimse.link import Link, Patience
from triaged.dimse.options import ScpOptions
from triaged.dimse.slot import Slot
from triaged.dimse.slots import Slots
from triaged.dimse.stream import Stream, TlsStream
from triaged.dimse.tls import Credentials, reason, server_context
from triaged.errors import ConfigError, TryLater
from triaged.steps.intake import Intake, Sender
from triaged.steps.ports import CommitmentProvider, WorklistProvider
from triaged.steps.trail import Trail

log = structlog.get_logger()

_BACKLOG = 128
_TICK_S = 1.0
_LINGER_S = 1.0
_YIELD_S = 0.025
"""How long a connection is left to a receiver that has less to do; then whoever is faster accepts it."""
_ATTEND_S = 0.1


@dataclass(frozen=True, slots=True)
class _Listener:
    """A socket that is listened on; with credentials, for TLS."""

    socket: socket.socket
    credentials: Credentials | None


@dataclass(frozen=True, slots=True, eq=False)
class _Served:
    """A connection that is being served."""

    thread: threading.Thread
    link: Link


class Receiver:
    """Receives DICOM instances, and commitment and queries where provided; `stop` returns when no thread is left.

    `getting_on` is called at every round of the loop that accepts, also while nobody comes. `listening` gives the
    socket of an address, which may be one that somebody else listens on too. The limits of the options are then for all
    who have the same `board`.
    """

    def __init__(
        self,
        options: ScpOptions,
        intake: Intake,
        *,
        clock: Callable[[], datetime],
        commitment: CommitmentProvider | None = None,
        worklist: WorklistProvider | None = None,
        trail: Trail | None = None,
        getting_on: Callable[[], None] = lambda: None,
        listening: Callable[[str, int], socket.socket] | None = None,
        board: Board | None = None,
    ) -> None:
        self._getting_on = getting_on
        self._board = board
        self._listening = listening or listening_on
        self._drains = False
        self._options = options
        self._intake = intake
        self._clock = clock
        self._log = AssociationLog()
        self._credentials = None if options.secured is None else Credentials(options.secured, server_context)
        self._acceptor = partial(
            Acceptor,
            options=options,
            intake=intake,
            clock=clock,
            associations=self._log,
            provider=commitment,
            worklist=worklist,
            trail=trail,
        )
        self._turn_s = min(_TICK_S, options.idle_timeout_s)
        self._patience = Patience(options.idle_timeout_s, options.least_bytes_per_s, options.rate_window_s)
        self._lock = threading.Lock()
        self._served: set[_Served] = set()
        self._ended: list[Sender] = []
        """Senders that have ended and that the store does not know to have ended, because it was unreachable."""
        self._stopping = threading.Event()

    def start(self) -> int:
        """Listen, and return the port; raises `ConfigError` where host and port cannot be listened on."""
        options = self._options
        self._listeners = []
        if options.has_plain_port or self._credentials is None:
            self._listeners.append(_Listener(self._listening(options.host, options.port), None))
        if self._credentials is not None:
            self._listeners.append(_Listener(self._listening(options.host, options.tls_port), self._credentials))
        self._awake, self._wake = os.pipe()
        everywhere = None if self._board is None else limits_wanted(options)
        self._slots = Slots(limits_for(options), options.expected, board=self._board, everywhere=everywhere)
        self._threads = [threading.Thread(target=self._accept, name="receiver")]
        if self._board is not None:
            self._threads.append(threading.Thread(target=self._attend, name="board"))
        for each in self._threads:
            each.start()
        return self.ports[0]

    def know(self, senders: Collection[tuple[str, str]]) -> None:
        """Take these senders for known, by title and address: they have stored with another receiver."""
        self._slots.know(senders)

    @property
    def ports(self) -> list[int]:
        """Return the ports that are listened on: the plain one, if there is one, before that of TLS."""
        return [int(listener.socket.getsockname()[1]) for listener in self._listeners]

    def drain(self) -> None:
        """Accept nobody any more from the next second on, and let every association end by itself.

        Takes no lock and waits for nothing, so that a signal handler may call it.
        """
        self._drains = True

    @property
    def is_drained(self) -> bool:
        """Tell whether nobody is accepted any more and the last association has ended."""
        return self._drains and not self._listeners and not self._still_served() and not self._ended

    def stop(self) -> None:
        """Take no more requests, let instances on their way arrive for a moment, and end every association."""
        self._stopping.set()
        self._slots.close()
        os.write(self._wake, b"!")
        for each in self._threads:
            each.join()
        deadline = time.monotonic() + self._options.stop_grace_s
        for served in self._still_served():
            served.thread.join(max(0.0, deadline - time.monotonic()))
        for served in self._still_served():
            served.link.interrupt()
            served.thread.join()
        self._close_ended()
        os.close(self._awake)
        os.close(self._wake)

    def _still_served(self) -> list[_Served]:
        with self._lock:
            return list(self._served)

    def _accept(self) -> None:
        poll = select.poll()
        poll.register(self._awake, select.POLLIN)
        by_descriptor = {listener.socket.fileno(): listener for listener in self._listeners}
        for descriptor in by_descriptor:
            poll.register(descriptor, select.POLLIN)
        while not self._stopping.is_set():
            self._getting_on()
            self._close_ended()
            if self._drains and by_descriptor:
                for descriptor in by_descriptor:
                    poll.unregister(descriptor)
                by_descriptor = {}
                self._close_listeners()
                self._slots.withdraw()
            for descriptor, _ in poll.poll(_TICK_S * 1000):
                if descriptor in by_descriptor and not self._stopping.is_set():
                    if self._slots.yields():
                        self._stopping.wait(_YIELD_S)
                    self._accept_one(by_descriptor[descriptor])
        self._close_listeners()

    def _attend(self) -> None:
        while not self._stopping.wait(_ATTEND_S):
            self._slots.attend()

    def _close_listeners(self) -> None:
        listeners, self._listeners = self._listeners, []
        for listener in listeners:
            listener.socket.close()

    def _accept_one(self, listener: _Listener) -> None:
        try:
            connection, address = listener.socket.accept()
        except BlockingIOError:
            return  # the connection was gone again
        except OSError as error:  # out of descriptors, or a connection that died in the queue
            self._log.connection_not_accepted(error.strerror or str(error))
            self._slots.make_room()
            self._stopping.wait(_TICK_S / 4)
            return
        self._begin(connection, _address(address[0]), listener.credentials)

    def _begin(self, connection: socket.socket, peer: str, credentials: Credentials | None) -> None:
        try:
            stream = self._stream(connection, credentials)
        except (ConfigError, OSError) as error:
            self._log.not_secured(peer, str(error))
            connection.close()
            return
        link = Link(stream, wake=self._awake, patience=self._patience)
        slot = self._slots.connect(peer, link)
        if slot is None:
            self._log.connection_refused(peer, "too many are open")
            stream.close()
            return
        thread = threading.Thread(target=lambda: self._serve(served, stream, slot), name=f"peer {peer}")
        served = _Served(thread, link)
        with self._lock:
            self._served.add(served)
        thread.start()

    def _stream(self, connection: socket.socket, credentials: Credentials | None) -> Stream:
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
        if credentials is None:
            return Stream(connection, turn_s=self._turn_s)
        connection.setblocking(True)
        secured = credentials.context().wrap_socket(connection, server_side=True, do_handshake_on_connect=False)
        return TlsStream(secured, turn_s=self._turn_s)

    def _serve(self, served: _Served, stream: Stream, slot: Slot) -> None:
        sender = None
        try:
            names = stream.handshake(self._options.request_timeout_s)
            acceptor = self._acceptor(served.link, slot, slots=self._slots, certificate_names=names)
            try:
                acceptor.run()
            finally:
                sender = acceptor.sender
        except OSError as error:
            if not slot.is_dismissed:
                self._log.not_secured(slot.address, reason(error))
        except Exception:  # a bug of ours may cost one association, not the receiver
            log.exception("association ended because of a bug")
        finally:
            if sender is not None:
                self._close(sender)
            served.link.finish(_LINGER_S)
            self._slots.leave(slot)
            with self._lock:
                self._served.discard(served)

    def _close(self, sender: Sender) -> None:
        """Record that a sender has ended; a study may wait for that, so it is tried again until the store has it."""
        try:
            self._intake.close_association(sender, now=self._clock())
        except TryLater as later:
            log.warning("end of association not recorded, will try again", why=str(later))
            with self._lock:
                self._ended.append(sender)

    def _close_ended(self) -> None:
        with self._lock:
            ended, self._ended = self._ended, []
        for sender in ended:
            self._close(sender)


def listening_on(host: str, port: int) -> socket.socket:
    """Return a socket that listens; raises `ConfigError` where host and port cannot be listened on."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    try:
        listener = socket.create_server((host, port), family=family, backlog=_BACKLOG)
    except OSError as error:
        raise ConfigError(f"expected to listen on {host} port {port}: {error.strerror or error}") from error
    listener.setblocking(False)
    return listener


def _address(address: str) -> str:
    """Return an address as people write it: an IPv4 peer of an IPv6 socket has its own."""
    plain = ip_address(address.partition("%")[0])
    mapped = plain.ipv4_mapped if isinstance(plain, IPv6Address) else None
    return str(mapped) if mapped is not None else address
