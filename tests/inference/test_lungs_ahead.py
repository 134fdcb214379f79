"""Slices that were looked at before: what is remembered is bit by bit what the graph says of the whole series."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any, cast

import numpy as np
import pytest
from numpy.typing import NDArray

from triaged.inference.graphs import Graph
from triaged.inference.kinds.ct_multitask import CtMultitask
from triaged.inference.kinds.remembered import MOST_SLICES, RememberedLogits
from triaged.inference.package import load_package

CT_OPEN = Path(__file__).parents[2] / "onnx_models" / "ct-open"
RANDOM = np.random.default_rng(17)


class Doubling:
    """A graph that doubles, and notes how many slices it was shown."""

    def __init__(self, device: str = "cpu") -> None:
        self.device = device
        self.shown: list[int] = []

    def run(self, values: NDArray[np.float32]) -> list[NDArray[np.float32]]:
        """Return twice the values."""
        self.shown.append(len(values))
        return [2 * values]


def remembering(graph: Doubling) -> RememberedLogits:
    return RememberedLogits(cast(Graph, graph))


def slices(count: int, seed: int = 0) -> NDArray[np.float32]:
    return np.random.default_rng(seed).random((count, 6, 5), dtype=np.float32)


def test_a_slice_is_looked_at_once_in_whatever_order_it_comes() -> None:
    graph, pixels = Doubling(), slices(7)
    ahead = remembering(graph)
    ahead.prepare(pixels[3:6])
    ahead.prepare(pixels[:6][::-1])
    found = ahead.of(pixels)
    assert np.array_equal(found[:, 0], 2 * pixels)
    assert sum(graph.shown) == 7


def test_a_slice_that_differs_in_one_value_is_another_one() -> None:
    graph, pixels = Doubling(), slices(2)
    ahead = remembering(graph)
    ahead.prepare(pixels)
    changed = pixels.copy()
    changed[1, 5, 4] += np.float32(1e-3)
    assert np.array_equal(ahead.of(changed)[:, 0], 2 * changed)
    assert sum(graph.shown) == 3


def test_values_in_another_shape_are_another_slice() -> None:
    ahead, pixels = remembering(Doubling()), slices(1)
    ahead.prepare(pixels)
    assert ahead.of(pixels.reshape(1, 5, 6)).shape == (1, 1, 5, 6)


def test_what_was_remembered_is_used_once() -> None:
    graph, pixels = Doubling(), slices(2)
    ahead = remembering(graph)
    ahead.prepare(pixels)
    ahead.of(pixels)
    ahead.of(pixels)
    assert graph.shown == [2, 2]


def test_no_more_is_remembered_than_one_long_series() -> None:
    graph = Doubling()
    ahead = remembering(graph)
    many = np.arange(MOST_SLICES + 10, dtype=np.float32)[:, None, None] * np.ones((1, 1, 1), np.float32)
    ahead.prepare(many)
    before = sum(graph.shown)
    ahead.prepare(many[10:])
    assert sum(graph.shown) == before
    ahead.prepare(many[:1])
    assert sum(graph.shown) == before + 1


def test_on_another_processor_nothing_is_remembered() -> None:
    graph, pixels = Doubling("cuda"), slices(2)
    ahead = remembering(graph)
    ahead.prepare(pixels)
    assert graph.shown == []
    assert np.array_equal(ahead.of(pixels)[:, 0], 2 * pixels)


@pytest.mark.slow
@pytest.mark.parametrize("threads", [1, 2])
@pytest.mark.parametrize("parts", [[13], [5, 13], [1, 2, 9, 12, 13], [13, 13]])
def test_the_shipped_lung_network_says_the_same_of_a_slice_whichever_others_it_sees(
    threads: int, parts: Sequence[int]
) -> None:
    networks: Any = load_package(CT_OPEN, "cpu", threads)
    assert isinstance(networks, CtMultitask)
    pixels = RANDOM.random((13, 90, 75), dtype=np.float32)
    whole = networks.lung_probability(pixels)
    for end in parts:
        networks.prepare(pixels[:end])
    assert np.array_equal(networks.lung_probability(pixels), whole)
