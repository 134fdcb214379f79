"""One commit for all that several threads wait for at the same moment: each is answered after it, and none before.

For SQLite, which has one writer and syncs its log with every commit; PostgreSQL syncs once for all that commit at a
time. While one thread commits, the work of others queues up, and the next commit takes all of it. A thread alone waits
for nobody. Knows no tables.
"""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable, Sequence
from typing import Any, TypeVar

from sqlalchemy import Connection

from triaged.errors import TryLater
from triaged.store.tables.database import Database

_Result = TypeVar("_Result")
_MOST = 32


class Together:
    """Transactions of one process that share their commits; safe to use from several threads."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._guard = threading.Lock()
        self._waiting: deque[_Piece] = deque()
        self._is_led = False

    def run(self, work: Callable[[Connection], _Result]) -> _Result:
        """Return what `work` gives, once that is committed; whatever it raises has changed nothing.

        Where a piece of work among several fails, each is done once more in a transaction of its own, so that what is
        wrong with one is no affair of the others: `work` changes nothing but rows.

        Raises:
            TryLater: the database is unreachable, locked for too long, or full.
        """
        if self._database.dialect != "sqlite":
            return self._alone(work)
        piece = _Piece(work)
        if not self._takes_the_lead(piece):
            piece.turn.acquire()
        if piece.leads:
            try:
                self._lead(piece)
            finally:
                self._hand_over()
        if piece.refusal is not None:
            raise TryLater(str(piece.refusal)) from piece.refusal
        if not piece.is_committed:
            return self._alone(work)
        result: _Result = piece.result
        return result

    def _alone(self, work: Callable[[Connection], _Result]) -> _Result:
        with self._database.begin() as connection:
            return work(connection)

    def _takes_the_lead(self, piece: _Piece) -> bool:
        with self._guard:
            if self._is_led:
                self._waiting.append(piece)
            else:
                self._is_led = piece.leads = True
            return piece.leads

    def _lead(self, piece: _Piece) -> None:
        """Do the work of all who wait at this moment."""
        with self._guard:
            others = [self._waiting.popleft() for _ in range(min(len(self._waiting), _MOST - 1))]
        if not others:
            piece.result = self._alone(piece.work)
            piece.is_committed = True
            return
        try:
            self._commit([piece, *others])
        finally:
            for each in others:
                each.turn.release()

    def _commit(self, pieces: Sequence[_Piece]) -> None:
        is_at_work = False
        try:
            with self._database.begin() as connection:
                is_at_work = True
                for piece in pieces:
                    piece.result = piece.work(connection)
                is_at_work = False
        except Exception as error:  # noqa: BLE001 whose error it is comes out when each does its own
            if isinstance(error, TryLater) and not is_at_work:
                for piece in pieces:
                    piece.refusal = error
        else:
            for piece in pieces:
                piece.is_committed = True

    def _hand_over(self) -> None:
        with self._guard:
            if not self._waiting:
                self._is_led = False
                return
            following = self._waiting.popleft()
            following.leads = True
        following.turn.release()


class _Piece:
    """The work of one thread, which sleeps until its turn: then it leads, or its work was tried."""

    def __init__(self, work: Callable[[Connection], Any]) -> None:
        self.work = work
        self.turn = threading.Lock()
        self.turn.acquire()
        self.leads = self.is_committed = False
        self.result: Any = None
        self.refusal: TryLater | None = None
