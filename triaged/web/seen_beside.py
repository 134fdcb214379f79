"""What the page of a study says of other studies, for who sees those of some sites alone: nothing of those of others.

Who sees all studies sees all of it. Knows no pages.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final, Protocol, TypeVar

from triaged.store.listing.worklist import Worklist
from triaged.store.studies.history import History
from triaged.store.tables.views import Conflict, ConflictKind, HistoryEvent, Move

_CONFLICT: Final = "CONFLICT"


class OfStudy(Protocol):
    """What is said of another study, named by its UID."""

    @property
    def study_uid(self) -> str:
        """The study that it is said of."""
        ...


Said = TypeVar("Said", bound=OfStudy)


class SeenBeside:
    """What somebody sees of other studies; `worklist` is the list as they see it, no `sites` mean all."""

    def __init__(self, worklist: Worklist, history: History, sites: frozenset[str]) -> None:
        self._worklist, self._history = worklist, history
        self._is_bound = bool(sites)

    def study(self, said: Said | None) -> Said | None:
        """Return what is said of another study, or None where that is not seen."""
        return said if said is None or not self._is_bound or self._worklist.knows(said.study_uid) else None

    def moves(self, study_uid: str) -> list[Move]:
        """Return the moves of a study; none where not all studies are seen: places are those over all."""
        return [] if self._is_bound else self._history.moves(study_uid)

    def events(self, study_uid: str) -> list[HistoryEvent]:
        """Return the events of a study, without those that may name another one."""
        events = self._history.events(study_uid)
        return [each for each in events if each.event != _CONFLICT] if self._is_bound else events

    def conflicts(self, found: Iterable[Conflict]) -> list[Conflict]:
        """Return conflicts, without those with another study."""
        return [each for each in found if not self._is_bound or each.kind is not ConflictKind.OTHER_STUDY]
