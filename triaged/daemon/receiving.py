"""The receiver's process: C-STORE in, durable files and rows out."""

from __future__ import annotations

import threading
from dataclasses import replace
from datetime import timedelta

import structlog

from triaged.daemon.comparing import is_same_image
from triaged.daemon.heap import give_memory_back, keep_little_memory
from triaged.daemon.progress import Progress
from triaged.daemon.rooms import Rooms, clock, policy, skip_if_unreachable
from triaged.daemon.security import warn_of_certificates
from triaged.dimse.scp import Receiver
from triaged.dimse.slots import SlotLimits
from triaged.steps.commitment import CommitmentService
from triaged.steps.intake import Intake
from triaged.steps.worklist_query import WorklistQuery
from triaged.store.couriers.answers import Answers
from triaged.store.couriers.commitments import Commitments
from triaged.store.listing.worklist import Worklist
from triaged.store.studies.arrivals import Arrivals
from triaged.store.studies.reception import Reception

log = structlog.get_logger()

_SWEEP_AFTER = timedelta(hours=1)
_WARN_EVERY = timedelta(days=1)
_GIVE_BACK_EVERY_S = 10.0
_ACCEPT_S = 30.0
"""How long the loop that accepts associations may take for a round; it waits for the store where that is slow."""


def receive(rooms: Rooms, name: str, stop: threading.Event, progress: Progress) -> None:
    """Take in what senders store until `stop` is set."""
    keep_little_memory()
    with skip_if_unreachable():  # who sends meanwhile is told to come again
        rooms.spool.sweep_parts(older_than=clock() - _SWEEP_AFTER)
    Reception(rooms.database).close_orphans(name, now=clock())
    receiver = _receiver(rooms, name, progress, _known_senders(rooms))
    port = receiver.start()
    dicom = rooms.config.dicom
    progress.serving()
    log.info("receiving", ae_title=dicom.ae_title, host=dicom.host, port=port, ports=receiver.ports)
    warned = clock()
    warn_of_certificates(rooms.config, now=warned)
    while not stop.wait(_GIVE_BACK_EVERY_S):
        give_memory_back()
        if clock() - warned >= _WARN_EVERY:
            warned = clock()
            warn_of_certificates(rooms.config, now=warned)
    receiver.stop()


def _known_senders(rooms: Rooms) -> frozenset[tuple[str, str]]:
    """Return who is known from before this process started; nobody where the store is unreachable."""
    with skip_if_unreachable():
        return Reception(rooms.database).known_senders(since=clock() - timedelta(seconds=SlotLimits().known_s))
    return frozenset()


def _receiver(rooms: Rooms, name: str, progress: Progress, known: frozenset[tuple[str, str]]) -> Receiver:
    dicom = rooms.config.dicom
    options = dicom.options()
    options = replace(options, expected=(*options.expected, *sorted(known)))
    ledgers = Reception(rooms.database), Arrivals(rooms.database)
    intake = Intake(
        *ledgers,
        rooms.spool,
        ranking_policy=policy(rooms.config),
        receiver=name,
        is_same_image=is_same_image,
        hindered=progress.hindered,
    )
    asking = rooms.config.delivery.commitment_options()
    answering = Commitments(rooms.database), Answers(rooms.database)
    provider = CommitmentService(*answering, rooms.spool, find_peer=dicom.peer, options=asking)
    worklist = WorklistQuery(Worklist(rooms.database))
    accepting = progress.watch("accepting associations", _ACCEPT_S)
    return Receiver(options, intake, clock=clock, commitment=provider, worklist=worklist, getting_on=accepting)
