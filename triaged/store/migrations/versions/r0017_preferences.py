"""How each person wants the pages: colours, columns, and which part of the list comes first."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0017"
down_revision = "0016"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the table; who is not in it wants what everybody gets."""
    op.create_table(
        "preference",
        sa.Column("person_key", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("value", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("person_key", "name", name=op.f("pk_preference")),
    )
