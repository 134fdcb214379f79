"""Makes the values that the triage tests speak of."""

from __future__ import annotations

from datetime import UTC, datetime

from tests.findings import finding_of
from triaged.study.assessment import Assessed, Failed, OutOfScope, Reason, ReasonCode, unreadable
from triaged.study.finding import Finding, QualityFlag
from triaged.study.uids import StudyUID

NOON = datetime(2025, 3, 14, 12, 0, tzinfo=UTC)


def finding(
    severity: float = 0.1,
    identification: float | None = 0.5,
    threshold: float | None = 0.62,
    quality: tuple[QualityFlag, ...] = (),
) -> Finding:
    """Return a finding whose worse lung is the left one."""
    return finding_of(
        identification=identification,
        severity=severity,
        severity_right=severity / 2,
        severity_left=severity,
        severity_total=severity * 0.7,
        right_lung_ml=2500.0,
        left_lung_ml=2200.0,
        lungs_ml=4700.0,
        lesion_ml=4700.0 * severity * 0.7,
        dense_share=0.2,
        grade=1,
        engine="a test",
        identification_threshold=threshold,
        quality=quality,
    )


def scored(severity: float = 0.1, identification: float | None = 0.5, threshold: float | None = 0.62) -> Assessed:
    return Assessed(finding(severity, identification, threshold))


def unread(code: ReasonCode, detail: str = "expected one thing, found another") -> OutOfScope | Failed:
    return unreadable(Reason(code, detail))


def uid(number: int) -> StudyUID:
    return StudyUID.parse(f"1.2.826.0.1.{number}")
