"""Who did and saw what, what an administrator has paused, and how many instances each association brought."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from triaged.store.tables.columns import WHOLE, Instant, PeerText
from triaged.store.tables.history import audit, refuse_changes

revision = "0023"
down_revision = "0019"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the tables; of associations before, nobody counted the instances."""
    op.create_table(
        "audit",
        sa.Column("id", WHOLE, nullable=False),
        sa.Column("at", Instant(), nullable=False),
        sa.Column("event", sa.Text(), nullable=False),
        sa.Column("outcome", sa.Text(), nullable=False),
        sa.Column("person", PeerText(), nullable=False),
        sa.Column("address", PeerText(), nullable=False),
        sa.Column("source", PeerText(), nullable=False),
        sa.Column("study_uid", sa.Text()),
        sa.Column("target", PeerText(), nullable=False),
        sa.Column("reason", PeerText(), nullable=False),
        sa.Column("detail", PeerText(), nullable=False),
        sa.CheckConstraint("outcome IN ('success', 'failure')", name=op.f("ck_audit_outcome_is_known")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_audit")),
    )
    op.create_index(op.f("ix_audit_at"), "audit", ["at"])
    refuse_changes(audit, op.get_bind())
    op.create_table(
        "audit_sent",
        sa.Column("id", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("last_id", WHOLE, nullable=False),
        sa.Column("at", Instant(), nullable=False),
        sa.CheckConstraint("id = 1", name=op.f("ck_audit_sent_only_one")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_audit_sent")),
    )
    op.create_table(
        "pause",
        sa.Column("what", sa.Text(), nullable=False),
        sa.Column("target", PeerText(), nullable=False),
        sa.Column("person", PeerText(), nullable=False),
        sa.Column("reason", PeerText(), nullable=False),
        sa.Column("since", Instant(), nullable=False),
        sa.CheckConstraint("what IN ('receiving', 'sending')", name=op.f("ck_pause_what_is_known")),
        sa.PrimaryKeyConstraint("what", "target", name=op.f("pk_pause")),
    )
    op.add_column("association_study", sa.Column("instances", sa.Integer(), nullable=False, server_default="0"))
