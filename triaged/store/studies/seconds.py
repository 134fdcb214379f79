"""Which second engine reads which scored study, until when, and what it found beside the first result.

A claim is owned by (worker, attempt), of one result of the first engine: it is stale once that result is no longer the
study's, or the study has been opened again. Nothing here touches the study's place, its result or its state.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Row, Select, bindparam, case, exists, select, update

from triaged.errors import StaleClaim
from triaged.store.posting.leases import claim
from triaged.store.posting.publishing import publish
from triaged.store.posting.seconding import DROPPED, SECONDS
from triaged.store.studies.claims import STUDIES
from triaged.store.tables import schema
from triaged.store.tables.database import Ledger
from triaged.store.tables.findings import finding_columns, findings_of, write_measurements
from triaged.store.tables.rows import locked_study, record_event, series_of, study_uid_of
from triaged.study.kinds import KINDS, ObjectKind
from triaged.study.lifecycle import State
from triaged.study.read_state import ReadState
from triaged.study.records import DerivedObject, Strike
from triaged.study.second import FirstResult, SecondClaim, SecondFailed, SecondOutcome, SecondRead, SecondState

READ, FAILED = "SECOND_READ", "SECOND_FAILED"
"""Events in a study's history."""


class Seconds(Ledger):
    """What those write who run second engines; `StaleClaim` where the study changed, or the lease was taken away."""

    def claim_next(self, worker: str, names: Sequence[str], *, lease_s: float, now: datetime) -> SecondClaim | None:
        """Take what one of these engines is to read next, in the order of the list; None while nothing is.

        Nothing is while any study waits for its first result.
        """
        parameters = {"now": now, "names": list(names)}

        def take(connection: Connection) -> SecondClaim | None:
            rows: Sequence[Any] = connection.execute(_NEXT_LOCKED, parameters).all()
            return _claimed(connection, rows[0], worker, lease_s=lease_s, now=now) if rows else None

        return claim(self._database, _NEXT.params(names=list(names)), take, now=now)

    def is_first_at_work(self, *, now: datetime) -> bool:
        """Tell whether a study waits for its first result or is being analysed for it; then second engines pause."""
        with self._database.read() as connection:
            return any(connection.execute(query, {"now": now}).first() is not None for query in _FIRST_AT_WORK)

    def extend(self, claim: SecondClaim, *, lease_s: float, now: datetime) -> None:
        """Keep a claim for `lease_s` from now."""
        with self._database.begin() as connection:
            _owned(connection, claim)
            SECONDS.extend(connection, claim.second_id, lease_s=lease_s, now=now)

    def retry_later(self, claim: SecondClaim, *, not_before: datetime, now: datetime) -> None:
        """Let it be claimed again, not before a time; nothing counts against it."""
        del now
        with self._database.begin() as connection:
            _owned(connection, claim)
            _release(connection, claim.second_id, not_before)

    def strike(self, claim: SecondClaim, *, not_before: datetime, why: str, now: datetime) -> None:
        """Let it be claimed again as `retry_later` does, and count the attempt against it; `why` is shown."""
        del now
        with self._database.begin() as connection:
            _owned(connection, claim)
            strikes = [[each.attempt, each.cause] for each in claim.strikes] + [[claim.attempt, why]]
            values = {"second": claim.second_id, "strikes": json.dumps(strikes)}
            connection.execute(_UPDATE, values)
            _release(connection, claim.second_id, not_before)

    def commit(
        self,
        claim: SecondClaim,
        outcome: SecondOutcome,
        *,
        reports: Sequence[DerivedObject] = (),
        destinations: Mapping[str, frozenset[ObjectKind]],
        configuration: str = "",
        now: datetime,
    ) -> None:
        """Publish what a second engine found beside the first result, and its reports; the study stays as it is.

        `configuration` is the SHA-256 of the configuration that it was read under.

        Raises:
            StaleClaim: the study changed or somebody else owns the claim; nothing was written.
        """
        with self._database.begin() as connection:
            study = _owned(connection, claim)
            ended = {"model": outcome.algorithm, "device": claim.device, "configuration": configuration, "at": now}
            SECONDS.give_back(connection, claim.second_id, ended | _columns(outcome))
            if isinstance(outcome, SecondRead):
                write_measurements(connection, claim.second_id, outcome.finding, schema.second_measurement)
            result_id, second_id = claim.first.result_id, claim.second_id
            publish(connection, study.id, result_id, reports, destinations, now=now, second_result_id=second_id)
            event, detail = _told(outcome)
            record_event(connection, study, event, detail, now=now)

    def release(self, worker: str) -> int:
        """Let be claimed again what a process that is gone has; return how many."""
        return self._take_back(SECONDS.held_by, {"holder": worker})

    def reap(self, *, now: datetime) -> int:
        """Let be claimed again whatever has a lease that ran out; return how many."""
        return self._take_back(SECONDS.expired, {"now": now})

    def drop_unnamed(self, names: Sequence[str]) -> int:
        """Drop what waits for engines that the settings do not name any more; return how many."""
        unnamed = (_second.c.state == SecondState.WAITING) & _second.c.name.not_in(list(names))
        if self._row(select(_second.c.id).where(unnamed).limit(1)) is None:
            return 0
        with self._database.begin() as connection:
            return connection.execute(update(_second).where(unnamed).values(DROPPED)).rowcount

    def _take_back(self, lost: Select[Any], parameters: Mapping[str, Any]) -> int:
        with self._database.begin() as connection:
            rows = connection.execute(lost.with_for_update(skip_locked=True), parameters).all()
            for row in rows:
                _release(connection, row.id, None)
        return len(rows)


def _owned(connection: Connection, claim: SecondClaim) -> Row[Any]:
    """Return the locked row of a claim's study; `StaleClaim` where the claim is not the current one."""
    study = locked_study(connection, claim.study_uid.value)
    row = connection.execute(_OWNED, {"second": claim.second_id}).one_or_none()
    owner = None if row is None else (row.state, row.worker, row.attempts)
    is_owned = owner == (SecondState.RUNNING, claim.worker, claim.attempt)
    is_current = study is not None and (study.state, study.result_id) == (State.TRIAGED, claim.first.result_id)
    if study is None or not is_owned or not is_current:
        found = f"{claim.name} {'read' if owner is None else owner[0]}, the study {study.state if study else 'gone'}"
        raise StaleClaim(f"expected {claim.study_uid} with the result that {claim.name} is read beside, found {found}")
    return study


def _claimed(connection: Connection, row: Row[Any], worker: str, *, lease_s: float, now: datetime) -> SecondClaim:
    attempt = row.attempts + 1
    SECONDS.hold(connection, row.second_id, worker, attempt=attempt, lease_s=lease_s, now=now)
    series = {each.series_uid.value: each for each in series_of(connection, row.study_id)}
    first = _first_result(connection, row.result_id)
    earlier = {"study": row.study_id, "name": row.name, "current": first.object_set_uid}
    return SecondClaim(
        second_id=row.second_id,
        name=row.name,
        study_uid=study_uid_of(row),
        worker=worker,
        attempt=attempt,
        ready_at=row.ready_at,
        series=series[row.chosen_series_uid],
        first=first,
        supersedes=connection.execute(_EARLIER_REPORT, earlier).scalar(),
        strikes=tuple(Strike(*each) for each in json.loads(row.strikes)),
    )


def _first_result(connection: Connection, result_id: int) -> FirstResult:
    result = connection.execute(_FIRST, {"result": result_id}).one()
    segmentation = connection.execute(_SEGMENTATION, {"result": result_id}).scalar_one_or_none()
    return FirstResult(
        result_id=result_id,
        finding=findings_of(connection, [result])[result_id],
        algorithm=result.model,
        revision=result.set_revision,
        object_set_uid=result.object_set_uid,
        segmentation=segmentation,
    )


def _release(connection: Connection, second_id: int, not_before: datetime | None) -> None:
    SECONDS.give_back(connection, second_id, {"state": SecondState.WAITING, "not_before": not_before})


def _columns(outcome: SecondOutcome) -> dict[str, Any]:
    if isinstance(outcome, SecondFailed):
        reason = outcome.reason
        return {"state": SecondState.FAILED, "reason_code": reason.code, "reason_detail": reason.detail}
    found = outcome.agreement
    compared = {"points": found.points, "part": found.part, "overlap": found.overlap}
    disagreements = json.dumps([each.value for each in found.disagreements])
    return {"state": SecondState.READ, **finding_columns(outcome.finding), **compared, "disagreements": disagreements}


def _told(outcome: SecondOutcome) -> tuple[str, str]:
    """Return what the history says."""
    if isinstance(outcome, SecondFailed):
        return FAILED, f"{outcome.algorithm}: {outcome.reason.detail}"
    in_what = ", ".join(outcome.agreement.disagreements)
    return READ, f"{outcome.algorithm}: {f'disagrees ({in_what})' if in_what else 'agrees'}"


_second, _result, _derived = schema.second_result, schema.result, schema.derived
_study = schema.study.alias("read_twice")
_UPDATE = update(_second).where(_second.c.id == bindparam("second"))
_OWNED = select(_second).where(_second.c.id == bindparam("second")).with_for_update(key_share=True)
_WAITS = select(schema.study.c.id).where(STUDIES.is_due).limit(1)
_IN_HAND = select(schema.study.c.id).where(schema.study.c.state == State.ANALYSING).limit(1)
_FIRST_AT_WORK = (_WAITS, _IN_HAND)
_claimable = (
    SECONDS.is_due,
    _second.c.name.in_(bindparam("names", expanding=True)),
    _study.c.state == State.TRIAGED,
    _study.c.result_id == _second.c.result_id,
    ~exists(select(schema.study.c.id).where(STUDIES.is_due)),
)
_of_study = _study.c.id == _second.c.study_id
_NEXT = select(_second.c.id).join(_study, _of_study).where(*_claimable).limit(1)
_NEXT_LOCKED = (
    select(
        *(_second.c.id.label("second_id"), _second.c.study_id, _second.c.result_id, _second.c.name),
        *(_second.c.attempts, _second.c.strikes),
        *(_study.c.study_uid, _study.c.study_uid_sent, _study.c.ready_at, _result.c.chosen_series_uid),
    )
    .join(_study, _of_study)
    .join(_result, _result.c.id == _second.c.result_id)
    .where(*_claimable)
    # Those that are still to be read come first, as on the list.
    .order_by(case((_study.c.read_state == ReadState.DONE, 1), else_=0), _study.c.sort_key, _second.c.id)
    .limit(1)
    .with_for_update(key_share=True, skip_locked=True, of=_second)
)
_FIRST = select(_result).where(_result.c.id == bindparam("result"))
_SEGMENTATION = select(_derived.c.path).where(
    _derived.c.result_id == bindparam("result"), _derived.c.kind == ObjectKind.SEG.name
)
_EARLIER_REPORT = (
    select(_derived.c.path)
    .join(_second, _second.c.id == _derived.c.second_result_id)
    .join(_result, _result.c.id == _derived.c.result_id)
    .where(
        _derived.c.study_id == bindparam("study"),
        _second.c.name == bindparam("name"),
        _result.c.object_set_uid != bindparam("current"),
        _derived.c.kind.in_([kind.name for kind in KINDS.values() if kind.is_report]),
    )
    .order_by(_derived.c.id.desc())
    .limit(1)
)
