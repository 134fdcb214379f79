"""What readers say of a result and to whom a study is assigned, as values; no storage.

A verdict is about the result that a person saw. It never moves a study and never changes a score.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Final

from triaged.errors import ActionRefused
from triaged.study.people import person_name
from triaged.study.ranking import TriageClass

MOST_NOTE: Final = 500
"""Characters of a note."""


class Verdict(StrEnum):
    """What a reader says of a result; all but AGREE call it wrong."""

    AGREE = "agree"
    TOO_HIGH = "too-high"
    TOO_LOW = "too-low"
    MISSED = "missed"
    OTHER_DISEASE = "other-disease"


@dataclass(frozen=True, slots=True)
class Judged:
    """The result that a verdict is about: its set of results, what read the images, its class, what made the images.

    `revision` is the one that people see; `model` has name and version; `device` is empty where it is not known.
    """

    revision: int
    model: str
    triage_class: TriageClass
    device: str


@dataclass(frozen=True, slots=True)
class Said:
    """One verdict of one person, or its taking back; never changed afterwards.

    `takes_back` tells that this row takes the verdict back that it names. `stands` is True for the verdict that counts:
    the last one of this person about this result that was not taken back.
    """

    number: int
    study_uid: str
    at: datetime
    person: str
    verdict: Verdict
    note: str
    judged: Judged
    takes_back: bool = False
    stands: bool = False


@dataclass(frozen=True, slots=True)
class Assignment:
    """One time that a study was assigned; `assignee` is a person or a group, empty for nobody any more."""

    study_uid: str
    at: datetime
    person: str
    assignee: str


def note_text(sent: str) -> str:
    """Return a note as it is kept: one line of plain text.

    Raises:
        ValueError: it is longer than `MOST_NOTE`.
    """
    note = " ".join(sent.split())
    if len(note) > MOST_NOTE:
        raise ValueError(f"expected a note of at most {MOST_NOTE} characters, found {len(note)}")
    return note


def assignee_name(sent: str, *, person: str) -> str:
    """Return the name of a person or a group to whom a study is assigned, empty for nobody; `person` may name itself.

    Raises:
        ValueError: it can be no name.
    """
    return sent if sent == person else person_name(sent) if sent.strip() else ""


def require_person(person: str) -> None:
    """Let nobody speak without a name; raises `ActionRefused`."""
    if not person.strip():
        raise ActionRefused("expected the name of a reader, found none")
