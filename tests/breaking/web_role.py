"""The web role of a site with a clinic's worth of studies, as a process of its own with few or many descriptors."""

from __future__ import annotations

import re
import resource
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from tests.breaking.web_crowds import answers, waits_until
from tests.cli.site import Site
from tests.ports import free_port


@dataclass(frozen=True, slots=True)
class WebRole:
    """A process that serves the list."""

    port: int
    log: Path
    process: subprocess.Popen[bytes]

    def descriptors(self) -> int:
        """Return how many descriptors it has open."""
        return len(list(Path(f"/proc/{self.process.pid}/fd").iterdir()))

    def most_memory_mib(self) -> float:
        """Return the most memory that it ever had (VmHWM)."""
        found = re.search(r"VmHWM:\s+(\d+) kB", Path(f"/proc/{self.process.pid}/status").read_text())
        assert found is not None
        return int(found[1]) / 1024


@contextmanager
def web_role(folder: Path, migrated: Path, descriptors: int) -> Iterator[WebRole]:
    """Serve a clinic's list by a process that may open so many descriptors; `migrated` is an empty store."""
    site = Site(folder)
    port = free_port()
    site.configure(web={"port": port})
    site.fill(migrated)
    log = folder / "log"
    command = [sys.executable, "-m", "triaged.cli", "serve", "--role", "web", "--config", str(site.config)]

    def limit() -> None:
        resource.setrlimit(resource.RLIMIT_NOFILE, (descriptors, descriptors))

    with log.open("wb") as written:
        process = subprocess.Popen(command, stdout=written, stderr=written, preexec_fn=limit)
    try:
        assert waits_until(lambda: answers(port), within_s=30), log.read_text()
        yield WebRole(port, log, process)
    finally:
        process.terminate()
        process.wait(30)
