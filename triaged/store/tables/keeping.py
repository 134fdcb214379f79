"""The tables of what the store knows of the spool as a whole. They are part of the one schema. Knows no queries."""

from __future__ import annotations

from sqlalchemy import CheckConstraint, Column, Integer, Table, Text

from triaged.store.tables.columns import Instant, metadata

# The spool that all paths are relative to, by the name in its marker: one row, from the first start on.
spool = Table(
    "spool",
    metadata,
    Column("id", Integer, primary_key=True, autoincrement=False),
    Column("identity", Text, nullable=False),
    Column("named_at", Instant, nullable=False),
    CheckConstraint("id = 1", name="only_one"),
)
