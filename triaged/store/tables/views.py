"""What the store tells people about studies, deliveries and their past; values only.

Vocabulary that flows through the pipeline is in `triaged.study.records`; these are for pages, commands and histories.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from triaged.study.kinds import ObjectKind
from triaged.study.lifecycle import State
from triaged.study.ranking import TriageClass
from triaged.study.records import DeliveryState


class Shown(StrEnum):
    """Which studies of the list: those still to be read, those that were, or both; or those that rules keep off it."""

    OPEN = "open"
    DONE = "done"
    ALL = "all"
    IGNORED = "ignored"


class ListOrder(StrEnum):
    """In which order: that of the list, the one in which studies were ready (before that: arrived), or by a value.

    Of values the largest comes first, of names the first letter; studies without the value come last.
    """

    TRIAGE = "triage"
    ARRIVAL = "arrival"
    LATEST = "latest"
    NAME = "name"
    SHARE = "share"
    PROBABILITY = "p"
    CHANGE = "change"


@dataclass(frozen=True, slots=True)
class HistoryEvent:
    """One line of a study's history; `before` is None at its birth.

    `event` is a lifecycle event, CONFLICT, ORDER_PRIORITY, RULE, PLACED, or PLACED_AGAIN.
    """

    study_uid: str
    at: datetime
    event: str
    before: State | None
    after: State
    revision: int
    detail: str


@dataclass(frozen=True, slots=True)
class Move:
    """One change of a study's position on the open list (1 is first); None: it was not on it, or is no longer.

    `cause_study_uid` is the study whose change made it move: itself, or the one that passed it.
    """

    study_uid: str
    at: datetime
    cause: str
    cause_study_uid: str
    before: int | None
    after: int | None


class ConflictKind(StrEnum):
    """How two instances can contradict each other; OTHER_SYNTAX is none, kept in the same table and not shown."""

    OTHER_CONTENT = "other-content"
    OTHER_STUDY = "other-study"
    OTHER_SYNTAX = "other-syntax"


@dataclass(frozen=True, slots=True)
class Conflict:
    """A SOP Instance UID that came with two contents, or in two studies; both are kept."""

    study_uid: str
    kind: ConflictKind
    sop_instance_uid: str
    path: str
    sha256: str
    at: datetime
    detail: str


@dataclass(frozen=True, slots=True)
class SeriesDecision:
    """Whether a series was the one that was read, and why not."""

    series_uid: str
    chosen: bool
    reason: str


@dataclass(frozen=True, slots=True)
class Quarantined:
    """Bytes that could not be filed under a study, kept aside with the reason."""

    at: datetime
    path: str
    reason: str
    peer: str
    calling_ae_title: str
    sop_class_uid: str
    sop_instance_uid_sent: str
    transfer_syntax_uid: str
    sha256: str
    size_bytes: int


@dataclass(frozen=True, slots=True)
class Removed:
    """Files of a study that were deleted on purpose, and have not come again: images, or results."""

    kept: str
    at: datetime
    why: str
    files: int


@dataclass(frozen=True, slots=True)
class Ended:
    """A study whose analysis ended without a score; `since` is the time from which it counts as waiting."""

    study_uid: str
    state: State
    reason: str
    since: datetime


@dataclass(frozen=True, slots=True)
class Delivery:
    """One result object on its way to one destination.

    `committed_at` is when the destination said that it keeps the object (storage commitment); `result_revision` is of
    the set of results that the object belongs to.
    """

    item_id: int
    study_uid: str
    destination: str
    sop_instance_uid: str
    kind: ObjectKind
    state: DeliveryState
    attempts: int
    next_attempt_at: datetime
    sent_at: datetime | None
    error: str | None
    committed_at: datetime | None = None
    result_revision: int = 1


@dataclass(frozen=True, slots=True)
class PushDelivery:
    """One change of a study on its way to one receiver."""

    number: int
    study_uid: str
    receiver: str
    at: datetime
    class_before: TriageClass
    class_after: TriageClass
    state: DeliveryState
    attempts: int
    next_attempt_at: datetime
    sent_at: datetime | None
    error: str | None


@dataclass(frozen=True, slots=True)
class ResultRecord:
    """One set of results of a study, current where `superseded_by_revision` is None.

    `urgency` is in [0, 1], None where there is no score; `algorithm` is what read the images, with its version;
    `reason` is what the list said, `configuration` the SHA-256 of the configuration that it was made under, if known.
    """

    revision: int
    at: datetime
    outcome: State
    algorithm: str
    urgency: float | None
    triage_class: TriageClass
    reason: str
    superseded_by_revision: int | None
    configuration: str = ""
