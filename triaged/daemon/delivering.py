"""The courier's process: result objects from the outbox to every destination."""

from __future__ import annotations

import threading
import time

import structlog

from triaged.config.settings import DestinationSection
from triaged.daemon.rooms import IDLE_S, Rooms, clock, or_wait
from triaged.dimse.scu import DimseSender
from triaged.steps.deliver import Courier, DeliveryOptions
from triaged.steps.ports import Peer

log = structlog.get_logger()

_PATIENCE_S = 3.0
"""How long a transfer may take to end when the daemon stops; one that is cut off is sent again at the next start."""


def deliver(rooms: Rooms, name: str, stop: threading.Event) -> None:
    """Serve every destination from a thread of its own, so that one that hangs delays nobody else."""
    couriers = _couriers(rooms, name)
    log.info("delivering", destinations=len(couriers), released=rooms.outbox.release(name))
    threads = [threading.Thread(target=_deliver_to, args=(courier, stop), daemon=True) for courier in couriers]
    for thread in threads:
        thread.start()
    stop.wait()
    deadline = time.monotonic() + _PATIENCE_S
    for thread in threads:
        thread.join(timeout=max(0.0, deadline - time.monotonic()))


def _deliver_to(courier: Courier, stop: threading.Event) -> None:
    while not stop.is_set():
        if not or_wait(lambda: courier.deliver_next(clock=clock), stop):
            stop.wait(IDLE_S)


def _couriers(rooms: Rooms, name: str) -> list[Courier]:
    delivery = rooms.config.delivery
    options = DeliveryOptions(
        first_wait_s=delivery.first_wait_s, longest_wait_s=delivery.longest_wait_s, max_attempts=delivery.max_attempts
    )
    sender = DimseSender(rooms.config.dicom.ae_title, timeout_s=delivery.timeout_s)
    return [
        Courier(rooms.outbox, rooms.spool, sender, peer=_peer(each), options=options, courier=name)
        for each in rooms.config.destinations
    ]


def _peer(destination: DestinationSection) -> Peer:
    return Peer(destination.name, destination.ae_title, destination.host, destination.port)
