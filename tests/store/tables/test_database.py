"""Connections, transactions, migrations and instants, on both databases."""

from __future__ import annotations

import sqlite3
import threading
from contextlib import suppress
from datetime import UTC, datetime, timedelta, timezone
from functools import partial
from pathlib import Path

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import insert, select, text
from sqlalchemy.exc import IntegrityError
from sqlalchemy.schema import SchemaItem

from tests.conftest import Prepare
from tests.store.making import NOON
from triaged.errors import ConfigError, TryLater
from triaged.store.tables import schema
from triaged.store.tables.database import Database, migrate, open_database

EAST = timezone(timedelta(hours=5, minutes=30))


def test_the_migrations_build_what_the_schema_says(database: Database) -> None:
    with database.read() as connection:
        options = {"compare_type": True, "include_name": _is_ours, "include_object": partial(_is_for, database)}
        context = MigrationContext.configure(connection, opts=options)
        assert compare_metadata(context, schema.metadata) == []


def _is_ours(name: str | None, kind: str, parents: object) -> bool:
    """Leave out the tables of the engine that dispatches: `tests.store.dispatch.test_schema` is about those."""
    return kind != "table" or not str(name).startswith("procrastinate_")


def _is_for(database: Database, found: SchemaItem, *_: object) -> bool:
    """Leave out what only another kind of database has."""
    return bool(found.info.get("only_on", database.dialect) == database.dialect)


def test_the_migrations_build_the_very_tables_of_the_schema_with_their_checks(sqlite_url: str, tmp_path: Path) -> None:
    other = open_database(f"sqlite:///{tmp_path}/created.db")
    with other.begin() as connection:
        schema.metadata.create_all(connection)
    other.close()
    assert _definitions(sqlite_url.removeprefix("sqlite:///")) == _definitions(f"{tmp_path}/created.db")


def _definitions(path: str) -> dict[str, list[str]]:
    """Return the parts of each table's and index's definition, sorted, since their order means nothing."""
    with sqlite3.connect(path) as connection:
        rows = connection.execute("SELECT name, sql FROM sqlite_master WHERE sql IS NOT NULL").fetchall()
    connection.close()
    return {name: _parts(sql) for name, sql in rows if name != "alembic_version"}


def _parts(definition: str) -> list[str]:
    """Split a definition at the commas between its columns and constraints; an altered table has other line breaks."""
    parts, depth = [""], 0
    for character in " ".join(definition.replace('"', "").split()):
        depth += {"(": 1, ")": -1}.get(character, 0)
        if (character, depth) in ((",", 1), ("(", 1), (")", 0)):
            parts.append("")
        else:
            parts[-1] += character
    return sorted(part.strip() for part in parts)


def test_the_comparison_of_definitions_sees_what_is_missing() -> None:
    whole = "CREATE TABLE t (\n\ta TEXT, \n\tb INTEGER DEFAULT '1', CHECK (a IN ('x', 'y'))\n)"
    assert _parts(whole) == ["", "CHECK (a IN ('x', 'y'))", "CREATE TABLE t", "a TEXT", "b INTEGER DEFAULT '1'"]


def test_migrating_twice_changes_nothing(database: Database) -> None:
    migrate(database)
    test_the_migrations_build_what_the_schema_says(database)


def test_a_database_from_a_later_version_is_refused(database: Database) -> None:
    with database.begin() as connection:
        connection.execute(text("UPDATE alembic_version SET version_num = 'from-the-future'"))
    with pytest.raises(ConfigError, match="from-the-future"):
        migrate(database)


def test_a_migration_that_fails_leaves_no_half_schema(tmp_path: Path) -> None:
    path = tmp_path / "half.db"
    with sqlite3.connect(path) as connection:
        connection.execute("CREATE TABLE study (id INTEGER)")  # in the way of the migration's own
    connection.close()
    database = open_database(f"sqlite:///{path}")
    with pytest.raises(TryLater, match="already exists"):
        migrate(database)
    database.close()
    with sqlite3.connect(path) as connection:
        assert connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'").fetchall() == [("study",)]
    connection.close()


@pytest.mark.parametrize("url", ["mysql://host/db", "triaged.db", "sqlite://", "sqlite:///:memory:", ""])
def test_a_url_that_is_not_for_us_is_a_configuration_error(url: str) -> None:
    with pytest.raises(ConfigError):
        open_database(url)


def test_an_instant_comes_back_as_the_same_instant_in_utc(database: Database) -> None:
    told = datetime(2026, 3, 1, 17, 30, 0, 123456, tzinfo=EAST)
    with database.begin() as connection:
        values = {"receiver": "r", "peer": "p", "calling_ae_title": "AE", "opened_at": told}
        connection.execute(insert(schema.association), values)
    with database.read() as connection:
        opened_at = connection.execute(select(schema.association.c.opened_at)).scalar_one()
    assert opened_at == told
    assert opened_at.tzinfo is UTC


def test_instants_are_ordered_as_time_is_whatever_zone_they_were_told_in(database: Database) -> None:
    earlier = NOON.astimezone(EAST)  # its text, 17:30, would sort after the later one's 12:00
    later = NOON + timedelta(microseconds=1)
    with database.begin() as connection:
        for told in (later, earlier):
            values = {"receiver": "r", "peer": "p", "calling_ae_title": "AE", "opened_at": told}
            connection.execute(insert(schema.association), values)
        opened_at = schema.association.c.opened_at
        assert list(connection.execute(select(opened_at).order_by(opened_at)).scalars()) == [earlier, later]
        assert list(connection.execute(select(opened_at).where(opened_at <= NOON)).scalars()) == [earlier]


def test_a_time_without_a_zone_is_refused(database: Database) -> None:
    values = {"receiver": "r", "peer": "p", "calling_ae_title": "AE", "opened_at": datetime(2026, 3, 1)}  # noqa: DTZ001
    with pytest.raises(Exception, match="time zone"), database.begin() as connection:
        connection.execute(insert(schema.association), values)


def test_an_error_rolls_everything_back(database: Database) -> None:
    values = {"receiver": "r", "peer": "p", "calling_ae_title": "AE", "opened_at": NOON}
    with suppress(ZeroDivisionError), database.begin() as connection:
        connection.execute(insert(schema.association), values)
        _ = 1 / 0
    with database.read() as connection:
        assert connection.execute(select(schema.association)).all() == []


def test_text_that_no_database_can_hold_does_not_stop_an_association(database: Database) -> None:
    values = {"receiver": "r", "peer": "p\0q", "calling_ae_title": "A\udce9E", "opened_at": NOON}
    with database.begin() as connection:
        connection.execute(insert(schema.association), values)
    with database.read() as connection:
        row = connection.execute(select(schema.association)).one()
    assert (row.peer, row.calling_ae_title) == ("p\ufffdq", "A?E")


def test_sqlite_loses_nothing_at_a_power_cut_and_keeps_its_references(
    sqlite_url: str, durable_sqlite: Prepare, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("triaged.store.tables.sqlite._prepare_sqlite", durable_sqlite)
    database = open_database(sqlite_url)
    with database.read() as connection:
        found = {
            name: connection.execute(text(f"PRAGMA {name}")).scalar_one()
            for name in ("journal_mode", "synchronous", "foreign_keys")
        }
    database.close()
    assert found == {"journal_mode": "wal", "synchronous": 2, "foreign_keys": 1}


def test_a_database_that_answers_is_alive(database: Database) -> None:
    assert database.is_alive()


def test_a_server_that_is_not_there_is_a_reason_to_try_later() -> None:
    database = open_database("postgresql://nobody@127.0.0.1:1/triaged")
    assert not database.is_alive()
    with pytest.raises(TryLater, match="away"), database.begin():
        pass
    database.close()


def test_a_sqlite_file_that_cannot_be_opened_is_a_reason_to_try_later(tmp_path: Path) -> None:
    (tmp_path / "folder.db").mkdir()
    database = open_database(f"sqlite:///{tmp_path}/folder.db")
    assert not database.is_alive()
    database.close()


def test_a_place_where_no_database_can_be_is_a_configuration_error(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(ConfigError, match=r"file/triaged\.db"):
        open_database(f"sqlite:///{tmp_path}/file/triaged.db")


def test_a_new_sqlite_file_is_not_for_everybody(tmp_path: Path) -> None:
    database = open_database(f"sqlite:///{tmp_path}/new/triaged.db")
    migrate(database)
    with database.read():
        modes = {path.name: path.stat().st_mode & 0o007 for path in (tmp_path / "new").iterdir()}
    database.close()
    assert set(modes.values()) == {0}


def test_a_writer_waits_for_its_turn(sqlite_url: str) -> None:
    first, second = open_database(sqlite_url), open_database(sqlite_url)
    second.is_alive()
    order = []
    entered = threading.Event()

    def wait_for_the_lock() -> None:
        entered.set()
        with second.begin():
            order.append("second")

    with first.begin():
        waiting = threading.Thread(target=wait_for_the_lock)
        waiting.start()
        assert entered.wait(60)
        order.append("first")
    waiting.join(60)
    assert order == ["first", "second"]
    first.close()
    second.close()


def test_a_lock_held_for_too_long_is_a_reason_to_try_later(sqlite_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("triaged.store.tables.sqlite._BUSY_S", 0.05)
    first, second = open_database(sqlite_url), open_database(sqlite_url)
    with first.begin():
        with pytest.raises(TryLater, match="locked"), second.begin():
            pass
        assert second.is_alive()  # readers are in nobody's way
    with second.begin():
        pass
    first.close()
    second.close()


def test_an_error_does_not_print_what_was_to_be_written(sqlite_url: str) -> None:
    database = open_database(sqlite_url)
    row = dict.fromkeys((column.name for column in schema.quarantine.c if column.name != "id"), "Roe^Jane")
    with pytest.raises(IntegrityError) as caught, database.begin() as connection:
        connection.execute(insert(schema.quarantine), row | {"at": NOON, "promised_at": NOON, "reason": None})
    database.close()
    assert "Roe" not in str(caught.value)


def test_a_file_that_is_no_database_is_refused_in_one_message(tmp_path: Path) -> None:
    path = tmp_path / "triaged.db"
    path.write_bytes(b"PK\3\4 a spreadsheet" * 100)
    with pytest.raises(ConfigError, match="expected a SQLite database, found a file that is none"):
        open_database(f"sqlite:///{path}")
    assert path.read_bytes().startswith(b"PK")


def test_a_file_that_is_a_database_no_more_is_like_one_that_is_away(tmp_path: Path, sqlite_url: str) -> None:
    path = Path(sqlite_url.removeprefix("sqlite:///"))
    opened = open_database(sqlite_url)
    assert opened.is_alive()
    with path.open("r+b") as file:
        file.write(b"no database" * 500)
    for suffix in ("-wal", "-shm"):
        path.with_name(path.name + suffix).unlink(missing_ok=True)
    opened.close()
    assert not opened.is_alive()
