"""What the administrator's page shows: what goes on, what needs somebody, what runs, and the last day. Reads only."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, Protocol

from triaged.errors import TryLater
from triaged.rules.sites import Site
from triaged.steps.administering import Administration
from triaged.steps.quarantine import Quarantine
from triaged.steps.replay import Replayed
from triaged.store.couriers.notifications import Notifications
from triaged.store.couriers.outbox import Outbox
from triaged.store.listing.worklist import Worklist
from triaged.store.roles.configurations import Configurations
from triaged.store.roles.pauses import Pauses
from triaged.store.studies.going_on import GoingOn, OnItsWay
from triaged.store.studies.history import History
from triaged.store.studies.left_of_sites import LeftOfSites
from triaged.store.studies.throughput import Flagged, Throughput
from triaged.store.tables.database import Database
from triaged.study.lifecycle import State
from triaged.study.records import DeliveryState
from triaged.triage.scheme import TriageOptions
from triaged.web.charts import HEIGHT, WIDTH, bars, by_hour, percentile
from triaged.web.entries import as_ended
from triaged.web.offers import duration
from triaged.web.sites import site_rows

_MOST = 50
_DAY, _MONTH = timedelta(hours=24), timedelta(days=30)
_BOUNDS_S = (10, 30, 60, 120, 300, 600, 1800, 3600)
_BOUND_WORDS = ("10 s", "30 s", "1 min", "2 min", "5 min", "10 min", "30 min", "1 h", "more")


@dataclass(frozen=True, slots=True)
class Model:
    """An engine that reads: where the settings name it, its package, and what it runs on."""

    place: str
    name: str
    version: str
    sha256: str
    device: str


class ConfigurationTrial(Protocol):
    """Tries a text as the configuration on what came last; changes nothing."""

    def text(self) -> str:
        """Return the present text of the file, without passwords."""
        ...

    def tried(self, text: str) -> Sequence[Replayed]:
        """Return what would become of the studies that came last; `ConfigError` says what is wrong with the text."""
        ...


@dataclass(frozen=True, slots=True)
class Administered:
    """What only the daemon knows: the actions, names of destinations and subscribers in the settings, the engines, the
    rules in their order, the configuration's text, what the supervisor has to say, the policy of the order, and the
    sites."""

    administration: Administration
    quarantine: Quarantine
    names: frozenset[str] = frozenset()
    models: Sequence[Model] = ()
    rules: Sequence[str] = ()
    trial: ConfigurationTrial | None = None
    notices: Callable[[], Sequence[str]] = field(default=lambda: ())
    triage: TriageOptions = field(default_factory=TriageOptions)
    sites: Sequence[Site] = ()


class AdminPage:
    """The values of the page at this moment."""

    def __init__(
        self,
        database: Database,
        options: Administered,
        clock: Callable[[], datetime],
    ) -> None:
        self._going_on, self._throughput = GoingOn(database), Throughput(database)
        self._history, self._worklist = History(database), Worklist(database)
        self._outbox, self._pushes = Outbox(database), Notifications(database)
        self._pauses, self._configurations = Pauses(database), Configurations(database)
        self._left = LeftOfSites(database)
        self._options = options
        self._clock = clock

    def values(self) -> dict[str, Any]:
        """Return what the template needs; raises `TryLater` while the store is unreachable."""
        now = self._clock()
        return {**self._now(now), **self._needs(now), **self._runs(), **self._last_day(now)}

    def _now(self, now: datetime) -> dict[str, Any]:
        def listed(state: State) -> list[tuple[OnItsWay, str]]:
            return [(each, duration(now - each.since)) for each in self._going_on.studies(state, _MOST)]

        leaving = _merged(self._outbox.counts(), self._pushes.counts())
        return {
            "associations": [(each, duration(now - each.opened_at)) for each in self._going_on.associations()],
            "receiving": listed(State.RECEIVING),
            "queued": listed(State.READY),
            "scoring": listed(State.ANALYSING),
            "counts": self._history.counts(),
            "sending": [(name, states[DeliveryState.PENDING]) for name, states in sorted(leaving.items())],
            "pauses": self._pauses.all(),
            "paused": {(each.what.value, each.target) for each in self._pauses.all()},
            "destinations": self._options.administration.destinations,
            "sites": site_rows(self._options.sites, self._left.all() if self._options.sites else {}),
        }

    def _needs(self, now: datetime) -> dict[str, Any]:
        leaving = _merged(self._outbox.counts(), self._pushes.counts())
        lost = {
            name: states[DeliveryState.DEAD] + states[DeliveryState.REFUSED] for name, states in sorted(leaving.items())
        }
        stranded = {
            name: states[DeliveryState.PENDING]
            for name, states in sorted(leaving.items())
            if states[DeliveryState.PENDING] and name not in self._options.names
        }
        failed = [each for each in self._worklist.ended(_MOST) if each.state is State.FAILED]
        return {
            "notices": self._options.notices(),
            "failed": [as_ended(each, now=now) for each in failed],
            "quarantined": self._options.quarantine.all()[:_MOST],
            "lost": {name: number for name, number in lost.items() if number},
            "stranded": stranded,
            "recipients": sorted(self._options.names),
        }

    def _runs(self) -> dict[str, Any]:
        try:
            in_force, recent = self._configurations.in_force(), self._configurations.all(5)
        except TryLater:
            in_force, recent = None, []
        return {
            "in_force": in_force,
            "recent": recent,
            "models": self._options.models,
            "can_try": self._options.trial is not None,
        }

    def _rules(self, now: datetime) -> list[tuple[str, int, int]]:
        """Return of each rule its name, and how many studies of 24 hours and of 30 days it matched."""
        day, month = self._throughput.by_rule(now - _DAY), self._throughput.by_rule(now - _MONTH)
        return [(name, day.get(name, 0), month.get(name, 0)) for name in self._options.rules]

    def _last_day(self, now: datetime) -> dict[str, Any]:
        since = now - _DAY
        arrived = by_hour(self._throughput.arrived(since), now)
        hours = [f"{number} studies {len(arrived) - place} h ago" for place, number in enumerate(arrived)]
        waits, _ = self._throughput.waits(since=since)
        grouped = _grouped(waits)
        words = [f"{number} within {bound}" for number, bound in zip(grouped, _BOUND_WORDS, strict=True)]
        return {
            "rules": self._rules(now),
            "arrivals": bars(arrived, hours),
            "arrived": sum(arrived),
            "waits": bars(grouped, words),
            "wait_bounds": _BOUND_WORDS,
            "scored": len(waits),
            "p50": _seconds(percentile(waits, 0.50)),
            "p95": _seconds(percentile(waits, 0.95)),
            "stations": _stations(self._throughput.flagged(since)),
            "chart_width": WIDTH,
            "chart_height": HEIGHT,
        }


def _merged(
    *ledgers: Mapping[str, Mapping[DeliveryState, int]],
) -> dict[str, Mapping[DeliveryState, int]]:
    found: dict[str, Mapping[DeliveryState, int]] = {}
    for counts in ledgers:
        for name, states in counts.items():
            before = found.get(name, {})
            found[name] = {state: states.get(state, 0) + before.get(state, 0) for state in DeliveryState}
    return found


def _grouped(waits: Sequence[float]) -> list[int]:
    counts = [0] * (len(_BOUNDS_S) + 1)
    for seconds in waits:
        counts[next((number for number, bound in enumerate(_BOUNDS_S) if seconds <= bound), len(_BOUNDS_S))] += 1
    return counts


def _seconds(value: float | None) -> str:
    return "–" if value is None else f"{value:.0f} s" if value < 600 else duration(timedelta(seconds=value))


def _stations(flagged: Mapping[str, Flagged]) -> list[tuple[str, int, int, int]]:
    """Return name, scored, flagged and percent of each scanner, those with most studies first."""
    found = [
        (name or "not named", each.scored, each.flagged, round(100 * each.share)) for name, each in flagged.items()
    ]
    return sorted(found, key=lambda row: (-row[1], row[0]))[:20]
