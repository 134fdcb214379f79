"""Defines the encoders of segmentation networks, in one table: residual, ResNet-18, DenseNet-121, EfficientNet-Lite0.

Must not know files, series, training or ONNX. Each returns the features of its resolutions, the finest first, and says
how many `channels` each has. `width` is the number of channels at the finest: 64 in the published networks.
"""

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Final, TypeAlias

import torch
from torch import Tensor, nn
from torch.nn import functional

from triaged.lab.networks.efficient import EfficientLite
from triaged.lab.networks.encoder import Encoder
from triaged.lab.networks.multitask import ResidualBlock

RESIDUAL_LEVELS: Final = 5
RESNET18_BLOCKS: Final = (2, 2, 2, 2)
DENSENET121_LAYERS: Final = (6, 12, 24, 16)
BOTTLENECK: Final = 4
"""Channels inside a dense layer, over those that it adds."""


class Residual(Encoder):
    """The encoder of the multitask network with fewer resolutions: full size first, each next one half, ends kept."""

    def __init__(self, width: int, channels_in: int, levels: int = RESIDUAL_LEVELS) -> None:
        super().__init__()
        self.channels = tuple(width * 2**level for level in range(levels))
        self.stem = nn.Conv2d(channels_in, width, 3, padding=1)
        self.encoder = nn.ModuleList(
            nn.Sequential(ResidualBlock(before, now), ResidualBlock(now, now))
            for before, now in zip((width, *self.channels[:-1]), self.channels, strict=True)
        )

    def forward(self, images: Tensor) -> list[Tensor]:
        """Return the features of (n, channel, row, column), the finest first."""
        features: Tensor = self.stem(images)
        maps = []
        for level, block in enumerate(self.encoder):
            features = block(functional.max_pool2d(features, 2, ceil_mode=True) if level else features)
            maps.append(features)
        return maps


class BasicBlock(nn.Module):
    """A residual block of ResNet-18: two 3x3 convolutions, the first with the stride."""

    def __init__(self, channels_in: int, channels: int, stride: int, dilation: int = 1) -> None:
        super().__init__()
        self.inner = nn.Sequential(
            *_normalised(channels_in, channels, 3, stride, dilation),
            nn.ReLU(),
            *_normalised(channels, channels, 3, 1, dilation),
        )
        self.shortcut: nn.Module = nn.Identity()
        if stride > 1 or channels_in != channels:
            self.shortcut = nn.Sequential(*_normalised(channels_in, channels, 1, stride))

    def forward(self, features: Tensor) -> Tensor:
        """Return the refined features, halved in size where the block strides."""
        refined: Tensor = functional.relu(self.inner(features) + self.shortcut(features))
        return refined


class ResNet18(Encoder):
    """ResNet-18 (He et al., 2016): resolutions of 1/2, 1/4, 1/8, 1/16 and 1/32.

    With `dilated` the last two stages keep 1/4 and widen their kernels instead, and there is no maximum after the stem:
    for a network that reads its answer off the last features alone.
    """

    def __init__(self, width: int, channels_in: int, *, dilated: bool = False) -> None:
        super().__init__()
        self.stem = nn.Sequential(*_normalised(channels_in, width, 7, 2), nn.ReLU())
        self.pool: nn.Module = nn.Identity() if dilated else nn.MaxPool2d(3, stride=2, padding=1)
        strides, dilations = ((1, 2, 1, 1), (1, 1, 2, 4)) if dilated else ((1, 2, 2, 2), (1, 1, 1, 1))
        stages, channels_in = [], width
        for level, count in enumerate(RESNET18_BLOCKS):
            blocks, channels = [], width * 2**level
            for index in range(count):
                blocks.append(BasicBlock(channels_in, channels, 1 if index else strides[level], dilations[level]))
                channels_in = channels
            stages.append(nn.Sequential(*blocks))
        self.stages = nn.ModuleList(stages)
        self.channels = (width, *(width * 2**level for level in range(len(RESNET18_BLOCKS))))

    def forward(self, images: Tensor) -> list[Tensor]:
        """Return the features of (n, channel, row, column), the finest first."""
        maps = [self.stem(images)]
        features = self.pool(maps[0])
        for stage in self.stages:
            features = stage(features)
            maps.append(features)
        return maps


class DenseLayer(nn.Module):
    """Adds `growth` channels to those that it is given."""

    def __init__(self, channels_in: int, growth: int) -> None:
        super().__init__()
        within = BOTTLENECK * growth
        self.inner = nn.Sequential(
            nn.BatchNorm2d(channels_in),
            nn.ReLU(),
            nn.Conv2d(channels_in, within, 1, bias=False),
            nn.BatchNorm2d(within),
            nn.ReLU(),
            nn.Conv2d(within, growth, 3, padding=1, bias=False),
        )

    def forward(self, features: Tensor) -> Tensor:
        """Return the features with the new ones behind them."""
        return torch.cat([features, self.inner(features)], dim=1)


class DenseNet121(Encoder):
    """DenseNet-121 (Huang et al., 2017): resolutions of 1/2, 1/4, 1/8, 1/16 and 1/32; grows by half its width."""

    def __init__(self, width: int, channels_in: int) -> None:
        super().__init__()
        growth = max(1, width // 2)
        self.stem = nn.Sequential(*_normalised(channels_in, width, 7, 2), nn.ReLU())
        self.pool = nn.MaxPool2d(3, stride=2, padding=1)
        channels, now = [width], width
        blocks, transitions = [], []
        for count in DENSENET121_LAYERS:
            blocks.append(nn.Sequential(*(DenseLayer(now + index * growth, growth) for index in range(count))))
            channels.append(now + count * growth)
            now = channels[-1] // 2
            transitions.append(_transition(channels[-1], now))
        self.blocks = nn.ModuleList(blocks)
        self.transitions = nn.ModuleList(transitions[:-1])
        self.channels = tuple(channels)

    def forward(self, images: Tensor) -> list[Tensor]:
        """Return the features of (n, channel, row, column), the finest first."""
        maps = [self.stem(images)]
        features = self.pool(maps[0])
        for index, block in enumerate(self.blocks):
            features = block(self.transitions[index - 1](features) if index else features)
            maps.append(features)
        return maps


MakeEncoder: TypeAlias = Callable[[int, int], Encoder]
"""Makes an encoder of a width for images of so many channels."""

ENCODERS: Final[Mapping[str, MakeEncoder]] = MappingProxyType(
    {
        "residual": Residual,
        "resnet18": ResNet18,
        "resnet18d": lambda width, channels_in: ResNet18(width, channels_in, dilated=True),
        "densenet121": DenseNet121,
        "efficientlite0": EfficientLite,
    }
)


def _normalised(
    channels_in: int, channels_out: int, size: int, stride: int, dilation: int = 1
) -> tuple[nn.Module, nn.Module]:
    padding = dilation * (size // 2)
    convolution = nn.Conv2d(channels_in, channels_out, size, stride, padding, dilation, bias=False)
    return convolution, nn.BatchNorm2d(channels_out)


def _transition(channels_in: int, channels_out: int) -> nn.Sequential:
    return nn.Sequential(
        nn.BatchNorm2d(channels_in),
        nn.ReLU(),
        nn.Conv2d(channels_in, channels_out, 1, bias=False),
        nn.AvgPool2d(2, ceil_mode=True),
    )
