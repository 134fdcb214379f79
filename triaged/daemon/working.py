"""The worker's process: claims studies and scores them, one at a time; has the daemon's one broad except."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from functools import partial

import structlog

from triaged.daemon.draining import finishing
from triaged.daemon.examinations import examinations, examinations_of_rules, is_whole
from triaged.daemon.heap import give_memory_back, keep_little_memory
from triaged.daemon.linear_algebra import take_buffers
from triaged.daemon.pools import taken_by
from triaged.daemon.progress import Mark, Progress
from triaged.daemon.rooms import IDLE_S, Rooms, clock, or_wait, skip_if_unreachable
from triaged.daemon.tracebacks import described
from triaged.daemon.waiting import LOOK_S, Waiting, waiting_for_any
from triaged.errors import StaleClaim, TryLater
from triaged.steps.analyse import Analyst
from triaged.steps.choosing import considered
from triaged.steps.draw import Drawer
from triaged.steps.reading_ahead import ReadingAhead
from triaged.store.posting.scoring import score_queues
from triaged.store.studies.claims import Claims
from triaged.store.studies.completion import Completion
from triaged.store.studies.drawings import Drawings
from triaged.store.studies.outcomes import Outcomes
from triaged.store.studies.publications import Publications
from triaged.store.studies.spool_name import SpoolName
from triaged.study.completeness import Candidate
from triaged.study.modalities import Stratum
from triaged.study.records import Claim

log = structlog.get_logger()

TOO_LONG_EXIT_CODE = 3
NO_MEMORY_EXIT_CODE = 4
_LOOK_S = 120.0
"""How long the worker may look for a study; it waits for the store where that is slow."""
_BEGIN_S = 10.0
"""How long it may take to start what watches over one study; without memory for a thread, Python waits for ever."""
_GIVE_UP_S = 60.0
"""How long it may take to put a study back that took too long, before the supervisor ends the process."""
_AHEAD_S = 600.0
"""How long it may take to read a study that settles; the largest ones take minutes."""
_DRAW_S = 120.0
"""How long it may take to draw what a result left to be drawn, which takes seconds."""
_LAST_MOMENT_S = 2.0
"""How long a worker that is asked to end may go on with its study; the supervisor waits a little longer."""

_ARRAY = 2 * 1024 * 1024
"""Bytes of an array that is taken from the system alone: those of whole volumes come and go, and would leave holes."""

_PutBack = Callable[[], bool]
"""Puts a study back, and says so; to be tried again where the store is away."""


def work(rooms: Rooms, name: str, stop: threading.Event, progress: Progress) -> None:
    """Score studies until `stop` is set, or until the one at hand is done after SIGUSR1.

    Raises:
        ModelRefused: the engine cannot be used.
    """
    keep_little_memory(large=_ARRAY)
    finish = [False]
    ahead = _ahead(rooms)
    analyst = _analyst(rooms, name, ahead)
    drawer = _drawer(rooms, name, analyst)
    take_buffers()
    give_memory_back()  # what reading the networks took
    log.info("working", engine=", ".join(analyst.engines), pool=rooms.config.workers[0].name or "all")
    getting_on = progress.watch("looking for a study", _LOOK_S)
    strata = taken_by(rooms.config)

    def when_idle() -> bool:
        draws = Stratum.VOLUME in strata  # what is drawn later is of those
        return _read_ahead(ahead, analyst, getting_on) or (draws and _draw(drawer, stop, getting_on))

    finishes = finishing(lambda: finish.__setitem__(0, True))
    with finishes, waiting_for_any(rooms.database, score_queues(strata), stop) as waits:
        progress.serving()
        waits_s = LOOK_S if ahead is None else IDLE_S  # a study that settles writes no ticket
        _work_on(rooms, analyst, stop, progress, getting_on, finish, when_idle, waits, waits_s)


def _work_on(
    rooms: Rooms,
    analyst: Analyst,
    stop: threading.Event,
    progress: Progress,
    getting_on: Mark,
    finish: Sequence[bool],
    when_idle: Callable[[], bool],
    waits: Waiting,
    waits_s: float,
) -> None:
    def is_over() -> bool:
        return stop.is_set() or finish[0]

    while not is_over():
        getting_on()
        waits.take()
        claim = or_wait(lambda: analyst.claim(clock=clock), stop, progress.hindered)
        if claim is not None:
            with getting_on.during("beginning with a study", _BEGIN_S):
                put_back = _analyse(rooms, analyst, claim, stop, getting_on)
            while not or_wait(put_back, stop) and not stop.is_set():
                getting_on()
        elif not when_idle():
            waits.wait(is_over, most_s=waits_s)


def _read_ahead(ahead: ReadingAhead | None, analyst: Analyst, getting_on: Mark) -> bool:
    """Read a study that settles, which is done while none waits; False where there is none, or it could not be done.

    Whatever goes wrong goes wrong again when the study is claimed, and counts against it only then.
    """
    with getting_on.during("reading ahead", _AHEAD_S), skip_if_unreachable():
        try:
            return ahead is not None and ahead.look(analyst.would_read, now=clock())
        except TryLater:
            raise
        except MemoryError:
            log.warning("no memory to read ahead")
        except Exception:
            log.exception("reading ahead failed")
    return False


def _draw(drawer: Drawer, stop: threading.Event, getting_on: Mark) -> bool:
    """Complete a draft, which is done while no study waits; False where none does either."""
    drawing = or_wait(lambda: drawer.claim(clock=clock), stop)
    if drawing is None:
        return False
    with getting_on.during("drawing", _DRAW_S), skip_if_unreachable():
        try:
            drawer.draw(drawing, clock=clock)
        except TryLater:
            raise
        except MemoryError as error:
            log.error("no memory for a drawing, ending the worker", study_instance_uid=drawing.study_uid)
            drawer.count_and_put_back(drawing, described(error), clock=clock)
            raise SystemExit(NO_MEMORY_EXIT_CODE) from None
        except Exception as error:  # as with a study: a bug must end a drawing, not the worker
            log.exception("drawing failed", study_instance_uid=drawing.study_uid)
            drawer.count_and_put_back(drawing, described(error), clock=clock)
    return True


def _analyse(rooms: Rooms, analyst: Analyst, claim: Claim, stop: threading.Event, getting_on: Mark) -> _PutBack:
    """Score a study; return how it goes back to the queue, which is for nothing where the analysis came to an end."""
    longest_s = rooms.config.worker.longest_s
    try:
        with (
            _kept_alive(rooms, analyst, claim, stop),
            _given_up_after(longest_s, analyst, claim),
            getting_on.during("one study", longest_s + _GIVE_UP_S),
        ):
            analyst.analyse(claim, clock=clock)
            return lambda: True
    except TryLater as later:  # neither a result nor a reason could be written: the study waits for the store with us
        put_back, why = analyst.put_back, str(later)
    except MemoryError as error:
        log.error(
            "no memory for a study, ending the worker: the next tries again", study_instance_uid=claim.study_uid.value
        )
        return partial(_put_back_and_end, analyst, claim, described(error))
    except Exception as error:  # the one broad except: a bug must end a study, not the worker
        log.exception("analysis failed", study_instance_uid=claim.study_uid.value)
        put_back, why = analyst.count_and_put_back, described(error)

    def back() -> bool:
        put_back(claim, why, clock=clock)
        return True

    return back


def _put_back_and_end(analyst: Analyst, claim: Claim, why: str) -> bool:
    """Put a study back and end this process: its memory may be used up by what was there before."""
    analyst.count_and_put_back(claim, why, clock=clock)
    raise SystemExit(NO_MEMORY_EXIT_CODE)


@contextmanager
def _kept_alive(rooms: Rooms, analyst: Analyst, claim: Claim, stop: threading.Event) -> Iterator[None]:
    """Extend the lease while the worker computes, so that a short lease does not punish a long study.

    A worker that is asked to end gives its study back, where that takes longer than a moment: being ended with it in
    hand would look as if the study had ended the worker.
    """
    done = threading.Event()
    lease_s, claims = rooms.config.worker.lease_s, Claims(rooms.database)

    def extend() -> None:
        try:
            claims.extend(claim, lease_s=lease_s, now=clock())
        except TryLater as later:
            log.warning("lease not extended", why=str(later), study_instance_uid=claim.study_uid.value)

    def watch() -> None:
        extended = time.monotonic()
        while not done.wait(IDLE_S):
            if stop.is_set() and not done.wait(_LAST_MOMENT_S):
                with skip_if_unreachable():
                    analyst.put_back(claim, "the worker was asked to end", clock=clock)
                return
            if time.monotonic() - extended > lease_s / 3:
                extended = time.monotonic()
                extend()

    def watch_until_stale() -> None:
        with suppress(StaleClaim):  # commit will find out, and drop the result
            watch()

    thread = threading.Thread(target=watch_until_stale, name="lease", daemon=True)
    thread.start()
    try:
        yield
    finally:
        done.set()
        thread.join()


@contextmanager
def _given_up_after(longest_s: float, analyst: Analyst, claim: Claim) -> Iterator[None]:
    """End this process where a study takes too long: no thread can be stopped, and the next study must not wait.

    The study goes back with this reason, as after any other failed attempt.
    """
    done = threading.Event()

    def watch() -> None:
        if done.wait(longest_s):
            return
        log.error("analysis takes too long, ending the worker", study_instance_uid=claim.study_uid.value, s=longest_s)
        try:
            with skip_if_unreachable():
                analyst.count_and_put_back(claim, f"took longer than worker.longest_s, {longest_s:.0f} s", clock=clock)
        finally:
            os._exit(TOO_LONG_EXIT_CODE)

    threading.Thread(target=watch, name="longest", daemon=True).start()
    try:
        yield
    finally:
        done.set()


def _analyst(rooms: Rooms, name: str, ahead: ReadingAhead | None) -> Analyst:
    strata = taken_by(rooms.config)
    of_all = examinations(rooms.config, strata)
    return Analyst(
        Claims(rooms.database),
        Outcomes(rooms.database),
        Publications(rooms.database),
        rooms.spool,
        of_all,
        worker=name,
        triage=rooms.config.triage.options(),
        options=rooms.config.worker.options(),
        destinations={each.name: each.kinds() for each in rooms.config.destinations},
        seconds=rooms.config.models.second,
        configuration=rooms.configuration,
        rules=rooms.config.ruled(),
        by_model=examinations_of_rules(rooms.config, of_all, strata),
        ahead=ahead,
        strata=strata,
        latest=SpoolName(rooms.database).of_others,
    )


def _ahead(rooms: Rooms) -> ReadingAhead | None:
    """Return what reads ahead; None where several workers would read the same study ahead of each other."""
    if rooms.config.worker_count > 1:
        return None
    config, rules = rooms.config, rooms.config.ruled()

    def is_there(study: Candidate) -> bool:
        return is_whole(config, considered(rules, study.facts, study.series))

    return ReadingAhead(Completion(rooms.database), is_there)


def _drawer(rooms: Rooms, name: str, analyst: Analyst) -> Drawer:
    return Drawer(
        Drawings(rooms.database),
        rooms.spool,
        analyst.examinations,
        worker=name,
        options=rooms.config.worker.options(),
        destinations={each.name: each.kinds() for each in rooms.config.destinations},
        latest=SpoolName(rooms.database).of_others,
    )
