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
from triaged.study.verdict import Assignment, Said
from triaged.web.entries import STATE_WORDS
from triaged.web.offers import ACTION_WORDS
from triaged.web.verdicts import VERDICT_WORDS

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
    "DELIVERED": "sent by DICOMweb",
    "ORDER_PRIORITY": "the order's priority changed",
    "PLACED": "placed by what was found",
    "PLACED_AGAIN": "placed again",
    "REMOVED": "files deleted",
    "SECOND_READ": "read by a second engine",
    "SECOND_FAILED": "a second engine could not read it",
}

Done = Action | Said | Assignment
"""What people did with a study."""


@dataclass(frozen=True, slots=True)
class Line:
    """One line of a study's history; `other_uid` is the study that caused it, empty where that is the study itself.

    `folded` are the lines of which it is the sum.
    """

    at: datetime
    style: str
    what: str
    why: str
    other_uid: str = ""
    folded: tuple[Line, ...] = ()


def folded(lines: Sequence[Line]) -> list[Line]:
    """Return lines with those moves in one that follow each other and that other studies caused, two or more."""
    found: list[Line] = []
    for by_others, run in groupby(lines, key=lambda line: line.other_uid != ""):
        moves = tuple(run)
        if by_others and len(moves) > 1:
            found.append(Line(moves[0].at, "move", f"{len(moves)} moves caused by other studies", "", "", moves))
        else:
            found.extend(moves)
    return found


def timeline(events: Sequence[HistoryEvent], moves: Sequence[Move], done: Sequence[Done], most: int) -> list[Line]:
    """Return the last `most` lines, the newest first; of one moment, what happened is above what it moved.

    Instances that came one after the other are one line, of the last of them.
    """
    runs = [list(run) for _, run in groupby(events, key=_kind)]
    kinds = {each.action_id: each.kind for each in done if isinstance(each, Action)}
    lines = [
        *map(_move, moves),
        *(_done(each, kinds) for each in done),
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


def _done(done: Done, kinds: Mapping[int, ActionKind]) -> Line:
    match done:
        case Action():
            return _action(done, kinds)
        case Said():
            return _verdict(done)
        case Assignment():
            return _assignment(done)


def _action(action: Action, kinds: Mapping[int, ActionKind]) -> Line:
    what = f"{action.person} {ACTION_WORDS[action.kind]}"
    if action.undoes is not None and action.undoes in kinds:
        return Line(action.at, "action", f"{what}: {ACTION_WORDS[kinds[action.undoes]]}", "")
    return Line(action.at, "action undone" if action.undone else "action", what, action.detail)


def _verdict(said: Said) -> Line:
    words = VERDICT_WORDS[said.verdict]
    about = f"the result of revision {said.judged.revision}"
    if said.takes_back:
        return Line(said.at, "action", f"{said.person} took back: {words}", about)
    return Line(said.at, "action", f"{said.person} said: {words}", f"{about}: {said.note}" if said.note else about)


def _assignment(assignment: Assignment) -> Line:
    to = f"assigned it to {assignment.assignee}" if assignment.assignee else "assigned it to nobody"
    return Line(assignment.at, "action", f"{assignment.person} {to}", "")


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
