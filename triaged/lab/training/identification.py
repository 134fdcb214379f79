"""Fits the identification head alone, on whole series, after the slice-wise part has been trained.

In joint training a series is thinned to a few slices, so a cell of the pyramid is a maximum over one slice; in use it
is one over dozens. With the slice-wise part frozen its cells are computed once, and the head sees full series.
Must not know files.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
import torch
from numpy.random import Generator
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional

from triaged.inference.pyramid import pool_over_slices
from triaged.lab.networks.multitask import Multitask, SegmentationBranch
from triaged.lab.training.sampling import GeneratedSeries, around_lungs, draw_slices
from triaged.lab.training.tasks import POSITIVE_SHARE

BATCH: Final = 16
SLICES_AT_ONCE: Final = 16


@dataclass(frozen=True, slots=True)
class PooledSeries:
    """The in-plane cells of a series, (slice, channel, 85), and whether it is positive."""

    cells: NDArray[np.float32]
    positive: bool


def pooled_series(
    segmentation: SegmentationBranch, series: Sequence[GeneratedSeries], variants: int, rng: Generator
) -> list[PooledSeries]:
    """Return the cells of every series in `variants` appearances each."""
    segmentation.eval()
    pooled = []
    for one in map(around_lungs, series):
        top, bottom, left, right = one.box
        size = (max(8, bottom - top), max(8, right - left))
        for _ in range(variants):
            drawn = draw_slices(one, len(one.voxels), size, 3, rng)
            pooled.append(PooledSeries(_cells(segmentation, drawn.images), one.positive))
    return pooled


def fit_head(network: Multitask, pooled: Sequence[PooledSeries], steps: int, rng: Generator) -> None:
    """Train the head, in place, on random contiguous or thinned parts of the series.

    Positives have the share `POSITIVE_SHARE` of the paper's batches.
    """
    head = network.identification.train()
    optimiser = torch.optim.Adam(head.parameters(), lr=1e-4, weight_decay=1e-4, fused=True)
    groups = [[one for one in pooled if one.positive], [one for one in pooled if not one.positive]]
    for _ in range(steps):
        chosen = [_pick(groups[int(rng.random() >= POSITIVE_SHARE)], rng) for _ in range(BATCH)]
        features = torch.from_numpy(np.stack([pool_over_slices(_thinned(one.cells, rng)) for one in chosen]))
        truth = torch.tensor([[float(one.positive)] for one in chosen])
        loss = functional.binary_cross_entropy_with_logits(head(features), truth)
        optimiser.zero_grad()
        torch.autograd.backward(loss)
        optimiser.step()
    head.eval()


def ranking(network: Multitask, pooled: Sequence[PooledSeries], report: Callable[[str], None]) -> float:
    """Return the area under the ROC curve over series, and report it with its numbers."""
    with torch.no_grad():
        features = torch.from_numpy(np.stack([pool_over_slices(one.cells) for one in pooled]))
        logits = network.identification.eval()(features)[:, 0].numpy()
    positive = np.array([one.positive for one in pooled])
    wins = logits[positive][:, None] > logits[~positive][None]
    area = float(wins.mean())
    report(f"identification: AUC {area:.3f} over {positive.sum()} positive and {(~positive).sum()} other series")
    return area


def _cells(segmentation: SegmentationBranch, images: Tensor) -> NDArray[np.float32]:
    parts = []
    with torch.no_grad():
        for batch in torch.split(images, SLICES_AT_ONCE):
            with torch.autocast("cpu", dtype=torch.bfloat16):
                _, features = segmentation(batch)
            parts.append(segmentation.cells(features.float()).numpy())
    return np.concatenate(parts)


def _thinned(cells: NDArray[np.float32], rng: Generator) -> NDArray[np.float32]:
    """Return every first, second or third slice, from a random phase."""
    stride = int(rng.integers(1, 4)) if len(cells) >= 24 else 1
    return cells[int(rng.integers(stride)) :: stride]


def _pick(group: Sequence[PooledSeries], rng: Generator) -> PooledSeries:
    return group[int(rng.integers(len(group)))]
