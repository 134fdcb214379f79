"""The networks have the paper's size, and streaming a series through them changes nothing."""

import numpy as np
import pytest

pytest.importorskip("torch", reason="the lab needs torch: pip install triaged[lab]")

import torch

from triaged.inference.pyramid import CELLS_IN_PLANE, pool_over_slices
from triaged.lab.networks import (
    EncoderDecoder,
    LungNetwork,
    MultitaskSpatial1,
    pool_in_plane,
    pool_series,
)


def parameters(network: torch.nn.Module) -> int:
    return sum(parameter.numel() for parameter in network.parameters())


def test_the_lung_network_has_the_papers_parameters() -> None:
    assert parameters(LungNetwork()) == 10_583_112


def test_the_multitask_network_has_the_papers_parameters() -> None:
    network = MultitaskSpatial1()
    assert parameters(network) == 15_377_480
    assert parameters(network.segmentation.body) == 10_581_904
    assert parameters(network.segmentation.head) == 1_208
    assert parameters(network.identification) == 4_794_368


def test_any_size_of_slice_passes_and_keeps_its_size() -> None:
    network = EncoderDecoder(1, top_blocks=1).eval()
    for size in [(1, 1), (8, 8), (17, 33), (109, 151), (64, 128)]:
        with torch.no_grad():
            assert network(torch.rand(2, 1, *size)).shape == (2, 1, *size)


@pytest.mark.parametrize("shape", [(8, 8, 8), (40, 11, 23), (9, 110, 75), (31, 64, 17)])
def test_pooling_slices_first_equals_pooling_the_volume(shape: tuple[int, int, int]) -> None:
    features = torch.randn(shape[0], 3, *shape[1:])
    cells = pool_in_plane(features)
    assert cells.shape == (shape[0], 3, CELLS_IN_PLANE)
    np.testing.assert_array_equal(pool_over_slices(cells.numpy()), pool_series(features)[0].numpy())


def test_a_series_of_fewer_than_eight_slices_is_extended_by_its_last() -> None:
    features = torch.randn(5, 2, 12, 9)
    extended = torch.cat([features, features[-1:].expand(3, -1, -1, -1)])
    expected = pool_series(extended)
    torch.testing.assert_close(pool_series(features), expected)
    np.testing.assert_array_equal(pool_over_slices(pool_in_plane(features).numpy()), expected[0].numpy())


def test_the_pyramid_takes_the_papers_windows() -> None:
    """110 rows in 8 cells: stride 13 and window 19 (specification, 1.0.3)."""
    features = torch.zeros(8, 1, 110, 8)
    features[:, :, 13 * 3 + 18] = 1.0
    finest = pool_in_plane(features)[0, 0, 21:].reshape(8, 8)
    assert finest[:, 0].tolist() == [0, 0, 0, 1, 1, 0, 0, 0]


def test_the_whole_network_gives_one_identification_per_series() -> None:
    with torch.no_grad():
        lesion, identification = MultitaskSpatial1(1).eval()(torch.rand(9, 1, 20, 30))
    assert lesion.shape == (9, 1, 20, 30)
    assert identification.shape == (1, 1)
