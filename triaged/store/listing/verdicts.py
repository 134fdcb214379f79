"""What readers say of results: each word once, with who and when and what it was about.

Nothing here changes a study: a verdict moves nothing and changes no score.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, Connection, FromClause, Row, Select, bindparam, func, insert, select

from triaged.errors import ActionRefused
from triaged.store.tables import schema
from triaged.store.tables.database import Ledger
from triaged.store.tables.rows import known_study
from triaged.study.lifecycle import State
from triaged.study.ranking import Override, TriageClass
from triaged.study.verdict import Judged, Said, Verdict, require_person

_TAKE_BACK = "verdict: expected one of yours about this result"


@dataclass(frozen=True, slots=True)
class VerdictCount:
    """How often a verdict was given on results of a class, of images of a device, by a model."""

    triage_class: TriageClass
    device: str
    model: str
    verdict: Verdict
    number: int


class Verdicts(Ledger):
    """What the pages write and show.

    Raises:
        UnknownStudy: there is no such study.
        ActionRefused: it has no score, another result than the person saw, or there is nothing to take back.
    """

    def say(
        self, study_uid: str, verdict: Verdict, person: str, *, note: str, revision: int | None, now: datetime
    ) -> Said:
        """Keep what a person says of the current result; a later word of the same person takes the place of this one.

        `revision` is the set of results that the person saw, None where that is not known. The same word with the same
        note said again changes nothing and gets the first one.
        """
        require_person(person)
        with self._database.begin() as connection:
            study = known_study(connection, study_uid)
            result = _current(connection, study, revision)
            before = _standing(connection, study, result, person)
            if before is not None and (before.verdict, before.note) == (verdict, note):
                return _said(before, study_uid, stands=True)
            judged = _judged(study, result)
            said = {"person": person, "at": now, "verdict": verdict, "note": note, "undoes": None}
            number = _write(connection, study, result.id, judged, said)
        return Said(number, study_uid, now, person, verdict, note, judged, stands=True)

    def take_back(self, study_uid: str, person: str, *, revision: int | None, now: datetime) -> Said:
        """Take back what a person said last of the current result; what they said before that counts again."""
        require_person(person)
        with self._database.begin() as connection:
            study = known_study(connection, study_uid)
            result = _current(connection, study, revision)
            last = _standing(connection, study, result, person)
            if last is None:
                raise ActionRefused(f"{_TAKE_BACK}, found none")
            said = {"person": person, "at": now, "verdict": last.verdict, "note": last.note, "undoes": last.id}
            judged = _judged_then(last)
            number = _write(connection, study, last.result_id, judged, said)
        return Said(number, study_uid, now, person, Verdict(last.verdict), last.note, judged, takes_back=True)

    def of_study(self, study_uid: str) -> list[Said]:
        """Return everything that was said of a study's results and taken back, the oldest first."""
        return _told(self._rows(_OF_STUDY, uid=study_uid))

    def counts(self, since: datetime) -> list[VerdictCount]:
        """Return how often what was said since a time, of verdicts that stand."""
        rows = self._rows(_COUNTS, since=since)
        return [
            VerdictCount(TriageClass(row.triage_class), row.device, row.model, Verdict(row.verdict), row.number)
            for row in rows
        ]

    def since(self, at: datetime, *, most: int) -> list[Said]:
        """Return the verdicts since a time that stand, the oldest first; the last `most` words are looked at."""
        rows = self._rows(_SINCE, since=at, most=most)
        return [said for said in _told(rows[::-1]) if said.stands]


def _current(connection: Connection, study: Row[Any], revision: int | None) -> Row[Any]:
    """Return the current result, which must have a score and be the one that the person saw."""
    if study.result_id is None:
        raise ActionRefused("verdict: expected a study with a current result, found one that has none yet")
    result = connection.execute(_RESULT, {"result": study.result_id}).one()
    if result.outcome != State.TRIAGED:
        raise ActionRefused(f"verdict: expected a result with a score, found {result.reason}")
    if revision not in (None, result.set_revision):
        raise ActionRefused(
            f"verdict: expected the current result, revision {result.set_revision}, found one about revision "
            f"{revision}: look at the new result first"
        )
    return result


def _judged(study: Row[Any], result: Row[Any]) -> Judged:
    """Return what a verdict is about; the class is the one on the list, unless somebody pinned the study."""
    shown = result.triage_class if study.override == Override.PIN else study.triage_class
    return Judged(result.set_revision, result.model, TriageClass(shown), result.device)


def _judged_then(row: Row[Any]) -> Judged:
    return Judged(row.set_revision, row.model, TriageClass(row.triage_class), row.device)


def _standing(connection: Connection, study: Row[Any], result: Row[Any], person: str) -> Row[Any] | None:
    found = {"study": study.id, "revision": result.set_revision, "person": person}
    return connection.execute(_STANDING, found).one_or_none()


def _write(connection: Connection, study: Row[Any], result_id: int, judged: Judged, said: dict[str, Any]) -> int:
    about = {
        "study_id": study.id,
        "result_id": result_id,
        "set_revision": judged.revision,
        "model": judged.model,
        "triage_class": judged.triage_class,
        "device": judged.device,
    }
    return int(connection.execute(_SAY, {**about, **said}).scalar_one())


def _told(rows: Sequence[Row[Any]]) -> list[Said]:
    """Return rows in their order, with those marked that count."""
    undone = {row.undoes for row in rows}
    last = {
        (row.study_id, row.set_revision, row.person): row.id
        for row in rows
        if row.undoes is None and row.id not in undone
    }
    stand = set(last.values())
    return [_said(row, row.study_uid, stands=row.id in stand) for row in rows]


def _said(row: Row[Any], study_uid: str, *, stands: bool) -> Said:
    about = _judged_then(row)
    back = row.undoes is not None
    return Said(row.id, study_uid, row.at, row.person, Verdict(row.verdict), row.note, about, back, stands)


def _is_word(table: FromClause) -> ColumnElement[bool]:
    """Return what is true of verdicts, and not of rows that take one back.

    Not `IS NULL`: SQLite would look through nearly all rows by the index of `undoes`.
    """
    return func.coalesce(table.c.undoes, 0) == 0


_verdict, _study, _result = schema.verdict, schema.study, schema.result
_back = _verdict.alias("back")
_SAY = insert(_verdict).returning(_verdict.c.id)
_RESULT = select(_result).where(_result.c.id == bindparam("result"))
_STANDING = (
    select(_verdict)
    .where(
        _verdict.c.study_id == bindparam("study"),
        _verdict.c.set_revision == bindparam("revision"),
        _verdict.c.person == bindparam("person", type_=_verdict.c.person.type),
        _is_word(_verdict),
        ~select(_back.c.id).where(_back.c.undoes == _verdict.c.id).exists(),
    )
    .order_by(_verdict.c.id.desc())
    .limit(1)
)
_later, _back_later = _verdict.alias("later"), _verdict.alias("back_later")
_is_replaced = (
    select(_later.c.id)
    .where(
        _later.c.study_id == _verdict.c.study_id,
        _later.c.set_revision == _verdict.c.set_revision,
        _later.c.person == _verdict.c.person,
        _later.c.id > _verdict.c.id,
        _is_word(_later),
        ~select(_back_later.c.id).where(_back_later.c.undoes == _later.c.id).exists(),
    )
    .exists()
)
_groups = (_verdict.c.triage_class, _verdict.c.device, _verdict.c.model, _verdict.c.verdict)
_COUNTS = (
    select(*_groups, func.count().label("number"))
    .where(
        _verdict.c.at >= bindparam("since", type_=_verdict.c.at.type),
        _is_word(_verdict),
        ~select(_back.c.id).where(_back.c.undoes == _verdict.c.id).exists(),
        ~_is_replaced,
    )
    .group_by(*_groups)
)
_ALL: Select[Any] = select(_verdict, _study.c.study_uid).join(_study, _study.c.id == _verdict.c.study_id)
_OF_STUDY = _ALL.where(_study.c.study_uid == bindparam("uid")).order_by(_verdict.c.id)
_SINCE = (
    _ALL.where(_verdict.c.at >= bindparam("since", type_=_verdict.c.at.type))
    .order_by(_verdict.c.id.desc())
    .limit(bindparam("most"))
)
