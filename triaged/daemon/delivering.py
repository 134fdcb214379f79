"""The courier's process: result objects from the outbox to every destination."""

from __future__ import annotations

import threading
import time

import structlog

from triaged.daemon.rooms import IDLE_S, Rooms, clock, or_wait
from triaged.dimse.scu import DimseSender
from triaged.steps.deliver import Courier, DeliveryOptions

log = structlog.get_logger()

_WATCH_S = 1.0
_PATIENCE_S = 3.0
"""How long a transfer may take to end when the daemon stops; one that is cut off is sent again at the next start."""


def deliver(rooms: Rooms, name: str, stop: threading.Event) -> None:
    """Serve every destination from a thread of its own, so that one that hangs delays nobody else.

    Raises:
        RuntimeError: a thread ended by a bug of ours; the supervisor starts the role again.
    """
    couriers = _couriers(rooms, name)
    log.info("delivering", destinations=len(couriers), released=rooms.outbox.release(name))
    threads = [threading.Thread(target=_deliver_to, args=(courier, stop), daemon=True) for courier in couriers]
    for thread in threads:
        thread.start()
    while not stop.wait(_WATCH_S):
        if not all(thread.is_alive() for thread in threads):
            raise RuntimeError("expected every courier to run, found one ended; its error stands above")
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
        Courier(rooms.outbox, rooms.spool, sender, peer=each.peer(), options=options, courier=name)
        for each in rooms.config.destinations
    ]
