"""Under which configuration a second engine read."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0029"
down_revision = "0028"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the column; of readings that are there already it is not known."""
    op.add_column("second_result", sa.Column("configuration", sa.Text(), server_default="", nullable=False))
