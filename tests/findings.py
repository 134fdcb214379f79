"""Findings of chest CT as tests make and read them: every number by its name."""

from __future__ import annotations

from typing import Any

from triaged.exams.ct.finding import CtNumbers, ct_finding
from triaged.study.finding import Finding, QualityFlag
from triaged.study.records import WorklistEntry


def finding_of(
    *,
    identification: float | None,
    severity: float,
    severity_right: float | None,
    severity_left: float | None,
    severity_total: float,
    right_lung_ml: float | None,
    left_lung_ml: float | None,
    lungs_ml: float,
    lesion_ml: float,
    dense_share: float,
    grade: int,
    engine: str,
    identification_threshold: float | None,
    slices_share: float | None = None,
    ensemble_spread: float | None = None,
    quality: tuple[QualityFlag, ...] = (),
    **others: Any,
) -> Finding:
    """Return a finding with these numbers; `others` are those of `CtNumbers` that a finding may lack."""
    numbers = CtNumbers(
        severity=severity,
        severity_right=severity_right,
        severity_left=severity_left,
        severity_total=severity_total,
        right_lung_ml=right_lung_ml,
        left_lung_ml=left_lung_ml,
        lungs_ml=lungs_ml,
        lesion_ml=lesion_ml,
        dense_share=dense_share,
        **others,
        slices_share=slices_share,
        ensemble_spread=ensemble_spread,
    )
    return ct_finding(
        numbers,
        grade=grade,
        engine=engine,
        identification=identification,
        identification_threshold=identification_threshold,
        quality=quality,
    )


def changed(finding: Finding, **others: Any) -> Finding:
    """Return a finding with other values, by the names that `finding_of` takes."""
    values = {name: getattr(CtNumbers.of(finding), name) for name in CtNumbers.__dataclass_fields__}
    suspicion, grade = finding.suspicion, finding.grade
    known = {
        **values,
        "identification": finding.probability,
        "identification_threshold": None if suspicion is None else suspicion.threshold,
        "grade": None if grade is None else grade.level,
        "engine": finding.engine,
        "quality": finding.quality,
    }
    return finding_of(**{**known, **others})


def urgency_of(entry: WorklistEntry) -> float | None:
    """Return how urgent a row of the list is, None where it has no score."""
    return None if entry.finding is None else entry.finding.urgency
