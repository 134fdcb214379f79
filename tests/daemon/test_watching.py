"""An edit is noticed however it is made, and what others write in the same folder is not taken for one."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from triaged.daemon.watching import watch_folder

_WITHIN_S = 20.0
_SETTLED_S = 2.0


def _write(path: Path) -> None:
    path.write_text("workers: 2\n")


def _replace(path: Path) -> None:
    part = path.with_name(".config.yaml.swp")
    part.write_text("workers: 2\n")
    os.replace(part, path)


def _remove(path: Path) -> None:
    path.unlink()


@pytest.fixture
def changed(tmp_path: Path) -> Iterator[threading.Event]:
    """Set when the file in the folder changed."""
    (tmp_path / "config.yaml").write_text("workers: 1\n")
    changed, stop = threading.Event(), threading.Event()
    thread = watch_folder(tmp_path / "config.yaml", changed, stop)
    deadline = time.monotonic() + _WITHIN_S
    while not changed.wait(0.2):  # it takes a moment until the folder is watched
        assert time.monotonic() < deadline
        os.utime(tmp_path / "config.yaml")
    while changed.wait(_SETTLED_S):
        changed.clear()
    yield changed
    stop.set()
    thread.join()


@pytest.mark.parametrize("edit", [_write, _replace, _remove])
def test_an_edit_is_noticed_however_it_is_made(
    edit: Callable[[Path], None], changed: threading.Event, tmp_path: Path
) -> None:
    edit(tmp_path / "config.yaml")
    assert changed.wait(_WITHIN_S)


def test_what_others_write_beside_it_is_none(changed: threading.Event, tmp_path: Path) -> None:
    (tmp_path / "triaged.db-wal").write_bytes(b"x")
    (tmp_path / "config.yaml.bak").write_text("workers: 3\n")
    assert not changed.wait(_SETTLED_S)
    _write(tmp_path / "config.yaml")
    assert changed.wait(_WITHIN_S)
