"""Tickets for whoever waits for work: the tables of Procrastinate 3.10, by its own migrations; on PostgreSQL alone."""

from __future__ import annotations

from alembic import op

revision = "0030"
down_revision = "0029"
branch_labels = None
depends_on = None

_UNTIL = "03.04.00_50_post_add_retry_failed_job_procedure.sql"


def upgrade() -> None:
    """Apply the library's migrations up to this one, which a later version of it has too."""
    connection = op.get_bind()
    if connection.dialect.name == "postgresql":
        from triaged.store.dispatch.engine import schema_files

        plain = connection.execution_options(no_parameters=True)
        for statements in schema_files(until=_UNTIL):
            plain.exec_driver_sql(statements)
