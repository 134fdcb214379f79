"""Everything that happened to one study as one list for people: events of its life, changes of its place, and
what readers did.

Knows values only: no server, no store, no markup.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import groupby

from triaged.store.tables.views import HistoryEvent, Move
from triaged.study.lifecycle import Event
from triaged.study.read_state import Action, ActionKind
from triaged.web.entries import STATE_WORDS
from triaged.web.offers import ACTION_WORDS

_EVENT_WORDS = {
    Event.COMPLETE.value: "complete",
    Event.CLAIMED.value: "analysis began",
    Event.ASSESSED.value: "scored",
    Event.DECLINED.value: "out of scope",
    Event.RETRY_LATER.value: "analysis will be tried again",
    Event.GIVEN_UP.value: "could not be read",
    Event.LEASE_EXPIRED.value: "analysis was interrupted",
    Event.REQUEUED.value: "asked to be read again",
    "CONFLICT": "contradicting instance kept aside",
    "ORDER_PRIORITY": "the order's priority changed",
    "PLACED_AGAIN": "placed again",
    "SECOND_READ": "read by a second engine",
    "SECOND_FAILED": "a second engine could not read it",
}


@dataclass(frozen=True, slots=True)
class Line:
    """One line of a study's history; `other_uid` is the study that caused it, empty where that is the study itself."""

    at: datetime
    style: str
    what: str
    why: str
    other_uid: str = ""


def timeline(events: Sequence[HistoryEvent], moves: Sequence[Move], actions: Sequence[Action], most: int) -> list[Line]:
    """Return the last `most` lines, the newest first; of one moment, what happened is above what it moved.

    Instances that came one after the other are one line, of the last of them.
    """
    runs = [list(run) for _, run in groupby(events, key=_kind)]
    kinds = {action.action_id: action.kind for action in actions}
    lines = [
        *map(_move, moves),
        *(_action(each, kinds) for each in actions),
        *(_event(run[-1], len(run)) for run in runs),
    ]
    return sorted(lines, key=lambda line: line.at)[::-1][:most]


def _kind(event: HistoryEvent) -> object:
    """Return what is equal for events that are shown as one."""
    return event.after if event.event == Event.INSTANCE_ADDED else id(event)


def _event(event: HistoryEvent, number: int) -> Line:
    if event.event == Event.INSTANCE_ADDED:
        return Line(event.at, "event", "1 instance came" if number == 1 else f"{number} instances came", "")
    what = _EVENT_WORDS.get(event.event, event.event.lower().replace("_", " "))
    changed = event.before is not event.after
    state = f"now {STATE_WORDS[event.after]}" if changed and STATE_WORDS[event.after] != what else ""
    return Line(event.at, "event", what, "; ".join(filter(None, (event.detail, state))))


def _action(action: Action, kinds: Mapping[int, ActionKind]) -> Line:
    what = f"{action.person} {ACTION_WORDS[action.kind]}"
    if action.undoes is not None and action.undoes in kinds:
        return Line(action.at, "action", f"{what}: {ACTION_WORDS[kinds[action.undoes]]}", "")
    return Line(action.at, "action undone" if action.undone else "action", what, action.detail)


def _move(move: Move) -> Line:
    if move.before is None:
        what = f"came onto the list at place {move.after}"
    elif move.after is None:
        what = f"left the list at place {move.before}"
    else:
        what = f"moved {'up' if move.after < move.before else 'down'} from place {move.before} to {move.after}"
    of_another = move.cause_study_uid != move.study_uid
    why = f"because of another study: {move.cause}." if of_another else move.cause
    return Line(move.at, "move", what, why, move.cause_study_uid if of_another else "")
