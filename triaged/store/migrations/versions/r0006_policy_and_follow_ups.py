"""What the order rests on, how a study follows an earlier one, and when time alone changes a place."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from triaged.store.tables.columns import WHOLE, Instant, PeerText

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the table and the columns; under which policy the places of before were made is not known."""
    op.add_column("study", sa.Column("due_again_at", Instant()))
    due = sa.text("due_again_at IS NOT NULL")
    op.create_index("ix_study_due_again", "study", ["due_again_at"], sqlite_where=due, postgresql_where=due)
    op.add_column("result", sa.Column("prior_result_id", WHOLE))
    op.add_column("result", sa.Column("trend", sa.Text()))
    op.add_column("result", sa.Column("change_points", sa.Float()))
    op.create_table(
        "policy",
        sa.Column("id", WHOLE, nullable=False),
        sa.Column("at", Instant(), nullable=False),
        sa.Column("settings", sa.Text(), nullable=False),
        sa.Column("trusted", sa.Boolean(), nullable=False),
        sa.Column("reasons", sa.Text(), nullable=False),
        sa.Column("cause", PeerText(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_policy")),
    )
    _refuse_changes()


def _refuse_changes() -> None:
    if op.get_bind().dialect.name == "sqlite":
        for verb in ("UPDATE", "DELETE"):
            op.execute(
                f"CREATE TRIGGER policy_keeps_{verb} BEFORE {verb} ON policy "
                "BEGIN SELECT RAISE(ABORT, 'history is never changed: policy'); END"
            )
        return
    op.execute(
        "CREATE TRIGGER policy_is_kept BEFORE UPDATE OR DELETE OR TRUNCATE ON policy "
        "FOR EACH STATEMENT EXECUTE FUNCTION triaged_refuse_change()"
    )
