"""What the order rests on: the policy's settings and whether it is trusted, with every change of either.

A change and the new places of all open studies are one transaction, so that the list is never ranked by two policies.
Knows none: settings are a text that is only compared, and who asks brings the policy along.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from types import MappingProxyType
from typing import Any

from sqlalchemy import ColumnElement, Connection, Row, Select, func, insert, select, text

from triaged.store.listing.rankings import assessment_of, rerank_all_in
from triaged.store.tables import schema
from triaged.store.tables.database import Ledger
from triaged.store.tables.findings import findings_of
from triaged.store.tables.modalities import has_image, modalities_of
from triaged.store.tables.rows import header_of
from triaged.study.assessment import SourcedAssessment
from triaged.study.finding import Finding
from triaged.study.lifecycle import State
from triaged.study.modalities import IMAGES_OF, Stratum, modality_of, stratum_of
from triaged.study.ranking_input import RankingPolicy

_POLICY_LOCK = 7226940163
_LONGEST_SOURCE = 64
_LOOKED_AT = 20
"""So many results for each one asked for are looked at, where most are of studies that were declined."""


@dataclass(frozen=True, slots=True)
class PolicyInForce:
    """By which settings the list is ranked since `at`, and why they are not trusted, where that is so.

    `set_aside` is whose studies were not counted in judging that, and why. `distrusted` has the reasons of each stratum
    whose studies alone are not ranked by their findings.
    """

    at: datetime
    settings: str
    trusted: bool
    reasons: tuple[str, ...]
    cause: str
    set_aside: Mapping[str, str] = field(default_factory=dict)
    distrusted: Mapping[Stratum, Sequence[str]] = field(default_factory=dict)

    def is_trusted_like(self, other: PolicyInForce) -> bool:
        """Tell whether the same studies are ranked by their findings."""
        return self.trusted == other.trusted and self.distrusted.keys() == other.distrusted.keys()

    def says_the_same_as(self, other: PolicyInForce) -> bool:
        """Tell whether there are as many reasons for the same, and the same set aside."""
        numbers = [
            (len(each.reasons), {stratum: len(why) for stratum, why in each.distrusted.items()}, set(each.set_aside))
            for each in (self, other)
        ]
        return numbers[0] == numbers[1]


class Policies(Ledger):
    """What the clock decides about the whole list."""

    def in_force(self) -> PolicyInForce | None:
        """Return the policy that ranks the list, or None where none has been recorded yet."""
        with self._database.read() as connection:
            return _in_force(connection)

    def warnings(self) -> list[str]:
        """Return in words why the order is not trusted, and whose studies do not count; mostly nothing."""
        with self._database.read() as connection:
            return warnings(connection)

    def adopt(self, settings: str, ranking_policy: RankingPolicy, *, cause: str, now: datetime) -> int | None:
        """Re-rank all open studies where the list is ranked by other settings; return how many moved.

        None where the settings are the current ones already, so that of several that ask only the first does it.
        """
        with self._database.begin() as connection:
            before = _in_force_locked(connection)
            if before is not None and before.settings == settings:
                return None
            kept = PolicyInForce(now, settings, trusted=True, reasons=(), cause=cause) if before is None else before
            _write(connection, replace(kept, at=now, settings=settings, cause=cause))
            return rerank_all_in(connection, ranking_policy, cause=cause, now=now)

    def trust(
        self,
        settings: str,
        reasons: Sequence[str],
        ranking_policy: RankingPolicy,
        *,
        set_aside: Mapping[str, str] = MappingProxyType({}),
        distrusted: Mapping[Stratum, Sequence[str]] = MappingProxyType({}),
        cause: str,
        now: datetime,
    ) -> int | None:
        """Trust the order, or for these reasons no longer; return how many studies have another place, None for none.

        `distrusted` has the reasons where it is only that of some strata. All open studies are re-ranked where that
        changes, and nothing is where only the reasons are others in number, or others are set aside.
        """
        with self._database.begin() as connection:
            before = _in_force_locked(connection) or PolicyInForce(now, settings, trusted=True, reasons=(), cause=cause)
            after = PolicyInForce(now, settings, not reasons, tuple(reasons), cause, set_aside, distrusted)
            if after.is_trusted_like(before) and after.says_the_same_as(before):
                return None
            _write(connection, after)
            if after.is_trusted_like(before):
                return None
            return rerank_all_in(connection, ranking_policy, cause=cause, now=now)

    def changes(self) -> list[PolicyInForce]:
        """Return everything that the order rested on, the oldest first."""
        return [_policy(row) for row in self._rows(_ALL)]

    def last_ended(self, most: int) -> list[SourcedAssessment]:
        """Return the last current results that were scored or could not be read, the newest last, with their sources.

        That is up to `most` of studies with X-rays alone, and as many of all others, so that the more frequent ones do
        not crowd out the others. Of several senders of one study the last counts.
        """
        with self._database.read() as connection:
            rows = [row for which in (_XRAYS_ALONE, ~_XRAYS_ALONE) for row in connection.execute(_last(most, which))]
            findings = findings_of(connection, rows)
        return [_ended(row, findings.get(row.id)) for row in sorted(rows, key=lambda row: row.id)]

    def lag(self, *, now: datetime) -> timedelta:
        """Return how long the oldest complete study without any result has waited; nothing where there is none."""
        ((oldest,),) = self._rows(_OLDEST_WITHOUT_RESULT)
        return timedelta(0) if oldest is None else max(timedelta(0), now - oldest)


def warnings(connection: Connection) -> list[str]:
    """Return in words what readers of the list have to know of its order beside the list itself; mostly nothing."""
    policy = _in_force(connection)
    if policy is None:
        return []
    since = f"{policy.at.astimezone(UTC):%Y-%m-%d %H:%M} UTC"
    given_up = [
        f"Not ordered by findings since {since}: studies stand as they arrived, emergencies and pinned ones first. "
        f"Why: {reason}."
        for reason in policy.reasons
    ]
    of_some = [
        f"{stratum}s are not ordered by findings since {since}: they are ranked as studies without a score are. "
        f"Why: {reason}."
        for stratum, reasons in policy.distrusted.items()
        for reason in reasons
    ]
    aside = [f"Since {since}: {words} when the order is judged." for words in policy.set_aside.values()]
    return given_up + of_some + aside


def _in_force(connection: Connection) -> PolicyInForce | None:
    row = connection.execute(_LAST).one_or_none()
    return None if row is None else _policy(row)


def _policy(row: Row[Any]) -> PolicyInForce:
    reasons, set_aside = tuple(json.loads(row.reasons)), json.loads(row.set_aside)
    distrusted = {Stratum(name): tuple(why) for name, why in json.loads(row.distrusted).items()}
    return PolicyInForce(row.at, row.settings, row.trusted, reasons, row.cause, set_aside, distrusted)


def _ended(row: Row[Any], finding: Finding | None) -> SourcedAssessment:
    """Return a result with its source; texts of peers are shown and logged, so they are kept short and printable."""
    sender = _printable(" at ".join(filter(None, (row.calling_ae_title, row.peer))))
    device = "" if row.image is None else _printable(header_of(row.image).device or "")
    read = None if row.read_image is None else header_of(row.read_image)
    modality = None if read is None else modality_of(read.sop_class_uid, read.modality)
    stratum = stratum_of(modality, modalities_of(row.modalities))
    return SourcedAssessment(assessment_of(row, finding), sender, device, stratum)


def _printable(text: str) -> str:
    return "".join(character if character.isprintable() else "?" for character in text)[:_LONGEST_SOURCE]


def _in_force_locked(connection: Connection) -> PolicyInForce | None:
    """Return the current policy, which nobody else changes before this transaction ends; SQLite has one writer."""
    if connection.dialect.name == "postgresql":
        connection.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": _POLICY_LOCK})
    return _in_force(connection)


def _write(connection: Connection, policy: PolicyInForce) -> None:
    values = {"at": policy.at, "settings": policy.settings, "trusted": policy.trusted, "cause": policy.cause}
    texts = {name: json.dumps(value) for name, value in _texts(policy).items()}
    connection.execute(insert(schema.policy), values | texts)


def _texts(policy: PolicyInForce) -> dict[str, Any]:
    distrusted = {stratum.value: list(reasons) for stratum, reasons in policy.distrusted.items()}
    return {"reasons": policy.reasons, "set_aside": dict(policy.set_aside), "distrusted": distrusted}


def _last(most: int, which: ColumnElement[bool]) -> Select[Any]:
    """Return the query for the last results that count, the newest first; it reads a bounded stretch of the table."""
    first = select(func.coalesce(func.max(_result.c.id), 0) - most * _LOOKED_AT).scalar_subquery()
    counts = _result.c.outcome.in_((State.TRIAGED, State.FAILED)) & _result.c.superseded_by.is_(None)
    return (
        select(
            *(_result, _sender.c.calling_ae_title, _sender.c.peer, _study.c.modalities),
            *(_FIRST_IMAGE.label("image"), _READ_IMAGE.label("read_image")),
        )
        .select_from(_result)
        .join(_study, _study.c.id == _result.c.study_id)
        .outerjoin(_sender, _sender.c.id == _LAST_ASSOCIATION)
        .where(_result.c.id > first, counts, which)
        .order_by(_result.c.id.desc())
        .limit(most)
    )


_study, _result = schema.study, schema.result
_sender = schema.association
_LAST_ASSOCIATION = (
    select(func.max(schema.association_study.c.association_id))
    .where(schema.association_study.c.study_id == _result.c.study_id)
    .scalar_subquery()
)
_IMAGES = (
    select(schema.instance.c.image)
    .where(schema.instance.c.study_id == _result.c.study_id)
    .order_by(schema.instance.c.id)
    .limit(1)
)
_FIRST_IMAGE = _IMAGES.scalar_subquery()
_READ_IMAGE = _IMAGES.where(schema.instance.c.series_uid == _result.c.chosen_series_uid).scalar_subquery()
_XRAYS_ALONE = has_image(IMAGES_OF[Stratum.RADIOGRAPH]) & ~has_image(IMAGES_OF[Stratum.VOLUME])
_ALL = select(schema.policy).order_by(schema.policy.c.id)
_LAST = select(schema.policy).order_by(schema.policy.c.id.desc()).limit(1)
_OLDEST_WITHOUT_RESULT = select(func.min(_study.c.ready_at)).where(
    _study.c.state.in_((State.READY, State.ANALYSING)), _study.c.result_id.is_(None)
)
