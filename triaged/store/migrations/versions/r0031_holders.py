"""Who holds a row that many others surround is found without a look at those."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0031"
down_revision = "0030"
branch_labels = None
depends_on = None

_HOLDERS = {"outbox": "courier", "push": "courier", "commitment_report": "courier", "drawing": "worker"}


def upgrade() -> None:
    """Add an index of held rows to each table where most rows are held by nobody."""
    for table, holder in _HOLDERS.items():
        held = sa.text(f"{holder} IS NOT NULL")
        op.create_index(f"ix_{table}_held", table, [holder], unique=False, sqlite_where=held, postgresql_where=held)
