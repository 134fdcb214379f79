"""Receivers alone, as `triaged serve` starts them, on a plain port and one with TLS, and what the kernel says."""

from __future__ import annotations

import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from tests.ports import free_port
from tests.programs import until
from tests.wire.authority import Authority, Issued
from tests.wire.peers import DCMTK_ENVIRONMENT


@dataclass(frozen=True, slots=True)
class Receiver:
    """What is tried: a process, or several below `process`."""

    process: subprocess.Popen[bytes]
    port: int
    tls_port: int
    folder: Path
    count: int = 1

    def pids(self) -> list[int]:
        if self.count == 1:
            return [self.process.pid]
        return [
            int(pid) for pid in Path(f"/proc/{self.process.pid}/task/{self.process.pid}/children").read_text().split()
        ]

    def status(self, name: str) -> list[int]:
        """A figure of the kernel's of each process: VmHWM in KiB, Threads."""
        texts = [Path(f"/proc/{pid}/status").read_text() for pid in self.pids()]
        return [int(text.split(f"{name}:")[1].split()[0]) for text in texts]

    def descriptors(self) -> int:
        return sum(len(list(Path(f"/proc/{pid}/fd").iterdir())) for pid in self.pids())

    def stored(self) -> set[str]:
        """The instances that have a row and a file."""
        with sqlite3.connect(f"file:{self.folder}/triaged.db?mode=ro", uri=True) as database:
            rows = database.execute("SELECT sop_instance_uid, path FROM instance").fetchall()
        return {uid for uid, path in rows if (self.folder / "spool" / path).is_file()}


@contextmanager
def lone_receiver(folder: Path, count: int = 1) -> Iterator[tuple[Receiver, Issued, Authority]]:
    """Start one, or several on one port, in a folder; yield that with the certificate to show, and who issued it."""
    authority = Authority(folder)
    own, shown = authority.issue("triaged"), authority.issue("ct1.hospital.example")
    port, tls_port = free_port(), free_port()
    tls = f"{{certificate: {own.certificate}, key: {own.key}, ca_file: {authority.ca_file}, port: {tls_port}}}"
    settings = folder / "config.yaml"
    settings.write_text(
        f"dicom: {{host: 127.0.0.1, port: {port}, receivers: {count}, tls: {tls}}}\n"
        "storage: {path: spool, reserve_mb: 0}\n"
        "database: {url: sqlite:///triaged.db}\n"
    )
    command = [sys.executable, "-m", "triaged.cli", "serve", "--role", "receiver", "--config", str(settings)]
    with (folder / "log").open("wb") as log:
        process = subprocess.Popen(command, cwd=folder, stdout=log, stderr=log)
    receiver = Receiver(process, port, tls_port, folder, count)
    try:
        until(lambda: _echoes(port), within_s=60, what="the receiver to answer")
        until(lambda: (folder / "log").read_text().count("receiving  ") == count, within_s=60, what="all to receive")
        yield receiver, shown, authority
    finally:
        process.terminate()
        try:
            process.wait(30)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def _echoes(port: int) -> bool:
    command = ["echoscu", "127.0.0.1", str(port)]
    return subprocess.run(command, env=DCMTK_ENVIRONMENT, capture_output=True, check=False).returncode == 0
