"""The table of upgrades of the schema, which programs of other versions read too: it keeps its form. Part of the one
schema. Knows no queries.
"""

from __future__ import annotations

from sqlalchemy import Column, Table, Text

from triaged.store.tables.columns import WHOLE, Instant, metadata

# One row for each upgrade: by which version of the program, and where the database is as it was before.
upgrade = Table(
    "upgrade",
    metadata,
    Column("id", WHOLE, primary_key=True),
    Column("at", Instant, nullable=False),
    Column("program", Text, nullable=False),
    Column("revision_before", Text, nullable=False),
    Column("revision_after", Text, nullable=False),
    Column("backup", Text, nullable=False),
)
