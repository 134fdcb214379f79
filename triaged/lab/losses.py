"""Says how wrong a network is on a batch, and how right on unvaried images.

Must not know series or schedules.
"""

import torch
from torch import Tensor
from torch.nn import functional


def segmentation_loss(logits: Tensor, truth: Tensor, weight: Tensor) -> Tensor:
    """Return binary cross-entropy plus one minus soft Dice over the batch, where `weight` is 1.

    The paper has cross-entropy alone; Dice is added because the short training else leaves small lesions out.
    """
    entropy = functional.binary_cross_entropy_with_logits(logits, truth, weight)
    probability = torch.sigmoid(logits) * weight
    shared = (probability * truth).sum()
    dice = (2 * shared + 100) / (probability.sum() + (truth * weight).sum() + 100)
    return entropy + 1 - dice


def dice_coefficient(found: Tensor, truth: Tensor) -> float:
    """Return the Dice coefficient of two masks, 1 where both are empty."""
    total = float(found.sum() + truth.sum())
    return 2 * float((found & truth).sum()) / total if total else 1.0
