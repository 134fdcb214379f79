"""Measures networks on whole held-out series, unvaried, while they learn.

Must not know how they learn. These figures choose nothing and claim nothing: series and training come from one source.
"""

from collections.abc import Callable, Sequence
from typing import Final, NamedTuple

import numpy as np
import torch
from torch import Tensor

from triaged.lab.training.losses import dice_coefficient, ranking_area
from triaged.lab.training.sampling import IGNORED, LESION, LUNG, GeneratedSeries, scaled

LESION_THRESHOLD: Final = 0.2
EVERY: Final = 2
"""Only each second slice is measured: neighbours say nearly the same."""


class Answer(NamedTuple):
    """What a network says about the slices of a series.

    Attributes:
        lesion: lesion logits (slice, 1, row, column), on the CPU.
        score: the higher, the likelier the disease.
    """

    lesion: Tensor
    score: float


def lesion_figures(ask: Callable[[Tensor], Answer], held_out: Sequence[GeneratedSeries]) -> dict[str, float]:
    """Return lesion Dice over positives, error of severity, and how positives are ranked, for each series' lung box.

    `ask` takes images (slice, 1, row, column). Series with opacities that do not teach have no error of severity.
    """
    dice: list[float] = []
    error: list[float] = []
    scores: tuple[list[float], list[float]] = ([], [])
    for series in held_out:
        images, labels = _boxed(series)
        answer = ask(images)
        lung, truth = labels & LUNG > 0, labels & LESION > 0
        found = (torch.sigmoid(answer.lesion) > LESION_THRESHOLD) & lung
        scores[series.positive].append(answer.score)
        is_exact = not bool((labels & IGNORED).any())
        error.append(abs(float(found.sum() - truth.sum())) / float(lung.sum()) if is_exact else 0.0)
        if series.positive:
            dice.append(dice_coefficient(found, truth))
    area = ranking_area(scores[True], scores[False])
    return {"lesion_dice": mean(dice), "severity_error": mean(error), "auc": area}


def lesion_share(lesion: Tensor) -> float:
    """Return the share of the lungs' box that is found to be lesion: the score of networks that only segment."""
    return float((torch.sigmoid(lesion) > LESION_THRESHOLD).float().mean())


def identification_figures(ask: Callable[[Tensor], float], held_out: Sequence[GeneratedSeries]) -> dict[str, float]:
    """Return how positives are ranked by a network that only identifies."""
    scores: tuple[list[float], list[float]] = ([], [])
    for series in held_out:
        scores[series.positive].append(ask(_boxed(series)[0]))
    return {"auc": ranking_area(scores[True], scores[False])}


def unvaried(voxels: np.ndarray[tuple[int, int, int], np.dtype[np.int16]]) -> Tensor:
    """Return HU as images (slice, 1, row, column), scaled to [0, 1]."""
    return scaled(torch.from_numpy(voxels.astype(np.float32)))[:, None]


def mean(figures: Sequence[float]) -> float:
    """Return the mean, which is not a number where there is nothing."""
    return float(np.mean(figures)) if figures else float("nan")


def _boxed(series: GeneratedSeries) -> tuple[Tensor, Tensor]:
    top, bottom, left, right = series.box
    kept = np.s_[::EVERY, top:bottom, left:right]
    return unvaried(series.voxels[kept]), torch.from_numpy(series.labels[kept])[:, None]
