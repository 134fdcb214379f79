"""What the order rests on: the policy's settings and whether it is trusted, with every change of either.

A change and the new places of all open studies are one transaction, so that the list is never ranked by two policies.
Knows none: settings are a text that is only compared, and who asks brings the policy along.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from sqlalchemy import Connection, Row, Select, func, insert, select, text

from triaged.store.listing.rankings import assessment_of, rerank_all_in
from triaged.store.tables import schema
from triaged.store.tables.database import Ledger
from triaged.store.tables.findings import findings_of
from triaged.study.assessment import Assessment
from triaged.study.lifecycle import State
from triaged.study.ranking_input import RankingPolicy

_POLICY_LOCK = 7226940163
_LOOKED_AT = 20
"""So many results for each one asked for are looked at, where most are of studies that were declined."""


@dataclass(frozen=True, slots=True)
class PolicyInForce:
    """By which settings the list is ranked since `at`, and why they are not trusted, where that is so."""

    at: datetime
    settings: str
    trusted: bool
    reasons: tuple[str, ...]
    cause: str


class Policies(Ledger):
    """What the clock decides about the whole list."""

    def in_force(self) -> PolicyInForce | None:
        """Return the policy that ranks the list, or None where none has been recorded yet."""
        with self._database.read() as connection:
            return _in_force(connection)

    def adopt(self, settings: str, ranking_policy: RankingPolicy, *, cause: str, now: datetime) -> int | None:
        """Re-rank all open studies where the list is ranked by other settings; return how many moved.

        None where the settings are the current ones already, so that of several that ask only the first does it.
        """
        with self._database.begin() as connection:
            before = _in_force_locked(connection)
            if before is not None and before.settings == settings:
                return None
            trusted, reasons = (True, ()) if before is None else (before.trusted, before.reasons)
            _write(connection, PolicyInForce(now, settings, trusted, reasons, cause))
            return rerank_all_in(connection, ranking_policy, cause=cause, now=now)

    def trust(
        self, settings: str, reasons: Sequence[str], ranking_policy: RankingPolicy, *, cause: str, now: datetime
    ) -> int | None:
        """Trust the order, or for these reasons no longer; return how many studies have another place, None for none.

        All open studies are re-ranked where that changes, and nothing is where only the reasons are others in number.
        """
        with self._database.begin() as connection:
            before = _in_force_locked(connection)
            was_trusted, known = (True, 0) if before is None else (before.trusted, len(before.reasons))
            if was_trusted == (not reasons) and known == len(reasons):
                return None
            _write(connection, PolicyInForce(now, settings, not reasons, tuple(reasons), cause))
            if was_trusted == (not reasons):
                return None
            return rerank_all_in(connection, ranking_policy, cause=cause, now=now)

    def changes(self) -> list[PolicyInForce]:
        """Return everything that the order rested on, the oldest first."""
        return [_policy(row) for row in self._rows(_ALL)]

    def last_assessments(self, most: int) -> list[Assessment]:
        """Return the last current results that were scored or could not be read, the newest last."""
        with self._database.read() as connection:
            rows = connection.execute(_last_results(most)).all()
            findings = findings_of(connection, rows)
        return [assessment_of(row, findings.get(row.id)) for row in reversed(rows)]

    def lag(self, *, now: datetime) -> timedelta:
        """Return how long the oldest complete study without any result has waited; nothing where there is none."""
        ((oldest,),) = self._rows(_OLDEST_WITHOUT_RESULT)
        return timedelta(0) if oldest is None else max(timedelta(0), now - oldest)


def warnings(connection: Connection) -> list[str]:
    """Return in words what readers of the list have to know of its order beside the list itself; mostly nothing."""
    policy = _in_force(connection)
    if policy is None or policy.trusted:
        return []
    since = f"{policy.at.astimezone(UTC):%Y-%m-%d %H:%M} UTC"
    return [
        f"Not ordered by findings since {since}: studies stand as they arrived, emergencies and pinned ones first. "
        f"Why: {reason}."
        for reason in policy.reasons
    ]


def _in_force(connection: Connection) -> PolicyInForce | None:
    row = connection.execute(_LAST).one_or_none()
    return None if row is None else _policy(row)


def _policy(row: Row[Any]) -> PolicyInForce:
    return PolicyInForce(row.at, row.settings, row.trusted, tuple(json.loads(row.reasons)), row.cause)


def _in_force_locked(connection: Connection) -> PolicyInForce | None:
    """Return the current policy, which nobody else changes before this transaction ends; SQLite has one writer."""
    if connection.dialect.name == "postgresql":
        connection.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": _POLICY_LOCK})
    return _in_force(connection)


def _write(connection: Connection, policy: PolicyInForce) -> None:
    values = {"at": policy.at, "settings": policy.settings, "trusted": policy.trusted, "cause": policy.cause}
    connection.execute(insert(schema.policy), {**values, "reasons": json.dumps(policy.reasons)})


def _last_results(most: int) -> Select[Any]:
    """Return the query for the last results that count, the newest first; it reads a bounded stretch of the table."""
    first = select(func.coalesce(func.max(_result.c.id), 0) - most * _LOOKED_AT).scalar_subquery()
    counts = _result.c.outcome.in_((State.TRIAGED, State.FAILED)) & _result.c.superseded_by.is_(None)
    return select(_result).where(_result.c.id > first, counts).order_by(_result.c.id.desc()).limit(most)


_study, _result = schema.study, schema.result
_ALL = select(schema.policy).order_by(schema.policy.c.id)
_LAST = select(schema.policy).order_by(schema.policy.c.id.desc()).limit(1)
_OLDEST_WITHOUT_RESULT = select(func.min(_study.c.ready_at)).where(
    _study.c.state.in_((State.READY, State.ANALYSING)), _study.c.result_id.is_(None)
)
