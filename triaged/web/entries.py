"""How one row of the worklist reads: as JSON for programs, and as texts for people.

Knows values only: no server, no store, no markup.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Final, cast

from pydantic import ConfigDict
from typing_extensions import TypedDict

from triaged.store.tables.views import Ended
from triaged.study.agreement import ENGINES_DISAGREE
from triaged.study.coding import Output
from triaged.study.concepts import LEFT_LUNG, LUNGS, PART_SHARES, RIGHT_LUNG, SEVERITY, ZONE_SCORE, ZONE_SHARE
from triaged.study.finding import Finding
from triaged.study.lifecycle import State
from triaged.study.purpose import Purpose
from triaged.study.ranking import Trend, TriageClass
from triaged.study.read_state import ReadState
from triaged.study.records import Patient, WorklistEntry
from triaged.study.rounding import points
from triaged.triage.follow_up import STABLE_PP
from triaged.triage.reason import UNCERTAIN
from triaged.web.offers import OVERRIDE_WORDS, duration, reading_words
from triaged.web.score import ESTIMATE, NOTHING, Cell, as_share, cells_of, estimate_of, score_of, suspected

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

_MODALITY_NAMES: Final = {
    "CT": "computed tomography",
    "CR": "X-ray, computed radiography",
    "DX": "X-ray, digital radiography",
    "MR": "magnetic resonance",
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
        "engines_disagree": bool | None,
        "modality": str | None,
        "modalities": list[str],
    },
)
"""One row for programs: shares and probabilities in [0, 1], null where there is no score, no patient attribute.

Whatever else was measured stands beside it, by the names of `study.concepts`; so do `site`, where it is of one, and
`site_position`, the place in the list of the sites that were asked for.

`trend` is since the patient's earlier study, `change_points` in percentage points of the lung that changed more.
`engines_disagree` tells whether a second engine disagrees with this result, null where none has read the study.
`modality` is of what was scored: CT, or CR for any X-ray; null where there is no score. `modalities` are those of all
images that came, scored or not.
"""


# Nothing is closed by JSON Schema, so that the schema need not say that there may be more.
WorklistItem.__pydantic_config__ = ConfigDict(  # type: ignore[attr-defined]
    extra="allow", json_schema_extra=lambda schema: schema.pop("additionalProperties", None)
)
_DRAWN: Final = (SEVERITY, *PART_SHARES, ZONE_SCORE, ZONE_SHARE, *ESTIMATE)
_NO_NUMBERS: Final = dict.fromkeys(("identification", "severity", "severity_left", "severity_right", "grade"))


@dataclass(frozen=True, slots=True)
class Row:
    """One row for people; every text is ready to be shown, and nothing in it is markup.

    `lungs` has name, share in words, and percent from 0 to 100 of each lung that has a number; `numbers` has names and
    values of whatever else was measured. `modalities` has the code and the name of each modality of the images that
    came; `score` and `cells` are of X-rays alone.
    `purpose` is what was looked for, None before there is a score. `result_revision` is 0 before the first result.
    `trend` is empty without an earlier study, `override` and `reading` where no reader did anything.
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
    images: str
    identification: str
    threshold: str
    right: str
    left: str
    lungs: tuple[tuple[str, str, int], ...]
    modalities: tuple[tuple[str, str], ...]
    score: str
    cells: tuple[Cell, ...]
    numbers: tuple[tuple[str, str], ...]
    grade: str
    trend: str
    quality: tuple[str, ...]
    state: str
    override: str
    reading: str
    is_being_read: bool
    reading_since: datetime | None
    result_revision: int
    purpose: Purpose | None


@dataclass(frozen=True, slots=True)
class EndedRow:
    """One study that ended without a score, for people."""

    uid: str
    state: str
    why: str
    waiting: str


def as_json(entry: WorklistEntry) -> WorklistItem:
    """Return a row for programs."""
    finding = entry.finding
    item = {
        "study_instance_uid": entry.study_instance_uid,
        "position": entry.position,
        "lane": int(entry.lane),
        "class": entry.triage_class.value,
        "reason": entry.reason,
        **_NO_NUMBERS,
        **({} if finding is None else finding.fields(Output.LIST)),
        "grade": None if finding is None or finding.grade is None else finding.grade.level,
        "state": entry.state.value,
        "ready_at": entry.ready_at.isoformat() if entry.ready_at else None,
        "revision": entry.revision,
        "trend": entry.trend.value,
        "change_points": entry.change_points,
        "engines_disagree": entry.engines_disagree,
        "modality": None if finding is None else finding.service.modality,
        "modalities": list(entry.modalities),
        **{name: value for name, value in (("site", entry.site), ("site_position", entry.site_place)) if value},
    }
    return cast("WorklistItem", item)


def as_row(entry: WorklistEntry, *, now: datetime, threshold: float | None = None) -> Row:
    """Return a row for people, as it reads at `now`; `threshold` is the site's own, None for the model's."""
    triage_class, why = class_and_why(entry.reason, entry.triage_class)
    since = entry.ready_at or entry.first_instance_at
    images = f"{entry.instances} instance{'' if entry.instances == 1 else 's'}"
    finding = entry.finding
    quality = () if finding is None else finding.quality
    about = "≈" if UNCERTAIN.intersection(quality) else ""
    parts = {} if finding is None else {site.name: share for site, share in finding.by_part().items()}
    one_share = finding is not None and not parts
    identification, compared = suspected(finding, threshold)
    return Row(
        uid=entry.study_instance_uid,
        position=entry.position,
        style=STYLES[entry.triage_class],
        triage_class=triage_class,
        why=why,
        since=since,
        waiting=duration(now - since),
        person=person_name(entry.patient.patient_name),
        identity=_joined(entry.patient.patient_id, _date(entry.patient.patient_birth_date), entry.patient.patient_sex),
        study=_joined(_moment(entry.patient), entry.patient.study_description),
        order=_joined(entry.patient.accession_number, images),
        images=images,
        identification=identification,
        threshold=compared,
        right=_share(finding.urgency if finding and one_share else parts.get(RIGHT_LUNG.name), about),
        left=LUNGS.words if one_share else _share(parts.get(LEFT_LUNG.name), about),
        lungs=_lungs(finding, about),
        modalities=tuple((code, _MODALITY_NAMES.get(code, code)) for code in entry.modalities),
        score=score_of(finding),
        cells=cells_of(finding),
        numbers=_numbers(finding),
        grade=NOTHING if finding is None or finding.grade is None else f"computed {finding.grade}",
        trend=_trend(entry),
        quality=(*(flag.words for flag in quality), *_second_flag(entry)),
        state=STATE_WORDS[entry.state],
        override=OVERRIDE_WORDS[entry.override],
        reading=reading_words(entry, now=now),
        is_being_read=entry.read_state is ReadState.READING,
        reading_since=entry.read_at,
        result_revision=entry.result_revision or 0,
        purpose=None if finding is None else finding.service.purpose,
    )


def as_ended(study: Ended, *, now: datetime) -> EndedRow:
    """Return a study without a score for people, as it reads at `now`."""
    _, why = class_and_why(study.reason, TriageClass.UNSCORED)
    return EndedRow(study.study_uid, STATE_WORDS[study.state], why, duration(now - study.since))


def class_and_why(reason: str, triage_class: TriageClass) -> tuple[str, str]:
    """Return the two halves of a reason, the class in words and why; the class by its name where there is one half."""
    head, separator, why = reason.partition(" — ")
    return (head, why) if separator else (triage_class.value, reason)


def person_name(sent: str) -> str:
    """Return a DICOM person name (PS3.5 6.2.1) as people write it, the first of its character groups that has one."""
    group = next((group for group in sent.split("=") if group.strip("^ ")), "")
    family, given, middle, prefix, suffix = ([part.strip() for part in group.split("^")] + [""] * 5)[:5]
    first_names = " ".join(filter(None, (prefix, given, middle)))
    return ", ".join(filter(None, (family, first_names, suffix))) or "no name"


def _second_flag(entry: WorklistEntry) -> tuple[str, ...]:
    return (ENGINES_DISAGREE.replace("-", " "),) if entry.engines_disagree else ()


def _trend(entry: WorklistEntry) -> str:
    """Return how the study changed since the patient's earlier one, by a sign and in words; empty without one."""
    if entry.trend is Trend.NO_PRIOR:
        return ""
    if entry.trend is Trend.NOT_COMPARED or entry.change_points is None:
        return "earlier study, not compared"
    is_noise = entry.trend is Trend.STABLE and abs(entry.change_points) >= STABLE_PP
    words = "within noise" if is_noise else entry.trend.value
    return f"{_TREND_SIGNS[entry.trend]} {words}, {points(entry.change_points)}"


def _share(share: float | None, about: str) -> str:
    return NOTHING if share is None else as_share(share, about)


def _lungs(finding: Finding | None, about: str) -> tuple[tuple[str, str, int], ...]:
    if finding is None:
        return ()
    parts = {site.noun: share for site, share in finding.by_part().items()}
    named = parts or {LUNGS.words: finding.urgency}
    return tuple((name, as_share(share, about), round(100 * share)) for name, share in named.items())


def _numbers(finding: Finding | None) -> tuple[tuple[str, str], ...]:
    """Return the numbers for which the page has no place of their own."""
    if finding is None:
        return ()
    moved = (("probability most moved by", finding.moved_by),) if finding.moved_by else ()
    return (
        *estimate_of(finding),
        *moved,
        *((each.words, each.text) for each in finding.listed(Output.PAGE, _DRAWN)),
    )


def _moment(patient: Patient) -> str:
    time = patient.study_time
    clock = f"{time[:2]}:{time[2:4]}" if len(time) >= 4 and time[:4].isdigit() else time
    return " ".join(filter(None, (_date(patient.study_date), clock)))


def _date(sent: str) -> str:
    return f"{sent[:4]}-{sent[4:6]}-{sent[6:]}" if len(sent) == 8 and sent.isdigit() else sent


def _joined(*texts: str) -> str:
    return " · ".join(text for text in texts if text.strip())
