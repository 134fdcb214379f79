"""Says what the networks that the paper compares with learn: 2D U-Net and U-Net+, 3D U-Net, ResNet-50.

Must not know optimisers, checkpoints or how series come to be (specification, 1.0.4). The U-Nets only segment, so that
the disease is ranked by how much lesion they find; ResNet-50 only identifies.
"""

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Final, TypeAlias

import torch
from numpy.random import Generator
from torch import Tensor, nn
from torch.nn import functional

from triaged.errors import ConfigError
from triaged.lab.networks.comparators import ResNetBaseline, UNet2d, UNet3d
from triaged.lab.training.losses import SegmentationLoss
from triaged.lab.training.measures import Answer, identification_figures, lesion_figures, lesion_share, unvaried
from triaged.lab.training.paper import Case, draw_case, padded
from triaged.lab.training.place import CPU, Place
from triaged.lab.training.sampling import IGNORED, LESION, GeneratedSeries, around_lungs, draw_slices
from triaged.lab.training.tasks import LESION_CROP, logits_of, pick

DrawCase: TypeAlias = Callable[[GeneratedSeries, Generator], Case]
RESNET_POSITIVE_SHARE: Final = 0.5
MOST_SLICES: Final = 160
"""The 3D U-Net measures longer series in parts of this many slices, which bounds memory."""


class UNet2dTask:
    """Learns lesions slice by slice: each step from `batch` cases as `draw` makes them of random series."""

    def __init__(
        self,
        network: UNet2d,
        series: Sequence[GeneratedSeries],
        held_out: Sequence[GeneratedSeries],
        draw: DrawCase,
        wrong: SegmentationLoss,
        place: Place = CPU,
    ) -> None:
        self.network: nn.Module = network
        self._series = [around_lungs(one) for one in series]
        self._held_out = [around_lungs(one) for one in held_out]
        self._draw = draw
        self._wrong = wrong
        self._place = place

    def loss(self, _progress: float, batch: int, rng: Generator) -> Tensor:
        """Return the segmentation loss on the slices of `batch` cases."""
        cases = [self._draw(pick(self._series, rng), rng) for _ in range(batch)]
        images, truth, weight = (padded(part) for part in _columns(cases))
        logits = logits_of(self.network, images, self._place)
        return self._wrong(logits, truth.to(logits.device), weight.to(logits.device))

    def measure(self) -> dict[str, float]:
        """Return lesion Dice, error of severity, and ranking by how much lesion is found, over the held-out series."""
        return lesion_figures(self._ask, self._held_out)

    def _ask(self, images: Tensor) -> Answer:
        lesion = logits_of(self.network, images, self._place).cpu()
        return Answer(lesion, lesion_share(lesion))


class UNet3dTask:
    """Learns lesions from cubes out of the lungs' box, `batch` of them a step."""

    def __init__(
        self,
        network: UNet3d,
        series: Sequence[GeneratedSeries],
        held_out: Sequence[GeneratedSeries],
        patch_px: int,
        wrong: SegmentationLoss,
        place: Place = CPU,
    ) -> None:
        self.network: nn.Module = network
        self._series = [around_lungs(one) for one in series]
        self._held_out = [around_lungs(one) for one in held_out]
        self._patch_px = patch_px
        self._wrong = wrong
        self._place = place

    def loss(self, _progress: float, batch: int, rng: Generator) -> Tensor:
        """Return the segmentation loss on `batch` cubes of random series."""
        cases = [draw_cube(pick(self._series, rng), self._patch_px, rng) for _ in range(batch)]
        images, truth, weight = (_cubes(part, self._patch_px).to(self._place.device) for part in _columns(cases))
        with self._place.autocast():
            logits = self.network(images)
        return self._wrong(logits.float(), truth, weight)

    def measure(self) -> dict[str, float]:
        """Return lesion Dice, error of severity, and ranking by how much lesion is found, over the held-out series."""
        return lesion_figures(self._ask, self._held_out)

    def _ask(self, images: Tensor) -> Answer:
        parts = []
        for part in torch.split(images.to(self._place.device), MOST_SLICES):
            with self._place.autocast():
                logits = self.network(part.transpose(0, 1)[None])
            parts.append(logits[0].transpose(0, 1).float().cpu())
        lesion = torch.cat(parts)
        return Answer(lesion, lesion_share(lesion))


class ResNetTask:
    """Learns to identify the disease from whole thinned series, as many positive as negative, `batch` of them a step.

    Raises:
        ConfigError: all series are positive, or none.
    """

    def __init__(
        self,
        network: ResNetBaseline,
        series: Sequence[GeneratedSeries],
        held_out: Sequence[GeneratedSeries],
        place: Place = CPU,
    ) -> None:
        self.network: nn.Module = network
        self._baseline = network
        self._groups = [[around_lungs(one) for one in series if one.positive is kind] for kind in (False, True)]
        if not all(self._groups):
            raise ConfigError(
                f"training series: expected some with and some without viral disease, found {len(self._groups[1])} "
                f"with and {len(self._groups[0])} without"
            )
        self._held_out = [around_lungs(one) for one in held_out]
        self._place = place

    def loss(self, _progress: float, batch: int, rng: Generator) -> Tensor:
        """Return the cross-entropy of the identification."""
        cases = [
            draw_case(pick(self._groups[int(rng.random() < RESNET_POSITIVE_SHARE)], rng), rng) for _ in range(batch)
        ]
        with self._place.autocast():
            outputs = self._baseline.slices(padded([case.images for case in cases]).to(self._place.device))
        logits = self._baseline.identify(outputs.float().split([len(case.images) for case in cases]))
        truth = torch.tensor([[float(case.positive)] for case in cases], device=logits.device)
        return functional.binary_cross_entropy_with_logits(logits, truth)

    def measure(self) -> dict[str, float]:
        """Return how positives are ranked among the held-out series."""
        return identification_figures(self._ask, self._held_out)

    def _ask(self, images: Tensor) -> float:
        return float(self._baseline(images.to(self._place.device)))


def masked(series: Sequence[GeneratedSeries]) -> list[GeneratedSeries]:
    """Return the series with viral disease whose lesions are masked.

    Raises:
        ConfigError: there is none.
    """
    found = [one for one in series if one.positive and (one.labels & LESION).any()]
    if not found:
        raise ConfigError(f"training series: expected some with masked viral disease, found none among {len(series)}")
    return found


def masked_or_negative(series: Sequence[GeneratedSeries]) -> list[GeneratedSeries]:
    """Return what 2D U-Net+ learns from: `masked`, and every series without viral disease."""
    return [*masked(series), *(one for one in series if not one.positive)]


def draw_varied(series: GeneratedSeries, rng: Generator) -> Case:
    """Return one varied slice of a series, for training by default."""
    drawn = draw_slices(series, 1, LESION_CROP, 15, rng)
    return Case(drawn.images, drawn.lesion, drawn.weight, series.positive)


def emptied(draw: DrawCase) -> DrawCase:
    """Return `draw` with an empty mask that teaches everywhere in series without viral disease (2D U-Net+)."""

    def drawn(series: GeneratedSeries, rng: Generator) -> Case:
        case = draw(series, rng)
        if case.positive:
            return case
        return replace(case, truth=torch.zeros_like(case.truth), weight=torch.ones_like(case.weight))

    return drawn


def draw_cube(series: GeneratedSeries, patch_px: int, rng: Generator) -> Case:
    """Return a random cube of `patch_px` voxels along each axis from the lungs' box, or less where that is smaller."""
    top, bottom, left, right = series.box
    kept = tuple(
        _part(first, end, patch_px, rng) for first, end in ((0, len(series.voxels)), (top, bottom), (left, right))
    )
    labels = torch.from_numpy(series.labels[kept])[:, None]
    weight = (labels & IGNORED == 0).float()
    return Case(unvaried(series.voxels[kept]), (labels & LESION > 0).float() * weight, weight, series.positive)


def _part(first: int, end: int, most: int, rng: Generator) -> slice:
    kept = min(most, end - first)
    start = first + int(rng.integers(end - first - kept + 1))
    return slice(start, start + kept)


def _columns(cases: Sequence[Case]) -> tuple[list[Tensor], list[Tensor], list[Tensor]]:
    return [case.images for case in cases], [case.truth for case in cases], [case.weight for case in cases]


def _cubes(parts: Sequence[Tensor], patch_px: int) -> Tensor:
    """Return (n, 1, slice, row, column) of parts (slice, 1, row, column), each extended by zeros to a cube."""
    cubes = []
    for part in parts:
        volume = part.transpose(0, 1)
        missing = [amount for size in reversed(volume.shape[1:]) for amount in (0, patch_px - size)]
        cubes.append(functional.pad(volume, missing))
    return torch.stack(cubes)
