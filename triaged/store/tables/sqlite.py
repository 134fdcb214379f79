"""SQLite made safe for several processes: durable commits, one fair queue of writers, and a file that is still there.

Knows no tables and no PostgreSQL.
"""

from __future__ import annotations

import os
import sqlite3
import time
from contextlib import closing
from functools import partial
from pathlib import Path
from typing import Any

from sqlalchemy import URL, Connection, Engine, create_engine, event, make_url
from sqlalchemy.exc import OperationalError

from triaged.errors import ConfigError, TryLater

_BUSY_S = 15.0
_TURN_MS = 3


def sqlite_engine(url: URL) -> Engine:
    """Return an engine for the database file of a URL, making an empty file where there is none.

    Raises:
        ConfigError: the URL names no file, or one that cannot be made.
    """
    if not url.database or url.database == ":memory:":
        raise ConfigError("expected sqlite:///path/to/file, found a database without a file: it would not survive")
    _make_private(Path(url.database))
    if not _is_database(Path(url.database)):
        raise ConfigError(f"database.url: expected a SQLite database, found a file that is none: {url.database}")
    engine = create_engine(url, hide_parameters=True, connect_args={"timeout": _BUSY_S})
    event.listen(engine, "do_connect", _demand_file)
    event.listen(engine, "connect", _prepare_sqlite)
    event.listen(engine, "connect", partial(_remember_file, Path(url.database)))
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


def _demand_file(_dialect: object, _record: object, arguments: list[Any], _options: object) -> None:
    """Keep SQLite from making a file again that somebody removed: only the start of a process may do that."""
    _file_number(Path(arguments[0]))
    if not _is_database(Path(arguments[0])):
        raise TryLater(f"expected the database file, found one that is no SQLite database: {arguments[0]}")


def _is_database(path: Path) -> bool:
    """Ask SQLite whether a file is a database; one that cannot be read may be one: who connects finds out.

    Whoever opens and closes the file by other means drops every lock that this process holds on it, and the next
    process that closes it takes the log away, with what is committed afterwards
    (https://www.sqlite.org/howtocorrupt.html, 2.2).
    """
    try:
        with closing(sqlite3.connect(f"{path.absolute().as_uri()}?mode=ro", uri=True)) as connection:
            connection.execute("PRAGMA schema_version")
    except sqlite3.DatabaseError as error:
        return error.sqlite_errorcode != sqlite3.SQLITE_NOTADB
    return True


def _remember_file(path: Path, _connection: object, record: Any) -> None:
    record.info["file"] = _file_number(path)


def _demand_same_file(connection: Connection) -> None:
    """Refuse a connection whose file was removed or replaced: what is committed to it is on no disk afterwards."""
    path = connection.engine.url.database or ""
    try:
        if _file_number(path) == connection.info["file"]:
            return
    except TryLater:
        connection.invalidate()
        raise
    connection.invalidate()
    raise TryLater(f"expected the database file that was opened, found another in its place: {path}")


def _file_number(path: Path | str) -> tuple[int, int]:
    """Return what tells a file from another of the same name; `TryLater` where there is none."""
    try:
        found = os.stat(path)
    except OSError as error:
        raise TryLater(f"expected the database file {path}: {error.strerror}") from error
    return found.st_dev, found.st_ino


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
    _demand_same_file(connection)
    if connection.get_execution_options().get("triaged_reading", False):
        connection.exec_driver_sql("BEGIN")
        return
    driver: Any = connection.connection.dbapi_connection
    driver.execute(f"PRAGMA busy_timeout={_TURN_MS}")
    try:
        driver.execute("BEGIN IMMEDIATE")
    except sqlite3.Error:
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


def copy_database(source: Path, target: Path) -> None:
    """Copy a database that others write to, as it is at one moment, into one synced file (SQLite's backup API).

    Copying the file alone would leave out what is in its log, which is what was committed last.

    Raises:
        TryLater: the file is not there, or is no database, or locked for too long.
    """
    _file_number(source)
    _make_private(target)
    try:
        with closing(sqlite3.connect(source, timeout=_BUSY_S)) as reading, closing(sqlite3.connect(target)) as writing:
            reading.backup(writing)
            writing.execute("PRAGMA journal_mode=DELETE")
            writing.execute("PRAGMA synchronous=FULL")
    except sqlite3.DatabaseError as error:
        raise TryLater(f"the database cannot be copied: {error}") from error
    descriptor = os.open(target, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def file_of(url: str) -> Path | None:
    """Return the file of a SQLite URL; None for another database."""
    parsed = make_url(url)
    return Path(parsed.database) if parsed.get_backend_name() == "sqlite" and parsed.database else None
