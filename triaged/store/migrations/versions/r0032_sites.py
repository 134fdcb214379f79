"""The site that a study is of, the open list of each, and the sites whose studies an account sees."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0032"
down_revision = "0031"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the columns, empty for studies that came before there were sites, and for who sees all; index the lists."""
    op.add_column("study", sa.Column("site", sa.Text(), nullable=False, server_default=""))
    op.add_column("account", sa.Column("sites", sa.Text(), nullable=False, server_default=""))
    is_open = sa.text("read_state <> 'DONE' AND ignored = 0")
    columns = ["site", "sort_key"]
    op.create_index("ix_study_open_of_site", "study", columns, sqlite_where=is_open, postgresql_where=is_open)
