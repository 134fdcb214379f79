"""Judges the change between two scans of one patient: growing, stable or shrinking, and by how much.

Must not know images. The classes are those of the daemon's own rule (CoRSAI): the lung that changed most decides, and
less than one percentage point is stable.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np

from triaged.lab.evaluation.estimate import mean_by_patient, undefined
from triaged.lab.evaluation.row import Row
from triaged.study.ranking import Trend
from triaged.triage.follow_up import trend_of

CLASSES: Final = (Trend.REGRESSION, Trend.STABLE, Trend.PROGRESSION)


@dataclass(frozen=True, slots=True)
class Change:
    """The change of one patient between two scans: what was found and what is true, in percentage points by lung.

    Where the lungs were not told apart, or the reference has none, both have one value: that of the worse lung.
    """

    patient: str
    found_pp: tuple[float, ...]
    true_pp: tuple[float, ...]

    @property
    def trends(self) -> tuple[Trend, Trend]:
        """What the change is called: as it was found, and in truth."""
        found, true = (trend_of(max(points, key=lambda each: (abs(each), each))) for points in self._both)
        return found, true

    @property
    def errors_pp(self) -> tuple[float, ...]:
        """Found minus true change, by lung."""
        return tuple(found - true for found, true in zip(*self._both, strict=True))

    @property
    def _both(self) -> tuple[tuple[float, ...], tuple[float, ...]]:
        return self.found_pp, self.true_pp


def changes(rows: Sequence[Row]) -> tuple[Change, ...]:
    """Return the changes between the scans that follow each other, of which both were measured and have a reference."""
    by_case = {row.case: row for row in rows}
    pairs = ((by_case[row.follows], row) for row in rows if row.follows in by_case)
    return tuple(change for change in (_change(*pair) for pair in pairs) if change is not None)


def dynamics(rows: Sequence[Row]) -> dict[str, Any]:
    """Return accuracy and kappa of the three classes, the error of the change by lung, and the test-retest deviation.

    The latter is the standard deviation of one measurement, from pairs that are stable in truth: that of found minus
    true change, divided by the square root of two.
    """
    found = changes(rows)
    confusion = np.zeros((len(CLASSES), len(CLASSES)), dtype=np.int64)
    for given, true in (each.trends for each in found):
        confusion[CLASSES.index(true), CLASSES.index(given)] += 1
    errors = [(abs(error), each.patient) for each in found for error in each.errors_pp]
    patients = [patient for _, patient in errors]
    mean = mean_by_patient([error for error, _ in errors], patients) if errors else undefined(0, "no pair of scans")
    return {
        "pairs": len(found),
        "accuracy": float(np.trace(confusion) / len(found)) if found else None,
        "kappa": _kappa(confusion.astype(np.float64)),
        "confusion_reference_by_found": {
            str(name): dict(zip(map(str, CLASSES), line, strict=True))
            for name, line in zip(CLASSES, confusion.tolist(), strict=True)
        },
        "error_pp_by_lung": mean.as_json(),
        "largest_error_pp": max((error for error, _ in errors), default=None),
        "test_retest_sd_pp": _test_retest([each for each in found if each.trends[1] is Trend.STABLE]),
    }


def said(told: Mapping[str, Any]) -> str:
    """Say in one line what `dynamics` returned; empty without a pair of scans."""
    if not told["pairs"]:
        return ""
    error, again = told["error_pp_by_lung"], told["test_retest_sd_pp"]
    parts = [f"accuracy {told['accuracy']:.2f} of growing, stable, shrinking"]
    parts += [] if told["kappa"] is None else [f"kappa {told['kappa']:.2f}"]
    ends = "" if error["low"] is None else f" ({error['low']:.1f} to {error['high']:.1f})"
    parts += [f"error by lung {error['value']:.1f} points{ends}, at most {told['largest_error_pp']:.1f}"]
    if again["value"] is not None:
        parts += [f"test-retest deviation {again['value']:.1f} points, n={again['pairs']}"]
    return f"change between scans: {'; '.join(parts)}; n={told['pairs']} pairs"


def _change(before: Row, after: Row) -> Change | None:
    of_lungs = [
        _both_lungs(row.severity_right, row.severity_left, row.reference_right, row.reference_left)
        for row in (before, after)
    ]
    first, second = of_lungs
    if first is None or second is None:
        first, second = (_worse(row) for row in (before, after))
    if first is None or second is None:
        return None
    found, true = (
        tuple(100 * (now - then) for now, then in zip(*sides, strict=True)) for sides in zip(second, first, strict=True)
    )
    return Change(after.patient, found, true)


def _both_lungs(*shares: float | None) -> tuple[tuple[float, ...], tuple[float, ...]] | None:
    known = tuple(share for share in shares if share is not None)
    return (known[:2], known[2:]) if len(known) == len(shares) else None


def _worse(row: Row) -> tuple[tuple[float, ...], tuple[float, ...]] | None:
    if row.severity is None or row.severity_reference is None:
        return None
    return (row.severity,), (row.severity_reference,)


def _kappa(confusion: np.ndarray[Any, np.dtype[np.float64]]) -> float | None:
    """Return Cohen's kappa; None without cases, or where chance alone agrees."""
    total = float(confusion.sum())
    if not total:
        return None
    by_chance = float((confusion.sum(axis=0) * confusion.sum(axis=1)).sum()) / total**2
    return (float(np.trace(confusion)) / total - by_chance) / (1 - by_chance) if by_chance < 1 else None


def _test_retest(stable: Sequence[Change]) -> dict[str, Any]:
    errors = [error for each in stable for error in each.errors_pp]
    value = math.sqrt(sum(error**2 for error in errors) / len(errors) / 2) if errors else None
    return {"value": value, "pairs": len(stable)}
