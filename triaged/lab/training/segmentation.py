"""Says what the members of an ensemble and the networks of a cascade learn, and from which planes.

Must not know optimisers, checkpoints or how series come to be. A member learns lesions on axial, coronal or sagittal
planes; a lung network of three projections tells right from left on the planes of a volume resized to a cube; a cascade
learns lungs, then lesions on slices from which everything but the lungs is taken out.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final, TypeAlias

import numpy as np
import torch
from numpy.random import Generator
from torch import Tensor, nn
from torch.nn import functional

from triaged.lab.training.losses import dice_coefficient, segmentation_loss
from triaged.lab.training.measures import Answer, lesion_figures, lesion_share, mean, unvaried
from triaged.lab.training.place import CPU, Place
from triaged.lab.training.planes import Plane, seen_from
from triaged.lab.training.presets import Subject
from triaged.lab.training.projections import SIDE, Projected, draw_projected, projected
from triaged.lab.training.sampling import (
    GRID_MM,
    LUNG,
    Batch,
    GeneratedSeries,
    Sight,
    around_lungs,
    draw_seen,
    join,
)
from triaged.lab.training.tasks import LESION_CROP, POSITIVE_SHARE, logits_of, pick
from triaged.lab.training.widening import widened

CASCADE_MM: Final = 1.5
CASCADE_SIDE: Final = 256
MOST_AT_ONCE: Final = 64
"""Planes that are measured at once, which bounds memory."""


@dataclass(frozen=True, slots=True)
class Segmentation:
    """What a network of the table `Segmenter` is trained for.

    Attributes:
        architecture: where none is asked for.
        sight: of the pictures it learns from; those of three projections have one of their own.
        channels_in, classes: of the network.
    """

    architecture: str
    plane: Plane
    sight: Sight
    channels_in: int = 1
    classes: int = 1


AXIAL: Final = Sight(LESION_CROP, 15)
CORONAL: Final = Sight((144, 152), 15, mirrored=(0.02, 0.5))
SAGITTAL: Final = Sight((144, 120), 15, mirrored=(0.02, 0.1))
WHOLE: Final = Sight((CASCADE_SIDE, CASCADE_SIDE), 16, pixel_mm=CASCADE_MM)
CUBE: Final = Sight((SIDE, SIDE), 0)

SEGMENTATIONS: Final[Mapping[Subject, Segmentation]] = MappingProxyType(
    {
        Subject.FPN: Segmentation("fpn-residual", "axial", AXIAL),
        Subject.FCN: Segmentation("fcn-resnet18d", "axial", AXIAL),
        Subject.UNET_CORONAL: Segmentation("unet-residual", "coronal", CORONAL),
        Subject.UNET_SAGITTAL: Segmentation("unet-residual", "sagittal", SAGITTAL),
        Subject.LUNGS3D_AXIAL: Segmentation("unet-residual", "axial", CUBE, 4, 3),
        Subject.LUNGS3D_CORONAL: Segmentation("unet-residual", "coronal", CUBE, 4, 3),
        Subject.LUNGS3D_SAGITTAL: Segmentation("unet-residual", "sagittal", CUBE, 4, 3),
        Subject.CASCADE_LUNGS: Segmentation("unet-resnet18", "axial", WHOLE),
        Subject.CASCADE_LESIONS: Segmentation("fpn-resnet18", "axial", WHOLE, classes=2),
    }
)


class MemberTask:
    """Learns lesions on the planes of one direction, of positive series for the most part."""

    def __init__(
        self,
        network: nn.Module,
        said: Segmentation,
        series: Sequence[GeneratedSeries],
        held_out: Sequence[GeneratedSeries],
        place: Place = CPU,
    ) -> None:
        self.network: nn.Module = network
        self._sight = said.sight
        seen = {id(one): around_lungs(seen_from(one, said.plane)) for one in series}
        self._groups = [[seen[id(one)] for one in series if one.positive is kind] for kind in (False, True)]
        self._held_out = [around_lungs(seen_from(one, said.plane)) for one in held_out]
        self._place = place

    def loss(self, _progress: float, batch: int, rng: Generator) -> Tensor:
        """Return the segmentation loss on one plane each of `batch` random series."""
        drawn = self._drawn(batch, rng)
        logits = one_logit(logits_of(self.network, self._shown(drawn), self._place))
        return segmentation_loss(logits, drawn.lesion.to(logits.device), drawn.weight.to(logits.device))

    def measure(self) -> dict[str, float]:
        """Return lesion Dice, error of severity, and ranking by how much lesion is found, over the held-out series."""
        return lesion_figures(self._ask, self._held_out)

    def _drawn(self, batch: int, rng: Generator) -> Batch:
        groups = [group if group else self._groups[not index] for index, group in enumerate(self._groups)]
        chosen = (pick(groups[int(rng.random() < POSITIVE_SHARE)], rng) for _ in range(batch))
        return join([draw_seen(one, 1, self._sight, rng) for one in chosen])

    def _shown(self, drawn: Batch) -> Tensor:
        return drawn.images

    def _ask(self, images: Tensor) -> Answer:
        parts = [
            one_logit(logits_of(self.network, part, self._place)).cpu() for part in torch.split(images, MOST_AT_ONCE)
        ]
        lesion = torch.cat(parts)
        return Answer(lesion, lesion_share(lesion))


class CascadeLesionTask(MemberTask):
    """Learns lesions on slices in which everything outside the lungs is at the window's lower end."""

    def _shown(self, drawn: Batch) -> Tensor:
        return drawn.images * drawn.lung

    def measure(self) -> dict[str, float]:
        """Return the figures on slices that are brought to the pixels of the cascade, with the lungs known."""
        figures: list[dict[str, float]] = []
        for one in self._held_out:
            lung = torch.from_numpy(one.labels & LUNG > 0)[:, None].float()
            ask = _masked(self._ask, lung, one.box)
            figures.append(lesion_figures(ask, [one]))
        known = [name for name in figures[0] if name != "auc"]
        return {name: mean([each[name] for each in figures if not np.isnan(each[name])]) for name in known}


class CascadeLungTask:
    """Learns lungs on the whole slices of a cascade, shown in more ways than those for lesions."""

    def __init__(
        self,
        network: nn.Module,
        said: Segmentation,
        series: Sequence[GeneratedSeries],
        held_out: Sequence[GeneratedSeries],
        place: Place = CPU,
    ) -> None:
        self.network: nn.Module = network
        self._sight = said.sight
        self._series = [one for one in series if one.lung_known]
        self._held_out = [one for one in held_out if one.lung_known]
        self._place = place

    def loss(self, _progress: float, batch: int, rng: Generator) -> Tensor:
        """Return the segmentation loss on slices of `batch` random series."""
        drawn = join([draw_seen(pick(self._series, rng), 1, self._sight, rng) for _ in range(batch)])
        logits = logits_of(self.network, widened(drawn.images, drawn.lung, rng), self._place)
        lung = drawn.lung.to(logits.device)
        return segmentation_loss(logits, lung, torch.ones_like(lung))

    def measure(self) -> dict[str, float]:
        """Return the Dice coefficient of the lungs over every fourth slice of the held-out series."""
        scores = []
        for series in self._held_out:
            images = _resized(unvaried(series.voxels[::4]), GRID_MM / CASCADE_MM)
            found = _like(logits_of(self.network, images, self._place).cpu(), series.labels.shape[1:]) > 0
            scores.append(dice_coefficient(found, torch.from_numpy(series.labels[::4, None] & LUNG > 0)))
        return {"lung_dice": float(np.mean(scores)), "lung_dice_least": float(np.min(scores))}


class ProjectionTask:
    """Learns right lung, left lung and neither on one projection of volumes that were resized to a cube."""

    def __init__(
        self,
        network: nn.Module,
        said: Segmentation,
        series: Sequence[GeneratedSeries],
        held_out: Sequence[GeneratedSeries],
        place: Place = CPU,
    ) -> None:
        self.network: nn.Module = network
        self._plane = said.plane
        seen = {id(one): seen_from(one, said.plane) for one in series if one.lung_known}
        self._series = [seen[id(one)] for one in series if id(one) in seen]
        self._held_out = [seen_from(one, said.plane) for one in held_out if one.lung_known]
        self._place = place

    def loss(self, _progress: float, batch: int, rng: Generator) -> Tensor:
        """Return cross-entropy of the three classes, plus one minus soft Dice of each lung."""
        drawn = Projected.joined([draw_projected(pick(self._series, rng), self._plane, rng) for _ in range(batch)])
        logits = logits_of(self.network, drawn.images, self._place)
        return sides_loss(logits, drawn.sides.to(logits.device))

    def measure(self) -> dict[str, float]:
        """Return Dice of both lungs and the share of lung that is given to the wrong side, on the held-out series."""
        scores, swapped = [], []
        for series in self._held_out:
            shown = projected(series, self._plane, every=4)
            found = logits_of(self.network, shown.images, self._place).cpu().argmax(dim=1)
            both = (found > 0) & (shown.sides > 0)
            scores.append(dice_coefficient(found > 0, shown.sides > 0))
            swapped.append(float(((found != shown.sides) & both).sum()) / max(1.0, float(both.sum())))
        return {"lung_dice": mean(scores), "lung_dice_least": min(scores), "wrong_side": mean(swapped)}


SegmentationTask: TypeAlias = MemberTask | CascadeLungTask | ProjectionTask


def segmentation_task(
    subject: Subject,
    network: nn.Module,
    series: Sequence[GeneratedSeries],
    held_out: Sequence[GeneratedSeries],
    place: Place,
) -> SegmentationTask:
    """Return what a network of the subject learns."""
    said = SEGMENTATIONS[subject]
    if said.classes == 3:
        return ProjectionTask(network, said, series, held_out, place)
    if subject is Subject.CASCADE_LUNGS:
        return CascadeLungTask(network, said, series, held_out, place)
    kind = CascadeLesionTask if subject is Subject.CASCADE_LESIONS else MemberTask
    return kind(network, said, series, held_out, place)


def one_logit(logits: Tensor) -> Tensor:
    """Return (n, 1, row, column) of one or two classes: two-class softmax is the sigmoid of the difference."""
    return logits if logits.shape[1] == 1 else logits[:, 1:] - logits[:, :1]


def sides_loss(logits: Tensor, sides: Tensor) -> Tensor:
    """Return cross-entropy of (n, 3, row, column) logits, plus one minus the mean soft Dice of right and left lung."""
    entropy = functional.cross_entropy(logits, sides)
    shares = logits.softmax(dim=1)[:, 1:]
    truth = functional.one_hot(sides, logits.shape[1]).movedim(-1, 1)[:, 1:].float()
    shared = (shares * truth).sum(dim=(0, 2, 3))
    whole = shares.sum(dim=(0, 2, 3)) + truth.sum(dim=(0, 2, 3))
    return entropy + 1 - ((2 * shared + 100) / (whole + 100)).mean()


def _masked(
    ask: Callable[[Tensor], Answer], lung: Tensor, box: tuple[int, int, int, int]
) -> Callable[[Tensor], Answer]:
    """Return a way to ask about the slices in a box: they are masked, brought to the cascade's pixels, and back."""
    top, bottom, left, right = box

    def asked(images: Tensor) -> Answer:
        step = -(-len(lung) // len(images))
        inside = lung[::step, :, top:bottom, left:right]
        answer = ask(_resized(images * inside, GRID_MM / CASCADE_MM))
        return Answer(_like(answer.lesion, images.shape[2:]), answer.score)

    return asked


def _resized(images: Tensor, factor: float) -> Tensor:
    return functional.interpolate(images, scale_factor=factor, mode="bilinear")


def _like(images: Tensor, size: Sequence[int]) -> Tensor:
    return functional.interpolate(images, size=tuple(size), mode="bilinear")
