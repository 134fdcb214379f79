"""The table of the daemon's processes. It knows nothing of studies; part of the one schema. Knows no queries."""

from __future__ import annotations

from sqlalchemy import Column, Table, Text

from triaged.store.tables.columns import metadata

# One row for each process that serves. Nothing here is a time: whoever reads it looks whether `beat` changes.
pulse = Table(
    "pulse",
    metadata,
    Column("name", Text, primary_key=True),
    Column("role", Text, nullable=False),
    # Another text every few seconds while the working threads get on, of one process and not of its successor.
    Column("beat", Text, nullable=False),
    # Which thread makes no progress; empty while all do.
    Column("hung", Text, nullable=False),
)
