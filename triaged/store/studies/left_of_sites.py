"""What is still to be done for each site: counts, for whoever has to know when nothing of it is left. Reads only.

Names no patient. Knows no settings: a study is of the site that it was given when it came.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Select, func, select

from triaged.store.posting.drawing import DrawingState
from triaged.store.tables import schema
from triaged.store.tables.database import Ledger
from triaged.study.lifecycle import State
from triaged.study.records import DeliveryState
from triaged.study.second import SecondState


@dataclass(frozen=True, slots=True)
class Left:
    """What of a site is on its way: studies that arrive, wait to be scored and are being scored; drafts to be drawn and
    results for second engines; objects and notifications that are to be sent. `given_up` were tried often enough."""

    arriving: int = 0
    waiting: int = 0
    scoring: int = 0
    following: int = 0
    undelivered: int = 0
    given_up: int = 0

    @property
    def is_nothing(self) -> bool:
        """Tell whether nothing of the site is on its way any more; what was given up is not."""
        return not (self.arriving or self.waiting or self.scoring or self.following or self.undelivered)

    def words(self) -> str:
        """Return what is left, without what is not."""
        numbers = (
            (self.arriving, "arriving"),
            (self.waiting, "waiting to be scored"),
            (self.scoring, "being scored"),
            (self.following, "to be drawn or read by second engines"),
            (self.undelivered, "undelivered"),
            (self.given_up, "given up"),
        )
        return ", ".join(f"{number} {what}" for number, what in numbers if number) or "nothing left"


class LeftOfSites(Ledger):
    """Counts for each site, an empty name for studies of none; a site of which nothing is left is not among them."""

    def all(self) -> Mapping[str, Left]:
        """Return what is left of each site, all of one moment."""
        found: dict[str, dict[str, int]] = {}
        with self._database.read() as connection:
            for what, query in _COUNTS.items():
                for row in connection.execute(query):
                    found.setdefault(row.site, {})[what] = found.get(row.site, {}).get(what, 0) + int(row.number)
        return {site: _left(numbers) for site, numbers in found.items()}


def _left(numbers: Mapping[str, int]) -> Left:
    return Left(
        arriving=numbers.get("arriving", 0),
        waiting=numbers.get("waiting", 0),
        scoring=numbers.get("scoring", 0),
        following=numbers.get("drafts", 0) + numbers.get("seconds", 0),
        undelivered=numbers.get("objects", 0) + numbers.get("notifications", 0),
        given_up=numbers.get("dead objects", 0) + numbers.get("dead notifications", 0),
    )


_study, _derived, _outbox, _push = schema.study, schema.derived, schema.outbox, schema.push
_second, _drawing = schema.second_result, schema.drawing
_number = func.count().label("number")


def _studies(state: State) -> Select[Any]:
    return select(_study.c.site, _number).where(_study.c.state == state).group_by(_study.c.site)


def _objects(state: DeliveryState) -> Select[Any]:
    of_study = _outbox.join(_derived, _derived.c.id == _outbox.c.derived_id).join(
        _study, _study.c.id == _derived.c.study_id
    )
    return select(_study.c.site, _number).select_from(of_study).where(_outbox.c.state == state).group_by(_study.c.site)


def _of_rows(table: Any, *states: str) -> Select[Any]:
    of_study = table.join(_study, _study.c.id == table.c.study_id)
    return select(_study.c.site, _number).select_from(of_study).where(table.c.state.in_(states)).group_by(_study.c.site)


_COUNTS = {
    "arriving": _studies(State.RECEIVING),
    "waiting": _studies(State.READY),
    "scoring": _studies(State.ANALYSING),
    "drafts": _of_rows(_drawing, DrawingState.WAITING),
    "seconds": _of_rows(_second, SecondState.WAITING, SecondState.RUNNING),
    "objects": _objects(DeliveryState.PENDING),
    "dead objects": _objects(DeliveryState.DEAD),
    "notifications": _of_rows(_push, DeliveryState.PENDING),
    "dead notifications": _of_rows(_push, DeliveryState.DEAD),
}
