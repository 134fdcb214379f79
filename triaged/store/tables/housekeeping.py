"""The tables of what the daemon knows of itself: its spool, what is missing or deleted there, dead workers, pauses.

They are part of the one schema, which has their names too. Knows no queries.
"""

from __future__ import annotations

from sqlalchemy import CheckConstraint, Column, ForeignKey, Index, Integer, Table, Text, text

from triaged.store.tables.columns import WHOLE, Instant, PeerText, metadata

_UNFINISHED = text("finished_at IS NULL")

# The spool that all paths are relative to, by the name in its marker: one row, from the first start on.
spool = Table(
    "spool",
    metadata,
    Column("id", Integer, primary_key=True, autoincrement=False),
    Column("identity", Text, nullable=False),
    Column("named_at", Instant, nullable=False),
    CheckConstraint("id = 1", name="only_one"),
)

# One row for each time a worker died, or fell silent, while it analysed a study.
worker_death = Table(
    "worker_death",
    metadata,
    Column("id", WHOLE, primary_key=True),
    Column("study_id", WHOLE, ForeignKey("study.id"), nullable=False),
    Column("revision", Integer, nullable=False),
    Column("worker", Text, nullable=False),
    Column("at", Instant, nullable=False),
)

# Files that a row refers to and that were not whole when they were looked at last.
missing_file = Table(
    "missing_file",
    metadata,
    Column("path", Text, primary_key=True),
    # That of its study, or of the quarantine.
    Column("folder", Text, nullable=False, index=True),
    Column("problem", Text, nullable=False),
    Column("found_at", Instant, nullable=False),
)

# How far the search for such files has come in its present round: one row.
inspection = Table(
    "inspection",
    metadata,
    Column("id", Integer, primary_key=True, autoincrement=False),
    Column("folder", Text, nullable=False),
    Column("at", Instant, nullable=False),
    CheckConstraint("id = 1", name="only_one"),
)

# What an administrator has stopped for a while: receiving, or sending to one destination; an empty target is all.
pause = Table(
    "pause",
    metadata,
    Column("what", Text, primary_key=True),
    Column("target", PeerText, primary_key=True),
    Column("person", PeerText, nullable=False),
    Column("reason", PeerText, nullable=False),
    Column("since", Instant, nullable=False),
    CheckConstraint("what IN ('receiving', 'sending')", name="what_is_known"),
)

# How far each site has been served by the workers among studies of one urgency (`Served`); empty: those of no site.
site_service = Table(
    "site_service",
    metadata,
    Column("urgency", Integer, primary_key=True, autoincrement=False),
    Column("site", Text, primary_key=True),
    Column("started", WHOLE, nullable=False),
    Column("until", WHOLE, nullable=False),
)

# Up to which row of `audit` the site's audit repository has been told.
audit_sent = Table(
    "audit_sent",
    metadata,
    Column("id", Integer, primary_key=True, autoincrement=False),
    Column("last_id", WHOLE, nullable=False),
    Column("at", Instant, nullable=False),
    CheckConstraint("id = 1", name="only_one"),
)

# One row for each time that files were deleted on purpose: of which study (none: quarantine), which of its files, and
# why. It is written before the first file goes, and finished after the last one has gone.
removal = Table(
    "removal",
    metadata,
    Column("id", WHOLE, primary_key=True),
    Column("study_id", WHOLE, ForeignKey("study.id"), index=True),
    Column("kept", Text, nullable=False),
    Column("at", Instant, nullable=False),
    Column("why", PeerText, nullable=False),
    Column("files", Integer, nullable=False),
    Column("size_bytes", WHOLE, nullable=False),
    Column("finished_at", Instant),
    Index("ix_removal_unfinished", "id", sqlite_where=_UNFINISHED, postgresql_where=_UNFINISHED),
)
