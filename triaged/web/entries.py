"""How one row of the worklist reads: as JSON for programs, and as texts for people.

Knows values only: no server, no store, no markup.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from typing_extensions import TypedDict

from triaged.store.tables.views import Ended
from triaged.study.lifecycle import State
from triaged.study.placement import Trend, TriageClass
from triaged.study.reading import ReadState
from triaged.study.records import Patient, WorklistEntry
from triaged.triage.reason import UNCERTAIN
from triaged.web.offers import OVERRIDE_WORDS, duration, reading_words

NOTHING = "–"
STATE_WORDS = {
    State.RECEIVING: "receiving",
    State.READY: "waiting for analysis",
    State.ANALYSING: "being analysed",
    State.TRIAGED: "scored",
    State.OUT_OF_SCOPE: "out of scope",
    State.FAILED: "could not be read",
}
REVISION_WORDS = (
    "the study was read again, and this result takes the place of an earlier one; objects of the earlier result may "
    "still be in the archive, and those of the newest count."
)
STYLES = {
    TriageClass.EMERGENCY: "emergency",
    TriageClass.CRITICAL: "critical",
    TriageClass.SEVERE: "severe",
    TriageClass.SUSPECTED_MODERATE: "moderate",
    TriageClass.SUSPECTED_MILD: "mild",
    TriageClass.UNSCORED: "unscored",
    TriageClass.OPACITY_NOT_FLAGGED: "opacity",
    TriageClass.NOT_FLAGGED: "not-flagged",
}

_TREND_SIGNS = {Trend.PROGRESSION: "▲", Trend.STABLE: "▬", Trend.REGRESSION: "▼"}

WorklistItem = TypedDict(
    "WorklistItem",
    {
        "study_instance_uid": str,
        "position": int,
        "lane": int,
        "class": str,
        "reason": str,
        "identification": float | None,
        "severity": float | None,
        "severity_left": float | None,
        "severity_right": float | None,
        "grade": int | None,
        "state": str,
        "ready_at": str | None,
        "revision": int,
        "trend": str,
        "change_points": float | None,
    },
)
"""One row for programs: shares and probabilities in [0, 1], null where there is no score, no patient attribute.

`trend` is since the patient's earlier study, `change_points` in percentage points of the lung that changed more.
"""


@dataclass(frozen=True, slots=True)
class Row:
    """One row for people; every text is ready to be shown, and nothing in it is markup.

    `lungs` has name, share in words, and percent from 0 to 100 of each lung that has a number. `result_revision` is 0
    before the first result. `trend` is empty without an earlier study, `override` and
    `reading` where no reader did anything.
    """

    uid: str
    position: int
    style: str
    triage_class: str
    why: str
    since: datetime
    waiting: str
    person: str
    identity: str
    study: str
    order: str
    identification: str
    threshold: str
    right: str
    left: str
    lungs: tuple[tuple[str, str, int], ...]
    grade: str
    trend: str
    quality: tuple[str, ...]
    state: str
    override: str
    reading: str
    is_being_read: bool
    reading_since: datetime | None
    result_revision: int


@dataclass(frozen=True, slots=True)
class EndedRow:
    """One study that ended without a score, for people."""

    uid: str
    state: str
    why: str
    waiting: str


def as_json(entry: WorklistEntry) -> WorklistItem:
    """Return a row for programs."""
    return {
        "study_instance_uid": entry.study_instance_uid,
        "position": entry.position,
        "lane": int(entry.lane),
        "class": entry.triage_class.value,
        "reason": entry.reason,
        "identification": entry.identification,
        "severity": entry.severity,
        "severity_left": entry.severity_left,
        "severity_right": entry.severity_right,
        "grade": entry.grade,
        "state": entry.state.value,
        "ready_at": entry.ready_at.isoformat() if entry.ready_at else None,
        "revision": entry.revision,
        "trend": entry.trend.value,
        "change_points": entry.change_points,
    }


def as_row(entry: WorklistEntry, *, now: datetime, threshold: float | None = None) -> Row:
    """Return a row for people, as it reads at `now`; `threshold` is the site's own, None for the model's."""
    head, separator, why = entry.reason.partition(" — ")
    since = entry.ready_at or entry.first_instance_at
    about = "≈" if {flag.value for flag in UNCERTAIN}.intersection(entry.quality) else ""
    one_share = entry.severity_right is None and entry.severity_left is None and entry.severity is not None
    return Row(
        uid=entry.study_instance_uid,
        position=entry.position,
        style=STYLES[entry.triage_class],
        triage_class=head if separator else entry.triage_class.value,
        why=why if separator else entry.reason,
        since=since,
        waiting=duration(now - since),
        person=person_name(entry.patient.patient_name),
        identity=_joined(entry.patient.patient_id, _date(entry.patient.patient_birth_date), entry.patient.patient_sex),
        study=_joined(_moment(entry.patient), entry.patient.study_description),
        order=_joined(
            entry.patient.accession_number, f"{entry.instances} instance{'' if entry.instances == 1 else 's'}"
        ),
        identification=NOTHING if entry.identification is None else f"{entry.identification:.2f}",
        threshold=_compared(entry.identification, entry.identification_threshold if threshold is None else threshold),
        right=_share(entry.severity if one_share else entry.severity_right, about),
        left="both lungs" if one_share else _share(entry.severity_left, about),
        lungs=_lungs(entry, about),
        grade=NOTHING if entry.grade is None else f"computed CT-{entry.grade}",
        trend=_trend(entry),
        quality=tuple(flag.replace("-", " ") for flag in entry.quality),
        state=STATE_WORDS[entry.state],
        override=OVERRIDE_WORDS[entry.override],
        reading=reading_words(entry, now=now),
        is_being_read=entry.read_state is ReadState.READING,
        reading_since=entry.read_at,
        result_revision=entry.result_revision or 0,
    )


def as_ended(study: Ended, *, now: datetime) -> EndedRow:
    """Return a study without a score for people, as it reads at `now`."""
    _, separator, why = study.reason.partition(" — ")
    why = why if separator else study.reason
    return EndedRow(study.study_uid, STATE_WORDS[study.state], why, duration(now - study.since))


def person_name(sent: str) -> str:
    """Return a DICOM person name (PS3.5 6.2.1) as people write it, the first of its character groups that has one."""
    group = next((group for group in sent.split("=") if group.strip("^ ")), "")
    family, given, middle, prefix, suffix = ([part.strip() for part in group.split("^")] + [""] * 5)[:5]
    first_names = " ".join(filter(None, (prefix, given, middle)))
    return ", ".join(filter(None, (family, first_names, suffix))) or "no name"


def as_share(share: float, about: str = "") -> str:
    """Return a share of a lung in percent; what is there is never rounded to nothing."""
    return "<1 %" if 0 < share < 0.01 else f"{about}{100 * share:.0f} %"


def _trend(entry: WorklistEntry) -> str:
    """Return how the study changed since the patient's earlier one, by a sign and in words; empty without one."""
    if entry.trend is Trend.NO_PRIOR:
        return ""
    if entry.trend is Trend.NOT_COMPARED or entry.change_points is None:
        return "earlier study, not compared"
    return f"{_TREND_SIGNS[entry.trend]} {entry.trend}, {round(entry.change_points) or 0:+d} points"


def _compared(probability: float | None, threshold: float | None) -> str:
    if probability is None or threshold is None:
        return ""
    return f"{'≥' if probability >= threshold else '<'} {threshold:.4g}"


def _share(share: float | None, about: str) -> str:
    return NOTHING if share is None else as_share(share, about)


def _lungs(entry: WorklistEntry, about: str) -> tuple[tuple[str, str, int], ...]:
    named = (("right lung", entry.severity_right), ("left lung", entry.severity_left))
    if entry.severity_right is None and entry.severity_left is None:
        named = (("both lungs", entry.severity), ("", None))
    return tuple((name, as_share(share, about), round(100 * share)) for name, share in named if share is not None)


def _moment(patient: Patient) -> str:
    time = patient.study_time
    clock = f"{time[:2]}:{time[2:4]}" if len(time) >= 4 and time[:4].isdigit() else time
    return " ".join(filter(None, (_date(patient.study_date), clock)))


def _date(sent: str) -> str:
    return f"{sent[:4]}-{sent[4:6]}-{sent[6:]}" if len(sent) == 8 and sent.isdigit() else sent


def _joined(*texts: str) -> str:
    return " · ".join(text for text in texts if text.strip())
