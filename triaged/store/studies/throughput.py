"""How much came, how soon it was scored, and how much of it was flagged: counts for whoever watches. Reads only."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import bindparam, exists, func, select

from triaged.store.tables import schema
from triaged.store.tables.database import Ledger
from triaged.store.tables.elapsed import seconds_since
from triaged.study.ranking import TriageClass


@dataclass(frozen=True, slots=True)
class Flagged:
    """Of the studies that one device made: how many were scored, and how many of them are above not flagged."""

    scored: int
    flagged: int

    @property
    def share(self) -> float:
        """The flagged share of those that were scored."""
        return self.flagged / self.scored


@dataclass(frozen=True, slots=True)
class Received:
    """Instances by sender: of associations up to `upto`, which have all ended, and of those after it."""

    ended: Mapping[str, int]
    going_on: Mapping[str, int]
    upto: int


class Throughput(Ledger):
    """Counts over all studies, or over those since a time."""

    def received(self, after: int = 0) -> Received:
        """Count the instances of the associations after a number; instances that came again count again.

        What is in quarantine is not among them.
        """
        with self._database.read() as connection:
            upto = max(after, int(connection.execute(_ALL_ENDED).scalar_one()))
            ended = connection.execute(_RECEIVED, {"after": after, "upto": upto}).all()
            going_on = connection.execute(_RECEIVED, {"after": upto, "upto": _NO_END}).all()
        return Received(_by_sender(ended), _by_sender(going_on), upto)

    def quarantined(self) -> Mapping[str, int]:
        """Return how many instances in quarantine each sender brought."""
        return _by_sender(self._rows(_QUARANTINED))

    def waits(self, after: int = 0, since: datetime | None = None) -> tuple[list[float], int]:
        """Return the seconds from the last slice to the order, of results after a number, and the last such number.

        A result that a person asked for again counts only where slices had come since the one before.
        """
        query = _WAITS if since is None else _WAITS.where(_result.c.at >= since)
        rows = self._rows(query, after=after)
        return [max(0.0, row.seconds) for row in rows], max((row.id for row in rows), default=after)

    def arrived(self, since: datetime) -> list[datetime]:
        """Return when each study that came since a time began to."""
        query = select(_study.c.first_instance_at).where(_study.c.first_instance_at >= since)
        return [row.first_instance_at for row in self._rows(query.order_by(_study.c.first_instance_at))]

    def by_rule(self, since: datetime) -> Mapping[str, int]:
        """Return how many studies that came since a time each rule matched first; empty is what no rule matched."""
        query = select(_study.c.rule, func.count().label("studies")).where(_study.c.first_instance_at >= since)
        return {row.rule: row.studies for row in self._rows(query.group_by(_study.c.rule))}

    def flagged(self, since: datetime) -> Mapping[str, Flagged]:
        """Return how much was flagged of what each device made, of the results in force since a time."""
        found: dict[str, list[int]] = {}
        for row in self._rows(_FLAGGED, since=since):
            counts = found.setdefault(row.device, [0, 0])
            counts[0] += row.results
            counts[1] += row.results if row.triage_class not in _NOT_FLAGGED else 0
        return {device: Flagged(*counts) for device, counts in found.items()}


def _by_sender(rows: Iterable[Any]) -> Mapping[str, int]:
    return {row.calling_ae_title: int(row.instances) for row in rows}


_NO_END = 2**62
_NOT_FLAGGED = frozenset({TriageClass.NOT_FLAGGED, TriageClass.UNSCORED})
_study, _result, _association = schema.study, schema.result, schema.association
_link, _quarantine = schema.association_study, schema.quarantine
_last_open = select(func.min(_association.c.id) - 1).where(_association.c.closed_at.is_(None)).scalar_subquery()
_last = select(func.max(_association.c.id)).scalar_subquery()
_ALL_ENDED = select(func.coalesce(_last_open, _last, 0))
_RECEIVED = (
    select(_association.c.calling_ae_title, func.sum(_link.c.instances).label("instances"))
    .join(_link, _link.c.association_id == _association.c.id)
    .where(_association.c.id > bindparam("after"), _association.c.id <= bindparam("upto"))
    .group_by(_association.c.calling_ae_title)
)
_QUARANTINED = select(_quarantine.c.calling_ae_title, func.count().label("instances")).group_by(
    _quarantine.c.calling_ae_title
)
_earlier = _result.alias("earlier")
_WAITS = (
    select(_result.c.id, seconds_since(_result.c.at, _study.c.last_instance_at).label("seconds"))
    .join(_study, _study.c.id == _result.c.study_id)
    .where(
        _result.c.id > bindparam("after"),
        _result.c.at >= _study.c.last_instance_at,
        ~exists().where(
            _earlier.c.study_id == _result.c.study_id,
            _earlier.c.id < _result.c.id,
            _earlier.c.at >= _study.c.last_instance_at,
        ),
    )
    .order_by(_result.c.id)
)
_FLAGGED = (
    select(_result.c.device, _result.c.triage_class, func.count().label("results"))
    .join(_study, _study.c.result_id == _result.c.id)
    .where(_result.c.urgency.is_not(None), _result.c.at >= bindparam("since", type_=_result.c.at.type))
    .group_by(_result.c.device, _result.c.triage_class)
)
