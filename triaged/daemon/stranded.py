"""What waits for a destination or subscriber that the configuration does not name any more. Changes nothing."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from triaged.config.settings import Config
from triaged.daemon.checking import Check, store
from triaged.errors import TriagedError
from triaged.store.couriers.notifications import Notifications
from triaged.store.couriers.outbox import Outbox
from triaged.store.tables.database import Database


def waiting_for(database: Database) -> Mapping[str, tuple[int, int]]:
    """Return how many objects and how many notifications wait for each name."""
    objects, changes = Outbox(database).waiting(), Notifications(database).waiting()
    return {name: (objects.get(name, 0), changes.get(name, 0)) for name in sorted({*objects, *changes})}


def words_of(objects: int, changes: int) -> str:
    """Say what waits."""
    said = [f"{objects} object{'' if objects == 1 else 's'}"] if objects else []
    said += [f"{changes} notification{'' if changes == 1 else 's'}"] if changes else []
    return " and ".join(said)


def stranded(config: Config) -> Iterator[Check]:
    """Yield a row for each name that is gone and that something waits for; it fails unless `retired` says what then."""
    try:
        with store(config) as database:
            waiting = {} if database is None else waiting_for(database)
    except TriagedError as error:
        yield Check("waiting", False, f"what waits cannot be looked at: {error}", "database.url")
        return
    known = {each.name for each in config.destinations} | {each.name for each in config.pushes}
    for name, (objects, changes) in waiting.items():
        if name not in known:
            yield _row(config, name, objects, changes)


def _row(config: Config, name: str, objects: int, changes: int) -> Check:
    what, waits = f"waiting for {name}", words_of(objects, changes)
    match config.retired.get(name):
        case "drop":
            return Check(what, True, f"{waits}, dropped when the daemon takes this (retired)", f"retired.{name}")
        case "hold":
            return Check(what, True, f"{waits}, held (retired)", f"retired.{name}", warns=True)
    section = "destinations" if objects else "pushes"
    expected = f"expected {name} among {section}, or `retired: {{{name}: drop}}` or hold"
    found = f"{waits} waiting; move them by `triaged outbox move --from {name} --to ANOTHER`"
    return Check(what, False, f"{expected}; found {found}", section, blocks=True)
