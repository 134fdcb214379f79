"""A small hospital whose ground can be moved: a daemon in a folder of its own, a modality that sends, a health check.

The spool, the database and the log have folders of their own below it, on which other file systems can be mounted.
Knows no fault.
"""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from tests.breaking.health import HealthWatch, Says
from tests.breaking.modality import Modality
from tests.breaking.person import Person
from tests.breaking.plain_store import PlainStore
from tests.breaking.processes import tree
from tests.breaking.small_scans import SmallStudy
from tests.ports import free_port

_MOST_WAITING = 4
DONE = ("TRIAGED", "OUT_OF_SCOPE", "FAILED")


class NotHere(Exception):
    """This trial is not possible on this machine, and why."""


class Site:
    """One daemon and what is around it. A fault may change `settings`, `environment`, `prefix` and `log` beforehand."""

    def __init__(self, folder: Path, seed: int) -> None:
        self.folder = folder
        self.spool, self.database_folder, self.log_folder = (folder / name for name in ("spool", "database", "log"))
        for each in (self.spool, self.database_folder, self.log_folder):
            each.mkdir(parents=True)
        self.dicom_port, self.web_port = free_port(), free_port()
        self.config, self.log = folder / "config.yaml", self.log_folder / "daemon.log"
        self.settings: dict[str, Any] = {
            "dicom": {"host": "127.0.0.1", "port": self.dicom_port},
            "web": {"host": "127.0.0.1", "port": self.web_port},
            "storage": {"path": str(self.spool), "reserve_mb": 2},
            "database": {"url": f"sqlite:///{self.database_folder}/triaged.db"},
            "models": {"ct": "threshold"},
            "completion": {"settle_s": 1, "quiet_s": 5},
            "worker": {"retry_wait_s": 1},
            "delivery": {"first_wait_s": 0.5, "longest_wait_s": 1},
        }
        self.environment: dict[str, str] = {}
        self.prefix: list[str] = []
        self.output: int | None = None
        """Descriptor that the daemon writes its log to, where that is not the file."""
        self.disks: dict[str, Any] = {}
        self.servers: dict[str, Any] = {}
        self.broken: list[str] = []
        """What a fault itself saw that must not be."""
        self.at_end: list[Callable[[], None]] = []
        """What is undone when all is over, the last first."""
        self.person = Person(self.web_port, "Site", "correct horse battery staple")
        self.modality = Modality(folder / "modality", self.dicom_port, seed, has_room=self._has_room)
        self.health = HealthWatch(self.web_port)
        self.process: subprocess.Popen[bytes] | None = None

    @property
    def database_url(self) -> str:
        """Where the daemon was told that its database is."""
        return str(self.settings["database"]["url"])

    @property
    def store(self) -> PlainStore:
        """Where it keeps what it has."""
        return PlainStore(self.database_url, self.spool)

    @property
    def database_file(self) -> Path:
        """The database, where it is a file."""
        return self.database_folder / "triaged.db"

    def write_config(self) -> None:
        """Write the settings as the file that the daemon reads."""
        self.config.write_text(json.dumps(self.settings, indent=1))  # JSON is YAML

    def start(self) -> None:
        """Start the daemon."""
        self.write_config()
        self.start_process()

    def start_process(self) -> None:
        """Start the daemon with the file as it is."""
        command = [*self.prefix, sys.executable, "-m", "triaged.cli", "serve", "--config", str(self.config)]
        output = self.output if self.output is not None else os.open(self.log, os.O_WRONLY | os.O_CREAT | os.O_APPEND)
        self.process = subprocess.Popen(command, stdout=output, stderr=output, env=os.environ | self.environment)
        if self.output is None:
            os.close(output)

    def end(self) -> None:
        """Stop everything, however it stands, and undo what a fault left."""
        self.modality.stop()
        self.health.stop()
        if self.process is not None and self.process.poll() is None:
            for pid in self.pids():
                os.kill(pid, signal.SIGCONT)
            self.process.send_signal(signal.SIGTERM)
            try:
                self.process.wait(30)
            except subprocess.TimeoutExpired:
                self.kill()
        for undo in reversed(self.at_end):
            undo()

    def kill(self) -> None:
        """Kill the daemon with all its roles, as a power cut would."""
        assert self.process is not None
        for pid in self.pids():
            os.kill(pid, signal.SIGKILL)
        self.process.wait(20)

    def pids(self) -> list[int]:
        """Return the process ids of the supervisor and everything below it."""
        assert self.process is not None
        return tree(self.process.pid)

    def supervisor_pid(self) -> int:
        """Return the process id of the supervisor, whatever it was started by."""
        found = [pid for pid in self.pids() if b"\0serve\0" in _command(pid) and b"\0--role\0" not in _command(pid)]
        if not found:
            raise AssertionError("no supervisor")
        return found[0]

    def role_pid(self, role: str) -> int:
        """Return the process id of a role."""
        found = [pid for pid in self.pids() if f"\0--role\0{role}\0".encode() in _command(pid)]
        if not found:
            raise AssertionError(f"no process of role {role}")
        return found[0]

    def state_of(self, study_uid: str) -> str | None:
        """Return the state in which the list shows a study."""
        entry = self.person.get_json(f"/api/worklist/{study_uid}")
        return None if entry is None else str(entry["state"])

    def first_done(self, *, since: float) -> SmallStudy | None:
        """Return the first study that was begun after a moment and is on the list with its result."""
        begun = self.modality.whole(since=since)
        return next((study for study in begun if self.state_of(study.study_uid) in DONE), None)

    def is_settled(self) -> bool:
        """Tell whether everything that was begun is acknowledged and done."""
        whole = self.modality.whole()
        is_done = all(self.state_of(study.study_uid) in DONE for study in whole)
        return is_done and len(whole) == len(self.modality.begun)

    def _has_room(self) -> bool:
        """Tell whether few studies wait for analysis, so that a slow machine is not behind before anything happens."""
        listed = self.person.get_json("/api/worklist") or []  # where nobody answers, senders know of nothing
        return sum(entry["state"] not in DONE for entry in listed) < _MOST_WAITING

    def wait_ready(self, *, within_s: float) -> None:
        """Wait until the daemon says that it is ready."""
        started = time.monotonic()
        wait_for(lambda: self.health.first(Says.READY, since=started), within_s=within_s, what="ready")

    def tail(self) -> str:
        """Return the end of the log."""
        return self.log.read_text(errors="replace")[-3000:] if self.log.is_file() else ""


def wait_for(condition: Callable[[], Any], *, within_s: float, what: str) -> float:
    """Wait until a condition is true; return the moment."""
    deadline = time.monotonic() + within_s
    while time.monotonic() < deadline:
        if condition():
            return time.monotonic()
        time.sleep(0.2)
    raise TimeoutError(f"expected {what} within {within_s:.0f} s")


def run(*command: object) -> None:
    """Run a program of the system; it has to succeed."""
    done = subprocess.run(list(map(str, command)), capture_output=True, text=True, timeout=60)
    if done.returncode:
        raise RuntimeError(f"{' '.join(map(str, command))}: {done.stderr.strip()}")


def demand(*programs: str) -> None:
    """Raise `NotHere` where one of these programs is not installed."""
    missing = [program for program in programs if shutil.which(program) is None]
    if missing:
        raise NotHere(f"not installed: {', '.join(missing)}")


@contextmanager
def stopped(pids: Sequence[int]) -> Iterator[None]:
    """Stop processes by SIGSTOP and let them go on afterwards."""
    for pid in pids:
        os.kill(pid, signal.SIGSTOP)
    try:
        yield
    finally:
        for pid in pids:
            os.kill(pid, signal.SIGCONT)


def _command(pid: int) -> bytes:
    try:
        return Path(f"/proc/{pid}/cmdline").read_bytes() + b"\0"
    except OSError:
        return b""
