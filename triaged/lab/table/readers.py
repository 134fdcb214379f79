"""Asks each row of the table about a block: networks as they were trained, a package, or Hounsfield units alone.

Must not know files of images, truth or figures. Networks compute in the short format in which they were trained.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Final, TypeAlias

import numpy as np
import torch
from numpy.typing import NDArray

from triaged.exams.ct.pipelines.threshold import blurred_opacity
from triaged.inference.kinds.ct_multitask import CtMultitask
from triaged.inference.pyramid import pool_over_slices
from triaged.lab.networks.comparators import ResNetBaseline, UNet2d, UNet3d
from triaged.lab.networks.multitask import Multitask
from triaged.lab.packages.slice_classifiers import read_slice_classifier
from triaged.lab.packages.unets import read_unet
from triaged.lab.table.blocks import Block
from triaged.lab.table.methods import Method
from triaged.lab.training.comparator_tasks import MOST_SLICES
from triaged.lab.training.place import CPU
from triaged.lab.training.presets import Subject
from triaged.lab.training.tasks import POSITIVE_SHARE
from triaged.lab.training.trained import latest, read_multitask, take_fitted_head

AT_ONCE: Final = 16
Probability: TypeAlias = NDArray[np.float32]


@dataclass(frozen=True, slots=True, eq=False)
class Reading:
    """What is said about a block: where lesion is, and how probable the disease; None of what is not said."""

    lesion: NDArray[np.bool_] | None
    probability: float | None


Read: TypeAlias = Callable[[Block], Reading]


def trained_reader(method: Method, folder: Path) -> Read:
    """Return what reads blocks with the network that a training left in a folder.

    Raises:
        ConfigError: the training is missing, or another.
    """
    if method.subject is Subject.LESIONS:
        network = read_multitask(latest(folder))
        take_fitted_head(network, folder)
        return _multitask(network)
    if method.subject is Subject.RESNET50:
        return _resnet(*read_slice_classifier(folder))
    unet = read_unet(folder)
    return _unet3d(unet) if isinstance(unet, UNet3d) else _unet2d(unet)


def package_reader(networks: CtMultitask) -> Read:
    """Return what reads blocks with a package."""

    def read(block: Block) -> Reading:
        maps = networks.lesions(block.unit)
        threshold = networks.manifest.settings.thresholds.lesion
        return Reading(maps.probability >= threshold, networks.identification(maps.cells))

    return read


def by_thresholds(block: Block) -> Reading:
    """Read a block by Hounsfield units alone."""
    return Reading(blurred_opacity(block.hu, block.lung) >= 0.5, None)


def _unet2d(network: UNet2d) -> Read:
    def read(block: Block) -> Reading:
        with torch.no_grad(), CPU.autocast():
            parts = [network(part)[0].float() for part in torch.split(_images(block), AT_ONCE)]
        return Reading(_is_lesion(torch.cat(parts)[:, 0]), None)

    return read


def _unet3d(network: UNet3d) -> Read:
    def read(block: Block) -> Reading:
        with torch.no_grad(), CPU.autocast():
            volumes = (part.transpose(0, 1)[None] for part in torch.split(_images(block), MOST_SLICES))
            parts = [network(volume)[0, 0].float() for volume in volumes]
        return Reading(_is_lesion(torch.cat(parts)), None)

    return read


def _multitask(network: Multitask) -> Read:
    branch = network.segmentation

    def read(block: Block) -> Reading:
        lesions, cells = [], []
        with torch.no_grad():
            for part in torch.split(_images(block), AT_ONCE):
                with CPU.autocast():
                    lesion, features = branch(part)
                lesions.append(lesion[:, 0].float())
                cells.append(branch.cells(features.float()))
            pooled = torch.from_numpy(pool_over_slices(torch.cat(cells).numpy()))
            logit = float(network.identification(pooled[None]))
        return Reading(_is_lesion(torch.cat(lesions)), _balanced(logit, POSITIVE_SHARE))

    return read


def _resnet(network: ResNetBaseline, prior: float) -> Read:
    def read(block: Block) -> Reading:
        with torch.no_grad():
            with CPU.autocast():
                outputs = [network.slices(part) for part in torch.split(_images(block), AT_ONCE)]
            logit = float(network.identify([torch.cat(outputs).float()]))
        return Reading(None, _balanced(logit, prior))

    return read


def _balanced(logit: float, prior: float) -> float:
    """Return the probability of the disease at balanced odds, where `prior` was the share of positives in training."""
    return 1 / (1 + math.exp(-logit) * prior / (1 - prior))


def _images(block: Block) -> torch.Tensor:
    return torch.from_numpy(block.unit)[:, None]


def _is_lesion(logits: torch.Tensor) -> NDArray[np.bool_]:
    """Return where lesion is likelier than not.

    The paper's code takes .2; networks that have learnt for a few hundred steps are not so sure of what is no lesion.
    """
    found: NDArray[np.bool_] = (logits > 0).numpy()
    return found
