"""How a study reads in one line of the list, where each column says what its neighbours do not.

The page of the study has all of it in full. Knows values only: no server, no store, no markup.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, datetime
from typing import Final

from triaged.study.checks import to_check
from triaged.study.concepts import SOLID_VOLUME
from triaged.study.lifecycle import State
from triaged.study.ranking import Lane, RequestPriority, Trend
from triaged.study.read_state import ReadState
from triaged.study.records import Patient, WorklistEntry
from triaged.study.rounding import points
from triaged.triage.disciplines import due_at
from triaged.triage.scheme import TriageOptions
from triaged.web.entries import REVISION_WORDS, class_and_why
from triaged.web.offers import OVERRIDE_WORDS, duration

BELOW_WORDS: Final = "in the block below the list: of another part of the body, or put there by a rule of the site"
_SIGNS: Final = {Trend.PROGRESSION: "▲", Trend.STABLE: "▬", Trend.REGRESSION: "▼"}


@dataclass(frozen=True, slots=True)
class Note:
    """One thing to know of a study; `style` is that of a badge, a warning, or plain text, `meaning` explains it."""

    text: str
    style: str
    meaning: str = ""


@dataclass(frozen=True, slots=True)
class Brief:
    """The short texts of a row; empty where there is nothing to say.

    `due` is from when on nothing that comes later is put before it; `thumbnail` names the picture, which changes with
    it. `reader` reads it, or has read it, `reading_for` is how long or how long ago; it is assigned to `assigned_to`.
    `is_below`: it is in the block below the list. `site` is the name of its site, empty for none, `site_place` the
    place in that site's list, 0 where it is not asked for.
    """

    triage_class: str
    age: str
    change: str
    due: datetime | None
    is_due: bool
    sender: str
    notes: tuple[Note, ...]
    reader: str
    reading_for: str
    thumbnail: str
    assigned_to: str
    is_below: bool
    site: str = ""
    site_place: int = 0


def brief_of(entry: WorklistEntry, *, now: datetime, options: TriageOptions) -> Brief:
    """Return the short texts of a row, as they read at `now`."""
    head, _ = class_and_why(entry.reason, entry.triage_class)
    since = entry.ready_at or entry.first_instance_at
    due = None if entry.effective_at is None else due_at(entry.lane, since, entry.effective_at, options)
    if entry.read_state is ReadState.DONE:
        due = None
    return Brief(
        triage_class=head.replace("suspected, ", "").replace(", not flagged", ""),
        age=_joined(_age(entry.patient, now.date()), entry.patient.patient_sex.strip()[:1].upper()),
        change=_change(entry),
        due=due,
        is_due=due is not None and due <= now,
        sender=entry.calling_ae_title.strip(),
        notes=tuple(_notes(entry)),
        reader=entry.read_by,
        reading_for="" if entry.read_at is None else duration(now - entry.read_at),
        thumbnail=entry.view_of,
        assigned_to=entry.assigned_to,
        is_below=entry.lane is Lane.BELOW,
        site=entry.site,
        site_place=entry.site_place,
    )


def _age(patient: Patient, today: date) -> str:
    """Return the age in years at the study, of small children in months; empty where dates do not say it."""
    born, studied = _day(patient.patient_birth_date), _day(patient.study_date) or today
    if born is None or studied < born:
        return ""
    months = 12 * (studied.year - born.year) + studied.month - born.month - (studied.day < born.day)
    return f"{months // 12}" if months >= 24 else f"{months} mo"


def _day(sent: str) -> date | None:
    if len(sent) != 8 or not sent.isascii() or not sent.isdecimal():
        return None
    try:
        return date(int(sent[:4]), int(sent[4:6]), int(sent[6:]))
    except ValueError:
        return None


def _change(entry: WorklistEntry) -> str:
    if entry.trend not in _SIGNS or entry.change_points is None:
        return "not compared" if entry.trend is Trend.NOT_COMPARED else ""
    return f"{_SIGNS[entry.trend]} {points(entry.change_points).partition(' ')[0]}"


def _notes(entry: WorklistEntry) -> Iterator[Note]:
    if override := OVERRIDE_WORDS[entry.override]:
        yield Note(override, "badge")
    if entry.order_priority in (RequestPriority.STAT, RequestPriority.HIGH):
        yield Note(f"{entry.order_priority} order", "badge")
    if entry.engines_disagree:
        yield Note("engines disagree", "flag")
    if (entry.result_revision or 0) > 1:
        yield Note(f"revision {entry.result_revision}", "whole", REVISION_WORDS)
    if entry.finding is None:
        yield from _without_score(entry)
        return
    if (solid := entry.finding.value(SOLID_VOLUME)) is not None:
        yield Note(f"{SOLID_VOLUME.unit.text(solid)} solid or fluid", "flag", SOLID_VOLUME.words)
    yield from (Note(words, "flag") for words in to_check(entry.finding.quality))


def _without_score(entry: WorklistEntry) -> Iterator[Note]:
    """Yield why there is no score, without the order's urgency, which has a note of its own."""
    _, why = class_and_why(entry.reason, entry.triage_class)
    for urgency in ("STAT order, ", "HIGH order, ", *(f"{word} by hand, " for word in OVERRIDE_WORDS.values() if word)):
        why = why.removeprefix(urgency)
    if entry.lane is Lane.BELOW:
        yield Note("below the list", "badge", BELOW_WORDS)
    if entry.state in _ENDED:
        yield Note(_ENDED[entry.state], "flag")
    yield Note(why, "plain")


_ENDED: Final = {State.FAILED: "could not be read", State.OUT_OF_SCOPE: "out of scope"}


def _joined(*texts: str) -> str:
    return " ".join(text for text in texts if text)
