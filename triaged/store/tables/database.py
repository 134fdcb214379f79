"""The connection to SQLite or PostgreSQL, its transactions, and the migrations that bring it up to date.

Knows no tables. Everything that means "the database is unreachable" leaves here as `TryLater`.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from enum import StrEnum
from pathlib import Path
from typing import Any

from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from alembic.util import CommandError
from sqlalchemy import URL, Connection, Engine, Row, Select, create_engine, event, inspect, make_url, text
from sqlalchemy.exc import ArgumentError, DBAPIError, InterfaceError, NoSuchModuleError, OperationalError
from sqlalchemy.exc import TimeoutError as PoolTimeout

from triaged.errors import ConfigError, TryLater
from triaged.store.tables.sqlite import sqlite_engine

_MIGRATION_LOCK = 7226940161
_LOCK_S = 8.0
_IDLE_S = 30.0
"""How long a transaction may wait for whoever opened it: a process that is stopped within one keeps its locks."""
_GONE_S = 15.0
"""After how long without an answer from the other host a connection is broken, for both ends."""
_GONE_MS = int(_GONE_S * 1000)
"""The same for what was sent and not confirmed: keepalives do not count then, and TCP repeats it for 15 minutes."""
_AWAY = ("25006", "25P03", "42P01")
"""SQLSTATE of read-only transactions, of those that were idle for too long, and of undefined tables."""
_MIGRATIONS = Path(__file__).parents[1] / "migrations"


class Database:
    """A pool of connections to one database; safe to share between threads, not between processes.

    Raises:
        TryLater: the database is unreachable, locked for too long, or full.
    """

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._reading = engine.execution_options(triaged_reading=True)

    @property
    def dialect(self) -> str:
        """Return `sqlite` or `postgresql`."""
        return self._engine.dialect.name

    @contextmanager
    def begin(self) -> Iterator[Connection]:
        """Open a transaction that may write; commit at the end, roll back on an error.

        On SQLite it owns the write lock from its first line, so that what it reads cannot change before it writes.
        """
        with _away_means_try_later(), self._engine.begin() as connection:
            yield connection

    @contextmanager
    def read(self) -> Iterator[Connection]:
        """Open a transaction that only reads: one consistent view, in nobody's way."""
        with _away_means_try_later(), self._reading.begin() as connection:
            yield connection

    @contextmanager
    def alone(self, key: int, *, lease_s: float) -> Iterator[bool]:
        """Give whether nobody else has this key; then nobody gets it before the end, or before the lease ends.

        Who dies lets go with its connection. On SQLite, which is for one machine, nobody else is thought of.
        """
        if self.dialect == "sqlite":
            yield True
            return
        with self.begin() as connection:
            connection.execute(text(f"SET LOCAL idle_in_transaction_session_timeout = {int(lease_s * 1000)}"))
            yield bool(connection.execute(text("SELECT pg_try_advisory_xact_lock(:key)"), {"key": key}).scalar_one())

    @contextmanager
    def own_connection(self) -> Iterator[Any]:
        """Give the driver's own connection, outside the pool, on which every statement is committed by itself."""
        with _away_means_try_later():
            pooled = self._engine.raw_connection()
        connection: Any = pooled.driver_connection
        pooled.detach()
        with closing(connection):
            connection.autocommit = True
            yield connection

    def is_alive(self) -> bool:
        """Tell whether the database answers."""
        try:
            with self.read() as connection:
                return bool(connection.execute(text("SELECT 1")).scalar_one() == 1)
        except TryLater:
            return False

    def close(self) -> None:
        """Close every connection of the pool."""
        self._engine.dispose()


class Ledger:
    """What every part of the store that reads and writes tables begins with: its database."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def _rows(self, query: Select[Any], **parameters: Any) -> Sequence[Row[Any]]:
        """Return what a query finds, in a transaction of its own."""
        with self._database.read() as connection:
            return connection.execute(query, parameters).all()

    def _row(self, query: Select[Any], **parameters: Any) -> Row[Any] | None:
        """Return the first row that a query finds, or None."""
        return next(iter(self._rows(query, **parameters)), None)


def open_database(url: str) -> Database:
    """Return the database at a URL: `sqlite:///path` or `postgresql://…`; nothing is created in it yet.

    Raises:
        ConfigError: the URL is malformed, or names another kind of database.
    """
    try:
        parsed = make_url(url)
        kind = parsed.get_backend_name()
        if kind == "sqlite":
            return Database(sqlite_engine(parsed))
        if kind in ("postgresql", "postgres"):
            return Database(_postgresql(parsed))
    except (ArgumentError, NoSuchModuleError) as error:
        raise ConfigError(f"expected the URL of a database, like sqlite:///triaged.db: {error}") from None
    raise ConfigError(f"expected a database URL that begins with sqlite: or postgresql:, found {kind}:")


def migrate(database: Database) -> None:
    """Bring the schema up to date; processes that start at once wait for the first of them.

    Raises:
        ConfigError: the database was written by a version of the project that this one does not know.
        TryLater: the database is unreachable.
    """
    config = _migrations()
    with database.begin() as connection:
        if database.dialect == "postgresql":
            connection.execute(text("SET LOCAL lock_timeout = 0"))  # a migration may take as long as it takes
            connection.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": _MIGRATION_LOCK})
        config.attributes["connection"] = connection
        try:
            command.upgrade(config, "head")
        except CommandError as error:
            raise ConfigError(f"expected a database that this version can migrate: {error}") from error


class Schema(StrEnum):
    """What a database's schema is to this version of the project."""

    CURRENT = "current"
    OLDER = "older"
    UNKNOWN = "unknown"


def schema_of(database: Database) -> Schema:
    """Tell what `migrate` would find, without changing anything; a database without tables is older."""
    scripts = ScriptDirectory.from_config(_migrations())
    with database.read() as connection:
        revision = MigrationContext.configure(connection).get_current_revision()
    if revision == scripts.get_current_head():
        return Schema.CURRENT
    known = {script.revision for script in scripts.walk_revisions()}
    return Schema.OLDER if revision is None or revision in known else Schema.UNKNOWN


def has_tables(database: Database) -> bool:
    """Tell whether there is any table, ours or another's."""
    with database.read() as connection:
        return bool(inspect(connection).get_table_names())


def revision_of(database: Database) -> str | None:
    """Return the revision of a database's schema; None where it has no tables of ours."""
    with database.read() as connection:
        return MigrationContext.configure(connection).get_current_revision()


def _migrations() -> Config:
    config = Config()
    config.set_main_option("script_location", str(_MIGRATIONS).replace("%", "%%"))
    return config


def _postgresql(url: URL) -> Engine:
    engine = create_engine(
        url.set(drivername="postgresql+psycopg"),
        hide_parameters=True,
        pool_pre_ping=True,
        connect_args={
            "connect_timeout": 5,
            "application_name": "triaged",
            "tcp_user_timeout": _GONE_MS,
            **_keepalives("keepalives"),
        },
    )
    event.listen(engine, "connect", _bound_waiting)
    return engine


def _bound_waiting(connection: Any, _record: object) -> None:
    """Wait for locks for a while only: a sender that is refused comes back, and health can tell why.

    And let the server notice that a host is gone, or a process stopped, before others have waited for long.
    """
    bounds = {"lock_timeout": int(_LOCK_S * 1000), "idle_in_transaction_session_timeout": int(_IDLE_S * 1000)}
    network = {"tcp_user_timeout": _GONE_MS, **_keepalives("tcp_keepalives")}
    for name, value in (bounds | network).items():
        connection.execute(f"SET {name} = {value}")
    connection.commit()


def _keepalives(prefix: str) -> dict[str, int]:
    """Return the settings of TCP that find a host gone, as libpq or the server calls them; local sockets have none."""
    interval_s = int(_GONE_S) // 5
    return {f"{prefix}_idle": 2 * interval_s, f"{prefix}_interval": interval_s, f"{prefix}_count": 3}


@contextmanager
def _away_means_try_later() -> Iterator[None]:
    try:
        yield
    except PoolTimeout as error:
        raise TryLater("expected a free database connection, found every one in use") from error
    except DBAPIError as error:
        if _is_away(error):
            first_line = (str(error.orig).strip().splitlines() or ["no message"])[0]
            raise TryLater(f"the database is away: {type(error.orig).__name__}: {first_line}") from error
        raise


def _is_away(error: DBAPIError) -> bool:
    """Tell whether the database, not what was asked of it, is the reason.

    So are one that takes no changes, as a standby or a full one does; one without our tables, as while it is restored;
    and on SQLite a file that is no database, or a damaged one, which sqlite3 raises as its base class.
    """
    if isinstance(error, OperationalError | InterfaceError) or error.connection_invalidated:
        return True
    return getattr(error.orig, "sqlstate", None) in _AWAY or type(error.orig) is sqlite3.DatabaseError
