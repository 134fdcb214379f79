"""Who is analysing which revision of which study, and until when.

A claim is owned by (worker, revision, attempt): whoever comes back after its lease was taken away finds another owner.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Connection, Row, bindparam, or_, select, update

from triaged.errors import StaleClaim
from triaged.store.tables import schema
from triaged.store.tables.database import Ledger
from triaged.store.tables.rows import locked_study, record_event, select_instances, series_by_study, study_uid_of
from triaged.study.lifecycle import Event, State, after
from triaged.study.placement import OrderPriority
from triaged.study.records import Claim


class Claims(Ledger):
    """What the workers write while they work."""

    def claim_next(self, worker: str, *, lease_s: float, now: datetime) -> Claim | None:
        """Take the first study of the list that waits for analysis, or return None; no two workers get the same."""
        with self._database.read() as connection:
            if connection.execute(_NEXT, {"now": now}).first() is None:
                return None  # asked often and mostly in vain: without the write lock, in no receiver's way
        with self._database.begin() as connection:
            study = connection.execute(_NEXT_LOCKED, {"now": now}).first()
            if study is None:
                return None
            return _claimed(connection, study, worker, now + timedelta(seconds=lease_s), now)

    def extend(self, claim: Claim, *, lease_s: float, now: datetime) -> Claim:
        """Keep a claim for `lease_s` from now.

        Raises:
            StaleClaim: the study changed, or the lease was taken away.
        """
        expires_at = now + timedelta(seconds=lease_s)
        with self._database.begin() as connection:
            study = owned_study(connection, claim)
            connection.execute(_SET, {"study": study.id, "lease_expires_at": expires_at})
        return replace(claim, lease_expires_at=expires_at)

    def retry_later(self, claim: Claim, *, not_before: datetime, why: str, now: datetime) -> None:
        """Put a study back into the queue, not to be claimed before `not_before`.

        Raises:
            StaleClaim: the study changed, or the lease was taken away.
        """
        with self._database.begin() as connection:
            study = owned_study(connection, claim)
            _release(connection, study, Event.RETRY_LATER, not_before=not_before, detail=why, now=now)

    def release(self, worker: str, *, now: datetime) -> int:
        """Put back what a worker of this name still holds; return how many studies.

        A worker that starts calls this: whoever held a claim under its name is dead, and waiting for the lease to run
        out would only delay the study.
        """
        with self._database.begin() as connection:
            held = connection.execute(_HELD_BY, {"holder": worker}).all()
            for study in held:
                detail = f"attempt {study.attempts}: {worker} was restarted"
                _release(connection, study, Event.LEASE_EXPIRED, not_before=None, detail=detail, now=now)
        return len(held)

    def reap(self, *, now: datetime) -> int:
        """Put studies whose lease has run out back into the queue; return how many."""
        with self._database.begin() as connection:
            expired = connection.execute(_EXPIRED, {"now": now}).all()
            for study in expired:
                detail = f"attempt {study.attempts}: {study.worker} was silent for longer than its lease"
                _release(connection, study, Event.LEASE_EXPIRED, not_before=None, detail=detail, now=now)
        return len(expired)


def owned_study(connection: Connection, claim: Claim) -> Row[Any]:
    """Return the locked row of a claim's study.

    Raises:
        StaleClaim: the claim is not the one in force.
    """
    study = locked_study(connection, claim.study_uid.value)
    expected = (State.ANALYSING, claim.revision, claim.worker, claim.attempt)
    found = None if study is None else (study.state, study.revision, study.worker, study.attempts)
    if study is None or found != expected:
        raise StaleClaim(f"expected {claim.study_uid} to be {_said(expected)}, found {_said(found)}")
    return study


def _said(owner: tuple[Any, ...] | None) -> str:
    if owner is None:
        return "no such study"
    return f"{owner[0]} at revision {owner[1]} by {owner[2] or 'nobody'} in attempt {owner[3]}"


def _claimed(connection: Connection, study: Row[Any], worker: str, lease_expires_at: datetime, now: datetime) -> Claim:
    state = after(State(study.state), Event.CLAIMED)
    attempt = study.attempts + 1
    values = {"state": state, "worker": worker, "lease_expires_at": lease_expires_at, "attempts": attempt}
    connection.execute(_SET, {"study": study.id, "not_before": None, **values})
    record_event(
        connection,
        study.id,
        Event.CLAIMED,
        before=State(study.state),
        after=state,
        revision=study.revision,
        detail=f"attempt {attempt}: {worker}",
        now=now,
    )
    series = series_by_study(connection, select_instances().where(schema.instance.c.study_id == study.id))
    return Claim(
        study_uid=study_uid_of(study),
        revision=study.revision,
        worker=worker,
        attempt=attempt,
        lease_expires_at=lease_expires_at,
        ready_at=study.ready_at,
        order_priority=OrderPriority(study.order_priority),
        series=series[study.id],
    )


def _release(
    connection: Connection, study: Row[Any], event: Event, *, not_before: datetime | None, detail: str, now: datetime
) -> None:
    state = after(State(study.state), event)
    values = {"state": state, "worker": None, "lease_expires_at": None, "not_before": not_before}
    connection.execute(_SET, {"study": study.id, **values})
    record_event(
        connection,
        study.id,
        event,
        before=State(study.state),
        after=state,
        revision=study.revision,
        detail=detail,
        now=now,
    )


_study = schema.study
_SET = update(_study).where(_study.c.id == bindparam("study"))
_due = or_(_study.c.not_before.is_(None), _study.c.not_before <= bindparam("now", type_=_study.c.not_before.type))
_NEXT = select(_study.c.id).where(_study.c.state == State.READY, _due).limit(1)
_NEXT_LOCKED = (
    select(_study)
    .where(_study.c.state == State.READY, _due)
    .order_by(_study.c.sort_key)
    .limit(1)
    .with_for_update(key_share=True, skip_locked=True)
)
_HELD_BY = (
    select(_study)
    .where(_study.c.state == State.ANALYSING, _study.c.worker == bindparam("holder"))
    .order_by(_study.c.id)
    .with_for_update(key_share=True)
)
_EXPIRED = (
    select(_study)
    .where(
        _study.c.state == State.ANALYSING,
        _study.c.lease_expires_at < bindparam("now", type_=_study.c.lease_expires_at.type),
    )
    .order_by(_study.c.id)
    .with_for_update(key_share=True, skip_locked=True)
)
