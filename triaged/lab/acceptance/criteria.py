"""What the figures of an evaluation must reach, and whether this many patients can say so.

Must not know images. Nothing here says that a package is accepted: each criterion stands alone, and a person decides.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Final

from triaged.lab.acceptance.sizes import FEWEST, patients_of
from triaged.lab.evaluation.estimate import Estimate
from triaged.lab.evaluation.row import Row
from triaged.lab.evaluation.summary import headline, mean_of
from triaged.lab.simulation.evaluated import plain
from triaged.lab.simulation.replicated import Replicated
from triaged.lab.simulation.verdict import Criterion, Verdict, at_least, at_most

NORMAL: Final = frozenset({"normal", "normals", "healthy", "none", "nofinding", "nofindings", "nodisease", "control"})
"""Groups, without punctuation and in small letters, in which no disease is expected."""


@dataclass(frozen=True, slots=True)
class _Asked:
    """One figure, in which direction it is bounded, and who it is about."""

    key: str
    words: str
    limit: float
    judge: Callable[[float, Replicated], Verdict]
    about: Callable[[Row], bool]


_FIGURES: Final = (
    _Asked("lung_dice", "lungs: mean Dice at least", 0.976, at_least, lambda row: row.lung_dice is not None),
    _Asked(
        "lesion_dice",
        "lesions: mean Dice of patients with the disease at least",
        0.61,
        at_least,
        lambda row: row.is_positive and row.lesion_dice is not None and not row.lesion_both_empty,
    ),
    _Asked(
        "severity_spearman",
        "severity: rank correlation at least",
        0.95,
        at_least,
        lambda row: _has_both_severities(row),
    ),
    _Asked(
        "severity_mae", "severity: mean absolute error at most", 0.05, at_most, lambda row: _has_both_severities(row)
    ),
)


def is_normal(group: str) -> bool:
    """Tell whether a group is one in which no disease is expected."""
    return plain(group) in NORMAL


def figure_criteria(rows: Sequence[Row]) -> tuple[Criterion, ...]:
    """Return what was asked of lungs, lesions and severity, for what the cases have a reference for."""
    return tuple(_figure_criteria(rows))


def judged(asked: str, found: Estimate, verdict: Callable[[Replicated], Verdict], patients: int) -> Criterion:
    """Return the criterion for a figure; fewer patients than the least, or no interval, say nothing."""
    told = f"{told_estimate(found)}, {patients} patients"
    if patients < FEWEST or found.value is None or found.low is None or found.high is None:
        return Criterion(asked, told, Verdict.TOO_FEW)
    return Criterion(asked, told, verdict(Replicated(found.value, found.low, found.high)))


def told_estimate(found: Estimate) -> str:
    """Return a figure with its interval in words."""
    if found.value is None:
        return f"undefined ({found.why})"
    if found.low is None or found.high is None:
        return f"{found.value:.3f} (no interval)"
    return f"{found.value:.3f} ({found.low:.3f} to {found.high:.3f})"


def _figure_criteria(rows: Sequence[Row]) -> Iterator[Criterion]:
    figures = headline(rows)
    for asked in _FIGURES:
        about = [row for row in rows if asked.about(row)]
        if about:
            verdict = partial(asked.judge, asked.limit)
            yield judged(f"{asked.words} {asked.limit:g}", figures[asked.key], verdict, patients_of(about))
    normal = [row for row in rows if is_normal(row.group) and row.severity is not None]
    if normal:
        found = mean_of(normal, lambda row: row.severity)
        asked_words = "severity: patients without disease stay, on average, under 0.02"
        yield judged(asked_words, found, partial(at_most, 0.02), patients_of(normal))


def _has_both_severities(row: Row) -> bool:
    return row.is_positive and row.severity is not None and row.severity_reference is not None
