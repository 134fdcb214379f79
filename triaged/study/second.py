"""What is known of second engines' results: claims, what became of them, and what is shown; values only.

A second engine reads a study that the first one has scored. It advises: nothing here moves a study.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from triaged.study.agreement import Agreement
from triaged.study.assessment import Reason
from triaged.study.finding import Finding
from triaged.study.records import Series, Strike
from triaged.study.uids import StudyUID


class SecondState(StrEnum):
    """Where a second engine is with one result of the first; FAILED and DROPPED change nothing of that.

    DROPPED: the first result was superseded before the second engine came to it, or the settings name it no more.
    """

    WAITING = "WAITING"
    RUNNING = "RUNNING"
    READ = "READ"
    FAILED = "FAILED"
    DROPPED = "DROPPED"


@dataclass(frozen=True, slots=True)
class FirstResult:
    """The result that a second engine's is put beside.

    `algorithm` is the engine's name with its version, `segmentation` where the spool keeps what it outlined, None where
    it outlined nothing. `revision` and `object_set_uid` are those of the set of objects that it was published as.
    """

    result_id: int
    finding: Finding
    algorithm: str
    revision: int
    object_set_uid: str
    segmentation: str | None


@dataclass(frozen=True, slots=True)
class SecondClaim:
    """The right of one second engine to read what the first one has read, until the lease ends; made by the store.

    `series` is the one that was chosen for the first engine, with all of its instances. `supersedes` is where the spool
    keeps the report of the same engine on an earlier result of the study, None where there is none. `strikes` are the
    attempts that count against this reading.
    """

    second_id: int
    name: str
    study_uid: StudyUID
    worker: str
    attempt: int
    ready_at: datetime
    series: Series
    first: FirstResult
    supersedes: str | None = None
    strikes: tuple[Strike, ...] = ()

    @property
    def device(self) -> str:
        """What made the images, empty where they do not say."""
        return self.series.instances[0].image.device or ""


@dataclass(frozen=True, slots=True)
class SecondRead:
    """A second engine has read the study."""

    algorithm: str
    finding: Finding
    agreement: Agreement


@dataclass(frozen=True, slots=True)
class SecondFailed:
    """A second engine could not read the study, and is not tried again."""

    algorithm: str
    reason: Reason


SecondOutcome = SecondRead | SecondFailed


@dataclass(frozen=True, slots=True)
class Broken:
    """Why a reading ended without an outcome; `counts` against it, or not where something was unavailable."""

    why: str
    counts: bool = True


@dataclass(frozen=True, slots=True)
class SecondRecord:
    """What is known of one second engine and the current result of a study; `outcome` is None before it has ended.

    `configuration` is the SHA-256 of the configuration that it ended under, empty where not known.
    """

    name: str
    state: SecondState
    attempts: int
    strikes: tuple[Strike, ...]
    at: datetime | None
    outcome: SecondOutcome | None
    configuration: str = ""


@dataclass(frozen=True, slots=True)
class SecondCount:
    """How often one version of a second engine read, disagreed and failed on the images of one device."""

    algorithm: str
    device: str
    read: int
    disagreed: int
    failed: int
