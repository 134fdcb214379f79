"""What receivers on one port let each other see of their associations, in memory that all of them share.

Each has a region of it, which it alone writes, but for one field of an association: the wish that it end. What stands
in a region counts as long as its process lives: that is a lock of the kernel's, which ends with the process, however
that ends. Knows no socket, and decides nothing.
"""

from __future__ import annotations

import fcntl
import mmap
import os
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from struct import Struct
from typing import Final

from triaged.errors import TryLater

_HEADER: Final = Struct("@IIII")
"""Whether the region counts, how much its receiver has to do, and how many of its rows were ever used; one is spare."""
_ROW: Final = Struct("@IIIIdd64s64s")
"""The number of an association, the number of the one that somebody wishes to end, whether it is known and has worked,
since when it is idle, from when on it may leave; address and calling AE title. The number 0 means that there is none.
"""
_STATE: Final = Struct("@IIdd")
_STATE_AT: Final = 8
_WISH_AT: Final = 4
_USED_AT: Final = 8
_NUMBER: Final = Struct("@I")
_REGIONS: Final = 64
_ROWS: Final = 512
_REGION_BYTES: Final = _HEADER.size + _ROWS * _ROW.size
_TURN_S: Final = 0.25
_LOCK: Final = Struct("@hhqqi4x")
"""`struct flock` of 64-bit Linux (fcntl(2)); such locks belong to an open file, not to a process."""


def new_board() -> int:
    """Return the descriptor of a board on which nobody is yet; receivers inherit it."""
    descriptor = os.memfd_create("triaged-associations", os.MFD_CLOEXEC)
    os.truncate(descriptor, _REGIONS * _REGION_BYTES)
    return descriptor


@dataclass(frozen=True, slots=True)
class Elsewhere:
    """An association of another receiver, as that one let it be seen a moment ago."""

    address: str
    calling_ae_title: str
    is_known: bool
    has_worked: bool
    idle_since: float
    may_leave_from: float
    place: int
    number: int

    def may_leave(self, now: float) -> bool:
        """Tell whether it may be ended for another one; its own receiver decides in the end."""
        return now >= self.may_leave_from


class Row:
    """What one association lets others see."""

    def __init__(self, board: Board, place: int, number: int) -> None:
        self._board = board
        self._place = place
        self._number = number

    def show(self, *, is_known: bool, has_worked: bool, idle_since: float, may_leave_from: float) -> None:
        """Let others see how it is; times are of the monotonic clock, which all processes have in common."""
        if self._board.read_number(self._place) == self._number:
            self._board.write(_STATE, self._place + _STATE_AT, is_known, has_worked, idle_since, may_leave_from)

    @property
    def is_to_leave(self) -> bool:
        """Tell whether another receiver needs its place."""
        return self._board.read_number(self._place + _WISH_AT) == self._number

    def refuse(self) -> None:
        """Take the wish away: the association is of use again."""
        self._board.write(_NUMBER, self._place + _WISH_AT, 0)

    def end(self) -> None:
        """Let nobody see it any more; once is enough, and again does no harm."""
        if self._board.read_number(self._place) == self._number:
            self._board.free(self._place)


class Board:
    """One receiver's sight of all of them, itself included; `close` it, or let the process end.

    Its times are of a clock that is the same in every process. To be used by one thread at a time, but for rows, each
    of which has a thread of its own.

    Raises:
        TryLater: too many receivers have it at this moment.
    """

    def __init__(self, descriptor: int) -> None:
        # Opened again, since a lock of this kind is shared by all who inherited the same open file.
        self._descriptor = os.open(f"/proc/self/fd/{descriptor}", os.O_RDWR | os.O_CLOEXEC)
        self._memory = mmap.mmap(self._descriptor, _REGIONS * _REGION_BYTES)
        self._own = self._claim()
        self._base = self._own * _REGION_BYTES
        self._memory[self._base : self._base + _REGION_BYTES] = bytes(_REGION_BYTES)
        self._free = list(range(_ROWS, 0, -1))
        self._used = 0
        self._last = 0
        self.show_load(0)

    @contextmanager
    def turn(self) -> Iterator[None]:
        """Let nobody else become an association meanwhile; who is stopped in its turn is not waited for for long."""
        deadline = time.monotonic() + _TURN_S
        while not (is_ours := self._try_lock(_REGIONS)) and time.monotonic() < deadline:
            time.sleep(0.002)
        try:
            yield
        finally:
            if is_ours:
                self._unlock(_REGIONS)

    def enter(self, address: str, calling_ae_title: str) -> Row | None:
        """Return the row of an association that has just begun; None where there are too many."""
        if not self._free:
            return None
        row = self._free.pop()
        self._used = max(self._used, row)
        self._last = self._last % 0xFFFFFFFF + 1
        place = self._place(self._own, row)
        named = _text(address), _text(calling_ae_title)
        _ROW.pack_into(self._memory, place, 0, 0, False, False, 0.0, float("inf"), *named)
        self.write(_NUMBER, place, self._last)
        self.write(_NUMBER, self._base + _USED_AT, self._used)
        return Row(self, place, self._last)

    def free(self, place: int) -> None:
        """Give a row back."""
        self.write(_NUMBER, place, 0)
        self._free.append((place - self._base - _HEADER.size) // _ROW.size + 1)

    def show_load(self, load: int) -> None:
        """Let others see how much there is to do here: who has less to do accepts the next connection."""
        _HEADER.pack_into(self._memory, self._base, True, load, self._used, 0)

    def elsewhere(self) -> Sequence[Elsewhere]:
        """Return the associations of all other receivers."""
        return [each for region, _, used in self._others() for each in self._rows(region, used)]

    def least_load_elsewhere(self) -> int | None:
        """Return how much the least busy of the others has to do; None where there is no other."""
        return min((load for _, load, _ in self._others()), default=None)

    def ask_to_leave(self, each: Elsewhere) -> None:
        """Let the receiver of an association know that its place is needed."""
        if self.read_number(each.place) == each.number:
            self.write(_NUMBER, each.place + _WISH_AT, each.number)

    def close(self) -> None:
        """Let nobody see anything of this receiver any more."""
        self.write(_NUMBER, self._base, False)
        self._unlock(self._own)

    def write(self, form: Struct, place: int, *values: float) -> None:
        """Write values that one machine word each holds, so that nobody reads half of one."""
        form.pack_into(self._memory, place, *values)

    def read_number(self, place: int) -> int:
        """Read one number."""
        return int(_NUMBER.unpack_from(self._memory, place)[0])

    def _others(self) -> Iterator[tuple[int, int, int]]:
        """Give region, load and number of rows of every other receiver that lives."""
        for region in range(_REGIONS):
            counts, load, used, _ = _HEADER.unpack_from(self._memory, region * _REGION_BYTES)
            if counts and region != self._own and self._is_locked(region):
                yield region, load, used

    def _rows(self, region: int, used: int) -> Iterator[Elsewhere]:
        for row in range(1, min(used, _ROWS) + 1):
            place = self._place(region, row)
            number, _, known, worked, since, leaves_from, address, title = _ROW.unpack_from(self._memory, place)
            if number:
                named = _read(address), _read(title)
                yield Elsewhere(*named, bool(known), bool(worked), since, leaves_from, place, number)

    def _claim(self) -> int:
        for region in range(_REGIONS):
            if self._try_lock(region):
                return region
        os.close(self._descriptor)
        raise TryLater(f"expected at most {_REGIONS} receivers that share their ports, found more")

    def _place(self, region: int, row: int) -> int:
        return region * _REGION_BYTES + _HEADER.size + (row - 1) * _ROW.size

    def _try_lock(self, number: int) -> bool:
        try:
            self._ask(fcntl.F_OFD_SETLK, fcntl.F_WRLCK, number)
        except (BlockingIOError, PermissionError):
            return False
        return True

    def _unlock(self, number: int) -> None:
        self._ask(fcntl.F_OFD_SETLK, fcntl.F_UNLCK, number)

    def _is_locked(self, number: int) -> bool:
        found: int = _LOCK.unpack(self._ask(fcntl.F_OFD_GETLK, fcntl.F_WRLCK, number))[0]
        return found != fcntl.F_UNLCK

    def _ask(self, command: int, kind: int, number: int) -> bytes:
        return fcntl.fcntl(self._descriptor, command, _LOCK.pack(kind, os.SEEK_SET, number, 1, 0))


def _text(value: str) -> bytes:
    return value.encode("utf-8", "surrogateescape")[:64]


def _read(value: bytes) -> str:
    return value.rstrip(b"\0").decode("utf-8", "surrogateescape")
