"""Whole programs that tests start: the daemon, an Orthanc, DCMTK's senders, each on ports that the system chose.

Whoever starts one stops it. Must not know pytest: the harnesses of `tests/breaking` also run alone.
"""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pydicom
from pydicom.uid import JPEGLosslessSV1

from tests.ports import free_port
from tests.wire.peers import DCMTK_ENVIRONMENT


def until(condition: Callable[[], Any], *, within_s: float, what: str) -> Any:
    """Return the first true value of `condition`; fail the test when none comes in time."""
    deadline = time.monotonic() + within_s
    while time.monotonic() < deadline:
        if value := condition():
            return value
        time.sleep(0.1)
    raise AssertionError(f"{what}: not within {within_s} s")


def get_json(url: str) -> Any:
    """Return the JSON that a server gives, or None while it does not answer."""
    try:
        with urllib.request.urlopen(url, timeout=5) as response:
            return json.load(response)
    except (urllib.error.URLError, ConnectionError, TimeoutError):
        return None


@dataclass
class Daemon:
    """`triaged serve` in a folder of its own."""

    folder: Path
    dicom_port: int
    web_port: int
    settings: dict[str, Any]
    process: subprocess.Popen[bytes] | None = None
    environment: dict[str, str] = field(default_factory=dict)
    log: Path = field(init=False)

    def __post_init__(self) -> None:
        self.log = self.folder / "daemon.log"
        self.config = self.folder / "config.yaml"
        self.config.write_text(json.dumps(self.settings))  # JSON is YAML

    def start(self) -> None:
        """Start the daemon and wait until it receives and shows."""
        self.launch()
        until(self.answers, within_s=120, what=f"daemon answers\n{self.tail()}")

    def launch(self, *options: str) -> None:
        """Start the daemon, or with `--role` one role of it, and do not wait."""
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "triaged.cli", "serve", "--config", str(self.config), *options],
                stdout=log,
                stderr=log,
                env=os.environ | self.environment,
            )

    def reconfigure(self, settings: dict[str, Any]) -> None:
        """Replace sections of its configuration, for the next start."""
        self.settings = self.settings | settings
        self.config.write_text(json.dumps(self.settings))

    def answers(self) -> bool:
        """Tell whether both ports are served."""
        assert self.process is not None
        assert self.process.poll() is None, self.tail()
        try:
            socket.create_connection(("127.0.0.1", self.dicom_port), 1).close()
        except OSError:
            return False
        return get_json(f"http://127.0.0.1:{self.web_port}/health") is not None

    def stop(self, *, within_s: float = 40) -> int:
        """Stop as Ctrl-C would; return the exit status, or fail the test when it does not end in time."""
        assert self.process is not None
        self.process.send_signal(signal.SIGINT)
        return self.process.wait(within_s)

    def kill(self) -> None:
        """Kill the supervisor and all roles at once, as when their host loses power."""
        assert self.process is not None
        for pid in (self.process.pid, *_children(self.process.pid)):
            os.kill(pid, signal.SIGKILL)
        self.process.wait(20)

    def worklist(self) -> list[dict[str, Any]]:
        """Return the list as the API gives it."""
        return get_json(f"http://127.0.0.1:{self.web_port}/api/worklist") or []

    def whole_list(self) -> list[dict[str, Any]] | None:
        """Return every entry of the list, page by page; None while the web does not answer."""
        entries: list[dict[str, Any]] = []
        while True:
            page = get_json(f"http://127.0.0.1:{self.web_port}/api/worklist?limit=1000&offset={len(entries)}")
            if page is None:
                return None
            entries += page
            if len(page) < 1000:
                return entries

    def entry(self, study_uid: str) -> dict[str, Any] | None:
        """Return one study of the list."""
        return next((entry for entry in self.worklist() if entry["study_instance_uid"] == study_uid), None)

    def settled(self, *, studies: int, within_s: float) -> list[dict[str, Any]]:
        """Return the list once that many studies are on it and none is being worked on."""

        def done() -> list[dict[str, Any]] | None:
            entries = self.worklist()
            final = [entry for entry in entries if entry["state"] in ("TRIAGED", "OUT_OF_SCOPE", "FAILED")]
            return entries if len(final) == len(entries) == studies else None

        result: list[dict[str, Any]] = until(done, within_s=within_s, what=f"{studies} studies settled\n{self.tail()}")
        return result

    def role_pids(self) -> dict[int, str]:
        """Return the process id of every role that runs, and which role it is."""
        assert self.process is not None
        arguments = {child: _arguments(child) for child in _children(self.process.pid)}
        return {pid: each[each.index("--role") + 1] for pid, each in arguments.items() if "--role" in each}

    def role_pid(self, role: str) -> int:
        """Return the process id of a role."""
        return next(pid for pid, name in self.role_pids().items() if name == role)

    def started_by(self, role: str) -> list[int]:
        """Return the process ids of what the processes of a role have started."""
        return [child for pid, name in self.role_pids().items() if name == role for child in _children(pid)]

    def tail(self) -> str:
        """Return the end of the log, for the message of a failed test."""
        return self.log.read_text(errors="replace")[-4000:] if self.log.exists() else ""

    def send(self, *paths: Path, sender: str = "DCMSEND") -> None:
        """Send files by DCMTK's dcmsend, which negotiates the syntax that each file has."""
        dcmsend("127.0.0.1", self.dicom_port, "TRIAGED", paths, sender)


def _children(pid: int) -> list[int]:
    """Return the processes that the first thread of another one has started; none of one that is gone."""
    try:
        return [int(child) for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]
    except (FileNotFoundError, ProcessLookupError):
        return []


def _arguments(pid: int) -> list[str]:
    """Return the command line of a process; nothing of one that has just ended."""
    try:
        return Path(f"/proc/{pid}/cmdline").read_text().split("\0")
    except (FileNotFoundError, ProcessLookupError):
        return []


def new_daemon(folder: Path, **settings: Any) -> Daemon:
    """Return a daemon that has not been started: in a folder that is made, on free ports, with short waits."""
    folder.mkdir(parents=True)
    dicom_port, web_port = free_port(), free_port()
    base: dict[str, Any] = {
        "dicom": {"host": "127.0.0.1", "port": dicom_port},
        "web": {"host": "127.0.0.1", "port": web_port},
        "storage": {"reserve_mb": 10},
        "completion": {"settle_s": 1, "quiet_s": 5},
        "worker": {"retry_wait_s": 1},
        "delivery": {"first_wait_s": 0.5, "longest_wait_s": 1},
    }
    return Daemon(folder, dicom_port, web_port, base | settings)


def dcmsend(host: str, port: int, ae_title: str, paths: Sequence[Path], sender: str = "DCMSEND") -> None:
    """Send files or folders by C-STORE; fail the test unless every one was accepted."""
    command = [
        "dcmsend",
        "-aet",
        sender,
        "-aec",
        ae_title,
        "--no-halt",
        "--decompress-never",
        host,
        str(port),
        "+sd",
        "+r",
    ]
    run = subprocess.run(
        [*command, *map(str, paths)], env=os.environ | {"TCP_NODELAY": "1"}, capture_output=True, text=True, timeout=120
    )
    assert run.returncode == 0, run.stdout + run.stderr


def storescu(host: str, port: int, ae_title: str, folder: Path) -> None:
    """Send a folder by DCMTK's storescu, which does not look whether UIDs are valid; JPEG Lossless stays as it is."""
    first = next(path for path in sorted(folder.rglob("*")) if path.is_file())
    lossless = pydicom.dcmread(first, stop_before_pixels=True).file_meta.TransferSyntaxUID == JPEGLosslessSV1
    proposal = "--propose-lossless" if lossless else "--propose-uncompr"
    command = ["storescu", "-aec", ae_title, proposal, "+sd", "+r", host, str(port), str(folder)]
    run = subprocess.run(command, env=DCMTK_ENVIRONMENT, capture_output=True, text=True, timeout=300)
    assert run.returncode == 0, run.stdout + run.stderr


@dataclass
class Orthanc:
    """An Orthanc in a folder of its own; it keeps what it has when it is stopped and started.

    `knows` is where it reaches peers by name: AE title, host, port.
    """

    folder: Path
    dicom_port: int
    http_port: int
    knows: dict[str, tuple[str, str, int]] = field(default_factory=dict)
    process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Start it and wait until it answers."""
        settings = {
            "Name": "peer",
            "DicomAet": "ORTHANC",
            "DicomPort": self.dicom_port,
            "HttpPort": self.http_port,
            "RemoteAccessAllowed": False,
            "AuthenticationEnabled": False,
            "StorageDirectory": str(self.folder / "storage"),
            "IndexDirectory": str(self.folder / "storage"),
            "DicomCheckCalledAet": False,
            "DicomModalities": self.knows,
        }
        path = self.folder / "orthanc.json"
        path.write_text(json.dumps(settings))
        with (self.folder / "orthanc.log").open("ab") as log:
            self.process = subprocess.Popen(["Orthanc", str(path)], stdout=log, stderr=log)
        until(lambda: get_json(f"{self.url}/system"), within_s=30, what="Orthanc answers")

    def stop(self) -> None:
        """Stop it."""
        if self.process is not None:
            self.process.terminate()
            self.process.wait(20)
            self.process = None

    @property
    def url(self) -> str:
        """Return the address of its REST interface."""
        return f"http://127.0.0.1:{self.http_port}"

    def post(self, path: str, content: Any) -> Any:
        """Post JSON, or bytes as they are, and return the JSON that it answers."""
        data = content if isinstance(content, bytes) else json.dumps(content).encode()
        with urllib.request.urlopen(urllib.request.Request(f"{self.url}{path}", data), timeout=60) as response:
            return json.load(response)

    def instances(self) -> list[dict[str, Any]]:
        """Return what it holds."""
        return get_json(f"{self.url}/instances?expand") or []

    def file(self, instance_id: str) -> bytes:
        """Return one instance as it would give it to anybody."""
        with urllib.request.urlopen(f"{self.url}/instances/{instance_id}/file", timeout=20) as response:
            return bytes(response.read())
