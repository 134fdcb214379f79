"""Ranking inputs of studies, from their rows, and their re-ranking where something beside the images changed.

Knows no policy: who asks brings it along. It decides within the transaction, on what is true there.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Row, bindparam, select, update

from triaged.store.listing import order
from triaged.store.tables import schema
from triaged.store.tables.database import Ledger
from triaged.store.tables.findings import findings_of, from_text
from triaged.store.tables.moments import interval
from triaged.store.tables.rows import known_study, record_event, record_for_all, study_uid_of
from triaged.study.assessment import Assessed, Assessment, Failed, OutOfScope, Reason, ReasonCode
from triaged.study.finding import Finding
from triaged.study.lifecycle import State
from triaged.study.modalities import Stratum
from triaged.study.ranking import Override, Ranking, RequestPriority, more_urgent
from triaged.study.ranking_input import Comparison, EarlierFinding, RankingInput, RankingPolicy
from triaged.study.treatment import Treatment

_FEW = 100
"""For more studies than this the results of all open ones are read at once."""
Where = Ranking | RankingPolicy
"""A ranking whatever is known of the study, or the policy that decides once that is known."""


class Rankings(Ledger):
    """What decides about places, for one study (`UnknownStudy` where there is none) and for all."""

    def ranking_input(self, study_uid: str, *, now: datetime) -> RankingInput:
        """Return all that the ranking of a study rests on."""
        with self._database.begin() as connection:
            return ranking_input_of(connection, known_study(connection, study_uid), now=now)

    def prioritise(
        self, study_uid: str, priority: RequestPriority, ranking_policy: RankingPolicy, *, cause: str, now: datetime
    ) -> bool:
        """Take in what another list says about the urgency of a study's order; tell whether it moved.

        Of what the images, the orders and other lists say the most urgent counts.
        """
        with self._database.begin() as connection:
            study = known_study(connection, study_uid)
            urgent = more_urgent(RequestPriority(study.order_priority), priority)
            if urgent == study.order_priority:
                return False
            connection.execute(_PRIORITISE, {"study": study.id, "order_priority": urgent})
            record_event(connection, study, "ORDER_PRIORITY", f"{urgent}: {cause}", now=now)
            study = known_study(connection, study_uid)
            ranking = ranking_policy(ranking_input_of(connection, study, now=now))
            if _is_at(study, ranking):
                return False
            order.place(connection, study, ranking, cause=cause, now=now)
            record_event(connection, study, "PLACED_AGAIN", cause, now=now)
            return True

    def rerank_all(self, ranking_policy: RankingPolicy, *, cause: str, now: datetime) -> int:
        """Give every open study the place that the policy gives it now, as one change; return how many have another.

        For a change of the policy itself: their keys from before need not be comparable with those from now.
        """
        with self._database.begin() as connection:
            return rerank_all_in(connection, ranking_policy, cause=cause, now=now)

    def rerank_due(self, ranking_policy: RankingPolicy, *, cause: str, now: datetime) -> int:
        """Give the open studies a new place whose place time alone has changed, as one change; return how many.

        Where they moved to is in the record of the order, and nothing in the history of each study: nothing
        happened to it.
        """
        with self._database.read() as connection:
            if connection.execute(_ANY_DUE, {"now": now}).first() is None:
                return 0
        with self._database.begin() as connection:
            rows = connection.execute(_ALL_DUE, {"now": now}).all()
            _place_rows(connection, rows, ranking_policy, cause=cause, now=now)
        return len(rows)


def rerank_all_in(connection: Connection, ranking_policy: RankingPolicy, *, cause: str, now: datetime) -> int:
    """Do what `Rankings.rerank_all` does, within a transaction."""
    changed = _place_rows(connection, connection.execute(_ALL_OPEN).all(), ranking_policy, cause=cause, now=now)
    record_for_all(connection, changed, "PLACED_AGAIN", cause, now=now)
    return len(changed)


def ranking_input_of(
    connection: Connection, study: Row[Any], *, now: datetime, result: Row[Any] | None = None, **changed: Any
) -> RankingInput:
    """Return what the ranking of the study of a row rests on, with what is `changed` of it in this transaction.

    `result` is its current result where the caller has read it already.
    """
    values = {
        "study_uid": study_uid_of(study),
        "since": study.first_instance_at if study.ready_at is None else study.ready_at,
        "now": now,
        "state": State(study.state),
        "order_priority": RequestPriority(study.order_priority),
        "override": Override(study.override),
        "treatment": Treatment.of_text(study.treatment),
    }
    if "assessment" not in changed and study.result_id is not None:
        result = result or connection.execute(_RESULT, {"result": study.result_id}).one()
        if result.revision == study.revision:  # no more than its objects are still to come
            values["state"] = State(result.outcome)
        changed = {**_found(connection, study, result), **changed}
    if "trusted" not in changed:
        changed = {**trust_of(connection), **changed}
    return RankingInput(**{**values, **changed})


def trust_of(connection: Connection) -> dict[str, Any]:
    """Return whether studies are read in the order that the scores give, and which are not, as the guard decided."""
    return trust_in(connection.execute(select(*TRUST)).one())


def trust_in(row: Row[Any]) -> dict[str, Any]:
    """Return what `trust_of` does, of a row that has the columns `TRUST`."""
    if row.trusted is None:
        return {"trusted": True, "distrusted": frozenset()}
    return {"trusted": row.trusted, "distrusted": frozenset(map(Stratum, json.loads(row.distrusted)))}


def placed(connection: Connection, study: Row[Any], where: Where, *, now: datetime, **changed: Any) -> Ranking:
    """Return the place of a study, which the policy decides where it was brought along."""
    return where if isinstance(where, Ranking) else where(ranking_input_of(connection, study, now=now, **changed))


def assessment_of(result: Row[Any], finding: Finding | None) -> Assessment:
    """Return the assessment that a row of `result`, and the finding that goes with it, were written from."""
    if finding is not None:
        return Assessed(finding)
    reason = Reason(ReasonCode(result.reason_code), result.reason_detail)
    return OutOfScope(reason) if result.outcome == State.OUT_OF_SCOPE else Failed(reason)


def _found(connection: Connection, study: Row[Any], result: Row[Any]) -> dict[str, Any]:
    """Return what a result says of the study, and what it was compared with."""
    finding = None if study.finding is None else from_text(study.finding)
    found: dict[str, Any] = {"assessment": assessment_of(result, finding)}
    if result.prior_result_id is not None:
        prior = connection.execute(_PRIOR, {"result": result.prior_result_id}).one()
        found["comparison"] = _comparison(study, result, prior, findings_of(connection, [prior]))
    return found


def _comparison(
    study: Row[Any], result: Row[Any], prior: Row[Any], findings: Mapping[int, Finding]
) -> Comparison | None:
    times = interval((study.study_date, study.study_time), (prior.study_date, prior.study_time))
    if times is None:
        return None
    return Comparison(times[0], result.model, EarlierFinding(times[1], prior.model, findings[prior.id]))


def _place_rows(
    connection: Connection, rows: Sequence[Row[Any]], ranking_policy: RankingPolicy, *, cause: str, now: datetime
) -> list[Row[Any]]:
    """Give the studies of these locked rows their places, as one change; return the rows of those that had another."""
    trust = trust_of(connection)
    results = {row.id: row for row in connection.execute(_RESULTS_OF_OPEN)} if len(rows) > _FEW else {}
    rankings = (ranking_input_of(connection, row, now=now, result=results.get(row.result_id), **trust) for row in rows)
    placements = {row.id: ranking_policy(ranking_input) for row, ranking_input in zip(rows, rankings, strict=True)}
    changed = [row for row in rows if not _is_at(row, placements[row.id])]
    order.place_all(connection, {row.id: placements[row.id] for row in changed}, cause=cause, now=now)
    return changed


def _is_at(study: Row[Any], ranking: Ranking) -> bool:
    wanted = order.ranking_columns(ranking)
    return wanted == {name: getattr(study, name) for name in wanted}


_study, _result = schema.study, schema.result
_RESULT = select(_result).where(_result.c.id == bindparam("result"))
_PRIOR = (
    select(_result, _study.c.study_date, _study.c.study_time)
    .join(_study, _study.c.id == _result.c.study_id)
    .where(_result.c.id == bindparam("result"))
)
TRUST = tuple(
    select(column).order_by(schema.policy.c.id.desc()).limit(1).scalar_subquery().label(column.name)
    for column in (schema.policy.c.trusted, schema.policy.c.distrusted)
)
"""The columns that `trust_in` reads; empty where nothing was ever decided."""
_PRIORITISE = update(_study).where(_study.c.id == bindparam("study"))
# In the order of their rows, as everybody locks who locks several.
_ALL_OPEN = select(_study).where(order.IS_OPEN).order_by(_study.c.id).with_for_update(key_share=True)
_RESULTS_OF_OPEN = select(_result).join(_study, _study.c.result_id == _result.c.id).where(order.IS_OPEN)
_due = _study.c.due_again_at <= bindparam("now", type_=_study.c.due_again_at.type)
_ALL_DUE = _ALL_OPEN.where(_due)
_ANY_DUE = select(_study.c.id).where(_due, order.IS_OPEN).limit(1)
