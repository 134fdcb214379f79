"""Whether probabilities mean what they say, and monotone maps that make them do so; knows numbers only.

None of the maps changes the order of cases, and so neither an area under the ROC curve nor a rank correlation.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray
from scipy import optimize

from triaged.lab.evaluation.estimate import Reals
from triaged.lab.training.prior import at_prior

BINS: Final = 10
FEWEST_TO_FIT: Final = 100
CERTAIN: Final = 1e-7
"""Probabilities are kept this far from 0 and 1, where a single mistake would cost without end."""
STEEPEST: Final = 50.0
"""A fitted slope beyond this means that the scores part the cases without a mistake; no slope is best then."""

Labels = NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class Brier:
    """The mean squared error of probabilities = reliability - resolution + uncertainty + what bins leave out."""

    score: float
    reliability: float
    resolution: float
    uncertainty: float
    within_bins: float


@dataclass(frozen=True, slots=True)
class Line:
    """The map logit p -> slope * logit p + intercept."""

    slope: float
    intercept: float


@dataclass(frozen=True, slots=True)
class Bin:
    """Cases of similar probability: their mean probability, the share of them that has the disease, their number."""

    probability: float
    observed: float
    n: int


def logit(probability: Reals) -> Reals:
    """Return log-odds, of probabilities kept off 0 and 1."""
    kept = np.clip(probability, CERTAIN, 1 - CERTAIN)
    odds: Reals = np.log(kept) - np.log1p(-kept)
    return odds


def prior_corrected(probability: Reals, prevalence: float, trained_at: float = 0.75) -> Reals:
    """Return probabilities for a prevalence other than that of training: logit p - ln 3 + ln(pi / (1 - pi)) at 75 %.

    Scores that the daemon gives are at balanced odds already; for them `trained_at` is 0.5.
    """
    return _expit(at_prior(logit(probability), trained_at, prevalence))


def mapped(probability: Reals, line: Line) -> Reals:
    """Return probabilities on a fitted line of log-odds."""
    return _expit(line.slope * logit(probability) + line.intercept)


def fit_platt(probability: Reals, truth: Labels) -> Line | None:
    """Return slope and intercept that make the cases most likely (logistic regression on the log-odds).

    None where no such line is best: one class only, or scores that part the classes without a mistake.
    """
    if not truth.any() or truth.all() or _parted(probability[truth], probability[~truth]):
        return None
    return _fit(probability, truth, np.array([1.0, 0.0]), lambda x: (float(x[0]), float(x[1])))


def fit_temperature(probability: Reals, truth: Labels) -> Line | None:
    """Return the slope 1/T alone that makes the cases most likely; None where every case is on its side of one half."""
    if bool(np.all((probability > 0.5) == truth)):
        return None
    return _fit(probability, truth, np.array([1.0]), lambda x: (float(x[0]), 0.0))


def fit_intercept(probability: Reals, truth: Labels) -> Line | None:
    """Return the intercept at slope 1: whether probabilities are too high or too low on the whole."""
    if not truth.any() or truth.all():
        return None
    return _fit(probability, truth, np.array([0.0]), lambda x: (1.0, float(x[0])))


def log_loss(probability: Reals, truth: Labels) -> float:
    """Return the mean negative log-likelihood."""
    return float(np.mean(np.logaddexp(0.0, np.where(truth, -1.0, 1.0) * logit(probability))))


def bins(probability: Reals, truth: Labels, count: int = BINS) -> tuple[Bin, ...]:
    """Return the cases in bins of equal numbers, by rising probability; fewer bins where there are fewer cases."""
    order = np.argsort(probability, kind="stable")
    parts = [part for part in np.array_split(order, min(count, len(order))) if part.size]
    return tuple(Bin(float(probability[part].mean()), float(truth[part].mean()), int(part.size)) for part in parts)


def calibration_error(probability: Reals, truth: Labels) -> float:
    """Return the expected calibration error over ten bins of equal numbers."""
    found = bins(probability, truth)
    return sum(each.n * abs(each.probability - each.observed) for each in found) / len(probability)


def brier(probability: Reals, truth: Labels) -> Brier:
    """Return the Brier score with its decomposition (Murphy 1973) over ten bins of equal numbers."""
    score, rate, n = float(np.mean((probability - truth) ** 2)), float(truth.mean()), len(probability)
    found = bins(probability, truth)
    reliability = sum(each.n * (each.probability - each.observed) ** 2 for each in found) / n
    resolution = sum(each.n * (each.observed - rate) ** 2 for each in found) / n
    uncertainty = rate * (1 - rate)
    return Brier(score, reliability, resolution, uncertainty, score - (reliability - resolution + uncertainty))


def _fit(probability: Reals, truth: Labels, start: Reals, line: Callable[[Reals], tuple[float, float]]) -> Line | None:
    odds, sign = logit(probability), np.where(truth, -1.0, 1.0)

    def loss(parameters: Reals) -> float:
        slope, intercept = line(parameters)
        return float(np.mean(np.logaddexp(0.0, sign * (slope * odds + intercept))))

    settings = {"xatol": 1e-7, "fatol": 1e-12, "maxiter": 4000}
    found = optimize.minimize(loss, start, method="Nelder-Mead", options=settings)
    slope, intercept = line(found.x)
    return Line(slope, intercept) if found.success and max(abs(slope), abs(intercept)) < STEEPEST else None


def _parted(positive: Reals, negative: Reals) -> bool:
    return bool(positive.min() >= negative.max() or positive.max() <= negative.min())


def _expit(odds: Reals) -> Reals:
    probability: Reals = 0.5 * (1 + np.tanh(0.5 * odds))
    return probability
