"""What second engines are to read: queued with each result of the first, dropped with one that is superseded.

Functions within a transaction of their callers. Knows no engines: their names come along.
"""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy import Connection, bindparam, insert, update

from triaged.store.posting.leases import Leases
from triaged.store.tables import schema
from triaged.study.second import SecondState

_second = schema.second_result
SECONDS = Leases(
    _second, holder="worker", not_before="not_before", waiting=SecondState.WAITING, held=SecondState.RUNNING
)
"""What is leased to whoever runs second engines."""


def queue_seconds(connection: Connection, study_id: int, result_id: int, names: Sequence[str]) -> None:
    """Let each of these second engines read what a result was made from."""
    rows = [
        {"study_id": study_id, "result_id": result_id, "name": name, "state": SecondState.WAITING} for name in names
    ]
    if rows:
        connection.execute(insert(_second), rows)


def drop_superseded(connection: Connection, study_id: int, result_id: int) -> None:
    """Take back what second engines were to read beside any other result of the study than this one."""
    connection.execute(_DROP, {"study": study_id, "current": result_id})


DROPPED = {"state": SecondState.DROPPED, "worker": None, "lease_expires_at": None}
_DROP = (
    update(_second)
    .where(
        _second.c.study_id == bindparam("study"),
        _second.c.result_id != bindparam("current"),
        _second.c.state.in_([SecondState.WAITING, SecondState.RUNNING]),
    )
    .values(DROPPED)
)
