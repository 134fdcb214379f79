"""Results that are still to be drawn in 3-D."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from triaged.store.tables.columns import WHOLE, Instant

revision = "0014"
down_revision = "0013"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the table; results from before have no draft, and stay without."""
    op.create_table(
        "drawing",
        sa.Column("id", WHOLE, nullable=False),
        sa.Column("study_id", WHOLE, nullable=False),
        sa.Column("result_id", WHOLE, nullable=False),
        sa.Column("draft_path", sa.Text(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("attempts", sa.Integer(), nullable=False),
        sa.Column("not_before", Instant(), nullable=True),
        sa.Column("worker", sa.Text(), nullable=True),
        sa.Column("lease_expires_at", Instant(), nullable=True),
        sa.Column("error", sa.Text(), nullable=True),
        sa.ForeignKeyConstraint(["study_id"], ["study.id"], name=op.f("fk_drawing_study_id")),
        sa.ForeignKeyConstraint(["result_id"], ["result.id"], name=op.f("fk_drawing_result_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_drawing")),
        sa.UniqueConstraint("result_id", name=op.f("uq_drawing_result_id")),
    )
    op.create_index("ix_drawing_study_id", "drawing", ["study_id"])
    op.create_index("ix_drawing_state", "drawing", ["state"])
