"""What only PostgreSQL does, or does in another way than SQLite."""

from __future__ import annotations

import psycopg
import pytest
from sqlalchemy import select, text

from tests.store.making import Studies, admit, at, instance
from triaged.errors import TryLater
from triaged.store.listing.worklist import Worklist
from triaged.store.tables import schema
from triaged.store.tables.database import Database, open_database
from triaged.store.tables.rows import record_event


def test_the_checks_of_the_schema_are_on_postgresql_too(postgresql_url: str) -> None:
    with psycopg.connect(postgresql_url) as connection:
        rows = connection.execute("SELECT conname FROM pg_constraint WHERE contype = 'c'").fetchall()
    named = {
        f"ck_{table.name}_{check.name}" if not str(check.name).startswith("ck_") else str(check.name)
        for table in schema.metadata.tables.values()
        for check in table.constraints
        if type(check).__name__ == "CheckConstraint"
    }
    assert named
    assert named <= {name for (name,) in rows}


def test_the_order_is_that_of_bytes_whatever_the_locale(postgresql_url: str) -> None:
    database = open_database(postgresql_url)
    with database.read() as connection:
        collation = connection.execute(
            text("SELECT collation_name FROM information_schema.columns WHERE column_name = 'sort_key'")
        ).scalar_one()
    database.close()
    assert collation == "C"


def test_the_token_notices_a_transaction_that_commits_after_a_later_one(postgresql_url: str) -> None:
    first, second = open_database(postgresql_url), open_database(postgresql_url)
    with first.begin() as slow:
        admit(Studies(second), instance(1, 1))
        with second.read() as connection:
            study = connection.execute(select(schema.study)).one()
        record_event(slow, study, "CONFLICT", "numbered first", now=at(0))
        admit(Studies(second), instance(1, 2))
        seen = Worklist(second).version()
    assert Worklist(second).version() != seen
    first.close()
    second.close()


def test_a_connection_that_the_server_dropped_is_replaced(postgresql_url: str) -> None:
    database = open_database(postgresql_url)
    assert database.is_alive()
    with psycopg.connect(postgresql_url, autocommit=True) as connection:
        connection.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'triaged' "
            "AND datname = current_database()"
        )
    with database.begin() as connected:
        assert connected.execute(text("SELECT 1")).scalar_one() == 1
    database.close()


def test_a_server_that_takes_no_changes_is_a_reason_to_try_later(postgresql_url: str) -> None:
    """As a standby does until it takes over."""
    with psycopg.connect(postgresql_url, autocommit=True) as connection:
        name = connection.info.dbname
        connection.execute(f"ALTER DATABASE {name} SET default_transaction_read_only = on".encode())
    database = open_database(postgresql_url)
    with pytest.raises(TryLater, match="read-only"):
        admit(Studies(database), instance(1, 1))
    database.close()


def test_a_table_that_somebody_locks_is_waited_for_no_longer_than_a_sender_waits(
    postgresql_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("triaged.store.tables.database._LOCK_S", 0.1)
    database = open_database(postgresql_url)
    with psycopg.connect(postgresql_url) as connection:
        connection.execute("LOCK TABLE study IN ACCESS EXCLUSIVE MODE")
        with pytest.raises(TryLater, match="lock timeout"):
            admit(Studies(database), instance(1, 1))
        connection.rollback()
    admit(Studies(database), instance(1, 1))
    database.close()


def test_the_locks_of_a_process_that_is_stopped_in_a_transaction_end(
    postgresql_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("triaged.store.tables.database._IDLE_S", 0.2)
    stopped, other = open_database(postgresql_url), open_database(postgresql_url)
    admit(Studies(other), instance(1, 1))

    def hold() -> None:
        with stopped.begin() as held:
            held.execute(select(schema.study).with_for_update())
            admit(Studies(other), instance(1, 2))  # waits for the row
            held.execute(select(schema.study))

    with pytest.raises(TryLater):
        hold()
    admit(Studies(stopped), instance(1, 3))
    stopped.close()
    other.close()


def test_the_server_asks_whether_a_silent_host_is_still_there(postgresql_url: str) -> None:
    database = open_database(postgresql_url)
    names = ("tcp_keepalives_idle", "tcp_keepalives_interval", "tcp_keepalives_count")
    with database.read() as connection:
        local = connection.execute(text("SELECT inet_client_addr() IS NULL")).scalar_one()
        said = [int(connection.execute(text(f"SHOW {name}")).scalar_one()) for name in names]
    database.close()
    assert said == [0, 0, 0] if local else said == [6, 3, 3]


def test_what_a_host_that_is_gone_does_not_confirm_breaks_the_connection_at_both_ends(postgresql_url: str) -> None:
    """Keepalives ask nothing while something is on its way, and TCP alone repeats that for a quarter of an hour."""
    database = open_database(postgresql_url)
    with database.own_connection() as connection:
        assert connection.info.get_parameters()["tcp_user_timeout"] == "15000"
    with database.read() as reading:
        local = reading.execute(text("SELECT inet_client_addr() IS NULL")).scalar_one()
        said = reading.execute(text("SHOW tcp_user_timeout")).scalar_one()
    database.close()
    assert said == ("0" if local else "15s")


def test_a_database_without_our_tables_is_a_reason_to_try_later(postgresql_url: str) -> None:
    """As while an administrator restores it."""
    database = open_database(postgresql_url)
    with psycopg.connect(postgresql_url, autocommit=True) as connection:
        connection.execute("ALTER TABLE study RENAME TO restoring")
    with pytest.raises(TryLater):
        admit(Studies(database), instance(1, 1))
    database.close()


def test_a_connection_that_breaks_in_a_transaction_is_a_reason_to_try_later(postgresql_url: str) -> None:
    database = open_database(postgresql_url)
    with pytest.raises(TryLater):
        _drop_own_connection(database, postgresql_url)
    database.close()


def _drop_own_connection(database: Database, url: str) -> None:
    with database.begin() as connected:
        pid = connected.execute(text("SELECT pg_backend_pid()")).scalar_one()
        with psycopg.connect(url, autocommit=True) as connection:
            connection.execute("SELECT pg_terminate_backend(%s)", (pid,))
        connected.execute(text("SELECT 1"))
