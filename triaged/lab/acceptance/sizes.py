"""How many cases a site brought, and how much so many can tell.

Must not know what was measured on them.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final

from triaged.lab.evaluation.estimate import Z
from triaged.lab.evaluation.operating import wilson
from triaged.lab.evaluation.ranking import hanley_mcneil_error
from triaged.lab.evaluation.row import Outcome, Row
from triaged.lab.simulation.verdict import Criterion, Verdict

FEWEST: Final = 30
"""Patients per group below which nothing is judged (evaluation, section 5.5)."""
BETTER: Final = 100
AREA: Final = 0.87
"""The area under the ROC curve whose interval is told: the paper's, against bacterial pneumonia."""


@dataclass(frozen=True, slots=True)
class GroupSize:
    """How many cases of how many patients reached the pipeline in one group."""

    group: str
    is_positive: bool
    cases: int
    patients: int


def group_sizes(rows: Sequence[Row]) -> tuple[GroupSize, ...]:
    """Return the sizes of all groups, the one with the disease first; cases that were not read do not count."""
    read = [row for row in rows if row.outcome is not Outcome.NOT_READ]
    groups = sorted({(not row.is_positive, row.group) for row in rows})
    return tuple(
        GroupSize(
            group,
            not healthy,
            cases=sum(row.group == group for row in read),
            patients=patients_of(row for row in read if row.group == group),
        )
        for healthy, group in groups
    )


def patients_of(rows: Iterable[Row]) -> int:
    """Return the number of patients behind rows."""
    return len({row.patient for row in rows})


def size_criteria(sizes: Sequence[GroupSize]) -> tuple[Criterion, ...]:
    """Return for every group whether it is large enough to judge anything, and how wide intervals will be."""
    positives = sum(size.patients for size in sizes if size.is_positive)
    found = [_criterion(size, positives) for size in sizes]
    if not any(size.is_positive for size in sizes):
        found.insert(0, Criterion(_asked("with the disease"), "no such group", Verdict.TOO_FEW))
    if not any(not size.is_positive for size in sizes):
        found.append(Criterion(_asked("without the disease"), "no such group", Verdict.TOO_FEW))
    return tuple(found)


def half_width_of_area(positives: int, others: int) -> float:
    """Return half the 95 % interval of an area of 0.87 (Hanley and McNeil 1982)."""
    return Z * hanley_mcneil_error(AREA, positives, others)


def _criterion(size: GroupSize, positives: int) -> Criterion:
    told = f"{size.patients} patients ({size.cases} cases)"
    if size.is_positive and size.patients:
        interval = wilson(round(0.95 * size.patients), size.patients)
        told += f"; a sensitivity of 0.95 would be known from {interval.low:.2f} to {interval.high:.2f}"
    elif size.patients and positives:
        told += f"; an area of {AREA} against it would be known to ±{half_width_of_area(positives, size.patients):.2f}"
    if FEWEST <= size.patients < BETTER:
        told += f"; {BETTER} would be better"
    return Criterion(_asked(f"in {size.group}"), told, Verdict.MEETS if size.patients >= FEWEST else Verdict.TOO_FEW)


def _asked(where: str) -> str:
    return f"at least {FEWEST} patients {where}"
