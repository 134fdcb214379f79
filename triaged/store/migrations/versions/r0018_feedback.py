"""What readers say of results, assignment of studies, who opened which study, and what made the images of a result."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from triaged.store.tables.columns import WHOLE, Instant, PeerText
from triaged.store.tables.rows import header_of

revision = "0018"
down_revision = "0017"
branch_labels = None
depends_on = None

_VERDICTS = "verdict IN ('agree', 'too-high', 'too-low', 'missed', 'other-disease')"
_AT_ONCE = 1000


def upgrade() -> None:
    """Add the tables and the columns; devices are taken from the images that a result was read from."""
    op.add_column("study", sa.Column("assigned_to", PeerText()))
    op.add_column("result", sa.Column("device", PeerText(), server_default="", nullable=False))
    _create_verdict()
    _create_assignment()
    _create_opening()
    _fill_devices(op.get_bind())
    _refuse_changes()


def _create_verdict() -> None:
    op.create_table(
        "verdict",
        sa.Column("id", WHOLE, nullable=False),
        sa.Column("study_id", WHOLE, nullable=False),
        sa.Column("result_id", WHOLE, nullable=False),
        sa.Column("set_revision", sa.Integer(), nullable=False),
        sa.Column("at", Instant(), nullable=False),
        sa.Column("person", PeerText(), nullable=False),
        sa.Column("verdict", sa.Text(), nullable=False),
        sa.Column("note", PeerText(), nullable=False),
        sa.Column("model", sa.Text(), nullable=False),
        sa.Column("triage_class", sa.Text(), nullable=False),
        sa.Column("device", PeerText(), nullable=False),
        sa.Column("undoes", WHOLE),
        sa.CheckConstraint(_VERDICTS, name=op.f("ck_verdict_verdict_is_known")),
        sa.ForeignKeyConstraint(["study_id"], ["study.id"], name=op.f("fk_verdict_study_id")),
        sa.ForeignKeyConstraint(["result_id"], ["result.id"], name=op.f("fk_verdict_result_id")),
        sa.ForeignKeyConstraint(["undoes"], ["verdict.id"], name=op.f("fk_verdict_undoes")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_verdict")),
        sa.UniqueConstraint("undoes", name=op.f("uq_verdict_undoes")),
    )
    op.create_index("ix_verdict_study_id", "verdict", ["study_id"])
    op.create_index("ix_verdict_at", "verdict", ["at"])


def _create_assignment() -> None:
    op.create_table(
        "assignment",
        sa.Column("id", WHOLE, nullable=False),
        sa.Column("study_id", WHOLE, nullable=False),
        sa.Column("at", Instant(), nullable=False),
        sa.Column("person", PeerText(), nullable=False),
        sa.Column("assignee", PeerText(), nullable=False),
        sa.ForeignKeyConstraint(["study_id"], ["study.id"], name=op.f("fk_assignment_study_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_assignment")),
    )
    op.create_index("ix_assignment_study_id", "assignment", ["study_id"])


def _create_opening() -> None:
    op.create_table(
        "opening",
        sa.Column("id", WHOLE, nullable=False),
        sa.Column("study_id", WHOLE, nullable=False),
        sa.Column("person", PeerText(), nullable=False),
        sa.Column("at", Instant(), nullable=False),
        sa.ForeignKeyConstraint(["study_id"], ["study.id"], name=op.f("fk_opening_study_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_opening")),
        sa.UniqueConstraint("study_id", "person", name=op.f("uq_opening_study_id_person")),
    )


def _fill_devices(connection: sa.Connection) -> None:
    """Give old results what made their images: the first of the series that was read, else the first of the study."""
    first = (
        "SELECT min(instance.id) FROM instance WHERE instance.study_id = result.study_id AND "
        "(result.chosen_series_uid IS NULL OR instance.series_uid = result.chosen_series_uid)"
    )
    rows = connection.execute(
        sa.text(f"SELECT result.id, instance.image FROM result JOIN instance ON instance.id = ({first})")
    )
    found = [{"result": row.id, "device": header_of(row.image).device} for row in rows]
    values = [each for each in found if each["device"]]
    update = sa.text("UPDATE result SET device = :device WHERE id = :result")
    for start in range(0, len(values), _AT_ONCE):
        connection.execute(
            update.bindparams(sa.bindparam("device", type_=PeerText())), values[start : start + _AT_ONCE]
        )


def _refuse_changes() -> None:
    is_sqlite = op.get_bind().dialect.name == "sqlite"
    for table in ("verdict", "assignment", "opening"):
        if not is_sqlite:
            op.execute(
                f"CREATE TRIGGER {table}_is_kept BEFORE UPDATE OR DELETE OR TRUNCATE ON {table} "
                "FOR EACH STATEMENT EXECUTE FUNCTION triaged_refuse_change()"
            )
            continue
        for verb in ("UPDATE", "DELETE"):
            op.execute(
                f"CREATE TRIGGER {table}_keeps_{verb} BEFORE {verb} ON {table} "
                f"BEGIN SELECT RAISE(ABORT, 'history is never changed: {table}'); END"
            )
