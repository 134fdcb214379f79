"""When a database is brought to this version's schema, by whom, and what is said where it is not."""

from __future__ import annotations

import sqlite3
import threading
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path

import pytest
from sqlalchemy import text

from tests.cli.site import Site
from tests.steps.ward import THEN
from tests.store.tables.old_schemas.make import FOLDER, revisions
from triaged.config.loading import load
from triaged.daemon import upgrading
from triaged.daemon.rooms import open_rooms
from triaged.daemon.upgrading import upgrade_where_needed
from triaged.errors import ConfigError
from triaged.store.roles.pulses import Pulses
from triaged.store.tables.database import open_database, revision_of
from triaged.study.pulse import Pulse

HEAD = revisions()[-1]


@pytest.fixture
def site(tmp_path: Path) -> Site:
    """A site with a database of an earlier version."""
    site = Site(tmp_path)
    site.configure()
    with closing(sqlite3.connect(tmp_path / "triaged.db")) as connection:
        connection.executescript((FOLDER / "0019.sql").read_text(encoding="utf-8"))
    return site


@pytest.fixture(autouse=True)
def short(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody who serves stands in these databases, but the one row that is left of somebody."""
    monkeypatch.setattr(upgrading, "LISTENS_S", 0.3)


def revision(path: Path) -> str:
    with closing(sqlite3.connect(path)) as connection:
        return str(connection.execute("SELECT version_num FROM alembic_version").fetchone()[0])


@pytest.fixture
def alive(site: Site) -> Iterator[Callable[[], None]]:
    """Somebody who serves the old database."""
    ended = threading.Event()
    threads: list[threading.Thread] = []

    def write() -> None:
        database, number = open_database(f"sqlite:///{site.folder / 'triaged.db'}"), 0
        while not ended.wait(0.05):
            number += 1
            Pulses(database).write(Pulse("worker-1", "worker", f"a-{number}", ""))
        database.close()

    def begin() -> None:
        threads.append(threading.Thread(target=write))
        threads[0].start()

    yield begin
    ended.set()
    for thread in threads:
        thread.join()


@pytest.mark.parametrize("command", [["status"], ["worklist"], ["fsck"], ["retain", "--dry-run"], ["user", "list"]])
def test_a_command_changes_no_schema_and_says_what_does(site: Site, command: list[str]) -> None:
    ended = site.run(*command)
    assert ended.code == 2
    assert ended.err == ("database.url: expected this version's schema, found 0019: run `triaged migrate`\n")
    assert revision(site.folder / "triaged.db") == "0019"


def test_migrate_copies_the_database_first_and_says_where(site: Site) -> None:
    ended = site.run("migrate")
    (copy,) = site.folder.glob("triaged.db.before-upgrade-from-0019-*")
    assert ended.out == f"The database was brought from 0019 to {HEAD}. As it was before: {copy}\n"
    assert (revision(site.folder / "triaged.db"), revision(copy)) == (HEAD, "0019")
    assert copy.stat().st_mode & 0o007 == 0
    assert site.run("status").code == 0
    assert site.run("migrate").out == "The database has this version's schema.\n"
    assert len(list(site.folder.glob("triaged.db.before-*"))) == 1


def test_migrate_can_leave_the_copy_out(site: Site) -> None:
    assert site.run("migrate", "--without-backup").out == f"The database was brought from 0019 to {HEAD}.\n"
    assert not list(site.folder.glob("triaged.db.before-*"))


def test_nothing_is_changed_while_another_version_is_at_work(
    site: Site, alive: Callable[[], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    alive()
    config = load(site.config)
    monkeypatch.setattr(upgrading, "LISTENS_S", 20.0)
    with pytest.raises(ConfigError, match="expected no other version at work on this database, found worker-1"):
        upgrade_where_needed(config, clock=lambda: THEN)
    assert revision(site.folder / "triaged.db") == "0019"
    assert not list(site.folder.glob("triaged.db.before-*"))


def test_a_pulse_that_nobody_writes_any_more_keeps_nobody_waiting(site: Site) -> None:
    done = upgrade_where_needed(load(site.config), clock=lambda: THEN)
    assert done is not None
    assert (done.revision_before, done.revision_after) == ("0019", HEAD)


def test_a_role_alone_upgrades_as_serve_does(site: Site) -> None:
    rooms = open_rooms(load(site.config))
    assert revision_of(rooms.database) == HEAD
    rooms.database.close()
    assert len(list(site.folder.glob("triaged.db.before-*"))) == 1


def test_a_newer_database_is_refused_with_its_version_and_the_copy_before_it(site: Site) -> None:
    site.run("migrate")
    (copy,) = site.folder.glob("triaged.db.before-*")
    database = open_database(f"sqlite:///{site.folder / 'triaged.db'}")
    with database.begin() as connection:
        connection.execute(text("UPDATE alembic_version SET version_num = '9999'"))
        connection.execute(text("UPDATE upgrade SET program = '7.1.0', revision_after = '9999'"))
    database.close()
    for command in ("status", "migrate", "serve"):
        ended = site.run(command)
        assert ended.code == 2, command
        assert "found 9999, made by version 7.1.0: start that version, or restore " in ended.err
        assert str(copy) in ended.err


def test_a_new_site_needs_no_migration(tmp_path: Path) -> None:
    site = Site(tmp_path)
    site.configure()
    assert site.run("status").code == 0
    assert revision(site.folder / "triaged.db") == HEAD
    assert not list(site.folder.glob("triaged.db.before-*"))
