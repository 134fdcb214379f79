"""The tables of what leaves: deliveries, what destinations accept, answers about what we keep, and pushes.

They are part of the one schema, which has their names too. Knows no queries.
"""

from __future__ import annotations

from sqlalchemy import CheckConstraint, Column, ForeignKey, Index, Integer, Table, Text, UniqueConstraint, text
from sqlalchemy.schema import SchemaItem

from triaged.store.tables.columns import WHOLE, Instant, PeerText, metadata

_ASKED = text("commitment_uid IS NOT NULL")
_UNCOMMITTED = text("state = 'SENT' AND committed_at IS NULL")
_HELD = text("courier IS NOT NULL")
_UNTOLD = text("state IN ('PENDING', 'DEAD', 'REFUSED')")


def _on_its_way() -> list[SchemaItem]:
    """Return the columns of what a courier takes to a peer: how far it is, who has it, and why it is not there."""
    return [
        Column("state", Text, nullable=False),
        Column("attempts", Integer, nullable=False),
        Column("next_attempt_at", Instant, nullable=False),
        Column("courier", Text),
        Column("lease_expires_at", Instant),
        Column("sent_at", Instant),
        Column("error", PeerText),
        CheckConstraint("(state = 'SENT') = (sent_at IS NOT NULL)", name="sent_has_a_time"),
    ]


outbox = Table(
    "outbox",
    metadata,
    Column("id", WHOLE, primary_key=True),
    Column("derived_id", WHOLE, ForeignKey("derived.id"), nullable=False),
    Column("destination", Text, nullable=False),
    Column("created_at", Instant, nullable=False),
    *_on_its_way(),
    # The transaction in which the destination was last asked to keep the object, and when it said that it does.
    Column("commitment_uid", Text),
    Column("commitment_asked_at", Instant),
    Column("committed_at", Instant),
    # How often the destination said that it does not keep what it was sent.
    Column("commitment_failures", Integer, nullable=False, server_default="0"),
    UniqueConstraint("derived_id", "destination"),
    CheckConstraint("state IN ('PENDING', 'SENT', 'DEAD', 'REFUSED', 'WITHDRAWN')", name="state_is_known"),
    CheckConstraint("committed_at IS NULL OR state = 'SENT'", name="committed_was_sent"),
    Index("ix_outbox_state_destination_next_attempt_at", "state", "destination", "next_attempt_at"),
    Index("ix_outbox_held", "courier", sqlite_where=_HELD, postgresql_where=_HELD),
    Index("ix_outbox_commitment_uid", "commitment_uid", sqlite_where=_ASKED, postgresql_where=_ASKED),
    Index("ix_outbox_uncommitted", "destination", "sent_at", sqlite_where=_UNCOMMITTED, postgresql_where=_UNCOMMITTED),
)

# What each destination accepted when it was last asked: {SOP class: [transfer syntaxes]} in JSON.
negotiated = Table(
    "negotiated",
    metadata,
    Column("destination", Text, primary_key=True),
    Column("asked_at", Instant, nullable=False),
    Column("accepted", Text, nullable=False),
)

# Answers to peers that asked us to keep what they had sent.
commitment_report = Table(
    "commitment_report",
    metadata,
    Column("id", WHOLE, primary_key=True),
    # A function of peer and transaction, of one length whatever a peer sends.
    Column("transaction_key", Text, nullable=False, unique=True),
    Column("ae_title", PeerText, nullable=False),
    # CommitmentReport in JSON, which can hold what a text column cannot.
    Column("report", Text, nullable=False),
    Column("created_at", Instant, nullable=False),
    *_on_its_way(),
    CheckConstraint("state IN ('PENDING', 'SENT', 'DEAD')", name="state_is_known"),
    Index("ix_commitment_report_state_next_attempt_at", "state", "next_attempt_at"),
    Index("ix_commitment_report_held", "courier", sqlite_where=_HELD, postgresql_where=_HELD),
)

# Who is notified of changes, and of which: a list of occasions in JSON.
push_receiver = Table(
    "push_receiver", metadata, Column("receiver", Text, primary_key=True), Column("occasions", Text, nullable=False)
)

# One row for each change and receiver, written in the transaction that makes the change.
push = Table(
    "push",
    metadata,
    Column("id", WHOLE, primary_key=True),
    Column("study_id", WHOLE, ForeignKey("study.id"), nullable=False),
    Column("receiver", Text, nullable=False),
    Column("at", Instant, nullable=False),
    Column("occasion", Text, nullable=False),
    # The class that the receiver was sent last, and the one that it is sent.
    Column("class_before", Text, nullable=False),
    Column("class_after", Text, nullable=False),
    Column("reason", PeerText, nullable=False),
    Column("result_id", WHOLE, ForeignKey("result.id")),
    *_on_its_way(),
    CheckConstraint("occasion IN ('class_change', 'result')", name="occasion_is_known"),
    CheckConstraint("state IN ('PENDING', 'SENT', 'DEAD', 'REFUSED', 'WITHDRAWN')", name="state_is_known"),
    Index("ix_push_state_receiver_next_attempt_at", "state", "receiver", "next_attempt_at"),
    Index("ix_push_held", "courier", sqlite_where=_HELD, postgresql_where=_HELD),
    Index("ix_push_study_id", "study_id"),
    Index("ix_push_untold", "study_id", "receiver", sqlite_where=_UNTOLD, postgresql_where=_UNTOLD),
)
