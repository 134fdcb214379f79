"""Defines segmentation networks as a decoder on an encoder: `fpn-residual`, `unet-resnet18`, `fcn-resnet18d`, …

Must not know files, series, training or ONNX. Images are (n, channel, row, column) of any size, scaled to [0, 1]; what
comes out are logits of their size.
"""

from collections.abc import Callable, Mapping
from itertools import pairwise
from types import MappingProxyType
from typing import Final, TypeAlias

import torch
from torch import Tensor, nn
from torch.nn import functional

from triaged.errors import ConfigError
from triaged.lab.networks.encoders import ENCODERS

PYRAMID_WIDTHS: Final = 2
"""Channels of every step of the feature pyramid, over the encoder's width."""


class Decoder(nn.Module):
    """What turns features of several resolutions into one map of the finest of them.

    Attributes:
        channels: of that map.
    """

    channels: int

    def forward(self, maps: list[Tensor]) -> Tensor:
        """Return the map of features, the finest first."""
        raise NotImplementedError


class Fpn(Decoder):
    """A feature pyramid (Lin et al., 2017; Kirillov et al., 2019): all resolutions are read, then added."""

    def __init__(self, channels: tuple[int, ...]) -> None:
        super().__init__()
        self.channels = PYRAMID_WIDTHS * channels[0]
        self.lateral = nn.ModuleList(nn.Conv2d(each, self.channels, 1) for each in channels)
        self.read = nn.ModuleList(_layer(self.channels, self.channels) for _ in channels)

    def forward(self, maps: list[Tensor]) -> Tensor:
        """Return the map of features, the finest first."""
        finest = maps[0]
        above: Tensor = self.lateral[-1](maps[-1])
        total = _sized(self.read[-1](above), finest)
        for lateral, read, features in list(zip(self.lateral, self.read, maps, strict=True))[-2::-1]:
            above = lateral(features) + _sized(above, features)
            total = total + _sized(read(above), finest)
        return total


class UNet(Decoder):
    """The decoder of the U-Net (Ronneberger et al., 2015): each resolution joins what comes from below."""

    def __init__(self, channels: tuple[int, ...]) -> None:
        super().__init__()
        self.channels = channels[0]
        self.join = nn.ModuleList(
            nn.Sequential(_layer(below + here, here), _layer(here, here)) for here, below in pairwise(channels)
        )

    def forward(self, maps: list[Tensor]) -> Tensor:
        """Return the map of features, the finest first."""
        features = maps[-1]
        for join, skip in list(zip(self.join, maps[:-1], strict=True))[::-1]:
            features = join(torch.cat([_sized(features, skip), skip], dim=1))
        return features


class Last(Decoder):
    """None: a plain fully-convolutional network reads its answer off the encoder's last features."""

    def __init__(self, channels: tuple[int, ...]) -> None:
        super().__init__()
        self.channels = channels[-1]

    def forward(self, maps: list[Tensor]) -> Tensor:
        """Return the last of the features."""
        return maps[-1]


MakeDecoder: TypeAlias = Callable[[tuple[int, ...]], Decoder]
"""Makes a decoder for features of so many channels, the finest first."""
DECODERS: Final[Mapping[str, MakeDecoder]] = MappingProxyType({"fpn": Fpn, "unet": UNet, "fcn": Last})


class Segmenter(nn.Module):
    """An encoder, a decoder, and one logit per pixel and class of what they find."""

    def __init__(self, architecture: str, width: int, channels_in: int = 1, classes: int = 1) -> None:
        super().__init__()
        decoder, encoder = split_architecture(architecture)
        self.architecture, self.channels_in = architecture, channels_in
        self.body = ENCODERS[encoder](width, channels_in)
        self.decoder = DECODERS[decoder](self.body.channels)
        self.head = nn.Conv2d(self.decoder.channels, classes, 1)

    def forward(self, images: Tensor) -> Tensor:
        """Return logits (n, class, row, column) of (n, channel, row, column)."""
        return _sized(self.head(self.decoder(self.body(images))), images)


def split_architecture(name: str) -> tuple[str, str]:
    """Return the decoder and the encoder that a name of the form DECODER-ENCODER means.

    Raises:
        ConfigError: there is no such decoder or encoder.
    """
    decoder, _, encoder = name.partition("-")
    if decoder not in DECODERS or encoder not in ENCODERS:
        raise ConfigError(
            f"--network: expected {', '.join(DECODERS)}, a hyphen and {', '.join(ENCODERS)}, found {name}"
        )
    return decoder, encoder


def _sized(features: Tensor, like: Tensor) -> Tensor:
    if features.shape[2:] == like.shape[2:]:
        return features
    return functional.interpolate(features, size=like.shape[2:], mode="bilinear")


def _layer(channels_in: int, channels_out: int) -> nn.Sequential:
    convolution = nn.Conv2d(channels_in, channels_out, 3, padding=1, bias=False)
    return nn.Sequential(convolution, nn.BatchNorm2d(channels_out), nn.ReLU())
