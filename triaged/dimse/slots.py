"""Who gets a connection and an association where they are few, and who has to leave for it.

A peer that is of no use to anybody makes room for one that may be: silent connections, and associations that only echo
or say nothing, the longest idle first. Nobody leaves while it stores, or has just stored. No address and no calling AE
title can have everything, and some associations are kept for senders that are known. All this holds for all receivers
on a port together, where there are several; only silent connections are each one's own. Knows no socket.
"""

from __future__ import annotations

import threading
import time
from collections import Counter
from collections.abc import Callable, Collection, Iterator, Sequence
from contextlib import contextmanager, nullcontext

from triaged.dimse.board import Board, Elsewhere
from triaged.dimse.known import KnownSenders
from triaged.dimse.slot import Association, Connected, Slot, SlotLimits

_TURN_S = 0.25
_FULL = 1 << 16
"""What makes a receiver without room for another association the busiest."""


class Slots:
    """All connections of a receiver; safe to use from several threads.

    `expected` are titles with the host where each is reached, or an empty one: senders that are known without having
    stored anything. With a `board`, `everywhere` are the limits of all receivers on it together, and `limits` what this
    one can take of that; somebody has to `attend` to the wishes of the others.
    """

    def __init__(
        self,
        limits: SlotLimits,
        expected: Collection[tuple[str, str]] = (),
        *,
        board: Board | None = None,
        everywhere: SlotLimits | None = None,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._limits = limits
        self._everywhere = everywhere or limits
        self._board = board
        self._known = KnownSenders(expected, limits.known_s)
        self._monotonic = monotonic
        self._changed = threading.Condition()
        self._slots: list[Slot] = []
        self._is_closed = False

    def connect(self, address: str, connection: Connected) -> Slot | None:
        """Return a slot for a new connection, for which a silent one may have to leave; None where there is none."""
        deadline = self._monotonic() + self._limits.wait_s
        with self._changed:
            slot = Slot(address, connection, self._limits, now=self._monotonic())
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
            self._show_load()
            return slot

    def leave(self, slot: Slot) -> None:
        """Give a slot back; its connection has ended."""
        with self._changed:
            self._slots.remove(slot)
            slot.disappear()
            self._show_load()
            self._changed.notify_all()

    def yields(self) -> bool:
        """Tell whether another receiver on the port has less to do, and should accept who comes."""
        with self._changed:
            least = None if self._board is None else self._board.least_load_elsewhere()
            return least is not None and least < self._load()

    def know(self, senders: Collection[tuple[str, str]]) -> None:
        """Take these senders for known, by title and address, whichever receiver they have stored with."""
        with self._changed:
            self._known.meet(senders)

    def associate(self, slot: Slot, calling_ae_title: str) -> bool:
        """Make a connection an association, for which another may have to leave; False where none does in time."""
        deadline = self._monotonic() + self._limits.wait_s
        with self._changed:
            slot.calling_ae_title = calling_ae_title
            slot.is_known = self._known.has(calling_ae_title, slot.address, now=self._monotonic())
            slot.is_asking = True
            try:
                while not (slot.is_dismissed or self._is_closed):
                    if self._is_next(slot) and self._becomes_association(slot):
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
        slot.show()
        try:
            yield
        finally:
            slot.is_working = False
            slot.show()

    def note_work(self, slot: Slot) -> None:
        """Note that an association was of use just now."""
        slot.worked_at = self._monotonic()
        slot.show()

    def note_stored(self, slot: Slot) -> None:
        """Note that an instance of this sender was kept: it is known from now on."""
        self.note_work(slot)
        with self._changed:
            slot.is_known = True
            self._known.note_stored(slot.calling_ae_title, slot.address, now=self._monotonic())

    def make_room(self) -> bool:
        """End whatever is of the least use, since something else than slots has run out; False where nothing is."""
        with self._changed:
            return self._dismiss_least_useful()

    def attend(self) -> None:
        """Let other receivers see who works too slowly, and end associations whose place they need; often a second."""
        with self._changed:
            now = self._monotonic()
            for each in self._associations() if self._board is not None else ():
                may_leave = each.may_leave(now)
                if each.row is not None and each.row.is_to_leave:
                    if may_leave:
                        self._dismiss(each, "made room for another association")
                        continue
                    each.row.refuse()
                each.show(drips=may_leave)

    def withdraw(self) -> None:
        """Count for no other receiver any more: this one accepts nobody, and lets its associations end."""
        with self._changed:
            board, self._board, self._everywhere = self._board, None, self._limits
            for each in self._slots:
                each.disappear()
            if board is not None:
                board.close()

    def close(self) -> None:
        """Let nobody wait any longer: the receiver stops."""
        with self._changed:
            self._is_closed = True
            self._changed.notify_all()
        self.withdraw()

    def _is_next(self, slot: Slot) -> bool:
        """Tell whether nobody like this one has been waiting for longer."""
        like_it = ((each.address, each.is_known) == (slot.address, slot.is_known) for each in self._slots)
        waiting = (each for each, is_like_it in zip(self._slots, like_it, strict=True) if each.is_asking and is_like_it)
        return next(waiting, slot) is slot

    def _becomes_association(self, slot: Slot) -> bool:
        """Make it one if there is room; others may have to leave for it, those of other receivers in a moment."""
        board = self._board
        with nullcontext() if board is None else board.turn():
            if not self._make_room(slot, () if board is None else board.elsewhere()):
                return False
            if board is not None:
                slot.row = board.enter(slot.address, slot.calling_ae_title)
                if slot.row is None:
                    return False
            slot.since = self._monotonic()
            slot.is_association = True
            slot.show()
        self._show_load()
        return True

    def _make_room(self, slot: Slot, elsewhere: Sequence[Elsewhere]) -> bool:
        """End as few associations as let this one in; False, and none ended, where too few may leave.

        It is False too while those of other receivers are asked to leave: they are asked again until they have left.
        """
        now = self._monotonic()
        leaving: list[Association] = []
        for crowd, most in self._bounds(slot, elsewhere):
            staying = [each for each in crowd if each not in leaving]
            idle = [each for each in staying if each.may_leave(now)]
            excess = len(staying) - most + 1
            if excess > len(idle):
                return False
            if excess > 0:
                leaving += sorted(idle, key=self._usefulness(elsewhere))[:excess]
        far = [each for each in leaving if isinstance(each, Elsewhere)]
        if self._board is not None and far:
            for each in far:
                self._board.ask_to_leave(each)
            return False
        for near in leaving:
            if isinstance(near, Slot):
                self._dismiss(near, "made room for another association")
        return True

    def _bounds(self, slot: Slot, elsewhere: Sequence[Elsewhere]) -> Iterator[tuple[Sequence[Association], int]]:
        """Return groups of associations that one more would belong to, each with how many it may have."""
        all_of_them: list[Association] = [*self._associations(), *elsewhere]
        most = self._everywhere
        yield [each for each in all_of_them if each.address == slot.address], most.per_peer
        # Who only uses the title of a known sender does not take its associations away.
        namesakes = [each for each in all_of_them if each.calling_ae_title == slot.calling_ae_title]
        yield [each for each in namesakes if each.is_known or not slot.is_known], most.per_peer
        if not slot.is_known:
            yield [each for each in all_of_them if not each.is_known], most.for_strangers
        yield all_of_them, most.associations
        yield self._associations(), self._limits.associations

    def _dismiss_least_useful(self) -> bool:
        now = self._monotonic()
        silent = self._silent()
        silent = [each for each in silent if not each.connection.has_input()] or silent
        idle = [each for each in self._associations() if each.may_leave(now)]
        for candidates in (silent, idle):
            if candidates:
                self._dismiss(min(candidates, key=self._usefulness()), "made room for another connection")
                return True
        return False

    def _usefulness(
        self, elsewhere: Sequence[Elsewhere] = ()
    ) -> Callable[[Association], tuple[bool, bool, int, float]]:
        """Return what orders those that may leave: strangers first, then from the most crowded address, then by age."""
        crowds = Counter(each.address for each in self._slots if not each.is_dismissed)
        crowds.update(each.address for each in elsewhere)
        return lambda each: (each.has_worked, each.is_known, -crowds[each.address], each.idle_since)

    def _dismiss(self, slot: Slot, why: str) -> None:
        slot.is_dismissed = True
        slot.disappear()
        slot.connection.dismiss(why)

    def _load(self) -> int:
        """Return how much there is to do: a connection that asks for nothing yet may be about to."""
        is_full = len(self._associations()) >= self._limits.associations
        return len(self._slots) + (_FULL if is_full else 0)

    def _show_load(self) -> None:
        if self._board is not None:
            self._board.show_load(self._load())

    def _associations(self) -> list[Slot]:
        return [each for each in self._slots if each.is_association and not each.is_dismissed]

    def _silent(self) -> list[Slot]:
        """Return connections that have not asked for anything, the oldest first."""
        return [each for each in self._slots if not (each.is_association or each.is_asking or each.is_dismissed)]
