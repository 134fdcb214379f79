"""What `/health` asks of the store and the spool, each part of it by itself."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime

from triaged.spool.files import Spool
from triaged.steps.control_charts import ControlCharts
from triaged.store.couriers.notifications import Notifications
from triaged.store.couriers.outbox import Outbox
from triaged.store.listing.policies import Policies
from triaged.store.listing.worklist import Worklist
from triaged.store.roles.pauses import Pauses
from triaged.store.studies.daily import Daily
from triaged.store.studies.inventory import Inventory
from triaged.store.studies.left_of_sites import LeftOfSites
from triaged.store.studies.unclaimed import Unclaimed
from triaged.store.tables.database import Database
from triaged.study.modalities import Stratum
from triaged.study.pulse import Seen
from triaged.web import pools, watch
from triaged.web.health import Health, Surroundings, gets_on
from triaged.web.overview import what_is_paused, what_waits
from triaged.web.sites import drained_warnings

Look = Callable[[pools.Pools, Sequence[Seen], Mapping[Stratum, int]], list[str]]


def health_of(database: Database, spool: Spool, around: Surroundings, clock: Callable[[], datetime]) -> Health:
    """Return how a daemon is that works with this store and spool."""
    worklist, policies, inventory = Worklist(database), Policies(database), Inventory(database)
    leaving, pauses = (Outbox(database), Notifications(database)), Pauses(database)
    charts, unclaimed = ControlCharts(Daily(database)), Unclaimed(database)
    left = LeftOfSites(database)

    def database_answers() -> list[str]:
        worklist.version()
        return []

    def spool_takes() -> list[str]:
        spool.check_reserve()
        spool.check_writable()
        return []

    def of_pools(look: Look) -> list[str]:
        if around.roles is None or not around.pools.differ:
            return []
        working = [each for each in around.roles() if each.pulse.role == "worker" and gets_on(each)]
        return look(around.pools, working, unclaimed.numbers())

    def waiting() -> list[str]:
        waits = what_waits(*leaving, policies, inventory, recipients=around.recipients, now=clock())
        lacking = of_pools(pools.without_workers)
        drained = drained_warnings(around.sites, left.all()) if any(site.drained for site in around.sites) else []
        return [*what_is_paused(pauses), *drained, *waits, *lacking, *watch.warnings(charts.warnings(now=clock()))]

    return Health(
        database=database_answers,
        spool=spool_takes,
        unserved=lambda: of_pools(pools.unserved),
        waiting=waiting,
        surroundings=around,
    )
