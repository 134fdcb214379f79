"""The clock's process: decides again and again which studies are complete, and takes back what dead workers held.

It also keeps the list under the current policy, for all processes.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from datetime import UTC

import structlog
from apscheduler.schedulers.background import BackgroundScheduler

from triaged.daemon.examinations import is_whole
from triaged.daemon.rooms import Rooms, clock, policy, skip_if_unreachable
from triaged.dimse.priority_scu import OrderPriorities, Source
from triaged.steps.assemble import Assembler
from triaged.steps.policy_keeping import PolicyKeeping
from triaged.steps.priorities import RequestPriorityLookUp
from triaged.store.listing.policies import Policies
from triaged.store.listing.priorities import Priorities
from triaged.store.listing.rankings import Rankings
from triaged.store.studies.claims import Claims
from triaged.store.studies.completion import Completion

log = structlog.get_logger()

_TICK_S = 0.5
_REAP_S = 5.0
_TIME_S = 5.0
_LOOK_S = 60.0
_ASK_S = 1.0


def tick(rooms: Rooms, stop: threading.Event) -> None:
    """Tick until `stop` is set."""
    ledgers, options = (Completion(rooms.database), Claims(rooms.database)), rooms.config.completion.options()
    assembler = Assembler(*ledgers, is_whole=is_whole, options=options, ranking_policy=policy(rooms.config))
    # The scheduler's defaults would drop a tick that is more than a second late.
    scheduler = BackgroundScheduler(
        timezone=UTC, job_defaults={"misfire_grace_time": None, "coalesce": True, "max_instances": 1}
    )
    scheduler.add_job(_quietly(lambda: assembler.tick(now=clock())), "interval", seconds=_TICK_S)
    scheduler.add_job(_quietly(lambda: assembler.reap(now=clock())), "interval", seconds=_REAP_S)
    look_up = _look_up(rooms)
    if look_up is not None:  # a job of its own, in a thread of its own: a slow list holds up nothing else
        scheduler.add_job(_quietly(lambda: _ask(look_up, stop)), "interval", seconds=_ASK_S)
    keeping = _keeping(rooms)
    scheduler.add_job(_quietly(lambda: keeping.tick(now=clock())), "interval", seconds=_TIME_S)
    scheduler.add_job(_quietly(lambda: keeping.look(now=clock())), "interval", seconds=_LOOK_S, next_run_time=clock())
    scheduler.start()
    log.info("ticking", every_s=_TICK_S)
    stop.wait()
    scheduler.shutdown(wait=True)


def _look_up(rooms: Rooms) -> RequestPriorityLookUp | None:
    """Return what asks another list how urgent orders are, or None where only the images are to say so."""
    section = rooms.config.order_priority
    peer = section.peer()
    if peer is None:
        return None
    wire = OrderPriorities(rooms.config.dicom.ae_title, Source(section.source), timeout_s=section.timeout_s)
    ledgers = Priorities(rooms.database), Rankings(rooms.database)
    return RequestPriorityLookUp(
        *ledgers, wire, peer=peer, ranking_policy=policy(rooms.config), options=section.options()
    )


def _ask(look_up: RequestPriorityLookUp, stop: threading.Event) -> None:
    while not stop.is_set() and look_up.ask_next(clock=clock):
        pass


def _keeping(rooms: Rooms) -> PolicyKeeping:
    section = rooms.config.triage
    return PolicyKeeping(
        Policies(rooms.database),
        Rankings(rooms.database),
        triage=section.options(),
        guard=section.guard.options() if section.guard.enabled else None,
        reference=section.guard.reference_share,
    )


def _quietly(work: Callable[[], object]) -> Callable[[], None]:
    def run() -> None:
        with skip_if_unreachable():
            work()

    return run
