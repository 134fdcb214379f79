"""Accounts, sessions and failed sign-ins."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from triaged.store.tables.columns import WHOLE, Instant

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the tables of people; nobody has an account until an administrator adds one."""
    op.create_table(
        "account",
        sa.Column("id", WHOLE, nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("name_key", sa.Text(), nullable=False),
        sa.Column("role", sa.Text(), nullable=False),
        sa.Column("password_hash", sa.Text(), nullable=False),
        sa.Column("created_at", Instant(), nullable=False),
        sa.CheckConstraint("role IN ('reader', 'administrator')", name=op.f("ck_account_role_is_known")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_account")),
        sa.UniqueConstraint("name_key", name=op.f("uq_account_name_key")),
    )
    op.create_table(
        "session",
        sa.Column("id", WHOLE, nullable=False),
        sa.Column("token_hash", sa.Text(), nullable=False),
        sa.Column("account_id", WHOLE, nullable=False),
        sa.Column("browser_hash", sa.Text(), nullable=False),
        sa.Column("created_at", Instant(), nullable=False),
        sa.Column("last_seen_at", Instant(), nullable=False),
        sa.Column("ended_at", Instant()),
        sa.ForeignKeyConstraint(["account_id"], ["account.id"], name=op.f("fk_session_account_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_session")),
        sa.UniqueConstraint("token_hash", name=op.f("uq_session_token_hash")),
    )
    op.create_index("ix_session_account_id_browser_hash", "session", ["account_id", "browser_hash"], unique=False)
    op.create_table(
        "sign_in_attempt",
        sa.Column("id", WHOLE, nullable=False),
        sa.Column("at", Instant(), nullable=False),
        sa.Column("name_hash", sa.Text(), nullable=False),
        sa.Column("address", sa.Text(), nullable=False),
        sa.Column("browser_hash", sa.Text()),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_sign_in_attempt")),
    )
    for column in ("at", "name_hash", "address"):
        op.create_index(op.f(f"ix_sign_in_attempt_{column}"), "sign_in_attempt", [column], unique=False)
