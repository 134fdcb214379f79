"""Says what every encoder of a segmentation network is; must not know any of them."""

from torch import Tensor, nn


class Encoder(nn.Module):
    """What turns images into features of several resolutions.

    Attributes:
        channels: of each resolution, the finest first.
    """

    channels: tuple[int, ...]

    def forward(self, images: Tensor) -> list[Tensor]:
        """Return the features of (n, channel, row, column), the finest first."""
        raise NotImplementedError
