"""The table of results that are still to be drawn in 3-D; part of the one schema, which has its name too.

Knows no queries.
"""

from __future__ import annotations

from sqlalchemy import Column, ForeignKey, Index, Integer, Table, Text, text

from triaged.store.tables.columns import WHOLE, Instant, metadata

_HELD = text("worker IS NOT NULL")

# One row for each result with a draft: who completes it, until when, and how that ended.
drawing = Table(
    "drawing",
    metadata,
    Column("id", WHOLE, primary_key=True),
    Column("study_id", WHOLE, ForeignKey("study.id"), nullable=False, index=True),
    Column("result_id", WHOLE, ForeignKey("result.id"), nullable=False, unique=True),
    Column("draft_path", Text, nullable=False),
    Column("state", Text, nullable=False, index=True),
    Column("attempts", Integer, nullable=False),
    Column("not_before", Instant),
    Column("worker", Text),
    Column("lease_expires_at", Instant),
    Column("error", Text),
    Column("removal_id", WHOLE),
    Index("ix_drawing_held", "worker", sqlite_where=_HELD, postgresql_where=_HELD),
)
