"""Kills second engines while they read: `python -m tests.breaking.second_kills --seed 7 --minutes 12`.

Two daemons get the same studies. The first has no second engine: its list says what the order is. The second has some,
and one of them is reading an earlier study when the others come at once. The process that reads, the adviser that
started it, the supervisor, or everything gets SIGKILL, once while studies wait and then at moments spread over all
readings. In the end every second engine has read every study, or says why not; the first results and the order are as
without them; and each object is once at a real Orthanc.
"""

from __future__ import annotations

import argparse
import os
import shutil
import sys
import time
from collections import Counter
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from tests.breaking.killer import READER, Killer
from tests.breaking.kills import destination, section, spool_and_database_agree, stopped
from tests.breaking.plain_store import PlainStore, Row, plain_store
from tests.breaking.second_promises import RUN_DEPENDENT, Entry, SecondPromises
from tests.breaking.small_scans import SmallStudy, small_study
from tests.breaking.trial import Trial, run_alone
from tests.programs import Daemon, new_daemon, until

WEIGHTS = {READER: 3, "adviser": 4, "supervisor": 1, "everything": 2}
"""How often each is killed."""
LONGEST_PAUSE_S = 4.0
"""A reading of a small study takes about as long, so that a kill hits any of its moments."""
MOST_OF_A_MINUTE_S = 45
"""Studies are sent early in a minute: ties of the order are broken by the minute of arrival, in both daemons alike."""
Models = Mapping[str, Any]
"""The section `models` of config.yaml."""
_WITHIN_S = 1800.0
_QUIET: Mapping[str, Any] = {"triage": {"guard": {"enabled": False}}}
_RUNNING = (
    "SELECT study.study_uid, second_result.name FROM second_result JOIN study ON study.id = second_result.study_id"
    " WHERE second_result.state = 'RUNNING'"
)
_UNREAD = "SELECT count(*) FROM second_result WHERE state IN ('WAITING', 'RUNNING')"
_DONE = "SELECT count(*) FROM second_result WHERE state IN ('READ', 'FAILED')"
_UNSENT = "SELECT count(*) FROM outbox WHERE state NOT IN ('SENT', 'WITHDRAWN')"


def second_kills(
    trial: Trial, folder: Path, models: Models, studies: Sequence[SmallStudy], order: Sequence[Entry], most: int
) -> None:
    """Read these studies, all but the first of which come at once, and kill at most `most` times.

    `order` is what the list must say throughout, with as much of each entry as is known.
    """
    with ExitStack() as stack:
        pacs = stack.enter_context(destination(folder / "pacs"))
        daemon = new_daemon(folder / "daemon", models=models, destinations=[section(pacs)], **_QUIET)
        stack.callback(stopped, daemon)
        daemon.start()
        store = plain_store(daemon)
        killer = Killer(trial, daemon, None, WEIGHTS)
        trial.begin()
        _queue_while_one_reads(trial, daemon, store, studies)
        promises = SecondPromises(trial, store, order, tuple(models["second"]))
        _kill(trial, killer, promises, store, most)
        _settle(trial, killer, store)
        promises.list_is_as_without(daemon.whole_list() or [])
        promises.readings_ended_and_moved_nothing()
        promises.objects_are_once_at(pacs)
        _all_slices_are_kept(trial, store, studies)
        trial.expect(daemon.stop() == 0, f"expected the daemon to end by itself\n{daemon.tail()}")
        spool_and_database_agree(trial, daemon)


def order_alone(folder: Path, engine: str, studies: Sequence[SmallStudy]) -> Sequence[Entry]:
    """Return the list of a daemon without second engines that gets these studies in the same way."""
    daemon = new_daemon(folder, models={"ct": engine}, **_QUIET)
    try:
        daemon.start()
        for sent in (studies[:1], studies[1:]):
            _send_early_in_a_minute(daemon, sent)
            until(lambda: daemon.worklist(), within_s=_WITHIN_S, what=f"a study is listed\n{daemon.tail()}")
        order = daemon.settled(studies=len(studies), within_s=_WITHIN_S)
    finally:
        stopped(daemon)
    return [{key: value for key, value in each.items() if key not in RUN_DEPENDENT} for each in order]


def _send_early_in_a_minute(daemon: Daemon, studies: Sequence[SmallStudy]) -> None:
    until(lambda: datetime.now(UTC).second < MOST_OF_A_MINUTE_S, within_s=61, what="the begin of a minute")
    daemon.send(*(each.path for study in studies for each in study.instances))


def _queue_while_one_reads(trial: Trial, daemon: Daemon, store: PlainStore, studies: Sequence[SmallStudy]) -> None:
    """Send the first study; all others once it is read by a second engine, which must give way to them."""
    _send_early_in_a_minute(daemon, studies[:1])
    until(lambda: store.rows(_RUNNING), within_s=_WITHIN_S, what=f"a second engine reads\n{daemon.tail()}")
    _send_early_in_a_minute(daemon, studies[1:])
    trial.note("studies", len(studies))


def _kill(trial: Trial, killer: Killer, promises: SecondPromises, store: PlainStore, most: int) -> None:
    """Kill once while studies wait; then, from the order of all of them on, while second engines read."""
    _kill_one(trial, killer, promises, store)
    killer.daemon.settled(studies=len(promises.order), within_s=_WITHIN_S)
    promises.remember()
    readings = len(promises.order) * len(promises.seconds)
    for done in sorted(trial.random.sample(range(readings), min(most - 1, readings))):
        if not trial.left_s or not _is_read(killer, store, done):
            break
        time.sleep(trial.random.uniform(0, LONGEST_PAUSE_S))
        _kill_one(trial, killer, promises, store)
        killer.wait_until_it_answers()
        promises.list_is_as_without(killer.daemon.whole_list() or [])
    trial.note("readings left after the last kill", store.rows(_UNREAD)[0][0])


def _kill_one(trial: Trial, killer: Killer, promises: SecondPromises, store: PlainStore) -> None:
    """Kill one, and see that no process that reads outlives what started it."""
    running, readers = store.rows(_RUNNING), killer.daemon.started_by("adviser")
    target = killer.kill_one()
    promises.killed(target, running)
    trial.say(f"killed {target} while {', '.join(f'{name} read {uid}' for uid, name in running) or 'none read'}")
    trial.count("kills during a reading", bool(running and readers))
    ends = time.monotonic() + 10
    while (left := [pid for pid in readers if _lives(pid)]) and time.monotonic() < ends:
        time.sleep(0.1)
    trial.expect(not left, f"expected second engines to end within 10 s of {target}, found {left}")


def _lives(pid: int) -> bool:
    """Tell whether a process is there and no zombie (proc(5))."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except (FileNotFoundError, ProcessLookupError):
        return False


def _is_read(killer: Killer, store: PlainStore, done: int) -> bool:
    """Wait until so many readings are done and a second engine reads; tell whether any does, or all are done."""
    ends = time.monotonic() + _WITHIN_S
    while time.monotonic() < ends:
        killer.keep_up()
        if store.rows(_UNREAD) == [(0,)]:
            return False
        if store.rows(_DONE)[0][0] >= done and store.rows(_RUNNING) and killer.daemon.started_by("adviser"):
            return True
        time.sleep(0.1)
    raise AssertionError(f"expected {done} readings done within {_WITHIN_S} s\n{killer.daemon.tail()}")


def _settle(trial: Trial, killer: Killer, store: PlainStore) -> None:
    """Wait until every reading has ended and everything is sent, which must come by itself."""
    started = time.monotonic()

    def is_settled() -> bool:
        killer.keep_up()
        return [store.rows(query) for query in (_UNREAD, _UNSENT)] == [[(0,)], [(0,)]]

    until(is_settled, within_s=_WITHIN_S, what=f"all read and sent\n{killer.daemon.tail()}")
    trial.note("seconds from the last kill until all was read and sent", round(time.monotonic() - started, 1))


def _all_slices_are_kept(trial: Trial, store: PlainStore, studies: Sequence[SmallStudy]) -> None:
    """Expect the row and the same bytes of each slice; the sender was told Success for all of them."""
    rows: list[Row] = store.rows("SELECT sop_instance_uid, sha256, path FROM instance")
    found = {(uid, digest): path for uid, digest, path in rows}
    slices = [each for study in studies for each in study.instances]
    for each in slices:
        path = found.get((each.sop_uid, each.digest))
        kept = path is not None and store.digest(str(path)) == each.digest
        trial.expect(kept, f"expected acknowledged instance {each.sop_uid}, found {path}")
    twice = [uid for uid, times in Counter(uid for uid, _, _ in rows).items() if times > 1]
    trial.expect(len(rows) == len(slices) and not twice, f"expected {len(slices)} rows, found {len(rows)}: {twice}")
    trial.note("acknowledged instances", len(slices))


def _options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--engine", default="ct-open", help="what reads first (default: %(default)s)")
    parser.add_argument("--second", nargs="+", default=["threshold", "ct-cascade", "ct-ensemble", "ct-research"])
    parser.add_argument("--queued", type=int, default=20, help="studies that come at once (default: %(default)s)")
    parser.add_argument("--kills", type=int, default=20, help="how many at most (default: %(default)s)")


def _trial(trial: Trial, folder: Path, options: argparse.Namespace) -> None:
    trial.note("engines", f"{options.engine}; {', '.join(options.second)}")
    sent = folder / "sent"
    studies = [small_study(number, sent, triage_class="NDA"[number % 3]) for number in range(options.queued + 1)]
    order = order_alone(folder / "alone", options.engine, studies)
    trial.say(f"order without second engines: {' '.join(each['class'] for each in order)}")
    second_kills(trial, folder, {"ct": options.engine, "second": options.second}, studies, order, options.kills)


if __name__ == "__main__":
    if shutil.which("Orthanc", path=f"{os.environ['PATH']}:/usr/sbin") is None:
        sys.exit("expected Orthanc (Debian package orthanc), which receives the results; found none")
    sys.exit(run_alone("second_kills", _trial, minutes=12, more_options=_options))
