"""Whose studies did not count in judging whether the order is trusted."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from triaged.store.tables.columns import PeerText

revision = "0010"
down_revision = "0009"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the column; what was recorded before set nobody aside."""
    op.add_column("policy", sa.Column("set_aside", PeerText(), nullable=False, server_default="{}"))
