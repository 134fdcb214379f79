"""Starts every role as a process of its own, replaces one that dies or hangs, stops them all; does none of their work.

A role that cannot run with the configuration does not end the others: images are received while a person puts it right.
Only a configuration that never ran is given up for it, before anybody relies on it.
"""

from __future__ import annotations

import os
import signal
import subprocess
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from types import FrameType

import structlog

from triaged.config.settings import Config
from triaged.daemon.handover import Handover
from triaged.daemon.member import Member
from triaged.daemon.roles import Role
from triaged.daemon.versions import Version
from triaged.errors import ConfigError

log = structlog.get_logger()

CONFIG_EXIT_CODE = 2
"""A role that ends with this code found something that a person has to change."""
_PATIENCE_S = 5.0
"""How long a role may take to end. Whatever is cut off is done again at the next start: nothing hangs on it."""
_LATE_S = 3.0
"""After a pause of this length between two looks it was the supervisor that was stopped, and no role is to blame."""


def members_of(config: Config) -> list[tuple[Role, str]]:
    """Return role and name of every process that the configuration asks for; what receives comes first."""
    workers = [(Role.WORKER, f"worker-{number}") for number in range(1, config.workers + 1)]
    advisers = (Role.ADVISER,) if config.models.second else ()
    others = [(role, role.value) for role in (Role.RECEIVER, Role.CLOCK, Role.COURIER, Role.WEB, *advisers)]
    return [others[0], *workers, *others[1:]]


class Supervisor:
    """The processes of one daemon. `start`, then `check` every now and then, then `stop`.

    `on_trial`: the configuration never ran, so it is given up where a role cannot run with it. `notices` are what an
    operator should know from the start.
    """

    def __init__(
        self,
        version: Version,
        members: Sequence[tuple[Role, str]],
        *,
        on_trial: bool = True,
        notices: Sequence[str] = (),
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._handover = Handover(version)
        self._members = [Member(role, name) for role, name in members]
        self._on_trial = on_trial
        self._notices = notices
        self._monotonic = monotonic
        self._checked_at = 0.0

    @property
    def all_serve(self) -> bool:
        """Tell whether every role does its work."""
        return all(member.process is not None and member.serves for member in self._members)

    def waiting_for(self) -> list[str]:
        """Return the names of the roles that do not serve."""
        return [member.name for member in self._members if member.process is None or not member.serves]

    def start(self) -> None:
        """Start every role."""
        self._checked_at = self._monotonic()
        for member in self._members:
            member.spawn(self._handover)

    def check(self) -> None:
        """Replace what has died or hangs, with a growing pause for a role that keeps doing so.

        Raises:
            ConfigError: a role cannot run with a configuration that never ran; its own message is above in the log.
        """
        now = self._monotonic()
        if now - self._checked_at > _LATE_S:
            for member in self._members:
                member.excuse(now)
        self._checked_at = now
        for member in self._members:
            member.listen(now)
            if member.process is None:
                if member.is_due(now):
                    member.spawn(self._handover)
            elif (code := member.process.poll()) is not None:
                self._died(member, code, now)
            elif cause := member.hangs(now):
                log.error("role hangs, replacing it", role=member.name, pid=member.process.pid, why=cause)
                member.kill()
                member.died(f"hung ({cause})", now)
        if self.all_serve:
            self._on_trial = False
        self._handover.notice([*self._notices, *filter(None, (member.notice(now) for member in self._members))])

    def stop(self) -> None:
        """Ask every role to end, receiver first, and kill those that do not within a few seconds."""
        running = [member.process for member in self._members if member.process is not None]
        for process in running:
            process.terminate()
        deadline = self._monotonic() + _PATIENCE_S
        for process in running:
            try:
                process.wait(max(0.1, deadline - self._monotonic()))
            except subprocess.TimeoutExpired:
                log.warning(
                    "role did not end in time, killed; its work is done again at the next start", pid=process.pid
                )
                process.kill()
                process.wait()
        for member in self._members:
            member.ended()
        self._handover.close()

    def _died(self, member: Member, code: int, now: float) -> None:
        if code != CONFIG_EXIT_CODE:
            pause_s = member.died(f"ended with {code}", now)
            log.error("role died, starting it again", role=member.name, exit_code=code, pause_s=pause_s)
            return
        if self._on_trial:
            raise ConfigError(f"{member.name} cannot run with this configuration; its message stands above")
        pause_s = member.died("cannot run with the configuration: its message is in the log", now, refused=True)
        log.error("role cannot run with the configuration, trying again", role=member.name, pause_s=pause_s)


@contextmanager
def stopping_on_signals() -> Iterator[threading.Event]:
    """Give an event that SIGINT and SIGTERM set, and put the earlier handlers back afterwards.

    A handler only writes to a pipe: `Event.set` takes a lock, which the code that a second signal interrupts may hold.
    """
    stop = threading.Event()
    heard, told = os.pipe()
    os.set_blocking(told, False)

    def ask(_number: int, _frame: FrameType | None) -> None:
        with suppress(BlockingIOError):
            os.write(told, b"!")

    def listen() -> None:
        if os.read(heard, 1):
            stop.set()

    listener = threading.Thread(target=listen, name="signals", daemon=True)
    listener.start()
    earlier = {number: signal.signal(number, ask) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield stop
    finally:
        for number, handler in earlier.items():
            signal.signal(number, handler)
        os.close(told)
        listener.join()
        os.close(heard)
