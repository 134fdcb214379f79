"""Who gets on is told from changes that a reader saw by its own clock, and from nothing else."""

from __future__ import annotations

from collections.abc import Sequence

from triaged.study.pulse import Pulse, Silences, Vitals

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


CLOCK_1, CLOCK_2 = "clock@here/1", "clock@there/2"


def _beats(**beats: int) -> list[Pulse]:
    return [Pulse(f"{role}@here/1", role, f"a-{beat}") for role, beat in beats.items()]


def _watched(silences: Silences, looks: Sequence[tuple[float, Sequence[Pulse]]], *holders: str) -> None:
    for at_s, pulses in looks:
        silences.read(pulses, holders, at_s)


def test_one_whose_pulse_stands_still_is_silent_for_as_long_as_the_observers_own_moves() -> None:
    silences = Silences(CLOCK_1)
    _watched(silences, [(100 + 2 * look, _beats(clock=look, worker=7)) for look in range(7)])
    assert silences.longer_than(11) == {"worker@here/1"}
    assert silences.longer_than(12) == set()
    silences.read(_beats(clock=7, worker=8), (), 114)
    assert silences.longer_than(0) == set()


def test_one_that_holds_something_and_has_no_pulse_is_silent_too() -> None:
    silences = Silences(CLOCK_1)
    _watched(silences, [(100 + 2 * look, _beats(clock=look)) for look in range(8)], "worker@gone/9")
    assert silences.longer_than(12) == {"worker@gone/9"}


def test_where_the_store_takes_no_pulses_nobody_is_dead() -> None:
    silences = Silences(CLOCK_1)
    silences.read(_beats(clock=1, worker=1), (), 100)
    silences.read(_beats(clock=2, worker=2), (), 102)
    _watched(silences, [(102 + 2 * look, _beats(clock=2, worker=2)) for look in range(1, 60)])
    assert silences.longer_than(12) == set()


def test_the_time_in_which_the_observer_was_away_does_not_count() -> None:
    silences = Silences(CLOCK_1)
    silences.read(_beats(clock=1, worker=1), (), 100)
    silences.read(_beats(clock=2, worker=1), (), 102)
    silences.read(_beats(clock=3, worker=1), (), 700)
    assert silences.longer_than(2) == set()
    silences.read(_beats(clock=4, worker=1), (), 702)
    assert silences.longer_than(3.9) == {"worker@here/1"}


def test_an_observer_without_a_pulse_of_its_own_thinks_nobody_dead() -> None:
    silences = Silences(CLOCK_2)
    _watched(silences, [(100 + 2 * look, _beats(clock=look, worker=7)) for look in range(60)])
    assert silences.longer_than(0) == set()


def test_who_is_no_more_to_be_seen_is_forgotten() -> None:
    silences = Silences(CLOCK_1)
    _watched(silences, [(100 + 2 * look, _beats(clock=look, worker=7)) for look in range(9)])
    silences.read(_beats(clock=9), (), 118)
    assert silences.longer_than(0) == set()
