"""The table of what became of each configuration that was read; part of the one schema, which has its name too.

Rows are added and never changed: the database itself refuses to change or delete them. Knows no queries.
"""

from __future__ import annotations

from sqlalchemy import CheckConstraint, Column, Table, Text
from sqlalchemy.event import listen

from triaged.store.tables.columns import WHOLE, Instant, PeerText, metadata
from triaged.store.tables.history import refuse_changes

# The text is without secrets; the hash is that of the file as it was.
configuration = Table(
    "configuration",
    metadata,
    Column("id", WHOLE, primary_key=True),
    Column("at", Instant, nullable=False),
    Column("sha256", Text, nullable=False, index=True),
    Column("text", PeerText, nullable=False),
    # Who brought it: the owner of the file, or how it was asked for.
    Column("person", PeerText, nullable=False),
    Column("verdict", Text, nullable=False),
    # What it changes, in words, against the one that was in force.
    Column("difference", PeerText, nullable=False),
    # Why it was rejected, what needs a restart, or what was found wrong and did not matter.
    Column("reason", PeerText, nullable=False),
    CheckConstraint("verdict IN ('taken', 'taken in part', 'rejected')", name="verdict_is_known"),
)
listen(configuration, "after_create", refuse_changes)
