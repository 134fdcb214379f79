"""Looks over the shoulder: `python -m tests.breaking.silence --seed 7 --minutes 5`.

One patient with a mark in every attribute, in several character sets, goes every way through a whole daemon that logs
at DEBUG: analysed, unreadable, put into quarantine, in conflict; delivered, refused by peers that quote what they got;
looked for by people and by strangers; and a worker is killed meanwhile. Then no mark may be anywhere but
where patients belong: in the database, in files of the spool, in messages to subscribers and destinations, and on pages
for people who are signed in. So it is looked for in the log, in what
commands print, in names of files, in the temporary folder and the home, in environment and command line of every
process, and in answers to strangers.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import time
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tests.breaking.marked_patient import MARK, RefusingStore, marked_study, marks, send
from tests.breaking.person import Person
from tests.breaking.trial import Trial, run_alone
from tests.programs import Daemon, new_daemon
from tests.wire.receivers import HttpServer, MllpServer, acknowledged, http, mllp

ALLOWED = ("spool", "triaged.db", "triaged.db-wal", "triaged.db-shm", "sent")
"""What below the daemon's folder may contain a mark: the spool's files, the database, and what is sent to it here."""
_STRANGE_PATHS = (
    "/{0}", "/?q={0}", "/studies/{0}", "/studies/{0}/pictures/{0}.png", "/api/worklist/{0}", "/api/studies/{0}/slices",
    "/api/workitems?PatientName={0}", "/api/workitems?{0}=1", "/api/workitems?PatientID={0}&limit={0}", "/static/{0}",
    "/api/worklist?limit={0}", "/sign-in?next=/{0}", "/?page={0}", "/?class={0}&state={0}&order={0}",
)  # fmt: skip


@dataclass(slots=True)
class Shoulder:
    """Everything that others see of the daemon, and whether a mark is in it."""

    trial: Trial
    daemon: Daemon
    folder: Path
    seen: set[bytes] = field(default_factory=set)

    def look(self, what: str, content: bytes) -> None:
        """Look for every mark in something."""
        self.trial.count("bytes looked at", len(content))
        for name, mark in marks():
            self.trial.expect(mark not in content, f"{what}: expected no mark, found that of {name}")

    def look_at_processes(self) -> None:
        """Look at environment and command line of the daemon and its roles."""
        assert self.daemon.process is not None
        for pid in [self.daemon.process.pid, *_children(self.daemon.process.pid)]:
            for part in ("environ", "cmdline", "comm"):
                try:
                    content = Path(f"/proc/{pid}/{part}").read_bytes()
                except OSError:
                    continue
                self.look(f"/proc/*/{part}", content)
                self.trial.count("parts of processes")

    def look_at_files(self) -> None:
        """Look at the name of every file, and at the content of those that are not for patients."""
        for path in sorted(self.folder.rglob("*")):
            relative = path.relative_to(self.folder)
            if "sent" in relative.parts:
                continue
            self.look("a file's name", os.fsencode(relative))
            self.trial.count("files")
            is_allowed = any(part in ALLOWED for part in relative.parts)
            if path.is_file() and not is_allowed:
                self.look(f"the file {relative}", path.read_bytes())

    def look_at_command(self, *arguments: str) -> None:
        """Look at what a command prints."""
        command = [sys.executable, "-m", "triaged.cli", *arguments, "--config", str(self.daemon.config)]
        ended = subprocess.run(command, capture_output=True, timeout=120, env=_environment(self.folder))
        self.look(f"triaged {' '.join(arguments)}", ended.stdout + ended.stderr)


def silence(trial: Trial, folder: Path) -> None:
    """Send the marked patient every way, and look for the marks."""
    with ExitStack() as stack:
        store = stack.enter_context(RefusingStore().served())
        ris = stack.enter_context(mllp(MllpServer(lambda message: [acknowledged(message, "AR", _quoted(message))])))
        pager = stack.enter_context(http(HttpServer()))
        daemon = _daemon(folder, store, ris, pager)
        _environment_of(daemon, folder, stack)
        shoulder = Shoulder(trial, daemon, folder)
        stack.callback(_stop, daemon)
        daemon.start()
        _user(daemon, folder)
        person = Person(daemon.web_port, "Looker", "four quiet lungs")
        for kind, study in marked_study(folder / "sent"):
            trial.count("instances sent", send(daemon.dicom_port, study))
            trial.say(f"sent: {kind}")
            shoulder.look_at_processes()
        _search_as_strangers(shoulder)
        os.kill(daemon.role_pid("worker"), 9)
        is_on_the_list = _wait(trial, person)
        trial.expect(store.received, "expected something at the destination: else nothing was tried there")
        trial.expect(ris.messages, "expected messages to the RIS: else nothing was tried there")
        trial.expect(is_on_the_list, "expected the mark on the list of people who are signed in")
        for command in (("check",), ("status",), ("status", "--json")):
            shoulder.look_at_command(*command)
        shoulder.look_at_processes()
    shoulder.look_at_files()
    trial.note("lines of the log", len(daemon.log.read_bytes().splitlines()))


def _daemon(folder: Path, store: RefusingStore, ris: MllpServer, pager: HttpServer) -> Daemon:
    """Return a daemon whose destinations and subscribers refuse and quote, and one that is not there."""
    gone = {"name": "gone", "ae_title": "GONE", "host": "127.0.0.1", "port": 1, "objects": ["sc", "sr"]}
    refusing = {"name": "refusing", "ae_title": "REFUSING", "host": "127.0.0.1", "port": store.port}
    return new_daemon(
        folder / "daemon",
        models={"ct": "threshold"},
        access={"mode": "accounts"},
        logging={"level": "DEBUG", "style": "json"},
        destinations=[gone, {**refusing, "objects": ["sc", "sr", "seg"]}],
        pushes=[
            {"name": "ris", "kind": "hl7", "host": "127.0.0.1", "port": ris.address[1], "tls": False},
            {"name": "pager", "kind": "webhook", "url": f"http://127.0.0.1:{pager.address[1]}/", "patient": True},
        ],
    )


def _quoted(message: object) -> str:
    """Return a refusal that names the patient, as some do."""
    return f"patient {message.segment('PID')[5]} {message.segment('PID')[3]} is unknown"  # type: ignore[attr-defined]


def _environment(folder: Path) -> dict[str, str]:
    home = folder / "home"
    home.mkdir(exist_ok=True)
    return {**os.environ, "HOME": str(home), "TMPDIR": str(home)}


def _environment_of(daemon: Daemon, folder: Path, stack: ExitStack) -> None:
    """Give the daemon a home and a temporary folder of its own while it is started."""
    changed = {name: os.environ.get(name) for name in ("HOME", "TMPDIR")}
    os.environ.update({name: value for name, value in _environment(folder).items() if name in changed})

    def restore() -> None:
        for name, value in changed.items():
            if value is None:
                os.environ.pop(name, None)
            else:
                os.environ[name] = value

    stack.callback(restore)


def _user(daemon: Daemon, folder: Path) -> None:
    command = [sys.executable, "-m", "triaged.cli", "user", "add", "Looker", "--role", "reader"]
    command += ["--config", str(daemon.config)]
    password = "four quiet lungs\n" * 2
    ended = subprocess.run(command, input=password, text=True, capture_output=True, timeout=60)
    assert ended.returncode == 0, ended.stderr


def _search_as_strangers(shoulder: Shoulder) -> None:
    """Ask for the mark without being known, and guess passwords that are it; answers say nothing but what was asked."""
    base = f"http://127.0.0.1:{shoulder.daemon.web_port}"
    for template in _STRANGE_PATHS:
        url = base + template.format(urllib.parse.quote(MARK))
        for request in (urllib.request.Request(url), urllib.request.Request(url, data=b"name=" + MARK.encode())):
            status, body = _asked(request)
            shoulder.trial.count("questions of strangers")
            shoulder.trial.expect(status < 500, f"{template}: expected no error of ours, found {status}")
            others = [name for name, mark in marks() if mark in body and mark != MARK.encode()]
            shoulder.trial.expect(not others, f"{template}: expected nothing of the patient, found {others}")
    for url in (f"{base}/health", f"{base}/health/live", f"{base}/health/ready", f"{base}/sign-in"):
        shoulder.look(url, _asked(urllib.request.Request(url))[1])
    guesser = Person(shoulder.daemon.web_port, MARK, MARK)
    for _ in range(3):
        guesser.get_json("/api/worklist")


def _asked(request: urllib.request.Request) -> tuple[int, bytes]:
    try:
        with urllib.request.urlopen(request, timeout=20) as answer:
            return answer.status, answer.read()
    except urllib.error.HTTPError as error:
        return error.code, error.read()


def _wait(trial: Trial, person: Person) -> bool:
    """Wait until every study has ended, and time is over; return whether the list names the patient, as it should."""
    deadline = time.monotonic() + max(trial.left_s, 60)
    listed: list[dict[str, Any]] = []
    while time.monotonic() < deadline:
        listed = person.get_json("/api/worklist") or listed  # None where this machine is too busy to answer in time
        ended = [each for each in listed if each["state"] in ("TRIAGED", "OUT_OF_SCOPE", "FAILED")]
        if listed and len(ended) == len(listed) and not trial.left_s:
            break
        time.sleep(0.5)
    trial.note("studies on the list", len(listed))
    trial.note("studies ended", len(ended))
    return MARK in person.get_text("/")


def _children(pid: int) -> Iterator[int]:
    try:
        text = Path(f"/proc/{pid}/task/{pid}/children").read_text()
    except OSError:
        return
    for child in map(int, text.split()):
        yield child
        yield from _children(child)


def _stop(daemon: Daemon) -> None:
    if daemon.process is not None and daemon.process.poll() is None:
        daemon.stop()


def main() -> int:
    """Look over the shoulder from the command line."""

    def looked(trial: Trial, folder: Path, _: argparse.Namespace) -> None:
        silence(trial, folder)

    return run_alone("silence", looked, minutes=2)


if __name__ == "__main__":
    sys.exit(main())
