"""The tables of who sent what, and of what came that is not simply an instance of a study.

They are part of the one schema, which has their names too. Knows no queries.
"""

from __future__ import annotations

from sqlalchemy import Column, ForeignKey, Index, Integer, Table, Text, UniqueConstraint, text

from triaged.store.tables.columns import WHOLE, Instant, PeerText, metadata

_OPEN = text("closed_at IS NULL")

association = Table(
    "association",
    metadata,
    Column("id", WHOLE, primary_key=True),
    Column("receiver", Text, nullable=False),
    Column("peer", PeerText, nullable=False),
    Column("calling_ae_title", PeerText, nullable=False),
    Column("opened_at", Instant, nullable=False),
    Column("closed_at", Instant),
    Index("ix_association_open", "receiver", sqlite_where=_OPEN, postgresql_where=_OPEN),
)

association_study = Table(
    "association_study",
    metadata,
    Column("study_id", WHOLE, ForeignKey("study.id"), primary_key=True),
    Column("association_id", WHOLE, ForeignKey("association.id"), primary_key=True),
    Column("instances", Integer, nullable=False, server_default="0"),
)

conflict = Table(
    "conflict",
    metadata,
    Column("id", WHOLE, primary_key=True),
    Column("study_id", WHOLE, ForeignKey("study.id"), nullable=False),
    Column("kind", Text, nullable=False),
    Column("sop_instance_uid", Text, nullable=False),
    Column("path", Text, nullable=False),
    Column("sha256", Text, nullable=False),
    Column("at", Instant, nullable=False),
    Column("detail", Text, nullable=False),
    Column("removal_id", WHOLE),
    UniqueConstraint("study_id", "sop_instance_uid", "sha256", "kind"),
)

quarantine = Table(
    "quarantine",
    metadata,
    Column("id", WHOLE, primary_key=True),
    Column("at", Instant, nullable=False),
    Column("path", Text, nullable=False),
    Column("reason", PeerText, nullable=False),
    Column("peer", PeerText, nullable=False),
    Column("calling_ae_title", PeerText, nullable=False),
    Column("sop_class_uid", PeerText, nullable=False),
    Column("sop_instance_uid_sent", PeerText, nullable=False),
    Column("transfer_syntax_uid", PeerText, nullable=False),
    Column("sha256", Text, nullable=False),
    Column("size_bytes", WHOLE, nullable=False),
    # The valid UID for what was sent, by which the bytes are found; none where nothing was sent.
    Column("sop_instance_uid", Text, index=True),
    Column("promised_at", Instant),
    Column("removal_id", WHOLE),
)
