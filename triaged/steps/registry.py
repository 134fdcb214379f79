"""Makes the rows of a registry: one for each study, pseudonymised, without a date and without free text of a sender.

Studies and patients are named by HMAC-SHA-256 with a secret of the site, so that nobody without it finds them by
trying, and the next export names them the same. What a sender may have written anything into leaves only where several
patients have the same. Knows no store and no files.
"""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from typing import Final

from triaged.store.studies.notified import NotifiedStudy
from triaged.store.studies.registered import RegisteredStudy, SamePatient, Scores
from triaged.study.modalities import MEMBERS, ShownModality
from triaged.study.verdict import Said

LEAST_SECRET: Final = 32
"""Bytes that cannot be guessed."""
RARE: Final = "rare"
FEWEST_PATIENTS: Final = 5
_DIGITS: Final = 32
_OLDEST: Final = 90
_BAND: Final = 5
_SEXES: Final = frozenset({"M", "F", "O"})

COLUMNS: Final[Mapping[str, str]] = {
    "study": "name of the study: HMAC-SHA-256 with the site's secret, 32 hexadecimal digits",
    "patient": "name of the patient, the same way, of Patient ID, issuer and birth date; empty where no ID is known",
    "day": "days from the patient's first study known here to this one, by Study Date; empty where one is not known",
    "age_band": "age in bands of 5 years, such as 65-69; from 90 on 90+; empty where not known",
    "sex": "M, F or O; empty where not known",
    "modality": "CT, X-ray, both with a space, or other",
    "request_priority": "STAT, HIGH, ROUTINE, MEDIUM, LOW or UNKNOWN: what the order said",
    "images": "instances of the study",
    "device": "manufacturer, model and station of the images; rare where fewer than 5 patients have it",
    "kernel": "convolution kernel of the series that was read; rare in the same way",
    "slice_mm": "slice thickness of that series, in millimetres",
    "outcome": "TRIAGED, FAILED or OUT_OF_SCOPE; else how far the study is",
    "reason": "code of why there is no score",
    "engine": "what read the images",
    "engine_version": "its version",
    "scheme": "the scheme that made the class",
    "class": "E0, A, B, C, D, U, C' or N: what the result says, whatever readers did with the place",
    "severity": "affected share of the worse lung, 0 to 1; of an X-ray its estimate",
    "probability": "probability of the disease that the engine looks for, 0 to 1; experimental",
    "threshold": "the probability from which it is flagged",
    "grade": "computed grade, 0 to 4",
    "quality": "circumstances that make the numbers less certain, with spaces between them",
    "order_s": "seconds from the last slice to the place on the list",
    "results_s": "seconds from the last slice until the first destination had the results",
    "notification_s": "seconds from the last slice until the first notification of the result was sent",
    "opened_s": "seconds from the last slice until a reader first opened or took the study",
    "done_s": "seconds from the last slice until it was read",
    "verdicts": "what readers say of this result, one word for each reader, sorted, with spaces between them",
}
"""The columns in their order, and what stands there."""


@dataclass(frozen=True, slots=True)
class Exported:
    """What a registry is made of, beside its secret; `rare_below` is how many patients have to share a text."""

    studies: Sequence[RegisteredStudy]
    times: Mapping[int, NotifiedStudy]
    verdicts: Mapping[str, Sequence[Said]]
    first_dates: Mapping[SamePatient, date]
    secret: bytes = field(repr=False)
    rare_below: int = FEWEST_PATIENTS


def rows_of(exported: Exported) -> Iterator[dict[str, str]]:
    """Yield a row for each study, by the names of `COLUMNS`.

    Raises:
        ValueError: the secret can be guessed.
    """
    if len(exported.secret) < LEAST_SECRET:
        raise ValueError(f"expected a secret of at least {LEAST_SECRET} bytes, found {len(exported.secret)}")
    devices = _shared(exported, [(each, each.scores.device if each.scores else "") for each in exported.studies])
    kernels = _shared(exported, [(each, each.kernel) for each in exported.studies])
    for study in exported.studies:
        row = {
            "study": pseudonym("study", study.study_uid, exported.secret),
            "patient": _patient(study.patient, exported.secret),
            "day": _day(study, exported.first_dates),
            "age_band": age_band(study.age_years),
            "sex": study.sex.strip().upper() if study.sex.strip().upper() in _SEXES else "",
            "modality": _modality(study.modalities),
            "request_priority": study.order_priority.value,
            "images": str(study.instances),
            "kernel": _common(study.kernel, kernels),
            "slice_mm": _number(study.slice_mm),
            "outcome": study.state.value,
            "opened_s": _seconds(study.opened_s),
            "done_s": _seconds(study.done_s),
            **_found(study.scores, devices),
            **_times(exported.times.get(study.study_id)),
            "verdicts": _words(study, exported.verdicts.get(study.study_uid, ())),
        }
        yield {name: row.get(name, "") for name in COLUMNS}


def pseudonym(kind: str, text: str, secret: bytes) -> str:
    """Return a name that tells nothing without the secret, and is the same each time."""
    return hmac.new(secret, f"{kind}:{text}".encode("utf-8", "replace"), hashlib.sha256).hexdigest()[:_DIGITS]


def age_band(years: float | None) -> str:
    """Return the band of five years that an age is in; from 90 on they are one band."""
    if years is None or years < 0:
        return ""
    begin = int(years) // _BAND * _BAND
    return f"{_OLDEST}+" if begin >= _OLDEST else f"{begin}-{begin + _BAND - 1}"


def _patient(patient: SamePatient | None, secret: bytes) -> str:
    if patient is None:
        return ""
    return pseudonym("patient", "\n".join((patient.patient_key, patient.issuer, patient.birth_date)), secret)


def _day(study: RegisteredStudy, first_dates: Mapping[SamePatient, date]) -> str:
    first = None if study.patient is None else first_dates.get(study.patient)
    return "" if first is None or study.study_date is None else str((study.study_date - first).days)


def _modality(modalities: Iterable[str]) -> str:
    kinds = [kind.value for kind, members in MEMBERS.items() if set(members).intersection(modalities)]
    names = {ShownModality.CT.value: "CT", ShownModality.XRAY.value: "X-ray"}
    return " ".join(names[kind] for kind in kinds) or "other"


def _shared(exported: Exported, texts: Iterable[tuple[RegisteredStudy, str]]) -> frozenset[str]:
    """Return the texts that enough patients have; all whose patient is not known count as one."""
    patients: dict[str, set[SamePatient | None]] = {}
    for study, text in texts:
        patients.setdefault(text, set()).add(study.patient)
    return frozenset(text for text, who in patients.items() if len(who) >= exported.rare_below)


def _common(text: str, shared: frozenset[str]) -> str:
    return text if text in shared or not text else RARE


def _found(scores: Scores | None, devices: frozenset[str]) -> dict[str, str]:
    if scores is None:
        return {}
    engine, _, version = scores.model.rpartition(" ")
    return {
        "device": _common(scores.device, devices),
        "outcome": scores.outcome.value,
        "reason": "" if scores.reason is None else scores.reason.value,
        "engine": engine or version,
        "engine_version": version if engine else "",
        "scheme": scores.scheme,
        "class": scores.triage_class.value,
        "severity": _number(scores.severity),
        "probability": _number(scores.probability),
        "threshold": _number(scores.threshold),
        "grade": "" if scores.grade is None else str(scores.grade),
        "quality": " ".join(flag.value for flag in scores.quality),
    }


def _times(times: NotifiedStudy | None) -> dict[str, str]:
    if times is None:
        return {}
    return {
        "order_s": _seconds(times.ordered_s),
        "results_s": _seconds(min(times.stored_s.values(), default=None)),
        "notification_s": _seconds(min(times.notified_s.values(), default=None)),
    }


def _words(study: RegisteredStudy, said: Iterable[Said]) -> str:
    if study.scores is None:
        return ""
    of_this = (each for each in said if each.judged.revision == study.scores.set_revision)
    return " ".join(sorted(each.verdict.value for each in of_this))


def _number(value: float | None) -> str:
    return "" if value is None else f"{value:.6g}"


def _seconds(seconds: float | None) -> str:
    return "" if seconds is None or seconds < 0 else f"{seconds:.1f}"
