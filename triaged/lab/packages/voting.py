"""Fits the vote of an ensemble to tuning cases: thresholds out of small grids, and which members stay.

Knows members as maps of probability over the lungs of a case, whatever made them. Must not know files or graphs.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import product
from typing import Final

import numpy as np
from numpy.typing import NDArray

from triaged.inference.vote import Group, Probability, elected

MOST_ROUNDS: Final = 4
BEGINNINGS: Final = (0.0, 0.5, 1.0)
"""Where in the lists of options a fit begins: turning one group at a time finds the best only near its beginning."""


@dataclass(frozen=True, slots=True, eq=False)
class TuningCase:
    """What the members say about the lungs of one case, and what is true: all (voxel,) in one order."""

    name: str
    maps: Mapping[str, Probability]
    lesion: NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class Choice:
    """A group of the vote and the thresholds that may be fitted to it; without `against` it never votes against."""

    group: Group
    least_for: tuple[float, ...]
    most_against: tuple[float | None, ...] = (None,)

    def options(self) -> list[Group]:
        """Return the group with every pair of thresholds that leaves room between them."""
        return [
            replace(self.group, least_for=high, most_against=low)
            for high, low in product(self.least_for, self.most_against)
            if low is None or low < high
        ]

    def without(self, member: str) -> Choice | None:
        """Return the group without a member, None where nobody is left."""
        left = tuple(each for each in self.group.members if each != member)
        return replace(self, group=replace(self.group, members=left)) if left else None


@dataclass(frozen=True, slots=True)
class Fitted:
    """A vote and what it reaches on the cases that it was fitted to."""

    vote: tuple[Group, ...]
    score: float

    @property
    def members(self) -> tuple[str, ...]:
        """Who votes, each once."""
        return tuple(dict.fromkeys(member for group in self.vote for member in group.members))


def score(found: Sequence[NDArray[np.bool_]], cases: Sequence[TuningCase]) -> float:
    """Return the mean Dice of cases with lesion, less the mean error of the affected share over all cases."""
    dice, error = [], []
    for mask, case in zip(found, cases, strict=True):
        marked, true = int(mask.sum()), int(case.lesion.sum())
        error.append(abs(marked - true) / max(1, case.lesion.size))
        if true:
            dice.append(2 * int((mask & case.lesion).sum()) / (marked + true))
    return float(np.mean(dice or [0.0]) - np.mean(error))


def score_of_vote(vote: Sequence[Group], cases: Sequence[TuningCase]) -> float:
    """Return the score of a vote."""
    return score([elected(vote, case.maps) for case in cases], cases)


def fit(choices: Sequence[Choice], cases: Sequence[TuningCase]) -> Fitted:
    """Return the best vote that turning one group after the other finds, from several beginnings."""
    options = [choice.options() for choice in choices]
    begun = [[each[int(share * (len(each) - 1))] for each in options] for share in BEGINNINGS]
    return max((_turned(vote, options, cases) for vote in begun), key=lambda fitted: fitted.score)


def _turned(vote: list[Group], options: Sequence[Sequence[Group]], cases: Sequence[TuningCase]) -> Fitted:
    best = score_of_vote(vote, cases)
    for _ in range(MOST_ROUNDS):
        before = best
        for index, tried in enumerate(options):
            for option in tried:
                changed = [*vote[:index], option, *vote[index + 1 :]]
                reached = score_of_vote(changed, cases)
                if reached > best:
                    vote, best = changed, reached
        if best == before:
            break
    return Fitted(tuple(vote), best)


def fit_without_idle(choices: Sequence[Choice], cases: Sequence[TuningCase], keep: str) -> tuple[Fitted, list[str]]:
    """Return the best vote after dropping members, one by one, as long as the score is higher without one.

    Also returns who was dropped, in that order. The member `keep` stays.
    """
    chosen, dropped = list(choices), list[str]()
    best = fit(chosen, cases)
    while len(best.members) > 1:
        tried = {
            member: (fewer, fit(fewer, cases))
            for member in best.members
            if member != keep and (fewer := _without(chosen, member))
        }
        if not tried:
            break
        idle = max(tried, key=lambda member: tried[member][1].score)
        if tried[idle][1].score <= best.score:
            break
        chosen, best = tried[idle]
        dropped.append(idle)
    return best, dropped


def _without(choices: Sequence[Choice], member: str) -> list[Choice]:
    return [fewer for choice in choices if (fewer := choice.without(member)) is not None]
