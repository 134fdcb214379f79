"""Trains the two networks on generated series, in steps that can be stopped and resumed.

Must not know how series are generated or how weights are shipped. Deviations from the paper: slices are varied
strongly (it has no augmentation), Dice joins the loss, the multitask network starts from the lung network, it sees
scattered slices first and thinned series for the last part only, and opacities of other diseases do not teach the
lesion output.
"""

import csv
import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Protocol

import numpy as np
import torch
from numpy.random import Generator
from torch import Tensor, nn
from torch.nn import functional

from triaged.lab.losses import dice_coefficient, segmentation_loss
from triaged.lab.networks import LungNetwork, MultitaskSpatial1, pool_series
from triaged.lab.sampling import GeneratedSeries, around_lungs, draw_slices, join, scaled

LUNG_CROP: Final = (144, 168)
LESION_CROP: Final = (120, 152)
SERIES_SLICES: Final = 8
POSITIVE_SHARE: Final = 0.75
IDENTIFICATION_WEIGHT: Final = 0.1
TOGETHER_FROM: Final = 0.7
"""Part of the training after which lesions and identification are learnt together."""
CHECKPOINT: Final = "checkpoint.pt"


@dataclass(frozen=True, slots=True)
class Schedule:
    """How long and how fast to learn.

    Attributes:
        steps: optimiser steps in all; a resumed run continues towards them.
        batch: slices per step.
        measure_every: steps between measurements and checkpoints.
        seed: with the number of a step, decides everything that the step draws.
    """

    steps: int
    batch: int
    learning_rate: float
    measure_every: int
    seed: int

    def rate(self, step: int) -> float:
        """Return the learning rate: a short rise, then half a cosine down to zero."""
        rise = min(1.0, (step + 1) / 100)
        return self.learning_rate * rise * 0.5 * (1 + float(np.cos(np.pi * step / self.steps)))


class Task(Protocol):
    """What a network learns."""

    network: nn.Module

    def loss(self, progress: float, batch: int, rng: Generator, /) -> Tensor:
        """Draw a batch and return the loss on it; `progress` runs from 0 to 1 over the training."""
        ...

    def measure(self) -> dict[str, float]:
        """Return figures on held-out series, unvaried, with the network in evaluation mode."""
        ...


class LungTask:
    """Learns the lungs, diseased parts and fluid included, slice by slice."""

    def __init__(
        self, network: LungNetwork, series: Sequence[GeneratedSeries], held_out: Sequence[GeneratedSeries]
    ) -> None:
        self.network: nn.Module = network
        self._series = series
        self._held_out = held_out

    def loss(self, _progress: float, batch: int, rng: Generator) -> Tensor:
        """Return the segmentation loss on slices of `batch` random series."""
        drawn = join([draw_slices(_pick(self._series, rng), 1, LUNG_CROP, 25, rng) for _ in range(batch)])
        logits = _logits(self.network, drawn.images)
        return segmentation_loss(logits, drawn.lung, torch.ones_like(drawn.lung))

    def measure(self) -> dict[str, float]:
        """Return the Dice coefficient of the lungs over every fourth slice of the held-out series."""
        scores = []
        for series in self._held_out:
            found = _logits(self.network, _unvaried(series.voxels[::4])) > 0
            scores.append(dice_coefficient(found, torch.from_numpy(series.labels[::4, None] & 1 > 0)))
        return {"lung_dice": float(np.mean(scores)), "lung_dice_least": float(np.min(scores))}


class MultitaskTask:
    """Learns lesions slice by slice, then lesions and identification together on thinned series."""

    def __init__(
        self, network: MultitaskSpatial1, series: Sequence[GeneratedSeries], held_out: Sequence[GeneratedSeries]
    ) -> None:
        self.network: nn.Module = network
        self._multitask = network
        self._positive = [around_lungs(one) for one in series if one.positive]
        self._negative = [around_lungs(one) for one in series if not one.positive]
        self._held_out = [around_lungs(one) for one in held_out]

    def loss(self, progress: float, batch: int, rng: Generator) -> Tensor:
        """Return the segmentation loss, joined by the identification loss in the last part of the training."""
        if progress < TOGETHER_FROM:
            drawn = join([draw_slices(self._choose(rng), 1, LESION_CROP, 15, rng) for _ in range(batch)])
            return segmentation_loss(_logits(self._multitask.segmentation, drawn.images), drawn.lesion, drawn.weight)
        chosen = [self._choose(rng) for _ in range(max(2, batch // SERIES_SLICES))]
        boxes = [(bottom - top, right - left) for top, bottom, left, right in (series.box for series in chosen)]
        drawn_each = [draw_slices(one, SERIES_SLICES, LESION_CROP, 3, rng) for one in chosen]
        drawn = join(drawn_each)
        with torch.autocast("cpu", dtype=torch.bfloat16):
            lesion, features = self._multitask.segmentation(drawn.images)
        parts = zip(features.float().split(SERIES_SLICES), boxes, strict=True)
        pooled = [pool_series(_centred(part, box)) for part, box in parts]
        identified = self._multitask.identification(torch.cat(pooled))
        truth = torch.tensor([[float(series.positive)] for series in chosen])
        entropy = functional.binary_cross_entropy_with_logits(identified, truth)
        return segmentation_loss(lesion.float(), drawn.lesion, drawn.weight) + IDENTIFICATION_WEIGHT * entropy

    def measure(self) -> dict[str, float]:
        """Return lesion Dice, error of severity and ranking of positives over the held-out series."""
        dice: list[float] = []
        error: list[float] = []
        positives: list[float] = []
        negatives: list[float] = []
        for series in self._held_out:
            top, bottom, left, right = series.box
            images = _unvaried(series.voxels[::2, top:bottom, left:right])
            labels = torch.from_numpy(series.labels[::2, None, top:bottom, left:right])
            lesion, identified = self._multitask(images)
            lung, truth = labels & 1 > 0, labels & 2 > 0
            found = (torch.sigmoid(lesion) > 0.2) & lung
            (positives if series.positive else negatives).append(float(identified))
            error.append(abs(float(found.sum() - truth.sum())) / float(lung.sum()) if not (labels & 4).any() else 0.0)
            if series.positive:
                dice.append(dice_coefficient(found, truth))
        ranking = np.mean([[p > n for n in negatives] for p in positives]) if positives and negatives else np.nan
        return {"lesion_dice": float(np.mean(dice)), "severity_error": float(np.mean(error)), "auc": float(ranking)}

    def _choose(self, rng: Generator) -> GeneratedSeries:
        return _pick(self._positive if rng.random() < POSITIVE_SHARE else self._negative, rng)


def train(
    task: Task, schedule: Schedule, folder: Path, clock: Callable[[], float], report: Callable[[str], None]
) -> None:
    """Train to the end of the schedule, from the checkpoint in `folder` where there is one.

    Writes `checkpoint.pt` and `metrics.csv` there, and reports a line with the time left at each measurement.
    """
    folder.mkdir(parents=True, exist_ok=True)
    optimiser = torch.optim.Adam(task.network.parameters(), lr=schedule.learning_rate)
    first = _resume(task.network, optimiser, folder / CHECKPOINT)
    started = clock()
    losses: list[float] = []
    for step in range(first, schedule.steps):
        losses.append(_step(task, schedule, optimiser, step))
        done = step + 1
        if done % schedule.measure_every == 0 or done == schedule.steps:
            spent = clock() - started
            figures = {"loss": float(np.mean(losses)), **_measured(task)}
            losses.clear()
            _save(task.network, optimiser, done, folder / CHECKPOINT)
            _record(folder / "metrics.csv", done, spent, figures)
            left = spent / (done - first) * (schedule.steps - done)
            report(f"step {done}/{schedule.steps}, {left / 60:.1f} min left, {_listed(figures)}")


def _step(task: Task, schedule: Schedule, optimiser: torch.optim.Optimizer, step: int) -> float:
    task.network.train()
    for group in optimiser.param_groups:
        group["lr"] = schedule.rate(step)
    torch.manual_seed(schedule.seed + step)
    loss = task.loss(step / schedule.steps, schedule.batch, np.random.default_rng([schedule.seed, step]))
    optimiser.zero_grad()
    torch.autograd.backward(loss)
    nn.utils.clip_grad_norm_(task.network.parameters(), 1.0)
    optimiser.step()
    return loss.item()


def _measured(task: Task) -> dict[str, float]:
    task.network.eval()
    with torch.no_grad():
        return task.measure()


def _pick(series: Sequence[GeneratedSeries], rng: Generator) -> GeneratedSeries:
    return series[int(rng.integers(len(series)))]


def _logits(network: nn.Module, images: Tensor) -> Tensor:
    """Return the first output in full precision; convolutions run in bfloat16, which is 1.5 times as fast here."""
    with torch.autocast("cpu", dtype=torch.bfloat16):
        output = network(images.contiguous(memory_format=torch.channels_last))
    logits: Tensor = output[0] if isinstance(output, tuple) else output
    return logits.float()


def _unvaried(voxels: np.ndarray[tuple[int, int, int], np.dtype[np.int16]]) -> Tensor:
    return scaled(torch.from_numpy(voxels.astype(np.float32)))[:, None]


def _centred(features: Tensor, box: tuple[int, int]) -> Tensor:
    """Return the middle of (n, channel, row, column) features, as large as the lungs' box where that fits."""
    rows, columns = (min(wanted, size) for wanted, size in zip(box, features.shape[2:], strict=True))
    top, left = (features.shape[2] - rows) // 2, (features.shape[3] - columns) // 2
    return features[:, :, top : top + rows, left : left + columns]


def _resume(network: nn.Module, optimiser: torch.optim.Optimizer, path: Path) -> int:
    if not path.exists():
        return 0
    state = torch.load(path, weights_only=True)
    network.load_state_dict(state["network"])
    optimiser.load_state_dict(state["optimiser"])
    return int(state["step"])


def _save(network: nn.Module, optimiser: torch.optim.Optimizer, step: int, path: Path) -> None:
    part = path.with_suffix(".part")
    torch.save({"network": network.state_dict(), "optimiser": optimiser.state_dict(), "step": step}, part)
    os.replace(part, path)


def _record(path: Path, step: int, seconds: float, figures: dict[str, float]) -> None:
    is_new = not path.exists()
    with path.open("a", newline="") as file:
        writer = csv.writer(file)
        if is_new:
            writer.writerow(["step", "seconds", *figures])
        writer.writerow([step, round(seconds, 1), *(round(value, 5) for value in figures.values())])


def _listed(figures: dict[str, float]) -> str:
    return ", ".join(f"{name} {value:.4f}" for name, value in figures.items())
