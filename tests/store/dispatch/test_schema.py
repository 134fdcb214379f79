"""What our migrations apply of the engine's schema is what the installed version of it needs."""

from __future__ import annotations

from collections.abc import Collection

import psycopg
import pytest
from procrastinate.schema import SchemaManager, migrations_path

from triaged.store.dispatch import engine
from triaged.store.migrations.versions import r0030_tickets

CATALOGUE = [
    "SELECT proname, pg_get_functiondef(oid) FROM pg_proc WHERE proname LIKE 'procrastinate%'",
    "SELECT table_name, column_name, data_type, is_nullable, column_default FROM information_schema.columns"
    " WHERE table_name LIKE 'procrastinate%'",
    "SELECT tablename, indexname, indexdef FROM pg_indexes WHERE tablename LIKE 'procrastinate%'",
    "SELECT conrelid::regclass::text, conname, pg_get_constraintdef(oid) FROM pg_constraint"
    " WHERE conrelid::regclass::text LIKE 'procrastinate%'",
    "SELECT tgname, pg_get_triggerdef(oid) FROM pg_trigger WHERE tgname LIKE 'procrastinate%'",
    "SELECT typname, string_agg(enumlabel, ' ' ORDER BY enumsortorder) FROM pg_enum"
    " JOIN pg_type ON pg_type.oid = enumtypid WHERE typname LIKE 'procrastinate%' GROUP BY typname",
]


def test_a_library_with_later_migrations_needs_one_of_ours() -> None:
    """Then add a migration that applies `schema_files(after=...)`, and let `SCHEMA` name the last of them."""
    assert max(path.name for path in migrations_path.glob("*.sql")) == engine.SCHEMA == r0030_tickets._UNTIL


@pytest.mark.slow
def test_the_library_s_own_migrations_make_what_its_schema_is(postgresql_url: str, postgresql_server: str) -> None:
    with psycopg.connect(postgresql_server, autocommit=True) as connection:
        connection.execute("CREATE DATABASE its_schema")
    with psycopg.connect(postgresql_server.replace("/postgres?", "/its_schema?")) as connection:
        connection.execute(SchemaManager.get_schema())
        wanted = _catalogue(connection)
    with psycopg.connect(postgresql_url) as connection:
        assert _catalogue(connection) == wanted
    assert all(wanted)


def _catalogue(connection: psycopg.Connection) -> list[Collection[object]]:
    return [set(connection.execute(query.encode()).fetchall()) for query in CATALOGUE]
