"""What other systems are notified of: a study's new class, or a new result; values, no wire and no storage."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from triaged.study.assessment import Assessment
from triaged.study.ranking import RequestPriority, TriageClass
from triaged.study.records import Patient
from triaged.study.uids import StudyUID


class Occasion(StrEnum):
    """What a receiver wants to be notified of. A new result that changes the class is one RESULT, and sent once."""

    CLASS_CHANGE = "class_change"
    RESULT = "result"


@dataclass(frozen=True, slots=True)
class Scored:
    """The result that a study had at a change; `algorithm` is what read the images, with its version."""

    revision: int
    at: datetime
    algorithm: str
    assessment: Assessment


@dataclass(frozen=True, slots=True)
class Change:
    """How a study's class changed at `at`, from the class that the receiver was sent last to that of now.

    `result` is None as long as nothing has been found. `reason` is the line of the list, without patient attributes.
    """

    study_uid: StudyUID
    at: datetime
    occasion: Occasion
    class_before: TriageClass
    class_after: TriageClass
    reason: str
    order_priority: RequestPriority
    patient: Patient
    result: Scored | None


@dataclass(frozen=True, slots=True)
class Notification:
    """A change on its way to one receiver, in its `attempts`-th attempt. `number` is the same in every attempt."""

    number: int
    receiver: str
    attempts: int
    courier: str
    change: Change
