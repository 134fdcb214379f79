"""The tables of what readers say of results, to whom studies are assigned, and who opened which study when.

Rows are added and never changed: the database itself refuses to change or delete them. They are part of the one schema,
which has their names too. Knows no queries.
"""

from __future__ import annotations

from sqlalchemy import CheckConstraint, Column, ForeignKey, Integer, Table, Text, UniqueConstraint
from sqlalchemy.event import listen

from triaged.store.tables.columns import WHOLE, Instant, PeerText, metadata
from triaged.store.tables.history import refuse_changes

# What a person said of the result that was current, with what it was then; a row with `undoes` takes another back.
verdict = Table(
    "verdict",
    metadata,
    Column("id", WHOLE, primary_key=True),
    Column("study_id", WHOLE, ForeignKey("study.id"), nullable=False, index=True),
    Column("result_id", WHOLE, ForeignKey("result.id"), nullable=False),
    # The set of results, as people see its number: one that is made again without a change keeps its verdicts.
    Column("set_revision", Integer, nullable=False),
    Column("at", Instant, nullable=False, index=True),
    Column("person", PeerText, nullable=False),
    Column("verdict", Text, nullable=False),
    Column("note", PeerText, nullable=False),
    Column("model", Text, nullable=False),
    Column("triage_class", Text, nullable=False),
    Column("device", PeerText, nullable=False),
    # The verdict that this row takes back; each is taken back once at most.
    Column("undoes", WHOLE, ForeignKey("verdict.id"), unique=True),
    CheckConstraint("verdict IN ('agree', 'too-high', 'too-low', 'missed', 'other-disease')", name="verdict_is_known"),
)

# To whom a study was assigned, by whom; empty for nobody any more. `study.assigned_to` has the last of them.
assignment = Table(
    "assignment",
    metadata,
    Column("id", WHOLE, primary_key=True),
    Column("study_id", WHOLE, ForeignKey("study.id"), nullable=False, index=True),
    Column("at", Instant, nullable=False),
    Column("person", PeerText, nullable=False),
    Column("assignee", PeerText, nullable=False),
)

# When a person had the page of a study before them for the first time.
opening = Table(
    "opening",
    metadata,
    Column("id", WHOLE, primary_key=True),
    Column("study_id", WHOLE, ForeignKey("study.id"), nullable=False),
    Column("person", PeerText, nullable=False),
    Column("at", Instant, nullable=False),
    UniqueConstraint("study_id", "person"),
)

for _table in (verdict, assignment, opening):
    listen(_table, "after_create", refuse_changes)
