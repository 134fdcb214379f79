"""Defines the two networks for chest X-rays (Danilov et al.): both lungs; what is affected, and whether anything is.

Must not know files, training or ONNX. Pictures are (n, channel, row, column) in [0, 1].
"""

from __future__ import annotations

from typing import Final

import torch
from torch import Tensor, nn
from torch.nn import functional

from triaged.lab.networks.segmenters import Segmenter

DROPPED: Final = 0.2
"""Of the features that tell presence, in training (Danilov et al.)."""
SIDES: Final = 2
VIEWS: Final = 2
"""Channels that the second stage sees: greys, and where the lungs are."""
TASKS: Final = 2
"""Losses of the second stage: the affected area, presence."""


class Halved(nn.Module):
    """A network that computes on a picture of half the side and answers at the full one."""

    def __init__(self, inner: nn.Module) -> None:
        super().__init__()
        self.inner = inner

    def forward(self, pictures: Tensor) -> Tensor:
        """Return logits (n, class, row, column) of pictures of even sides."""
        logits: Tensor = self.inner(functional.avg_pool2d(pictures, 2))
        return functional.interpolate(logits, scale_factor=2.0, mode="bilinear")


class DiseaseNetwork(nn.Module):
    """Tells the affected area pixel by pixel and, from the encoder's last features, whether there is any.

    It sees the greys of lungs and of what is around them, which they are compared with, and where the lungs are.

    Attributes:
        first_losses: what each task's loss was on the first batch, NaN before: their weights rest on it.
    """

    first_losses: Tensor

    def __init__(self, architecture: str, width: int, classes: int = 1) -> None:
        super().__init__()
        self.segmenter = Segmenter(architecture, width, VIEWS, classes)
        self.presence = nn.Sequential(nn.Dropout(DROPPED), nn.Linear(self.segmenter.body.channels[-1], 1))
        self.register_buffer("first_losses", torch.full((TASKS,), float("nan")))

    def forward(self, pictures: Tensor) -> tuple[Tensor, Tensor]:
        """Return logits of the affected area, (n, class, row, column), and of presence, (n, 1)."""
        maps = self.segmenter.body(2 * pictures - 1)
        logits = self.segmenter.head(self.segmenter.decoder(maps))
        if logits.shape[2:] != pictures.shape[2:]:
            logits = functional.interpolate(logits, size=pictures.shape[2:], mode="bilinear")
        pooled = maps[-1].mean(dim=(2, 3))
        return logits, self.presence(pooled)
