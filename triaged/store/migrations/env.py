"""How Alembic reaches the database: through the connection that `migrate` hands over, in its open transaction."""

from __future__ import annotations

from alembic import context

from triaged.store.tables.schema import metadata

context.configure(connection=context.config.attributes["connection"], target_metadata=metadata, compare_type=True)
with context.begin_transaction():
    context.run_migrations()
