"""How far each site has been served by the workers, and an index of the studies of each that wait."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from triaged.store.tables.columns import WHOLE

revision = "0033"
down_revision = "0032"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add both; no site has been served yet."""
    op.create_table(
        "site_service",
        sa.Column("urgency", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("site", sa.Text(), nullable=False),
        sa.Column("started", WHOLE, nullable=False),
        sa.Column("until", WHOLE, nullable=False),
        sa.PrimaryKeyConstraint("urgency", "site", name=op.f("pk_site_service")),
    )
    is_ready = sa.text("state = 'READY'")
    columns = ["site", "sort_key"]
    op.create_index("ix_study_ready_of_site", "study", columns, sqlite_where=is_ready, postgresql_where=is_ready)
