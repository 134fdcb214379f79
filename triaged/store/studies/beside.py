"""What is kept beside an instance that came before: other content of its UID, and what was deleted and came again.

Functions within a transaction of their callers, which lock the study's row. Knows no files.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Row, Table, bindparam, update

from triaged.errors import TryLater
from triaged.store.tables import schema
from triaged.store.tables.rows import insert_unless_there, record_event
from triaged.store.tables.views import ConflictKind
from triaged.study.records import Instance


def record_conflict(
    connection: Connection,
    study: Row[Any],
    instance: Instance,
    kind: ConflictKind,
    detail: str,
    now: datetime,
    is_there: Callable[[str], bool] | None = None,
) -> None:
    """Flag the study and keep the path, once for each content, however often it is sent."""
    if keep_beside(connection, study, instance, kind, detail, now, is_there):
        connection.execute(_FLAG, {"study": study.id})
        record_event(connection, study, "CONFLICT", f"{kind}: {instance.sop_instance_uid}: {detail}", now=now)


def keep_beside(
    connection: Connection,
    study: Row[Any],
    instance: Instance,
    kind: ConflictKind,
    detail: str,
    now: datetime,
    is_there: Callable[[str], bool] | None,
) -> bool:
    """Write down what was kept beside the instance; False where that is written already."""
    values = {
        "study_id": study.id,
        "kind": kind,
        "sop_instance_uid": instance.sop_instance_uid.value,
        "path": instance.path,
        "sha256": instance.sha256,
        "at": now,
        "detail": detail,
    }
    is_new = insert_unless_there(connection, schema.conflict, values, key=_CONFLICT_KEY) is not None
    if not is_new:
        keep_again(connection, schema.conflict, study, instance, is_there)
    return is_new


def keep_again(
    connection: Connection, table: Table, study: Row[Any], instance: Instance, is_there: Callable[[str], bool] | None
) -> None:
    """Let the row of an instance that was deleted refer to its file again, which came again."""
    if is_there is None:
        return
    if not is_there(instance.path):
        raise TryLater("expected the file that has just come, found it deleted with the earlier one: send it again")
    same = (table.c.study_id == study.id, table.c.sop_instance_uid == instance.sop_instance_uid.value)
    gone = update(table).where(*same, table.c.sha256 == instance.sha256, table.c.removal_id.is_not(None))
    connection.execute(gone, {"path": instance.path, "removal_id": None})


_CONFLICT_KEY = ("study_id", "sop_instance_uid", "sha256", "kind")
_study = schema.study
_FLAG = update(_study).where(_study.c.id == bindparam("study")).values(conflicts=_study.c.conflicts + 1)
