"""Whoever is gone gives up what it held: to the process that takes its place at once, else to all after its silence."""

from __future__ import annotations

import pytest
import structlog
from structlog.testing import capture_logs

from tests.store.making import Studies, at, claimed, make_ready, study_uid
from triaged.config.settings import Config
from triaged.daemon.rooms import Rooms
from triaged.daemon.taking_over import DEAD_AFTER_S, LOOK_S, from_the_silent, take_over
from triaged.spool.files import Spool
from triaged.store.roles.pulses import Pulses
from triaged.store.tables.database import Database
from triaged.study.pulse import Pulse

CLOCK, WORKER = "clock@here/1", "worker-1@there/1"


@pytest.fixture
def rooms(database: Database, spool: Spool) -> Rooms:
    structlog.reset_defaults()
    return Rooms(Config(), database, spool)


class Time:
    """A clock that nobody sets, and the pulses that beat by it."""

    def __init__(self, rooms: Rooms, monkeypatch: pytest.MonkeyPatch) -> None:
        self.pulses, self.s = Pulses(rooms.database), 1000.0
        monkeypatch.setattr("triaged.daemon.taking_over.time.monotonic", lambda: self.s)

    def passes(self, *beating: str) -> None:
        self.s += LOOK_S
        for name in beating:
            self.pulses.write(Pulse(name, name.partition("@")[0], f"a-{self.s}"))


@pytest.fixture
def time(rooms: Rooms, monkeypatch: pytest.MonkeyPatch) -> Time:
    return Time(rooms, monkeypatch)


def test_a_role_takes_over_at_once_from_those_before_it_and_forgets_their_pulses(rooms: Rooms, time: Time) -> None:
    studies = Studies(rooms.database)
    make_ready(studies, 1)
    make_ready(studies, 2)
    claimed(studies, WORKER)
    claimed(studies, "worker-2@there/1")
    time.passes(WORKER, "worker-2@there/1")
    with capture_logs() as logs:
        take_over(rooms, [WORKER])
    assert [(each["event"], each["process"], each["studies"]) for each in logs] == [
        ("taken over from a process that is gone", WORKER, 1)
    ]
    assert [each.name for each in time.pulses.all()] == ["worker-2@there/1"]
    assert claimed(studies, "worker-1@there/2").study_uid == study_uid(1)


@pytest.mark.parametrize("has_pulse", [True, False], ids=["pulse stands still", "no pulse"])
def test_what_a_silent_process_holds_is_free_after_its_silence_and_not_before(
    rooms: Rooms, time: Time, has_pulse: bool
) -> None:
    studies, look = Studies(rooms.database), from_the_silent(rooms, CLOCK)
    make_ready(studies, 1)
    claimed(studies, WORKER)
    time.passes(CLOCK, *([WORKER] if has_pulse else []))
    look()
    silent_s = 0.0
    while silent_s + LOOK_S <= DEAD_AFTER_S:
        time.passes(CLOCK)
        look()
        silent_s += LOOK_S
    assert studies.claim_next("worker-2@here/1", lease_s=60, now=at(2)) is None
    time.passes(CLOCK)
    look()
    assert claimed(studies, "worker-2@here/1").attempt == 2


def test_one_that_gets_on_keeps_what_it_holds(rooms: Rooms, time: Time) -> None:
    studies, look = Studies(rooms.database), from_the_silent(rooms, CLOCK)
    make_ready(studies, 1)
    claimed(studies, WORKER)
    for _ in range(20):
        time.passes(CLOCK, WORKER)
        look()
    assert studies.claim_next("worker-2@here/1", lease_s=60, now=at(2)) is None


def test_two_clocks_take_back_once(rooms: Rooms, time: Time) -> None:
    studies = Studies(rooms.database)
    looks = [from_the_silent(rooms, name) for name in (CLOCK, "clock@there/1")]
    make_ready(studies, 1)
    claimed(studies, WORKER)
    with capture_logs() as logs:
        for _ in range(12):
            time.passes(CLOCK, "clock@there/1")
            for look in looks:
                look()
    assert len(logs) == 1
    events = [each.event for each in studies.events(study_uid(1).value)]
    assert events.count("LEASE_EXPIRED") == 1
