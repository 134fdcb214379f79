"""The clock's process: decides again and again which studies are complete, and takes back what dead workers held.

It also keeps the list under the current policy, for all processes. Of several clocks on one PostgreSQL one does what is
to be done once in each interval, whichever asks first; all of it is safe where two do it.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from datetime import datetime
from functools import partial

import structlog

from triaged.daemon.examinations import is_whole
from triaged.daemon.pacing import Job, Pacing
from triaged.daemon.progress import Progress
from triaged.daemon.pulsing import forgetting
from triaged.daemon.rooms import Rooms, clock, policy, skip_if_unreachable
from triaged.daemon.taking_over import LOOK_S, from_the_silent
from triaged.dimse.priority_scu import OrderPriorities, Source
from triaged.steps.adopt import Adoption
from triaged.steps.assemble import Assembler
from triaged.steps.inspect_spool import Inspection, Watch
from triaged.steps.policy_keeping import PolicyKeeping
from triaged.steps.priorities import RequestPriorityLookUp
from triaged.steps.recover import Recovery
from triaged.steps.retain import Retaining
from triaged.steps.siting import SitesAgain
from triaged.store.couriers.clock_steps import ClockSteps, Longest
from triaged.store.couriers.topping_up import ToppingUp
from triaged.store.dispatch.tickets import Tickets, has_tickets, interval_of
from triaged.store.listing.policies import Policies
from triaged.store.listing.priorities import Priorities
from triaged.store.listing.rankings import Rankings
from triaged.store.studies.arrivals import Arrivals
from triaged.store.studies.claims import Claims
from triaged.store.studies.completion import Completion
from triaged.store.studies.failures import Failures
from triaged.store.studies.history import History
from triaged.store.studies.inventory import Inventory
from triaged.store.studies.reception import Reception
from triaged.store.studies.retention import Retention
from triaged.store.studies.seconds import Seconds
from triaged.store.studies.siting import Siting

log = structlog.get_logger()

_TICK_S = 0.5
_REAP_S = 5.0
_TIME_S = 5.0
_LOOK_S = 60.0
_ASK_S = 1.0
_RECOVER_S = 20.0
_INSPECT_S = 60.0
_RETAIN_S = 10.0
_TOP_UP_S = 1.0
_SITES_S = 3600.0
_ASKED_AT_ONCE = 20
_ORDER = "watching the order"
_MOST_S = 300.0
"""How long a job may take for a round, the slowest one being a new order for a whole list."""


def tick(rooms: Rooms, name: str, stop: threading.Event, progress: Progress) -> None:
    """Tick until `stop` is set."""
    pacing = Pacing(_jobs(rooms, name, stop), progress, wall=clock)
    pacing.start()
    progress.serving()
    log.info("ticking", every_s=_TICK_S)
    pacing.run(stop)


def _jobs(rooms: Rooms, name: str, stop: threading.Event) -> list[Job]:
    ledgers, options = (Completion(rooms.database), Claims(rooms.database)), rooms.config.completion.options()
    whole, ranking = partial(is_whole, rooms.config), policy(rooms.config)
    rules = rooms.config.ruled()
    assembler = Assembler(*ledgers, is_whole=whole, options=options, ranking_policy=ranking, rules=rules)
    tickets = Tickets(rooms.database) if has_tickets(rooms.database) else None
    keeping, recovery, watch = _keeping(rooms, tickets), _recovery(rooms), _watch(rooms)
    retaining, sites = _retaining(rooms), SitesAgain(Siting(rooms.database), rules)
    once = partial(_once, tickets)
    with_files = partial(once, demand=rooms.spool.check_present)
    jobs = [
        once("completing studies", _TICK_S, lambda: assembler.tick(now=clock()), is_any=ledgers[0].is_any_receiving),
        _each(_ORDER, _LOOK_S, lambda: keeping.look(now=clock())),  # each adopts its own settings, one watches
        _each("forgetting roles that are gone", _LOOK_S, forgetting(rooms)),
        _each("taking back from the silent", LOOK_S, from_the_silent(rooms, name)),
        once("taking back expired leases", _REAP_S, lambda: assembler.reap(now=clock())),
        once("ranking as time passes", _TIME_S, lambda: keeping.tick(now=clock())),
        once("times ahead of the clock", _REAP_S, lambda: _put_times_right(rooms)),
        with_files("inspecting the spool", _INSPECT_S, lambda: watch.look_on(now=clock())),
        with_files("queueing again after outages", _RECOVER_S, lambda: recovery.tick(now=clock())),
        with_files("deleting what may go", _RETAIN_S, lambda: retaining.tick(now=clock())),
        once("sites of open studies", _SITES_S, lambda: sites.decide(now=clock()), is_any=sites.is_any),
        once("second engines", _REAP_S, lambda: _look_after_seconds(rooms)),
    ]
    look_up = _look_up(rooms)
    if look_up is not None:
        jobs.append(once("asking for priorities", _ASK_S, lambda: _ask(look_up, stop)))
    if tickets is not None:
        topping_up = ToppingUp(rooms.database)
        jobs.append(once("writing tickets that are missing", _TOP_UP_S, lambda: topping_up.top_up(now=clock())))
        jobs.append(once("removing tickets left behind", _LOOK_S, lambda: _remove_left(rooms)))
    return jobs


def _each(what: str, every_s: float, work: Callable[[], object]) -> Job:
    """Return a job that every clock does."""

    def run() -> None:
        with skip_if_unreachable():
            work()

    return Job(what, every_s, _MOST_S, run)


def _once(
    tickets: Tickets | None,
    what: str,
    every_s: float,
    work: Callable[[], object],
    demand: Callable[[], object] = lambda: None,
    is_any: Callable[[], bool] = lambda: True,
) -> Job:
    """Return a job that one clock of the cluster does in each interval, and each clock when it starts.

    `demand` raises `TryLater` where this host cannot do it, and leaves the turn to another. What is done often asks
    first whether there `is_any` of it: a turn is a transaction that writes.
    """
    if tickets is None:
        return _each(what, every_s, work)
    turn, began = _Turn(tickets, what, every_s), [False]

    def run() -> None:
        demand()
        if is_any() and (turn.is_ours(clock()) or not began[0]):
            work()
            began[0] = True

    return _each(what, every_s, run)


class _Turn:
    """One clock's share in what one clock of the cluster does in each interval; without tickets there is no other."""

    def __init__(self, tickets: Tickets | None, what: str, every_s: float) -> None:
        self._tickets, self._what, self._every_s = tickets, what, every_s
        self._had: int | None = None

    def is_ours(self, now: datetime) -> bool:
        """Tell whether this clock does it: the first that asks, which keeps the turn where it asks again too early."""
        if self._tickets is None:
            return True
        interval = interval_of(now, self._every_s)
        if interval != self._had and self._tickets.turn(self._what, every_s=self._every_s, now=now):
            self._had = interval
        return interval == self._had


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
    """Ask for a while; what is left is asked in the next round, so that a long queue is no hang."""
    for _ in range(_ASKED_AT_ONCE):
        if stop.is_set() or not look_up.ask_next(clock=clock):
            return


def _look_after_seconds(rooms: Rooms) -> None:
    """Take back what dead advisers held, and drop what waits for an engine that the settings do not name any more."""
    seconds = Seconds(rooms.database)
    if reaped := seconds.reap(now=clock()):
        log.warning("lease expired, second results wait again", studies=reaped)
    if dropped := seconds.drop_unnamed(rooms.config.models.second):
        log.info("second results dropped, their engine is not named any more", studies=dropped)


def _remove_left(rooms: Rooms) -> None:
    if removed := Tickets(rooms.database).remove_left():
        log.warning("tickets of a process that ended removed", tickets=removed)


def _keeping(rooms: Rooms, tickets: Tickets | None) -> PolicyKeeping:
    section = rooms.config.triage
    return PolicyKeeping(
        Policies(rooms.database),
        Rankings(rooms.database),
        triage=section.options(),
        guard=section.guard.options() if section.guard.enabled else None,
        references=section.guard.references(),
        watches=_Turn(tickets, _ORDER, _LOOK_S).is_ours,
    )


def _watch(rooms: Rooms) -> Watch:
    ledgers = Reception(rooms.database), Arrivals(rooms.database)
    adoption = Adoption(*ledgers, rooms.spool, ranking_policy=policy(rooms.config))
    inventory = Inventory(rooms.database)
    return Watch(Inspection(inventory, rooms.spool, adoption), inventory, monotonic=time.monotonic)


def _put_times_right(rooms: Rooms) -> None:
    """Look first and write only where that is needed: with a right clock it never is."""
    steps, worker, delivery = ClockSteps(rooms.database), rooms.config.worker, rooms.config.delivery
    asking = delivery.commitment_options()
    sent_again_s = asking.send_again_s * asking.max_attempts
    waits = (worker.retry_wait_s * worker.max_attempts, delivery.longest_wait_s, sent_again_s)
    longest = Longest(worker.lease_s, delivery.options().lease_s, max(waits))
    if steps.is_any_ahead(longest, now=clock()):
        found = steps.put_right(longest, ranking=policy(rooms.config), now=clock())
        log.warning("times were ahead of the clock, put right: was it set back?", rows=found)


def _retaining(rooms: Rooms) -> Retaining:
    options = rooms.config.retention_options()
    return Retaining(Retention(rooms.database), rooms.spool, options, monotonic=time.monotonic)


def _recovery(rooms: Rooms) -> Recovery:
    ledgers = Failures(rooms.database), History(rooms.database), Completion(rooms.database)
    return Recovery(*ledgers, rooms.spool, policy(rooms.config))
