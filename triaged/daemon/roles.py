"""The work loop of each role, as one process.

Holds the one broad except, so that a bug ends a study and not the daemon.
"""

from __future__ import annotations

import os
import signal
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from typing import TypeVar

import structlog
from apscheduler.schedulers.background import BackgroundScheduler

from triaged.config.settings import Config
from triaged.daemon import wiring
from triaged.errors import StaleClaim, TryLater
from triaged.steps.analyse import Analyst
from triaged.steps.deliver import Courier
from triaged.study.records import Claim

log = structlog.get_logger()

Result = TypeVar("Result")

SUPERVISOR_VARIABLE = "TRIAGED_SUPERVISOR"
"""Process id of the supervisor, in the environment of a role that it started."""
NAME_VARIABLE = "TRIAGED_ROLE_NAME"
"""Name of the role within its daemon, e.g. worker-1: its successor takes over what it held."""
_IDLE_S = 0.25
_AWAY_S = 2.0
_TICK_S = 0.5
_REAP_S = 5.0
_SWEEP_AFTER = timedelta(hours=1)


class Role(StrEnum):
    """What one process of the daemon does."""

    RECEIVER = "receiver"
    WORKER = "worker"
    COURIER = "courier"
    CLOCK = "clock"
    WEB = "web"


def clock() -> datetime:
    """Return the time; passed on as an argument, so that nobody else reads it."""
    return datetime.now(UTC)


def run_role(config: Config, role: Role, stop: threading.Event) -> None:
    """Run one role until `stop` is set, or until the supervisor that started it is gone.

    Raises:
        ConfigError: the role cannot run with this configuration.
    """
    _follow_supervisor(stop)
    rooms = wiring.open_rooms(config)
    try:
        {
            Role.RECEIVER: _receive,
            Role.WORKER: _work,
            Role.COURIER: _deliver,
            Role.CLOCK: _tick,
            Role.WEB: _serve_pages,
        }[role](rooms, stop)
    finally:
        rooms.database.close()


def role_name(role: Role) -> str:
    """Return a name that is unique on this store: the supervised role on this host, or this very process."""
    name = os.environ.get(NAME_VARIABLE) or f"{role.value}-{os.getpid()}"
    return f"{name}@{socket.gethostname()}"


def _follow_supervisor(stop: threading.Event) -> None:
    """End this role when its supervisor is gone, even if that was killed and could not say so."""
    supervisor = os.environ.get(SUPERVISOR_VARIABLE)
    if supervisor is None:
        return

    def watch() -> None:
        while not stop.wait(1.0):
            if os.getppid() != int(supervisor):
                os.kill(os.getpid(), signal.SIGTERM)
                return

    threading.Thread(target=watch, name="supervisor-watch", daemon=True).start()


def _receive(rooms: wiring.Rooms, stop: threading.Event) -> None:
    name = role_name(Role.RECEIVER)
    rooms.spool.sweep_parts(older_than=clock() - _SWEEP_AFTER)
    rooms.studies.close_orphans(name, now=clock())
    receiver = wiring.receiver(rooms, name=name, clock=clock)
    port = receiver.start()
    log.info("receiving", ae_title=rooms.config.dicom.ae_title, host=rooms.config.dicom.host, port=port)
    stop.wait()
    receiver.stop()


def _work(rooms: wiring.Rooms, stop: threading.Event) -> None:
    name = role_name(Role.WORKER)
    analyst = wiring.analyst(rooms, worker=name)
    released = rooms.studies.release(name, now=clock())
    log.info("working", engine=analyst.engine.name, released=released)
    while not stop.is_set():
        claim = _or_wait(lambda: analyst.claim(clock=clock), stop)
        if claim is not None:
            _analyse(rooms, analyst, claim)
        else:
            stop.wait(_IDLE_S)


def _analyse(rooms: wiring.Rooms, analyst: Analyst, claim: Claim) -> None:
    try:
        with _kept_alive(rooms, claim):
            analyst.analyse(claim, clock=clock)
    except Exception as error:  # the one broad except: a bug must end a study, not the worker
        log.exception("analysis failed", study_instance_uid=claim.study_uid.value)
        with _away_is_no_error():
            analyst.put_back(claim, type(error).__name__, clock=clock)


@contextmanager
def _kept_alive(rooms: wiring.Rooms, claim: Claim) -> Iterator[None]:
    """Extend the lease while the worker computes, so that a short lease does not punish a long study."""
    done = threading.Event()
    lease_s = rooms.config.worker.lease_s

    def extend() -> None:
        while not done.wait(lease_s / 3):
            try:
                rooms.studies.extend(claim, lease_s=lease_s, now=clock())
            except StaleClaim:
                return  # commit will find out, and drop the result
            except TryLater as away:
                log.warning("lease not extended", why=str(away), study_instance_uid=claim.study_uid.value)

    thread = threading.Thread(target=extend, name="lease", daemon=True)
    thread.start()
    try:
        yield
    finally:
        done.set()
        thread.join()


def _deliver(rooms: wiring.Rooms, stop: threading.Event) -> None:
    """Serve every destination from a thread of its own: one that hangs delays nobody else."""
    couriers = wiring.couriers(rooms, courier=role_name(Role.COURIER))
    log.info("delivering", destinations=len(couriers))
    threads = [threading.Thread(target=_deliver_to, args=(courier, stop), daemon=True) for courier in couriers]
    for thread in threads:
        thread.start()
    stop.wait()
    for thread in threads:
        thread.join(timeout=10.0)


def _deliver_to(courier: Courier, stop: threading.Event) -> None:
    while not stop.is_set():
        if not _or_wait(lambda: courier.deliver_next(clock=clock), stop):
            stop.wait(_IDLE_S)


def _tick(rooms: wiring.Rooms, stop: threading.Event) -> None:
    assembler = wiring.assembler(rooms)
    # The scheduler's defaults would drop a tick that is more than a second late.
    scheduler = BackgroundScheduler(
        timezone=UTC, job_defaults={"misfire_grace_time": None, "coalesce": True, "max_instances": 1}
    )

    def every(seconds: float, work: Callable[[], object]) -> None:
        def quietly() -> None:
            with _away_is_no_error():
                work()

        scheduler.add_job(quietly, "interval", seconds=seconds)

    every(_TICK_S, lambda: assembler.tick(now=clock()))
    every(_REAP_S, lambda: assembler.reap(now=clock()))
    scheduler.start()
    log.info("ticking", every_s=_TICK_S)
    stop.wait()
    scheduler.shutdown(wait=True)


def _serve_pages(rooms: wiring.Rooms, stop: threading.Event) -> None:
    wiring.serve_pages(rooms, stop=stop, clock=clock)


def _or_wait(work: Callable[[], Result], stop: threading.Event) -> Result | None:
    try:
        return work()
    except TryLater as away:
        log.warning("store away, will try again", why=str(away))
        stop.wait(_AWAY_S)
        return None


@contextmanager
def _away_is_no_error() -> Iterator[None]:
    try:
        yield
    except TryLater as away:
        log.warning("store away, will try again", why=str(away))
