"""Limits hold for several receivers together: who gets an association where others are elsewhere, and who leaves."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass

import pytest

from tests.dimse.peers import Peer, Peers
from triaged.dimse.board import Board, new_board
from triaged.dimse.slot import Slot, SlotLimits
from triaged.dimse.slots import Slots

LIMITS = SlotLimits(associations=8, per_peer=4, silent=6, wait_s=0.0)


@dataclass
class House(Peers):
    """Three receivers with one clock, which stands still, and who had to leave."""

    board: int = 0
    limits: SlotLimits = LIMITS
    own: SlotLimits = LIMITS
    expected: tuple[tuple[str, str], ...] = ()
    now: float = 1000.0

    def __post_init__(self) -> None:
        self.receivers = [self._receiver() for _ in range(3)]

    def _receiver(self) -> Slots:
        board = Board(self.board)
        return Slots(self.own, self.expected, board=board, everywhere=self.limits, monotonic=lambda: self.now)

    def associate(self, number: int, name: str, address: str, title: str = "") -> Slot | None:
        slots = self.receivers[number]
        slot = slots.connect(address, Peer(self, name))
        assert slot is not None
        if slots.associate(slot, title or name):
            return slot
        slots.leave(slot)
        return None

    def attend(self) -> None:
        for each in self.receivers:
            each.attend()


@pytest.fixture
def house() -> Iterator[House]:
    """Three receivers with eight associations together, four for a peer."""
    board = new_board()
    yield House(board=board)
    os.close(board)


def _fill(house: House, count: int, *, works: bool) -> None:
    """Let peers of one association each come to the receivers in turn."""
    for number in range(count):
        slot = house.associate(number % 3, f"peer {number}", f"10.0.1.{number}")
        assert slot is not None
        slot.is_working = works
        house.now += 0.1
    house.attend()


def test_all_receivers_together_have_as_many_associations_as_one_alone(house: House) -> None:
    house.expected = (("KNOWN", ""),)
    house.receivers = [house._receiver() for _ in range(3)]
    _fill(house, 6, works=True)
    assert house.associate(0, "stranger", "10.0.0.9") is None, "the last two are for senders that are known"
    assert house.associate(1, "known", "10.0.0.9", "KNOWN") is not None
    assert house.associate(2, "also known", "10.0.0.8", "KNOWN") is not None
    assert house.associate(0, "one too many", "10.0.0.7", "KNOWN") is None


def test_one_peer_has_its_share_of_all_wherever_it_is_accepted(house: House) -> None:
    for number in (0, 0, 0, 1):
        slot = house.associate(number, f"from {number}", "10.0.0.1")
        assert slot is not None
        slot.is_working = True
    house.attend()
    assert house.associate(2, "fifth", "10.0.0.1") is None
    for number in range(4):
        slot = house.associate(number % 3, "names", f"10.0.2.{number}", "STORESCU")
        if number < 2:
            assert slot is not None, "strangers may have six"
    assert house.associate(2, "fifth of the title", "10.0.3.1", "STORESCU") is None


def test_who_is_idle_at_another_receiver_leaves_for_who_comes_the_longest_idle_first(house: House) -> None:
    house.associate(0, "first", "10.0.0.1")
    house.now += 1
    _fill(house, 5, works=False)
    house.now += 5
    slots = house.receivers[2]
    slot = slots.connect("10.0.0.9", Peer(house, "new"))
    assert slot is not None
    assert not slots.associate(slot, "NEW"), "it has asked, and the other has not heard yet"
    assert house.gone == []
    house.receivers[0].attend()
    assert house.gone == ["first"]
    assert slots.associate(slot, "NEW")
    assert house.gone == ["first"]


def test_who_has_begun_to_work_again_stays_and_another_one_leaves(house: House) -> None:
    first = house.associate(0, "first", "10.0.0.1")
    assert first is not None
    house.now += 1
    _fill(house, 5, works=False)
    house.now += 5
    assert house.associate(2, "new", "10.0.0.9") is None
    with house.receivers[0].working(first):
        house.attend()
        assert house.gone == []
        assert house.associate(2, "new", "10.0.0.9") is None
    house.attend()
    assert house.gone == ["peer 0"]
    assert house.associate(2, "new", "10.0.0.9") is not None


def test_who_works_elsewhere_and_lets_its_receiver_wait_leaves(house: House) -> None:
    _fill(house, 6, works=True)
    house.paces = {"peer 1": (5.0, 10)}
    house.attend()
    assert house.associate(0, "new", "10.0.0.9") is None
    house.attend()
    assert house.gone == ["peer 1"]
    assert house.associate(0, "new", "10.0.0.9") is not None


def test_nobody_leaves_here_before_who_has_to_leave_elsewhere_has_left(house: House) -> None:
    """One bound is reached here, that of the address, and the other elsewhere, that of the title."""
    house.expected = (("OWN", ""), ("NEW", ""))
    house.receivers = [house._receiver() for _ in range(3)]
    for number in range(4):
        assert house.associate(0, f"own {number}", "10.0.0.9", "OWN") is not None
        assert house.associate(1, f"namesake {number}", f"10.0.1.{number}", "NEW") is not None
        house.now += 1
    house.now += 5
    house.attend()
    assert house.associate(0, "new", "10.0.0.9", "NEW") is None
    assert house.gone == []
    house.attend()
    assert house.gone == ["namesake 0"]
    assert house.associate(0, "new", "10.0.0.9", "NEW") is not None
    assert house.gone == ["namesake 0", "own 0"]


def test_what_a_receiver_had_that_drains_or_has_ended_is_free(house: House) -> None:
    _fill(house, 6, works=True)
    assert house.associate(0, "new", "10.0.0.9") is None
    house.receivers[1].withdraw()
    assert house.associate(0, "new", "10.0.0.9") is not None
    house.receivers[2].close()
    house.receivers[2].close()
    assert house.associate(0, "newer", "10.0.0.8") is not None


def test_a_connection_that_asks_while_its_receiver_begins_to_drain_is_served(house: House) -> None:
    slots = house.receivers[0]
    slot = slots.connect("10.0.0.1", Peer(house, "late"))
    assert slot is not None
    slots.withdraw()
    assert slots.associate(slot, "LATE")
    with slots.working(slot):
        slots.note_stored(slot)
    slots.attend()
    slots.leave(slot)


def test_who_has_more_to_do_leaves_a_connection_to_others(house: House) -> None:
    first, second, third = house.receivers
    assert not any(each.yields() for each in house.receivers)
    slot = first.connect("10.0.0.1", Peer(house, "silent"))
    assert slot is not None
    assert (first.yields(), second.yields()) == (True, False)
    second.connect("10.0.0.1", Peer(house, "also silent"))
    third.withdraw()
    assert (first.yields(), second.yields()) == (False, False), "who drains accepts nobody"
    first.leave(slot)
    assert (first.yields(), second.yields()) == (False, True)


def test_a_receiver_that_can_take_nobody_more_is_the_busiest(house: House) -> None:
    house.own = SlotLimits(associations=1, per_peer=1, silent=6, wait_s=0.0)
    small = house._receiver()
    house.receivers.append(small)
    slot = house.associate(3, "only one", "10.0.0.1")
    assert slot is not None
    for each in house.receivers[:3]:
        for number in range(3):
            each.connect(f"10.0.0.{number}", Peer(house, "silent"))
    assert small.yields()
    assert not house.receivers[0].yields()
    slot.is_working = True
    assert house.associate(3, "one too many", "10.0.0.2") is None
    assert house.associate(0, "elsewhere", "10.0.0.2") is not None


def test_a_sender_that_has_stored_with_another_receiver_is_known_once_that_is_heard(house: House) -> None:
    _fill(house, 6, works=True)
    assert house.associate(0, "new", "10.0.0.9", "CT1") is None
    house.receivers[0].know({("CT1", "10.0.0.9")})
    assert house.associate(0, "impostor", "10.0.0.8", "CT1") is None
    assert house.associate(0, "new", "10.0.0.9", "CT1") is not None
