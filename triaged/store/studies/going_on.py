"""What goes on at this moment: who delivers, which studies are on their way, and since when. Reads only; no patient."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import bindparam, func, select

from triaged.store.tables import schema
from triaged.store.tables.database import Ledger
from triaged.study.lifecycle import Event, State
from triaged.study.process import stable_part


@dataclass(frozen=True, slots=True)
class OpenAssociation:
    """Somebody who delivers, and how many instances they have so far."""

    calling_ae_title: str
    peer: str
    receiver: str
    opened_at: datetime
    instances: int


@dataclass(frozen=True, slots=True)
class OnItsWay:
    """A study that has no result of what came last; `since` is when its state began, `worker` who has it."""

    study_uid: str
    state: State
    instances: int
    since: datetime
    worker: str


class GoingOn(Ledger):
    """The present, for administrators."""

    def associations(self) -> list[OpenAssociation]:
        """Return who delivers, the longest first."""
        return [
            OpenAssociation(
                row.calling_ae_title, row.peer, stable_part(row.receiver), row.opened_at, int(row.instances)
            )
            for row in self._rows(_OPEN)
        ]

    def studies(self, state: State, limit: int) -> list[OnItsWay]:
        """Return the studies in a state, the longest first."""
        return [
            OnItsWay(
                row.study_uid, state, row.instances, row.since or row.last_instance_at, stable_part(row.worker or "")
            )
            for row in self._rows(_STUDIES.limit(limit), state=state.value, began=_BEGAN[state])
        ]


_BEGAN = {State.RECEIVING: Event.INSTANCE_ADDED, State.READY: Event.COMPLETE, State.ANALYSING: Event.CLAIMED}
_study, _event, _association, _link = schema.study, schema.event, schema.association, schema.association_study
_OPEN = (
    select(
        _association.c.calling_ae_title,
        _association.c.peer,
        _association.c.receiver,
        _association.c.opened_at,
        func.coalesce(func.sum(_link.c.instances), 0).label("instances"),
    )
    .outerjoin(_link, _link.c.association_id == _association.c.id)
    .where(_association.c.closed_at.is_(None))
    .group_by(_association.c.id)
    .order_by(_association.c.opened_at, _association.c.id)
)
_since = (
    select(func.max(_event.c.at))
    .where(_event.c.study_id == _study.c.id, _event.c.event == bindparam("began"))
    .scalar_subquery()
)
_STUDIES = (
    select(_study.c.study_uid, _study.c.instances, _study.c.worker, _study.c.last_instance_at, _since.label("since"))
    .where(_study.c.state == bindparam("state"))
    .order_by(_study.c.last_instance_at, _study.c.id)
)
