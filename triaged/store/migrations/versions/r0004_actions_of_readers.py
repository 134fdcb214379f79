"""What readers do with studies, the order as changes alone, and a history that the database itself keeps."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from triaged.store.tables.columns import WHOLE, Instant, PeerText
from triaged.store.tables.rows import search_text

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add what is new, and make of the moves of all studies the changes that they follow from."""
    _add_hands()
    _create_action()
    _keep_changes_only()
    _fill_search_text(op.get_bind())
    _refuse_changes()


def _add_hands() -> None:
    op.add_column("study", sa.Column("search_text", PeerText(), server_default="", nullable=False))
    known = _check("override_is_known", "override IN ('none', 'pin', 'raise', 'lower')")
    op.add_column("study", sa.Column("override", sa.Text(), known, server_default="none", nullable=False))
    known = _check("read_state_is_known", "read_state IN ('UNREAD', 'READING', 'DONE')")
    op.add_column("study", sa.Column("read_state", sa.Text(), known, server_default="UNREAD", nullable=False))
    op.add_column("study", sa.Column("read_by", PeerText()))
    whole = "(read_state = 'UNREAD') = (read_by IS NULL) AND (read_by IS NULL) = (read_at IS NULL)"
    op.add_column("study", sa.Column("read_at", Instant(), _check("read_means_by_somebody", whole)))
    unread, read = sa.text("read_state <> 'DONE'"), sa.text("read_state = 'DONE'")
    op.create_index("ix_study_open", "study", ["sort_key"], unique=False, sqlite_where=unread, postgresql_where=unread)
    op.create_index("ix_study_done", "study", ["read_at"], unique=False, sqlite_where=read, postgresql_where=read)


def _check(name: str, condition: str) -> sa.CheckConstraint:
    return sa.CheckConstraint(condition, name=op.f(f"ck_study_{name}"))


def _create_action() -> None:
    op.create_table(
        "action",
        sa.Column("id", WHOLE, nullable=False),
        sa.Column("study_id", WHOLE, nullable=False),
        sa.Column("at", Instant(), nullable=False),
        sa.Column("person", PeerText(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("detail", PeerText(), nullable=False),
        sa.Column("undoes", WHOLE),
        sa.Column("override_before", sa.Text(), nullable=False),
        sa.Column("read_state_before", sa.Text(), nullable=False),
        sa.Column("read_by_before", PeerText()),
        sa.Column("read_at_before", Instant()),
        sa.ForeignKeyConstraint(["study_id"], ["study.id"], name=op.f("fk_action_study_id")),
        sa.ForeignKeyConstraint(["undoes"], ["action.id"], name=op.f("fk_action_undoes")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_action")),
        sa.UniqueConstraint("undoes", name=op.f("uq_action_undoes")),
    )
    op.create_index(op.f("ix_action_study_id"), "action", ["study_id"], unique=False)


def _keep_changes_only() -> None:
    """Take over how each change moved its own study; how it moved the others follows from that."""
    op.add_column("reorder", sa.Column("before", sa.Integer()))
    op.add_column("reorder", sa.Column("after", sa.Integer()))
    op.add_column("reorder", sa.Column("together", WHOLE))
    own = "FROM move WHERE move.reorder_id = reorder.id AND move.study_id = reorder.study_id"
    op.execute(f'UPDATE reorder SET "before" = (SELECT move."before" {own}), "after" = (SELECT move."after" {own})')
    op.drop_table("move")


def _fill_search_text(connection: sa.Connection) -> None:
    studies = connection.execute(sa.text("SELECT id, patient_name, patient_id, accession_number FROM study"))
    values = [
        {"id": row.id, "found": search_text(row.patient_name, row.patient_id, row.accession_number)} for row in studies
    ]
    if values:
        connection.execute(sa.text("UPDATE study SET search_text = :found WHERE id = :id"), values)


def _refuse_changes() -> None:
    if op.get_bind().dialect.name == "sqlite":
        for table in ("event", "reorder", "action"):
            for verb in ("UPDATE", "DELETE"):
                op.execute(
                    f"CREATE TRIGGER {table}_keeps_{verb} BEFORE {verb} ON {table} "
                    f"BEGIN SELECT RAISE(ABORT, 'history is never changed: {table}'); END"
                )
        return
    op.execute(
        "CREATE OR REPLACE FUNCTION triaged_refuse_change() RETURNS trigger LANGUAGE plpgsql AS "
        "$$ BEGIN RAISE EXCEPTION 'history is never changed: %', TG_TABLE_NAME; END $$"
    )
    for table in ("event", "reorder", "action"):
        op.execute(
            f"CREATE TRIGGER {table}_is_kept BEFORE UPDATE OR DELETE OR TRUNCATE ON {table} "
            "FOR EACH STATEMENT EXECUTE FUNCTION triaged_refuse_change()"
        )
