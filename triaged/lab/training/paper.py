"""Trains as Goncharov et al. did: their mix of cases, centre crops, thinned series, plain losses, no variation.

Must not know optimisers, checkpoints or how series come to be (specification, 1.0.4). Deviations: slices of one batch
are padded together, but what was padded neither teaches nor is pooled; and where no positive comes without a mask, the
masks of some are left out.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from typing import Final

import torch
from numpy.random import Generator
from torch import Tensor, nn
from torch.nn import functional

from triaged.errors import ConfigError
from triaged.lab.networks.multitask import Multitask, pool_series
from triaged.lab.training.losses import cross_entropy
from triaged.lab.training.measures import lesion_figures, unvaried
from triaged.lab.training.place import CPU, Place
from triaged.lab.training.sampling import IGNORED, LESION, LUNG, GeneratedSeries, around_lungs
from triaged.lab.training.tasks import IDENTIFICATION_WEIGHT, LungTask, ask_multitask, logits_of, pick

LARGEST_PX: Final = (128, 160)
SLICES: Final = 32
NEGATIVE_SHARE: Final = 0.25
UNMASKED_SHARE: Final = 0.25
PAPER_POSITIVE_SHARE: Final = 1 - NEGATIVE_SHARE
"""Positives among the cases that teach identification: masked cases do too, as in the authors' code."""


@dataclass(frozen=True, slots=True)
class Case:
    """One series as a step of the paper's training sees it.

    Attributes:
        images: (slice, 1, row, column), scaled to [0, 1].
        truth: 0 or 1: what is to be segmented, lesion or lung, in the shape of `images`.
        weight: 0 where `truth` is unknown or must not teach, else 1.
        positive: whether the disease is to be identified.
    """

    images: Tensor
    truth: Tensor
    weight: Tensor
    positive: bool


class Cases:
    """Draws cases in the paper's shares: 25 % negative, 25 % positive without mask, 50 % positive with mask.

    Raises:
        ConfigError: there is no negative series, or no positive one with a mask.
    """

    def __init__(self, series: Sequence[GeneratedSeries]) -> None:
        around = [around_lungs(one) for one in series]
        self._negative = [one for one in around if not one.positive]
        self._masked = [one for one in around if one.positive and (one.labels & LESION).any()]
        self._unmasked = [one for one in around if one.positive and not (one.labels & LESION).any()] or self._masked
        for kind, group in (("without viral disease", self._negative), ("with masked viral disease", self._masked)):
            if not group:
                raise ConfigError(f"training series: expected some {kind}, found none among {len(around)}")

    def draw(self, rng: Generator) -> Case:
        """Return a case of a random kind."""
        kind = rng.random()
        if kind < NEGATIVE_SHARE:
            return without_mask(draw_case(pick(self._negative, rng), rng))
        if kind < NEGATIVE_SHARE + UNMASKED_SHARE:
            return without_mask(draw_case(pick(self._unmasked, rng), rng))
        return draw_case(pick(self._masked, rng), rng)


class PaperLungTask(LungTask):
    """Learns the lungs from `batch` random slices a step, whole and as they are, by cross-entropy alone."""

    def loss(self, _progress: float, batch: int, rng: Generator) -> Tensor:
        """Return the mean cross-entropy over the slices' voxels."""
        slices = [self._slice(rng) for _ in range(batch)]
        logits = logits_of(self.network, padded([one.images for one in slices]), self._place)
        return wrongness(logits, slices)

    def _slice(self, rng: Generator) -> Case:
        series = pick(self._series, rng)
        index = int(rng.integers(len(series.voxels)))
        lung = torch.from_numpy(series.labels[None, None, index] & LUNG > 0).float()
        return Case(unvaried(series.voxels[index : index + 1]), lung, torch.ones_like(lung), series.positive)


class PaperMultitaskTask:
    """Learns lesions and identification together from the first step, from `batch` series a step."""

    def __init__(
        self,
        network: Multitask,
        series: Sequence[GeneratedSeries],
        held_out: Sequence[GeneratedSeries],
        place: Place = CPU,
    ) -> None:
        self.network: nn.Module = network
        self._multitask = network
        self._cases = Cases(series)
        self._held_out = [around_lungs(one) for one in held_out]
        self._place = place

    def loss(self, _progress: float, batch: int, rng: Generator) -> Tensor:
        """Return the cross-entropy of masked cases' voxels plus 0.1 times that of all cases' identification."""
        cases = [self._cases.draw(rng) for _ in range(batch)]
        device = self._place.device
        with self._place.autocast():
            lesion, features = self._multitask.segmentation(padded([case.images for case in cases]).to(device))
        stride = 2 ** (self._multitask.level - 1)
        pooled = [
            pool_series(part[:, :, : -(-case.images.shape[2] // stride), : -(-case.images.shape[3] // stride)])
            for case, part in zip(cases, features.float().split([len(case.images) for case in cases]), strict=True)
        ]
        truth = torch.tensor([[float(case.positive)] for case in cases], device=device)
        identified = self._multitask.identification(torch.cat(pooled))
        wrongly_identified = functional.binary_cross_entropy_with_logits(identified, truth)
        return wrongness(lesion.float(), cases) + IDENTIFICATION_WEIGHT * wrongly_identified

    def measure(self) -> dict[str, float]:
        """Return lesion Dice, error of severity and ranking of positives over the held-out series."""
        return lesion_figures(partial(ask_multitask, self._multitask, place=self._place), self._held_out)


def draw_case(series: GeneratedSeries, rng: Generator) -> Case:
    """Return the middle of the lungs' box, at most 128 x 160 px, of about 32 slices at equal distance."""
    top, bottom, left, right = series.box
    rows, columns = _middle(top, bottom, LARGEST_PX[0]), _middle(left, right, LARGEST_PX[1])
    kept = (thinned(len(series.voxels), rng), rows, columns)
    labels = torch.from_numpy(series.labels[kept])[:, None]
    lesion, weight = (labels & LESION > 0).float(), (labels & IGNORED == 0).float()
    return Case(unvaried(series.voxels[kept]), lesion * weight, weight, series.positive)


def thinned(count: int, rng: Generator) -> slice:
    """Return every k-th of `count` slices from a random phase, k being count // 32; all where there are at most 32."""
    if count <= SLICES:
        return slice(0, count, 1)
    stride, remainder = divmod(count, SLICES)
    return slice(int(rng.integers(stride + remainder)), count, stride)


def without_mask(case: Case) -> Case:
    """Return the case with nothing to learn for segmentation."""
    return Case(case.images, torch.zeros_like(case.truth), torch.zeros_like(case.weight), case.positive)


def padded(volumes: Sequence[Tensor]) -> Tensor:
    """Return the slices of several series in one batch, extended at the end by zeros to the largest of them."""
    rows, columns = (max(volume.shape[axis] for volume in volumes) for axis in (2, 3))
    return torch.cat(
        [functional.pad(volume, (0, columns - volume.shape[3], 0, rows - volume.shape[2])) for volume in volumes]
    )


def wrongness(logits: Tensor, cases: Sequence[Case]) -> Tensor:
    """Return the cross-entropy over what teaches of the cases; `logits` are those of their `padded` images."""
    truth = padded([case.truth for case in cases]).to(logits.device)
    weight = padded([case.weight for case in cases]).to(logits.device)
    return cross_entropy(logits, truth, weight)


def _middle(first: int, end: int, most: int) -> slice:
    kept = min(most, end - first)
    start = first + (end - first - kept) // 2
    return slice(start, start + kept)
