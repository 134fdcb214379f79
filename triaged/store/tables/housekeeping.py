"""The tables of what the daemon knows of itself: the spool that it keeps, what is missing there, deaths of its workers.

They are part of the one schema, which has their names too. Knows no queries.
"""

from __future__ import annotations

from sqlalchemy import CheckConstraint, Column, ForeignKey, Integer, Table, Text

from triaged.store.tables.columns import WHOLE, Instant, metadata

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
