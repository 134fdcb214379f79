"""Jobs keep their intervals whatever the wall clock is set to: by an hour or a day, ahead or back, and right again."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from unittest import mock

import pytest
from apscheduler.schedulers import base
from structlog.testing import capture_logs

from triaged.daemon.pacing import Job, Pacing, StepWatch
from triaged.daemon.progress import Progress

HOUR, DAY = timedelta(hours=1), timedelta(days=1)
STEPS = (-DAY, -HOUR, HOUR, DAY, timedelta(days=9000))


class SetClock:
    """A wall clock that can be set, for the jobs and for APScheduler, which reads its own."""

    def __init__(self) -> None:
        self.off = timedelta()

    def now(self) -> datetime:
        """Return what the clock shows."""
        return datetime.now(UTC) + self.off


@contextmanager
def _paced(clock: SetClock, work: Job) -> Iterator[None]:
    """Let a job run as the clock's process does."""

    class Shown(datetime):
        @classmethod
        def now(cls, tz: object = None) -> datetime:  # type: ignore[override]
            return clock.now()

    stop = threading.Event()
    with mock.patch.object(base, "datetime", Shown):
        pacing = Pacing([work], Progress(), wall=clock.now)
        pacing.start()
        thread = threading.Thread(target=pacing.run, args=(stop,))
        thread.start()
        try:
            yield
        finally:
            stop.set()
            thread.join()


@pytest.mark.parametrize("step", STEPS, ids=str)
def test_jobs_go_on_at_once_when_the_clock_is_set_and_when_it_is_right_again(step: timedelta) -> None:
    clock, done = SetClock(), threading.Semaphore(0)
    with _paced(clock, Job("ticking", 0.05, 60, done.release)):
        assert done.acquire(timeout=5)
        for off in (step, timedelta()):
            clock.off = off
            time.sleep(0.01)
            for _ in range(8):
                assert done.acquire(timeout=2)


def test_a_step_is_said_once() -> None:
    clock, done = SetClock(), threading.Semaphore(0)
    with capture_logs() as logs, _paced(clock, Job("ticking", 0.05, 60, done.release)):
        assert done.acquire(timeout=5)
        clock.off = -HOUR
        time.sleep(1.2)
    steps = [entry["step_s"] for entry in logs if entry["event"] == "the clock was set"]
    assert steps == [-3600]


def test_a_job_that_is_late_runs_once_and_not_as_often_as_it_was_due() -> None:
    clock, rounds = SetClock(), []
    with _paced(clock, Job("ticking", 0.5, 60, lambda: rounds.append(1))):
        clock.off = DAY
        time.sleep(0.3)
    assert len(rounds) <= 3


def test_a_step_is_noticed_once_and_a_clock_that_is_slewed_is_no_step() -> None:
    wall, steady = [datetime(2026, 3, 1, tzinfo=UTC)], [1000.0]
    watch = StepWatch(lambda: wall[0], lambda: steady[0])
    found = []
    for wall_s, steady_s in ((0.5, 0.5), (1.2, 0.5), (3600.5, 0.5), (0.5, 0.5), (-86400.0, 0.5), (0.5, 0.5)):
        wall[0] += timedelta(seconds=wall_s)
        steady[0] += steady_s
        found.append(watch.step_s())
    assert found == [0, 0, 3600, 0, -86400.5, 0]


def test_a_job_that_hangs_is_named() -> None:
    release = threading.Event()

    def wait() -> None:
        release.wait(10)

    progress = Progress()
    pacing = Pacing([Job("ranking", 0.01, 0.05, wait)], progress, wall=SetClock().now)
    pacing.start()
    stop = threading.Event()
    thread = threading.Thread(target=pacing.run, args=(stop,))
    thread.start()
    deadline = time.monotonic() + 5
    while progress.hung() is None and time.monotonic() < deadline:
        time.sleep(0.01)
    assert (progress.hung() or "").startswith("ranking: no progress for")
    release.set()
    stop.set()
    thread.join()
