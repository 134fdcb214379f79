"""What rules do with a study, the facts that they ask for, and an open list without studies that a rule ignores."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0026"
down_revision = "0025"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the columns, empty for studies that came before there were rules, and make the index of the list again."""
    for name in ("rule", "treatment", "facts"):
        op.add_column("study", sa.Column(name, sa.Text(), nullable=False, server_default=""))
    op.add_column("study", sa.Column("ignored", sa.Integer(), nullable=False, server_default="0"))
    op.drop_index("ix_study_open", "study")
    is_open = sa.text("read_state <> 'DONE' AND ignored = 0")
    op.create_index("ix_study_open", "study", ["sort_key"], sqlite_where=is_open, postgresql_where=is_open)
