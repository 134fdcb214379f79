"""One row for each process, which it replaces, and removes when it ends."""

from __future__ import annotations

from triaged.store.roles.pulses import Pulses
from triaged.store.tables.database import Database
from triaged.study.pulse import Pulse

WORKER = Pulse("worker-1@here", "worker", "a-1")


def test_a_process_replaces_what_it_said_before_and_no_other_row(database: Database) -> None:
    pulses = Pulses(database)
    pulses.write(WORKER)
    pulses.write(Pulse("clock@here", "clock", "c-1"))
    pulses.write(Pulse("worker-1@here", "worker", "a-1", "one study: no progress for 1801 s, at most 1800 s"))
    assert [(each.name, each.beat, each.hung[:9]) for each in pulses.all()] == [
        ("clock@here", "c-1", ""),
        ("worker-1@here", "a-1", "one study"),
    ]


def test_a_process_that_ends_leaves_nothing(database: Database) -> None:
    pulses = Pulses(database)
    pulses.write(WORKER)
    pulses.remove(WORKER.name)
    assert pulses.all() == []


def test_one_that_came_back_is_not_forgotten(database: Database) -> None:
    pulses = Pulses(database)
    pulses.write(Pulse("worker-1@here", "worker", "b-1"))
    pulses.forget(WORKER)
    assert len(pulses.all()) == 1
    pulses.forget(pulses.all()[0])
    assert pulses.all() == []
