"""What kinds that look at slices have in common: their settings, and logits in small batches; knows no one kind."""

from collections.abc import Iterator
from typing import Final

import numpy as np
from numpy.typing import NDArray

from triaged.inference.graphs import Graph
from triaged.inference.manifest import Tensors
from triaged.inference.strict_mapping import StrictMapping

SLICES_AT_ONCE: Final = 8
"""Bounds memory: activations of 8 slices stay below 200 MiB, however long the series is."""
ANY_SIZE: Final = Tensors(("n", 1, "rows", "columns"), ("n", 1, "rows", "columns"))
"""One channel in, one logit out, on slices of any size."""


def read_spacing(section: StrictMapping) -> tuple[float, float]:
    """Return `spacing_mm`: the distance between rows and between columns, above 0 and alike."""
    row, column = section.pair("spacing_mm")
    if not (row > 0 and column > 0):
        raise section.refusal("spacing_mm", f"expected two positive millimetres, found {row}, {column}")
    if row != column:
        raise section.refusal("spacing_mm", f"expected square pixels, found {row} x {column} mm")
    return row, column


def read_window(section: StrictMapping) -> tuple[float, float]:
    """Return `window_hu`: the HU that become 0 and 1."""
    low, high = section.pair("window_hu")
    if not low < high:
        raise section.refusal("window_hu", f"expected the lower HU first, found {low}, {high}")
    return low, high


def read_thresholds(section: StrictMapping, *names: str) -> tuple[float, ...]:
    """Return the `thresholds` of these names, and of no others; each in (0, 1)."""
    shares = section.section("thresholds")
    found = tuple(shares.share(name) for name in names)
    shares.close()
    return found


def logits_of(graph: Graph, slices: NDArray[np.float32], at_once: int = SLICES_AT_ONCE) -> NDArray[np.float32]:
    """Return the first output of a graph for all slices; they are (slice, row, column) or (slice, channel, ...)."""
    return np.concatenate([graph.run(batch)[0] for batch in batches(slices, at_once)])


def batches(slices: NDArray[np.float32], at_once: int = SLICES_AT_ONCE) -> Iterator[NDArray[np.float32]]:
    """Yield (slice, channel, row, column) pieces; (slice, row, column) has one channel."""
    for start in range(0, len(slices), at_once):
        batch = slices[start : start + at_once]
        yield batch[:, np.newaxis] if slices.ndim == 3 else batch


def sigmoid(logits: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return probabilities of logits."""
    result: NDArray[np.float32] = 0.5 * (1 + np.tanh(0.5 * logits))
    return result.astype(np.float32)


def softmax(logits: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return probabilities of logits whose classes lie along axis 1."""
    raised = np.exp(logits - logits.max(axis=1, keepdims=True))
    result: NDArray[np.float32] = raised / raised.sum(axis=1, keepdims=True)
    return result.astype(np.float32)
