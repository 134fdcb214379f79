"""The spool by its name."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from triaged.store.tables.columns import Instant

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the table; the name is found at the next start."""
    op.create_table(
        "spool",
        sa.Column("id", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("identity", sa.Text(), nullable=False),
        sa.Column("named_at", Instant(), nullable=False),
        sa.CheckConstraint("id = 1", name=op.f("ck_spool_only_one")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_spool")),
    )
