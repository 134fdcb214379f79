"""What PostgreSQL's own programs need to copy a database: where it is, and what was in it at one moment."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager

from psycopg.pq import Conninfo
from sqlalchemy import Connection, create_engine, make_url, text
from sqlalchemy.exc import DBAPIError

from triaged.errors import TryLater


def server_of(url: str) -> Mapping[str, str]:
    """Return server, user, password and database as libpq reads them from the environment, where no other user sees
    them; of several servers all, and what else the address says, such as which certificates count."""
    parsed = make_url(url).set(drivername="postgresql+psycopg")
    variables = {each.keyword.decode(): each.envvar.decode() for each in Conninfo.get_defaults() if each.envvar}
    _, said = parsed.get_dialect()().create_connect_args(parsed)
    return {variables[name]: str(value) for name, value in said.items() if name in variables}


@contextmanager
def snapshot(url: str) -> Iterator[tuple[str, Connection]]:
    """Give a connection that sees a database as it is now, and the name by which `pg_dump` sees the same.

    Raises:
        TryLater: the database is away.
    """
    engine = create_engine(make_url(url).set(drivername="postgresql+psycopg"), hide_parameters=True)
    try:
        with engine.connect().execution_options(isolation_level="REPEATABLE READ") as connection:
            yield str(connection.execute(text("SELECT pg_export_snapshot()")).scalar_one()), connection
    except DBAPIError as error:
        raise TryLater(f"the database is away: {type(error.orig).__name__}") from error
    finally:
        engine.dispose()
