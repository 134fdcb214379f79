"""Looks over the shoulder: `python -m tests.breaking.silence --seed 7 --minutes 5 --database postgresql`.

One patient with a mark in every attribute, in several character sets, goes every way through a whole daemon that logs
at DEBUG: analysed, unreadable, put into quarantine, in conflict; delivered, refused by peers that quote what they got;
looked for by people and by strangers, through HTTP and by C-FIND; roles are killed meanwhile; PostgreSQL's driver
quotes the rows that broke a constraint; files lose their rows and `triaged fsck` adopts them. Then no mark may be
anywhere but where patients belong: in the database, in files of the spool, in messages to subscribers and destinations,
and on pages for people who are signed in. So it is looked for in the log, in what commands print, in names of files, in
the temporary folder and the home, in environment and command line of every process, and in answers to strangers.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import signal
import sys
import time
from collections.abc import Sequence
from contextlib import ExitStack, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.breaking.driver_errors import CONSTRAINTS, UNIQUE_NUMBERS, Constraint, in_force, kill_a_backend
from tests.breaking.kills import destination, stopped
from tests.breaking.marked_patient import MARK, RefusingStore, marked_study, one_more_study, send
from tests.breaking.person import Person
from tests.breaking.postgres_server import PostgresServer, postgres_server
from tests.breaking.rows_lost import lose_rows
from tests.breaking.shoulder import Shoulder
from tests.breaking.silent_site import PASSWORD, READER, VIEWER, Around, add_reader, own_home, quoting_daemon
from tests.breaking.strangers import search_as_strangers
from tests.breaking.trial import Trial, run_alone
from tests.breaking.worklist_askers import asked, identifiers
from tests.programs import Daemon
from tests.wire.receivers import HttpServer, MllpServer, acknowledged, http, mllp

_ENDED = ("TRIAGED", "OUT_OF_SCOPE", "FAILED")
_LEFT_BY_KILLS = ("result that nobody refers to", "half-written file")
"""What `triaged fsck` says of files that a killed role was writing, which wait an hour to be removed."""
_MOST_ROUNDS = 40
"""Studies of more rounds would be more than the list's first page."""


@dataclass(frozen=True, slots=True)
class Ways:
    """How far the patient goes."""

    constraints: Sequence[Constraint]
    """What the driver of PostgreSQL quotes a row for."""
    commands: Sequence[str]
    comparisons: Sequence[str]
    """Arguments of `triaged fsck` after files have lost their rows; it adopts them, and the last prints JSON."""
    is_orthanc_asked: bool


EVERY_WAY = Ways(
    constraints=CONSTRAINTS,
    commands=("check", "status", "status --json", "health"),
    comparisons=("", "--json", "--repair adopt", "--digests --json"),
    is_orthanc_asked=True,
)
TELLING_WAYS = Ways(
    CONSTRAINTS[:1], commands=("status",), comparisons=("--repair adopt --json",), is_orthanc_asked=False
)
"""Those in which something was found before, or that touch most."""


def silence(trial: Trial, folder: Path, database: str = "sqlite", ways: Ways = EVERY_WAY) -> None:
    """Send the marked patient these ways, and look for the marks."""
    with ExitStack() as stack:
        store = stack.enter_context(RefusingStore().served())
        ris = stack.enter_context(mllp(MllpServer(lambda message: [acknowledged(message, "AR", _quoted(message))])))
        pager = stack.enter_context(http(HttpServer()))
        server = stack.enter_context(postgres_server()) if database == "postgresql" else None
        pacs = stack.enter_context(destination(folder / "pacs")) if _has_orthanc(ways) else None
        daemon = quoting_daemon(folder, Around(store, ris, pager, server, pacs))
        stack.enter_context(own_home(folder))
        stack.callback(stopped, daemon)
        shoulder = Shoulder(trial, daemon, folder)
        daemon.start()
        add_reader(daemon)
        trial.begin()
        person = Person(daemon.web_port, READER, PASSWORD)
        for kind, study in marked_study(folder / "sent"):
            trial.count("instances sent", len(send(daemon.dicom_port, study)))
            trial.say(f"sent: {kind}")
        search_as_strangers(shoulder)
        _kill(daemon, "worker")
        if server is not None:
            _errors_of_the_driver(shoulder, server, person, ways.constraints)
        _more_while_time_is_left(shoulder)
        _wait(trial, person)
        _ask_by_dicom(shoulder)
        trial.expect(MARK in person.get_text("/"), "expected the mark on the list of people who are signed in")
        trial.expect(store.received, "expected something at the destination: else nothing was tried there")
        trial.expect(ris.messages, "expected messages to the RIS: else nothing was tried there")
        if pacs is not None:
            trial.note("objects in Orthanc", len(pacs.instances()))
            trial.expect(trial.number("objects in Orthanc"), "expected objects in Orthanc, found none")
        for command in ways.commands:
            shoulder.look_at_command(*command.split())
        shoulder.look_at_processes()
        stopped(daemon)
        _compare_spool_and_database(shoulder, ways.comparisons)
    shoulder.look_at_files()
    trial.note("lines of the log", len(daemon.log.read_bytes().splitlines()))


def _has_orthanc(ways: Ways) -> bool:
    return ways.is_orthanc_asked and shutil.which("Orthanc", path=f"{os.environ['PATH']}:/usr/sbin") is not None


def _quoted(message: object) -> str:
    """Return a refusal that names the patient, as some do."""
    return f"patient {message.segment('PID')[5]} {message.segment('PID')[3]} is unknown"  # type: ignore[attr-defined]


def _kill(daemon: Daemon, role: str) -> None:
    with suppress(ProcessLookupError, StopIteration):  # it rests before it starts again
        os.kill(daemon.role_pid(role), signal.SIGKILL)


def _errors_of_the_driver(
    shoulder: Shoulder, server: PostgresServer, person: Person, constraints: Sequence[Constraint]
) -> None:
    """Let the driver raise errors that quote the patient's row in each role, and kill backends meanwhile."""
    trial, daemon = shoulder.trial, shoulder.daemon
    sent = shoulder.folder / "sent"
    for number, constraint in enumerate(constraints):
        before = daemon.log.read_text().count(constraint.raises)
        numbers = UNIQUE_NUMBERS if constraint.raises == "UniqueViolation" else (720 + number,)
        studies = [one_more_study(sent, each) for each in numbers]
        with in_force(server, constraint):
            statuses = [status for study in studies for status in send(daemon.dicom_port, study)]
            refused = sum(status != 0 for status in statuses)
            trial.count("instances refused over errors of the driver", refused)
            trial.expect(refused, f"{constraint.name}: expected refusals while it was in force")
            for entry in person.get_json("/api/worklist") or ():
                person.post(f"/studies/{entry['study_instance_uid']}/actions", kind="READING")
        found = daemon.log.read_text().count(constraint.raises) - before
        trial.count("errors of the driver in the log", found)
        trial.expect(found, f"{constraint.name}: expected {constraint.raises} in the log: else nothing was tried")
        kill_a_backend(server)
        trial.count("backends killed")
        for study in studies:
            trial.count("instances sent", _until_taken(daemon, study))
        trial.say(f"errors of the driver: {constraint.name}")


def _until_taken(daemon: Daemon, study: list[Path]) -> int:
    """Send a study until every instance is acknowledged, as a modality does."""
    deadline = time.monotonic() + 60
    while any(send(daemon.dicom_port, study)):
        assert time.monotonic() < deadline, daemon.tail()
        time.sleep(0.5)
    return len(study)


def _more_while_time_is_left(shoulder: Shoulder) -> None:
    """Send one study after the other and kill a role at each, while time is left."""
    trial, daemon = shoulder.trial, shoulder.daemon
    for number in range(_MOST_ROUNDS):
        if not trial.left_s:
            return
        study = one_more_study(shoulder.folder / "sent", 800 + number)
        trial.count("instances sent", _until_taken(daemon, study))
        role = trial.random.choice(("worker", "courier", "clock", "web"))
        _kill(daemon, role)
        trial.count("roles killed")
        shoulder.look_at_processes()
        time.sleep(min(trial.left_s, trial.random.uniform(1, 4)))


def _ask_by_dicom(shoulder: Shoulder) -> None:
    """Ask for the worklist by C-FIND: as a stranger, who gets nothing, and as who may, who gets the patient."""
    trial, port = shoulder.trial, shoulder.daemon.dicom_port
    found: list[Any] = []
    for identifier in identifiers(MARK):
        answer = asked(port, VIEWER, identifier)
        trial.count("queries")
        trial.expect(answer is not None, "expected an answer for who may ask")
        found += [] if answer is None else answer[1]
        trial.expect(asked(port, "STRANGER", identifier) is None, "expected a stranger not to be let ask")
    trial.note("steps found by who may ask", len(found))
    is_named = any(str(step.get("PatientName", "")).startswith(MARK) for step in found)
    trial.expect(is_named, "expected the patient for who may ask: else nothing was tried")


def _compare_spool_and_database(shoulder: Shoulder, comparisons: Sequence[str]) -> None:
    """Let files lose their rows, and look at what `triaged fsck` says of them and does."""
    shoulder.trial.note("rows taken from their files", lose_rows(shoulder.daemon))
    said = [shoulder.look_at_command("fsck", *each.split(), "--older-than-s", "0") for each in comparisons]
    shoulder.trial.expect(any(b"without a row" in each for each in said), "fsck: expected it to find the files")
    files = json.loads(said[-1])["files"]
    left = [each["fault"] for each in files if not each["repaired"] and each["fault"] not in _LEFT_BY_KILLS]
    shoulder.trial.expect(not left, f"fsck: expected every file to be adopted, found {left}")


def _wait(trial: Trial, person: Person) -> None:
    """Wait until every study on the list has ended."""
    deadline = time.monotonic() + 120
    listed: list[dict[str, Any]] = []
    while time.monotonic() < deadline:
        listed = person.get_json("/api/worklist") or listed  # None where this machine is too busy to answer in time
        if listed and all(each["state"] in _ENDED for each in listed):
            break
        time.sleep(0.3)
    unfinished = [each["study_instance_uid"] for each in listed if each["state"] not in _ENDED]
    trial.note("studies on the list", len(listed))
    trial.expect(listed and not unfinished, f"expected every study to end, found {len(unfinished)} that did not")


def _options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--database", choices=("sqlite", "postgresql"), default="sqlite")


def main() -> int:
    """Look over the shoulder from the command line."""

    def looked(trial: Trial, folder: Path, options: argparse.Namespace) -> None:
        trial.note("database", options.database)
        silence(trial, folder, options.database)

    return run_alone("silence", looked, minutes=2, more_options=_options)


if __name__ == "__main__":
    sys.exit(main())
