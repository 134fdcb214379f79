"""Runs jobs at their intervals, whatever the clock on the wall is set to, and notices when that is set.

APScheduler runs the jobs, each in a thread, never twice at once, a late one once. It plans by the wall clock: set back
by an hour it would run nothing for an hour. So what is planned for later than its interval from now is planned anew: it
was planned by a clock that has been set since. A step is logged where the wall clock and the monotonic one, which
nobody can set, have come apart.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Final

import structlog
from apscheduler.schedulers.background import BackgroundScheduler
from apscheduler.triggers.base import BaseTrigger

from triaged.daemon.progress import Progress

log = structlog.get_logger()

STEP_S: Final = 1.0
"""A clock that is corrected little by little stays below this between two looks."""
_LOOK_S = 0.5


@dataclass(frozen=True, slots=True)
class Job:
    """Work to be done every `every_s`; a round of it may take `most_s`."""

    what: str
    every_s: float
    most_s: float
    work: Callable[[], None]


class StepWatch:
    """Notices when the wall clock was set: it and the monotonic clock no longer differ by what they did."""

    def __init__(self, wall: Callable[[], datetime], monotonic: Callable[[], float]) -> None:
        self._wall = wall
        self._monotonic = monotonic
        self._apart = self._difference()

    def step_s(self) -> float:
        """Return by how much the clock was set since the last look; 0 where it was not."""
        now = self._difference()
        step_s = (now - self._apart).total_seconds()
        self._apart = now
        return step_s if abs(step_s) > STEP_S else 0.0

    def _difference(self) -> datetime:
        return self._wall() - timedelta(seconds=self._monotonic())


class Pacing:
    """The jobs of one process. `start`, then `run` until the end."""

    def __init__(
        self,
        jobs: Sequence[Job],
        progress: Progress,
        *,
        wall: Callable[[], datetime],
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._wall = wall
        self._watch = StepWatch(wall, monotonic)
        # The scheduler's defaults would drop a tick that is more than a second late.
        self._scheduler = BackgroundScheduler(
            timezone=UTC, job_defaults={"misfire_grace_time": None, "coalesce": True, "max_instances": 1}
        )
        for job in jobs:
            done = progress.watch(job.what, job.every_s + job.most_s)
            again = _After(timedelta(seconds=job.every_s))
            self._scheduler.add_job(_marked(job.work, done), again, next_run_time=wall(), name=job.what)

    def start(self) -> None:
        """Begin with every job."""
        self._scheduler.start()

    def run(self, stop: threading.Event) -> None:
        """Keep the jobs going until `stop` is set; returns when none runs any more."""
        while not stop.wait(_LOOK_S):
            self.look()
        self._scheduler.shutdown(wait=True)

    def look(self) -> None:
        """Plan anew what was planned by a clock that has been set since, and say by how much it was set."""
        step_s = self._watch.step_s()
        if step_s:
            log.warning("the clock was set", step_s=round(step_s, 1))
        for job in self._scheduler.get_jobs():
            if job.next_run_time > self._wall() + job.trigger.interval:
                job.modify(next_run_time=self._wall())


class _After(BaseTrigger):  # type: ignore[misc]
    """Plans the next round from now, where the scheduler's own makes up for every round since the last, one by one."""

    def __init__(self, interval: timedelta) -> None:
        self.interval = interval

    def get_next_fire_time(self, _previous: datetime | None, now: datetime) -> datetime:
        """Return when the next round begins."""
        return now + self.interval


def _marked(work: Callable[[], None], done: Callable[[], None]) -> Callable[[], None]:
    def run() -> None:
        work()
        done()

    return run
