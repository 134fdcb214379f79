"""Remembers what a graph says of single slices, so that a slice that was looked at while a study arrived is not again.

A slice is known by all of its values: what is remembered is exactly what the graph would say. Knows no one kind.
"""

from collections import OrderedDict
from hashlib import blake2b
from typing import Final

import numpy as np
from numpy.typing import NDArray

from triaged.inference.graphs import Graph
from triaged.inference.kinds.slicewise import SLICES_AT_ONCE, logits_of

MOST_SLICES: Final = 1024
"""Bounds memory: a slice of 256 x 256 takes 256 KiB."""
WHOLE_SLICES_AT_ONCE: Final = 4
"""Whole slices are larger than the box around the lungs, and a processor is not faster with more of them."""


class RememberedLogits:
    """The first output of a graph that looks at each slice by itself, whichever slices it is shown together with.

    On another processor than the CPU that is not so to the last bit, and nothing is remembered.
    """

    def __init__(self, graph: Graph) -> None:
        self._graph = graph
        self._at_once = WHOLE_SLICES_AT_ONCE if graph.device == "cpu" else SLICES_AT_ONCE
        self._known: OrderedDict[bytes, NDArray[np.float32]] = OrderedDict()

    def prepare(self, slices: NDArray[np.float32]) -> None:
        """Look at slices that will be asked for; they are (slice, row, column)."""
        if self._graph.device != "cpu":
            return
        names = [_name(each) for each in slices]
        new = [number for number, name in enumerate(names) if name not in self._known]
        if not new:
            return
        for number, logits in zip(new, logits_of(self._graph, slices[new], self._at_once), strict=True):
            self._known[names[number]] = logits
        while len(self._known) > MOST_SLICES:
            self._known.popitem(last=False)

    def of(self, slices: NDArray[np.float32]) -> NDArray[np.float32]:
        """Return the output for all slices, as `logits_of`; nothing is remembered any more."""
        if not self._known:
            return logits_of(self._graph, slices, self._at_once)
        self.prepare(slices)
        known, self._known = self._known, OrderedDict()
        return np.stack([known[_name(each)] for each in slices])


def _name(pixels: NDArray[np.float32]) -> bytes:
    digest = blake2b(np.ascontiguousarray(pixels).data, digest_size=32)
    digest.update(repr(pixels.shape).encode())
    return digest.digest()
