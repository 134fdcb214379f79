"""Says how wrong a network is on a batch, and how right on unvaried images.

Must not know series or schedules.
"""

from collections.abc import Callable, Sequence
from typing import TypeAlias

import numpy as np
from torch import Tensor
from torch.nn import functional

SegmentationLoss: TypeAlias = Callable[[Tensor, Tensor, Tensor], Tensor]
"""Takes logits, truth (0 or 1) and weight (0 where the truth must not teach, else 1), all of one shape."""


def cross_entropy(logits: Tensor, truth: Tensor, weight: Tensor) -> Tensor:
    """Return the mean binary cross-entropy over the voxels whose `weight` is 1, and 0 where there is none: the paper's.

    Goncharov et al. take the mean over the cases that have a mask; the others weigh nothing here.
    """
    entropy = functional.binary_cross_entropy_with_logits(logits, truth, weight, reduction="sum")
    return entropy / weight.sum().clamp_min(1)


def segmentation_loss(logits: Tensor, truth: Tensor, weight: Tensor) -> Tensor:
    """Return binary cross-entropy plus one minus soft Dice over the batch, where `weight` is 1.

    The paper has cross-entropy alone; Dice is added because the short training else leaves small lesions out. The
    cross-entropy is the mean over all voxels, those of weight 0 included.
    """
    entropy = functional.binary_cross_entropy_with_logits(logits, truth, weight)
    return entropy + 1 - _soft_dice(logits, truth, weight)


def dice_coefficient(found: Tensor, truth: Tensor) -> float:
    """Return the Dice coefficient of two masks, 1 where both are empty."""
    total = float(found.sum() + truth.sum())
    return 2 * float((found & truth).sum()) / total if total else 1.0


def ranking_area(positives: Sequence[float], negatives: Sequence[float]) -> float:
    """Return the area under the ROC curve: how often a positive stands above a negative, ties counting half.

    It is not a number where one of the groups is empty.
    """
    if not positives or not negatives:
        return float("nan")
    above = np.asarray(positives)[:, None] - np.asarray(negatives)[None]
    return float(np.mean((above > 0) + 0.5 * (above == 0)))


def _soft_dice(logits: Tensor, truth: Tensor, weight: Tensor) -> Tensor:
    probability = logits.sigmoid() * weight
    shared = (probability * truth).sum()
    return (2 * shared + 100) / (probability.sum() + (truth * weight).sum() + 100)
