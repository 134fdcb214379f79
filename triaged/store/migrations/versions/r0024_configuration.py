"""What became of each configuration that was read, and under which one a result was made."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from triaged.store.tables.columns import WHOLE, Instant, PeerText

revision = "0024"
down_revision = "0023"
branch_labels = None
depends_on = None

_VERDICTS = "verdict IN ('taken', 'taken in part', 'rejected')"


def upgrade() -> None:
    """Add the table and the column; of results that are there already it is not known."""
    op.create_table(
        "configuration",
        sa.Column("id", WHOLE, nullable=False),
        sa.Column("at", Instant(), nullable=False),
        sa.Column("sha256", sa.Text(), nullable=False),
        sa.Column("text", PeerText(), nullable=False),
        sa.Column("person", PeerText(), nullable=False),
        sa.Column("verdict", sa.Text(), nullable=False),
        sa.Column("difference", PeerText(), nullable=False),
        sa.Column("reason", PeerText(), nullable=False),
        sa.CheckConstraint(_VERDICTS, name=op.f("ck_configuration_verdict_is_known")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_configuration")),
    )
    op.create_index("ix_configuration_sha256", "configuration", ["sha256"])
    op.add_column("result", sa.Column("configuration", sa.Text(), server_default="", nullable=False))
    _refuse_changes()


def _refuse_changes() -> None:
    if op.get_bind().dialect.name != "sqlite":
        op.execute(
            "CREATE TRIGGER configuration_is_kept BEFORE UPDATE OR DELETE OR TRUNCATE ON configuration "
            "FOR EACH STATEMENT EXECUTE FUNCTION triaged_refuse_change()"
        )
        return
    for verb in ("UPDATE", "DELETE"):
        op.execute(
            f"CREATE TRIGGER configuration_keeps_{verb} BEFORE {verb} ON configuration "
            "BEGIN SELECT RAISE(ABORT, 'history is never changed: configuration'); END"
        )
