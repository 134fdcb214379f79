"""Who is analysing which revision of which study, and until when; what of that counts against a study.

A claim is owned by (worker, revision, attempt): whoever comes back after its lease was taken away finds another owner.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Connection, Row, Select, insert, select, update

from triaged.errors import StaleClaim
from triaged.store.posting.leases import Leases, claim
from triaged.store.posting.ruling import facts_of
from triaged.store.posting.scoring import call_worker
from triaged.store.studies.in_turn import study_in_turn
from triaged.store.tables import schema
from triaged.store.tables.database import Ledger
from triaged.store.tables.modalities import is_of
from triaged.store.tables.rows import locked_study, record_event, series_of, study_uid_of
from triaged.study.lifecycle import Event, State, after
from triaged.study.modalities import Stratum
from triaged.study.ranking import RequestPriority
from triaged.study.records import Claim, Strike
from triaged.study.turns import Turns

UNTRIED: Mapping[str, Any] = {"attempts": 0, "strikes": "[]", "not_before": None}
"""The columns of a revision that nobody has claimed yet."""
_SUSPECT_WAIT = timedelta(seconds=10)


class Claims(Ledger):
    """What the workers write while they work; `StaleClaim` where the study changed, or the lease was taken away."""

    def claim_next(
        self,
        worker: str,
        *,
        lease_s: float,
        now: datetime,
        of: Collection[Stratum] = tuple(Stratum),
        turns: Turns | None = None,
    ) -> Claim | None:
        """Take the first study of the list that waits for analysis, or return None; no two workers get the same.

        Where `of` does not name every kind, it is the first of those. Where sites share the workers, `turns` says whose
        study is next, and it is the first of that site.
        """
        kinds = is_of(of)

        def take(connection: Connection) -> Claim | None:
            if turns is None:
                study = connection.execute(_NEXT_LOCKED.where(*kinds), {"now": now}).first()
            else:
                study = study_in_turn(connection, _NEXT_LOCKED, turns, *kinds, parameters={"now": now})
            return None if study is None else _claimed(connection, study, worker, lease_s=lease_s, now=now)

        return claim(self._database, _NEXT.where(*kinds), take, now=now)

    def extend(self, claim: Claim, *, lease_s: float, now: datetime) -> Claim:
        """Keep a claim for `lease_s` from now."""
        with self._database.begin() as connection:
            study = owned_study(connection, claim)
            return replace(claim, lease_expires_at=STUDIES.extend(connection, study.id, lease_s=lease_s, now=now))

    def retry_later(self, claim: Claim, *, not_before: datetime, why: str, now: datetime) -> None:
        """Put a study back into the queue, not to be claimed before `not_before`; nothing counts against it."""
        with self._database.begin() as connection:
            study = owned_study(connection, claim)
            _release(connection, study, Event.RETRY_LATER, not_before=not_before, detail=why, now=now)

    def strike(self, claim: Claim, *, not_before: datetime, why: str, now: datetime) -> None:
        """Put a study back as `retry_later` does, and count the attempt against it."""
        with self._database.begin() as connection:
            study = owned_study(connection, claim)
            _strike(connection, study, why)
            _release(connection, study, Event.RETRY_LATER, not_before=not_before, detail=why, now=now)

    def release(self, worker: str, *, why: str = "has ended", now: datetime) -> int:
        """Put back what a worker that is gone still has; return how many studies.

        `why` says what became of it. Waiting for its leases to run out would only delay its studies.
        """
        theirs = STUDIES.held_by.with_for_update(key_share=True, skip_locked=True)
        return self._take_back(theirs, why, {"holder": worker}, now)

    def reap(self, *, now: datetime) -> int:
        """Put studies whose lease has run out back into the queue; return how many."""
        expired = STUDIES.expired.with_for_update(key_share=True, skip_locked=True)
        return self._take_back(expired, "was silent for longer than its lease", {"now": now}, now)

    def _take_back(self, lost: Select[Any], why: str, parameters: Mapping[str, Any], now: datetime) -> int:
        with self._database.begin() as connection:
            studies = connection.execute(lost, parameters).all()
            for study in studies:
                _lost(connection, study, why, now)
        return len(studies)


def owned_study(connection: Connection, claim: Claim) -> Row[Any]:
    """Return the locked row of a claim's study; `StaleClaim` where the claim is not the current one."""
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


def _claimed(connection: Connection, study: Row[Any], worker: str, *, lease_s: float, now: datetime) -> Claim:
    state = after(State(study.state), Event.CLAIMED)
    attempt = study.attempts + 1
    lease_expires_at = STUDIES.hold(connection, study.id, worker, attempt=attempt, lease_s=lease_s, now=now)
    record_event(connection, study, Event.CLAIMED, f"attempt {attempt}: {worker}", after=state, now=now)
    return Claim(
        study_uid=study_uid_of(study),
        revision=study.revision,
        worker=worker,
        attempt=attempt,
        lease_expires_at=lease_expires_at,
        ready_at=study.ready_at,
        order_priority=RequestPriority(study.order_priority),
        series=series_of(connection, study.id),
        strikes=_strikes(study),
        facts=facts_of(connection, study),
    )


def _lost(connection: Connection, study: Row[Any], why: str, now: datetime) -> None:
    """Put back a study whose worker is gone, which counts against it only where it is the suspect.

    It is where the worker that died last on this store died with it too, in the same revision: whoever ends processes
    at random, or switches the machine off, seldom meets one study twice in a row. Then it also waits for a moment, so
    that others come first and show whether workers die with them as well.
    """
    last = connection.execute(_LAST_DEATH).first()
    is_suspect = last is not None and (last.study_id, last.revision) == (study.id, study.revision)
    death = {"study_id": study.id, "revision": study.revision, "worker": study.worker, "at": now}
    connection.execute(insert(schema.worker_death), death)
    detail, not_before = f"attempt {study.attempts}: {study.worker} {why}", None
    if is_suspect:
        strikes = _strike(connection, study, f"its worker {why}")
        detail, not_before = f"{detail}, as the last one that did, with this study", now + strikes * _SUSPECT_WAIT
    _release(connection, study, Event.LEASE_EXPIRED, not_before=not_before, detail=detail, now=now)


def _strikes(study: Row[Any]) -> tuple[Strike, ...]:
    return tuple(Strike(*each) for each in json.loads(study.strikes))


def _strike(connection: Connection, study: Row[Any], cause: str) -> int:
    """Count the present attempt against a study, whose row is locked; return how many count now."""
    strikes = [*json.loads(study.strikes), [study.attempts, cause]]
    connection.execute(update(_study).where(_study.c.id == study.id).values(strikes=json.dumps(strikes)))
    return len(strikes)


def _release(
    connection: Connection, study: Row[Any], event: Event, *, not_before: datetime | None, detail: str, now: datetime
) -> None:
    state = after(State(study.state), event)
    STUDIES.give_back(connection, study.id, {"state": state, "not_before": not_before})
    record_event(connection, study, event, detail, after=state, now=now)
    if not_before is None:
        call_worker(connection, study)


_study = schema.study
STUDIES = Leases(_study, holder="worker", not_before="not_before", waiting=State.READY, held=State.ANALYSING)
_NEXT = select(_study.c.id).where(STUDIES.is_due).limit(1)
_NEXT_LOCKED = (
    select(_study)
    .where(STUDIES.is_due)
    .order_by(_study.c.sort_key)
    .limit(1)
    .with_for_update(key_share=True, skip_locked=True)
)
_death = schema.worker_death
_LAST_DEATH = select(_death.c.study_id, _death.c.revision).order_by(_death.c.id.desc()).limit(1)
