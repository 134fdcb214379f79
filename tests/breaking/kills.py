"""Kills processes of a daemon at random under load: `python -m tests.breaking.kills --seed 7 --minutes 10`.

A hospital sends to a whole daemon on SQLite or PostgreSQL, which delivers to a real Orthanc. Each role, all roles, the
supervisor alone, everything at once, or a backend of PostgreSQL gets SIGKILL; after each, the senders' ledger is
compared with rows, files and list. `--peer orthanc` does the same to an Orthanc that receives, for comparison.
"""

from __future__ import annotations

import argparse
import os
import random
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.breaking.hospital import Hospital
from tests.breaking.plain_store import plain_store
from tests.breaking.postgres_server import PostgresServer, postgres_server
from tests.breaking.promises import Watch
from tests.breaking.senders import Address
from tests.breaking.small_scans import SETTINGS
from tests.breaking.trial import Trial, run_alone
from tests.ports import free_port
from tests.programs import Daemon, Orthanc, get_json, new_daemon

ROLES = ("receiver", "worker", "courier", "clock", "web")
WEIGHTS = {
    "receiver": 5, "worker": 5, "courier": 4, "clock": 2, "web": 2,
    "all roles": 2, "supervisor": 2, "everything": 2, "backend": 4,
}  # fmt: skip
"""How often each is killed."""
PAUSE_S = (0.0, 1.2)
WAITS_FOR_ANSWER = 0.6
"""The share of kills after which the daemon may start in peace; after the others it may be killed while it starts."""
MOST_WAITING = 12
"""Studies that may wait for their result; the hospital pauses while there are more."""
_HEALED_S = 120.0
"""How long a step may take before the trial gives up; a machine that does much else is slow to start processes."""


def kills(trial: Trial, folder: Path, database: str, most: int) -> None:
    """Kill until time is over or `most` are done, then let everything settle and compare once more."""
    with ExitStack() as stack:
        pacs = stack.enter_context(destination(folder / "pacs"))
        server = stack.enter_context(postgres_server()) if database == "postgresql" else None
        url = f"sqlite:///{folder}/daemon/var/triaged.db" if server is None else server.url
        daemon = new_daemon(folder / "daemon", database={"url": url}, destinations=[section(pacs)], **SETTINGS)
        stack.callback(stopped, daemon)
        daemon.start()
        hospital = Hospital(trial, Address(daemon.dicom_port), folder / "sent")
        watch = Watch(trial, hospital.ledger, plain_store(daemon), random.Random(trial.seed))
        killer = Killer(trial, daemon, server)
        trial.begin()
        hospital.start()
        for number in range(most):
            if number and not trial.left_s:
                break
            time.sleep(trial.random.uniform(*PAUSE_S))
            killer.kill_one()
            compare(trial, daemon, hospital, watch)
            if trial.random.random() < WAITS_FOR_ANSWER:
                killer.wait_until_it_answers()
        killer.wait_until_it_answers()
        hospital.finish(within_s=_HEALED_S)
        settle(trial, daemon, hospital, watch)
        watch.once_at_destination(pacs)


@dataclass(slots=True)
class Killer:
    """Chooses who dies, and sees that it comes back."""

    trial: Trial
    daemon: Daemon
    server: PostgresServer | None
    """Whose backends may be killed; none with SQLite."""

    def kill_one(self) -> None:
        """Kill one that runs now, perhaps while it starts; start the daemon again where nobody else does."""
        running = self._running()
        possible = {name: weight for name, weight in WEIGHTS.items() if self._is_possible(name, set(running.values()))}
        (target,) = self.trial.random.choices(list(possible), weights=list(possible.values()))
        if target == "backend":
            self._kill_backend()
        elif target in ("supervisor", "everything"):
            self._kill_supervisor(list(running) if target == "everything" else [])
        else:
            for pid in (pid for pid, role in running.items() if target in (role, "all roles")):
                _sigkill(pid)
        self.trial.count("kills")
        self.trial.count(f"kills of {target}")

    def _running(self) -> dict[int, str]:
        """Return the roles once there are any; a daemon that ended at once is started again."""
        deadline = time.monotonic() + _HEALED_S
        while not (running := self.daemon.role_pids()):
            self.keep_up()
            if time.monotonic() > deadline:
                raise AssertionError(f"expected roles to run within {_HEALED_S} s\n{self.daemon.tail()}")
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
        return target not in ROLES or target in running  # one that died a moment ago rests before it starts again

    def _kill_backend(self) -> None:
        """Kill one process of PostgreSQL, which ends them all and recovers."""
        if self.server is not None and (pids := self.server.backend_pids()):
            _sigkill(self.trial.random.choice(pids))

    def wait_until_it_answers(self) -> None:
        """Wait until the daemon receives and shows again, as it must by itself."""
        started = time.monotonic()
        while not self._answers():
            if time.monotonic() > started + _HEALED_S:
                self.trial.expect(False, f"expected an answer within {_HEALED_S} s\n{self.daemon.tail()}")
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
            _sigkill(pid)
        self.daemon.process.wait()
        self.daemon.launch()


def compare(trial: Trial, daemon: Daemon, hospital: Hospital, watch: Watch) -> None:
    """Compare what can be seen now; a database that recovers is asked again a moment later."""
    _patiently(watch.acknowledged_is_present)
    _patiently(watch.one_result_is_in_force)
    trial.count("comparisons of rows and files")
    watch.before_list()
    entries = whole_list(daemon)
    if entries is None:  # the web role has been killed, or waits for its database
        return
    watch.listed(entries)
    trial.count("comparisons of the list")
    waiting = sum(entry["state"] in ("RECEIVING", "READY", "ANALYSING") for entry in entries)
    (hospital.is_full.set if waiting > MOST_WAITING else hospital.is_full.clear)()


def settle(trial: Trial, daemon: Daemon, hospital: Hospital, watch: Watch) -> None:
    """Wait until nothing is left to do, which must come by itself, and compare everything."""
    started = time.monotonic()
    within_s = 3 * _HEALED_S

    def is_settled() -> bool:
        listed = {entry["study_instance_uid"]: entry["state"] for entry in whole_list(daemon) or ()}
        pending = watch.store.rows("SELECT count(*) FROM outbox WHERE state NOT IN ('SENT', 'WITHDRAWN')")[0][0]
        unfinished = ("RECEIVING", "READY", "ANALYSING")
        is_there = bool(listed) or not hospital.ledger.study_uids()
        return is_there and not pending and not any(state in unfinished for state in listed.values())

    while not _patiently(is_settled) and time.monotonic() < started + within_s:
        time.sleep(0.5)
    trial.note("seconds until nothing was left to do", round(time.monotonic() - started, 1))
    trial.expect(_patiently(is_settled), f"expected nothing left to do after {within_s} s\n{daemon.tail()[-1500:]}")
    watch.before_list()
    entries = whole_list(daemon) or []
    watch.listed(entries)
    watch.analysed_and_ordered(entries)
    watch.acknowledged_is_present(everything=True)
    watch.one_result_is_in_force()
    unfinished_files = watch.store.unfinished()
    trial.note("studies on the list", len(entries))
    trial.note("half files that a kill left", len(unfinished_files))


def whole_list(daemon: Daemon) -> list[dict[str, Any]] | None:
    """Return every entry of the list, page by page; None while the web does not answer."""
    entries: list[dict[str, Any]] = []
    while True:
        page = get_json(f"http://127.0.0.1:{daemon.web_port}/api/worklist?limit=1000&offset={len(entries)}")
        if page is None:
            return None
        entries += page
        if len(page) < 1000:
            return entries


def _patiently(look: Callable[[], Any]) -> Any:
    """Return what `look` gives once the database answers it."""
    deadline = time.monotonic() + _HEALED_S
    while True:
        try:
            return look()
        except OSError:
            if time.monotonic() > deadline:
                raise
            time.sleep(0.2)


def _sigkill(pid: int) -> None:
    try:
        os.kill(pid, signal.SIGKILL)
    except ProcessLookupError:
        return


def stopped(daemon: Daemon) -> None:
    """Stop a daemon that runs; kill one that does not end."""
    if daemon.process is not None and daemon.process.poll() is None:
        try:
            daemon.stop()
        except subprocess.TimeoutExpired:
            for pid in (*daemon.role_pids(), daemon.process.pid):
                _sigkill(pid)
            raise


@contextmanager
def destination(folder: Path) -> Iterator[Orthanc]:
    """Give an Orthanc that runs, in a folder of its own."""
    folder.mkdir(parents=True)
    pacs = Orthanc(folder, free_port(), free_port())
    try:
        pacs.start()
        yield pacs
    finally:
        pacs.stop()


def section(pacs: Orthanc) -> dict[str, Any]:
    """Return an Orthanc as a destination of config.yaml."""
    return {
        "name": "pacs",
        "ae_title": "ORTHANC",
        "host": "127.0.0.1",
        "port": pacs.dicom_port,
        "objects": ["sc", "sr", "seg"],
    }


def _options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--database", choices=("sqlite", "postgresql"), default="sqlite")
    parser.add_argument("--kills", type=int, default=1000, help="how many at most (default: %(default)s)")
    parser.add_argument("--peer", choices=("orthanc",), help="do the same to another receiver instead, to compare")


def _trial(trial: Trial, folder: Path, options: argparse.Namespace) -> None:
    if options.peer == "orthanc":
        from tests.breaking.kills_of_orthanc import kills_of_orthanc

        kills_of_orthanc(trial, folder, options.kills)
    else:
        trial.note("database", options.database)
        kills(trial, folder, options.database, options.kills)


if __name__ == "__main__":
    if shutil.which("Orthanc", path=f"{os.environ['PATH']}:/usr/sbin") is None:
        sys.exit("expected Orthanc (Debian package orthanc), which receives the results; found none")
    sys.exit(run_alone("kills", _trial, minutes=60, more_options=_options))
