"""Decides whether the order can still be trusted, and says why not; pure policy.

Must not know where the counts come from. What is flagged far more or less often than it used to be, fails often or
comes late says nothing about patients any more: then the list goes back to first come first, with the emergency lane
(ordering specification, section 2.3.6). A sender or a device whose studies are clearly unlike those of all others is
set aside first, and the order judged by what is left.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import timedelta
from enum import StrEnum
from typing import Final

from triaged.study.assessment import Assessed, Assessment, Failed, SourcedAssessment
from triaged.study.ranking import RequestPriority, TriageClass
from triaged.triage.scheme import Discipline, TriageOptions, classify
from triaged.triage.sources import FEWEST_OTHERS, Limits, standing_out, tally

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
class SetAside:
    """A sender or a device whose studies do not count, and why, in words."""

    source: str
    words: str


@dataclass(frozen=True, slots=True)
class Observed:
    """What happened lately: counts over the last studies, and how long the oldest study without a result has waited.

    `scored` have a result, `put_forward` are those of them in any class above not flagged, `failed` could not be read.
    Studies of sources that were set aside are not among them.
    """

    scored: int
    put_forward: int
    failed: int
    lag: timedelta
    set_aside: tuple[SetAside, ...] = ()


@dataclass(frozen=True, slots=True)
class Guarded:
    """The decision; `reasons` are for the banner, and empty while the order is trusted. `set_aside` did not count."""

    trust: Trust
    reasons: tuple[str, ...]
    set_aside: tuple[SetAside, ...] = ()


def observe(
    ended: Sequence[SourcedAssessment],
    lag: timedelta,
    options: TriageOptions,
    guard: GuardOptions,
    *,
    reference: float | None = None,
    before: Collection[str] = (),
) -> Observed:
    """Return the counts over the last studies, the newest of which comes last; declined ones do not count.

    `before` are the sources that are set aside already: they count again once they are clearly better.
    """
    counted = [each for each in ended if isinstance(each.assessment, Assessed | Failed)][-guard.window :]
    studies = [_Study(each, _is_forward(each.assessment, options)) for each in counted]
    aside: list[SetAside] = []
    if len(studies) >= guard.fewest:
        known = frozenset(before)
        for source_of in (_sender, _device):
            found = [
                *_unreadable(studies, source_of, guard, known),
                *_flagged(studies, source_of, guard, reference, known),
            ]
            studies = [each for each in studies if source_of(each) not in {one.source for one in found}]
            aside += found
    scored = [each for each in studies if each.forward is not None]
    forward = sum(each.forward is True for each in scored)
    return Observed(len(scored), forward, len(studies) - len(scored), lag, tuple(aside))


def watch(observed: Observed, reference: float | None, before: Trust, options: GuardOptions) -> Guarded:
    """Return whether the order is trusted from now on.

    `reference` is the share of scored studies that is usually put forward, None where it is not known: then that share
    is not judged.
    """
    limits = options if before is Trust.ORDERED else _stricter(options)
    reasons = tuple(_reasons(observed, reference, limits))
    return Guarded(Trust.FALLEN_BACK if reasons else Trust.ORDERED, reasons, observed.set_aside)


def under_guard(options: TriageOptions, trust: Trust) -> TriageOptions:
    """Return the policy that applies: the site's own, or first come first with the emergency lane."""
    return options if trust is Trust.ORDERED else replace(options, discipline=Discipline.FIFO)


def _stricter(options: GuardOptions) -> GuardOptions:
    part = options.hysteresis
    return replace(
        options, factor=options.factor * part, failures=options.failures * part, lag=options.lag * part, hysteresis=1.0
    )


@dataclass(frozen=True, slots=True)
class _Study:
    """One study that counts; `forward` tells whether it is put forward, None where it could not be read."""

    ended: SourcedAssessment
    forward: bool | None


def _is_forward(assessment: Assessment, options: TriageOptions) -> bool | None:
    if not isinstance(assessment, Assessed):
        return None
    return classify(assessment, RequestPriority.ROUTINE, options) not in NOT_PUT_FORWARD


def _sender(study: _Study) -> str:
    return study.ended.sender


def _device(study: _Study) -> str:
    return study.ended.device


def _unreadable(
    studies: Sequence[_Study], source_of: Callable[[_Study], str], guard: GuardOptions, before: frozenset[str]
) -> Iterator[SetAside]:
    counts = tally((source_of(each), each.forward is None) for each in studies)
    for source in standing_out(counts, Limits(guard.failures, part=guard.hysteresis, before=before)):
        count = counts[source]
        yield SetAside(source, f"{count.hits} of {count.total} studies from {source} could not be read: not counted")


def _flagged(
    studies: Sequence[_Study],
    source_of: Callable[[_Study], str],
    guard: GuardOptions,
    reference: float | None,
    before: frozenset[str],
) -> Iterator[SetAside]:
    if reference is None:
        return
    counts = tally((source_of(each), each.forward) for each in studies if each.forward is not None)
    limits = Limits(reference * guard.factor, reference / guard.factor, part=guard.hysteresis, before=before)
    for source in standing_out(counts, limits):
        count = counts[source]
        usual = f"usually {_percent(reference)}"
        yield SetAside(source, f"{count.hits} of {count.total} studies from {source} are flagged, {usual}: not counted")


def _reasons(observed: Observed, reference: float | None, limits: GuardOptions) -> Iterator[str]:
    fewest = FEWEST_OTHERS if observed.set_aside else limits.fewest  # what is left is judged, be it few
    if reference is not None and observed.scored >= fewest:
        share = observed.put_forward / observed.scored
        if not reference / limits.factor <= share <= reference * limits.factor:
            yield (
                f"{_percent(share)} of the last {observed.scored} scored studies are flagged, "
                f"usually {_percent(reference)}"
            )
    ended = observed.scored + observed.failed
    if ended >= fewest and observed.failed / ended > limits.failures:
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
