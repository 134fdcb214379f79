"""Decides whether the order can still be trusted, and says why not; pure policy.

Must not know where the counts come from. What is flagged far more or less often than it used to be, fails often or
comes late says nothing about patients any more: then the list goes back to first come first, with the emergency lane
(ordering specification, section 2.3.6).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import timedelta
from enum import StrEnum
from typing import Final

from triaged.study.assessment import Assessed, Assessment, Failed
from triaged.study.ranking import RequestPriority, TriageClass
from triaged.triage.scheme import Discipline, TriageOptions, classify

MINUTE: Final = timedelta(minutes=1)
NOT_PUT_FORWARD: Final = frozenset({TriageClass.NOT_FLAGGED, TriageClass.UNSCORED})


class Trust(StrEnum):
    """Whether studies are read in the order that the scores give."""

    ORDERED = "ordered"
    FALLEN_BACK = "fallen back"


@dataclass(frozen=True, slots=True)
class GuardOptions:
    """When the order is given up, and by how much all must be better before it is taken up again.

    The last `window` studies count. A share of fewer than `fewest` studies is not judged. `factor` is how many times
    the reference the flagged share may be, or what part of it. `hysteresis` is the part of each limit that counts on
    the way back, so that the list does not change to and fro.

    Raises:
        ValueError: a number is outside the range in which it has a meaning.
    """

    window: int = 200
    fewest: int = 50
    factor: float = 2.0
    failures: float = 0.10
    lag: timedelta = 15 * MINUTE
    hysteresis: float = 0.8

    def __post_init__(self) -> None:
        fits = 0 < self.fewest <= self.window and self.factor * self.hysteresis > 1 and 0 < self.failures < 1
        if not (fits and self.lag > timedelta(0) and 0 < self.hysteresis <= 1):
            raise ValueError(f"expected limits that leave room for an ordinary day, found {self}")


@dataclass(frozen=True, slots=True)
class Observed:
    """What happened lately: counts over the last studies, and how long the oldest study without a result has waited.

    `scored` have a result, `put_forward` are those of them in any class above not flagged, `failed` could not be read.
    """

    scored: int
    put_forward: int
    failed: int
    lag: timedelta


@dataclass(frozen=True, slots=True)
class Guarded:
    """The decision; `reasons` are for the banner, and empty while the order is trusted."""

    trust: Trust
    reasons: tuple[str, ...]


def observe(assessments: Sequence[Assessment], lag: timedelta, options: TriageOptions, guard: GuardOptions) -> Observed:
    """Return the counts over the last assessments, the newest of which comes last; declined studies do not count."""
    last = [each for each in assessments if isinstance(each, Assessed | Failed)][-guard.window :]
    scored = [each for each in last if isinstance(each, Assessed)]
    classes = [classify(each, RequestPriority.ROUTINE, options) for each in scored]
    forward = sum(triage_class not in NOT_PUT_FORWARD for triage_class in classes)
    return Observed(len(scored), forward, len(last) - len(scored), lag)


def watch(observed: Observed, reference: float | None, before: Trust, options: GuardOptions) -> Guarded:
    """Return whether the order is trusted from now on.

    `reference` is the share of scored studies that is usually put forward, None where it is not known: then that share
    is not judged.
    """
    limits = options if before is Trust.ORDERED else _stricter(options)
    reasons = tuple(_reasons(observed, reference, limits))
    return Guarded(Trust.FALLEN_BACK if reasons else Trust.ORDERED, reasons)


def under_guard(options: TriageOptions, trust: Trust) -> TriageOptions:
    """Return the policy that applies: the site's own, or first come first with the emergency lane."""
    return options if trust is Trust.ORDERED else replace(options, discipline=Discipline.FIFO)


def _stricter(options: GuardOptions) -> GuardOptions:
    part = options.hysteresis
    return replace(
        options, factor=options.factor * part, failures=options.failures * part, lag=options.lag * part, hysteresis=1.0
    )


def _reasons(observed: Observed, reference: float | None, limits: GuardOptions) -> Iterator[str]:
    if reference is not None and observed.scored >= limits.fewest:
        share = observed.put_forward / observed.scored
        if not reference / limits.factor <= share <= reference * limits.factor:
            yield (
                f"{_percent(share)} of the last {observed.scored} scored studies are flagged, "
                f"usually {_percent(reference)}"
            )
    ended = observed.scored + observed.failed
    if ended >= limits.fewest and observed.failed / ended > limits.failures:
        yield (
            f"{observed.failed} of the last {ended} studies could not be read "
            f"({_percent(observed.failed / ended)}; at most {_percent(limits.failures)})"
        )
    if observed.lag > limits.lag:
        yield (
            f"the oldest study without a result has waited {observed.lag / MINUTE:.0f} minutes "
            f"(at most {limits.lag / MINUTE:.0f})"
        )


def _percent(share: float) -> str:
    return f"{100 * share:.3g} %"
