"""The studies whose results readers called wrong, with where their images are kept; reads only."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import select

from triaged.store.listing.verdicts import Verdicts
from triaged.store.studies.history import History
from triaged.store.tables import schema
from triaged.store.tables.database import Database, Ledger
from triaged.study.records import Instance
from triaged.study.verdict import Said, Verdict

_MOST = 1_000_000


@dataclass(frozen=True, slots=True)
class MarkedStudy:
    """One study that somebody calls wrong, with everything that people say of its results now, the oldest first.

    `patient_key` is the same for studies of one patient, None where that is not known. `read` are the instances of the
    series that was read.
    """

    study_uid: str
    patient_key: str | None
    said: tuple[Said, ...]
    read: tuple[Instance, ...]


class Marked(Ledger):
    """What can become cases of an evaluation."""

    def __init__(self, database: Database) -> None:
        super().__init__(database)
        self._verdicts = Verdicts(database)
        self._history = History(database)

    def since(self, at: datetime) -> list[MarkedStudy]:
        """Return the studies of which somebody said since a time, and says now, anything but that they agree."""
        by_study: dict[str, list[Said]] = {}
        for said in self._verdicts.since(at, most=_MOST):
            by_study.setdefault(said.study_uid, []).append(said)
        wrong = {uid: said for uid, said in by_study.items() if any(each.verdict is not Verdict.AGREE for each in said)}
        return [self._marked(uid, said) for uid, said in wrong.items()]

    def _marked(self, uid: str, said: list[Said]) -> MarkedStudy:
        study, result = schema.study, schema.result
        row = self._row(
            select(study.c.patient_key, result.c.chosen_series_uid)
            .outerjoin(result, result.c.id == study.c.result_id)
            .where(study.c.study_uid == uid)
        )
        chosen = None if row is None else row.chosen_series_uid
        read = [each for each in self._history.instances(uid) if each.series_uid.value == chosen]
        return MarkedStudy(uid, None if row is None else row.patient_key, tuple(said), tuple(read))
