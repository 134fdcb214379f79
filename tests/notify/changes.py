"""Changes that the tests of what receivers are told begin with."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

from tests.findings import finding_of
from triaged.study.assessment import Assessed
from triaged.study.finding import QualityFlag
from triaged.study.notification import Change, Notification, Occasion, Scored
from triaged.study.ranking import RequestPriority, TriageClass
from triaged.study.records import Patient
from triaged.study.uids import StudyUID

CHANGED = datetime(2026, 3, 1, 12, 5, tzinfo=UTC)
NOW = datetime(2026, 3, 1, 12, 6, 7, tzinfo=UTC)
PATIENT = Patient("Roe^Jane^Q^Dr.^Jr.", "P-1", "19700101", "F", "A-1", "20260301", "115900.25", "Thorax")
FINDING = finding_of(
    identification=0.9125,
    severity=0.54,
    severity_right=0.071,
    severity_left=0.54,
    severity_total=0.3,
    right_lung_ml=2600.0,
    left_lung_ml=2300.0,
    lungs_ml=4900.0,
    lesion_ml=1200.0,
    dense_share=0.2,
    grade=3,
    engine="networks",
    identification_threshold=0.5,
    quality=(QualityFlag.THICK_SLICES,),
)
RESULT = Scored(2, datetime(2026, 3, 1, 12, 4, tzinfo=UTC), "ct-test 1.0", Assessed(FINDING))


def push(**changed: Any) -> Notification:
    """Return a push of a change of class to B, with what is changed of it."""
    change = Change(
        study_uid=StudyUID.parse("1.2.826.0.1.1"),
        at=CHANGED,
        occasion=Occasion.RESULT,
        class_before=TriageClass.UNSCORED,
        class_after=TriageClass.SEVERE,
        reason="B severe — left lung 54 %, P .91",
        order_priority=RequestPriority.HIGH,
        patient=PATIENT,
        result=RESULT,
    )
    return Notification(42, "ris", 1, "courier", replace(change, **changed))
