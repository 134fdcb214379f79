"""What counts against a study, apart from how often it was claimed, and deaths of workers."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from triaged.store.tables.columns import WHOLE, Instant

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add column and table; nothing counts against a study that waits."""
    op.add_column("study", sa.Column("strikes", sa.Text(), nullable=False, server_default="[]"))
    op.create_table(
        "worker_death",
        sa.Column("id", WHOLE, nullable=False),
        sa.Column("study_id", WHOLE, nullable=False),
        sa.Column("revision", sa.Integer(), nullable=False),
        sa.Column("worker", sa.Text(), nullable=False),
        sa.Column("at", Instant(), nullable=False),
        sa.ForeignKeyConstraint(["study_id"], ["study.id"], name=op.f("fk_worker_death_study_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_worker_death")),
    )
