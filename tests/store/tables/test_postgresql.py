"""A PostgreSQL database of several servers is found at the one that takes writes, and copied from there."""

from __future__ import annotations

from sqlalchemy import make_url

from tests.ports import free_port
from triaged.store.tables.database import has_tables, open_database
from triaged.store.tables.postgresql import server_of


def test_a_server_that_is_away_is_passed_over_for_the_next(postgresql_url: str) -> None:
    own = make_url(postgresql_url)
    host = own.host or own.query["host"]
    several = f"postgresql://{own.username}@/{own.database}?host=127.0.0.1:{free_port()}&host={host}:{own.port or 5432}"
    database = open_database(f"{several}&target_session_attrs=read-write")
    assert has_tables(database)
    database.close()


def test_programs_of_postgresql_get_every_server_and_how_to_trust_it() -> None:
    several = "postgresql://me:p%40w@/triaged?host=a:1&host=b:2&target_session_attrs=read-write&sslmode=verify-full"
    assert server_of(several) == {
        "PGHOST": "a,b",
        "PGPORT": "1,2",
        "PGUSER": "me",
        "PGPASSWORD": "p@w",
        "PGDATABASE": "triaged",
        "PGTARGETSESSIONATTRS": "read-write",
        "PGSSLMODE": "verify-full",
    }
    assert server_of("postgresql+psycopg://me@db/triaged") == {"PGHOST": "db", "PGUSER": "me", "PGDATABASE": "triaged"}
