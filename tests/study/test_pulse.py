"""Who gets on is told from changes that a reader saw by its own clock, and from nothing else."""

from __future__ import annotations

from triaged.study.pulse import Pulse, Vitals

WORKER, CLOCK = "worker-1@here", "clock@here"


def _worker(beat: str, hung: str = "") -> Pulse:
    return Pulse(WORKER, "worker", beat, hung)


def _silences(vitals: Vitals, at_s: float) -> dict[str, float | None]:
    return {seen.pulse.name: seen.silent_s for seen in vitals.seen(at_s)}


def test_a_beat_that_changes_is_fresh_and_ages_by_the_readers_clock() -> None:
    vitals = Vitals()
    vitals.read([_worker("a-1")], 100)
    vitals.read([_worker("a-2")], 102)
    assert _silences(vitals, 102) == {WORKER: 0}
    vitals.read([_worker("a-2")], 110)
    assert _silences(vitals, 113) == {WORKER: 11}
    (seen,) = vitals.seen(113)
    assert (seen.is_fresh(10), seen.is_fresh(11)) == (False, True)


def test_what_stood_there_before_the_first_look_is_not_believed_until_it_changes() -> None:
    vitals = Vitals()
    vitals.read([_worker("dead-7")], 100)
    assert _silences(vitals, 101) == {WORKER: None}
    assert not vitals.seen(101)[0].is_fresh(10)


def test_one_that_begins_while_somebody_looks_is_believed_at_once() -> None:
    vitals = Vitals()
    vitals.read([], 100)
    vitals.read([_worker("a-1")], 102)
    assert _silences(vitals, 103) == {WORKER: 1}


def test_one_that_ends_in_order_is_forgotten_and_one_that_comes_back_is_believed() -> None:
    vitals = Vitals()
    vitals.read([_worker("a-1"), Pulse(CLOCK, "clock", "c-1")], 100)
    vitals.read([Pulse(CLOCK, "clock", "c-2")], 102)
    assert _silences(vitals, 102) == {CLOCK: 0}
    vitals.read([_worker("a-1"), Pulse(CLOCK, "clock", "c-3")], 104)
    assert _silences(vitals, 104) == {CLOCK: 0, WORKER: 0}


def test_one_that_never_changed_is_silent_since_the_first_look() -> None:
    vitals = Vitals()
    vitals.read([_worker("dead-7"), Pulse(CLOCK, "clock", "c-1")], 100)
    vitals.read([_worker("dead-7"), Pulse(CLOCK, "clock", "c-2")], 3000)
    assert vitals.silent_for(3600, 3700) == []
    assert vitals.silent_for(3600, 3701) == [_worker("dead-7")]
