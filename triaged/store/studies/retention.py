"""Which files may be deleted, and what a deletion leaves: rows without a file, and a row that says when and why.

First the rows say that the files are gone, then the files go, then the removal is finished; so a crash at any point
leaves files that the next round deletes, and never a row that promises a file. Knows no files itself.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, and_, bindparam, exists, func, insert, or_, select, text, update

from triaged.store.studies.deletable import (
    EVER,
    IDLE,
    IMAGES_OF_IT,
    QUARANTINED,
    TABLES,
    Files,
    Rule,
    due_studies,
    old,
    parameters_of,
    reason,
)
from triaged.store.tables import schema
from triaged.store.tables.columns import Instant
from triaged.store.tables.database import Ledger
from triaged.store.tables.rows import locked_study, record_event
from triaged.study.records import DeliveryState


@dataclass(frozen=True, slots=True)
class Due:
    """Files that a rule lets go: of one study, or one in quarantine, whose path stands for it then.

    `size_bytes` is what rows say, 0 for results. `since` is when the study was done, or the file came.
    """

    name: str
    since: datetime
    files: int
    size_bytes: int


@dataclass(frozen=True, slots=True)
class Removal:
    """A deletion that was begun; `study_uid` is empty for quarantine."""

    number: int
    files: Files
    study_uid: str


class Retention(Ledger):
    """Finds what may go and writes down what went; everything is asked again under the lock of the study."""

    def due(self, rule: Rule, limit: int, *, after: Due | None = None) -> list[Due]:
        """Return what a rule lets go, done the longest first; those that follow `after`."""
        with self._database.read() as connection:
            query = QUARANTINED if rule.files is Files.QUARANTINE else due_studies(rule)
            since = query.selected_columns.since
            parameters: dict[str, Any] = parameters_of(rule)
            if after is not None:
                name = query.selected_columns.name
                query = query.where(
                    or_(
                        since > bindparam("since", type_=Instant()),
                        and_(since == bindparam("since", type_=Instant()), name > bindparam("name")),
                    )
                )
                parameters |= {"since": after.since, "name": after.name}
            rows = connection.execute(query.order_by(since, query.selected_columns.name).limit(limit), parameters)
            return [Due(row.name, row.since, row.files, row.size_bytes or 0) for row in rows]

    def held_back(self, rule: Rule) -> Mapping[str, int]:
        """Return how many studies are old enough for a rule and stay nevertheless, by reason."""
        if rule.files is Files.QUARANTINE:
            return {}
        why_not = reason(rule.files).label("why_not")
        query = select(why_not, func.count().label("studies")).where(old(rule)).group_by("why_not")
        return {row.why_not: row.studies for row in self._rows(query, **parameters_of(rule)) if row.why_not}

    def begin(self, rule: Rule, name: str, *, now: datetime) -> Removal | None:
        """Let the rows of what is due say that its files are gone; None where it is not due any more."""
        with self._database.begin() as connection:
            if rule.files is Files.QUARANTINE:
                return _begin_aside(connection, rule, name, now)
            study = locked_study(connection, name)
            of_it = due_studies(rule).where(_study.c.study_uid == name)
            due = connection.execute(of_it, parameters_of(rule)).first()
            if study is None or due is None:
                return None
            number = _insert(connection, rule, now, study_id=study.id, files=due.files, size_bytes=due.size_bytes or 0)
            for table, path in TABLES[rule.files]:
                mine = (table.c.study_id == study.id, table.c.removal_id.is_(None), path.is_not(None))
                connection.execute(update(table).where(*mine), {"removal_id": number})
            record_event(connection, study, "REMOVED", f"{rule.files} deleted: {rule.why}", now=now)
        return Removal(number, rule.files, name)

    def unfinished(self) -> list[Removal]:
        """Return the deletions that were begun and not finished, the oldest first."""
        query = (
            select(_removal.c.id, _removal.c.kept, _study.c.study_uid)
            .outerjoin(_study, _study.c.id == _removal.c.study_id)
            .where(_removal.c.finished_at.is_(None))
            .order_by(_removal.c.id)
        )
        return [Removal(row.id, Files(row.kept), row.study_uid or "") for row in self._rows(query)]

    def paths(self, removal: Removal) -> list[str]:
        """Return the files of a removal, whether they are still there or not."""
        with self._database.read() as connection:
            return sorted(_paths(connection, removal))

    def a_path(self, study_uid: str) -> str | None:
        """Return where one image of a study is kept; None where none is."""
        query = select(_instance.c.path).join(_study, IMAGES_OF_IT).where(_study.c.study_uid == study_uid).limit(1)
        row = self._row(query)
        return None if row is None else str(row.path)

    @contextmanager
    def deleting(self, removal: Removal, paths: Collection[str]) -> Iterator[Sequence[str] | None]:
        """Give those of some files that nobody needs again, and let nobody begin to until the context ends.

        None while the study is analysed, read or drawn, since the same result may be about to be kept again.
        """
        with self._database.begin() as connection:
            study = locked_study(connection, removal.study_uid) if removal.study_uid else None
            if study is None:
                _lock_quarantine(connection)
            elif removal.files is Files.RESULTS and not connection.execute(IDLE, {"study": study.id}).scalar_one():
                yield None
                return
            gone = _paths(connection, removal).intersection(paths)
            kept = _kept_again(connection, removal.files, None if study is None else study.id, gone)
            yield sorted(gone - kept)

    def finish(self, removal: Removal, *, now: datetime, size_bytes: int = 0) -> None:
        """Record that every file of a removal is gone, and of what size they were where no row says it.

        Where another clock was faster, what it said stands.
        """
        values: dict[str, Any] = {"finished_at": now} | ({"size_bytes": size_bytes} if size_bytes else {})
        with self._database.begin() as connection:
            mine = _removal.c.id == removal.number, _removal.c.finished_at.is_(None)
            connection.execute(update(_removal).where(*mine), values)

    def gone(self, paths: Collection[str], why: str, *, now: datetime) -> None:
        """Let rows say that these files were deleted, where that was known elsewhere only."""
        begun = {"kept": Files.IMAGES, "at": now, "why": why, "files": len(paths), "size_bytes": 0, "finished_at": now}
        if not paths:
            return
        with self._database.begin() as connection:
            number = connection.execute(insert(_removal).returning(_removal.c.id), begun).scalar_one()
            for table, path in (pair for tables in TABLES.values() for pair in tables):
                mine = update(table).where(path.in_(sorted(paths)), table.c.removal_id.is_(None))
                connection.execute(mine, {"removal_id": number})

    def forget(self, before: datetime) -> int:
        """Delete rows that nobody needs for a list, a history or a claim; return how many.

        Associations without a study, answers that were given, and deaths of workers but for the last one.
        """
        parameters = {"before": before}
        with self._database.read() as connection:
            found = sum(int(connection.execute(query, parameters).scalar_one()) for query, _ in _FORGOTTEN)
        if not found:
            return 0
        with self._database.begin() as connection:
            return sum(connection.execute(statement, parameters).rowcount for _, statement in _FORGOTTEN)


def _begin_aside(connection: Connection, rule: Rule, path: str, now: datetime) -> Removal | None:
    """Begin to delete a file in quarantine; each time that it came has a row."""
    rows = connection.execute(select(_aside).where(_aside.c.path == path, _aside.c.removal_id.is_(None))).all()
    promised = [row.promised_at for row in rows if row.promised_at is not None]
    if not rows or max(row.at for row in rows) >= rule.before or max(promised, default=EVER) >= rule.promised_before:
        return None
    number = _insert(connection, rule, now, study_id=None, files=1, size_bytes=rows[0].size_bytes)
    mine = update(_aside).where(_aside.c.path == path, _aside.c.removal_id.is_(None))
    connection.execute(mine, {"removal_id": number})
    return Removal(number, rule.files, "")


def _insert(
    connection: Connection, rule: Rule, now: datetime, *, study_id: int | None, files: int, size_bytes: int
) -> int:
    values = {"study_id": study_id, "kept": rule.files, "at": now, "why": rule.why}
    counted = {"files": files, "size_bytes": size_bytes}
    return int(connection.execute(insert(_removal).returning(_removal.c.id), values | counted).scalar_one())


def _paths(connection: Connection, removal: Removal) -> set[str]:
    found: set[str] = set()
    for table, path in TABLES[removal.files]:
        found.update(connection.execute(select(path).where(table.c.removal_id == removal.number)).scalars())
    return found


def _kept_again(connection: Connection, files: Files, study_id: int | None, paths: set[str]) -> set[str]:
    """Return those paths that a row refers to whose file was not deleted."""
    found: set[str] = set()
    for table, path in TABLES[files]:
        of_study = () if study_id is None else (table.c.study_id == study_id,)
        query = select(path).where(*of_study, table.c.removal_id.is_(None), path.in_(sorted(paths)))
        found.update(connection.execute(query).scalars())
    return found


def _lock_quarantine(connection: Connection) -> None:
    """Keep receivers from recording what they put into quarantine; SQLite has one writer anyway."""
    if connection.dialect.name == "postgresql":
        connection.execute(text("LOCK TABLE quarantine IN SHARE ROW EXCLUSIVE MODE"))


_study, _removal, _aside, _instance = schema.study, schema.removal, schema.quarantine, schema.instance
_before = bindparam("before", type_=Instant())
_association, _link = schema.association, schema.association_study
_report, _death = schema.commitment_report, schema.worker_death
_FORGOTTEN = tuple(
    (select(func.count()).select_from(table).where(condition), table.delete().where(condition))
    for table, condition in (
        (
            _association,
            and_(_association.c.closed_at < _before, ~exists().where(_link.c.association_id == _association.c.id)),
        ),
        (_report, and_(_report.c.state == DeliveryState.SENT, _report.c.sent_at < _before)),
        (_death, and_(_death.c.at < _before, _death.c.id < select(func.max(_death.c.id)).scalar_subquery())),
    )
)
