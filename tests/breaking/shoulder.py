"""All that others see of a daemon, and whether a mark of the marked patient is in it. Knows no trial's course."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from tests.breaking.marked_patient import marks
from tests.breaking.trial import Trial
from tests.programs import Daemon

ALLOWED = ("spool", "triaged.db", "triaged.db-wal", "triaged.db-shm", "sent", "pacs")
"""What may contain a mark: the spool's files, the database, what is sent, and the archive of somebody else."""


@dataclass(frozen=True, slots=True)
class Shoulder:
    """Looks at logs, output, processes and files of one daemon; `folder` is where everything of the trial is."""

    trial: Trial
    daemon: Daemon
    folder: Path

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
            if {"sent", "pacs"} & set(relative.parts):
                continue
            self.look("a file's name", os.fsencode(relative))
            self.trial.count("files")
            is_allowed = any(part in ALLOWED for part in relative.parts)
            if path.is_file() and not is_allowed:
                self.look(f"the file {relative}", path.read_bytes())

    def look_at_command(self, *arguments: str) -> bytes:
        """Look at what a command prints, and return its standard output."""
        command = [sys.executable, "-m", "triaged.cli", *arguments, "--config", str(self.daemon.config)]
        ended = subprocess.run(command, capture_output=True, timeout=120, env=environment(self.folder))
        self.look(f"triaged {' '.join(arguments)}", ended.stdout + ended.stderr)
        self.trial.count("commands looked at")
        return ended.stdout


def environment(folder: Path) -> dict[str, str]:
    """Return an environment with a home and a temporary folder of the trial's own, which are looked at too."""
    home = folder / "home"
    home.mkdir(exist_ok=True)
    return {**os.environ, "HOME": str(home), "TMPDIR": str(home)}


def _children(pid: int) -> Iterator[int]:
    try:
        text = Path(f"/proc/{pid}/task/{pid}/children").read_text()
    except OSError:
        return
    for child in map(int, text.split()):
        yield child
        yield from _children(child)
