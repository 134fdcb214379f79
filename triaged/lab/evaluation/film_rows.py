"""Measures one chest X-ray after the other against what is true of it; must not know how figures are summed up."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np

from triaged.errors import UnreadableStudy
from triaged.exams.xray.chest import Chest
from triaged.exams.xray.finding import XrayReading
from triaged.exams.xray.zones import share
from triaged.lab.evaluation.film_cases import FilmCase, Mask, Reference, read_chest
from triaged.study.concepts import ESTIMATED_HIGH, ESTIMATED_LOW, ESTIMATED_SEVERITY, ZONE_SCORE


class Reader(Protocol):
    """What reads a chest X-ray."""

    def read(self, chest: Chest) -> XrayReading:
        """Return what is found; raise UnreadableStudy where there are no two lungs."""


@dataclass(frozen=True, slots=True)
class FilmRow:
    """What was measured on one case; None where it has no reference, and everywhere but `reason` where not read.

    `swapped`: share of lung that is given to the other side. `zones`: affected share of the six zones, the right lung's
    first. `estimate`, `low` and `high` are shares of the worse lung's volume, `share` the true one.
    """

    case: FilmCase
    reason: str = ""
    score: int | None = None
    presence: float | None = None
    extent: float | None = None
    lung_dice: float | None = None
    swapped: float | None = None
    affected_dice: float | None = None
    zones: tuple[float, ...] = ()
    estimate: float | None = None
    low: float | None = None
    high: float | None = None
    share: float | None = None


def film_rows(cases: Sequence[FilmCase], reader: Reader) -> Iterator[FilmRow]:
    """Yield what a reader measures on each case, and why not where it does not.

    Raises:
        ConfigError: a file of a case cannot be read.
    """
    for case in cases:
        try:
            chest, truth = read_chest(case)
            reading = reader.read(chest)
        except UnreadableStudy as error:
            yield FilmRow(case, f"{error.code}: {error}")
            continue
        yield measured(case, reading, truth)


def measured(case: FilmCase, reading: XrayReading, truth: Reference) -> FilmRow:
    """Return what a reading says beside what is true."""
    numbers = {concept: reading.finding.value(concept) for concept in _NUMBERS}
    both = reading.right_lung | reading.left_lung
    lungs = ((reading.right_lung, reading.right_cut), (reading.left_lung, reading.left_cut))
    zones = tuple(each for lung, cut in lungs for each in cut.shares(lung, reading.affected))
    suspicion, found = reading.finding.suspicion, numbers[ZONE_SCORE]
    return FilmRow(
        case,
        score=None if found is None else round(found),
        presence=None if suspicion is None else suspicion.probability,
        extent=max(share(reading.affected, lung) for lung, _ in lungs),
        lung_dice=None if truth.lungs is None else dice(both, truth.lungs),
        swapped=None if truth.sides is None else _swapped(reading, truth.sides),
        affected_dice=_affected_dice(reading, truth),
        zones=zones,
        estimate=numbers[ESTIMATED_SEVERITY],
        low=numbers[ESTIMATED_LOW],
        high=numbers[ESTIMATED_HIGH],
        share=truth.share,
    )


def dice(found: Mask, truth: Mask) -> float:
    """Return the Dice coefficient of two masks, 1 where both are empty."""
    total = int(np.count_nonzero(found)) + int(np.count_nonzero(truth))
    return 2 * int(np.count_nonzero(found & truth)) / total if total else 1.0


def _affected_dice(reading: XrayReading, truth: Reference) -> float | None:
    if truth.affected is None or not truth.affected.any():
        return None
    return dice(reading.affected, truth.affected)


def _swapped(reading: XrayReading, sides: tuple[Mask, Mask]) -> float:
    right, left = sides
    wrong = (reading.right_lung & left) | (reading.left_lung & right)
    return int(np.count_nonzero(wrong)) / max(1, int(np.count_nonzero(right | left)))


_NUMBERS = (ZONE_SCORE, ESTIMATED_SEVERITY, ESTIMATED_LOW, ESTIMATED_HIGH)
