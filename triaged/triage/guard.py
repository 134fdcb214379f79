"""Decides whether the order can still be trusted, and says why not; pure policy.

Must not know where the counts come from. What is flagged far more or less often than it used to be, fails often or
comes late says nothing about patients any more: then the list goes back to first come first, with the emergency lane
(ordering specification, section 2.3.6). CTs and X-rays are judged apart; where only the findings of one cannot be
trusted, only its studies lose their places by findings. A sender or a device whose studies are clearly unlike those of
all others is set aside first, and the order judged by what is left.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import timedelta
from enum import StrEnum

from triaged.study.modalities import Stratum
from triaged.triage.judging import MINUTE, GuardOptions, References
from triaged.triage.observing import Counts, Observed, SetAside, nouns, percent
from triaged.triage.scheme import Discipline, TriageOptions
from triaged.triage.sources import FEWEST_OTHERS


class Trust(StrEnum):
    """Whether studies are read in the order that the scores give."""

    ORDERED = "ordered"
    FALLEN_BACK = "fallen back"


@dataclass(frozen=True, slots=True)
class Guarded:
    """The decision; `reasons` are for the banner, and empty while the order is trusted. `set_aside` did not count.

    `distrusted` has the reasons of each stratum whose findings are not trusted while those of another are.
    """

    trust: Trust
    reasons: tuple[str, ...]
    set_aside: tuple[SetAside, ...] = ()
    distrusted: Mapping[Stratum, tuple[str, ...]] = field(default_factory=dict)


def watch(
    observed: Observed,
    references: References,
    before: Trust,
    options: GuardOptions,
    *,
    distrusted: Collection[Stratum] = (),
) -> Guarded:
    """Return whether the order is trusted from now on, or that of one stratum alone is not.

    `before` and `distrusted` are as decided last. Studies wait in one queue, so that a long wait concerns all of them.
    """
    present = [stratum for stratum, counts in observed.counts.items() if counts.ended]
    found: dict[Stratum, tuple[str, ...]] = {}
    for stratum in present:
        is_trusted = before is Trust.ORDERED and stratum not in distrusted
        limits = options if is_trusted else options.stricter()
        noun = nouns(present)[stratum]
        reasons = tuple(_reasons(observed.counts[stratum], references.get(stratum), noun, limits))
        if reasons:
            found[stratum] = reasons
    late = tuple(_late(observed.lag, options if before is Trust.ORDERED else options.stricter()))
    if late or (found and len(found) == len(present)):
        reasons = (*(reason for each in found.values() for reason in each), *late)
        return Guarded(Trust.FALLEN_BACK, reasons, observed.set_aside)
    return Guarded(Trust.ORDERED, (), observed.set_aside, found)


def under_guard(options: TriageOptions, trust: Trust) -> TriageOptions:
    """Return the policy that applies: the site's own, or first come first with the emergency lane."""
    return options if trust is Trust.ORDERED else replace(options, discipline=Discipline.FIFO)


def _reasons(counts: Counts, reference: float | None, noun: str, limits: GuardOptions) -> Iterator[str]:
    fewest = FEWEST_OTHERS if counts.is_partial else limits.fewest  # what is left is judged, be it few
    if reference is not None and counts.scored >= fewest:
        share = counts.put_forward / counts.scored
        if not reference / limits.factor <= share <= reference * limits.factor:
            last = f"{percent(share)} of the last {counts.scored} scored {noun}"
            yield f"{last} are flagged, usually {percent(reference)}"
    if counts.ended >= fewest and counts.failed / counts.ended > limits.failures:
        yield (
            f"{counts.failed} of the last {counts.ended} {noun} could not be read "
            f"({percent(counts.failed / counts.ended)}; at most {percent(limits.failures)})"
        )


def _late(lag: timedelta, limits: GuardOptions) -> Iterator[str]:
    if lag > limits.lag:
        yield (
            f"the oldest study without a result has waited {lag / MINUTE:.0f} minutes "
            f"(at most {limits.lag / MINUTE:.0f})"
        )
