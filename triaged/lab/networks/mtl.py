"""Defines the network of COVID-MTL (Bao et al.): a 3D SqueezeNet, joined by radiomic features, with a head per task.

Must not know files, series, training or ONNX. Volumes are (n, 1, slice, row, column), the lungs alone, their window
scaled to [0, 1].
"""

from collections.abc import Mapping, Sequence
from enum import StrEnum
from itertools import pairwise
from typing import Final, Literal, TypeAlias

import torch
from torch import Tensor, nn
from torch.nn import functional

WIDTH: Final = 64
"""Channels after the first convolution; all others are multiples of it."""
FURTHEST: Final = 0.2
"""Share of an axis by which Shift3D moves features at most."""
PER_SAMPLE: Final = 0.25
"""How often the authors' code shifts a sample."""
HIDDEN: Final = 32
NORMAL: Final = (0.05, 0.1)
"""Mean and spread that volumes are normalised by; what is no lung included."""
FURTHEST_FEATURE: Final = 5.0
"""Features beyond so many spreads from their mean are set there."""


class Task(StrEnum):
    """What a head tells."""

    CT = "ct"
    NAT = "nat"
    SEVERITY = "severity"


CLASSES: Final[Mapping[Task, tuple[str, ...]]] = {
    Task.CT: ("other", "covid"),
    Task.NAT: ("negative", "positive"),
    Task.SEVERITY: ("control", "mild", "severe"),
}
"""The classes of each task, in the order of its logits; `mild` includes regular, `severe` critical (Bao et al.)."""


Shift: TypeAlias = Literal["paper", "code", "none"]
"""How features are shifted in training: as the paper says, as the authors' code does, or not."""


class Shift3D(nn.Module):
    """Rolls features along slices, rows and columns in training, and leaves them alone otherwise.

    As the paper says, all features of a batch take one roll, by up to 20 % in each direction. As the code does, a
    sample is shifted with probability 1/4, and then each of its channels along an axis of its own. What leaves on one
    side comes back on the other.
    """

    def __init__(self, way: Shift = "paper") -> None:
        super().__init__()
        self.way = way

    def forward(self, features: Tensor) -> Tensor:
        """Return (n, channel, slice, row, column) in the same shape."""
        if not self.training or self.way == "none":
            return features
        return self._as_one(features) if self.way == "paper" else self._channel_by_channel(features)

    def _as_one(self, features: Tensor) -> Tensor:
        steps = [self._steps(size, back=True) for size in features.shape[2:]]
        return torch.roll(features, steps, dims=(2, 3, 4))

    def _channel_by_channel(self, features: Tensor) -> Tensor:
        shifted = []
        for sample in features:
            if float(torch.rand(())) < PER_SAMPLE:
                axes = torch.randint(1, 4, (len(sample),)).tolist()
                rolled = [
                    torch.roll(channel[None], self._steps(int(channel.shape[axis - 1])), dims=axis)[0]
                    for channel, axis in zip(sample, axes, strict=True)
                ]
                shifted.append(torch.stack(rolled))
            else:
                shifted.append(sample)
        return torch.stack(shifted)

    @staticmethod
    def _steps(size: int, *, back: bool = False) -> int:
        most = int(FURTHEST * size)
        return int(torch.randint(-most if back else 0, most + 1, ()))


class Fire(nn.Module):
    """Squeezes channels by a 1x1x1 convolution and expands them by 1x1x1 and 3x3x3 ones side by side (SqueezeNet)."""

    def __init__(self, channels_in: int, squeezed: int, expanded: int) -> None:
        super().__init__()
        self.squeeze = _normalised(nn.Conv3d(channels_in, squeezed, 1, bias=False))
        self.narrow = _normalised(nn.Conv3d(squeezed, expanded, 1, bias=False))
        self.wide = _normalised(nn.Conv3d(squeezed, expanded, 3, padding=1, bias=False))
        self.bypasses = channels_in == 2 * expanded

    def forward(self, features: Tensor) -> Tensor:
        """Return 2 * expanded channels; where as many came in, they are added."""
        squeezed = functional.relu(self.squeeze(features))
        found = torch.cat([self.narrow(squeezed), self.wide(squeezed)], dim=1)
        return functional.relu(found + features if self.bypasses else found)


class SqueezeNet3D(nn.Module):
    """The trunk that all heads share: 8 fire modules, from 1 to 8 * width channels, with Shift3D after the first."""

    def __init__(self, width: int = WIDTH, way: Shift = "paper") -> None:
        super().__init__()
        half = max(1, width // 2)
        self.first = nn.Sequential(_normalised(nn.Conv3d(1, width, 3, stride=2, padding=1, bias=False)), nn.ReLU())
        self.shift = Shift3D(way)
        stages = ((width, half), (2 * width, width), (3 * width, 3 * half), (4 * width, 2 * width))
        self.stages = nn.ModuleList()
        channels = width
        for expanded, squeezed in stages:
            fires = Fire(channels, squeezed, expanded), Fire(2 * expanded, squeezed, expanded)
            self.stages.append(nn.Sequential(*fires))
            channels = 2 * expanded
        self.channels = channels

    def forward(self, volumes: Tensor) -> Tensor:
        """Return features (n, 8 * width, ...) of volumes of at least 32 voxels along each axis."""
        features: Tensor = self.shift(self.first(volumes))
        for stage in self.stages:
            features = stage(functional.max_pool3d(features, 3, stride=2, padding=1))
        return features


class MtlNetwork(nn.Module):
    """The trunk, a network of the radiomic features where there are some, and a head for each task.

    `features` counts radiomic features, 0 for none. Their mean and spread are kept with the weights, and so is `prior`,
    the share of COVID-19 by CT among those who teach.
    """

    def __init__(self, tasks: Sequence[Task], features: int, width: int = WIDTH, way: Shift = "paper") -> None:
        super().__init__()
        self.tasks = tuple(tasks)
        self.features = features
        self.trunk = SqueezeNet3D(width, way)
        self.register_buffer("middle", torch.zeros(features))
        self.register_buffer("spread", torch.ones(features))
        self.register_buffer("prior", torch.tensor(0.5))
        self.radiomics = _dense((features, 256, 128, 64, HIDDEN)) if features else None
        self.heads = nn.ModuleDict({task.value: self._head() for task in self.tasks})
        joined = HIDDEN * (2 if features else 1)
        self.outputs = nn.ModuleDict({task.value: nn.Linear(joined, len(CLASSES[task])) for task in self.tasks})

    def forward(self, volumes: Tensor, features: Tensor) -> dict[Task, Tensor]:
        """Return the logits (n, class) of each task; `features` are (n, feature), as they are measured."""
        return self.judge(volumes, (features - self.middle) / self.spread)

    def judge(self, volumes: Tensor, features: Tensor) -> dict[Task, Tensor]:
        """Return what `forward` does for features less their mean, in spreads."""
        mean, spread = NORMAL
        seen = self.trunk((volumes - mean) / spread)
        told = None if self.radiomics is None else self.radiomics(features.clamp(-FURTHEST_FEATURE, FURTHEST_FEATURE))
        found = {}
        for task in self.tasks:
            own = self.heads[task.value](seen).mean(dim=(2, 3, 4))
            joined = own if told is None else torch.cat([own, told], dim=1)
            found[task] = self.outputs[task.value](functional.relu(joined))
        return found

    def know_prior(self, share: float) -> None:
        """Keep the share of COVID-19 by CT among those who teach."""
        self.prior = torch.tensor(share)

    def normalise(self, features: Tensor) -> None:
        """Keep mean and spread of the features of those who teach, (n, feature)."""
        self.middle = features.mean(0)
        self.spread = features.std(0).clamp_min(1e-6)

    def _head(self) -> nn.Sequential:
        return nn.Sequential(nn.Dropout(0.3), nn.Conv3d(self.trunk.channels, HIDDEN, 1), nn.ReLU())


def _normalised(convolution: nn.Conv3d) -> nn.Sequential:
    return nn.Sequential(convolution, nn.BatchNorm3d(convolution.out_channels))


def _dense(sizes: Sequence[int]) -> nn.Sequential:
    layers: list[nn.Module] = []
    for before, now in pairwise(sizes):
        layers += [nn.Linear(before, now), nn.ReLU()]
    return nn.Sequential(*layers)
