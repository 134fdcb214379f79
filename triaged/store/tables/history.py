"""The tables of what happened: events, changes of the order, of its policy, actions of people, who saw what.

Rows are added and never changed: the database itself refuses to change or delete them. They are part of the one schema,
which has their names too. Knows no queries.
"""

from __future__ import annotations

from sqlalchemy import Boolean, CheckConstraint, Column, Connection, ForeignKey, Integer, Table, Text, text
from sqlalchemy.event import listen

from triaged.store.tables.columns import WHOLE, Instant, PeerText, metadata

event = Table(
    "event",
    metadata,
    Column("id", WHOLE, primary_key=True),
    Column("study_id", WHOLE, ForeignKey("study.id"), nullable=False, index=True),
    Column("at", Instant, nullable=False),
    Column("event", Text, nullable=False),
    Column("state_before", Text),
    Column("state_after", Text, nullable=False),
    Column("revision", Integer, nullable=False),
    Column("detail", PeerText, nullable=False),
)

# One row for each time the order changed: which study's change it was, why, and from which position to which; none
# where it came onto the list, or left it. Where all others were follows from these rows in their order, and is never
# written. Rows with the same number in `together` are one change of the whole list.
reorder = Table(
    "reorder",
    metadata,
    Column("id", WHOLE, primary_key=True),
    Column("study_id", WHOLE, ForeignKey("study.id"), nullable=False, index=True),
    Column("at", Instant, nullable=False),
    Column("cause", PeerText, nullable=False),
    Column("before", Integer),
    Column("after", Integer),
    Column("together", WHOLE),
)

# What people did, and the program in their place, with the read status of the study before.
action = Table(
    "action",
    metadata,
    Column("id", WHOLE, primary_key=True),
    Column("study_id", WHOLE, ForeignKey("study.id"), nullable=False, index=True),
    Column("at", Instant, nullable=False),
    Column("person", PeerText, nullable=False),
    Column("kind", Text, nullable=False),
    Column("detail", PeerText, nullable=False),
    # The action that this one took back; each is taken back once at most.
    Column("undoes", WHOLE, ForeignKey("action.id"), unique=True),
    Column("override_before", Text, nullable=False),
    Column("read_state_before", Text, nullable=False),
    Column("read_by_before", PeerText),
    Column("read_at_before", Instant),
)

# What the order rests on: one row for each change, of which the last is current. `settings` is the policy as text,
# `reasons` a list in JSON of why the order is not trusted, empty while it is, `set_aside` an object in JSON of whose
# studies did not count in judging that, and why.
policy = Table(
    "policy",
    metadata,
    Column("id", WHOLE, primary_key=True),
    Column("at", Instant, nullable=False),
    Column("settings", Text, nullable=False),
    Column("trusted", Boolean, nullable=False),
    Column("reasons", Text, nullable=False),
    Column("cause", PeerText, nullable=False),
    Column("set_aside", PeerText, nullable=False, server_default="{}"),
    # Strata whose findings alone are not trusted, with the reasons of each, in JSON.
    Column("distrusted", Text, nullable=False, server_default="{}"),
)

# Who did, saw or was sent what, with the reason that they gave; without a patient attribute. A study is its UID, and no
# foreign key, so that the row outlives the study. `source` is the process that saw it, `target` what it was done to.
audit = Table(
    "audit",
    metadata,
    Column("id", WHOLE, primary_key=True),
    Column("at", Instant, nullable=False, index=True),
    Column("event", Text, nullable=False),
    Column("outcome", Text, nullable=False),
    Column("person", PeerText, nullable=False),
    Column("address", PeerText, nullable=False),
    Column("source", PeerText, nullable=False),
    Column("study_uid", Text),
    Column("target", PeerText, nullable=False),
    Column("reason", PeerText, nullable=False),
    Column("detail", PeerText, nullable=False),
    CheckConstraint("outcome IN ('success', 'failure')", name="outcome_is_known"),
)

_REFUSE = (
    "CREATE OR REPLACE FUNCTION triaged_refuse_change() RETURNS trigger LANGUAGE plpgsql AS "
    "$$ BEGIN RAISE EXCEPTION 'history is never changed: %', TG_TABLE_NAME; END $$"
)
_ON_POSTGRESQL = (
    "CREATE TRIGGER {table}_is_kept BEFORE UPDATE OR DELETE OR TRUNCATE ON {table} "
    "FOR EACH STATEMENT EXECUTE FUNCTION triaged_refuse_change()"
)
_ON_SQLITE = (
    "CREATE TRIGGER {table}_keeps_{verb} BEFORE {verb} ON {table} "
    "BEGIN SELECT RAISE(ABORT, 'history is never changed: {table}'); END"
)


def refuse_changes(table: Table, connection: Connection, **_: object) -> None:
    """Let the database refuse to change or delete what the table holds."""
    if connection.dialect.name == "sqlite":
        for verb in ("UPDATE", "DELETE"):
            connection.execute(text(_ON_SQLITE.format(table=table.name, verb=verb)))
        return
    connection.execute(text(_REFUSE))
    connection.execute(text(_ON_POSTGRESQL.format(table=table.name)))


for _table in (event, reorder, action, policy, audit):
    listen(_table, "after_create", refuse_changes)
