"""The networks that the paper compares with have their published sizes, and pool as the paper says."""

import numpy as np
import pytest

pytest.importorskip("torch", reason="the lab needs torch: pip install triaged[lab]")

import torch

from triaged.lab.networks.comparators import ResNet50, ResNetBaseline, UNet2d, UNet3d, pool_along


def parameters(*networks: torch.nn.Module) -> int:
    return sum(parameter.numel() for network in networks for parameter in network.parameters())


def test_the_3d_unet_has_its_published_parameters() -> None:
    """19,069,955 for three channels in and out (Cicek et al., 2016), which counts no batch normalisation."""
    with torch.device("meta"):
        network = UNet3d(32, channels_in=3, channels_out=3)
    convolutions = [
        module for module in network.modules() if isinstance(module, torch.nn.Conv3d | torch.nn.ConvTranspose3d)
    ]
    assert parameters(*convolutions) == 19_069_955


def test_resnet50_has_its_published_parameters() -> None:
    """25,557,032 for three channels (He et al., as torchvision counts), of which two leave the 7x7 of 64 channels."""
    with torch.device("meta"):
        assert parameters(ResNet50()) == 25_557_032 - 2 * 64 * 7 * 7


def test_the_resnet_baseline_puts_15_cells_of_1000_outputs_before_its_1024() -> None:
    with torch.device("meta"):
        baseline = ResNetBaseline()
        slices = ResNet50()
    assert parameters(baseline) - parameters(slices) == 15_000 * 1024 + 1024 + 1024


def test_the_2d_unet_is_the_multitask_network_without_identification() -> None:
    with torch.device("meta"):
        assert parameters(UNet2d(8)) == 10_581_904 + 1_208


@pytest.mark.parametrize("size", [(1, 1, 1), (8, 16, 8), (9, 17, 22)])
def test_a_volume_of_any_size_passes_the_3d_unet_and_keeps_its_size(size: tuple[int, int, int]) -> None:
    with torch.no_grad():
        assert UNet3d(1).eval()(torch.rand(1, 1, *size)).shape == (1, 1, *size)


def test_voxels_far_away_do_not_change_the_3d_unet_and_near_ones_do() -> None:
    """Two 3x3x3 convolutions at strides 1, 2, 4, 8, 4, 2, 1, with pooling between, reach fewer than 64 voxels."""
    torch.manual_seed(0)
    network = UNet3d(1).eval()
    volume = torch.rand(1, 1, 8, 8, 128)
    near, far = volume.clone(), volume.clone()
    near[..., 2], far[..., 127] = 9.0, 9.0
    with torch.no_grad():
        plain = network(volume)[..., 0]
        assert torch.equal(network(far)[..., 0], plain)
        assert not torch.equal(network(near)[..., 0], plain)


@pytest.mark.parametrize("count", [1, 7, 8, 13, 40])
def test_pooling_along_the_series_takes_the_papers_windows(count: int) -> None:
    """Cell k of L starts at k * floor(n / L) and is n - (L - 1) * floor(n / L) long; short series repeat their last."""
    outputs = np.random.default_rng(count).standard_normal((count, 3))
    rows = np.concatenate([outputs, np.repeat(outputs[-1:], max(0, 8 - count), axis=0)])
    expected: list[float] = []
    for cells in (1, 2, 4, 8):
        stride = len(rows) // cells
        length = len(rows) - (cells - 1) * stride
        for output in range(3):
            expected += [rows[cell * stride : cell * stride + length, output].max() for cell in range(cells)]
    np.testing.assert_array_equal(pool_along(torch.from_numpy(outputs))[0].numpy(), expected)


def test_the_resnet_baseline_answers_once_per_series_and_each_series_for_itself() -> None:
    torch.manual_seed(0)
    baseline = ResNetBaseline(2, outputs=10, hidden=8).eval()
    with torch.no_grad():
        outputs = baseline.slices(torch.rand(14, 1, 33, 40))
        both = baseline.identify([outputs[:5], outputs[5:]])
        assert both.shape == (2, 1)
        torch.testing.assert_close(both[:1], baseline.identify([outputs[:5]]))
