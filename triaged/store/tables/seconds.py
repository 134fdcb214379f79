"""The tables of what second engines found beside the first one; part of the one schema. Knows no queries.

A row is queued in the transaction that publishes the first result, and is also what is claimed, leased and settled.
"""

from __future__ import annotations

from sqlalchemy import CheckConstraint, Column, Float, ForeignKey, Index, Integer, Table, Text, UniqueConstraint, text

from triaged.store.tables.columns import WHOLE, Instant, PeerText, metadata

_UNSETTLED = text("state IN ('WAITING', 'RUNNING')")

second_result = Table(
    "second_result",
    metadata,
    Column("id", WHOLE, primary_key=True),
    Column("study_id", WHOLE, ForeignKey("study.id"), nullable=False, index=True),
    # The result of the first engine that it is put beside.
    Column("result_id", WHOLE, ForeignKey("result.id"), nullable=False),
    # What the settings call the engine.
    Column("name", Text, nullable=False),
    Column("state", Text, nullable=False),
    Column("worker", Text),
    Column("lease_expires_at", Instant),
    Column("attempts", Integer, nullable=False, server_default="0"),
    # Which of the attempts count against it, and why: [attempt, cause] of each, in JSON.
    Column("strikes", Text, nullable=False, server_default="[]"),
    Column("not_before", Instant),
    # When it ended, with which version of the engine, on images of which device.
    Column("at", Instant),
    Column("model", Text),
    Column("device", PeerText),
    # The SHA-256 of the configuration that it ended under; empty where not known.
    Column("configuration", Text, nullable=False, server_default=""),
    Column("reason_code", Text),
    Column("reason_detail", PeerText),
    # The finding, in columns as `result` has them; its numbers are in `second_measurement`.
    Column("urgency", Float),
    Column("suspicion", Text),
    Column("probability", Float),
    Column("threshold", Float),
    Column("grade", Integer),
    Column("grade_scale", Text),
    Column("engine", Text),
    Column("quality", Text, nullable=False, server_default="[]"),
    # How it compares with the first: the largest difference in percentage points, of which part; the Dice coefficient
    # of what both outlined; and in what they disagree, in JSON.
    Column("points", Float),
    Column("part", Text),
    Column("overlap", Float),
    Column("disagreements", Text, nullable=False, server_default="[]"),
    UniqueConstraint("result_id", "name"),
    CheckConstraint("state IN ('WAITING', 'RUNNING', 'READ', 'FAILED', 'DROPPED')", name="state_is_known"),
    CheckConstraint(
        "(state = 'RUNNING') = (worker IS NOT NULL) AND (worker IS NULL) = (lease_expires_at IS NULL)",
        name="running_means_owned",
    ),
    Index("ix_second_result_unsettled", "state", sqlite_where=_UNSETTLED, postgresql_where=_UNSETTLED),
)

second_measurement = Table(
    "second_measurement",
    metadata,
    Column("result_id", WHOLE, ForeignKey("second_result.id"), primary_key=True),
    Column("concept", Text, primary_key=True),
    Column("site", Text, primary_key=True),
    Column("value", Float, nullable=False),
    Column("number", Integer, nullable=False),
)
