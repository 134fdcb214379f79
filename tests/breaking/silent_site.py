"""A daemon among systems that quote what they got, and its home, for the trial of silence. Knows no promise."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Mapping
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

from tests.breaking.kills import section
from tests.breaking.marked_patient import RefusingStore
from tests.breaking.postgres_server import PostgresServer
from tests.breaking.shoulder import environment
from tests.programs import Daemon, Orthanc, new_daemon
from tests.wire.receivers import HttpServer, MllpServer

VIEWER = "VIEWER"
"""The only title that may ask for the worklist."""
READER, PASSWORD = "Looker", "four quiet lungs"


@dataclass(frozen=True, slots=True)
class Around:
    """What is around the daemon: who refuses and quotes, and who takes everything."""

    store: RefusingStore
    ris: MllpServer
    pager: HttpServer
    server: PostgresServer | None
    pacs: Orthanc | None


def quoting_daemon(folder: Path, around: Around) -> Daemon:
    """Return a daemon whose destinations and subscribers refuse and quote, and one that is not there."""
    gone = {"name": "gone", "ae_title": "GONE", "host": "127.0.0.1", "port": 1, "objects": ["sc", "sr"]}
    refusing = {"name": "refusing", "ae_title": "REFUSING", "host": "127.0.0.1", "port": around.store.port}
    destinations = [gone, {**refusing, "objects": ["sc", "sr", "seg"]}]
    if around.pacs is not None:
        destinations.append({**section(around.pacs), "storage_commitment": True})
    database = {} if around.server is None else {"database": {"url": around.server.url}}
    daemon = new_daemon(
        folder / "daemon",
        **database,
        models={"ct": "threshold"},
        access={"mode": "accounts"},
        logging={"level": "DEBUG", "style": "json"},
        destinations=destinations,
        pushes=[
            {"name": "ris", "kind": "hl7", "host": "127.0.0.1", "port": around.ris.address[1], "tls": False},
            {
                "name": "pager",
                "kind": "webhook",
                "url": f"http://127.0.0.1:{around.pager.address[1]}/",
                "patient": True,
            },
        ],
    )
    daemon.reconfigure({"dicom": {**daemon.settings["dicom"], "access": {"query": [{"ae_title": VIEWER}]}}})
    return daemon


def own_home(folder: Path) -> ExitStack:
    """Give the daemon a home and a temporary folder of its own while it is started."""
    stack, changed = ExitStack(), {name: os.environ.get(name) for name in ("HOME", "TMPDIR")}
    os.environ.update({name: value for name, value in environment(folder).items() if name in changed})
    stack.callback(_restore, changed)
    return stack


def _restore(changed: Mapping[str, str | None]) -> None:
    for name, value in changed.items():
        if value is None:
            os.environ.pop(name, None)
        else:
            os.environ[name] = value


def add_reader(daemon: Daemon) -> None:
    command = [sys.executable, "-m", "triaged.cli", "user", "add", READER, "--role", "reader"]
    command += ["--config", str(daemon.config)]
    password = f"{PASSWORD}\n" * 2
    ended = subprocess.run(command, input=password, text=True, capture_output=True, timeout=60)
    assert ended.returncode == 0, ended.stderr
