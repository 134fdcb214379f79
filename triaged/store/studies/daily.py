"""How many studies came from each scanner on each day, and what became of them; for charts, without a patient.

Reads only. Days are those of the first instance, in UTC.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import bindparam, func, select

from triaged.store.tables import schema
from triaged.store.tables.database import Ledger
from triaged.store.tables.elapsed import days_since
from triaged.study.lifecycle import State
from triaged.study.ranking import TriageClass

_NOT_FLAGGED = frozenset({TriageClass.NOT_FLAGGED, TriageClass.UNSCORED})


@dataclass(frozen=True, slots=True)
class DayCount:
    """The studies of one scanner that came on one day.

    `flagged` are those of `scored` above not flagged; an emergency order counts in neither, for its class says nothing
    of its images. `failed` are those of `ended` that could not be read; what was declined counts in neither.
    """

    arrived: int = 0
    scored: int = 0
    flagged: int = 0
    ended: int = 0
    failed: int = 0


class Daily(Ledger):
    """Counts by scanner and day."""

    def since(self, midnight: datetime, until: datetime) -> Mapping[str, Mapping[int, DayCount]]:
        """Return the counts of each scanner by the day after `midnight`, 0 first, of days with a study.

        A scanner that images do not name, or whose study has no result yet, is empty. Studies that a rule ignores do
        not count.
        """
        found: dict[str, dict[int, DayCount]] = {}
        for day, device, outcome, triage_class, number in map(tuple, self._rows(_BY_DAY, since=midnight, until=until)):
            days = found.setdefault(device or "", {})
            days[day] = _added(days.get(day, DayCount()), outcome, triage_class, number)
        return found


def _added(before: DayCount, outcome: str | None, triage_class: str | None, number: int) -> DayCount:
    is_scored = outcome == State.TRIAGED
    counts = number if is_scored and triage_class != TriageClass.EMERGENCY else 0
    failed = number if outcome == State.FAILED else 0
    return DayCount(
        before.arrived + number,
        before.scored + counts,
        before.flagged + (counts if triage_class not in _NOT_FLAGGED else 0),
        before.ended + failed + (number if is_scored else 0),
        before.failed + failed,
    )


_study, _result = schema.study, schema.result
_since, _until = (bindparam(name, type_=_study.c.first_instance_at.type) for name in ("since", "until"))
_day = days_since(_study.c.first_instance_at, _since).label("day")
_BY_DAY = (
    select(_day, _result.c.device, _result.c.outcome, _result.c.triage_class, func.count())
    .outerjoin(_result, _result.c.id == _study.c.result_id)
    .where(_study.c.first_instance_at >= _since, _study.c.first_instance_at < _until, _study.c.ignored == 0)
    .group_by(_day, _result.c.device, _result.c.outcome, _result.c.triage_class)
)
