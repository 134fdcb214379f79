"""Defines the two networks of Goncharov et al. (sections 1.0.2 and 1.0.3 of the specification) in torch.

Must not know files, phantoms, training or ONNX. Images are (n, 1, row, column), scaled to [0, 1] from the window
[-1000, 300] HU on a 2 mm in-plane grid. `width` is the number of channels at full resolution and `levels`
the number of resolutions; the paper has 8 and 7. A `level` counts resolutions from the top, 1 being the full one.
"""

from typing import Final

import torch
from torch import Tensor, nn
from torch.nn import functional

PAPER_WIDTH: Final = 8
PAPER_LEVELS: Final = 7
PYRAMID: Final = (1, 2, 4, 8)
"""Cells per axis of each level of the pyramid pooling."""
SMALLEST_AXIS: Final = PYRAMID[-1]
LEVEL_MARK: Final = "identified_level"
"""Tensor by which the weights of a multitask network tell their level; those of the first, the shipped one, have none.

Without it the weights of Spatial-1 and Spatial-2 would look alike.
"""


class ResidualBlock(nn.Module):
    """Two pre-activation 3x3 convolutions beside a shortcut; the size stays."""

    def __init__(self, channels_in: int, channels_out: int) -> None:
        super().__init__()
        self.normalise_1 = nn.BatchNorm2d(channels_in)
        self.convolve_1 = nn.Conv2d(channels_in, channels_out, 3, padding=1, bias=False)
        self.normalise_2 = nn.BatchNorm2d(channels_out)
        self.convolve_2 = nn.Conv2d(channels_out, channels_out, 3, padding=1, bias=False)
        self.shortcut: nn.Module = nn.Identity()
        if channels_in != channels_out:
            self.shortcut = nn.Conv2d(channels_in, channels_out, 1, bias=False)

    def forward(self, features: Tensor) -> Tensor:
        """Return the refined features; the shortcut sees the raw input, before normalisation."""
        inner = self.convolve_1(functional.relu(self.normalise_1(features)))
        inner = self.convolve_2(functional.relu(self.normalise_2(inner)))
        shortcut: Tensor = self.shortcut(features)
        refined: Tensor = shortcut + inner
        return refined


class OutputLayer(nn.Sequential):
    """Turns features into one logit per pixel."""

    def __init__(self, channels: int) -> None:
        super().__init__(nn.BatchNorm2d(channels), nn.ReLU(), nn.Conv2d(channels, 1, 1, bias=False))


class EncoderDecoder(nn.Module):
    """Maps slices to `width` features per pixel, over several resolutions with added skips.

    Down is a 2x2 maximum that keeps the odd remainder, up is bilinear to the exact size of the skip, so that any
    height and width pass unpadded.

    Attributes:
        top_blocks: residual blocks after the last skip: two in the lung network, one in the multitask network.
    """

    def __init__(self, width: int, top_blocks: int, levels: int = PAPER_LEVELS) -> None:
        super().__init__()
        channels = [width * 2**level for level in range(levels - 1)]
        self.stem = nn.Conv2d(1, width, 3, padding=1)
        self.encoder = nn.ModuleList(
            nn.Sequential(ResidualBlock(before, now), ResidualBlock(now, now))
            for before, now in zip([width, *channels[:-1]], channels, strict=True)
        )
        deepest = channels[-1]
        self.bridge = nn.Sequential(ResidualBlock(deepest, 2 * deepest), ResidualBlock(2 * deepest, deepest))
        self.decoder = nn.ModuleList(
            nn.Sequential(ResidualBlock(now, now), ResidualBlock(now, above))
            for now, above in zip(channels[:0:-1], channels[-2::-1], strict=True)
        )
        self.top = nn.Sequential(*(ResidualBlock(width, width) for _ in range(top_blocks)))

    def forward(self, slices: Tensor) -> Tensor:
        """Return (n, width, row, column) features of (n, 1, row, column) slices."""
        return self.maps(slices)[0]

    def maps(self, slices: Tensor) -> list[Tensor]:
        """Return the features that go upwards at each level, the full resolution first and the bridge's last.

        At level l they are `channels_at(width, l)` channels with an in-plane stride of 2^(l-1), odd remainders kept.
        """
        features: Tensor = self.stem(slices)
        skips = []
        for block in self.encoder:
            features = block(features)
            skips.append(features)
            features = functional.max_pool2d(features, 2, ceil_mode=True)
        maps: list[Tensor] = [self.bridge(features)]
        for block in (*self.decoder, self.top):
            maps.append(block(_up_and_add(maps[-1], skips.pop())))
        return maps[::-1]


class LungNetwork(nn.Module):
    """Finds lung in each slice by itself: one logit per pixel."""

    def __init__(self, width: int = PAPER_WIDTH, levels: int = PAPER_LEVELS) -> None:
        super().__init__()
        self.body = EncoderDecoder(width, 2, levels)
        self.head = OutputLayer(width)

    def forward(self, slices: Tensor) -> Tensor:
        """Return lung logits (n, 1, row, column)."""
        logits: Tensor = self.head(self.body(slices))
        return logits


class SegmentationBranch(nn.Module):
    """The slice-wise part of a multitask network: lesion logits, and the features that identification pools.

    Attributes:
        level: the level whose features are handed out.
    """

    def __init__(self, width: int, levels: int = PAPER_LEVELS, level: int = 1) -> None:
        super().__init__()
        self.level = level
        self.body = EncoderDecoder(width, 1, levels)
        self.head = nn.Sequential(ResidualBlock(width, width), OutputLayer(width))

    def forward(self, slices: Tensor) -> tuple[Tensor, Tensor]:
        """Return lesion logits (n, 1, row, column) and features (n, channel, row, column) of the level."""
        maps = self.body.maps(slices)
        return self.head(maps[0]), maps[self.level - 1]

    def cells(self, features: Tensor) -> Tensor:
        """Return the in-plane pyramid maxima of the level's features; see `pool_in_plane`.

        Those of a lower level are smaller than the slices, and are extended as `pool_series` does.
        """
        return pool_in_plane(features if self.level == 1 else _eight_in_plane(features))


class IdentificationHead(nn.Module):
    """Turns pooled features of a whole series, (n, 585 * channel), into one logit per series."""

    def __init__(self, width: int, level: int = 1) -> None:
        super().__init__()
        cells = sum(count**3 for count in PYRAMID)
        self.hidden = nn.Linear(cells * channels_at(width, level), 128 * width)
        self.output = nn.Linear(128 * width, 1, bias=False)
        self.dropout = nn.Dropout(0.5)

    def forward(self, pooled: Tensor) -> Tensor:
        """Return identification logits (n, 1)."""
        hidden = functional.relu(self.hidden(self.dropout(pooled)))
        logits: Tensor = self.output(self.dropout(hidden))
        return logits


class Multitask(nn.Module):
    """Segments lesion slice by slice and identifies the disease from one level's features of the series.

    With `level` l it is the paper's Multitask-Spatial-l; on the lowest level, the bridge, it is Multitask-Latent.

    Raises:
        ValueError: the network has no such level.
    """

    def __init__(self, width: int = PAPER_WIDTH, levels: int = PAPER_LEVELS, level: int = 1) -> None:
        if not 1 <= level <= levels:
            raise ValueError(f"expected a level from 1 to {levels}, found {level}")
        super().__init__()
        self.level = level
        self.segmentation = SegmentationBranch(width, levels, level)
        self.identification = IdentificationHead(width, level)
        if level > 1:
            self.register_buffer(LEVEL_MARK, torch.tensor(level))

    def forward(self, series: Tensor) -> tuple[Tensor, Tensor]:
        """Return lesion logits (slice, 1, row, column) and one identification logit (1, 1).

        `series` holds the slices of one series in their order, (slice, 1, row, column).
        """
        lesion, features = self.segmentation(series)
        return lesion, self.identification(pool_series(features))


class MultitaskSpatial1(Multitask):
    """The multitask network whose identification sees the full resolution: the one that is shipped."""

    def __init__(self, width: int = PAPER_WIDTH, levels: int = PAPER_LEVELS) -> None:
        super().__init__(width, levels, level=1)


def channels_at(width: int, level: int) -> int:
    """Return the number of channels that go upwards at `level`: `width` at the top two, then doubled at each."""
    return width << max(0, level - 2)


def pool_series(features: Tensor) -> Tensor:
    """Return the three-dimensional pyramid maxima of one series, (1, 585 * channel).

    Takes (slice, channel, row, column). The order is level, channel, row cell, column cell, slice cell. An axis
    shorter than 8 is extended by repeating its last element, which keeps every maximum.
    """
    volume = _at_least_eight(features.permute(1, 2, 3, 0).unsqueeze(0))
    levels = []
    for cells in PYRAMID:
        stride = [size // cells for size in volume.shape[2:]]
        window = [size - (cells - 1) * step for size, step in zip(volume.shape[2:], stride, strict=True)]
        levels.append(functional.max_pool3d(volume, window, stride).flatten(1))
    return torch.cat(levels, dim=1)


def pool_in_plane(features: Tensor) -> Tensor:
    """Return the in-plane pyramid maxima of each slice, (slice, channel, 85), from (slice, channel, row, column).

    The maximum is separable, so pooling these over slices afterwards equals `pool_series`; a series of any length
    then needs the memory of one batch. The order is level, row cell, column cell. Rows and columns must be >= 8.
    """
    levels = []
    for cells in PYRAMID:
        rows = torch.stack([part.amax(dim=2) for part in _windows(features, 2, cells)], dim=2)
        both = torch.stack([part.amax(dim=3) for part in _windows(rows, 3, cells)], dim=3)
        levels.append(both.flatten(2))
    return torch.cat(levels, dim=2)


def _windows(features: Tensor, axis: int, cells: int) -> list[Tensor]:
    stride = features.shape[axis] // cells
    window = features.shape[axis] - (cells - 1) * stride
    return [features.narrow(axis, index * stride, window) for index in range(cells)]


def _up_and_add(features: Tensor, skip: Tensor) -> Tensor:
    size = (skip.shape[2], skip.shape[3])
    return functional.interpolate(features, size=size, mode="bilinear", align_corners=False) + skip


def _eight_in_plane(features: Tensor) -> Tensor:
    """Extend rows and columns to 8 by repetition, so that an exporter need not know whether there are fewer."""
    for axis in (2, 3):
        size = features.shape[axis]
        wanted = torch.arange(torch.sym_max(size, SMALLEST_AXIS), device=features.device)  # type: ignore[no-untyped-call]
        features = features.index_select(axis, wanted.clamp(max=size - 1))
    return features


def _at_least_eight(volume: Tensor) -> Tensor:
    """Extend the last three axes to 8 by repetition of the edge."""
    missing = [max(0, SMALLEST_AXIS - size) for size in reversed(volume.shape[2:])]
    if not any(missing):
        return volume
    return functional.pad(volume, [amount for extra in missing for amount in (0, extra)], mode="replicate")
