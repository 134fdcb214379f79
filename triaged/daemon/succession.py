"""Which receivers take over from which, so that somebody listens at any moment; starts and ends no process itself."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Final

from triaged.daemon.member import Member
from triaged.daemon.roles import Role

_SUCCESSOR: Final = "."
"""Between the name of a receiver and the number of one that took over from another of that name."""


class Succession:
    """Receivers that are to leave once another serves in their place.

    `leave` asks one to end at a moment, and has it looked after until it has.
    """

    def __init__(self, leave: Callable[[Member, float], None]) -> None:
        self._leave = leave
        self._pairs: list[tuple[Member, Member]] = []
        """Each with the one that takes over."""
        self._number = 1

    @property
    def leaving_later(self) -> list[Member]:
        """Return those that serve until another one does."""
        return [old for old, _ in self._pairs]

    def take_over(
        self,
        there: Sequence[Member],
        names: Sequence[str],
        others: Sequence[Member],
        now: float,
        *,
        doors_stay_open: bool,
    ) -> list[Member]:
        """Return a receiver for each name, in the place of those that are there; start those of them that do not run.

        `others` are receivers whose names are taken too. One that serves goes on until its successor does; where no
        socket outlives it, or it does not serve, it ends first, and starts again where its name stays.
        """
        taken = {_plain(each.name) for each in (*there, *self.leaving_later, *others)}
        chosen = [
            old if _plain(old.name) == name and not (doors_stay_open and old.serves) else self._new(name, taken)
            for old, name in zip(there, names, strict=False)
        ]
        chosen += [self._new(name, taken) for name in names[len(there) :]]
        for number, old in enumerate(there):
            heir = chosen[min(number, len(chosen) - 1)]
            if heir is old:
                old.forgive()
                old.leave(now)
            elif doors_stay_open and old.serves:
                self._pairs.append((old, heir))
            else:
                self._pairs = [(each, heir if new is old else new) for each, new in self._pairs]
                self._leave(old, now)
        return chosen

    def go_on(self, now: float) -> None:
        """Let those leave in whose place another serves."""
        for old, new in self._pairs[:]:
            if new.process is not None and new.serves:
                self._pairs.remove((old, new))
                self._leave(old, now)

    def give_back(self, members: Sequence[Member]) -> list[Member]:
        """Return the members with those that were to leave in the place of those that do not serve yet, which end."""
        failed = {new for _, new in self._pairs}
        for new in failed:
            new.kill()
            new.ended()
        back, self._pairs = self.leaving_later, []
        return [*back, *(each for each in members if each not in failed)]

    def _new(self, name: str, taken: set[str]) -> Member:
        """Return one of this name, with a number where another has it."""
        if name in taken:
            self._number += 1
            name = f"{name}{_SUCCESSOR}{self._number}"
        return Member(Role.RECEIVER, name)


def _plain(name: str) -> str:
    """Return the name of a receiver as the configuration asks for it."""
    return name.partition(_SUCCESSOR)[0]
