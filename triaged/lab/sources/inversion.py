"""Learns, on real series whose HU are known, to undo the recipe that made 8-bit slices out of HU.

Equalisation acts on every pixel by a curve that changes slowly from place to place. So the network predicts curves,
one of 24 rising segments for each cell of a 16x16 grid, and a pixel's HU is its grey on the curve between its
neighbouring cells: texture and edges stay those of the image, and nothing can be invented. What tells the curves are
tissues of known density (air, fat, muscle, bone) and the local histogram. Must not know files or the masks of readers.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Final

import numpy as np
import torch
from numpy.random import Generator
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional

from triaged.lab.sources.recipe import RecipePair, Slice, drawn_pair

SEGMENTS: Final = 24
BINS: Final = 32
LUNG_WEIGHT: Final = 4.0
LOW_HU: Final = -1000.0
SPAN_HU: Final = 1300.0
BATCH: Final = 8
EVERY: Final = 50


class CurveNetwork(nn.Module):
    """Predicts curves from grey to HU over a slice, and applies them."""

    def __init__(self) -> None:
        super().__init__()
        self.shape = nn.Sequential(
            _layer(1, 16, 2), _layer(16, 32, 2), _layer(32, 64, 1), _layer(64, 64, 2), _layer(64, 96, 1)
        )
        self.histogram = _layer(BINS, 64, 1)
        self.middle = nn.Sequential(_layer(160, 128, 2), _layer(128, 128, 1))
        self.far = nn.Sequential(_layer(128, 192, 2), _layer(192, 192, 1), _layer(192, 192, 2), _layer(192, 192, 1))
        self.curves = nn.Sequential(
            nn.Conv2d(320, 128, 3, 1, 1), nn.ReLU(), nn.Conv2d(128, 128, 3, 1, 1), nn.ReLU(),
            nn.Conv2d(128, SEGMENTS + 1, 1),
        )  # fmt: skip

    def forward(self, grey: Tensor) -> Tensor:
        """Return (n, 1, row, column) of (HU + 1000) / 1300 from grey in [0, 1]."""
        centres = torch.linspace(0, 1, BINS, device=grey.device)[None, :, None, None]
        histogram = functional.avg_pool2d((1 - (grey - centres).abs() * (BINS - 1)).clamp_min(0), 8)
        near = self.middle(torch.cat([self.shape(grey), self.histogram(histogram * 8)], dim=1))
        far = functional.interpolate(self.far(near), size=near.shape[2:], mode="bilinear")
        predicted = self.curves(torch.cat([near, far], dim=1))
        start = predicted[:, :1] * 0.2 - 0.1
        rising = start + torch.cumsum(functional.softplus(predicted[:, 1:] - 3.0), dim=1)
        return _on_curves(torch.cat([start, rising], dim=1), grey)


def learn_inversion(
    series: Sequence[tuple[NDArray[np.int16], NDArray[np.bool_]]],
    steps: int,
    rng: Generator,
    report: Callable[[str], None],
) -> CurveNetwork:
    """Return a network that undoes the recipe, learnt from (HU, lung) series of (slice, 512, 512).

    Every step draws 8 slices of random series, with painted opacities, other contrast, noise and place.
    """
    network = CurveNetwork()
    optimiser = torch.optim.Adam(network.parameters(), lr=2e-3)
    losses: list[float] = []
    for step in range(steps):
        for group in optimiser.param_groups:
            group["lr"] = 2e-3 * min(1.0, (step + 1) / 50) * 0.5 * (1 + float(np.cos(np.pi * step / steps)))
        loss = _loss(network, [_drawn(series, rng) for _ in range(BATCH)])
        optimiser.zero_grad()
        torch.autograd.backward(loss)
        optimiser.step()
        losses.append(loss.item())
        if (step + 1) % EVERY == 0 or step + 1 == steps:
            report(f"step {step + 1}/{steps}: weighted mean error {np.mean(losses[-EVERY:]) * SPAN_HU:.0f} HU")
    return network.eval()


def undone(network: CurveNetwork, grey: Slice) -> Slice:
    """Return the HU behind a 256x256 slice in [0, 1]."""
    with torch.no_grad():
        unit: NDArray[np.float32] = network(torch.from_numpy(grey)[None, None])[0, 0].numpy()
    return unit * np.float32(SPAN_HU) + np.float32(LOW_HU)


def _layer(channels_in: int, channels_out: int, stride: int) -> nn.Sequential:
    return nn.Sequential(
        nn.Conv2d(channels_in, channels_out, 3, stride, 1, bias=False), nn.BatchNorm2d(channels_out), nn.ReLU()
    )


def _on_curves(knots: Tensor, grey: Tensor) -> Tensor:
    """Return the value of every pixel on the curves around it; `knots` is (n, knot, cell row, cell column)."""
    count, _, rows, columns = grey.shape
    y, x = ((torch.arange(size, device=grey.device) + 0.5) / size * 2 - 1 for size in (rows, columns))
    # Knots stand at grey k / SEGMENTS, on the centres of grid_sample's cells.
    along = (grey[:, 0] * 2 - 1) * (SEGMENTS / (SEGMENTS + 1))
    grid = torch.stack([x.expand(count, rows, columns), y[:, None].expand(count, rows, columns), along], dim=-1)
    return functional.grid_sample(
        knots[:, None], grid[:, None], mode="bilinear", padding_mode="border", align_corners=False
    )[:, :, 0]


def _drawn(series: Sequence[tuple[NDArray[np.int16], NDArray[np.bool_]]], rng: Generator) -> RecipePair:
    voxels, lung = series[int(rng.integers(len(series)))]
    index = int(rng.integers(len(voxels)))
    return drawn_pair(voxels[index].astype(np.float32), lung[index], rng)


def _loss(network: CurveNetwork, pairs: Sequence[RecipePair]) -> Tensor:
    """Return the mean absolute error in units of the window, lungs counted five times."""
    grey = torch.from_numpy(np.stack([pair.grey for pair in pairs]))[:, None]
    hu = torch.from_numpy(np.stack([pair.hu for pair in pairs]))[:, None]
    weight = 1 + LUNG_WEIGHT * torch.from_numpy(np.stack([pair.lung for pair in pairs]))[:, None].float()
    truth = ((hu - LOW_HU) / SPAN_HU).clamp(-0.05, 1.05)
    error: Tensor = ((network(grey) - truth).abs() * weight).mean()
    return error
