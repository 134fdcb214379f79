"""What readers said of a result as a page shows it, and what a person can say; knows values only."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from triaged.study.lifecycle import State
from triaged.study.records import WorklistEntry
from triaged.study.verdict import MOST_NOTE, Said, Verdict

VERDICT_WORDS: Final[Mapping[Verdict, str]] = {
    Verdict.AGREE: "agree",
    Verdict.TOO_HIGH: "too high",
    Verdict.TOO_LOW: "too low",
    Verdict.MISSED: "missed something",
    Verdict.OTHER_DISEASE: "other disease",
}
"""In the order of the buttons."""
_KEYS: Final[Mapping[Verdict, tuple[str, str]]] = {
    Verdict.AGREE: ("5", "a"),
    Verdict.TOO_HIGH: ("6", "h"),
    Verdict.TOO_LOW: ("7", "l"),
    Verdict.MISSED: ("8", "m"),
    Verdict.OTHER_DISEASE: ("9", "o"),
}
"""The key of each on the page of a study, and what is pressed after `v` there and on the list."""


@dataclass(frozen=True, slots=True)
class Choice:
    """One button: the verdict, its text, its own key, the key after `v`, and whether the person says this now."""

    verdict: Verdict
    label: str
    digit: str
    key: str
    is_mine: bool


@dataclass(frozen=True, slots=True)
class Word:
    """What somebody says of the current result."""

    person: str
    words: str
    note: str
    at: datetime


@dataclass(frozen=True, slots=True)
class VerdictForm:
    """What the page of a study shows of verdicts about the result of `revision`; no choices where nothing can be said.

    `mine` is what the person says, None where nothing, with `note`. `assigned_to` is empty where the study is nobody's
    in particular, `names` are those that are offered.
    """

    revision: int
    choices: tuple[Choice, ...]
    mine: Verdict | None
    note: str
    words: tuple[Word, ...]
    assigned_to: str
    names: tuple[str, ...]
    most_note: int = MOST_NOTE


def verdict_form(entry: WorklistEntry, said: Sequence[Said], person: str, names: tuple[str, ...]) -> VerdictForm:
    """Return the form about the current result; `person` is empty where it is not known who asks.

    `names` are offered to assign the study to.
    """
    revision = entry.result_revision or 0
    standing = [each for each in said if each.stands and each.judged.revision == revision]
    own = next((each for each in standing if each.person == person), None)
    mine = None if own is None else own.verdict
    can_say = bool(person) and entry.finding is not None and entry.state is not State.RECEIVING
    return VerdictForm(
        revision,
        tuple(Choice(each, words, *_KEYS[each], each is mine) for each, words in VERDICT_WORDS.items() if can_say),
        mine,
        "" if own is None else own.note,
        tuple(Word(each.person, VERDICT_WORDS[each.verdict], each.note, each.at) for each in standing),
        entry.assigned_to,
        names if person else (),
    )
