"""Shows the daemon at work: three generated studies, sent so that the most urgent one arrives last.

The studies go over the network as any others do. Workers are started after all three have arrived, so that the list
can be seen as it would be without triage.
"""

from __future__ import annotations

import os
import shutil
import socket
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from threading import Event
from typing import Protocol

from pydicom import dcmread
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn
from rich.table import Table

from triaged.config.settings import Config
from triaged.daemon.addresses import demand_free_addresses
from triaged.daemon.logs import configure_logging
from triaged.daemon.roles import Role
from triaged.daemon.signals import stopping_on_signals
from triaged.daemon.supervisor import Supervisor, members_of
from triaged.daemon.versions import Version
from triaged.dimse.scu import DimseSender
from triaged.errors import ConfigError, TryLater
from triaged.lab.phantom.options import Severity
from triaged.lab.phantom.study import phantom_study
from triaged.steps.ports import Outgoing, Peer, Sent
from triaged.store.listing.worklist import Worklist
from triaged.store.tables.database import open_database
from triaged.study.lifecycle import State
from triaged.study.records import WorklistEntry

_STUDIES: tuple[tuple[Severity, int], ...] = (("none", 11), ("moderate", 12), ("severe", 6))
"""Severity and seed, in order of arrival: the reverse of urgency."""
_START_S = 90.0
_ARRIVE_S = 120.0
_SCORE_S = 600.0
_POLL_S = 0.3
_UNSCORED = (State.RECEIVING, State.READY, State.ANALYSING)


class ListTable(Protocol):
    """Makes a table of the list, as the command line prints it."""

    def __call__(self, entries: Sequence[WorklistEntry], *, now: datetime, title: str | None = None) -> Table:
        """Return the rows as they read at `now`."""
        ...


class Stopped(Exception):
    """A person pressed Ctrl-C while something was being waited for."""


@dataclass(frozen=True, slots=True)
class _Study:
    severity: Severity
    uid: str
    outgoing: tuple[Outgoing, ...]


def run(version: Version, console: Console, table: ListTable) -> None:
    """Start the daemon, send what it does not know yet, print the order before and after, and serve until Ctrl-C.

    Raises:
        ConfigError: a port is taken, or a role cannot run with this configuration.
        TryLater: the daemon does not take the studies.
    """
    config = version.config
    demand_free_addresses(config)
    folder = config.storage.path.parent / "demo"
    studies = _generate(folder, console)
    log = folder / "daemon.log"
    with stopping_on_signals() as stop, _standard_error_to(log), ExitStack() as started:
        configure_logging(config.logging.level, config.logging.style, "daemon")
        try:
            _show(version, studies, stop, started, console, table)
        except Stopped:
            pass
        except ConfigError as error:
            raise ConfigError(f"{error}\n{_tail(log)}") from None
        console.print("Stopping …")


def _show(
    version: Version,
    studies: Sequence[_Study],
    stop: Event,
    started: ExitStack,
    console: Console,
    table: ListTable,
) -> None:
    config = version.config
    members = members_of(config)
    others = _start(version, [member for member in members if member[0] is not Role.WORKER], started)
    console.print(f"Starting the daemon, its log is {config.storage.path.parent / 'demo' / 'daemon.log'}")
    _until(lambda: _answers(config), [others], stop, within_s=_START_S, what="the daemon to answer")
    database = open_database(config.database.url)
    started.callback(database.close)
    worklist = Worklist(database)
    new = [study for study in studies if not _is_known(worklist, study)]
    if new:
        _send(config, new, console)
        _until(lambda: _have_arrived(worklist, new), [others], stop, within_s=_ARRIVE_S, what="complete studies")
        _print_list(worklist, console, table, "Before: in order of arrival, nothing is scored yet")
    else:
        console.print("The three studies were sent before; nothing is sent again.")
    workers = _start(version, [member for member in members if member[0] is Role.WORKER], started)
    _wait_for_scores(worklist, studies, [others, workers], stop, console)
    _print_list(worklist, console, table, "After: in reading order" if new else "Worklist, in reading order")
    host = "127.0.0.1" if config.web.host == "0.0.0.0" else config.web.host
    console.print(f"\nThe worklist page is [bold]http://{host}:{config.web.port}/[/]")
    console.print(f"Send studies to {config.dicom.ae_title} on port {config.dicom.port}. Ctrl-C stops everything.")
    while not stop.wait(_POLL_S):
        others.check()
        workers.check()


def _generate(folder: Path, console: Console) -> list[_Study]:
    """Return the studies, made once and kept: a folder has its name only when it is whole."""
    studies = []
    with _progress(console) as progress:
        task = progress.add_task("Generating chest CT studies", total=len(_STUDIES))
        for severity, seed in _STUDIES:
            target = folder / f"{severity}-{seed}"
            if not target.is_dir():
                part = target.with_suffix(".part")
                shutil.rmtree(part, ignore_errors=True)
                part.mkdir(parents=True)
                phantom_study(seed, severity, part)
                part.rename(target)
            studies.append(_read(severity, target))
            progress.advance(task)
    return studies


def _read(severity: Severity, folder: Path) -> _Study:
    outgoing = []
    uid = ""
    for path in sorted(folder.rglob("*.dcm")):
        dataset = dcmread(path, specific_tags=["StudyInstanceUID", "SOPClassUID", "SOPInstanceUID"])
        uid = str(dataset.StudyInstanceUID)
        syntax = str(dataset.file_meta.TransferSyntaxUID)
        outgoing.append(Outgoing(path, str(dataset.SOPClassUID), str(dataset.SOPInstanceUID), syntax))
    return _Study(severity, uid, tuple(outgoing))


def _start(version: Version, members: Sequence[tuple[Role, str]], started: ExitStack) -> Supervisor:
    supervisor = Supervisor(version, members)
    started.callback(supervisor.stop)
    supervisor.start()
    return supervisor


def _send(config: Config, studies: Sequence[_Study], console: Console) -> None:
    dicom = config.dicom
    sender = DimseSender(next(iter(dicom.allowed_calling_ae_titles), "DEMO"), timeout_s=config.delivery.timeout_s)
    peer = Peer("triaged", dicom.ae_title, _reachable(dicom.host), dicom.port)
    with _progress(console) as progress:
        for study in studies:
            task = progress.add_task(f"Sending the study with disease “{study.severity}”", total=len(study.outgoing))
            for outcome in sender.send(study.outgoing, peer):
                if not isinstance(outcome, Sent):
                    raise TryLater(f"expected {dicom.ae_title} to take every instance, found: {outcome.reason}")
                progress.advance(task)


def _wait_for_scores(
    worklist: Worklist, studies: Sequence[_Study], supervisors: Sequence[Supervisor], stop: Event, console: Console
) -> None:
    with _progress(console) as progress:
        task = progress.add_task("Scoring", total=len(studies))

        def all_scored() -> bool:
            states = [entry.state for entry in _entries(worklist, studies)]
            progress.update(task, completed=sum(state not in _UNSCORED for state in states))
            return all(state not in _UNSCORED for state in states)

        _until(all_scored, supervisors, stop, within_s=_SCORE_S, what="three scores")


def _print_list(worklist: Worklist, console: Console, table: ListTable, title: str) -> None:
    console.print()
    console.print(table(worklist.entries(20), now=datetime.now(UTC), title=title))


def _have_arrived(worklist: Worklist, studies: Sequence[_Study]) -> bool:
    """Tell whether all are complete: from then on they stand in order of arrival."""
    return all(entry.state is not State.RECEIVING for entry in _entries(worklist, studies))


def _is_known(worklist: Worklist, study: _Study) -> bool:
    entry = worklist.entry(study.uid)
    return entry is not None and entry.instances >= len(study.outgoing)


def _entries(worklist: Worklist, studies: Sequence[_Study]) -> list[WorklistEntry]:
    return [entry for study in studies if (entry := worklist.entry(study.uid)) is not None]


def _answers(config: Config) -> bool:
    try:
        for host, port in ((config.dicom.host, config.dicom.port), (config.web.host, config.web.port)):
            socket.create_connection((_reachable(host), port), 1.0).close()
    except OSError:
        return False
    return True


def _until(
    condition: Callable[[], bool], supervisors: Sequence[Supervisor], stop: Event, *, within_s: float, what: str
) -> None:
    deadline = time.monotonic() + within_s
    while not condition():
        if stop.wait(_POLL_S):
            raise Stopped
        for supervisor in supervisors:
            supervisor.check()
        if time.monotonic() > deadline:
            raise TryLater(f"expected {what} within {within_s:.0f} s")


def _reachable(host: str) -> str:
    return "127.0.0.1" if host in ("0.0.0.0", "::") else host


def _progress(console: Console) -> Progress:
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    return Progress(*columns, console=console)


@contextmanager
def _standard_error_to(path: Path) -> Iterator[None]:
    """Send the log of this process and of the roles that it starts to a file, so that it does not cross the tables."""
    sys.stderr.flush()
    kept = os.dup(2)
    file = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o644)
    os.dup2(file, 2)
    os.close(file)
    try:
        yield
    finally:
        os.dup2(kept, 2)
        os.close(kept)


def _tail(log: Path) -> str:
    return "\n".join(log.read_text(encoding="utf-8", errors="replace").splitlines()[-5:])
