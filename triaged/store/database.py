"""The connection to SQLite or PostgreSQL, its transactions, and the migrations that bring it up to date.

Knows no tables. Everything that means "the database is away" leaves here as `TryLater`.
"""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Iterator
from contextlib import contextmanager
from enum import StrEnum
from pathlib import Path
from typing import Any

from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from alembic.util import CommandError
from sqlalchemy import URL, Connection, Engine, create_engine, event, make_url, text
from sqlalchemy.exc import ArgumentError, DBAPIError, InterfaceError, NoSuchModuleError, OperationalError
from sqlalchemy.exc import TimeoutError as PoolTimeout

from triaged.errors import ConfigError, TryLater

_BUSY_S = 15.0
_TURN_MS = 3
_MIGRATION_LOCK = 7226940161
_MIGRATIONS = Path(__file__).parent / "migrations"


class Database:
    """A pool of connections to one database; safe to share between threads, not between processes."""

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

        Raises:
            TryLater: the database is away, locked for too long, or full.
        """
        with _away_means_try_later(), self._engine.begin() as connection:
            yield connection

    @contextmanager
    def read(self) -> Iterator[Connection]:
        """Open a transaction that only reads: one consistent view, in nobody's way.

        Raises:
            TryLater: the database is away.
        """
        with _away_means_try_later(), self._reading.begin() as connection:
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


def open_database(url: str) -> Database:
    """Return the database at a URL: `sqlite:///path` or `postgresql://…`; nothing is created in it yet.

    Raises:
        ConfigError: the URL is malformed, or names another kind of database.
    """
    try:
        parsed = make_url(url)
        kind = parsed.get_backend_name()
        if kind == "sqlite":
            return Database(_sqlite(parsed))
        if kind in ("postgresql", "postgres"):
            return Database(_postgresql(parsed))
    except (ArgumentError, NoSuchModuleError) as error:
        raise ConfigError(f"expected the URL of a database, like sqlite:///triaged.db: {error}") from None
    raise ConfigError(f"expected a database URL that begins with sqlite: or postgresql:, found {kind}:")


def migrate(database: Database) -> None:
    """Bring the schema up to date; processes that start at once wait for the first of them.

    Raises:
        ConfigError: the database was written by a version of the project that this one does not know.
        TryLater: the database is away.
    """
    config = _migrations()
    with database.begin() as connection:
        if database.dialect == "postgresql":
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
    """Tell what `migrate` would find, without changing anything; a database without tables is older.

    Raises:
        TryLater: the database is away.
    """
    scripts = ScriptDirectory.from_config(_migrations())
    with database.read() as connection:
        revision = MigrationContext.configure(connection).get_current_revision()
    if revision == scripts.get_current_head():
        return Schema.CURRENT
    known = {script.revision for script in scripts.walk_revisions()}
    return Schema.OLDER if revision is None or revision in known else Schema.UNKNOWN


def _migrations() -> Config:
    config = Config()
    config.set_main_option("script_location", str(_MIGRATIONS).replace("%", "%%"))
    return config


def _sqlite(url: URL) -> Engine:
    if not url.database or url.database == ":memory:":
        raise ConfigError("expected sqlite:///path/to/file, found a database without a file: it would not survive")
    _make_private(Path(url.database))
    engine = create_engine(url, hide_parameters=True, connect_args={"timeout": _BUSY_S})
    event.listen(engine, "connect", _prepare_sqlite)
    event.listen(engine, "begin", _begin_sqlite)
    return engine


def _make_private(path: Path) -> None:
    """Create the file, which names patients, for its owner and group only; SQLite gives its log the same mode."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        if not path.exists():
            path.touch(mode=0o640)
    except OSError as error:
        raise ConfigError(f"expected a place where the database can be: {path}: {error.strerror}") from error


def _prepare_sqlite(connection: Any, _record: object) -> None:
    """Make commits durable and let readers and one writer work side by side."""
    connection.isolation_level = None  # the driver must not begin transactions on its own: `_begin_sqlite` does
    _switch_to_wal(connection)
    for pragma in ("synchronous=FULL", "foreign_keys=ON", "temp_store=MEMORY", "cache_size=-16000"):
        connection.execute(f"PRAGMA {pragma}")


def _switch_to_wal(connection: Any) -> None:
    """Switch to the write-ahead log; SQLite does not wait by itself while two processes switch a new file at once."""
    for pause_s in (0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0, 2.0, None):
        try:
            connection.execute("PRAGMA journal_mode=WAL")
            return
        except sqlite3.OperationalError as error:
            if pause_s is None or "locked" not in str(error):
                raise
            time.sleep(pause_s)


def _begin_sqlite(connection: Connection) -> None:
    if connection.get_execution_options().get("triaged_reading", False):
        connection.exec_driver_sql("BEGIN")
        return
    driver: Any = connection.connection.dbapi_connection
    driver.execute(f"PRAGMA busy_timeout={_TURN_MS}")
    try:
        _begin_writing(connection)
    finally:
        driver.execute(f"PRAGMA busy_timeout={int(_BUSY_S * 1000)}")


def _begin_writing(connection: Connection) -> None:
    """Wait for the write lock, in many short turns.

    Left to itself SQLite waits longer and longer between its looks, up to 0.1 s, so that a writer that comes often
    starves one that comes seldom: with four writers some waited for seconds.
    """
    for turn in range(int(_BUSY_S * 1000) // _TURN_MS, -1, -1):
        try:
            connection.exec_driver_sql("BEGIN IMMEDIATE")
            return
        except OperationalError as error:
            if turn == 0 or "locked" not in str(error.orig):
                raise


def _postgresql(url: URL) -> Engine:
    return create_engine(
        url.set(drivername="postgresql+psycopg"),
        hide_parameters=True,
        pool_pre_ping=True,
        connect_args={"connect_timeout": 5, "application_name": "triaged"},
    )


@contextmanager
def _away_means_try_later() -> Iterator[None]:
    try:
        yield
    except PoolTimeout as error:
        raise TryLater("expected a free database connection, found every one in use") from error
    except DBAPIError as error:
        if isinstance(error, OperationalError | InterfaceError) or error.connection_invalidated:
            first_line = (str(error.orig).strip().splitlines() or ["no message"])[0]
            raise TryLater(f"the database is away: {type(error.orig).__name__}: {first_line}") from error
        raise
