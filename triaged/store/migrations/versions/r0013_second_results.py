"""What second engines find beside the first one, and which result objects are theirs."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from triaged.store.tables.columns import WHOLE, Instant, PeerText

revision = "0013"
down_revision = "0012"
branch_labels = None
depends_on = None

_STATES = "state IN ('WAITING', 'RUNNING', 'READ', 'FAILED', 'DROPPED')"
_OWNED = "(state = 'RUNNING') = (worker IS NOT NULL) AND (worker IS NULL) = (lease_expires_at IS NULL)"
_UNSETTLED = sa.text("state IN ('WAITING', 'RUNNING')")


def upgrade() -> None:
    """Add the tables; what was read before has no second results."""
    op.create_table(
        "second_result",
        sa.Column("id", WHOLE, nullable=False),
        sa.Column("study_id", WHOLE, nullable=False),
        sa.Column("result_id", WHOLE, nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("worker", sa.Text()),
        sa.Column("lease_expires_at", Instant()),
        sa.Column("attempts", sa.Integer(), nullable=False, server_default="0"),
        sa.Column("strikes", sa.Text(), nullable=False, server_default="[]"),
        sa.Column("not_before", Instant()),
        sa.Column("at", Instant()),
        sa.Column("model", sa.Text()),
        sa.Column("device", PeerText()),
        sa.Column("reason_code", sa.Text()),
        sa.Column("reason_detail", PeerText()),
        sa.Column("urgency", sa.Float()),
        sa.Column("suspicion", sa.Text()),
        sa.Column("probability", sa.Float()),
        sa.Column("threshold", sa.Float()),
        sa.Column("grade", sa.Integer()),
        sa.Column("grade_scale", sa.Text()),
        sa.Column("engine", sa.Text()),
        sa.Column("quality", sa.Text(), nullable=False, server_default="[]"),
        sa.Column("points", sa.Float()),
        sa.Column("part", sa.Text()),
        sa.Column("overlap", sa.Float()),
        sa.Column("disagreements", sa.Text(), nullable=False, server_default="[]"),
        sa.CheckConstraint(_STATES, name=op.f("ck_second_result_state_is_known")),
        sa.CheckConstraint(_OWNED, name=op.f("ck_second_result_running_means_owned")),
        sa.ForeignKeyConstraint(["study_id"], ["study.id"], name=op.f("fk_second_result_study_id")),
        sa.ForeignKeyConstraint(["result_id"], ["result.id"], name=op.f("fk_second_result_result_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_second_result")),
        sa.UniqueConstraint("result_id", "name", name=op.f("uq_second_result_result_id_name")),
    )
    op.create_index("ix_second_result_study_id", "second_result", ["study_id"])
    op.create_index(
        "ix_second_result_unsettled", "second_result", ["state"], sqlite_where=_UNSETTLED, postgresql_where=_UNSETTLED
    )
    op.create_table(
        "second_measurement",
        sa.Column("result_id", WHOLE, nullable=False),
        sa.Column("concept", sa.Text(), nullable=False),
        sa.Column("site", sa.Text(), nullable=False),
        sa.Column("value", sa.Float(), nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(["result_id"], ["second_result.id"], name=op.f("fk_second_measurement_result_id")),
        sa.PrimaryKeyConstraint("result_id", "concept", "site", name=op.f("pk_second_measurement")),
    )
    op.add_column("derived", sa.Column("second_result_id", WHOLE))
