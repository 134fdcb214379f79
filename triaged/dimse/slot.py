"""One connection of a receiver, what is asked of it, and how many there may be.

Knows no socket, and no other connection.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from triaged.dimse.board import Row

_KEPT_SHARE = 4
"""One of so many associations is kept for senders that are known."""
_JUDGED_AFTER_S = 1.5
"""So long a peer has to let us wait until it counts as too slow to be spared where others wait."""


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


class Association(Protocol):
    """What there is to know of an association, here or elsewhere."""

    @property
    def address(self) -> str:
        """Return where its peer is."""
        ...

    @property
    def calling_ae_title(self) -> str:
        """Return what its peer calls itself."""
        ...

    @property
    def is_known(self) -> bool:
        """Tell whether its peer is a sender that is known."""
        ...

    @property
    def has_worked(self) -> bool:
        """Tell whether it was of use at any time."""
        ...

    @property
    def idle_since(self) -> float:
        """Return since when it has been of no use."""
        ...

    def may_leave(self, now: float) -> bool:
        """Tell whether it may be ended for another one."""
        ...


class Slot:
    """One connection: nothing is known of it first, then it may become an association, and work, within `limits`."""

    def __init__(self, address: str, connection: Connected, limits: SlotLimits, *, now: float) -> None:
        self.address = address
        self.connection = connection
        self._limits = limits
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
        self.row: Row | None = None
        """What other receivers on the port see of it, where there are any."""

    @property
    def has_worked(self) -> bool:
        """Tell whether it was of use at any time."""
        return self.worked_at is not None

    @property
    def idle_since(self) -> float:
        """Return since when it has been of no use."""
        return self.since if self.worked_at is None else self.worked_at

    def may_leave(self, now: float) -> bool:
        """Tell whether an association may be ended for another one: it is idle, or hardly gets on with its work."""
        return self._drips() if self.is_working else now >= self._may_leave_from()

    def show(self, *, drips: bool = False) -> None:
        """Let other receivers see how an association is; `drips` where it works, and may leave all the same."""
        if self.row is not None:
            works = float("-inf") if drips else float("inf")
            self.row.show(
                is_known=self.is_known,
                has_worked=self.has_worked,
                idle_since=self.idle_since,
                may_leave_from=works if self.is_working else self._may_leave_from(),
            )

    def disappear(self) -> None:
        """Let no other receiver see it any more."""
        row, self.row = self.row, None
        if row is not None:
            row.end()

    def _may_leave_from(self) -> float:
        """Return from when on it may be ended, unless it works until then."""
        return self.idle_since + (self._limits.rest_s if self.has_worked else self._limits.settle_s)

    def _drips(self) -> bool:
        """Tell whether its peer lets us wait; time in which we kept it waiting does not count."""
        waited_s, received = self.connection.pace()
        waited_s, received = waited_s - self._sample[0], received - self._sample[1]
        if received >= self._limits.least_bytes_per_s * max(waited_s, _JUDGED_AFTER_S):
            self._is_too_slow = False
        elif waited_s >= _JUDGED_AFTER_S:
            self._is_too_slow = True
        else:
            return self._is_too_slow
        self._sample = self.connection.pace()
        return self._is_too_slow
