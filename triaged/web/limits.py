"""How much of this process one client may have, so that the others always find a place; knows no sockets.

Everything follows from how many descriptors the process may open: connections, open pages that listen for changes, and
answers at once, each of which opens files and a connection to the database.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, Self

ANSWER_DESCRIPTORS: Final = 4
"""What one answer opens besides its connection: the database with its log, and a file of the spool."""
OWN_DESCRIPTORS: Final = 16
"""What the process keeps open itself: log, listener, event loop, libraries."""


@dataclass(frozen=True, slots=True)
class Limits:
    """How many there may be, in all and of one address; streams are pages that listen for changes.

    A client owes a whole request `request_s` after it connected or got its last answer, and has to take `least_bytes`
    of an answer every `reading_s`, or all that is left of it; and send as much of instances that it stores.
    """

    connections: int = 512
    connections_of_one: int = 128
    streams: int = 200
    streams_of_one: int = 50
    answers: int = 32
    answers_of_one: int = 8
    request_s: float = 10.0
    reading_s: float = 20.0
    least_bytes: int = 16 * 1024

    @classmethod
    def within(cls, descriptors: int) -> Self:
        """Return the limits of a process that may open so many descriptors; 64 are enough."""
        most = cls()
        answers = max(3, min(most.answers, descriptors // 16))
        connections = max(8, min(most.connections, descriptors - OWN_DESCRIPTORS - ANSWER_DESCRIPTORS * answers))
        streams = min(most.streams, connections // 2)
        return cls(
            connections,
            connections // 4,
            streams,
            max(2, streams // 4),
            answers,
            max(2, answers // 4),
        )
