"""What readers do with studies on the list, and what follows from it, as one pure rule; no storage.

Whether a study is being read or was read is an axis of its own, beside its life and its deliveries. While somebody
reads a study, only that person decides about it; anybody else can take it over, which is allowed and said.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum
from types import MappingProxyType
from typing import Final

from triaged.errors import ActionRefused
from triaged.study.ranking import Override

PROGRAM: Final = "triaged"
"""Who acts where nobody did: the program itself. No person may act under this name."""


class ReadState(StrEnum):
    """Whether a study was read; only studies that are not DONE are on the open list."""

    UNREAD = "UNREAD"
    READING = "READING"
    DONE = "DONE"


class ActionKind(StrEnum):
    """What can be done to a study on the list. RESTORED takes an override back, UNDONE the last other action."""

    READING = "READING"
    RELEASED = "RELEASED"
    DONE = "DONE"
    REOPENED = "REOPENED"
    PINNED = "PINNED"
    RAISED = "RAISED"
    LOWERED = "LOWERED"
    RESTORED = "RESTORED"
    UNDONE = "UNDONE"


@dataclass(frozen=True, slots=True)
class Action:
    """One action on a study; never changed afterwards.

    `undoes` is the number of the action that this one took back, `undone` whether a later one took this one back.
    """

    action_id: int
    study_uid: str
    at: datetime
    person: str
    kind: ActionKind
    detail: str
    undoes: int | None = None
    undone: bool = False


@dataclass(frozen=True, slots=True)
class ReadStatus:
    """Who reads a study: `person` reads it or has read it since `at`; nobody and never where it is UNREAD."""

    state: ReadState = ReadState.UNREAD
    person: str = ""
    at: datetime | None = None
    override: Override = Override.NONE


OVERRIDES: Mapping[ActionKind, Override] = MappingProxyType(
    {
        ActionKind.PINNED: Override.PIN,
        ActionKind.RAISED: Override.RAISE,
        ActionKind.LOWERED: Override.LOWER,
        ActionKind.RESTORED: Override.NONE,
    }
)
_READ_BY = {ReadState.READING: "being read", ReadState.DONE: "done"}


def after_action(hand: ReadStatus, kind: ActionKind, person: str, *, now: datetime) -> ReadStatus:
    """Return the read status of a study after an action; UNDONE is not one by itself.

    Raises:
        ActionRefused: the read state does not allow it, or it would change nothing.
    """
    require_reader(hand, kind, person)
    match kind:
        case ActionKind.READING if hand.state is not ReadState.DONE:
            return replace(hand, state=ReadState.READING, person=person, at=now)
        case ActionKind.RELEASED if hand.state is ReadState.READING:
            return ReadStatus(override=hand.override)
        case ActionKind.DONE if hand.state is not ReadState.DONE:
            return replace(hand, state=ReadState.DONE, person=person, at=now)
        case ActionKind.REOPENED if hand.state is ReadState.DONE:
            return ReadStatus(override=hand.override)
        case _ if kind in OVERRIDES and hand.state is not ReadState.DONE and hand.override is not OVERRIDES[kind]:
            return replace(hand, override=OVERRIDES[kind])
        case _:
            raise ActionRefused(f"{kind}: expected a study that this changes, found it {read_status_words(hand)}")


def require_reader(hand: ReadStatus, kind: ActionKind, person: str) -> None:
    """Let nobody decide about a study that somebody else reads; taking it over is allowed.

    Raises:
        ActionRefused: somebody else reads it, or the person has no name or the program's.
    """
    if not person.strip() or person == PROGRAM:
        raise ActionRefused(f"{kind}: expected the name of a reader, found none, or that of the program")
    if hand.state is ReadState.READING and hand.person != person and kind is not ActionKind.READING:
        raise ActionRefused(f"{kind}: expected a study that nobody else reads, found it {read_status_words(hand)}")


def read_status_words(hand: ReadStatus) -> str:
    """Return a read status in words."""
    by = f"{_READ_BY[hand.state]} by {hand.person}" if hand.state in _READ_BY else "unread"
    return by if hand.override is Override.NONE else f"{by}, with the override {hand.override}"
