"""Object sets, what destinations accept, storage commitment, and patients that are found again."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from triaged.store.tables.columns import WHOLE, Instant, PeerText
from triaged.store.tables.rows import patient_key
from triaged.study.uids import SOPInstanceUID, derived_uid

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add what is new, and give the rows that are there their place in it."""
    _add_to_results()
    _add_keys()
    _rebuild_outbox()
    _create_negotiated()
    _create_commitment_report()
    connection = op.get_bind()
    _number_results(connection)
    _fill_keys(connection)
    _withdraw_superseded(connection)


def _add_to_results() -> None:
    op.add_column("result", sa.Column("basis", sa.Text(), server_default="", nullable=False))
    op.add_column("result", sa.Column("object_set_uid", sa.Text(), server_default="", nullable=False))
    op.add_column("result", sa.Column("set_revision", sa.Integer(), server_default="1", nullable=False))
    op.add_column("result", sa.Column("follows", sa.Text(), server_default="", nullable=False))
    op.add_column("result", sa.Column("coronal_path", sa.Text()))


def _add_keys() -> None:
    op.add_column("study", sa.Column("patient_key", sa.Text()))
    op.create_index(op.f("ix_study_patient_key"), "study", ["patient_key"], unique=False)
    op.add_column("quarantine", sa.Column("sop_instance_uid", sa.Text()))
    op.create_index(op.f("ix_quarantine_sop_instance_uid"), "quarantine", ["sop_instance_uid"], unique=False)


def _rebuild_outbox() -> None:
    """Allow more states. SQLite cannot change a check, so there the table is copied; nothing refers to its rows."""
    with op.batch_alter_table("outbox", copy_from=_outbox_before()) as batch:
        batch.drop_constraint(op.f("ck_outbox_state_is_known"), type_="check")
        batch.add_column(sa.Column("commitment_uid", sa.Text()))
        batch.add_column(sa.Column("commitment_asked_at", Instant()))
        batch.add_column(sa.Column("committed_at", Instant()))
        batch.add_column(sa.Column("commitment_failures", sa.Integer(), server_default="0", nullable=False))
        batch.create_check_constraint(
            op.f("ck_outbox_state_is_known"), "state IN ('PENDING', 'SENT', 'DEAD', 'REFUSED', 'WITHDRAWN')"
        )
        batch.create_check_constraint(op.f("ck_outbox_committed_was_sent"), "committed_at IS NULL OR state = 'SENT'")
    asked, uncommitted = sa.text("commitment_uid IS NOT NULL"), sa.text("state = 'SENT' AND committed_at IS NULL")
    op.create_index(
        "ix_outbox_commitment_uid",
        "outbox",
        ["commitment_uid"],
        unique=False,
        sqlite_where=asked,
        postgresql_where=asked,
    )
    op.create_index(
        "ix_outbox_uncommitted",
        "outbox",
        ["destination", "sent_at"],
        unique=False,
        sqlite_where=uncommitted,
        postgresql_where=uncommitted,
    )


def _outbox_before() -> sa.Table:
    return sa.Table(
        "outbox",
        sa.MetaData(),
        sa.Column("id", WHOLE, nullable=False),
        sa.Column("derived_id", WHOLE, nullable=False),
        sa.Column("destination", sa.Text(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("attempts", sa.Integer(), nullable=False),
        sa.Column("created_at", Instant(), nullable=False),
        sa.Column("next_attempt_at", Instant(), nullable=False),
        sa.Column("courier", sa.Text()),
        sa.Column("lease_expires_at", Instant()),
        sa.Column("sent_at", Instant()),
        sa.Column("error", PeerText()),
        sa.CheckConstraint("(state = 'SENT') = (sent_at IS NOT NULL)", name=op.f("ck_outbox_sent_has_a_time")),
        sa.CheckConstraint("state IN ('PENDING', 'SENT', 'DEAD')", name=op.f("ck_outbox_state_is_known")),
        sa.ForeignKeyConstraint(["derived_id"], ["derived.id"], name=op.f("fk_outbox_derived_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_outbox")),
        sa.UniqueConstraint("derived_id", "destination", name=op.f("uq_outbox_derived_id_destination")),
        sa.Index("ix_outbox_state_destination_next_attempt_at", "state", "destination", "next_attempt_at"),
    )


def _create_negotiated() -> None:
    op.create_table(
        "negotiated",
        sa.Column("destination", sa.Text(), nullable=False),
        sa.Column("asked_at", Instant(), nullable=False),
        sa.Column("accepted", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("destination", name=op.f("pk_negotiated")),
    )


def _create_commitment_report() -> None:
    op.create_table(
        "commitment_report",
        sa.Column("id", WHOLE, nullable=False),
        sa.Column("transaction_key", sa.Text(), nullable=False),
        sa.Column("ae_title", PeerText(), nullable=False),
        sa.Column("report", sa.Text(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("attempts", sa.Integer(), nullable=False),
        sa.Column("created_at", Instant(), nullable=False),
        sa.Column("next_attempt_at", Instant(), nullable=False),
        sa.Column("courier", sa.Text()),
        sa.Column("lease_expires_at", Instant()),
        sa.Column("sent_at", Instant()),
        sa.Column("error", PeerText()),
        sa.CheckConstraint(
            "(state = 'SENT') = (sent_at IS NOT NULL)", name=op.f("ck_commitment_report_sent_has_a_time")
        ),
        sa.CheckConstraint("state IN ('PENDING', 'SENT', 'DEAD')", name=op.f("ck_commitment_report_state_is_known")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_commitment_report")),
        sa.UniqueConstraint("transaction_key", name=op.f("uq_commitment_report_transaction_key")),
    )
    op.create_index(
        "ix_commitment_report_state_next_attempt_at", "commitment_report", ["state", "next_attempt_at"], unique=False
    )


def _number_results(connection: sa.Connection) -> None:
    """Make every earlier result a set of its own, in order, without a basis: no later result is the same as it."""
    query = "SELECT result.id, study_id, study_uid FROM result JOIN study ON study.id = study_id ORDER BY result.id"
    last: dict[int, tuple[int, str]] = {}
    values = []
    for row in connection.execute(sa.text(query)):
        number, follows = last.get(row.study_id, (0, ""))
        uid = derived_uid("object set before object sets", row.study_uid, str(row.id))
        last[row.study_id] = number + 1, uid
        values.append({"id": row.id, "number": number + 1, "uid": uid, "follows": follows})
    _update(
        connection,
        "UPDATE result SET object_set_uid = :uid, set_revision = :number, follows = :follows WHERE id = :id",
        values,
    )


def _fill_keys(connection: sa.Connection) -> None:
    studies = connection.execute(sa.text("SELECT id, patient_id FROM study"))
    keys = [{"id": row.id, "key": patient_key(row.patient_id)} for row in studies]
    _update(connection, "UPDATE study SET patient_key = :key WHERE id = :id", keys)
    sent = connection.execute(sa.text("SELECT id, sop_instance_uid_sent AS uid FROM quarantine")).all()
    uids = [{"id": row.id, "uid": SOPInstanceUID.parse(row.uid).value} for row in sent if row.uid.strip(" \0")]
    _update(connection, "UPDATE quarantine SET sop_instance_uid = :uid WHERE id = :id", uids)


def _withdraw_superseded(connection: sa.Connection) -> None:
    """Send no result that is no longer in force; what a courier holds is left to it."""
    connection.execute(
        sa.text(
            "UPDATE outbox SET state = 'WITHDRAWN', error = 'superseded before it was sent' "
            "WHERE (state = 'DEAD' OR state = 'PENDING' AND courier IS NULL) AND derived_id IN ("
            "SELECT derived.id FROM derived JOIN study ON study.id = derived.study_id "
            "WHERE derived.result_id <> study.result_id)"
        )
    )


def _update(connection: sa.Connection, statement: str, values: list[dict[str, object]]) -> None:
    if values:
        connection.execute(sa.text(statement), values)
