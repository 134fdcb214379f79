"""The engine's tables, as our migrations make them, are those that the installed version of it needs."""

from __future__ import annotations

import pytest
from procrastinate.schema import SchemaManager

from tests.breaking.postgres_server import postgres_server
from triaged.store.migrations.versions import r0030_tickets
from triaged.store.tables.database import Schema, migrate, open_database, schema_of


def test_a_library_with_another_schema_needs_a_migration_of_ours() -> None:
    """Then add one with what its own `sql/migrations` have brought since, and compare with all of ours together."""
    assert SchemaManager.get_schema() == r0030_tickets.SCHEMA.read_text(encoding="utf-8")


@pytest.mark.slow
def test_who_owns_a_database_and_nothing_else_can_migrate_it_also_on_the_older_server() -> None:
    """It is PostgreSQL 16 of a wheel; the other tests have the one that is installed, where there is one."""
    with postgres_server() as server:
        database = open_database(server.url)
        migrate(database)
        assert schema_of(database) is Schema.CURRENT
        database.close()
