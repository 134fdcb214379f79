"""What second engines found in a study, and how they compare over all: for people, and as JSON for programs.

Knows values only: no server, no store, no markup.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from typing_extensions import TypedDict

from triaged.study.agreement import Agreement, Disagreement
from triaged.study.coding import Output, percent
from triaged.study.finding import Finding
from triaged.study.rounding import points, shown
from triaged.study.second import SecondCount, SecondFailed, SecondRead, SecondRecord, SecondState
from triaged.web.score import NOTHING, as_share, read_by

_STATE_WORDS: Final = {
    SecondState.WAITING: "waiting until no study waits for its first result",
    SecondState.RUNNING: "reading",
    SecondState.DROPPED: "not read: the settings do not name it any more",
}
_DISAGREEMENT_WORDS: Final = {
    Disagreement.GRADE: "other grade",
    Disagreement.SHARE: "other share",
    Disagreement.OUTLINE: "other outline",
}


@dataclass(frozen=True, slots=True)
class SecondLine:
    """One second engine and the current result, for people; every text may be empty.

    `verdict` says whether it agrees, `disagrees` marks where it does not; `why` is how it compares, or why there is
    nothing to compare.
    """

    read_by: str
    at: datetime | None
    share: str
    grade: str
    probability: str
    verdict: str
    disagrees: bool
    why: str
    quality: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class SecondCountLine:
    """One version of an engine on one device, for people; `share` is of those that were read."""

    read_by: str
    device: str
    read: int
    disagreed: int
    share: str
    failed: int


class SecondItem(TypedDict):
    """One second engine and the current result of a study, for programs.

    `state` is WAITING, RUNNING, READ, FAILED or DROPPED; what follows `reason` is null unless READ. `configuration` is
    the SHA-256 of the one that it ended under. `numbers` are named as those of the list. `points` is the largest
    difference from the first engine in percentage points, of `part`; `overlap` is the Dice coefficient of what both
    outlined; `disagreements` is empty where they agree.
    """

    name: str
    state: str
    attempts: int
    algorithm: str | None
    configuration: str | None
    at: str | None
    reason: str | None
    numbers: dict[str, float] | None
    grade: int | None
    quality: list[str] | None
    points: float | None
    part: str | None
    overlap: float | None
    disagreements: list[str] | None


class SecondCountItem(TypedDict):
    """How often one version of an engine read, disagreed and failed on the images of one device."""

    algorithm: str
    device: str
    read: int
    disagreed: int
    failed: int


def as_second_lines(records: Sequence[SecondRecord]) -> list[SecondLine]:
    """Return what second engines found, for people."""
    return [_line(record) for record in records]


def as_second_items(records: Sequence[SecondRecord]) -> list[SecondItem]:
    """Return what second engines found, for programs."""
    return [_item(record) for record in records]


def as_count_lines(counts: Sequence[SecondCount]) -> list[SecondCountLine]:
    """Return how engines compare, for people."""
    return [
        SecondCountLine(
            read_by=each.algorithm,
            device=each.device or "not known",
            read=each.read,
            disagreed=each.disagreed,
            share=percent(each.disagreed / each.read) if each.read else NOTHING,
            failed=each.failed,
        )
        for each in counts
    ]


def as_count_items(counts: Sequence[SecondCount]) -> list[SecondCountItem]:
    """Return how engines compare, for programs."""
    return [
        {
            "algorithm": each.algorithm,
            "device": each.device,
            "read": each.read,
            "disagreed": each.disagreed,
            "failed": each.failed,
        }
        for each in counts
    ]


def _line(record: SecondRecord) -> SecondLine:
    match record.outcome:
        case SecondRead(algorithm, finding, agreement):
            in_what = ", ".join(_DISAGREEMENT_WORDS[each] for each in agreement.disagreements)
            return SecondLine(
                read_by=read_by(algorithm, record.configuration),
                at=record.at,
                share=as_share(finding.urgency),
                grade=NOTHING if finding.grade is None else f"computed {finding.grade}",
                probability=NOTHING if finding.suspicion is None else finding.suspicion.text,
                verdict=f"disagrees: {in_what}" if in_what else "agrees",
                disagrees=agreement.disagrees,
                why=", ".join(filter(None, (_compared(agreement), _moved(finding)))),
                quality=tuple(flag.words for flag in finding.quality),
            )
        case SecondFailed(algorithm, reason):
            return _without(read_by(algorithm, record.configuration), record.at, "could not read it", reason.detail)
        case None:
            last = record.strikes[-1:]
            why = "".join(f"attempt {each.attempt} failed: {each.cause}" for each in last)
            return _without(record.name, record.at, _STATE_WORDS.get(record.state, record.state.value), why)


def _without(read_by: str, at: datetime | None, verdict: str, why: str) -> SecondLine:
    return SecondLine(read_by, at, NOTHING, NOTHING, NOTHING, verdict, disagrees=False, why=why)


def _compared(agreement: Agreement) -> str:
    texts = [f"{points(agreement.points)} in the {agreement.part}"]
    if agreement.overlap is not None:
        texts.append(f"outlines overlap by {shown(agreement.overlap, 2)} (Dice)")
    return ", ".join(texts)


def _moved(finding: Finding) -> str:
    return f"probability most moved by {finding.moved_by}" if finding.moved_by else ""


def _item(record: SecondRecord) -> SecondItem:
    outcome = record.outcome
    finding: Finding | None = outcome.finding if isinstance(outcome, SecondRead) else None
    agreement = outcome.agreement if isinstance(outcome, SecondRead) else None
    return {
        "name": record.name,
        "state": record.state.value,
        "attempts": record.attempts,
        "algorithm": None if outcome is None else outcome.algorithm,
        "configuration": record.configuration or None,
        "at": None if record.at is None else record.at.isoformat(),
        "reason": outcome.reason.detail if isinstance(outcome, SecondFailed) else None,
        "numbers": None if finding is None else dict(finding.fields(Output.LIST)),
        "grade": None if finding is None or finding.grade is None else finding.grade.level,
        "quality": None if finding is None else [flag.value for flag in finding.quality],
        "points": None if agreement is None else agreement.points,
        "part": None if agreement is None else agreement.part,
        "overlap": None if agreement is None else agreement.overlap,
        "disagreements": None if agreement is None else [each.value for each in agreement.disagreements],
    }
