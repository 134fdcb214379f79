"""The first schema."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from triaged.store.tables.columns import BYTE_ORDERED, WHOLE, Instant, PeerText

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Create every table."""
    op.create_table(
        "association",
        sa.Column("id", WHOLE, nullable=False),
        sa.Column("receiver", sa.Text(), nullable=False),
        sa.Column("peer", PeerText(), nullable=False),
        sa.Column("calling_ae_title", PeerText(), nullable=False),
        sa.Column("opened_at", Instant(), nullable=False),
        sa.Column("closed_at", Instant()),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_association")),
    )
    op.create_index(
        "ix_association_open",
        "association",
        ["receiver"],
        unique=False,
        sqlite_where=sa.text("closed_at IS NULL"),
        postgresql_where=sa.text("closed_at IS NULL"),
    )
    op.create_table(
        "move",
        sa.Column("reorder_id", WHOLE, autoincrement=False, nullable=False),
        sa.Column("study_id", WHOLE, autoincrement=False, nullable=False),
        sa.Column("before", sa.Integer()),
        sa.Column("after", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("reorder_id", "study_id", name=op.f("pk_move")),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "quarantine",
        sa.Column("id", WHOLE, nullable=False),
        sa.Column("at", Instant(), nullable=False),
        sa.Column("path", sa.Text(), nullable=False),
        sa.Column("reason", PeerText(), nullable=False),
        sa.Column("peer", PeerText(), nullable=False),
        sa.Column("calling_ae_title", PeerText(), nullable=False),
        sa.Column("sop_class_uid", PeerText(), nullable=False),
        sa.Column("sop_instance_uid_sent", PeerText(), nullable=False),
        sa.Column("transfer_syntax_uid", PeerText(), nullable=False),
        sa.Column("sha256", sa.Text(), nullable=False),
        sa.Column("size_bytes", WHOLE, nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_quarantine")),
    )
    op.create_table(
        "study",
        sa.Column("id", WHOLE, nullable=False),
        sa.Column("study_uid", sa.Text(), nullable=False),
        sa.Column("study_uid_sent", sa.Text()),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("revision", sa.Integer(), nullable=False),
        sa.Column("order_priority", sa.Text(), nullable=False),
        sa.Column("first_instance_at", Instant(), nullable=False),
        sa.Column("last_instance_at", Instant(), nullable=False),
        sa.Column("ready_at", Instant()),
        sa.Column("instances", sa.Integer(), nullable=False),
        sa.Column("conflicts", sa.Integer(), nullable=False),
        sa.Column("worker", sa.Text()),
        sa.Column("lease_expires_at", Instant()),
        sa.Column("attempts", sa.Integer(), nullable=False),
        sa.Column("not_before", Instant()),
        sa.Column("lane", sa.Integer(), nullable=False),
        sa.Column("triage_class", sa.Text(), nullable=False),
        sa.Column("effective_at", Instant(), nullable=False),
        sa.Column("sort_key", BYTE_ORDERED, nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("result_id", WHOLE),
        sa.Column("identification", sa.Float()),
        sa.Column("severity", sa.Float()),
        sa.Column("severity_left", sa.Float()),
        sa.Column("severity_right", sa.Float()),
        sa.Column("grade", sa.Integer()),
        sa.Column("quality", sa.Text()),
        sa.Column("patient_name", PeerText(), nullable=False),
        sa.Column("patient_id", PeerText(), nullable=False),
        sa.Column("patient_birth_date", PeerText(), nullable=False),
        sa.Column("patient_sex", PeerText(), nullable=False),
        sa.Column("accession_number", PeerText(), nullable=False),
        sa.Column("study_date", PeerText(), nullable=False),
        sa.Column("study_time", PeerText(), nullable=False),
        sa.Column("study_description", PeerText(), nullable=False),
        sa.CheckConstraint(
            "(state = 'ANALYSING') = (worker IS NOT NULL) AND (worker IS NULL) = (lease_expires_at IS NULL)",
            name=op.f("ck_study_analysing_means_owned"),
        ),
        sa.CheckConstraint("state = 'RECEIVING' OR ready_at IS NOT NULL", name=op.f("ck_study_ready_has_a_time")),
        sa.CheckConstraint(
            "state IN ('RECEIVING', 'READY', 'ANALYSING', 'TRIAGED', 'OUT_OF_SCOPE', 'FAILED')",
            name=op.f("ck_study_state_is_known"),
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_study")),
        sa.UniqueConstraint("sort_key", name=op.f("uq_study_sort_key")),
        sa.UniqueConstraint("study_uid", name=op.f("uq_study_study_uid")),
    )
    op.create_index("ix_study_state_sort_key", "study", ["state", "sort_key"], unique=False)
    op.create_table(
        "association_study",
        sa.Column("study_id", WHOLE, nullable=False),
        sa.Column("association_id", WHOLE, nullable=False),
        sa.ForeignKeyConstraint(
            ["association_id"], ["association.id"], name=op.f("fk_association_study_association_id")
        ),
        sa.ForeignKeyConstraint(["study_id"], ["study.id"], name=op.f("fk_association_study_study_id")),
        sa.PrimaryKeyConstraint("study_id", "association_id", name=op.f("pk_association_study")),
    )
    op.create_table(
        "conflict",
        sa.Column("id", WHOLE, nullable=False),
        sa.Column("study_id", WHOLE, nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("sop_instance_uid", sa.Text(), nullable=False),
        sa.Column("path", sa.Text(), nullable=False),
        sa.Column("sha256", sa.Text(), nullable=False),
        sa.Column("at", Instant(), nullable=False),
        sa.Column("detail", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(["study_id"], ["study.id"], name=op.f("fk_conflict_study_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_conflict")),
        sa.UniqueConstraint(
            "study_id",
            "sop_instance_uid",
            "sha256",
            "kind",
            name=op.f("uq_conflict_study_id_sop_instance_uid_sha256_kind"),
        ),
    )
    op.create_table(
        "event",
        sa.Column("id", WHOLE, nullable=False),
        sa.Column("study_id", WHOLE, nullable=False),
        sa.Column("at", Instant(), nullable=False),
        sa.Column("event", sa.Text(), nullable=False),
        sa.Column("state_before", sa.Text()),
        sa.Column("state_after", sa.Text(), nullable=False),
        sa.Column("revision", sa.Integer(), nullable=False),
        sa.Column("detail", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(["study_id"], ["study.id"], name=op.f("fk_event_study_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_event")),
    )
    op.create_index(op.f("ix_event_study_id"), "event", ["study_id"], unique=False)
    op.create_table(
        "instance",
        sa.Column("id", WHOLE, nullable=False),
        sa.Column("study_id", WHOLE, nullable=False),
        sa.Column("series_uid", sa.Text(), nullable=False),
        sa.Column("series_uid_sent", sa.Text()),
        sa.Column("sop_instance_uid", sa.Text(), nullable=False),
        sa.Column("sop_instance_uid_sent", sa.Text()),
        sa.Column("transfer_syntax_uid", sa.Text(), nullable=False),
        sa.Column("path", sa.Text(), nullable=False),
        sa.Column("sha256", sa.Text(), nullable=False),
        sa.Column("size_bytes", WHOLE, nullable=False),
        sa.Column("received_at", Instant(), nullable=False),
        sa.Column("image", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(["study_id"], ["study.id"], name=op.f("fk_instance_study_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_instance")),
        sa.UniqueConstraint("sop_instance_uid", "study_id", name=op.f("uq_instance_sop_instance_uid_study_id")),
    )
    op.create_index(op.f("ix_instance_study_id"), "instance", ["study_id"], unique=False)
    op.create_table(
        "reorder",
        sa.Column("id", WHOLE, nullable=False),
        sa.Column("study_id", WHOLE, nullable=False),
        sa.Column("at", Instant(), nullable=False),
        sa.Column("cause", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(["study_id"], ["study.id"], name=op.f("fk_reorder_study_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_reorder")),
    )
    op.create_index(op.f("ix_reorder_study_id"), "reorder", ["study_id"], unique=False)
    op.create_table(
        "result",
        sa.Column("id", WHOLE, nullable=False),
        sa.Column("study_id", WHOLE, nullable=False),
        sa.Column("revision", sa.Integer(), nullable=False),
        sa.Column("at", Instant(), nullable=False),
        sa.Column("worker", sa.Text(), nullable=False),
        sa.Column("outcome", sa.Text(), nullable=False),
        sa.Column("reason_code", sa.Text()),
        sa.Column("reason_detail", sa.Text()),
        sa.Column("identification", sa.Float()),
        sa.Column("identification_threshold", sa.Float()),
        sa.Column("severity", sa.Float()),
        sa.Column("severity_right", sa.Float()),
        sa.Column("severity_left", sa.Float()),
        sa.Column("severity_total", sa.Float()),
        sa.Column("right_lung_ml", sa.Float()),
        sa.Column("left_lung_ml", sa.Float()),
        sa.Column("lungs_ml", sa.Float()),
        sa.Column("lesion_ml", sa.Float()),
        sa.Column("dense_share", sa.Float()),
        sa.Column("grade", sa.Integer()),
        sa.Column("engine", sa.Text()),
        sa.Column("quality", sa.Text(), nullable=False),
        sa.Column("chosen_series_uid", sa.Text()),
        sa.Column("model", sa.Text(), nullable=False),
        sa.Column("scheme", sa.Text(), nullable=False),
        sa.Column("triage_class", sa.Text(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("superseded_by", WHOLE),
        sa.ForeignKeyConstraint(["study_id"], ["study.id"], name=op.f("fk_result_study_id")),
        sa.ForeignKeyConstraint(["superseded_by"], ["result.id"], name=op.f("fk_result_superseded_by")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_result")),
        sa.UniqueConstraint("study_id", "revision", name=op.f("uq_result_study_id_revision")),
    )
    op.create_table(
        "derived",
        sa.Column("id", WHOLE, nullable=False),
        sa.Column("study_id", WHOLE, nullable=False),
        sa.Column("result_id", WHOLE, nullable=False),
        sa.Column("sop_instance_uid", sa.Text(), nullable=False),
        sa.Column("sop_class_uid", sa.Text(), nullable=False),
        sa.Column("transfer_syntax_uid", sa.Text(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("path", sa.Text(), nullable=False),
        sa.Column("sha256", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(["result_id"], ["result.id"], name=op.f("fk_derived_result_id")),
        sa.ForeignKeyConstraint(["study_id"], ["study.id"], name=op.f("fk_derived_study_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_derived")),
        sa.UniqueConstraint("sop_instance_uid", name=op.f("uq_derived_sop_instance_uid")),
    )
    op.create_index(op.f("ix_derived_study_id"), "derived", ["study_id"], unique=False)
    op.create_table(
        "series_decision",
        sa.Column("result_id", WHOLE, nullable=False),
        sa.Column("series_uid", sa.Text(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(["result_id"], ["result.id"], name=op.f("fk_series_decision_result_id")),
        sa.PrimaryKeyConstraint("result_id", "series_uid", name=op.f("pk_series_decision")),
    )
    op.create_table(
        "outbox",
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
    )
    op.create_index(
        "ix_outbox_state_destination_next_attempt_at",
        "outbox",
        ["state", "destination", "next_attempt_at"],
        unique=False,
    )
