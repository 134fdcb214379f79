"""Which version of the program brought the schema here, and where the back-up is that it made before."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from triaged.store.tables.columns import WHOLE, Instant

revision = "0027"
down_revision = "0026"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the table, which a program that does not know a later schema reads too."""
    op.create_table(
        "upgrade",
        sa.Column("id", WHOLE, nullable=False),
        sa.Column("at", Instant(), nullable=False),
        sa.Column("program", sa.Text(), nullable=False),
        sa.Column("revision_before", sa.Text(), nullable=False),
        sa.Column("revision_after", sa.Text(), nullable=False),
        sa.Column("backup", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_upgrade")),
    )
