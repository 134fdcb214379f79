"""What second engines found, for pages, programs and the overview. Reads only."""

from __future__ import annotations

import json
from typing import Any

from sqlalchemy import Row, bindparam, case, func, select

from triaged.store.tables import schema
from triaged.store.tables.database import Ledger
from triaged.store.tables.findings import findings_of
from triaged.study.agreement import Agreement, Disagreement
from triaged.study.assessment import Reason, ReasonCode
from triaged.study.finding import Finding
from triaged.study.records import Strike
from triaged.study.second import SecondCount, SecondFailed, SecondOutcome, SecondRead, SecondRecord, SecondState


class SecondResults(Ledger):
    """What second engines found beside current results, and how they compare over all studies."""

    def of_study(self, study_uid: str) -> list[SecondRecord]:
        """Return what is known of every second engine and the current result of a study, in the order of settings."""
        with self._database.read() as connection:
            rows = connection.execute(_OF_STUDY, {"uid": study_uid}).all()
            findings = findings_of(connection, rows, schema.second_measurement)
        return [_record(row, findings.get(row.id)) for row in rows]

    def counts(self) -> list[SecondCount]:
        """Return how often each version of an engine read, disagreed and failed, by device, whatever came after."""
        return [
            SecondCount(row.model, row.device or "", int(row.read), int(row.disagreed), int(row.failed))
            for row in self._rows(_COUNTS)
        ]


def _record(row: Row[Any], finding: Finding | None) -> SecondRecord:
    strikes = tuple(Strike(*each) for each in json.loads(row.strikes))
    return SecondRecord(
        row.name, SecondState(row.state), row.attempts, strikes, row.at, _outcome(row, finding), row.configuration
    )


def _outcome(row: Row[Any], finding: Finding | None) -> SecondOutcome | None:
    if row.state == SecondState.FAILED:
        return SecondFailed(row.model, Reason(ReasonCode(row.reason_code), row.reason_detail))
    if row.state != SecondState.READ or finding is None:
        return None
    disagreements = tuple(Disagreement(each) for each in json.loads(row.disagreements))
    return SecondRead(row.model, finding, Agreement(row.points, row.part, row.overlap, disagreements))


_second, _study = schema.second_result, schema.study
_OF_STUDY = (
    select(_second)
    .join(_study, _study.c.result_id == _second.c.result_id)
    .where(_study.c.study_uid == bindparam("uid"))
    .order_by(_second.c.id)
)


def _number(condition: Any) -> Any:
    return func.sum(case((condition, 1), else_=0))


_COUNTS = (
    select(
        _second.c.model,
        _second.c.device,
        _number(_second.c.state == SecondState.READ).label("read"),
        _number(_second.c.disagreements != "[]").label("disagreed"),
        _number(_second.c.state == SecondState.FAILED).label("failed"),
    )
    .where(_second.c.state.in_([SecondState.READ, SecondState.FAILED]))
    .group_by(_second.c.model, _second.c.device)
    .order_by(_second.c.model, _second.c.device)
)
