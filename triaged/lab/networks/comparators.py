"""Defines the networks that the paper compares its own with: 2D U-Net, 3D U-Net and the ResNet-50 baseline.

Must not know files, series, training or ONNX. Images are scaled to [0, 1] as in
`triaged.lab.networks.multitask`. They are measured, not shipped.
"""

from collections.abc import Sequence
from typing import Final

import torch
from torch import Tensor, nn
from torch.nn import functional

from triaged.lab.networks.multitask import PYRAMID, SegmentationBranch

UNET3D_WIDTH: Final = 32
UNET3D_LEVELS: Final = 4
RESNET_WIDTH: Final = 64
RESNET_BLOCKS: Final = (3, 4, 6, 3)
RESNET_OUTPUTS: Final = 1000
EXPANSION: Final = 4
"""Channels that leave a bottleneck, over those inside it."""


class UNet2d(SegmentationBranch):
    """The multitask network without its identification: lesion logits slice by slice, taken as a U-Net by the paper."""


class UNet3d(nn.Module):
    """The 3D U-Net of Cicek et al. (2016): two convolutions per level, concatenated skips, 32 channels at the top.

    Volumes are (n, 1, slice, row, column) of any size: they are extended with zeros to multiples of 8 and cut back.
    """

    def __init__(self, width: int = UNET3D_WIDTH, channels_in: int = 1, channels_out: int = 1) -> None:
        super().__init__()
        outward = [2 * width * 2**level for level in range(UNET3D_LEVELS)]
        self.encoder = nn.ModuleList(
            _twice(before, now // 2, now) for before, now in zip([channels_in, *outward[:-1]], outward, strict=True)
        )
        self.up = nn.ModuleList(nn.ConvTranspose3d(now, now, 2, stride=2, bias=False) for now in outward[:0:-1])
        self.decoder = nn.ModuleList(
            _twice(below + skip, skip, skip) for below, skip in zip(outward[:0:-1], outward[-2::-1], strict=True)
        )
        self.head = nn.Conv3d(outward[0], channels_out, 1)

    def forward(self, volumes: Tensor) -> Tensor:
        """Return lesion logits in the shape of `volumes`, which have one channel."""
        multiple = 2 ** (UNET3D_LEVELS - 1)
        sizes = volumes.shape[2:]
        missing = [amount for size in reversed(sizes) for amount in (0, -size % multiple)]
        features = functional.pad(volumes, missing)
        skips: list[Tensor] = []
        for level, block in enumerate(self.encoder):
            features = block(functional.max_pool3d(features, 2) if level else features)
            skips.append(features)
        skips.pop()
        for up, block in zip(self.up, self.decoder, strict=True):
            features = block(torch.cat([skips.pop(), up(features)], dim=1))
        logits: Tensor = self.head(features)
        return logits[:, :, : sizes[0], : sizes[1], : sizes[2]]


class Bottleneck(nn.Module):
    """A residual block of ResNet-50: 1x1, 3x3 with the stride, 1x1 to four times the channels."""

    def __init__(self, channels_in: int, channels: int, stride: int) -> None:
        super().__init__()
        channels_out = EXPANSION * channels
        self.inner = nn.Sequential(
            *_normalised(channels_in, channels, 1, 1),
            nn.ReLU(),
            *_normalised(channels, channels, 3, stride),
            nn.ReLU(),
            *_normalised(channels, channels_out, 1, 1),
        )
        self.shortcut: nn.Module = nn.Identity()
        if stride > 1 or channels_in != channels_out:
            self.shortcut = nn.Sequential(*_normalised(channels_in, channels_out, 1, stride))

    def forward(self, features: Tensor) -> Tensor:
        """Return the refined features, halved in size where the block strides."""
        refined: Tensor = functional.relu(self.inner(features) + self.shortcut(features))
        return refined


class ResNet50(nn.Module):
    """ResNet-50 (He et al., 2016) for slices of one channel, with its own 1000 outputs: 25,550,760 parameters."""

    def __init__(self, width: int = RESNET_WIDTH, outputs: int = RESNET_OUTPUTS) -> None:
        super().__init__()
        self.stem = nn.Sequential(*_normalised(1, width, 7, 2), nn.ReLU(), nn.MaxPool2d(3, stride=2, padding=1))
        blocks: list[nn.Module] = []
        channels_in = width
        for level, count in enumerate(RESNET_BLOCKS):
            channels = width * 2**level
            for index in range(count):
                blocks.append(Bottleneck(channels_in, channels, 2 if level and not index else 1))
                channels_in = EXPANSION * channels
        self.blocks = nn.Sequential(*blocks)
        self.output = nn.Linear(channels_in, outputs)

    def forward(self, slices: Tensor) -> Tensor:
        """Return (n, output) of (n, 1, row, column)."""
        features = self.blocks(self.stem(slices))
        outputs: Tensor = self.output(features.mean(dim=(2, 3)))
        return outputs


class ResNetBaseline(nn.Module):
    """Identifies the disease from ResNet-50's outputs of each slice, pooled along the series to 15 cells."""

    def __init__(self, width: int = RESNET_WIDTH, outputs: int = RESNET_OUTPUTS, hidden: int = 1024) -> None:
        super().__init__()
        self.slices = ResNet50(width, outputs)
        self.hidden = nn.Linear(sum(PYRAMID) * outputs, hidden)
        self.output = nn.Linear(hidden, 1, bias=False)
        self.dropout = nn.Dropout(0.5)

    def forward(self, series: Tensor) -> Tensor:
        """Return one identification logit (1, 1) for the slices of one series, (slice, 1, row, column)."""
        return self.identify([self.slices(series)])

    def identify(self, outputs: Sequence[Tensor]) -> Tensor:
        """Return identification logits (series, 1) of the outputs (slice, output) of several series."""
        pooled = torch.cat([pool_along(each) for each in outputs])
        hidden = functional.relu(self.hidden(self.dropout(pooled)))
        logits: Tensor = self.output(self.dropout(hidden))
        return logits


def pool_along(outputs: Tensor) -> Tensor:
    """Return the pyramid maxima of (slice, output) along the slices, (1, 15 * output).

    The windows are those of `triaged.lab.networks.pool_series`; the order is level, output, cell. Fewer than 8 slices
    are extended by repeating the last, which keeps every maximum.
    """
    missing = max(0, PYRAMID[-1] - len(outputs))
    rows = functional.pad(outputs.T[None], (0, missing), mode="replicate")
    levels = []
    for cells in PYRAMID:
        stride = rows.shape[2] // cells
        levels.append(functional.max_pool1d(rows, rows.shape[2] - (cells - 1) * stride, stride).flatten(1))
    return torch.cat(levels, dim=1)


def _twice(channels_in: int, channels_between: int, channels_out: int) -> nn.Sequential:
    layers: list[nn.Module] = []
    for before, now in ((channels_in, channels_between), (channels_between, channels_out)):
        layers += [nn.Conv3d(before, now, 3, padding=1), nn.BatchNorm3d(now), nn.ReLU()]
    return nn.Sequential(*layers)


def _normalised(channels_in: int, channels_out: int, size: int, stride: int) -> tuple[nn.Module, nn.Module]:
    convolution = nn.Conv2d(channels_in, channels_out, size, stride=stride, padding=size // 2, bias=False)
    return convolution, nn.BatchNorm2d(channels_out)
