"""Says what the two networks learn by default: which slices they see, and what they are told about them.

Must not know optimisers, checkpoints or how series come to be. Deviations from the paper: slices are varied strongly
(it has no augmentation), Dice joins the loss, the multitask network starts from the lung network, it sees scattered
slices first and thinned series for the last part only, and opacities of other diseases do not teach the lesion output.
The paper's own recipe is in `triaged.lab.training.paper`.
"""

from collections.abc import Sequence
from functools import partial
from typing import Final

import numpy as np
import torch
from numpy.random import Generator
from torch import Tensor, nn
from torch.nn import functional

from triaged.lab.networks.multitask import LungNetwork, Multitask, pool_series
from triaged.lab.training.losses import dice_coefficient, segmentation_loss
from triaged.lab.training.measures import Answer, lesion_figures, unvaried
from triaged.lab.training.place import CPU, Place
from triaged.lab.training.sampling import GeneratedSeries, around_lungs, draw_slices, join
from triaged.lab.training.widening import widened

LUNG_CROP: Final = (144, 168)
LESION_CROP: Final = (120, 152)
SERIES_SLICES: Final = 8
POSITIVE_SHARE: Final = 0.75
IDENTIFICATION_WEIGHT: Final = 0.1
TOGETHER_FROM: Final = 0.7
"""Part of the training after which lesions and identification are learnt together."""


class LungTask:
    """Learns the lungs, diseased parts and fluid included, slice by slice, where their mask is good enough."""

    def __init__(
        self,
        network: LungNetwork,
        series: Sequence[GeneratedSeries],
        held_out: Sequence[GeneratedSeries],
        place: Place = CPU,
    ) -> None:
        self.network: nn.Module = network
        self._series = [one for one in series if one.lung_known]
        self._held_out = [one for one in held_out if one.lung_known]
        self._place = place

    def loss(self, _progress: float, batch: int, rng: Generator) -> Tensor:
        """Return the segmentation loss on slices of `batch` random series."""
        drawn = join([draw_slices(pick(self._series, rng), 1, LUNG_CROP, 25, rng) for _ in range(batch)])
        logits = logits_of(self.network, widened(drawn.images, drawn.lung, rng), self._place)
        lung = drawn.lung.to(self._place.device)
        return segmentation_loss(logits, lung, torch.ones_like(lung))

    def measure(self) -> dict[str, float]:
        """Return the Dice coefficient of the lungs over every fourth slice of the held-out series."""
        scores = []
        for series in self._held_out:
            found = logits_of(self.network, unvaried(series.voxels[::4]), self._place).cpu() > 0
            scores.append(dice_coefficient(found, torch.from_numpy(series.labels[::4, None] & 1 > 0)))
        return {"lung_dice": float(np.mean(scores)), "lung_dice_least": float(np.min(scores))}


class MultitaskTask:
    """Learns lesions slice by slice, then lesions and identification together on thinned series."""

    def __init__(
        self,
        network: Multitask,
        series: Sequence[GeneratedSeries],
        held_out: Sequence[GeneratedSeries],
        place: Place = CPU,
    ) -> None:
        self.network: nn.Module = network
        self._multitask = network
        self._positive = [around_lungs(one) for one in series if one.positive]
        self._negative = [around_lungs(one) for one in series if not one.positive]
        self._held_out = [around_lungs(one) for one in held_out]
        self._place = place

    def loss(self, progress: float, batch: int, rng: Generator) -> Tensor:
        """Return the segmentation loss, joined by the identification loss in the last part of the training."""
        device = self._place.device
        if progress < TOGETHER_FROM:
            drawn = join([draw_slices(self._choose(rng), 1, LESION_CROP, 15, rng) for _ in range(batch)])
            logits = logits_of(self._multitask.segmentation, drawn.images, self._place)
            return segmentation_loss(logits, drawn.lesion.to(device), drawn.weight.to(device))
        chosen = [self._choose(rng) for _ in range(max(2, batch // SERIES_SLICES))]
        boxes = [(bottom - top, right - left) for top, bottom, left, right in (series.box for series in chosen)]
        drawn = join([draw_slices(one, SERIES_SLICES, LESION_CROP, 3, rng) for one in chosen])
        with self._place.autocast():
            lesion, features = self._multitask.segmentation(drawn.images.to(device))
        stride = 2 ** (self._multitask.level - 1)
        parts = zip(features.float().split(SERIES_SLICES), boxes, strict=True)
        pooled = [pool_series(_centred(part, (rows // stride, columns // stride))) for part, (rows, columns) in parts]
        identified = self._multitask.identification(torch.cat(pooled))
        truth = torch.tensor([[float(series.positive)] for series in chosen], device=device)
        entropy = functional.binary_cross_entropy_with_logits(identified, truth)
        segmented = segmentation_loss(lesion.float(), drawn.lesion.to(device), drawn.weight.to(device))
        return segmented + IDENTIFICATION_WEIGHT * entropy

    def measure(self) -> dict[str, float]:
        """Return lesion Dice, error of severity and ranking of positives over the held-out series."""
        return lesion_figures(partial(ask_multitask, self._multitask, place=self._place), self._held_out)

    def _choose(self, rng: Generator) -> GeneratedSeries:
        return pick(self._positive if rng.random() < POSITIVE_SHARE else self._negative, rng)


def pick(series: Sequence[GeneratedSeries], rng: Generator) -> GeneratedSeries:
    """Return one of the series, each as likely as any other."""
    return series[int(rng.integers(len(series)))]


def logits_of(network: nn.Module, images: Tensor, place: Place) -> Tensor:
    """Return the first output in full precision; convolutions run in the short format, 1.5 times as fast on a CPU."""
    with place.autocast():
        output = network(images.to(place.device).contiguous(memory_format=torch.channels_last))
    logits: Tensor = output[0] if isinstance(output, tuple) else output
    return logits.float()


def ask_multitask(network: Multitask, images: Tensor, place: Place) -> Answer:
    """Return what the network says about the slices of one series, in full precision."""
    lesion, identified = network(images.to(place.device))
    return Answer(lesion.cpu(), float(identified))


def _centred(features: Tensor, box: tuple[int, int]) -> Tensor:
    """Return the middle of (n, channel, row, column) features, as large as the lungs' box where that fits."""
    rows, columns = (max(1, min(wanted, size)) for wanted, size in zip(box, features.shape[2:], strict=True))
    top, left = (features.shape[2] - rows) // 2, (features.shape[3] - columns) // 2
    return features[:, :, top : top + rows, left : left + columns]
