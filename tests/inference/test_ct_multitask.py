"""The networks of `ct-multitask` answer as their graphs say."""

import math
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from triaged.inference.kinds.ct_multitask import CT_MULTITASK, CtNetworks
from triaged.inference.kinds.slicewise import SLICES_AT_ONCE
from triaged.inference.package import load_of_kind


def pixels(*shape: int) -> NDArray[np.float32]:
    return np.random.default_rng(3).random(shape, dtype=np.float32)


def logistic(logit: NDArray[np.float32]) -> NDArray[np.float64]:
    result: NDArray[np.float64] = 1 / (1 + np.exp(-logit.astype(np.float64)))
    return result


@pytest.fixture
def networks(package: Path) -> CtNetworks:
    return load_of_kind(CT_MULTITASK, package, "cpu", threads=1)


@pytest.mark.parametrize("count", [1, SLICES_AT_ONCE, SLICES_AT_ONCE + 1, 3 * SLICES_AT_ONCE - 1])
def test_lung_probability_keeps_the_order_and_number_of_slices(networks: CtNetworks, count: int) -> None:
    slices = pixels(count, 9, 13)
    np.testing.assert_allclose(networks.lung_probability(slices), logistic(20 * (slices - 0.5)), atol=1e-5)


def test_lesions_come_with_the_cells_of_every_slice(networks: CtNetworks) -> None:
    slices = pixels(11, 9, 13)
    probability, cells = networks.lesions(slices)
    np.testing.assert_allclose(probability, logistic(20 * (slices - 0.5)), atol=1e-5)
    np.testing.assert_array_equal(cells, np.broadcast_to(slices.max(axis=(1, 2))[:, None, None], (11, 1, 85)))


def test_a_box_smaller_than_the_pyramid_is_extended_and_cut_back(networks: CtNetworks) -> None:
    slices = pixels(4, 3, 13)
    probability, cells = networks.lesions(slices)
    assert probability.shape == slices.shape
    np.testing.assert_array_equal(cells[:, 0, 0], slices.max(axis=(1, 2)))


def test_identification_takes_off_the_prior_of_the_training(networks: CtNetworks) -> None:
    """The head adds up 585 equal cells; a prior of 0.75 is three to one (specification, 5.3)."""
    cells = np.full((10, 1, 85), 2 / 585, dtype=np.float32)
    odds = math.exp(2) / 3
    assert networks.identification(cells) == pytest.approx(odds / (1 + odds), abs=1e-5)
