"""The receiver's process: C-STORE in, durable files and rows out."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta

import structlog

from triaged.daemon.comparing import is_same_image
from triaged.daemon.doors import inherited_or_new
from triaged.daemon.draining import finishing
from triaged.daemon.every import Every
from triaged.daemon.heap import give_memory_back, keep_little_memory
from triaged.daemon.progress import Progress
from triaged.daemon.rooms import Rooms, clock, policy, skip_if_unreachable
from triaged.daemon.security import warn_of_certificates
from triaged.daemon.siblings import inherited_board
from triaged.dimse.scp import Receiver
from triaged.dimse.slot import SlotLimits
from triaged.errors import TryLater
from triaged.spool.files import Spool
from triaged.steps.beginnings import Beginnings
from triaged.steps.commitment import CommitmentService
from triaged.steps.intake import Intake
from triaged.steps.pausing import Gate
from triaged.steps.trail import Trail
from triaged.steps.worklist_query import WorklistQuery
from triaged.store.couriers.answers import Answers
from triaged.store.couriers.commitments import Commitments
from triaged.store.listing.worklist import Worklist
from triaged.store.roles.pauses import Pauses
from triaged.store.studies.arrivals import Arrivals
from triaged.store.studies.reception import Reception
from triaged.store.trail.audits import Audits
from triaged.study.process import stable_part

log = structlog.get_logger()

_SWEEP_AFTER = timedelta(hours=1)
_WARN_EVERY_S = 24 * 3600.0
_GIVE_BACK_EVERY_S = 10.0
_MEET_EVERY_S = 60.0
"""How soon a receiver knows who has begun to store with another one."""
_LOOK_S = 1.0
_ACCEPT_S = 30.0
"""How long the loop that accepts associations may take for a round; it waits for the store where that is slow."""


def receive(rooms: Rooms, name: str, stop: threading.Event, progress: Progress) -> None:
    """Take in what senders store until `stop` is set, or until the last association has ended after SIGUSR1."""
    keep_little_memory()
    with skip_if_unreachable():  # who sends meanwhile is told to come again
        rooms.spool.sweep_parts(older_than=clock() - _SWEEP_AFTER)
    receiver = _receiver(rooms, name, progress)
    port = receiver.start()
    dicom = rooms.config.dicom
    with finishing(receiver.drain):
        progress.serving()
        log.info("receiving", ae_title=dicom.ae_title, host=dicom.host, port=port, ports=receiver.ports)
        _wait(rooms, receiver, stop, progress)
        receiver.stop()


def _wait(
    rooms: Rooms,
    receiver: Receiver,
    stop: threading.Event,
    progress: Progress,
    monotonic: Callable[[], float] = time.monotonic,
) -> None:
    warning, giving_back, meeting = (
        Every(each, monotonic) for each in (_WARN_EVERY_S, _GIVE_BACK_EVERY_S, _MEET_EVERY_S)
    )
    warn_of_certificates(rooms.config, now=clock())
    while not stop.wait(_LOOK_S) and not receiver.is_drained:
        progress.hindered(_refusal(rooms.spool), of="spool")
        if giving_back.is_due():
            give_memory_back()
        if warning.is_due():
            warn_of_certificates(rooms.config, now=clock())
        if rooms.config.dicom.receivers > 1 and meeting.is_due():
            with skip_if_unreachable():
                receiver.know(_known_senders(rooms))


def _refusal(spool: Spool) -> str:
    """Return why instances would be refused although nobody sends any; nothing where they would not."""
    try:
        spool.check_present()
    except TryLater as later:
        return f"instances are refused: {later}"
    return ""


def _known_senders(rooms: Rooms) -> frozenset[tuple[str, str]]:
    """Return who has stored of late, with whichever receiver."""
    return Reception(rooms.database).known_senders(since=clock() - timedelta(seconds=SlotLimits().known_s))


def _receiver(rooms: Rooms, name: str, progress: Progress) -> Receiver:
    known: frozenset[tuple[str, str]] = frozenset()
    with skip_if_unreachable():
        known = _known_senders(rooms)
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
        rules=rooms.config.ruled(),
        gate=Gate(Pauses(rooms.database)).receives,
        beginnings=Beginnings(after_long_look=give_memory_back),
    )
    asking = rooms.config.delivery.commitment_options()
    answering = Commitments(rooms.database), Answers(rooms.database)
    provider = CommitmentService(*answering, rooms.spool, find_peer=dicom.peer, options=asking)
    worklist = WorklistQuery(Worklist(rooms.database))
    accepting = progress.watch("accepting associations", _ACCEPT_S)
    return Receiver(
        options,
        intake,
        clock=clock,
        commitment=provider,
        worklist=worklist,
        trail=Trail(Audits(rooms.database), stable_part(name), clock),
        getting_on=accepting,
        listening=inherited_or_new,
        board=inherited_board(),
    )
