"""Strata whose findings alone are not trusted while those of others are."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0016"
down_revision = "0015"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the column; what was recorded before concerned all studies."""
    op.add_column("policy", sa.Column("distrusted", sa.Text(), nullable=False, server_default="{}"))
