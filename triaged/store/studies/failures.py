"""Studies that failed by what was around them, not by themselves. Reads only."""

from __future__ import annotations

from sqlalchemy import select

from triaged.store.tables import schema
from triaged.store.tables.database import Ledger
from triaged.study.assessment import ReasonCode
from triaged.study.lifecycle import Event, State

_OUTAGES = (
    "the spool's file system refused",
    "the database is away",
    "expected to read ",
    "expected the database file",
    "expected a free database connection",
    "expected at least ",
)
"""How causes begin that earlier versions counted against a study, though something that it needs was away."""


class Failures(Ledger):
    """What may be queued again once the cause is gone."""

    def with_lost_files(self) -> list[str]:
        """Return the studies that failed because a file was gone or could not be read."""
        return self._failed(ReasonCode.FILE_LOST)

    def from_outages(self) -> list[str]:
        """Return the studies that an earlier version gave up after attempts that ended for nothing but outages."""
        return [uid for uid in self._failed(ReasonCode.GAVE_UP) if self._only_outages(uid)]

    def _failed(self, code: ReasonCode) -> list[str]:
        query = (
            select(_study.c.study_uid)
            .join(_result, _result.c.id == _study.c.result_id)
            .where(_study.c.state == State.FAILED, _result.c.reason_code == code)
            .order_by(_study.c.sort_key)
        )
        return [str(row.study_uid) for row in self._rows(query)]

    def _only_outages(self, study_uid: str) -> bool:
        query = (
            select(_event.c.detail)
            .join(_study, _study.c.id == _event.c.study_id)
            .where(
                _study.c.study_uid == study_uid,
                _event.c.revision == _study.c.revision,
                _event.c.event == Event.RETRY_LATER,
            )
        )
        causes = [str(row.detail) for row in self._rows(query)]
        return bool(causes) and all(cause.startswith(_OUTAGES) for cause in causes)


_study, _result, _event = schema.study, schema.result, schema.event
