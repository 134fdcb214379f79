"""The networks have the paper's size, and streaming a series through them changes nothing."""

from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("torch", reason="the lab needs torch: pip install triaged[lab]")

import torch

pytest.importorskip("onnxscript", reason="the lab needs onnxscript: pip install triaged[lab]")

from triaged.inference.pyramid import pool_along_slices, pool_over_slices
from triaged.lab.networks.comparators import pool_along
from triaged.lab.networks.multitask import (
    EncoderDecoder,
    LungNetwork,
    Multitask,
    MultitaskSpatial1,
    channels_at,
    pool_in_plane,
    pool_series,
)
from triaged.lab.training.checkpoints import CHECKPOINT
from triaged.lab.training.trained import read_trained


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


@pytest.mark.parametrize(
    ("level", "whole"),
    [
        (1, 15_377_480),
        (2, 15_377_480),
        (3, 20_169_800),
        (4, 29_754_440),
        (5, 48_923_720),
        (6, 87_262_280),
        (7, 163_939_400),
    ],
)
def test_identification_on_a_lower_level_has_the_parameters_of_its_channels(level: int, whole: int) -> None:
    """Backbone 10,581,904 and lesion head 1,208; 585 cells of c channels to 1024 with bias, 1024 to 1 without.

    c is 8, 8, 16, 32, 64, 128, 256 by the table of the specification (1.0.2), the last being the bridge: Latent.
    """
    channels = [8, 8, 16, 32, 64, 128, 256][level - 1]
    assert 10_581_904 + 1_208 + 585 * channels * 1024 + 1024 + 1024 == whole
    with torch.device("meta"):
        network = Multitask(level=level)
    assert parameters(network) == whole


def test_each_level_has_the_stride_and_channels_of_the_papers_decoder() -> None:
    """109 x 151 halved upwards: odd remainders stay."""
    with torch.no_grad():
        maps = EncoderDecoder(2, top_blocks=1).eval().maps(torch.rand(3, 1, 109, 151))
    sizes = [(109, 151), (55, 76), (28, 38), (14, 19), (7, 10), (4, 5), (2, 3)]
    assert [tuple(one.shape[2:]) for one in maps] == sizes
    assert (
        [one.shape[1] for one in maps] == [channels_at(2, level) for level in range(1, 8)] == [2, 2, 4, 8, 16, 32, 64]
    )


def test_every_variant_segments_at_full_resolution_and_identifies_the_series() -> None:
    for level in (1, 2, 3):
        with torch.no_grad():
            lesion, identification = Multitask(1, levels=3, level=level).eval()(torch.rand(9, 1, 20, 30))
        assert lesion.shape == (9, 1, 20, 30)
        assert identification.shape == (1, 1)


def test_weights_of_one_level_do_not_pass_for_those_of_another() -> None:
    """Spatial-1 and Spatial-2 have tensors of the same names and shapes."""
    first, second = Multitask(1, levels=3, level=1), Multitask(1, levels=3, level=2)
    with pytest.raises(RuntimeError, match="identified_level"):
        MultitaskSpatial1(1, levels=3).load_state_dict(second.state_dict())
    with pytest.raises(RuntimeError, match="identified_level"):
        second.load_state_dict(first.state_dict())
    MultitaskSpatial1(1, levels=3).load_state_dict(first.state_dict())


@pytest.mark.parametrize("level", [1, 2, 3])
def test_a_variant_is_read_as_it_was_trained(level: int, tmp_path: Path) -> None:
    for name, network in (("lungs", LungNetwork(1, 3)), ("multitask", Multitask(1, 3, level))):
        (tmp_path / name).mkdir()
        torch.save({"network": network.state_dict()}, tmp_path / name / CHECKPOINT)
    assert read_trained(tmp_path)[1].level == level


@pytest.mark.parametrize("shape", [(9, 1, 20, 30), (3, 1, 97, 133), (8, 1, 9, 300)])
def test_cells_of_features_smaller_than_the_pyramid_are_those_of_the_series_pooled_at_once(
    shape: tuple[int, int, int, int],
) -> None:
    network = Multitask(2, levels=5, level=5).eval()
    with torch.no_grad():
        _, features = network.segmentation(torch.rand(shape))
        cells = network.segmentation.cells(features).numpy()
    assert min(features.shape[2:]) < 8
    np.testing.assert_array_equal(pool_over_slices(cells), pool_series(features)[0].numpy())


@pytest.mark.parametrize("count", [1, 7, 8, 31])
def test_outputs_of_slices_are_pooled_as_the_comparator_pools_them(count: int) -> None:
    outputs = torch.rand(count, 5)
    np.testing.assert_array_equal(pool_along_slices(outputs.numpy()), pool_along(outputs)[0].numpy())


@pytest.mark.parametrize("level", [0, 4])
def test_a_level_that_the_network_lacks_is_refused(level: int) -> None:
    with pytest.raises(ValueError, match=f"expected a level from 1 to 3, found {level}"):
        Multitask(1, levels=3, level=level)


def test_any_size_of_slice_passes_and_keeps_its_size() -> None:
    network = EncoderDecoder(1, top_blocks=1).eval()
    for size in [(1, 1), (8, 8), (17, 33), (109, 151), (64, 128)]:
        with torch.no_grad():
            assert network(torch.rand(2, 1, *size)).shape == (2, 1, *size)


@pytest.mark.parametrize("shape", [(8, 8, 8), (40, 11, 23), (9, 110, 75), (31, 64, 17)])
def test_pooling_slices_first_equals_pooling_the_volume(shape: tuple[int, int, int]) -> None:
    features = torch.randn(shape[0], 3, *shape[1:])
    cells = pool_in_plane(features)
    assert cells.shape == (shape[0], 3, 85)
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
