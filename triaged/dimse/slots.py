"""Who gets a connection and an association where they are few, and who has to leave for it.

A peer that is of no use to anybody makes room for one that may be: silent connections, and associations that only echo
or say nothing, the longest idle first. Nobody leaves while it stores, or has just stored. No address and no calling AE
title can have everything, and some associations are kept for senders that are known. Knows no socket.
"""

from __future__ import annotations

import threading
import time
from collections import Counter, OrderedDict
from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from ipaddress import ip_address
from typing import Protocol

_KEPT_SHARE = 4
"""One of so many associations is kept for senders that are known."""
_TURN_S = 0.25
_JUDGED_AFTER_S = 1.5
"""So long a peer has to let us wait until it counts as too slow to be spared where others wait."""
_REMEMBERED = 1000
"""How many senders are remembered as known."""


class Connected(Protocol):
    """What there is to ask of a connection, and to do to it, from any thread."""

    def dismiss(self, why: str) -> None:
        """Let the peer be told that it has to go."""
        ...

    def pace(self) -> tuple[float, int]:
        """Return since its beginning how long we waited for the peer, in seconds, and how many bytes came."""
        ...

    def has_input(self) -> bool:
        """Tell whether the peer has said something that we have not read yet."""
        ...


@dataclass(frozen=True, slots=True)
class SlotLimits:
    """How much there is, and how long it is kept.

    `per_peer` associations are for one address, and for one calling AE title. `wait_s` is how long a request waits for
    an association that ends; one that has just been opened is left alone for `settle_s`, one that has worked for
    `rest_s`, and one that works as long as its peer is faster than `least_bytes_per_s`. Whoever has stored is known for
    `known_s`.
    """

    associations: int = 20
    per_peer: int = 10
    silent: int = 128
    least_bytes_per_s: float = 1000.0
    wait_s: float = 4.0
    settle_s: float = 2.0
    rest_s: float = 10.0
    known_s: float = 7 * 24 * 3600.0

    @property
    def connections(self) -> int:
        """Return how many connections may be open, whatever they are."""
        return self.associations + self.silent

    @property
    def for_strangers(self) -> int:
        """Return how many associations senders may have that are not known."""
        return self.associations - self.associations // _KEPT_SHARE


class Slot:
    """One connection: nothing is known of it first, then it may become an association, and work."""

    def __init__(self, address: str, connection: Connected, *, now: float) -> None:
        self.address = address
        self.connection = connection
        self._sample = 0.0, 0
        self._is_too_slow = False
        self.since = now
        """Since when it is a connection; since when an association, once it is one."""
        self.calling_ae_title = ""
        self.is_known = False
        self.is_association = False
        self.is_asking = False
        self.is_dismissed = False
        self.is_working = False
        self.worked_at: float | None = None

    @property
    def idle_since(self) -> float:
        """Return since when it has been of no use."""
        return self.since if self.worked_at is None else self.worked_at

    def may_leave(self, limits: SlotLimits, now: float) -> bool:
        """Tell whether an association may be ended for another one: it is idle, or hardly gets on with its work."""
        if self.is_working:
            return self._drips(limits.least_bytes_per_s)
        rest_s = limits.settle_s if self.worked_at is None else limits.rest_s
        return now - self.idle_since >= rest_s

    def _drips(self, least_bytes_per_s: float) -> bool:
        """Tell whether its peer lets us wait; time in which we kept it waiting does not count."""
        waited_s, received = self.connection.pace()
        waited_s, received = waited_s - self._sample[0], received - self._sample[1]
        if received >= least_bytes_per_s * max(waited_s, _JUDGED_AFTER_S):
            self._is_too_slow = False
        elif waited_s >= _JUDGED_AFTER_S:
            self._is_too_slow = True
        else:
            return self._is_too_slow
        self._sample = self.connection.pace()
        return self._is_too_slow


class Slots:
    """All connections of a receiver; safe to use from several threads.

    `expected` are titles with the host where each is reached, or an empty one: senders that are known without having
    stored anything.
    """

    def __init__(
        self,
        limits: SlotLimits,
        expected: Collection[tuple[str, str]] = (),
        *,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._limits = limits
        self._expected = expected
        self._monotonic = monotonic
        self._changed = threading.Condition()
        self._slots: list[Slot] = []
        self._stored: OrderedDict[tuple[str, str], float] = OrderedDict()
        """When each sender, by address and title, stored for the last time."""
        self._is_closed = False

    def connect(self, address: str, connection: Connected) -> Slot | None:
        """Return a slot for a new connection, for which a silent one may have to leave; None where there is none."""
        deadline = self._monotonic() + self._limits.wait_s
        with self._changed:
            slot = Slot(address, connection, now=self._monotonic())
            own = [each for each in self._silent() if each.address == address]
            if len(own) >= max(1, self._limits.silent // 2):
                # Who has asked already, and was not read yet, is not silent.
                silent = min(own, key=lambda each: (each.connection.has_input(), each.since))
                self._dismiss(silent, "too many silent connections of this address")
            while len(self._slots) >= self._limits.connections:
                left = deadline - self._monotonic()
                someone_leaves = self._dismiss_least_useful() or any(each.is_dismissed for each in self._slots)
                if left <= 0 or not someone_leaves:
                    return None
                self._changed.wait(min(left, _TURN_S))
            self._slots.append(slot)
            return slot

    def leave(self, slot: Slot) -> None:
        """Give a slot back; its connection has ended."""
        with self._changed:
            self._slots.remove(slot)
            self._changed.notify_all()

    def associate(self, slot: Slot, calling_ae_title: str) -> bool:
        """Make a connection an association, for which another may have to leave; False where none does in time."""
        deadline = self._monotonic() + self._limits.wait_s
        with self._changed:
            slot.calling_ae_title = calling_ae_title
            slot.is_known = self._is_known(slot.address, calling_ae_title)
            slot.is_asking = True
            try:
                while not (slot.is_dismissed or self._is_closed):
                    if self._is_next(slot) and self._make_room(slot):
                        slot.since = self._monotonic()
                        slot.is_association = True
                        return True
                    left = deadline - self._monotonic()
                    if left <= 0:
                        return False
                    self._changed.wait(min(left, _TURN_S))
                return False
            finally:
                slot.is_asking = False
                self._changed.notify_all()

    @contextmanager
    def working(self, slot: Slot) -> Iterator[None]:
        """Let nobody end an association while it does what it came for."""
        slot.is_working = True
        try:
            yield
        finally:
            slot.is_working = False

    def note_work(self, slot: Slot) -> None:
        """Note that an association was of use just now."""
        slot.worked_at = self._monotonic()

    def note_stored(self, slot: Slot) -> None:
        """Note that an instance of this sender was kept: it is known from now on."""
        self.note_work(slot)
        with self._changed:
            slot.is_known = True
            sender = slot.address, slot.calling_ae_title
            self._stored[sender] = self._monotonic()
            self._stored.move_to_end(sender)
            if len(self._stored) > _REMEMBERED:
                self._stored.popitem(last=False)

    def make_room(self) -> bool:
        """End whatever is of the least use, since something else than slots has run out; False where nothing is."""
        with self._changed:
            return self._dismiss_least_useful()

    def close(self) -> None:
        """Let nobody wait any longer: the receiver stops."""
        with self._changed:
            self._is_closed = True
            self._changed.notify_all()

    def _is_known(self, address: str, calling_ae_title: str) -> bool:
        if any(title == calling_ae_title and _may_be_at(host, address) for title, host in self._expected):
            return True
        stored = self._stored.get((address, calling_ae_title))
        return stored is not None and self._monotonic() - stored < self._limits.known_s

    def _is_next(self, slot: Slot) -> bool:
        """Tell whether nobody like this one has been waiting for longer."""
        like_it = ((each.address, each.is_known) == (slot.address, slot.is_known) for each in self._slots)
        waiting = (each for each, is_like_it in zip(self._slots, like_it, strict=True) if each.is_asking and is_like_it)
        return next(waiting, slot) is slot

    def _make_room(self, slot: Slot) -> bool:
        """End as few associations as let this one in; False, and none ended, where too few may leave."""
        now = self._monotonic()
        leaving: list[Slot] = []
        for crowd, most in self._bounds(slot):
            staying = [each for each in crowd if each not in leaving]
            idle = [each for each in staying if each.may_leave(self._limits, now)]
            excess = len(staying) - most + 1
            if excess > len(idle):
                return False
            if excess > 0:
                leaving += sorted(idle, key=self._usefulness)[:excess]
        for each in leaving:
            self._dismiss(each, "made room for another association")
        return True

    def _bounds(self, slot: Slot) -> Iterator[tuple[list[Slot], int]]:
        """Return groups of associations that one more would belong to, each with how many it may have."""
        all_of_them = self._associations()
        yield [each for each in all_of_them if each.address == slot.address], self._limits.per_peer
        # Who only uses the title of a known sender does not take its associations away.
        namesakes = [each for each in all_of_them if each.calling_ae_title == slot.calling_ae_title]
        yield [each for each in namesakes if each.is_known or not slot.is_known], self._limits.per_peer
        if not slot.is_known:
            yield [each for each in all_of_them if not each.is_known], self._limits.for_strangers
        yield all_of_them, self._limits.associations

    def _dismiss_least_useful(self) -> bool:
        now = self._monotonic()
        silent = self._silent()
        silent = [each for each in silent if not each.connection.has_input()] or silent
        idle = [each for each in self._associations() if each.may_leave(self._limits, now)]
        for candidates in (silent, idle):
            if candidates:
                self._dismiss(min(candidates, key=self._usefulness), "made room for another connection")
                return True
        return False

    def _usefulness(self, slot: Slot) -> tuple[bool, bool, int, float]:
        """Return what orders those that may leave: strangers first, then from the most crowded address, then by age."""
        crowds = Counter(each.address for each in self._slots if not each.is_dismissed)
        return slot.worked_at is not None, slot.is_known, -crowds[slot.address], slot.idle_since

    def _dismiss(self, slot: Slot, why: str) -> None:
        slot.is_dismissed = True
        slot.connection.dismiss(why)

    def _associations(self) -> list[Slot]:
        return [each for each in self._slots if each.is_association and not each.is_dismissed]

    def _silent(self) -> list[Slot]:
        """Return connections that have not asked for anything, the oldest first."""
        return [each for each in self._slots if not (each.is_association or each.is_asking or each.is_dismissed)]


def _may_be_at(host: str, address: str) -> bool:
    """Tell whether a peer whose host is configured may call from an address; a name is not looked up."""
    try:
        return not host or ip_address(host) == ip_address(address)
    except ValueError:
        return True
