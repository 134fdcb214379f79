"""The roles of the daemon, and how one of them runs as a process of its own."""

from __future__ import annotations

import os
import signal
import threading
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, assert_never

from triaged.config.settings import Config
from triaged.daemon.alive_file import begin_alive_file
from triaged.daemon.beats import begin_beats
from triaged.daemon.naming import demanded_plain, own_name, predecessors
from triaged.daemon.own_watchdog import begin_notifying
from triaged.daemon.pools import as_of, pool_of
from triaged.daemon.progress import Progress
from triaged.study.process import called_of

if TYPE_CHECKING:
    from triaged.daemon.rooms import Rooms

SUPERVISOR_VARIABLE = "TRIAGED_SUPERVISOR"
"""Process id of the supervisor, in the environment of a role that it started."""


class Role(StrEnum):
    """What one process of the daemon does."""

    RECEIVER = "receiver"
    WORKER = "worker"
    ADVISER = "adviser"
    COURIER = "courier"
    CLOCK = "clock"
    WEB = "web"


def run_role(
    config: Config,
    role: Role,
    stop: threading.Event,
    *,
    called: str | None = None,
    pool: str | None = None,
    configuration: str = "",
    file: Path | None = None,
    alive_file: Path | None = None,
) -> None:
    """Run one role until `stop` is set, or until the supervisor that started it is gone.

    `called` is what it is called on this host where no supervisor says so, `pool` the one of a worker that is not
    called after it. `configuration` is the SHA-256 of the text that the settings come from, `file` where it stands.
    `alive_file` is where a role that runs alone says every second that it gets on.

    It tells the supervisor every second that it lives, from before its first work until it has ended.

    Where the database is unreachable, or the spool is not there at the first start, the role waits, and says so. A role
    imports only what it needs: the receiver starts fast and stays small without networks and pages.

    Raises:
        ConfigError: the role cannot run with this configuration.
    """
    name, progress = own_name(demanded_plain("--name", called or role.value)), Progress()
    _follow_supervisor(stop)
    begin_beats(progress)
    begin_notifying(progress)
    begin_alive_file(progress, alive_file)
    most_mb = None
    if role is Role.WORKER:
        config = as_of(config, pool_of(config, called_of(name), pool))
        most_mb = config.workers[0].memory_mb
    from triaged.daemon.memory import limit_memory

    limit_memory(role, config.inference.device, most_mb)
    from triaged.daemon.rooms import clock, open_rooms, or_wait
    from triaged.daemon.spools import tidying

    while (rooms := or_wait(lambda: open_rooms(config, configuration, file), stop)) is None:
        if stop.is_set():
            return
    from triaged.daemon.auditing import audited
    from triaged.daemon.pulsing import pulsing
    from triaged.daemon.taking_over import take_over

    try:
        tidied = tidying(rooms.spool, config.storage, clock)
        with pulsing(rooms, name, role.value, progress), audited(rooms, name, role.value), tidied:
            take_over(rooms, predecessors())
            _run(rooms, role, name, stop, progress)
    finally:
        rooms.database.close()


def _run(rooms: Rooms, role: Role, name: str, stop: threading.Event, progress: Progress) -> None:
    match role:
        case Role.RECEIVER:
            from triaged.daemon.receiving import receive

            receive(rooms, name, stop, progress)
        case Role.WORKER:
            from triaged.daemon.working import work

            work(rooms, name, stop, progress)
        case Role.ADVISER:
            from triaged.daemon.advising import advise

            advise(rooms, name, stop, progress)
        case Role.COURIER:
            from triaged.daemon.delivering import deliver

            deliver(rooms, name, stop, progress)
        case Role.CLOCK:
            from triaged.daemon.ticking import tick

            tick(rooms, name, stop, progress)
        case Role.WEB:
            from triaged.daemon.showing import show

            show(rooms, name, stop, progress)
        case _:
            assert_never(role)


def _follow_supervisor(stop: threading.Event) -> None:
    """End this role when its supervisor is gone, even if that was killed and could not say so."""
    supervisor = os.environ.get(SUPERVISOR_VARIABLE)
    if supervisor is None:
        return

    def watch() -> None:
        while not stop.wait(1.0):
            if os.getppid() != int(supervisor):
                stop.set()  # a signal alone is lost where another thread than the main one gets it
                os.kill(os.getpid(), signal.SIGTERM)
                return

    threading.Thread(target=watch, name="supervisor-watch", daemon=True).start()
