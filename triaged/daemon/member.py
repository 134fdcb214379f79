"""One role as its supervisor sees it: the process, what it said last, how often it died, and why.

Knows how a role is started and ended; when, is the supervisor's decision.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections import deque
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Final, Protocol

import structlog

from triaged.daemon.beats import BEAT_VARIABLE, BeatPipe
from triaged.daemon.handover import Handover
from triaged.daemon.naming import named, new_name
from triaged.daemon.roles import SUPERVISOR_VARIABLE, Role

log = structlog.get_logger()

SILENT_S: Final = 10.0
"""How long a role may say nothing: it is stopped, or its interpreter hangs."""
SILENT_AT_WORK_S: Final = 120.0
"""The same while the process uses the processor: a library may compute for long without letting another thread run."""
SILENT_AT_START_S: Final = 120.0
"""The same before its first word, unless it is stopped: a busy machine takes long to start a process."""
_SUSPECT_S = 3.0
_AT_WORK_CPU_S = 1.0
_STABLE_AFTER_S = 30.0
_LONGEST_PAUSE_S = 15.0
_LONGEST_PAUSE_REFUSED_S = 60.0
_REMEMBERED_S = 3600.0
_PATIENCE_S = 15.0
"""How long a role may take to end that is to be started with another version; whatever is cut off is done again."""
_FINISHES: Final = {Role.WORKER: 60.0, Role.RECEIVER: float("inf")}
"""Roles that finish what they are at when asked by SIGUSR1, and how long they may take: associations have limits of
their own."""
_MOST_GONE = 20
"""Of a role that keeps dying: what others of its processes held is taken back by the clock."""
_TICKS_A_SECOND = os.sysconf("SC_CLK_TCK")


class Inheritance(Protocol):
    """What a process inherits beside the configuration."""

    @property
    def descriptors(self) -> Sequence[int]:
        """Return the descriptors."""
        ...

    @property
    def environment(self) -> Mapping[str, str]:
        """Return what says which they are."""
        ...


def command_of(role: Role) -> Sequence[str]:
    """Return what starts a role."""
    return [sys.executable, "-m", "triaged.cli", "serve", "--role", role.value]


class Member:
    """One role's process, and its history."""

    def __init__(self, role: Role, name: str) -> None:
        self.role = role
        self.name = name
        self.process: subprocess.Popen[bytes] | None = None
        self.process_name = ""
        """The name of the process on the store, another one after each start."""
        self._gone: deque[str] = deque(maxlen=_MOST_GONE)
        """Names of processes that had this place, since the last one that served."""
        self.serves = False
        self._started = 0.0
        self._not_before = 0.0
        self._deaths = 0
        self._causes: deque[tuple[float, str]] = deque(maxlen=1000)
        self._beats: BeatPipe | None = None
        self._heard_at = 0.0
        self._has_spoken = False
        self._hung = ""
        self._cpu_s: float | None = None
        self._leaves_by: float | None = None

    @property
    def is_leaving(self) -> bool:
        """Tell whether the process was asked to end, so that its end is no death."""
        return self._leaves_by is not None

    @property
    def deaths(self) -> int:
        """Return how often in a row the process died soon after its start."""
        return self._deaths

    def forgive(self) -> None:
        """Forget how often the process died: it is started with something else."""
        self._deaths, self._not_before = 0, 0.0

    def leave(self, now: float) -> None:
        """Ask the process to end: what can finish what it is at does so first, for as long as it may take."""
        if self.process is None:
            return
        patience_s = _FINISHES.get(self.role, _PATIENCE_S)
        if self._leaves_by is None:
            self._leaves_by = now + patience_s
            self._deaths = 0
            self.process.send_signal(signal.SIGUSR1 if self.role in _FINISHES and self.serves else signal.SIGTERM)

    def stays_too_long(self, now: float) -> bool:
        """Tell whether the process was asked to end, and has not for as long as it may take."""
        return self._leaves_by is not None and now > self._leaves_by

    def is_due(self, now: float) -> bool:
        """Tell whether a role that does not run is to be started."""
        return now >= self._not_before

    def spawn(self, handover: Handover, *more: Inheritance) -> None:
        """Start the process, which inherits what is handed over and `more`."""
        beats = BeatPipe()
        self.process_name = new_name(self.name)
        environment = {
            **os.environ,
            **handover.environment,
            **{name: value for each in more for name, value in each.environment.items()},
            SUPERVISOR_VARIABLE: str(os.getpid()),
            **named(self.process_name, self._gone),
            BEAT_VARIABLE: str(beats.write_end),
        }
        # A session of its own: Ctrl-C reaches the supervisor only, which then ends the roles in order.
        self.process = subprocess.Popen(
            command_of(self.role),
            env=environment,
            stdin=subprocess.DEVNULL,
            start_new_session=True,
            pass_fds=(*handover.descriptors, beats.write_end, *(fd for each in more for fd in each.descriptors)),
        )
        beats.started()
        self._forget_beats()
        self._beats = beats
        self._started = self._heard_at = time.monotonic()
        self.serves, self._has_spoken, self._hung, self._cpu_s = False, False, "", None
        self._leaves_by = None
        log.info("role started", role=self.name, pid=self.process.pid)

    def listen(self, now: float) -> None:
        """Take in what the role has said since."""
        beat = None if self._beats is None else self._beats.last()
        if beat is not None:
            self._heard_at, self._cpu_s, self._has_spoken = now, None, True
            self.serves, self._hung = self.serves or beat.serves, beat.hung
            if self.serves:
                self._gone.clear()  # it has taken over what they held

    def excuse(self, now: float) -> None:
        """Count silence from now on: it was the supervisor that was away."""
        self._heard_at, self._cpu_s = now, None

    def hangs(self, now: float) -> str:
        """Return why the process makes no progress and has to be replaced, or nothing."""
        if self._hung or self.process is None:
            return self._hung
        silent_s = now - self._heard_at
        if silent_s < _SUSPECT_S:
            return ""
        if self._cpu_s is None:
            self._cpu_s = _cpu_s(self.process.pid)
        if silent_s < SILENT_S:
            return ""
        if not self._has_spoken and silent_s < SILENT_AT_START_S and _state(self.process.pid) not in ("T", "t"):
            return ""
        is_at_work = silent_s < SILENT_AT_WORK_S and self._uses_the_processor(self.process.pid)
        return "" if is_at_work else f"said nothing for {silent_s:.0f} s"

    def computes_in_silence(self, now: float) -> bool:
        """Tell whether the process says nothing and is at work all the same: it lives, whatever its pulse says."""
        if self.process is None or not self.serves or not _SUSPECT_S <= now - self._heard_at < SILENT_AT_WORK_S:
            return False
        return not self._hung and self._uses_the_processor(self.process.pid)

    def _uses_the_processor(self, pid: int) -> bool:
        """Tell whether it has used the processor since it became suspect, or would, but others have it."""
        used_s = 0.0 if self._cpu_s is None else _cpu_s(pid) - self._cpu_s
        return used_s >= _AT_WORK_CPU_S or _state(pid) == "R"

    def died(self, cause: str, now: float, *, refused: bool = False) -> float:
        """Take in that the process is gone; return the pause before the next, which grows while deaths follow close."""
        self.ended()
        self._causes.append((now, cause))
        self._deaths = 1 if now - self._started > _STABLE_AFTER_S else self._deaths + 1
        longest_s = _LONGEST_PAUSE_REFUSED_S if refused else _LONGEST_PAUSE_S
        pause_s = 0.0 if self._deaths == 1 and not refused else min(2.0 ** (self._deaths - 1), longest_s)
        self._not_before = now + pause_s
        return pause_s

    def kill(self) -> None:
        """End the process at once, also one that is stopped."""
        if self.process is not None:
            self.process.kill()
            self.process.wait()

    def ended(self) -> None:
        """Take in that the process has ended as it was asked to."""
        if self.process is not None:
            self._gone.append(self.process_name)
        self.process, self._leaves_by = None, None
        self._forget_beats()

    def notice(self, now: float) -> str:
        """Return what an operator should know of the last hour; nothing where the role never died in it."""
        while self._causes and now - self._causes[0][0] > _REMEMBERED_S:
            self._causes.popleft()
        if not self._causes:
            return ""
        times = f"{len(self._causes)} time{'' if len(self._causes) == 1 else 's'}"
        return f"{self.name} was replaced {times} in the last hour, at last because it {self._causes[-1][1]}"

    def _forget_beats(self) -> None:
        if self._beats is not None:
            self._beats.close()
            self._beats = None


def _cpu_s(pid: int) -> float:
    """Return the processor time of a process (proc(5), fields 14 and 15); none where it is gone."""
    fields = _stat(pid)
    return (int(fields[11]) + int(fields[12])) / _TICKS_A_SECOND if fields else 0.0


def _state(pid: int) -> str:
    """Return the state of a process (proc(5), field 3): R runs or would, T and t are stopped; empty if gone."""
    return "".join(_stat(pid)[:1])


def _stat(pid: int) -> list[str]:
    """Return what proc(5) says of a process, from the third field on; nothing where it is gone."""
    try:
        return Path(f"/proc/{pid}/stat").read_text(encoding="utf-8", errors="replace").rpartition(")")[2].split()
    except OSError:
        return []
