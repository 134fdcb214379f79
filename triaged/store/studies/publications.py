"""What was published of studies, now and before, and the earlier study that a new one is compared with.

Reads only.
"""

from __future__ import annotations

from itertools import zip_longest
from typing import Any

from sqlalchemy import Connection, Row, bindparam, func, or_, select

from triaged.store.studies.history import derived_object
from triaged.store.tables import schema
from triaged.store.tables.database import Ledger
from triaged.store.tables.findings import findings_of
from triaged.store.tables.moments import interval
from triaged.store.tables.views import ResultRecord
from triaged.study.finding import Finding
from triaged.study.kinds import KINDS
from triaged.study.lifecycle import State
from triaged.study.patients import Contradicting, Identity, contradiction, is_other_issuer
from triaged.study.ranking import TriageClass
from triaged.study.records import DerivedObject, ObjectSet, Prior, Publication

_PRIORS_SEEN = 50
"""So many are looked at for one with a date; of one identity there may be thousands where a site anonymises."""


class Publications(Ledger):
    """What the workers ask before they publish, and people afterwards."""

    def publication(self, study_uid: str) -> Publication | None:
        """Return the current set of a study, or None where nothing was published yet."""
        with self._database.read() as connection:
            results = connection.execute(_RESULTS, {"uid": study_uid}).all()
            if not results:
                return None
            reports = _reports_by_set(connection, study_uid)
        by_set = {row.object_set_uid: row for row in results}
        in_force = results[-1]
        return Publication(
            ObjectSet(in_force.basis, in_force.object_set_uid, in_force.set_revision, in_force.follows),
            _last_reports(in_force.object_set_uid, by_set, reports),
            _last_reports(in_force.follows, by_set, reports),
            in_force.revision < in_force.study_revision or in_force.state == in_force.outcome,
        )

    def view(self, study_uid: str) -> tuple[str, str] | None:
        """Return the object set of the current result and where the spool keeps its view; None where it keeps none."""
        query = (
            select(_result.c.object_set_uid, _result.c.coronal_path)
            .join(_study, _study.c.result_id == _result.c.id)
            .where(_study.c.study_uid == study_uid, _result.c.coronal_path.is_not(None))
            .where(_result.c.removal_id.is_(None))
        )
        row = self._row(query)
        return None if row is None else (row.object_set_uid, row.coronal_path)

    def prior(self, study_uid: str) -> Prior | None:
        """Return the last scored study of the same patient before this one."""
        return next(iter(self.priors(study_uid)), None)

    def priors(self, study_uid: str) -> list[Prior]:
        """Return the scored studies of the same patient before this one, the last one first.

        The same patient: the same Patient ID, and nothing that contradicts it (`study.patients`). Before: by the
        study's date, and on one date by its time to the second; a study without a date has no prior, and is none. Only
        the last few.
        """
        with self._database.read() as connection:
            own = [row for row in _of_one_id(connection, study_uid) if not contradiction(*_identities(row))]
            findings = findings_of(connection, own)
        return [_prior(row, findings[row.id]) for row in own]

    def contradicting(self, study_uid: str) -> Contradicting | None:
        """Return the last scored study of the same Patient ID before this one whose patient is another one, or None."""
        with self._database.read() as connection:
            rows = _of_one_id(connection, study_uid)
        found = ((row, contradiction(*_identities(row))) for row in rows)
        return next((Contradicting(row.study_uid, row.study_date, why) for row, why in found if why), None)

    def results(self, study_uid: str) -> list[ResultRecord]:
        """Return every set of results of a study, the oldest first; the last one is current.

        A set that was made again without a change is there once, as it was made last.
        """
        sets = list({row.object_set_uid: row for row in self._rows(_RESULTS, uid=study_uid)}.values())
        later = [row.set_revision for row in sets[1:]]
        return [_record(row, superseded_by) for row, superseded_by in zip_longest(sets, later)]


def _of_one_id(connection: Connection, study_uid: str) -> list[Any]:
    """Return the studies of the same ID of the same issuer before a study, the last one first."""
    rows = connection.execute(_PRIORS, {"uid": study_uid}).all()
    dated = (row for row in rows if _is_date(row.study_date) and _is_date(row.later_date))
    return [row for row in dated if not is_other_issuer(*_identities(row))]


def _identities(row: Any) -> tuple[Identity, Identity]:
    """Return what both studies say of their patient, the later one first."""
    later = row.later_issuer, row.later_birth_date, row.later_sex, row.later_name
    return Identity(*later), Identity(
        row.issuer_of_patient_id, row.patient_birth_date, row.patient_sex, row.patient_name
    )


def _reports_by_set(connection: Connection, study_uid: str) -> dict[str, list[DerivedObject]]:
    found: dict[str, list[DerivedObject]] = {}
    kinds = [kind.name for kind in KINDS.values() if kind.is_report]
    for row in connection.execute(_REPORTS_OF, {"uid": study_uid, "kinds": kinds}):
        found.setdefault(row.object_set_uid, []).append(derived_object(row))
    return found


def _last_reports(
    uid: str, by_set: dict[str, Row[Any]], reports: dict[str, list[DerivedObject]]
) -> tuple[DerivedObject, ...]:
    """Return the reports of a set, or of the last one before it that has any; a chain of sets never closes."""
    while uid in by_set and uid not in reports:
        uid = by_set[uid].follows
    return tuple(reports.get(uid, ()))


def _record(row: Row[Any], superseded_by: int | None) -> ResultRecord:
    return ResultRecord(
        revision=row.set_revision,
        at=row.at,
        outcome=State(row.outcome),
        algorithm=row.model,
        urgency=row.urgency,
        triage_class=TriageClass(row.triage_class),
        reason=row.reason,
        superseded_by_revision=superseded_by,
        configuration=row.configuration,
    )


def _is_date(text: str) -> bool:
    return len(text) == 8 and text.isascii() and text.isdecimal()


def _prior(row: Row[Any], finding: Finding) -> Prior:
    return Prior(
        study_uid=row.study_uid,
        study_date=row.study_date,
        object_set_uid=row.object_set_uid,
        algorithm=row.model,
        finding=finding,
        coronal_path=row.coronal_path if row.removal_id is None else None,
        interval=interval((row.later_date, row.later_time), (row.study_date, row.study_time)),
        result_id=row.id,
    )


_study, _result, _derived = schema.study, schema.result, schema.derived
_RESULTS = (
    select(_result, _study.c.revision.label("study_revision"), _study.c.state)
    .join(_study, _study.c.id == _result.c.study_id)
    .where(_study.c.study_uid == bindparam("uid"))
    .order_by(_result.c.id)
)
_REPORTS_OF = (
    select(_derived, _result.c.object_set_uid)
    .join(_study, _study.c.id == _derived.c.study_id)
    .join(_result, _result.c.id == _derived.c.result_id)
    .where(
        _study.c.study_uid == bindparam("uid"),
        _derived.c.kind.in_(bindparam("kinds", expanding=True)),
        _derived.c.second_result_id.is_(None),
        _derived.c.removal_id.is_(None),
    )
    .order_by(_derived.c.id)
)


def _second(time: Any) -> Any:
    """Return a time of day (PS3.5 6.2, TM) to the second, all of one length so that they compare as texts."""
    return func.substr(func.replace(time, ":", "") + "000000", 1, 6)


_later = _study.alias("later")
_PRIORS = (
    select(
        _study.c.study_uid,
        _study.c.study_date,
        _study.c.study_time,
        *(_study.c[name] for name in ("issuer_of_patient_id", "patient_birth_date", "patient_sex", "patient_name")),
        _later.c.issuer_of_patient_id.label("later_issuer"),
        _later.c.patient_birth_date.label("later_birth_date"),
        _later.c.patient_sex.label("later_sex"),
        _later.c.patient_name.label("later_name"),
        _later.c.study_date.label("later_date"),
        _later.c.study_time.label("later_time"),
        _result,
    )
    .join(_result, _result.c.id == _study.c.result_id)
    .join(_later, _later.c.patient_key == _study.c.patient_key)
    .where(
        _later.c.study_uid == bindparam("uid"),
        _study.c.id != _later.c.id,
        or_(
            _study.c.study_date < _later.c.study_date,
            (_study.c.study_date == _later.c.study_date)
            & (_study.c.study_time != "")
            & (_second(_study.c.study_time) < _second(_later.c.study_time)),
        ),
        _result.c.outcome == State.TRIAGED,
    )
    .order_by(_study.c.study_date.desc(), _second(_study.c.study_time).desc(), _study.c.id.desc())
    .limit(_PRIORS_SEEN)
)
