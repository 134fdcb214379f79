"""Sums up what was measured on chest X-rays: ours and the peers' figures side by side, each with n and an interval.

Must not know how a picture is read. Intervals are by resampling patients with all their pictures.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray
from scipy.stats import spearmanr

from triaged.lab.evaluation.estimate import Estimate, Reals, by_patient, mean_by_patient
from triaged.lab.evaluation.film_rows import FilmRow
from triaged.triage.scheme import TriageOptions

OURS: Final = "ours"
READERS: Final = ("reader_1", "reader_2")
FEWEST: Final = 3
"""Pairs that a correlation needs."""
CUT_OFFS: Final = TriageOptions().cut_offs
"""Shares of volume that separate the classes of the list, where a site has not set others."""
CLASSES: Final = ("none", "mild", "moderate", "severe", "critical")

Figures = dict[str, Estimate]


def film_figures(rows: Sequence[FilmRow]) -> Figures:
    """Return the figures of our own masks and numbers, by name."""
    read = [row for row in rows if not row.reason]
    normal = [row for row in read if row.case.is_normal]
    made = [row for row in read if row.share is not None]
    return {
        "lung_dice": _mean(read, lambda row: row.lung_dice),
        "lung_dice_normal": _mean(normal, lambda row: row.lung_dice),
        "swapped_sides": _mean(read, lambda row: None if row.swapped is None else float(row.swapped > 0.5)),
        "affected_dice": _mean(read, lambda row: row.affected_dice),
        "score_normal": _mean(normal, lambda row: row.score),
        "score_0_normal": _mean(normal, lambda row: float(row.score == 0)),
        "zone_rho": _zone_rho(read),
        "share_error": _mean(made, lambda row: _apart(row.estimate, row.share)),
        "share_in_interval": _mean(made, _in_interval),
        "share_class": _mean(made, lambda row: float(_class_of(row.estimate) == _class_of(row.share))),
        "share_class_near": _mean(made, lambda row: float(abs(_class_of(row.estimate) - _class_of(row.share)) <= 1)),
        **_share_biases(made),
        "not_read": mean_by_patient([float(bool(row.reason)) for row in rows], [row.case.patient for row in rows]),
    }


def score_figures(rows: Sequence[FilmRow], peers: Sequence[str]) -> dict[str, Figures]:
    """Return error and correlation with the list's score, of us, the readers and each peer that has scores.

    Ours are compared where a score of ours is there: an unread picture counts in `not_read`, not as a score of 0.
    """
    scored = [row for row in rows if not row.reason and "score" in row.case.numbers]
    named = (OURS, *READERS, *peers)
    return {name: _scored(scored, name) for name in named if any(_said(row, name) is not None for row in scored)}


def as_json(rows: Sequence[FilmRow], peers: Sequence[str]) -> dict[str, Any]:
    """Return all figures and every case as JSON values."""
    scores = score_figures(rows, peers)
    return {
        **{name: estimate.as_json() for name, estimate in film_figures(rows).items()},
        "score": {who: {name: one.as_json() for name, one in told.items()} for who, told in scores.items()},
        "cases": [_case(row) for row in rows],
    }


def _class_of(share: float | None) -> int:
    """Return how many of the list's cut-offs a share of volume reaches: 0, not flagged, to 4, critical."""
    return sum((share or 0.0) >= least for least in CUT_OFFS)


def _share_biases(rows: Sequence[FilmRow]) -> Figures:
    """Return by how much the estimate is above the true share, for each class that the true share falls into."""

    def above(row: FilmRow) -> float | None:
        return None if row.estimate is None or row.share is None else row.estimate - row.share

    groups = {name: [row for row in rows if _class_of(row.share) == number] for number, name in enumerate(CLASSES)}
    return {f"share_bias_{name}": _mean(group, above) for name, group in groups.items()}


def _scored(rows: Sequence[FilmRow], who: str) -> Figures:
    known = [row for row in rows if _said(row, who) is not None]
    patients = [row.case.patient for row in known]
    pairs = np.array([[_said(row, who), row.case.numbers["score"]] for row in known], dtype=np.float64)
    return {"mae": mean_by_patient(np.abs(pairs[:, 0] - pairs[:, 1]).tolist(), patients), "rho": _rho(pairs, patients)}


def _zone_rho(rows: Sequence[FilmRow]) -> Estimate:
    told = [row for row in rows if row.case.zones]
    pairs = [pair for row in told for pair in zip(row.zones, row.case.zones, strict=True)]
    patients = [row.case.patient for row in told for _ in row.zones]
    return _rho(np.array(pairs, dtype=np.float64).reshape(-1, 2), patients)


def _rho(pairs: NDArray[np.float64], patients: Sequence[str]) -> Estimate:
    return by_patient(pairs, patients, correlation)


def correlation(pairs: Reals) -> float | None:
    """Return Spearman's coefficient of (one, other) rows, None where it is undefined."""
    if len(pairs) < FEWEST or any(len(np.unique(column)) < 2 for column in pairs.T):
        return None
    return float(spearmanr(pairs[:, 0], pairs[:, 1]).statistic)


def _mean(rows: Sequence[FilmRow], figure: Callable[[FilmRow], float | None]) -> Estimate:
    known = [(value, row.case.patient) for row in rows if (value := figure(row)) is not None]
    return mean_by_patient([value for value, _ in known], [patient for _, patient in known])


def _said(row: FilmRow, who: str) -> float | None:
    return row.score if who == OURS else row.case.numbers.get(who)


def _apart(one: float | None, other: float | None) -> float | None:
    return None if one is None or other is None else abs(one - other)


def _in_interval(row: FilmRow) -> float | None:
    if row.low is None or row.high is None or row.share is None:
        return None
    return float(row.low <= row.share <= row.high)


def _case(row: FilmRow) -> dict[str, Any]:
    names = ("reason", "score", "presence", "extent", "lung_dice", "swapped", "affected_dice", "estimate", "share")
    told = {name: getattr(row, name) for name in names if getattr(row, name) not in (None, "")}
    return {"case": row.case.case, **told, "zones": list(row.zones)}
