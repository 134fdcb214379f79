"""Who gets an association, and who leaves for it, with the time in the test's hands."""

from __future__ import annotations

import threading
import time
from dataclasses import dataclass, field

import pytest

from tests.dimse.peers import Peer, Peers
from triaged.dimse.descriptors import fitting
from triaged.dimse.repetition import Repetition
from triaged.dimse.slot import Slot, SlotLimits
from triaged.dimse.slots import Slots

LIMITS = SlotLimits(associations=8, per_peer=4, silent=6, wait_s=0.0)


@dataclass
class Leaving:
    """A connection that ends when it is told to."""

    left: threading.Event = field(default_factory=threading.Event)

    def dismiss(self, why: str) -> None:
        self.left.set()

    def pace(self) -> tuple[float, int]:
        return 0.0, 0

    def has_input(self) -> bool:
        return False


@dataclass
class House(Peers):
    """Slots with a clock that stands still, and who had to leave."""

    limits: SlotLimits = LIMITS
    expected: tuple[tuple[str, str], ...] = ()
    now: float = 1000.0

    def __post_init__(self) -> None:
        self.slots = Slots(self.limits, self.expected, monotonic=lambda: self.now)

    def connect(self, name: str, address: str) -> Slot | None:
        return self.slots.connect(address, Peer(self, name))

    def associate(self, name: str, address: str, title: str = "") -> Slot | None:
        slot = self.connect(name, address)
        assert slot is not None
        if self.slots.associate(slot, title or name):
            return slot
        self.slots.leave(slot)
        return None

    def fill(self, *addresses: str) -> list[Slot]:
        slots = [self.associate(f"{address}-{number}", address) for number, address in enumerate(addresses)]
        assert all(slots)
        return [slot for slot in slots if slot is not None]


def test_who_only_echoes_leaves_for_who_comes_the_longest_idle_first() -> None:
    house = House()
    house.associate("first", "10.0.0.1")
    house.now += 5
    house.fill(*["10.0.0.1"] * 3, *["10.0.0.2"] * 2)
    house.now += 5
    assert house.associate("new", "10.0.0.3") is not None
    assert house.gone == ["first"], "six strangers is all there may be"


def test_nobody_leaves_in_the_middle_of_its_work_nor_just_after_it() -> None:
    house = House(SlotLimits(associations=2, per_peer=2, wait_s=0.0))
    working, worked = house.fill("10.0.0.1", "10.0.0.2")
    house.slots.note_stored(worked)
    house.now += 9
    with house.slots.working(working):
        assert house.associate("new", "10.0.0.3") is None
        house.now += 1
        assert house.associate("new", "10.0.0.3") is not None
    assert house.gone == ["10.0.0.2-1"], "it has been idle for ten seconds"


def test_who_works_too_slowly_leaves_where_others_wait_and_stays_where_it_gets_on() -> None:
    house = House(SlotLimits(associations=2, per_peer=2, wait_s=0.0))
    for slot in house.fill("10.0.0.1", "10.0.0.2"):
        slot.is_working = True
    house.paces = {"10.0.0.1-0": (1.0, 10), "10.0.0.2-1": (1.0, 10)}
    assert house.associate("new", "10.0.0.3") is None, "it is not clear yet"
    house.paces = {"10.0.0.1-0": (5.0, 50_000), "10.0.0.2-1": (2.0, 500)}
    assert house.associate("new", "10.0.0.3") is not None
    assert house.gone == ["10.0.0.2-1"]
    house.paces = {"10.0.0.1-0": (8.0, 50_100)}
    assert house.associate("newer", "10.0.0.4") is not None
    assert house.gone == ["10.0.0.2-1", "10.0.0.1-0"]


def test_who_was_too_slow_and_gets_on_again_stays() -> None:
    house = House(SlotLimits(associations=1, per_peer=1, wait_s=0.0))
    (slot,) = house.fill("10.0.0.1")
    slot.is_working = True
    house.paces = {"10.0.0.1-0": (2.0, 0)}
    assert slot.may_leave(house.now)
    house.paces = {"10.0.0.1-0": (2.1, 100_000)}
    assert house.associate("new", "10.0.0.3") is None


def test_who_has_just_come_is_given_time_to_begin() -> None:
    house = House(SlotLimits(associations=1, per_peer=1, wait_s=0.0))
    house.fill("10.0.0.1")
    house.now += 1
    assert house.associate("new", "10.0.0.2") is None
    house.now += 1
    assert house.associate("new", "10.0.0.2") is not None


def test_one_address_has_no_more_than_its_share_and_makes_room_among_its_own() -> None:
    house = House()
    house.fill(*["10.0.0.1"] * 4, "10.0.0.2")
    house.now += 2
    assert house.associate("fifth", "10.0.0.1") is not None
    assert house.gone == ["10.0.0.1-0"]


def test_one_title_from_many_addresses_has_no_more_than_its_share() -> None:
    house = House()
    for number in range(4):
        house.associate(str(number), f"10.0.0.{number}", "STORESCU")
    assert house.associate("fifth", "10.0.0.9", "STORESCU") is None
    assert house.associate("other", "10.0.0.9", "CT1") is not None


def test_places_are_kept_for_known_senders_however_many_strangers_work() -> None:
    house = House(expected=(("CT1", ""), ("CT2", "10.0.0.7")))
    for slot in house.fill(*["10.0.0.1"] * 3, *["10.0.0.2"] * 3):
        slot.is_working = True
    assert house.associate("stranger", "10.0.0.3", "CT3") is None
    assert house.associate("impostor", "10.0.0.3", "CT2") is None, "it is known at another address"
    assert house.associate("known", "10.0.0.3", "CT1") is not None
    assert house.associate("also known", "10.0.0.7", "CT2") is not None


def test_who_has_stored_is_known_when_it_comes_again() -> None:
    house = House()
    (sender,) = house.fill("10.0.0.7")
    house.slots.note_stored(sender)
    house.slots.leave(sender)
    for slot in house.fill(*["10.0.0.1"] * 3, *["10.0.0.2"] * 3):
        slot.is_working = True
    assert house.associate("stranger", "10.0.0.7", "ANOTHER") is None
    assert house.associate("10.0.0.7-0", "10.0.0.7") is not None


def test_who_uses_the_title_of_a_known_sender_does_not_take_its_share() -> None:
    house = House(expected=(("CT1", "10.0.0.7"),))
    for number in range(4):
        slot = house.associate(str(number), f"10.0.0.{number}", "CT1")
        assert slot is not None
        slot.is_working = True
    assert house.associate("known", "10.0.0.7", "CT1") is not None


def test_strangers_leave_before_known_senders_and_those_of_a_crowd_before_single_ones() -> None:
    house = House(SlotLimits(associations=4, per_peer=4, wait_s=0.0), expected=(("CT1", ""),))
    house.associate("known", "10.0.0.9", "CT1")
    house.associate("single", "10.0.0.2")
    house.associate("crowd", "10.0.0.1")
    house.associate("other", "10.0.0.1")
    house.now += 2
    assert house.associate("new", "10.0.0.3") is not None
    house.now += 2
    assert house.associate("newer", "10.0.0.4", "CT1") is not None
    assert house.gone == ["crowd", "single"]


def test_nobody_leaves_where_that_would_not_be_enough() -> None:
    house = House(SlotLimits(associations=4, per_peer=2, wait_s=0.0), expected=(("CT1", ""), ("CT2", "")))
    own, other = house.associate("a", "10.0.0.1", "CT1"), house.associate("b", "10.0.0.1", "CT2")
    assert own is not None
    assert other is not None
    own.is_working = True
    house.now += 2
    others = [house.associate(name, f"10.0.0.{name}", "CT2") for name in ("2",)]
    assert all(others)
    house.now += 0.5
    assert house.associate("c", "10.0.0.1", "CT2") is not None
    assert house.gone == ["b"], "one leaves for both bounds"


def test_silent_connections_leave_for_new_ones_and_one_address_has_half_of_them() -> None:
    house = House()
    for number in range(4):
        house.connect(str(number), "10.0.0.1")
    assert house.gone == ["0"]
    house.gone.clear()
    for number in range(20):
        house.connect(f"new {number}", f"10.0.1.{number}")
    assert house.gone
    assert all(not name.startswith("new") or int(name[4:]) < 19 for name in house.gone)


def test_who_has_asked_already_is_not_silent() -> None:
    house = House()
    house.speaking = {"0"}
    for number in range(5):
        house.connect(str(number), "10.0.0.1")
    assert house.gone == ["1", "2"]


def test_a_connection_waits_for_one_that_leaves_and_gives_up_where_none_does() -> None:
    slots = Slots(SlotLimits(associations=1, per_peer=1, silent=1, wait_s=5.0))
    left = threading.Event()
    first = slots.connect("10.0.0.1", Leaving(left))
    second = slots.connect("10.0.0.2", Leaving(left))
    assert first is not None
    assert second is not None

    def leave() -> None:
        assert left.wait(5)
        slots.leave(first if first.is_dismissed else second)

    leaving = threading.Thread(target=leave)
    leaving.start()
    assert slots.connect("10.0.0.3", Leaving()) is not None
    leaving.join()
    hasty = Slots(SlotLimits(associations=1, per_peer=1, silent=0, wait_s=0.0))
    assert hasty.connect("10.0.0.1", Leaving()) is not None
    assert hasty.connect("10.0.0.1", Leaving()) is None


def test_a_request_waits_for_an_association_that_ends() -> None:
    slots = Slots(SlotLimits(associations=1, per_peer=1, wait_s=10.0))
    first, second = (slots.connect("10.0.0.1", Leaving()) for _ in range(2))
    assert first is not None
    assert second is not None
    assert slots.associate(first, "A")
    slots.note_stored(first)
    threading.Timer(0.1, lambda: slots.leave(first)).start()
    started = time.monotonic()
    assert slots.associate(second, "B")
    assert time.monotonic() - started < 5


def test_nobody_waits_when_the_receiver_stops() -> None:
    slots = Slots(SlotLimits(associations=1, per_peer=1, wait_s=60.0))
    first, second = (slots.connect("10.0.0.1", Leaving()) for _ in range(2))
    assert first is not None
    assert second is not None
    assert slots.associate(first, "A")
    slots.note_stored(first)
    threading.Timer(0.05, slots.close).start()
    assert not slots.associate(second, "B")


@pytest.mark.parametrize("descriptors", [0, 20, 40, 64, 100, 1000])
def test_connections_fit_the_descriptors_there_are(descriptors: int) -> None:
    limits = fitting(SlotLimits(), descriptors)
    assert 1 <= limits.associations <= 20
    assert limits.silent >= 4
    needed = 8 + 6 * limits.associations + limits.silent
    assert needed <= max(descriptors, 18)
    if descriptors == 1000:
        assert limits == SlotLimits()


def test_what_is_repeated_is_counted_and_logged_once_in_a_while() -> None:
    now = [0.0]
    repetition = Repetition(at_once=2, every_s=30, monotonic=lambda: now[0])
    assert [repetition.times("refused", "10.0.0.1") for _ in range(5)] == [1, 1, 0, 0, 0]
    assert repetition.times("refused", "10.0.0.2") == 1
    now[0] = 30
    assert [repetition.times("refused", "10.0.0.1") for _ in range(3)] == [4, 1, 0]


def test_a_thousand_sources_are_not_logged_a_thousand_times() -> None:
    now = [0.0]
    repetition = Repetition(monotonic=lambda: now[0])
    assert sum(repetition.times("refused", f"10.0.{n % 250}.{n // 250}") for n in range(10_000)) <= 102
    now[0] = 31
    assert repetition.times("refused", "10.9.9.9") == 1
