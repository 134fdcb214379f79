"""Puts times right that a clock wrote which was ahead: what lies in the future by more than anything may.

A lease, a wait or an arrival beyond that holds up its row until the clock has come there, for an hour or a day. The
other direction holds up nothing: what lies too far in the past is due, and a study that seems to wait for long rises.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import ColumnElement, Connection, Row, bindparam, or_, select, update

from triaged.store.couriers.answers import Answers
from triaged.store.couriers.notifications import Notifications
from triaged.store.couriers.outbox import Outbox
from triaged.store.listing import order
from triaged.store.listing.rankings import placed
from triaged.store.posting.drawing import DRAWINGS
from triaged.store.posting.seconding import SECONDS
from triaged.store.studies.claims import STUDIES
from triaged.store.tables import schema
from triaged.store.tables.columns import Instant
from triaged.store.tables.database import Ledger
from triaged.store.tables.rows import record_event
from triaged.study.lifecycle import State
from triaged.study.ranking_input import RankingPolicy

_LEASED = (STUDIES, SECONDS, DRAWINGS, Outbox.leases, Notifications.leases, Answers.leases)
_SKEW = timedelta(seconds=60)
"""How far apart the clocks of the machines of one daemon may be."""
_NO_LIMIT_S = 1e8
CAUSE = "its times were ahead of the clock"


@dataclass(frozen=True, slots=True)
class Longest:
    """The longest leases, of a study and of what is delivered, and the longest wait of the settings, in seconds."""

    study_lease_s: float
    delivery_lease_s: float
    wait_s: float

    @property
    def lease_s(self) -> float:
        """Return the longest of all leases."""
        return max(self.study_lease_s, self.delivery_lease_s)


class ClockSteps(Ledger):
    """What the clock does every few seconds, mostly in vain."""

    def put_right(self, longest: Longest, *, ranking: RankingPolicy, now: datetime) -> int:
        """Treat times ahead of the clock as if they had been written now; return how many rows had one.

        A lease runs from now on, so that whoever has the row keeps it; a wait is over; a study arrived, or was
        complete, now, and gets its place by that.
        """
        at_most = {"lease_at_most": _beyond(now, longest.lease_s), "wait_at_most": _beyond(now, longest.wait_s)}
        found = 0
        with self._database.begin() as connection:
            for leases in _LEASED:
                is_of_study = leases in (STUDIES, SECONDS, DRAWINGS)
                lease_s = longest.study_lease_s if is_of_study else longest.delivery_lease_s
                found += leases.put_right(connection, now + timedelta(seconds=lease_s), **at_most, now=now)
            for ahead in (_ASKED, _CLOSED):
                found += connection.execute(ahead, {"at_most": now + _SKEW, "new": now}).rowcount
            studies = connection.execute(_STUDIES, {"at_most": now + _SKEW}).all()
            for study in studies:
                _arrived_now(connection, study, ranking, now)
        return found + len(studies)

    def is_any_ahead(self, longest: Longest, *, now: datetime) -> bool:
        """Tell whether there is anything to put right; without the write lock, in nobody's way."""
        at_most = {"lease": _beyond(now, longest.lease_s), "wait": _beyond(now, longest.wait_s), "at_most": now + _SKEW}
        with self._database.read() as connection:
            return any(connection.execute(query, at_most).first() is not None for query in _ANY)


def _beyond(now: datetime, longest_s: float) -> datetime:
    """Return what no time can be after that was written as `longest_s` from now, by a clock a little ahead."""
    return now + 2 * timedelta(seconds=min(longest_s, _NO_LIMIT_S)) + _SKEW


def _arrived_now(connection: Connection, study: Row[Any], ranking: RankingPolicy, now: datetime) -> None:
    times = {name: min(at, now) for name in _TIMES if (at := getattr(study, name)) is not None}
    connection.execute(update(_study).where(_study.c.id == study.id).values(times))
    since = times.get("ready_at", times["first_instance_at"])
    place = placed(connection, study, ranking, now=now, since=since, state=State(study.state))
    order.place(connection, study, place, cause=CAUSE, now=now)
    record_event(connection, study, "PLACED_AGAIN", CAUSE, now=now)


def _ahead(columns: Sequence[ColumnElement[Any]], name: str) -> ColumnElement[bool]:
    return or_(*(column > bindparam(name, type_=Instant()) for column in columns))


_TIMES = ("first_instance_at", "last_instance_at", "ready_at")
_study, _outbox, _association = schema.study, schema.outbox, schema.association
_are_ahead = _ahead([_study.c[name] for name in _TIMES], "at_most")
_STUDIES = select(_study).where(_are_ahead).order_by(_study.c.id).with_for_update(key_share=True)
_new = bindparam("new", type_=Instant())
_ASKED = update(_outbox).where(_ahead([_outbox.c.commitment_asked_at], "at_most")).values(commitment_asked_at=_new)
_CLOSED = update(_association).where(_ahead([_association.c.closed_at], "at_most")).values(closed_at=_new)
_ANY = (
    *(select(leases.table.c.id).where(leases.is_ahead).limit(1) for leases in _LEASED),
    select(_outbox.c.id).where(_ahead([_outbox.c.commitment_asked_at], "at_most")).limit(1),
    select(_association.c.id).where(_ahead([_association.c.closed_at], "at_most")).limit(1),
    select(_study.c.id).where(_are_ahead).limit(1),
)
