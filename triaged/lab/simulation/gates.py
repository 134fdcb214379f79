"""What an order of reading must reach in the simulation before a site turns it on (evaluation, section 5.4).

A gate that rests on fewer different cases than `FEWEST_CASES` says nothing, however many studies were drawn from them.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from typing import Final

from triaged.lab.simulation.comparison import Comparison, GroupWaits
from triaged.lab.simulation.site import Case, Truth
from triaged.lab.simulation.verdict import Criterion, Verdict, at_most, between
from triaged.lab.simulation.waits import ALL, GROUPS, SEVERE_AND_WORSE

FEWEST_CASES: Final = 10
BUSY: Final = 0.8
UNCHANGED_MIN: Final = 2.0
"""A change of the emergencies' 95th percentile that is none: a fifth of the reading that they wait for anyway."""
SEVERE_RATIO: Final = 0.5
P95_RATIO: Final = 1.6
OTHER_URGENT_RATIO: Final = 1.3
CONSERVED: Final = 0.02


def gates(comparison: Comparison, discipline: str, cases: tuple[Case, ...]) -> tuple[Criterion, ...]:
    """Return every gate for one order of reading; what was never simulated has no gate."""
    waits = comparison.waits[discipline]
    numbers = Counter(case.truth for case in cases)
    return tuple(_gates(waits, {group: sum(numbers[truth] for truth in GROUPS[group]) for group in GROUPS}, comparison))


def _gates(waits: Mapping[str, GroupWaits], cases: Mapping[str, int], comparison: Comparison) -> Iterator[Criterion]:
    emergency, severe, everyone = waits[Truth.EMERGENCY], waits[SEVERE_AND_WORSE], waits[ALL]
    if emergency.studies:
        change = emergency.p95_change_min
        yield Criterion(
            "STAT orders: 95th percentile of the wait no longer than without triage",
            f"changed by {change:.1f} min",
            at_most(UNCHANGED_MIN, change),
        )
    if severe.studies and comparison.load >= BUSY:
        yield _by_cases(
            f"severe and critical: mean wait at most {SEVERE_RATIO:g} of first come first (asked from load {BUSY:g})",
            f"{severe.mean_ratio:.2f} of it at load {comparison.load:.2f}",
            at_most(SEVERE_RATIO, severe.mean_ratio),
            cases[SEVERE_AND_WORSE],
        )
    yield from _p95(waits, cases)
    starved = everyone.starved
    yield _by_cases(
        f"nobody waits longer than {comparison.plan.longest_min / 60:g} hours",
        f"{starved} of {everyone.studies} simulated studies",
        Verdict.DOES_NOT_MEET if starved else Verdict.MEETS,
        cases[ALL],
    )
    other = waits[Truth.OTHER_URGENT]
    if other.studies:
        yield _by_cases(
            f"other urgent disease: mean wait at most {OTHER_URGENT_RATIO:g} of first come first",
            f"{other.mean_ratio:.2f} of it",
            at_most(OTHER_URGENT_RATIO, other.mean_ratio),
            cases[Truth.OTHER_URGENT],
        )
    yield _conservation(everyone)


def _p95(waits: Mapping[str, GroupWaits], cases: Mapping[str, int]) -> Iterator[Criterion]:
    for truth in Truth:
        group = waits[truth]
        if group.studies and truth is not Truth.EMERGENCY:
            yield _by_cases(
                f"{truth}: 95th percentile of the wait at most {P95_RATIO:g} of first come first",
                f"{group.p95_ratio:.2f} of it",
                at_most(P95_RATIO, group.p95_ratio),
                cases[truth],
            )


def _conservation(everyone: GroupWaits) -> Criterion:
    """Return the check of the simulation itself: reading in another order makes no reading time (Kleinrock).

    What is conserved is the wait weighted by the time of reading: X-rays that go first let fewer wait longer.
    """
    ratio = everyone.weighted_ratio
    verdict = between(1 - CONSERVED, 1 + CONSERVED, ratio)
    return Criterion("all studies together wait as long as before (conservation law)", f"{ratio:.3f} of it", verdict)


def _by_cases(asked: str, found: str, verdict: Verdict, cases: int) -> Criterion:
    if cases < FEWEST_CASES:
        return Criterion(asked, f"{found}; drawn from {cases} different cases only", Verdict.TOO_FEW)
    return Criterion(asked, found, verdict)
