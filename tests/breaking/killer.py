"""Chooses which process of a daemon dies next, kills it, and starts the daemon again where nobody else does."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Mapping
from dataclasses import dataclass, field

from tests.breaking.postgres_server import PostgresServer
from tests.breaking.trial import Trial
from tests.programs import Daemon

ROLES = ("receiver", "worker", "adviser", "courier", "clock", "web")
READER = "second engine"
"""The process in which a second engine reads a study; the adviser starts it."""
WEIGHTS = {
    "receiver": 5, "worker": 5, "courier": 4, "clock": 2, "web": 2,
    "all roles": 2, "supervisor": 2, "everything": 2, "backend": 4,
}  # fmt: skip
"""How often each is killed, where a trial says nothing else."""
LONGEST_STEP_S = 120.0
"""How long a step may take before the trial gives up; a machine that does much else is slow to start processes."""


@dataclass(slots=True)
class Killer:
    """Chooses who dies, and sees that it comes back."""

    trial: Trial
    daemon: Daemon
    server: PostgresServer | None
    """Whose backends may be killed; none with SQLite."""
    weights: Mapping[str, int] = field(default_factory=lambda: WEIGHTS)
    """How often each is killed, of all that can be."""

    def kill_one(self) -> str:
        """Kill one that runs now, perhaps while it starts; start the daemon again where nobody else does.

        Returns what was killed.
        """
        running = self._running()
        roles = set(running.values())
        possible = {name: weight for name, weight in self.weights.items() if self._is_possible(name, roles)}
        (target,) = self.trial.random.choices(list(possible), weights=list(possible.values()))
        if target == "backend":
            self._kill_backend()
        elif target in ("supervisor", "everything"):
            self._kill_supervisor(list(running) if target == "everything" else [])
        elif target == READER:
            for pid in self.daemon.started_by("adviser"):
                sigkill(pid)
        else:
            for pid in (pid for pid, role in running.items() if target in (role, "all roles")):
                sigkill(pid)
        self.trial.count("kills")
        self.trial.count(f"kills of {target}")
        return target

    def _running(self) -> dict[int, str]:
        """Return the roles once there are any; a daemon that ended at once is started again."""
        deadline = time.monotonic() + LONGEST_STEP_S
        while not (running := self.daemon.role_pids()):
            self.keep_up()
            if time.monotonic() > deadline:
                raise AssertionError(f"expected roles to run within {LONGEST_STEP_S} s\n{self.daemon.tail()}")
            time.sleep(0.1)
        return running

    def keep_up(self) -> None:
        """Start the daemon again, as a service manager does, where it ended by itself."""
        assert self.daemon.process is not None
        if self.daemon.process.poll() is not None:
            self.trial.count("starts that ended at once, tried again")
            time.sleep(1)
            self.daemon.launch()

    def _is_possible(self, target: str, running: set[str]) -> bool:
        if target == "backend":
            return self.server is not None
        if target == READER:
            return bool(self.daemon.started_by("adviser"))
        return target not in ROLES or target in running  # one that died a moment ago rests before it starts again

    def _kill_backend(self) -> None:
        """Kill one process of PostgreSQL, which ends them all and recovers."""
        if self.server is not None and (pids := self.server.backend_pids()):
            sigkill(self.trial.random.choice(pids))

    def wait_until_it_answers(self) -> None:
        """Wait until the daemon receives and shows again, as it must by itself."""
        started = time.monotonic()
        while not self._answers():
            if time.monotonic() > started + LONGEST_STEP_S:
                self.trial.expect(False, f"expected an answer within {LONGEST_STEP_S} s\n{self.daemon.tail()}")
                break
            time.sleep(0.2)
        self.trial.highest("longest time until it answered again, s", round(time.monotonic() - started, 1))

    def _answers(self) -> bool:
        self.keep_up()
        return self.daemon.answers()

    def _kill_supervisor(self, with_roles: list[int]) -> None:
        """Kill the supervisor, with its roles or alone, and start the daemon again as a service manager does."""
        assert self.daemon.process is not None
        for pid in (self.daemon.process.pid, *with_roles):
            sigkill(pid)
        self.daemon.process.wait()
        self.daemon.launch()


def sigkill(pid: int) -> None:
    """Kill a process that may be gone already."""
    try:
        os.kill(pid, signal.SIGKILL)
    except ProcessLookupError:
        return
