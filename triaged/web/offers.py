"""What a person can do with a study as it is, and how what was done reads; knows values only.

Whether it may really be done is decided when it is done: what a page offers can be old.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from triaged.study.ranking import Override
from triaged.study.read_state import Action, ActionKind, ReadState
from triaged.study.records import WorklistEntry

ACTION_WORDS = {
    ActionKind.READING: "began to read it",
    ActionKind.RELEASED: "stopped reading it",
    ActionKind.DONE: "marked it as done",
    ActionKind.REOPENED: "put it back onto the list",
    ActionKind.PINNED: "pinned it to the top",
    ActionKind.RAISED: "raised it",
    ActionKind.LOWERED: "lowered it",
    ActionKind.RESTORED: "gave it back the place of its class",
    ActionKind.UNDONE: "took back",
}
OVERRIDE_WORDS = {Override.NONE: "", Override.PIN: "pinned", Override.RAISE: "raised", Override.LOWER: "lowered"}


@dataclass(frozen=True, slots=True)
class Offer:
    """One button: what it does, its text, what it means, and the name by which a key finds it (`act`)."""

    kind: ActionKind
    act: str
    label: str
    title: str


@dataclass(frozen=True, slots=True)
class TakenOver:
    """That somebody reads a study `since` a moment at which somebody else was reading it."""

    previous: str
    reader: str
    since: datetime


_PLACES = (
    (Override.PIN, ActionKind.PINNED, "pin", "Pin", "Pin to the top, before everything but other emergencies (p)"),
    (Override.RAISE, ActionKind.RAISED, "raise", "Raise", "Raise by one class (+)"),
    (Override.LOWER, ActionKind.LOWERED, "lower", "Lower", "Lower by one class (-)"),
)


def offers(entry: WorklistEntry, person: str) -> tuple[Offer, ...]:
    """Return what a person can do with a study, the most usual first; nothing where nobody knows who it is."""
    if not person:
        return ()
    if entry.read_state is ReadState.DONE:
        return (Offer(ActionKind.REOPENED, "done", "Put back", "Put back onto the list (d)"), _UNDO)
    if entry.read_state is ReadState.READING and entry.read_by != person:
        return (Offer(ActionKind.READING, "reading", "Take over", f"Take over from {entry.read_by} (r)"),)
    if entry.read_state is ReadState.READING:
        first = Offer(ActionKind.RELEASED, "reading", "Stop reading", "Stop reading; it stays on the list (r)")
    else:
        first = Offer(ActionKind.READING, "reading", "Reading", "I read this now; others see it (r)")
    done = Offer(ActionKind.DONE, "done", "Done", "Read; it leaves the list, and stays under done (d)")
    touched = entry.read_state is not ReadState.UNREAD or entry.override is not Override.NONE
    return (first, done, *(_place(entry, *each) for each in _PLACES), *((_UNDO,) if touched else ()))


def reading_words(entry: WorklistEntry, *, now: datetime) -> str:
    """Return who reads a study or has read it, and since when; empty where nobody has."""
    if entry.read_state is ReadState.UNREAD or entry.read_at is None:
        return ""
    ago = duration(now - entry.read_at)
    if entry.read_state is ReadState.READING:
        return f"being read by {entry.read_by} for {ago}"
    return f"done by {entry.read_by} {ago} ago"


def duration(span: timedelta) -> str:
    """Return a span in the two largest units that say something."""
    minutes = max(0, int(span.total_seconds() // 60))
    if minutes < 60:
        return f"{minutes} min"
    if minutes < 24 * 60:
        return f"{minutes // 60} h {minutes % 60:02d} min"
    return f"{minutes // 1440} d {minutes % 1440 // 60} h"


def duration_of_minutes(minutes: float) -> str:
    """Return a time that something took; below ten minutes to the tenth."""
    return f"{minutes:.1f} min" if minutes < 10 else duration(timedelta(minutes=round(minutes)))


def taken_over(actions: Sequence[Action]) -> TakenOver | None:
    """Return who took a study over from whom; None where nobody did, or something was done about it since."""
    standing = [one for one in actions if one.kind in _OF_READING and not one.undone]
    if len(standing) < 2 or {one.kind for one in standing[-2:]} != {ActionKind.READING}:
        return None
    before, last = standing[-2:]
    return None if before.person == last.person else TakenOver(before.person, last.person, last.at)


def last_undoable(actions: Sequence[Action]) -> Action | None:
    """Return the action that the next undo takes back."""
    return next((one for one in reversed(actions) if one.undoes is None and not one.undone), None)


def _place(entry: WorklistEntry, override: Override, kind: ActionKind, act: str, label: str, title: str) -> Offer:
    if entry.override is override:
        return Offer(ActionKind.RESTORED, act, f"Not {OVERRIDE_WORDS[override]}", "Give back the place of its class")
    return Offer(kind, act, label, title)


_OF_READING = frozenset({ActionKind.READING, ActionKind.RELEASED, ActionKind.DONE, ActionKind.REOPENED})
_UNDO = Offer(ActionKind.UNDONE, "undo", "Undo", "Take back what was done last (u)")
