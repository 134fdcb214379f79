"""Files that were deleted on purpose: when, why, and which rows they leave without one."""

from __future__ import annotations

import json
from collections.abc import Iterator

import sqlalchemy as sa
from alembic import op

from triaged.store.tables.columns import WHOLE, Instant, PeerText

revision = "0025"
down_revision = "0024"
branch_labels = None
depends_on = None

_TABLES = ("instance", "conflict", "quarantine", "derived", "result", "drawing")
_AT_ONCE = 500
_PROMISES = (
    "UPDATE study SET promised_at = :at WHERE promised_at IS NULL AND id IN"
    " (SELECT study_id FROM instance WHERE sop_instance_uid IN :uids)",
    "UPDATE quarantine SET promised_at = :at WHERE promised_at IS NULL AND sop_instance_uid IN :uids",
)


def upgrade() -> None:
    """Add the table and the columns, and write down what peers were promised so far."""
    op.create_table(
        "removal",
        sa.Column("id", WHOLE, nullable=False),
        sa.Column("study_id", WHOLE),
        sa.Column("kept", sa.Text(), nullable=False),
        sa.Column("at", Instant(), nullable=False),
        sa.Column("why", PeerText(), nullable=False),
        sa.Column("files", sa.Integer(), nullable=False),
        sa.Column("size_bytes", WHOLE, nullable=False),
        sa.Column("finished_at", Instant()),
        sa.ForeignKeyConstraint(["study_id"], ["study.id"], name=op.f("fk_removal_study_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_removal")),
    )
    op.create_index(op.f("ix_removal_study_id"), "removal", ["study_id"], unique=False)
    op.create_index(
        "ix_removal_unfinished",
        "removal",
        ["id"],
        unique=False,
        sqlite_where=sa.text("finished_at IS NULL"),
        postgresql_where=sa.text("finished_at IS NULL"),
    )
    for table in _TABLES:
        op.add_column(table, sa.Column("removal_id", WHOLE))
    for table in ("study", "quarantine"):
        op.add_column(table, sa.Column("promised_at", Instant()))
    _promise()


def _promise() -> None:
    """Mark the studies of which a peer was told, by storage commitment, that their instances are kept."""
    connection = op.get_bind()
    reports = connection.execute(sa.text("SELECT report, created_at FROM commitment_report")).all()
    promises = [sa.text(each).bindparams(sa.bindparam("uids", expanding=True)) for each in _PROMISES]
    for row in reports:
        for some in _in_parts([each["sop_instance_uid"] for each in json.loads(row.report)["committed"]]):
            for promise in promises:
                connection.execute(promise, {"at": row.created_at, "uids": some})


def _in_parts(uids: list[str]) -> Iterator[list[str]]:
    return (uids[start : start + _AT_ONCE] for start in range(0, len(uids), _AT_ONCE))
