"""What is missing in the spool, and how far the search for it has come."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from triaged.store.tables.columns import Instant

revision = "0012"
down_revision = "0011"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the tables; the first round begins at the next start."""
    op.create_table(
        "missing_file",
        sa.Column("path", sa.Text(), nullable=False),
        sa.Column("folder", sa.Text(), nullable=False),
        sa.Column("problem", sa.Text(), nullable=False),
        sa.Column("found_at", Instant(), nullable=False),
        sa.PrimaryKeyConstraint("path", name=op.f("pk_missing_file")),
    )
    op.create_index("ix_missing_file_folder", "missing_file", ["folder"])
    op.create_table(
        "inspection",
        sa.Column("id", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("folder", sa.Text(), nullable=False),
        sa.Column("at", Instant(), nullable=False),
        sa.CheckConstraint("id = 1", name=op.f("ck_inspection_only_one")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_inspection")),
    )
