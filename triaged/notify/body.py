"""A change of class as JSON for a webhook, as docs/notifications.md says. Knows no wire and no settings."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict
from datetime import datetime
from typing import Any, assert_never

from triaged.study.assessment import Assessed, Failed, OutOfScope
from triaged.study.coding import Output
from triaged.study.notification import Notification, Scored
from triaged.study.ranking import TriageClass
from triaged.study.records import Patient
from triaged.triage.reason import WORDS

_ALWAYS = (
    "identification",
    "identification_threshold",
    "severity",
    "severity_right",
    "severity_left",
    "severity_total",
    "grade",
)
"""Names that are in every scored result, null where there is no number; others are there where they were measured."""


def body(push: Notification, patient: Patient | None, *, now: datetime) -> bytes:
    """Return the JSON in UTF-8; without a patient it says nothing that names one, the accession number included."""
    change = push.change
    said: dict[str, Any] = {
        "id": str(push.number),
        "occasion": change.occasion.value,
        "study_instance_uid": change.study_uid.sent,
        "at": change.at.isoformat(),
        "sent_at": now.isoformat(),
        "class_before": _class(change.class_before),
        "class_after": _class(change.class_after),
        "reason": change.reason,
        "order_priority": change.order_priority.value,
        "status": "preliminary",
        "result": None if change.result is None else _result(change.result),
    }
    if patient is not None:
        said["patient"] = asdict(patient)
    return json.dumps(said).encode("ascii")


def _class(triage_class: TriageClass) -> dict[str, str]:
    return {"code": triage_class.value, "words": WORDS[triage_class]}


def _result(result: Scored) -> dict[str, Any]:
    known = {"revision": result.revision, "at": result.at.isoformat(), "algorithm": result.algorithm}
    return {**known, **_assessment(result)}


def _assessment(result: Scored) -> Mapping[str, Any]:
    match result.assessment:
        case Assessed(finding=finding):
            scores: dict[str, Any] = {**dict.fromkeys(_ALWAYS), **finding.fields(Output.NOTIFICATION)}
            scores["grade"] = None if finding.grade is None else finding.grade.level
            scores["modality"] = finding.service.modality
            return {"outcome": "scored", **scores, "quality": [flag.value for flag in finding.quality]}
        case OutOfScope(reason=reason):
            return {"outcome": "out of scope", "code": reason.code.value, "detail": reason.detail}
        case Failed(reason=reason):
            return {"outcome": "failed", "code": reason.code.value, "detail": reason.detail}
        case _:
            assert_never(result.assessment)
