"""Which study comes next for somebody who reads one after the other."""

from __future__ import annotations

from enum import StrEnum

from triaged.store.listing.worklist import Part, Worklist
from triaged.store.tables.views import ListOrder


class Step(StrEnum):
    """Where to go: to the first study that is to be read, to the one after this one, or to the one before."""

    FIRST = "first"
    AFTER = "after"
    BEFORE = "before"


def next_study(worklist: Worklist, part: Part, order: ListOrder, uid: str, step: Step, person: str) -> str | None:
    """Return the study to go to from `uid` in a part of the list; None where there is none.

    The first one to be read is not this one, and none that somebody else reads. Where this one is not among them any
    more, the step leads to that one too.
    """
    if step is not Step.FIRST:
        neighbours = worklist.neighbours(uid, part, order)
        if neighbours is not None:
            return neighbours.after if step is Step.AFTER else neighbours.before
    return worklist.first_free(person, uid, part, order)
