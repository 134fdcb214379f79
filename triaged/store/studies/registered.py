"""Everything of each study that a registry is made of, as the store has it; reads only, and hides nothing.

What leaves the site of it, and how a patient is named there, is for `steps.registry` to say.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from sqlalchemy import Row, bindparam, case, select

from triaged.store.listing.readings import OPENED, TAKEN
from triaged.store.tables import schema
from triaged.store.tables.database import Ledger
from triaged.store.tables.elapsed import seconds_since
from triaged.store.tables.modalities import modalities_of
from triaged.store.tables.rows import header_of
from triaged.study.assessment import ReasonCode
from triaged.study.facts import StudyFacts, age_in_years, plain_date
from triaged.study.finding import QualityFlag
from triaged.study.lifecycle import State
from triaged.study.ranking import RequestPriority, TriageClass
from triaged.study.read_state import ReadState


@dataclass(frozen=True, slots=True)
class SamePatient:
    """What is equal for studies of one patient: digest of the Patient ID, its issuer, the birth date. Never leaves."""

    patient_key: str
    issuer: str
    birth_date: str


@dataclass(frozen=True, slots=True)
class Scores:
    """The result of a study: what read it, and what it found; None where there is no score, or no such number."""

    outcome: State
    reason: ReasonCode | None
    model: str
    scheme: str
    set_revision: int
    triage_class: TriageClass
    severity: float | None
    probability: float | None
    threshold: float | None
    grade: int | None
    quality: tuple[QualityFlag, ...]
    device: str


@dataclass(frozen=True, slots=True)
class RegisteredStudy:
    """One study: who it is of, what it is, what was found, and when readers had it, in seconds after the last slice.

    `patient` is None where no Patient ID is known, `study_date` where none is that can be one; `kernel` and `slice_mm`
    are of the series that was read.
    """

    study_id: int
    study_uid: str
    patient: SamePatient | None
    study_date: date | None
    age_years: float | None
    sex: str
    modalities: tuple[str, ...]
    order_priority: RequestPriority
    instances: int
    state: State
    scores: Scores | None
    kernel: str
    slice_mm: float | None
    opened_s: float | None
    done_s: float | None


class Registered(Ledger):
    """The studies of a registry."""

    def since(self, at: datetime) -> list[RegisteredStudy]:
        """Return the studies that began to arrive since a time, in this order; but for those that a rule ignores."""
        return [_study_of(row) for row in self._rows(_SINCE, since=at)]

    def first_dates(self) -> Mapping[SamePatient, date]:
        """Return the earliest date of a study of each patient, of all that are known here."""
        found: dict[SamePatient, date] = {}
        for row in self._rows(_DATES):
            patient, day = _patient(row), plain_date(row.study_date)
            if patient is not None and day is not None:
                found[patient] = min(day, found.get(patient, day))
        return found


def _study_of(row: Row[Any]) -> RegisteredStudy:
    header = None if row.image is None else header_of(row.image)
    facts = StudyFacts.of_text(row.facts) if row.facts else StudyFacts()
    study_date = plain_date(row.study_date)
    age = facts.age_years
    if age is None:
        age = age_in_years("", plain_date(row.patient_birth_date), study_date)
    return RegisteredStudy(
        study_id=row.id,
        study_uid=row.study_uid,
        patient=_patient(row),
        study_date=study_date,
        age_years=age,
        sex=row.patient_sex,
        modalities=modalities_of(row.modalities),
        order_priority=RequestPriority(row.order_priority),
        instances=row.instances,
        state=State(row.state),
        scores=None if row.outcome is None else _scores(row),
        kernel="" if header is None else header.convolution_kernel or "",
        slice_mm=None if header is None else header.slice_thickness_mm,
        opened_s=_first((row.opened_s, row.taken_s)),
        done_s=row.done_s,
    )


def _patient(row: Row[Any]) -> SamePatient | None:
    if row.patient_key is None:
        return None
    born = "".join(letter for letter in row.patient_birth_date if letter.isdigit())
    return SamePatient(row.patient_key, row.issuer_of_patient_id.strip().casefold(), born)


def _scores(row: Row[Any]) -> Scores:
    return Scores(
        outcome=State(row.outcome),
        reason=None if row.reason_code is None else ReasonCode(row.reason_code),
        model=row.model,
        scheme=row.scheme,
        set_revision=row.set_revision,
        triage_class=TriageClass(row.triage_class),
        severity=row.urgency,
        probability=row.probability,
        threshold=row.threshold,
        grade=row.grade,
        quality=tuple(QualityFlag(each) for each in json.loads(row.quality)),
        device=row.device or "",
    )


def _first(moments: Iterable[float | None]) -> float | None:
    return min((each for each in moments if each is not None), default=None)


_since = bindparam("since", type_=schema.study.c.first_instance_at.type)
_study, _result, _instance = schema.study, schema.result, schema.instance
_PATIENT = (_study.c.patient_key, _study.c.issuer_of_patient_id, _study.c.patient_birth_date, _study.c.study_date)
_HEADER = (
    select(_instance.c.image)
    .where(_instance.c.study_id == _study.c.id, _instance.c.series_uid == _result.c.chosen_series_uid)
    .limit(1)
    .scalar_subquery()
)
_DONE = case((_study.c.read_state == ReadState.DONE, _study.c.read_at))
_SINCE = (
    select(
        *(_study.c.id, _study.c.study_uid, *_PATIENT, _study.c.patient_sex, _study.c.facts, _study.c.modalities),
        *(_study.c.order_priority, _study.c.instances, _study.c.state),
        *(_result.c.outcome, _result.c.reason_code, _result.c.model, _result.c.scheme, _result.c.set_revision),
        *(_result.c.triage_class, _result.c.urgency, _result.c.probability, _result.c.threshold, _result.c.grade),
        *(_result.c.quality, _result.c.device, _HEADER.label("image")),
        *(
            seconds_since(at, _study.c.last_instance_at).label(name)
            for name, at in (("opened_s", OPENED), ("taken_s", TAKEN), ("done_s", _DONE))
        ),
    )
    .outerjoin(_result, _result.c.id == _study.c.result_id)
    .where(_study.c.first_instance_at >= _since, _study.c.ignored == 0)
    .order_by(_study.c.id)
)
_DATES = select(*_PATIENT).distinct()
