"""Says what COVID-MTL learns: several tasks at once, each from the series of which it is known (Bao et al.).

Must not know optimisers, checkpoints, or how labels are written down.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
import torch
from numpy.random import Generator
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional

from triaged.exams.ct.pipelines.lung_box import Sight, lungs_in_box
from triaged.lab.networks.mtl import CLASSES, MtlNetwork, Task
from triaged.lab.training.losses import ranking_area
from triaged.lab.training.mtl_labels import UNKNOWN, Labels
from triaged.lab.training.order import Weighing
from triaged.lab.training.place import CPU, Place
from triaged.lab.training.sampling import GRID_MM, LUNG, GeneratedSeries

SIGHT: Final = Sight((80, 72, 96), 4.0, (-1024.0, 976.0))
"""What the network sees: 320 x 288 x 384 mm around the middle of the lungs; HU + 1024 from 0 to 2000 (Bao et al.)."""
FURTHEST_VOXELS: Final = 4
NOISE: Final = 0.2
NOISE_SD: Final = 0.01
"""How often, and how strongly, noise joins: 20 HU."""
_MEASURED_AT_ONCE: Final = 4


@dataclass(frozen=True, slots=True)
class MtlCase:
    """One series as the network sees it; `features` are as they are measured, empty where there are none."""

    volume: NDArray[np.float16]
    features: NDArray[np.float32]
    labels: Labels


def seen(series: GeneratedSeries) -> NDArray[np.float16]:
    """Return the lungs of a series as a package's reader shows them to its network."""
    spacing_mm = (series.slice_spacing_mm, GRID_MM, GRID_MM)
    return lungs_in_box(series.voxels, series.labels & LUNG > 0, spacing_mm, SIGHT).astype(np.float16)


class MtlTask:
    """Learns all tasks of a network at once; a step takes `batch` random series."""

    def __init__(
        self,
        network: MtlNetwork,
        cases: Sequence[MtlCase],
        held_out: Sequence[MtlCase],
        weigh: Weighing = "random",
        place: Place = CPU,
    ) -> None:
        self.network: nn.Module = network
        self._mtl = network
        self._cases, self._held_out = cases, held_out
        self._weigh, self._place = weigh, place

    def loss(self, _progress: float, batch: int, rng: Generator) -> Tensor:
        """Return the weighted sum of the tasks' cross-entropies over those of which they are known."""
        cases = [self._cases[int(rng.integers(len(self._cases)))] for _ in range(batch)]
        volumes = np.stack([_varied(case.volume, rng) for case in cases])
        logits = self._logits(volumes, cases)
        weights = self._drawn(rng)
        losses = [
            weight * _known_loss(logits[task], [case.labels[task] for case in cases])
            for task, weight in zip(self._mtl.tasks, weights, strict=True)
        ]
        return torch.stack(losses).sum()

    def measure(self) -> dict[str, float]:
        """Return AUC of tasks of two classes, accuracy and mean AUC (each class against the others) of severity."""
        probability: dict[Task, list[NDArray[np.float32]]] = {task: [] for task in self._mtl.tasks}
        for start in range(0, len(self._held_out), _MEASURED_AT_ONCE):
            part = self._held_out[start : start + _MEASURED_AT_ONCE]
            logits = self._logits(np.stack([case.volume for case in part]), part)
            for task in self._mtl.tasks:
                probability[task] += list(logits[task].softmax(1).cpu().numpy())
        figures: dict[str, float] = {}
        for task in self._mtl.tasks:
            figures |= _figures(task, probability[task], [case.labels[task] for case in self._held_out])
        return figures

    def _logits(self, volumes: NDArray[np.float16], cases: Sequence[MtlCase]) -> Mapping[Task, Tensor]:
        images = torch.from_numpy(volumes.astype(np.float32))[:, None].to(self._place.device)
        features = torch.from_numpy(np.stack([case.features for case in cases])).to(self._place.device)
        with self._place.autocast():
            logits = self._mtl(images, features)
        return {task: found.float() for task, found in logits.items()}

    def _drawn(self, rng: Generator) -> NDArray[np.float64]:
        count = len(self._mtl.tasks)
        if self._weigh == "equal":
            return np.full(count, 1.0 / count)
        drawn: NDArray[np.float64] = rng.dirichlet(np.ones(count), size=2).mean(0)
        return drawn


def _known_loss(logits: Tensor, labels: Sequence[int]) -> Tensor:
    """Return the mean cross-entropy over what is known, 0 where nothing is."""
    truth = torch.tensor(labels, device=logits.device)
    if bool((truth == UNKNOWN).all()):
        return logits.sum() * 0.0
    return functional.cross_entropy(logits, truth, ignore_index=UNKNOWN)


def _figures(task: Task, probability: Sequence[NDArray[np.float32]], labels: Sequence[int]) -> dict[str, float]:
    known = [(found, label) for found, label in zip(probability, labels, strict=True) if label != UNKNOWN]
    areas = [
        ranking_area([p[k] for p, label in known if label == k], [p[k] for p, label in known if label != k])
        for k in range(len(CLASSES[task]))
    ]
    figures = {f"{task}_auc": areas[1] if len(areas) == 2 else float(np.mean(areas))}
    if len(areas) > 2 and known:
        figures[f"{task}_accuracy"] = float(np.mean([int(p.argmax()) == label for p, label in known]))
    return figures


def _varied(volume: NDArray[np.float16], rng: Generator) -> NDArray[np.float16]:
    """Return a volume moved by some voxels, mirrored by chance from side to side, and now and then with noise."""
    steps = [int(step) for step in rng.integers(-FURTHEST_VOXELS, FURTHEST_VOXELS + 1, size=3)]
    varied = np.roll(volume, steps, axis=(0, 1, 2))
    if rng.random() < 0.5:
        varied = varied[:, :, ::-1]
    if rng.random() < NOISE:
        varied = varied + rng.normal(0, NOISE_SD, varied.shape).astype(np.float16)
    return np.ascontiguousarray(varied)
