"""Fits the cut-offs of the computed grade to readers' grades; pure arithmetic.

Must not know files. What is fitted are the shares from which a case is CT-1, CT-2, CT-3 and CT-4: those that agree with
the readers most often, of all there are (CoRSAI fitted .06, .29 and .83 instead of .25, .50 and .75).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from hashlib import sha256
from typing import Final

import numpy as np
from numpy.typing import NDArray

GRADES: Final = 5
LEAST_CASES: Final = 10
"""Cases of each grade, below which cut-offs would follow single patients."""


@dataclass(frozen=True, slots=True)
class Graded:
    """One case: the affected share of its worse lung as measured, in [0, 1], and the grade that each reader gave it."""

    case: str
    patient: str
    share: float
    grades: tuple[tuple[str, int], ...]


@dataclass(frozen=True, slots=True)
class Fit:
    """Cut-offs fitted to one reader, or to all of them, and how often they agree with whom they were fitted to.

    `agreement` is that on the cases of the fit, `on_other_half` that of cut-offs fitted to one half of the patients
    on the other, `in_force` that of the cut-offs the site has; each in [0, 1]. `lacking` says why nothing was fitted.
    """

    reader: str
    readings: int
    cut_offs: tuple[float, ...] | None
    agreement: float | None
    on_other_half: float | None
    in_force: float
    lacking: str = ""


Readings = Sequence[tuple[float, int]]
"""Measured share and grade, one of each reading."""


def fit(cases: Sequence[Graded], reader: str | None, in_force: Sequence[float]) -> Fit:
    """Return the cut-offs for one reader's grades; for those of all, each reading counting alike, without a reader.

    Grades that nobody gave at the lower end (cases without disease were not read) keep the cut-offs in force.
    """
    readings, name = _readings(cases, reader), reader or "all readers"
    now = agreement(readings, in_force)
    halves = [_readings(half, reader) for half in halved(cases)]
    if lacking := _lacking(cases, reader) or _alike(halves):
        return Fit(name, len(readings), None, None, None, now, lacking)
    lowest = min(grade for _, grade in readings)
    kept = tuple(in_force[:lowest])
    fitted = kept + best_cut_offs(readings, lowest)
    right = sum(
        agreement(other, kept + best_cut_offs(own, lowest)) * len(other) for own, other in (halves, halves[::-1])
    )
    return Fit(name, len(readings), fitted, agreement(readings, fitted), right / len(readings), now)


def best_cut_offs(readings: Readings, lowest: int = 0) -> tuple[float, ...]:
    """Return the rising cut-offs above grade `lowest` that agree with the most readings; the widest gaps on ties.

    Every choice of midpoints between neighbouring shares is weighed, by dynamic programming: the best way to part the
    first shares into so many grades is known from the best way to part fewer of them.
    """
    shares = sorted({share for share, _ in readings})
    counts = np.zeros((len(shares) + 1, GRADES), dtype=np.int64)
    for share, grade in readings:
        counts[shares.index(share) + 1, grade] += 1
    up_to = counts.cumsum(axis=0)
    gaps = np.diff(np.array(shares))
    best: list[list[tuple[int, float, tuple[int, ...]] | None]] = [[None] * (len(shares) + 1) for _ in range(GRADES)]
    for end in range(1, len(shares) + 1):
        best[lowest][end] = int(up_to[end, lowest]), 0.0, ()
    for grade in range(lowest + 1, GRADES):
        for end in range(2, len(shares) + 1):
            best[grade][end] = _best_step(best[grade - 1], up_to[:, grade], gaps, end)
    found = best[GRADES - 1][len(shares)]
    if found is None:
        raise ValueError(f"expected at least {GRADES - lowest} different shares, found {len(shares)}")
    return tuple((shares[cut - 1] + shares[cut]) / 2 for cut in found[2])


def agreement(readings: Readings, cut_offs: Sequence[float]) -> float:
    """Return the share of readings whose grade the cut-offs give; 0 without readings."""
    same = sum(sum(share >= cut for cut in cut_offs) == grade for share, grade in readings)
    return same / len(readings) if readings else 0.0


def halved(cases: Sequence[Graded]) -> tuple[list[Graded], list[Graded]]:
    """Return two halves of the patients that resemble each other in grade; a digest of the name says who is where."""
    patients: dict[str, list[Graded]] = {}
    for case in cases:
        patients.setdefault(case.patient, []).append(case)
    ordered = sorted(patients, key=lambda name: (_typical(patients[name]), sha256(name.encode()).hexdigest()))
    first, second = ([case for name in ordered[start::2] for case in patients[name]] for start in (0, 1))
    return first, second


def _best_step(
    before: Sequence[tuple[int, float, tuple[int, ...]] | None],
    up_to: NDArray[np.int64],
    gaps: NDArray[np.float64],
    end: int,
) -> tuple[int, float, tuple[int, ...]] | None:
    """Return the best way to give the shares before `end` one grade more, the last ones of them at least one share."""
    choices = [
        (known[0] + int(up_to[end] - up_to[cut]), known[1] + float(gaps[cut - 1]), (*known[2], cut))
        for cut in range(1, end)
        if (known := before[cut]) is not None
    ]
    return max(choices, default=None)


def _readings(cases: Iterable[Graded], reader: str | None) -> Readings:
    return [(case.share, grade) for case in cases for name, grade in case.grades if reader in (None, name)]


def _lacking(cases: Sequence[Graded], reader: str | None) -> str:
    """Say of which grade there are too few cases; a grade that nobody gave below all others is none."""
    given = [{grade for name, grade in case.grades if reader in (None, name)} for case in cases]
    counts = Counter(grade for grades in given for grade in grades)
    if not counts:
        return "no grades"
    few = [f"{counts[grade]} of CT-{grade}" for grade in range(min(counts), GRADES) if counts[grade] < LEAST_CASES]
    return f"expected at least {LEAST_CASES} cases of each grade, found {', '.join(few)}" if few else ""


def _alike(halves: Sequence[Readings]) -> str:
    fewest = min(len({share for share, _ in half}) for half in halves)
    return f"expected at least {GRADES} different shares in each half, found {fewest}" if fewest < GRADES else ""


def _typical(cases: Sequence[Graded]) -> float:
    return float(np.median([grade for case in cases for _, grade in case.grades]))
