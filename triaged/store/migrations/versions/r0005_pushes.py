"""Changes of class and new results that other systems are told, and who is told."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from triaged.store.tables.columns import WHOLE, Instant, PeerText

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None

_STATES = "state IN ('PENDING', 'SENT', 'DEAD', 'REFUSED', 'WITHDRAWN')"


def upgrade() -> None:
    """Add the tables; nothing is told of what changed before."""
    op.create_table(
        "push_receiver",
        sa.Column("receiver", sa.Text(), nullable=False),
        sa.Column("occasions", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("receiver", name=op.f("pk_push_receiver")),
    )
    op.create_table(
        "push",
        sa.Column("id", WHOLE, nullable=False),
        sa.Column("study_id", WHOLE, nullable=False),
        sa.Column("receiver", sa.Text(), nullable=False),
        sa.Column("at", Instant(), nullable=False),
        sa.Column("occasion", sa.Text(), nullable=False),
        sa.Column("class_before", sa.Text(), nullable=False),
        sa.Column("class_after", sa.Text(), nullable=False),
        sa.Column("reason", PeerText(), nullable=False),
        sa.Column("result_id", WHOLE),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("attempts", sa.Integer(), nullable=False),
        sa.Column("next_attempt_at", Instant(), nullable=False),
        sa.Column("courier", sa.Text()),
        sa.Column("lease_expires_at", Instant()),
        sa.Column("sent_at", Instant()),
        sa.Column("error", PeerText()),
        sa.CheckConstraint("occasion IN ('class_change', 'result')", name=op.f("ck_push_occasion_is_known")),
        sa.CheckConstraint(_STATES, name=op.f("ck_push_state_is_known")),
        sa.CheckConstraint("(state = 'SENT') = (sent_at IS NOT NULL)", name=op.f("ck_push_sent_has_a_time")),
        sa.ForeignKeyConstraint(["study_id"], ["study.id"], name=op.f("fk_push_study_id")),
        sa.ForeignKeyConstraint(["result_id"], ["result.id"], name=op.f("fk_push_result_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_push")),
    )
    op.create_index("ix_push_state_receiver_next_attempt_at", "push", ["state", "receiver", "next_attempt_at"])
    op.create_index("ix_push_study_id", "push", ["study_id"])
    untold = sa.text("state IN ('PENDING', 'DEAD', 'REFUSED')")
    op.create_index("ix_push_untold", "push", ["study_id", "receiver"], sqlite_where=untold, postgresql_where=untold)
