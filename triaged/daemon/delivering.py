"""The courier's process: result objects to destinations, changes of class to receivers, answers about what we keep."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from functools import partial

import structlog

from triaged.config.network import DestinationSection
from triaged.daemon.auditing import audit_errands
from triaged.daemon.notifying import push_errands
from triaged.daemon.progress import Mark, Progress
from triaged.daemon.rooms import Rooms, clock, or_wait
from triaged.daemon.waiting import Looking, Waiting, waiting
from triaged.dimse.scu import DimseSender
from triaged.steps.commitment import Committer, Reporter
from triaged.steps.deliver import Courier
from triaged.steps.errand import DeliveryOptions
from triaged.steps.negotiate import Negotiator
from triaged.steps.pausing import Gate
from triaged.store.couriers.answers import Answers
from triaged.store.couriers.commitments import Commitments
from triaged.store.couriers.notifications import Notifications
from triaged.store.couriers.outbox import Outbox
from triaged.store.couriers.peers import Peers
from triaged.store.dispatch.tickets import Task, queue
from triaged.store.roles.pauses import Pauses

log = structlog.get_logger()

_WATCH_S = 1.0
_PATIENCE_S = 3.0
"""How long a transfer may take to end when the daemon stops; one that is cut off is sent again at the next start."""

_ERRAND_S = 1800.0
"""How long one errand may take: longer than its time-outs, which end each step of it, together."""

Work = Callable[[], bool]
"""One piece of work; False when there is none."""


def deliver(rooms: Rooms, name: str, stop: threading.Event, progress: Progress) -> None:
    """Serve every destination and receiver from a thread of its own, so that one that hangs delays nobody else.

    Raises:
        ConfigError: a receiver's secret or certificates cannot be read.
        RuntimeError: a thread ended by a bug of ours; the supervisor starts the role again.
    """
    errands = _errands(rooms, name)
    dropped = _drop_retired(rooms)
    log.info("delivering", destinations=len(rooms.config.destinations), dropped=dropped)
    with waiting(rooms.database, [of for of, _ in errands if of], stop) as waits:
        threads = [
            _thread(number, errand, waits[of] if of else Looking(stop), stop, progress)
            for number, (of, errand) in enumerate(errands, 1)
        ]
        for thread in threads:
            thread.start()
        progress.serving()
        while not stop.wait(_WATCH_S):
            if not all(thread.is_alive() for thread in threads):
                raise RuntimeError("expected every courier to run, found one ended; its error stands above")
    deadline = time.monotonic() + _PATIENCE_S
    for thread in threads:
        thread.join(timeout=max(0.0, deadline - time.monotonic()))


def _drop_retired(rooms: Rooms) -> int:
    """Withdraw what waits for names that are gone, where that is what the configuration says; return how much."""
    queues, why = (Outbox(rooms.database), Notifications(rooms.database)), "its destination is gone (retired: drop)"
    names = [name for name, then in rooms.config.retired.items() if then == "drop"]
    return sum(queue.drop(name, why=why, now=clock()) for queue in queues for name in names)


def _thread(number: int, errand: Work, waits: Waiting, stop: threading.Event, progress: Progress) -> threading.Thread:
    getting_on = progress.watch(f"courier {number}", _ERRAND_S)
    hindered = partial(progress.hindered, of=f"courier {number}")
    return threading.Thread(target=_run, args=(errand, stop, getting_on, waits, hindered), daemon=True)


def _run(
    errand: Work, stop: threading.Event, getting_on: Mark, waits: Waiting, hindered: Callable[[str], None]
) -> None:
    while not stop.is_set():
        getting_on()
        if or_wait(errand, stop, hindered) is False:
            waits.wait(stop.is_set)


def _errands(rooms: Rooms, name: str) -> list[tuple[str, Work]]:
    """Return the work of each thread: one destination, one receiver of changes, or the answers to senders.

    The queue of its tickets comes first; it is empty where none are written.
    """
    delivery = rooms.config.delivery
    options = delivery.options()
    sender = DimseSender(rooms.config.dicom.ae_title, timeout_s=delivery.timeout_s)
    reporter = Reporter(
        Answers(rooms.database), sender, find_peer=rooms.config.dicom.peer, options=options, courier=name
    )
    couriers = [_errand(rooms, section, sender, options, name) for section in rooms.config.destinations]
    gate = Gate(Pauses(rooms.database))
    names = [
        *((Task.DELIVER, each.name) for each in rooms.config.destinations),
        *((Task.PUSH, each.name) for each in rooms.config.pushes),
    ]
    leaving = zip(names, [*couriers, *push_errands(rooms, name, options)], strict=True)
    open_only = [(queue(task, to), _unless_paused(gate, to, errand)) for (task, to), errand in leaving]
    telling = [("", errand) for errand in audit_errands(rooms, options)]
    return [*open_only, *telling, (queue(Task.COMMITMENT), lambda: reporter.run_next(clock=clock))]


def _unless_paused(gate: Gate, to: str, errand: Work) -> Work:
    """Return work that rests while an administrator has stopped sending to this name."""
    return lambda: gate.sends_to(to) and errand()


def _errand(
    rooms: Rooms, section: DestinationSection, sender: DimseSender, options: DeliveryOptions, name: str
) -> Work:
    """Return the work for one destination: send first, then ask for storage commitment where that is wanted."""
    destination = section.destination()
    outbox = Outbox(rooms.database)
    negotiator = Negotiator(Peers(rooms.database), outbox, sender, destination=destination)
    courier = Courier(outbox, rooms.spool, sender, negotiator, destination=destination, options=options, courier=name)
    if not section.storage_commitment:
        return lambda: courier.run_next(clock=clock)
    asking = rooms.config.delivery.commitment_options()
    committer = Committer(Commitments(rooms.database), sender, peer=destination.peer, options=asking)
    return lambda: courier.run_next(clock=clock) or committer.request_next(clock=clock)
