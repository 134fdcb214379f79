"""Counts of studies and deliveries by state, and of what waits for a person; for programs and the command line."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from datetime import datetime, timedelta

from typing_extensions import TypedDict

from triaged.store.couriers.notifications import Notifications
from triaged.store.couriers.outbox import Outbox
from triaged.store.couriers.peers import Peers
from triaged.store.listing.policies import Policies
from triaged.store.roles.pauses import Pauses
from triaged.store.studies.history import History
from triaged.store.studies.inventory import Inventory
from triaged.store.studies.second_results import SecondResults
from triaged.study.records import DeliveryState
from triaged.web.destinations import Accepts, accepts
from triaged.web.seconds import SecondCountItem, as_count_items

_MOST = 100_000
_LONG_WAIT = timedelta(minutes=15)


class Overview(TypedDict):
    """Counts: of studies by state, of deliveries by destination and state, of changes that receivers are told by
    receiver and state, and of what only a person can settle.

    `dead_letters` and `refused` are of both, `withdrawn` of result objects alone: that a change gives way to a newer
    one is nothing to look at. `uncommitted` is what was sent and asked for storage commitment without an answer yet;
    `destinations` is what each answered when it was last asked what it accepts. `second_engines` counts how often each
    version of a second engine read, disagreed and failed, by the device that made the images.
    """

    studies: dict[str, int]
    deliveries: dict[str, dict[str, int]]
    pushes: dict[str, dict[str, int]]
    uncommitted: dict[str, int]
    destinations: dict[str, Accepts]
    dead_letters: int
    refused: int
    withdrawn: int
    quarantined: int
    conflicts: int
    second_engines: list[SecondCountItem]


def overview(history: History, outbox: Outbox, pushes: Notifications, peers: Peers, seconds: SecondResults) -> Overview:
    """Return the counts of this moment; raises `TryLater` where the database is unreachable."""
    deliveries, changes = outbox.counts(), pushes.counts()
    leaving = [*deliveries.values(), *changes.values()]
    return {
        "studies": {state.value: number for state, number in history.counts().items()},
        "deliveries": _by_name(deliveries),
        "pushes": _by_name(changes),
        "uncommitted": dict(sorted(outbox.awaiting_commitment().items())),
        "destinations": {answer.destination: accepts(answer) for answer in peers.all()},
        "dead_letters": sum(states[DeliveryState.DEAD] for states in leaving),
        "refused": sum(states[DeliveryState.REFUSED] for states in leaving),
        "withdrawn": sum(states[DeliveryState.WITHDRAWN] for states in deliveries.values()),
        "quarantined": len(history.quarantined(_MOST)),
        "conflicts": len(history.conflicts(_MOST)),
        "second_engines": as_count_items(seconds.counts()),
    }


def what_waits(
    outbox: Outbox,
    pushes: Notifications,
    policies: Policies,
    inventory: Inventory,
    *,
    recipients: Collection[str] | None = None,
    now: datetime,
) -> list[str]:
    """Return in words, without a patient, what does not arrive, waits for long or is lost; nothing if all is well.

    `recipients` are the names of destinations and subscribers, where they are known: what waits for others is stranded.
    """
    found = []
    if lost := inventory.missing():
        found.append(f"files are missing in the spool: {lost}, named by `triaged fsck`")
    for name, number in sorted({**outbox.not_arriving(), **pushes.not_arriving()}.items()):
        found.append(f"{name} is unreachable or refuses for now: {number} wait for another attempt")
    for name, number in sorted({**outbox.waiting(), **pushes.waiting()}.items()):
        if recipients is not None and name not in recipients:
            found.append(f"{number} wait for {name}, which is no destination or subscriber: see triaged outbox list")
    overall = [*outbox.counts().values(), *pushes.counts().values()]
    for state, words in ((DeliveryState.DEAD, "given up"), (DeliveryState.REFUSED, "refused")):
        if number := sum(states[state] for states in overall):
            found.append(f"{number} result objects or notifications were {words}: see the status page")
    if (lag := policies.lag(now=now)) > _LONG_WAIT:
        found.append(f"the oldest complete study without a result has waited {lag // timedelta(minutes=1)} min")
    return [*found, *policies.warnings()]


def what_is_paused(pauses: Pauses) -> list[str]:
    """Return in words what an administrator has stopped; without the reason, which is for administrators."""
    return [f"{each.what}{f' to {each.target}' if each.target else ''} is paused" for each in pauses.all()]


def _by_name(counts: Mapping[str, Mapping[DeliveryState, int]]) -> dict[str, dict[str, int]]:
    return {name: {state.value: number for state, number in states.items()} for name, states in sorted(counts.items())}
