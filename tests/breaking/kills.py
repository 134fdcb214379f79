"""Kills processes of a daemon at random under load: `python -m tests.breaking.kills --seed 7 --minutes 10`.

A hospital sends to a whole daemon on SQLite or PostgreSQL, which delivers to a real Orthanc. Each role, all roles, the
supervisor alone, everything at once, or a backend of PostgreSQL gets SIGKILL; after each, the senders' ledger is
compared with rows, files and list. In the end `triaged fsck` repairs what was left, and all agrees. `--peer orthanc`
does the same to an Orthanc that receives, for comparison.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import shutil
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any, Protocol

from tests.breaking.hospital import Hospital
from tests.breaking.killer import LONGEST_STEP_S, Killer, sigkill
from tests.breaking.plain_store import plain_store
from tests.breaking.postgres_server import postgres_server
from tests.breaking.promises import Watch
from tests.breaking.senders import Address
from tests.breaking.small_scans import SETTINGS
from tests.breaking.trial import Trial, run_alone
from tests.ports import free_port
from tests.programs import Daemon, Orthanc, new_daemon

PAUSE_S = (0.0, 1.2)
WAITS_FOR_ANSWER = 0.6
"""The share of kills, in a long run, after which the daemon may start in peace; else it may be killed while it does."""
MOST_WAITING = 12
"""Studies that may wait for their result; the hospital pauses while there are more."""


def kills(
    trial: Trial, folder: Path, database: str, most: int, *, waits: float = WAITS_FOR_ANSWER, receivers: int = 1
) -> None:
    """Kill until time is over or `most` are done, then let everything settle and compare once more."""
    with ExitStack() as stack:
        pacs = stack.enter_context(destination(folder / "pacs"))
        server = stack.enter_context(postgres_server()) if database == "postgresql" else None
        url = f"sqlite:///{folder}/daemon/var/triaged.db" if server is None else server.url
        daemon = new_daemon(folder / "daemon", database={"url": url}, destinations=[section(pacs)], **SETTINGS)
        stack.callback(stopped, daemon)
        daemon.reconfigure({"dicom": daemon.settings["dicom"] | {"receivers": receivers}})
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
            if trial.random.random() < waits:
                killer.wait_until_it_answers()
            if not (number + 1) % 10:
                sent, seen = len(hospital.ledger.everything()), len(hospital.ledger.study_uids())
                trial.say(f"{number + 1} kills, {sent} instances of {seen} studies acknowledged")
        killer.wait_until_it_answers()
        hospital.finish(within_s=LONGEST_STEP_S)
        settle(trial, daemon, hospital, watch)
        watch.once_at_destination(pacs)
        daemon.stop()
        spool_and_database_agree(trial, daemon)


class Shown(Protocol):
    """Whoever shows the list: a daemon, or several that have one."""

    def whole_list(self) -> list[dict[str, Any]] | None:
        """Return every entry of the list; None while nobody answers."""
        ...

    def tail(self) -> str:
        """Return the end of the log."""
        ...


def compare(trial: Trial, shown: Shown, hospital: Hospital, watch: Watch) -> None:
    """Compare what can be seen now; a database that recovers is asked again a moment later."""
    _patiently(watch.acknowledged_is_present)
    _patiently(watch.one_result_is_in_force)
    trial.count("comparisons of rows and files")
    watch.before_list()
    entries = shown.whole_list()
    if entries is None:  # the web role has been killed, or waits for its database
        return
    watch.listed(entries)
    trial.count("comparisons of the list")
    waiting = sum(entry["state"] in ("RECEIVING", "READY", "ANALYSING") for entry in entries)
    (hospital.is_full.set if waiting > MOST_WAITING else hospital.is_full.clear)()


def settle(trial: Trial, shown: Shown, hospital: Hospital, watch: Watch) -> None:
    """Wait until nothing is left to do, which must come by itself, and compare everything."""
    started = time.monotonic()
    within_s = 3 * LONGEST_STEP_S

    def is_settled() -> bool:
        listed = {entry["study_instance_uid"]: entry["state"] for entry in shown.whole_list() or ()}
        pending = watch.store.rows("SELECT count(*) FROM outbox WHERE state NOT IN ('SENT', 'WITHDRAWN')")[0][0]
        unfinished = ("RECEIVING", "READY", "ANALYSING")
        is_there = bool(listed) or not hospital.ledger.study_uids()
        return is_there and not pending and not any(state in unfinished for state in listed.values())

    while not _patiently(is_settled) and time.monotonic() < started + within_s:
        time.sleep(0.5)
    trial.note("seconds until nothing was left to do", round(time.monotonic() - started, 1))
    trial.expect(_patiently(is_settled), f"expected nothing left to do after {within_s} s\n{shown.tail()[-1500:]}")
    watch.before_list()
    entries = shown.whole_list() or []
    watch.listed(entries)
    watch.analysed_and_ordered(entries)
    watch.acknowledged_is_present(everything=True)
    watch.one_result_is_in_force()
    unfinished_files = watch.store.unfinished()
    trial.note("studies on the list", len(entries))
    trial.note("half files that a kill left", len(unfinished_files))


def spool_and_database_agree(trial: Trial, daemon: Daemon, spool: Path | None = None) -> None:
    """Let `triaged fsck` find and repair what kills left, as if it were hours old: then all has to agree.

    `spool` is where the files are, if not in the daemon's own folder.
    """
    before = _fsck(daemon)["files"]
    for kind, found in Counter(str(each["fault"]) for each in before).items():
        trial.note(f"left by kills: {kind}", found)
    hours_ago = time.time() - 2 * 3600
    for path in (spool or daemon.folder / "var/spool").rglob("*"):
        if path.is_file():
            os.utime(path, (hours_ago, hours_ago))
    _fsck(daemon, "--repair", "adopt", "--repair", "remove")
    left = _fsck(daemon, "--digests")["files"]
    trial.expect(not left, f"expected spool and database to agree after a repair, found {len(left)}: {left[:3]}")


def _fsck(daemon: Daemon, *options: str) -> Any:
    command = [sys.executable, "-m", "triaged.cli", "fsck", "--json", "--older-than-s", "0", *options]
    ended = subprocess.run([*command, "--config", str(daemon.config)], capture_output=True, text=True, timeout=300)
    assert ended.returncode in (0, 1), ended.stderr[-2000:]
    return json.loads(ended.stdout)


def _patiently(look: Callable[[], Any]) -> Any:
    """Return what `look` gives once the database answers it."""
    deadline = time.monotonic() + LONGEST_STEP_S
    while True:
        try:
            return look()
        except OSError:
            if time.monotonic() > deadline:
                raise
            time.sleep(0.2)


def stopped(daemon: Daemon) -> None:
    """Stop a daemon that runs; kill one that does not end."""
    if daemon.process is not None and daemon.process.poll() is None:
        try:
            daemon.stop()
        except subprocess.TimeoutExpired:
            for pid in (*daemon.role_pids(), daemon.process.pid):
                sigkill(pid)
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
    parser.add_argument("--receivers", type=int, default=1, help="how many share the port (default: %(default)s)")


def _trial(trial: Trial, folder: Path, options: argparse.Namespace) -> None:
    if options.peer == "orthanc":
        from tests.breaking.kills_of_orthanc import kills_of_orthanc

        kills_of_orthanc(trial, folder, options.kills)
    else:
        trial.note("database", options.database)
        kills(trial, folder, options.database, options.kills, receivers=options.receivers)


if __name__ == "__main__":
    if shutil.which("Orthanc", path=f"{os.environ['PATH']}:/usr/sbin") is None:
        sys.exit("expected Orthanc (Debian package orthanc), which receives the results; found none")
    sys.exit(run_alone("kills", _trial, minutes=60, more_options=_options))
