"""Fits what turns the identification score into a site's probability: the prior alone, or more where cases allow.

Must not know images or thresholds.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np

from triaged.lab.evaluation.calibration import (
    FEWEST_TO_FIT,
    Labels,
    Line,
    brier,
    calibration_error,
    fit_intercept,
    fit_platt,
    fit_temperature,
    log_loss,
    mapped,
    prior_corrected,
)
from triaged.lab.evaluation.estimate import Reals
from triaged.lab.evaluation.row import Row

BALANCED: Final = 0.5
"""The prior that the daemon's scores stand for: that of training is taken off before."""


@dataclass(frozen=True, slots=True)
class Quality:
    """How well probabilities fit what was found; smaller is better, an intercept of 0 is best."""

    name: str
    brier: float
    log_loss: float
    calibration_error: float
    intercept: float | None


@dataclass(frozen=True, slots=True)
class ProbabilityFit:
    """What may be done with the score at a site.

    `line` maps the log-odds of the score: 1 and a shift where only the prior was corrected. `quality` is that of the
    scores as they are, of the corrected ones and of fitted ones; fits are judged on the cases that they were made on.
    """

    cases: int
    positives: int
    method: str
    line: Line
    quality: tuple[Quality, ...]


def fit_probability(rows: Sequence[Row]) -> ProbabilityFit | None:
    """Return how the score becomes a probability at the prevalence of these cases; None without scores of both kinds.

    Fewer than 100 cases: the prior alone. Otherwise the better, by log-loss, of a temperature and a line (Platt), each
    after the prior; a line costs one more parameter and must gain that much (Akaike).
    """
    scored = [(row.identification, row.is_positive) for row in rows if row.identification is not None]
    probability = np.array([score for score, _ in scored], dtype=np.float64)
    truth = np.array([label for _, label in scored], dtype=np.bool_)
    if not truth.any() or truth.all():
        return None
    at_prior = prior_corrected(probability, float(truth.mean()), BALANCED)
    shift = Line(1.0, float(np.log(truth.mean() / (1 - truth.mean()))))
    quality = [_quality("score", probability, truth), _quality("prior corrected", at_prior, truth)]
    fits = {"prior corrected": shift}
    if len(truth) >= FEWEST_TO_FIT:
        makers: dict[str, Callable[..., Line | None]] = {"temperature": fit_temperature, "platt": fit_platt}
        for name, maker in makers.items():
            line = maker(at_prior, truth)
            if line is not None:
                fits[name] = Line(line.slope, line.slope * shift.intercept + line.intercept)
                quality.append(_quality(name, mapped(at_prior, line), truth))
    parameters = {"prior corrected": 0, "temperature": 1, "platt": 2}
    loss = {
        each.name: each.log_loss * len(truth) + parameters.get(each.name, 0) for each in quality if each.name in fits
    }
    best = min(loss, key=lambda name: loss[name])
    return ProbabilityFit(len(truth), int(truth.sum()), best, fits[best], tuple(quality))


def _quality(name: str, probability: Reals, truth: Labels) -> Quality:
    line = fit_intercept(probability, truth)
    return Quality(
        name,
        brier(probability, truth).score,
        log_loss(probability, truth),
        calibration_error(probability, truth),
        None if line is None else line.intercept,
    )
