"""The configuration file as the administrator's page reaches it: rolled back, read again, a text tried."""

from __future__ import annotations

import os
import signal
from datetime import UTC, datetime
from pathlib import Path

import pytest

from triaged.config.hiding import without_passwords
from triaged.config.loading import load
from triaged.daemon.configuring import FileOfThisDaemon
from triaged.daemon.roles import SUPERVISOR_VARIABLE
from triaged.daemon.rooms import Rooms
from triaged.errors import ActionRefused, ConfigError
from triaged.spool.files import Spool
from triaged.store.roles.configurations import Configurations, Reading, Verdict
from triaged.store.tables.database import open_database


@pytest.fixture
def rooms(tmp_path: Path, migrated_sqlite: Path) -> Rooms:
    """A site with a configuration that was read twice."""
    (tmp_path / "triaged.db").write_bytes(migrated_sqlite.read_bytes())
    path = tmp_path / "config.yaml"
    path.write_text(f"workers: 2\ndatabase: {{url: 'sqlite:///{tmp_path}/triaged.db'}}\n")
    database = open_database(f"sqlite:///{tmp_path}/triaged.db")
    for text in (path.read_text().replace("2", "1", 1), path.read_text()):
        now = datetime(2026, 11, 30, tzinfo=UTC)
        Configurations(database).add(Reading(now, "ab", without_passwords(text), "root", Verdict.TAKEN))
    return Rooms(load(path), database, Spool(tmp_path / "spool", 0), "ab", path)


def test_a_version_is_written_into_the_file_again(rooms: Rooms) -> None:
    FileOfThisDaemon(rooms).roll_back(1)
    assert rooms.file is not None
    assert load(rooms.file).worker_count == 1


def test_a_version_that_is_not_known_is_refused(rooms: Rooms) -> None:
    with pytest.raises(ConfigError, match=r"expected the number of a configuration .*, found 9"):
        FileOfThisDaemon(rooms).roll_back(9)


def test_where_the_daemon_may_not_write_the_command_is_named(rooms: Rooms, monkeypatch: pytest.MonkeyPatch) -> None:
    def refused(*_: object) -> None:
        raise OSError(30, "Read-only file system")

    monkeypatch.setattr("triaged.daemon.configuring.write", refused)
    with pytest.raises(ActionRefused, match=r"Read-only file system.*triaged config rollback 1, as somebody who may"):
        FileOfThisDaemon(rooms).roll_back(1)


def test_the_supervisor_is_asked_to_read_the_file(rooms: Rooms, monkeypatch: pytest.MonkeyPatch) -> None:
    sent: list[tuple[int, int]] = []
    monkeypatch.setattr(os, "kill", lambda *what: sent.append(what))
    monkeypatch.setenv(SUPERVISOR_VARIABLE, "4711")
    FileOfThisDaemon(rooms).read_again()
    assert sent == [(4711, signal.SIGHUP)]


def test_a_role_that_runs_alone_says_how_it_reads_its_file(rooms: Rooms, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(SUPERVISOR_VARIABLE, raising=False)
    with pytest.raises(ActionRefused, match="systemctl restart"):
        FileOfThisDaemon(rooms).read_again()


def test_a_text_with_mistakes_is_not_tried_and_a_sound_one_is(rooms: Rooms) -> None:
    file = FileOfThisDaemon(rooms)
    with pytest.raises(ConfigError, match=r"config.yaml:1: workres"):
        file.tried("workres: 2\n")
    assert list(file.tried(file.text())) == []
