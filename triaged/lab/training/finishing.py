"""Finishes trained networks: settles their normalisation, and fits the identification head on whole series.

Must not know how the slice-wise parts were trained or how weights are shipped. Reads `lungs/checkpoint.pt` and
`multitask/checkpoint.pt` in a folder; leaves `settled.pt` beside each and `identification/checkpoint.pt`.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Final

import numpy as np
import torch
from numpy.random import Generator
from torch import Tensor

from triaged.lab.training.checkpoints import CHECKPOINT
from triaged.lab.training.identification import fit_head, pooled_series, ranking
from triaged.lab.training.normalisation import settle_normalisation
from triaged.lab.training.sampling import GeneratedSeries, around_lungs, draw_slices, join
from triaged.lab.training.tasks import LESION_CROP, LUNG_CROP
from triaged.lab.training.trained import SETTLED, read_trained

SETTLING_BATCH: Final = 16
SLACK_PX: Final = 20


@dataclass(frozen=True, slots=True)
class FinishOptions:
    """How long to finish.

    Attributes:
        batches: of 16 slices, over which each network's normalisation is averaged.
        variants: appearances of each series that the head is fitted on.
        steps: of the head, 16 series each.
        seed: decides every draw.
    """

    batches: int
    variants: int
    steps: int
    seed: int


def settle(
    checkpoints: Path, series: Sequence[GeneratedSeries], options: FinishOptions, report: Callable[[str], None]
) -> None:
    """Average both networks' normalisation over slices drawn from `series`, and keep them as `settled.pt`.

    Raises:
        ConfigError: a checkpoint is missing, or is of other networks.
    """
    for left in ("lungs/" + SETTLED, "multitask/" + SETTLED, "identification/" + CHECKPOINT):
        (checkpoints / left).unlink(missing_ok=True)
    lungs, multitask = read_trained(checkpoints)
    rng = np.random.default_rng(options.seed)
    shown = [around_lungs(one) for one in series]
    settle_normalisation(lungs, partial(_scattered, series, LUNG_CROP, rng), options.batches)
    settle_normalisation(multitask.segmentation, partial(_scattered, shown, LESION_CROP, rng), options.batches)
    for part, network in (("lungs", lungs), ("multitask", multitask)):
        torch.save({"network": network.state_dict()}, checkpoints / part / SETTLED)
    report(f"normalisation settled on {options.batches} batches of {SETTLING_BATCH} slices")


def fit_identification(
    checkpoints: Path,
    series: Sequence[GeneratedSeries],
    held_out: Sequence[GeneratedSeries],
    options: FinishOptions,
    report: Callable[[str], None],
) -> None:
    """Fit the head on the features of the settled network over whole series, and keep it beside the others.

    Raises:
        ConfigError: a checkpoint is missing, or is of other networks.
    """
    _, network = read_trained(checkpoints)
    rng = np.random.default_rng(options.seed)
    measured = pooled_series(network.segmentation, held_out, 1, rng)
    learnt = pooled_series(network.segmentation, series, options.variants, rng)
    report(f"features of {len(series)} series in {options.variants} appearances")
    ranking(network, measured, report)
    fit_head(network, learnt, options.steps, rng)
    ranking(network, measured, report)
    folder = checkpoints / "identification"
    folder.mkdir(parents=True, exist_ok=True)
    torch.save({"network": network.identification.state_dict()}, folder / CHECKPOINT)


def _scattered(series: Sequence[GeneratedSeries], size: tuple[int, int], rng: Generator) -> Tensor:
    """Return the images of random slices of random series."""
    chosen = rng.integers(len(series), size=SETTLING_BATCH)
    return join([draw_slices(series[int(index)], 1, size, SLACK_PX, rng) for index in chosen]).images
