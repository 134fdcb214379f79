"""Settles the statistics of batch normalisation after training.

While a network learns, its running mean and variance follow the last few batches; averaged over many batches under the
final weights they are those of the images at large. Must not know what the network is for.
"""

from collections.abc import Callable

import torch
from torch import Tensor, nn


def settle_normalisation(network: nn.Module, draw: Callable[[], Tensor], batches: int) -> None:
    """Replace the running statistics of `network`, in place, by plain averages over `batches` drawn batches."""
    layers = [layer for layer in network.modules() if isinstance(layer, nn.BatchNorm2d)]
    momenta = [layer.momentum for layer in layers]
    for layer in layers:
        layer.reset_running_stats()
        layer.momentum = None
    network.train()
    with torch.no_grad():
        for _ in range(batches):
            network(draw())
    for layer, momentum in zip(layers, momenta, strict=True):
        layer.momentum = momentum
    network.eval()
