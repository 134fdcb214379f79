"""The worker's process: claims studies and scores them, one at a time; has the daemon's one broad except."""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager

import structlog

from triaged.daemon.examinations import examinations
from triaged.daemon.progress import Progress
from triaged.daemon.rooms import IDLE_S, Rooms, clock, or_wait, skip_if_unreachable
from triaged.errors import StaleClaim, TryLater
from triaged.steps.analyse import Analyst
from triaged.store.studies.claims import Claims
from triaged.store.studies.outcomes import Outcomes
from triaged.store.studies.publications import Publications
from triaged.study.records import Claim

log = structlog.get_logger()

TOO_LONG_EXIT_CODE = 3
_LOOK_S = 120.0
"""How long the worker may look for a study; it waits for the store where that is slow."""
_GIVE_UP_S = 60.0
"""How long it may take to put a study back that took too long, before the supervisor ends the process."""


def work(rooms: Rooms, name: str, stop: threading.Event, progress: Progress) -> None:
    """Score studies until `stop` is set; `ModelRefused` where the engine cannot be used."""
    analyst = _analyst(rooms, name)
    released = Claims(rooms.database).release(name, now=clock())
    log.info("working", engine=", ".join(analyst.engines), released=released)
    getting_on = progress.watch("looking for a study", _LOOK_S)
    progress.serving()
    while not stop.is_set():
        getting_on()
        claim = or_wait(lambda: analyst.claim(clock=clock), stop)
        if claim is not None:
            with getting_on.during("one study", rooms.config.worker.longest_s + _GIVE_UP_S):
                _analyse(rooms, analyst, claim)
        else:
            stop.wait(IDLE_S)


def _analyse(rooms: Rooms, analyst: Analyst, claim: Claim) -> None:
    try:
        with _kept_alive(rooms, claim), _given_up_after(rooms.config.worker.longest_s, analyst, claim):
            analyst.analyse(claim, clock=clock)
    except Exception as error:  # the one broad except: a bug must end a study, not the worker
        log.exception("analysis failed", study_instance_uid=claim.study_uid.value)
        with skip_if_unreachable():
            analyst.put_back(claim, type(error).__name__, clock=clock)


@contextmanager
def _kept_alive(rooms: Rooms, claim: Claim) -> Iterator[None]:
    """Extend the lease while the worker computes, so that a short lease does not punish a long study."""
    done = threading.Event()
    lease_s, claims = rooms.config.worker.lease_s, Claims(rooms.database)

    def extend() -> None:
        while not done.wait(lease_s / 3):
            try:
                claims.extend(claim, lease_s=lease_s, now=clock())
            except StaleClaim:
                return  # commit will find out, and drop the result
            except TryLater as later:
                log.warning("lease not extended", why=str(later), study_instance_uid=claim.study_uid.value)

    thread = threading.Thread(target=extend, name="lease", daemon=True)
    thread.start()
    try:
        yield
    finally:
        done.set()
        thread.join()


@contextmanager
def _given_up_after(longest_s: float, analyst: Analyst, claim: Claim) -> Iterator[None]:
    """End this process where a study takes too long: no thread can be stopped, and the next study must not wait.

    The study goes back with this reason, as after any other failed attempt.
    """
    done = threading.Event()

    def watch() -> None:
        if done.wait(longest_s):
            return
        log.error("analysis takes too long, ending the worker", study_instance_uid=claim.study_uid.value, s=longest_s)
        try:
            with skip_if_unreachable():
                analyst.put_back(claim, f"took longer than worker.longest_s, {longest_s:.0f} s", clock=clock)
        finally:
            os._exit(TOO_LONG_EXIT_CODE)

    threading.Thread(target=watch, name="longest", daemon=True).start()
    try:
        yield
    finally:
        done.set()


def _analyst(rooms: Rooms, name: str) -> Analyst:
    return Analyst(
        Claims(rooms.database),
        Outcomes(rooms.database),
        Publications(rooms.database),
        rooms.spool,
        examinations(rooms.config),
        worker=name,
        triage=rooms.config.triage.options(),
        options=rooms.config.worker.options(),
        destinations={each.name: each.kinds() for each in rooms.config.destinations},
    )
