"""The adviser's process: lets second engines read scored studies, each in a child process, one at a time.

The child computes; this process claims, keeps the lease and commits. So whatever becomes of the child, this process
knows at once, and no second engine can hold up or take down the worker that orders. While a study waits for its first
result the child is stopped (SIGSTOP): it holds no lock, and goes on where it was.
"""

from __future__ import annotations

import os
import pickle
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from typing import BinaryIO

import structlog

from triaged.daemon.progress import Mark, Progress
from triaged.daemon.rooms import IDLE_S, Rooms, clock, or_wait, skip_if_unreachable
from triaged.errors import ModelRefused, StaleClaim
from triaged.steps.advise import Advice, Adviser
from triaged.store.studies.seconds import Seconds
from triaged.store.studies.spool_name import SpoolName
from triaged.study.second import Broken, SecondClaim

log = structlog.get_logger()

_LOOK_S = 120.0


_STALE_WITHIN_S = 5.0
"""A study that changed ends the reading of its earlier state within this time."""
_MODULE = "triaged.daemon.second_reader"

Look = Callable[[subprocess.Popen[bytes]], None]
"""Called several times a second while a child works; an error ends it."""


class _Ended(Exception):
    """The child was ended by this process."""


def advise(rooms: Rooms, name: str, stop: threading.Event, progress: Progress) -> None:
    """Let second engines read until `stop` is set; `ModelRefused` where one of them cannot be used."""
    models = rooms.config.models
    adviser = _adviser(rooms, name)
    getting_on = progress.watch("looking for a study to read again", _LOOK_S)
    for engine in models.second:
        _demand_usable(rooms, engine, stop, getting_on)
    log.info("advising", engines=", ".join(models.second))
    progress.serving()
    while not stop.is_set():
        getting_on()
        claim = or_wait(lambda: adviser.claim(clock=clock), stop, progress.hindered)
        if claim is None:
            stop.wait(IDLE_S)
            continue
        found = _Reading(rooms, adviser, claim, stop, getting_on).run()
        while found is not None and not or_wait(partial(_settled, adviser, claim, found), stop):
            getting_on()  # what was found is kept while the store is away
            if stop.is_set():
                break


def _settled(adviser: Adviser, claim: SecondClaim, found: Advice | Broken) -> bool:
    """Keep what was found; `TryLater` where that cannot be kept now."""
    if isinstance(found, Advice):
        adviser.settle(claim, found, clock=clock)
    elif found.counts:
        adviser.count_and_put_back(claim, found.why, clock=clock)
    else:
        adviser.put_back(claim, found.why, clock=clock)
    return True


class _Reading:
    """One study, read by one second engine in a child process."""

    def __init__(
        self, rooms: Rooms, adviser: Adviser, claim: SecondClaim, stop: threading.Event, getting_on: Mark
    ) -> None:
        self._rooms, self._adviser, self._claim = rooms, adviser, claim
        self._stop, self._getting_on = stop, getting_on
        self._worked_s, self._looked = 0.0, time.monotonic()
        self._extended, self._is_stopped = self._looked, False

    def run(self) -> Advice | Broken | None:
        """Return what the child found, or why it found nothing; None where there is nothing to keep any more."""
        try:
            return run_child(self._rooms, self._claim.name, self._claim, self._look)
        except StaleClaim as stale:
            log.info("second engine ended, the study changed meanwhile", why=str(stale), engine=self._claim.name)
            return None
        except _Ended as ended:
            return Broken(str(ended), counts=not self._stop.is_set())

    def _look(self, child: subprocess.Popen[bytes]) -> None:
        """Do what is to be done now and then while the child reads; an error ends it."""
        self._getting_on()
        now = time.monotonic()
        passed_s, self._looked = now - self._looked, now
        self._worked_s += 0.0 if self._is_stopped else passed_s
        longest_s = self._rooms.config.worker.longest_s
        if self._stop.is_set():
            raise _Ended("the adviser was asked to end")
        if self._worked_s > longest_s:
            raise _Ended(f"took longer than worker.longest_s, {longest_s:.0f} s")
        with skip_if_unreachable():
            self._pause(child)
            if now - self._extended > min(self._rooms.config.worker.lease_s / 3, _STALE_WITHIN_S):
                self._adviser.extend(self._claim, clock=clock)
                self._extended = now

    def _pause(self, child: subprocess.Popen[bytes]) -> None:
        """Stop the child while a study waits for its first result, and let it go on afterwards."""
        wanted = self._adviser.is_first_at_work(clock=clock)
        if wanted != self._is_stopped:
            child.send_signal(signal.SIGSTOP if wanted else signal.SIGCONT)
            self._is_stopped = wanted


def run_child(rooms: Rooms, engine: str, claim: SecondClaim | None, look: Look) -> Advice | Broken | None:
    """Start a child and return what it found; without a claim it tries whether the engine can be used: None if so."""
    with _written((rooms.config, claim)) as request, _started(engine, request, rooms.configuration) as child:
        try:
            while True:
                try:
                    answer, _ = child.communicate(timeout=IDLE_S)
                    break
                except subprocess.TimeoutExpired:
                    look(child)
        finally:
            child.kill()
    if child.returncode == 0:
        found: Advice | Broken | None = pickle.loads(answer)
        return found
    if child.returncode < 0:
        return Broken(f"its process was ended by {signal.Signals(-child.returncode).name}, as where memory is short")
    return Broken(f"its process ended with {child.returncode}")


def _written(request: object) -> BinaryIO:
    """Return a memory file with the request: a pipe holds 64 KiB, and who fills it waits for a child that is slow."""
    file = os.fdopen(os.memfd_create("triaged-request", os.MFD_CLOEXEC), "w+b")
    pickle.dump(request, file)
    file.seek(0)
    return file


def _started(engine: str, request: BinaryIO, configuration: str) -> subprocess.Popen[bytes]:
    """Start a child in a process group of its own: the kernel ends it there where it is stopped and we are gone."""
    command = [sys.executable, "-m", _MODULE, str(os.getpid()), engine, configuration]
    return subprocess.Popen(command, stdin=request, stdout=subprocess.PIPE, process_group=0)


def _demand_usable(rooms: Rooms, engine: str, stop: threading.Event, getting_on: Mark) -> None:
    """Find out before anything is claimed that an engine cannot be used."""

    def look(_child: subprocess.Popen[bytes]) -> None:
        getting_on()
        if stop.is_set():
            raise _Ended

    with suppress(_Ended):
        found = run_child(rooms, engine, None, look)
        if isinstance(found, Broken):
            raise ModelRefused(f"models.second: {found.why}")


def _adviser(rooms: Rooms, name: str) -> Adviser:
    return Adviser(
        Seconds(rooms.database),
        rooms.spool,
        rooms.config.models.second,
        worker=name,
        options=rooms.config.worker.options(),
        destinations={each.name: each.kinds() for each in rooms.config.destinations},
        configuration=rooms.configuration,
        latest=SpoolName(rooms.database).of_others,
    )
