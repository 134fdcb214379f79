"""What a monitoring system reads: `/metrics` in the text format of Prometheus; names no patient.

Counts come from the store, so that they are the same whichever process is asked, and outlive a restart.
"""

from __future__ import annotations

import math
import threading
from collections import Counter
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Final

from fastapi import APIRouter, Request, Response
from prometheus_client import CollectorRegistry
from prometheus_client.exposition import CONTENT_TYPE_LATEST, generate_latest
from prometheus_client.metrics_core import (
    CounterMetricFamily,
    GaugeMetricFamily,
    HistogramMetricFamily,
    Metric,
)
from prometheus_client.registry import Collector

from triaged.errors import TryLater
from triaged.rules.sites import NO_SITE
from triaged.spool.files import Spool
from triaged.store.couriers.notifications import Notifications
from triaged.store.couriers.outbox import Outbox
from triaged.store.listing.policies import Policies
from triaged.store.listing.worklist import Worklist
from triaged.store.studies.history import History
from triaged.store.studies.throughput import Throughput
from triaged.store.tables.database import Database
from triaged.store.trail.audits import Audits
from triaged.study.process import stable_part
from triaged.study.pulse import Seen
from triaged.web.visitor import administrator

PATH: Final = "/metrics"
ORDER_SECONDS: Final = (5.0, 10.0, 20.0, 30.0, 60.0, 120.0, 300.0, 600.0, 1200.0, 3600.0)
"""Upper bounds of the histogram of waits."""
FLAGGED_WITHIN: Final = timedelta(days=7)
_MOST_SENDERS, _MOST_STATIONS = 100, 100
_OTHERS, _UNNAMED = "others", "not named"

Families = Iterator[Metric]


class Measurements(Collector):
    """What is measured at this moment; asks the store at each scrape, and goes on counting where it stopped.

    `roles` is who was seen to make progress, `config_accepted` whether the daemon runs with the file as it is,
    `tells_of_audit` whether there is an audit repository, `sites` the names of sites.
    """

    def __init__(
        self,
        database: Database,
        spool: Spool,
        *,
        clock: Callable[[], datetime],
        roles: Callable[[], Sequence[Seen]],
        config_accepted: Callable[[], bool],
        tells_of_audit: bool,
        sites: Collection[str] = (),
    ) -> None:
        self._worklist, self._sites = Worklist(database), frozenset(sites)
        self._audits, self._tells_of_audit = Audits(database), tells_of_audit
        self._history, self._policies = History(database), Policies(database)
        self._leaving = Outbox(database), Notifications(database)
        self._throughput = Throughput(database)
        self._spool = spool
        self._clock = clock
        self._roles = roles
        self._config_accepted = config_accepted
        self._one_at_a_time = threading.Lock()
        self._received: Counter[str] = Counter()
        self._association = 0
        self._buckets = [0] * (len(ORDER_SECONDS) + 1)
        self._seconds = 0.0
        self._result = 0

    def describe(self) -> Families:
        """Name nothing beforehand: the registry need not ask the store for that."""
        return iter(())

    def collect(self) -> Families:
        """Measure; where the database or the spool is unreachable, what needs it is left out."""
        with self._one_at_a_time:
            found: list[Metric] = []
            is_up = 1.0
            try:
                found += self._of_store()
            except TryLater:
                is_up = 0.0
            found += self._of_daemon()
        yield GaugeMetricFamily("triaged_database_up", "Whether the database answers.", value=is_up)
        yield from found

    def _of_store(self) -> Families:
        now = self._clock()
        yield self._instances()
        studies = GaugeMetricFamily("triaged_studies", "Studies by state.", labels=["state"])
        for state, number in self._history.counts().items():
            studies.add_metric([state.value], number)
        yield studies
        if self._sites:
            yield self._of_sites()
        yield self._order()
        outbox = GaugeMetricFamily(
            "triaged_outbox", "Result objects and notifications by where to and state.", labels=["destination", "state"]
        )
        for ledger in self._leaving:
            for name, states in ledger.counts().items():
                for each, number in states.items():
                    outbox.add_metric([_label(name), each.value], number)
        yield outbox
        oldest = self._policies.lag(now=now).total_seconds()
        yield GaugeMetricFamily(
            "triaged_oldest_waiting_seconds", "How long the oldest complete study has no result.", value=oldest
        )
        yield from self._flagged(now)
        waiting = self._audits.waiting() if self._tells_of_audit else 0
        yield GaugeMetricFamily(
            "triaged_audit_waiting", "Rows of the audit trail not sent to the audit repository.", value=waiting
        )

    def _of_sites(self) -> Metric:
        """Count what is to be read for each site that there is; what is left of sites that are gone is of no site."""
        numbers = Counter(dict.fromkeys((*sorted(self._sites), NO_SITE), 0))
        for site, number in self._worklist.by_site().items():
            numbers[site if site in self._sites else NO_SITE] += number
        family = GaugeMetricFamily("triaged_unread_studies", "Studies still to be read, by site.", labels=["site"])
        for site, number in numbers.items():
            family.add_metric([site], number)
        return family

    def _instances(self) -> Metric:
        found = self._throughput.received(self._association)
        self._received.update(found.ended)
        self._association = found.upto
        total = Counter(self._received)
        total.update(found.going_on)
        total.update(self._throughput.quarantined())
        family = CounterMetricFamily(
            "triaged_instances_received", "Instances received and kept, by calling AE title.", labels=["sender"]
        )
        for sender, number in _most(total, _MOST_SENDERS).items():
            family.add_metric([sender], number)
        return family

    def _order(self) -> Metric:
        waits, self._result = self._throughput.waits(self._result)
        for seconds in waits:
            place = next((number for number, bound in enumerate(ORDER_SECONDS) if seconds <= bound), -1)
            self._buckets[place] += 1
        self._seconds += math.fsum(waits)
        bounds = [*map(str, ORDER_SECONDS), "+Inf"]
        cumulative = [(bound, float(sum(self._buckets[: number + 1]))) for number, bound in enumerate(bounds)]
        return HistogramMetricFamily(
            "triaged_order_seconds",
            "Seconds from the last slice of a study until it stood in its place.",
            buckets=cumulative,
            sum_value=self._seconds,
        )

    def _flagged(self, now: datetime) -> Families:
        ratio = GaugeMetricFamily(
            "triaged_flagged_ratio", "Flagged share of the studies scored in the last 7 days.", labels=["station"]
        )
        scored = GaugeMetricFamily("triaged_scored", "Studies scored in the last 7 days.", labels=["station"])
        devices = self._throughput.flagged(now - FLAGGED_WITHIN)
        for device in sorted(devices, key=lambda each: -devices[each].scored)[:_MOST_STATIONS]:
            ratio.add_metric([_label(device) or _UNNAMED], devices[device].share)
            scored.add_metric([_label(device) or _UNNAMED], devices[device].scored)
        yield ratio
        yield scored

    def _of_daemon(self) -> Families:
        ages = GaugeMetricFamily(
            "triaged_role_heartbeat_age_seconds",
            "For how long a process has made no progress; +Inf where none was ever seen to.",
            labels=["role", "process"],
        )
        youngest: dict[tuple[str, str], float] = {}
        for seen in self._roles():  # processes that took each other's place are one, so that labels do not grow
            age = math.inf if seen.silent_s is None or seen.pulse.hung else seen.silent_s
            place = seen.pulse.role, stable_part(seen.pulse.name)
            youngest[place] = min(age, youngest.get(place, math.inf))
        for labels, age in youngest.items():
            ages.add_metric(labels, age)
        yield ages
        yield GaugeMetricFamily(
            "triaged_config_accepted",
            "Whether the daemon runs with the configuration file as it is.",
            value=float(self._config_accepted()),
        )
        try:
            free = self._spool.free_mb() * 1024.0 * 1024.0
        except TryLater:
            return
        yield GaugeMetricFamily("triaged_disk_free_bytes", "Free disk of the spool.", value=free)


def registry_of(measurements: Measurements) -> CollectorRegistry:
    """Return a registry with nothing in it but what is measured here."""
    registry = CollectorRegistry(auto_describe=False)
    registry.register(measurements)
    return registry


def router(registry: CollectorRegistry) -> APIRouter:
    """Return the route on the port of the pages, for administrators: AE titles and addresses' names stand in it."""
    routes = APIRouter(include_in_schema=False)

    @routes.get(PATH)
    def metrics(request: Request) -> Response:
        administrator(request)
        return Response(generate_latest(registry), headers={"Content-Type": CONTENT_TYPE_LATEST})

    return routes


def _most(counted: Mapping[str, int], most: int) -> dict[str, int]:
    """Return the largest counts by label; a stranger who calls himself something else each time makes no label more."""
    largest = sorted(counted, key=lambda name: (-counted[name], name))
    found: Counter[str] = Counter()
    for place, name in enumerate(largest):
        found[_label(name) if place < most else _OTHERS] += counted[name]
    return dict(found)


def _label(text: str) -> str:
    return text.encode("utf-8", "replace").decode("utf-8")
