"""Readers take studies from a list, one at a time each, until all are read: the simulation itself.

Must not know classes, scores or chance: what happens is in the stream, and who is next in the discipline.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from heapq import heappop, heappush
from operator import attrgetter
from typing import Final

import numpy as np

from triaged.lab.simulation.disciplines import ReadingOrder
from triaged.lab.simulation.durations import Minutes
from triaged.lab.simulation.queues import Move
from triaged.lab.simulation.site import Readers
from triaged.lab.simulation.stream import Stream

NEVER: Final = float("inf")


class Interruption(StrEnum):
    """When a reader puts a study aside for another one and later goes on where it was left."""

    NEVER = "never"
    BY_EMERGENCIES = "emergencies"
    BY_TIER = "tiers"


@dataclass(frozen=True, slots=True, eq=False)
class Timeline:
    """When each study of a stream was read first and when it was done, in the stream's minutes."""

    started_min: Minutes
    finished_min: Minutes


def replay(
    stream: Stream,
    discipline: ReadingOrder,
    readers: Readers,
    interruption: Interruption = Interruption.NEVER,
) -> Timeline:
    """Return when every study of the stream is read under a discipline."""
    moves = sorted(discipline.moves(stream), key=attrgetter("at_min"))
    room = _ReadingRoom(stream, discipline, interruption)
    changes = readers.changes()
    changing, number = next(changes)
    following = 0
    while room.unread:
        moving = moves[following].at_min if following < len(moves) else NEVER
        ending = room.next_end()
        if ending <= changing and ending <= moving:
            room.finish(ending)
        elif changing <= moving:
            room.staff(changing, number)
            changing, number = next(changes, (NEVER, number))
        else:
            room.move(moves[following])
            following += 1
    return Timeline(np.array(room.started), np.array(room.finished))


class _ReadingRoom:
    """Who waits, who is being read, and how many readers there are."""

    def __init__(self, stream: Stream, discipline: ReadingOrder, interruption: Interruption) -> None:
        self.started: list[float] = [NEVER] * len(stream)
        self.finished: list[float] = [NEVER] * len(stream)
        self.unread = len(stream)
        self._left: list[float] = stream.reading_min.tolist()
        self._scored: list[float] = stream.scored_min.tolist() if len(stream.unscored_min) else []
        self._unscored: list[float] = stream.unscored_min.tolist()
        self._queue = discipline.queue()
        self._interruption = interruption
        self._readers = 0
        self._ends: list[tuple[float, int]] = []
        self._read: dict[int, float] = {}
        self._begun: dict[int, float] = {}
        self._last: dict[int, Move] = {}

    def next_end(self) -> float:
        """Return when the next study is done, if nothing comes between."""
        while self._ends and self._read.get(self._ends[0][1]) != self._ends[0][0]:
            heappop(self._ends)
        return self._ends[0][0] if self._ends else NEVER

    def finish(self, now_min: float) -> None:
        """End the reading that is due now, and begin another."""
        study = heappop(self._ends)[1]
        del self._read[study], self._begun[study], self._last[study]
        self.finished[study] = now_min
        self.unread -= 1
        self._fill(now_min)

    def staff(self, now_min: float, readers: int) -> None:
        """Change the number of readers; those who are too many finish what they read."""
        self._readers = readers
        self._fill(now_min)

    def move(self, move: Move) -> None:
        """Give a study that waits its place; one that is being read, or was, is left alone."""
        if self.finished[move.study] < NEVER:
            return
        self._last[move.study] = move
        if move.study in self._read:
            return
        self._queue.put(move.study, move.key)
        self._fill(move.at_min)
        if self._interruption is not Interruption.NEVER and move.study in self._queue:
            self._interrupt_for(move)

    def _fill(self, now_min: float) -> None:
        while len(self._read) < self._readers:
            study = self._queue.take(now_min)
            if study is None:
                return
            if self.started[study] == NEVER:
                self.started[study] = now_min
                if self._unscored and now_min < self._scored[study]:
                    self._left[study] = self._unscored[study]
            end = now_min + self._left[study]
            self._read[study], self._begun[study] = end, now_min
            heappush(self._ends, (end, study))

    def _interrupt_for(self, move: Move) -> None:
        if not self._read or (self._interruption is Interruption.BY_EMERGENCIES and move.tier > 0):
            return
        if len(self._read) > self._readers:
            return
        # who was begun last: a reader does not know which one would take longest
        least = max(self._read, key=lambda study: (self._last[study].tier, self._begun[study]))
        if self._last[least].tier <= move.tier:
            return
        self._left[least] = self._read.pop(least) - move.at_min
        self._queue.put(least, self._last[least].key)
        self._fill(move.at_min)
