"""Accounts that single sign-on makes, and sign-ins that wait for the provider's answer."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from triaged.store.tables.columns import WHOLE, Instant

revision = "0028"
down_revision = "0027"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add both; accounts that are there have passwords."""
    op.add_column("account", sa.Column("subject_hash", sa.Text(), nullable=True))
    op.create_index("ix_account_subject_hash", "account", ["subject_hash"], unique=True)
    op.create_table(
        "sign_on",
        sa.Column("id", WHOLE, nullable=False),
        sa.Column("state_hash", sa.Text(), nullable=False),
        sa.Column("browser_hash", sa.Text(), nullable=False),
        sa.Column("nonce", sa.Text(), nullable=False),
        sa.Column("code_verifier", sa.Text(), nullable=False),
        sa.Column("wanted", sa.Text(), nullable=False),
        sa.Column("created_at", Instant(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_sign_on")),
        sa.UniqueConstraint("state_hash", name=op.f("uq_sign_on_state_hash")),
    )
    op.create_index(op.f("ix_sign_on_created_at"), "sign_on", ["created_at"])
