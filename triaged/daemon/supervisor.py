"""Starts every role as a process of its own, restarts one that dies, and stops them all; does none of their work."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import FrameType

import structlog

from triaged.config.settings import Config
from triaged.daemon.roles import NAME_VARIABLE, SUPERVISOR_VARIABLE, Role
from triaged.errors import ConfigError

log = structlog.get_logger()

CONFIG_EXIT_CODE = 2
"""A role that ends with this code found something that a person has to change: restarting it would not help."""
_PATIENCE_S = 5.0
"""How long a role may take to end. Whatever is cut off is done again at the next start: nothing hangs on it."""
_STABLE_AFTER_S = 30.0
_LONGEST_PAUSE_S = 60.0


@dataclass(slots=True)
class _Member:
    """One role's process and how often it has died in a row."""

    role: Role
    name: str
    process: subprocess.Popen[bytes] | None = None
    started: float = 0.0
    deaths: int = 0
    not_before: float = 0.0


def members_of(config: Config) -> list[tuple[Role, str]]:
    """Return role and name of every process that the configuration asks for; what receives comes first."""
    workers = [(Role.WORKER, f"worker-{number}") for number in range(1, config.workers + 1)]
    others = [(role, role.value) for role in (Role.RECEIVER, Role.CLOCK, Role.COURIER, Role.WEB)]
    return [others[0], *workers, *others[1:]]


class Supervisor:
    """The processes of one daemon. `start`, then `check` every now and then, then `stop`."""

    def __init__(self, config_path: Path | None, members: Sequence[tuple[Role, str]]) -> None:
        self._config_path = config_path
        self._members = [_Member(role, name) for role, name in members]

    def start(self) -> None:
        """Start every role."""
        for member in self._members:
            self._spawn(member)

    def check(self) -> None:
        """Restart what has died, with a growing pause for a role that keeps dying.

        Raises:
            ConfigError: a role ended because of the configuration; its own message is above in the log.
        """
        now = time.monotonic()
        for member in self._members:
            if member.process is None:
                if now >= member.not_before:
                    self._spawn(member)
            elif (code := member.process.poll()) is not None:
                self._died(member, code, now)

    def stop(self) -> None:
        """Ask every role to end, receiver first, and kill those that do not within a few seconds."""
        running = [member.process for member in self._members if member.process is not None]
        for process in running:
            process.terminate()
        deadline = time.monotonic() + _PATIENCE_S
        for process in running:
            try:
                process.wait(max(0.1, deadline - time.monotonic()))
            except subprocess.TimeoutExpired:
                log.warning(
                    "role did not end in time, killed; its work is done again at the next start", pid=process.pid
                )
                process.kill()
                process.wait()
        for member in self._members:
            member.process = None

    def _spawn(self, member: _Member) -> None:
        command = [sys.executable, "-m", "triaged.cli", "serve", "--role", member.role.value]
        if self._config_path is not None:
            command += ["--config", str(self._config_path)]
        environment = os.environ | {SUPERVISOR_VARIABLE: str(os.getpid()), NAME_VARIABLE: member.name}
        # A session of its own: Ctrl-C reaches the supervisor only, which then ends the roles in order.
        member.process = subprocess.Popen(
            command, env=environment, stdin=subprocess.DEVNULL, start_new_session=True, close_fds=True
        )
        member.started = time.monotonic()
        log.info("role started", role=member.name, pid=member.process.pid)

    def _died(self, member: _Member, code: int, now: float) -> None:
        member.process = None
        if code == CONFIG_EXIT_CODE:
            raise ConfigError(f"{member.name} cannot run with this configuration; its message stands above")
        member.deaths = 1 if now - member.started > _STABLE_AFTER_S else member.deaths + 1
        pause = 0.0 if member.deaths == 1 else min(2.0 ** (member.deaths - 1), _LONGEST_PAUSE_S)
        member.not_before = now + pause
        log.error("role died, starting it again", role=member.name, exit_code=code, pause_s=pause)


@contextmanager
def stopping_on_signals() -> Iterator[threading.Event]:
    """Give an event that SIGINT and SIGTERM set, and put the earlier handlers back afterwards."""
    stop = threading.Event()

    def ask(_number: int, _frame: FrameType | None) -> None:
        stop.set()

    earlier = {number: signal.signal(number, ask) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield stop
    finally:
        for number, handler in earlier.items():
            signal.signal(number, handler)


def serve(config: Config, config_path: Path | None) -> None:
    """Run every role until SIGINT or SIGTERM; `ConfigError` as `Supervisor.check`."""
    supervisor = Supervisor(config_path, members_of(config))
    with stopping_on_signals() as stop:
        try:
            supervisor.start()
            while not stop.wait(0.5):
                supervisor.check()
        finally:
            supervisor.stop()
    log.info("all roles ended")
