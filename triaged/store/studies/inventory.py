"""Which files the store says are kept, folder by folder, and which of them were found missing. Knows no files."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any

from sqlalchemy import Connection, Select, bindparam, delete, func, null, select

from triaged.store.tables import schema
from triaged.store.tables.database import Ledger
from triaged.store.tables.rows import insert_or_replace, locked_study
from triaged.study.lifecycle import State
from triaged.study.second import SecondState


class Kept(StrEnum):
    """What a file is kept as."""

    INSTANCE = "instance"
    CONFLICT = "conflict"
    QUARANTINE = "quarantine"
    RESULT = "result object"
    VIEW = "view for comparison"
    DRAFT = "draft of what is drawn later"


@dataclass(frozen=True, slots=True)
class Row:
    """A file that the store refers to; no digest or size where they are not kept."""

    path: str
    kept: Kept
    sha256: str | None
    size_bytes: int | None
    is_deleted: bool = False
    """Its file was deleted on purpose (`store.studies.retention`)."""


class Inventory(Ledger):
    """What is compared with the spool. A folder is that of a study, or the one of the quarantine."""

    def studies(self) -> list[str]:
        """Return the folders of all studies."""
        return [str(row.study_uid) for row in self._rows(select(_study.c.study_uid).order_by(_study.c.study_uid))]

    def of_study(self, study_uid: str) -> dict[str, Row]:
        """Return what should be in the folder of a study, by path."""
        rows: dict[str, Row] = {}
        with self._database.read() as connection:
            for kept, query in _OF_STUDY.items():
                for row in connection.execute(query, {"uid": study_uid}):
                    is_deleted = row.removal_id is not None
                    if row.path not in rows or (rows[row.path].is_deleted and not is_deleted):
                        rows[row.path] = Row(row.path, kept, row.sha256, row.size_bytes, is_deleted)
        return rows

    def quarantined(self) -> dict[str, Row]:
        """Return what should be in quarantine, by path."""
        aside = schema.quarantine
        query = select(aside.c.path, aside.c.sha256, aside.c.size_bytes, aside.c.removal_id).order_by(
            aside.c.removal_id.is_(None), aside.c.id
        )
        return {
            row.path: Row(row.path, Kept.QUARANTINE, row.sha256, row.size_bytes, row.removal_id is not None)
            for row in self._rows(query)
        }

    @contextmanager
    def unused(self, study_uid: str, path: str) -> Iterator[bool]:
        """Tell whether nobody refers to a file of a study, and let nobody begin to until the context ends.

        A row whose file was deleted on purpose needs none. A study that is being analysed, read by a second engine or
        drawn may be about to.
        """
        with self._database.begin() as connection:
            study = locked_study(connection, study_uid)
            found = (connection.execute(query, {"uid": study_uid}) for query in _OF_STUDY.values())
            is_used = any(row.path == path and row.removal_id is None for rows in found for row in rows)
            in_work = (connection.execute(query, {"uid": study_uid}).first() for query in (_BEING_READ, _BEING_DRAWN))
            is_worked_on = any(row is not None for row in in_work)
            yield not is_used and not is_worked_on and (study is None or study.state != State.ANALYSING)

    def record_missing(self, folder: str, missing: Mapping[str, str], *, now: datetime) -> int:
        """Keep which files of a folder are missing, and how; return how many were not known to be."""
        if not missing and not self._rows(select(_missing.c.path).where(_missing.c.folder == folder)):
            return 0
        with self._database.begin() as connection:
            known = set(connection.execute(select(_missing.c.path).where(_missing.c.folder == folder)).scalars())
            gone = [path for path in known if path not in missing]
            if gone:
                connection.execute(delete(_missing).where(_missing.c.path.in_(gone)))
            new = sorted(path for path in missing if path not in known)
            for path in new:  # another host may find the same at the same moment
                values = {"path": path, "folder": folder, "problem": missing[path], "found_at": now}
                insert_or_replace(connection, _missing, values, key=["path"])
        return len(new)

    def missing(self) -> int:
        """Return how many files were missing when the spool was looked at last; the search goes on all the time."""
        return int(self._rows(select(func.count().label("files")).select_from(_missing))[0].files)

    def looked_at(self) -> str:
        """Return the folder up to which the search has come; empty before the first."""
        row = self._row(select(schema.inspection.c.folder))
        return "" if row is None else str(row.folder)

    def look_on(self, folder: str, *, now: datetime) -> None:
        """Record up to which folder the search has come."""
        values = {"id": 1, "folder": folder, "at": now}
        with self._database.begin() as connection:
            insert_or_replace(connection, schema.inspection, values, key=["id"])


_study, _missing = schema.study, schema.missing_file
_instance, _conflict, _derived, _result = schema.instance, schema.conflict, schema.derived, schema.result
_drawing = schema.drawing
_none = null()


_BEING_READ = (
    select(schema.second_result.c.id)
    .join(_study, _study.c.id == schema.second_result.c.study_id)
    .where(_study.c.study_uid == bindparam("uid"), schema.second_result.c.state == SecondState.RUNNING)
)
_BEING_DRAWN = (
    select(_drawing.c.id)
    .join(_study, _study.c.id == _drawing.c.study_id)
    .where(_study.c.study_uid == bindparam("uid"), _drawing.c.worker.is_not(None))
)


def _of_study(table: Any, path: Any, sha256: Any, size: Any) -> Select[Any]:
    columns = path.label("path"), sha256.label("sha256"), size.label("size_bytes"), table.c.removal_id
    of_study = select(*columns).join(_study, _study.c.id == table.c.study_id)
    return of_study.where(_study.c.study_uid == bindparam("uid"), path.is_not(None))


_OF_STUDY = {
    Kept.INSTANCE: _of_study(_instance, _instance.c.path, _instance.c.sha256, _instance.c.size_bytes),
    Kept.CONFLICT: _of_study(_conflict, _conflict.c.path, _conflict.c.sha256, _none),
    Kept.RESULT: _of_study(_derived, _derived.c.path, _derived.c.sha256, _none),
    Kept.VIEW: _of_study(_result, _result.c.coronal_path, _none, _none),
    Kept.DRAFT: _of_study(_drawing, _drawing.c.draft_path, _none, _none),
}


def kept_files(connection: Connection) -> Iterator[str]:
    """Return where everything lies that a row refers to, a thousand at a time; a path may come twice."""
    for query in (*_EVERY_PATH, _QUARANTINED):
        for row in connection.execute(query).yield_per(1000):
            yield row.path


_EVERY_PATH = [
    select(path.label("path")).where(path.is_not(None), table.c.removal_id.is_(None)).order_by(table.c.id)
    for table, path in (
        (_instance, _instance.c.path),
        (_conflict, _conflict.c.path),
        (_derived, _derived.c.path),
        (_result, _result.c.coronal_path),
        (_drawing, _drawing.c.draft_path),
    )
]
_QUARANTINED = select(schema.quarantine.c.path).where(schema.quarantine.c.removal_id.is_(None))
