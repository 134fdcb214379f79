"""Tickets for whoever waits for work: the tables and functions of Procrastinate 3.10; on PostgreSQL alone.

The file is a copy of the library's own `sql/schema.sql`, under its licence beside it, so that a later version of the
library changes nothing here.
"""

from __future__ import annotations

from pathlib import Path

from alembic import op

revision = "0030"
down_revision = "0029"
branch_labels = None
depends_on = None

SCHEMA = Path(__file__).parents[1] / "procrastinate_3_10.sql"


def upgrade() -> None:
    """Make the tables."""
    connection = op.get_bind()
    if connection.dialect.name == "postgresql":
        statements = SCHEMA.read_text(encoding="utf-8")
        connection.execution_options(no_parameters=True).exec_driver_sql(statements)
