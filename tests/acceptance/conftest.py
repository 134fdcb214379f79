"""A whole daemon and an Orthanc for a test, each in a folder of its own, each stopped afterwards."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.ports import free_port
from tests.programs import Daemon, Orthanc, new_daemon

REAL_DATA = Path(__file__).parents[3] / "shared" / "data"


@pytest.fixture
def orthanc(tmp_path: Path) -> Iterator[Orthanc]:
    """An Orthanc that has not been started."""
    if shutil.which("Orthanc") is None:
        pytest.skip("Orthanc is not installed")
    folder = tmp_path / "orthanc"
    folder.mkdir()
    server = Orthanc(folder, free_port(), free_port())
    yield server
    server.stop()


@pytest.fixture
def make_daemon(tmp_path: Path) -> Iterator[Callable[..., Daemon]]:
    """Make daemons with settings of their own; those that run are stopped afterwards."""
    if shutil.which("dcmsend") is None:
        pytest.skip("DCMTK is not installed")
    made: list[Daemon] = []

    def make(**settings: Any) -> Daemon:
        made.append(new_daemon(tmp_path / f"daemon-{len(made)}", **settings))
        return made[-1]

    yield make
    for daemon in made:
        if daemon.process is not None and daemon.process.poll() is None:
            daemon.stop()


def real_series(name: str) -> Path:
    """Return the folder of a real series; skip the test where it is absent."""
    folder = REAL_DATA / name
    if not folder.is_dir():
        pytest.skip(f"real images are absent: {name}")
    return folder
