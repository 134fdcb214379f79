"""Starts every role as a process of its own, replaces one that dies or hangs, stops them all; does none of their work.

A role that cannot run with the configuration does not end the others: images are received while a person puts it right.
Only a configuration that never ran is given up for it, before anybody relies on it.
"""

from __future__ import annotations

import subprocess
import time
from collections.abc import Callable, Collection, Sequence

import structlog

from triaged.config.settings import Config
from triaged.daemon.doors import Doors
from triaged.daemon.handover import Handover
from triaged.daemon.member import Member
from triaged.daemon.pools import workers_of
from triaged.daemon.roles import Role
from triaged.daemon.siblings import SharedBoard, receivers_of
from triaged.daemon.succession import Succession
from triaged.daemon.versions import Version
from triaged.errors import ConfigError

log = structlog.get_logger()

CONFIG_EXIT_CODE = 2
"""A role that ends with this code found something that a person has to change."""
_PATIENCE_S = 5.0
"""How long a role may take to end. Whatever is cut off is done again at the next start: nothing hangs on it."""
_DEATHS = 3
"""A role that ended so often in a row, soon after its start, cannot run with the configuration."""
_LATE_S = 3.0
"""After a pause of this length between two looks it was the supervisor that was stopped, and no role is to blame."""


def members_of(config: Config) -> list[tuple[Role, str]]:
    """Return role and name of every process that the configuration asks for; what receives comes first."""
    workers = [(Role.WORKER, name) for name, _ in workers_of(config)]
    advisers = (Role.ADVISER,) if config.models.second else ()
    others = [(role, role.value) for role in (Role.CLOCK, Role.COURIER, Role.WEB, *advisers)]
    return [*receivers_of(config), *workers, *others]


class Supervisor:
    """The processes of one daemon. `start`, then `check` every now and then, then `stop`; `take` another version.

    `on_trial`: the configuration never ran, so it is given up where a role cannot run with it. `notices` are what an
    operator should know, and `doors` what receivers listen on where that is to outlive them.
    """

    def __init__(
        self,
        version: Version,
        members: Sequence[tuple[Role, str]],
        *,
        on_trial: bool = True,
        notices: Sequence[str] = (),
        doors: Doors | None = None,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._handover = Handover(version)
        self._members = [Member(role, name) for role, name in members]
        self._on_trial = on_trial
        self._doors = doors
        self._monotonic = monotonic
        self._checked_at = 0.0
        self._succession = Succession(self._leave)
        self._leaving: list[Member] = []
        self._tried: set[str] = {name for _, name in members}
        """Names of the roles that were started for the version that was taken last."""
        self._board = SharedBoard()
        self.notices = notices

    @property
    def all_serve(self) -> bool:
        """Tell whether every role does its work, with the configuration that was taken last."""
        return not self.waiting_for()

    def waiting_for(self) -> list[str]:
        """Return the names of the roles that do not serve, or are to be started anew."""
        return [each.name for each in self._members if each.process is None or not each.serves or each.is_leaving]

    def computing_in_silence(self) -> list[str]:
        """Return the processes, by their names on the store, that live although they can give no sign of life."""
        now = self._monotonic()
        return [each.process_name for each in self._everybody() if each.computes_in_silence(now)]

    def start(self) -> None:
        """Start every role."""
        self._checked_at = self._monotonic()
        for member in self._members:
            self._spawn(member)

    def take(self, version: Version, members: Sequence[tuple[Role, str]], roles: Collection[Role]) -> None:
        """Go on with another version: `roles` are started anew, roles that are not among `members` end.

        What a role is at comes to its end first: a worker's study, and every association. Other receivers take over
        from those that serve, so that nobody is refused meanwhile.
        """
        now = self._monotonic()
        self._handover.replace(version)
        wanted = {name: role for role, name in members if role is not Role.RECEIVER}
        gone = [each for each in self._members if each.role is not Role.RECEIVER and each.name not in wanted]
        for member in gone:
            self._members.remove(member)
            self._leave(member, now)
        there = {member.name for member in self._members}
        if Role.RECEIVER in roles:
            self._take_over([name for role, name in members if role is Role.RECEIVER], now)
        for member in self._members:
            if member.role in roles and member.role is not Role.RECEIVER:
                member.forgive()
                member.leave(now)
        for name, role in wanted.items():
            if name not in there:
                self._members.append(Member(role, name))
                self._spawn(self._members[-1])
        self._on_trial, self._tried = True, {each.name for each in self._members if each.role in roles}
        self._tried |= wanted.keys() - there

    def believe(self) -> None:
        """Take it for granted that every role can run with the version that was taken last: it did before."""
        self._on_trial = False

    @property
    def is_tried(self) -> bool:
        """Tell whether every role that was started for the version that was taken last serves."""
        return not self._tried.intersection(self.waiting_for())

    def problem(self) -> str:
        """Return why a role cannot run with the version that was taken last, or nothing."""
        tried = [each for each in self._members if each.name in self._tried]
        failed = [each for each in tried if not each.serves and not each.is_leaving and each.deaths >= _DEATHS]
        return ", ".join(f"{each.name} ended {each.deaths} times" for each in failed)

    def check(self) -> None:
        """Replace what has died or hangs, with a growing pause for a role that keeps doing so.

        Raises:
            ConfigError: a role cannot run with a configuration that never ran; its own message is above in the log.
        """
        now = self._monotonic()
        everybody = self._everybody()
        if now - self._checked_at > _LATE_S:
            for member in everybody:
                member.excuse(now)
        self._checked_at = now
        for member in everybody:
            member.listen(now)
        self._succession.go_on(now)
        for member in self._leaving[:]:
            self._see_off(member, now)
        for member in list(self._members):
            self._look_after(member, now)
        if self.is_tried:
            self._on_trial = False
        told = filter(None, (member.notice(now) for member in [*self._members, *self._leaving]))
        self._handover.notice([*self.notices, *told])

    def stop(self) -> None:
        """Ask every role to end, receiver first, and kill those that do not within a few seconds."""
        everybody = self._everybody()
        running = [member.process for member in everybody if member.process is not None]
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
        for member in everybody:
            member.ended()
        self._handover.close()
        self._board.close()

    def give_back(self) -> None:
        """Let receivers go on that were to leave, in the place of those that do not serve yet."""
        self._members = self._succession.give_back(self._members)

    def drain(self) -> None:
        """Let every role finish what it is at and end, and start none."""
        now = self._monotonic()
        leaving = [*self._succession.leaving_later, *self._members]
        self._succession, self._members = Succession(self._leave), []
        for member in leaving:
            self._leave(member, now)

    @property
    def is_empty(self) -> bool:
        """Tell whether every role has ended after `drain`."""
        return not self._everybody()

    def _spawn(self, member: Member) -> None:
        if member.role is not Role.RECEIVER:
            member.spawn(self._handover)
            return
        several = sum(each.role is Role.RECEIVER for each in self._members) > 1
        doors = [] if self._doors is None else [self._doors]
        member.spawn(self._handover, *doors, *([self._board] if several else []))

    def _everybody(self) -> list[Member]:
        return [*self._succession.leaving_later, *self._leaving, *self._members]

    def _take_over(self, names: Sequence[str], now: float) -> None:
        """Let a receiver of each of these names serve, in the place of those that do, which leave after that."""
        there = [each for each in self._members if each.role is Role.RECEIVER]
        others = [each for each in self._members if each.role is not Role.RECEIVER]
        doors = self._doors is not None
        chosen = self._succession.take_over(there, names, self._leaving, now, doors_stay_open=doors)
        self._members = [*chosen, *others]
        for each in chosen:
            if each not in there:
                self._spawn(each)

    def _leave(self, member: Member, now: float) -> None:
        member.leave(now)
        if member.process is not None:
            self._leaving.append(member)

    def _see_off(self, member: Member, now: float) -> None:
        """Look after a process that ends, in whose place none is started."""
        if member.process is not None and member.process.poll() is None:
            if not member.stays_too_long(now) and not member.hangs(now):
                return
            log.warning("role did not end in time, killed; its work is done again", role=member.name)
            member.kill()
        log.info("role ended", role=member.name)
        member.ended()
        self._leaving.remove(member)

    def _look_after(self, member: Member, now: float) -> None:
        if member.process is None:
            if member.is_due(now):
                self._spawn(member)
        elif (code := member.process.poll()) is not None:
            self._died(member, code, now)
        elif member.stays_too_long(now):
            log.warning("role did not end in time, killed; its work is done again", role=member.name)
            member.kill()
            self._died(member, 0, now)
        elif cause := member.hangs(now):
            log.error("role hangs, replacing it", role=member.name, pid=member.process.pid, why=cause)
            member.kill()
            member.died(f"hung ({cause})", now)

    def _died(self, member: Member, code: int, now: float) -> None:
        if member.is_leaving:
            member.ended()
            self._spawn(member)
            return
        if code != CONFIG_EXIT_CODE:
            pause_s = member.died(f"ended with {code}", now)
            log.error("role died, starting it again", role=member.name, exit_code=code, pause_s=pause_s)
            return
        if self._on_trial:
            raise ConfigError(f"{member.name} cannot run with this configuration; its message stands above")
        pause_s = member.died("cannot run with the configuration: its message is in the log", now, refused=True)
        log.error("role cannot run with the configuration, trying again", role=member.name, pause_s=pause_s)
