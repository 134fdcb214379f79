"""Members of an ensemble and the networks of a cascade see the planes, places and sides that they are told about."""

from itertools import product
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("torch", reason="the lab needs torch: pip install triaged[lab]")

import torch

from tests.lab.training.chests import boxes, series
from triaged.errors import ConfigError
from triaged.lab.networks.efficient import EfficientLite
from triaged.lab.networks.encoders import ENCODERS, DenseNet121, ResNet18
from triaged.lab.networks.segmenters import DECODERS, Segmenter, split_architecture
from triaged.lab.training.place import CPU
from triaged.lab.training.planes import seen_from
from triaged.lab.training.presets import PresetName, Subject, recipe_of
from triaged.lab.training.projections import SIDE, draw_projected, projected
from triaged.lab.training.sampling import LEFT_LUNG, LESION, LUNG, Sight, draw_seen
from triaged.lab.training.segmentation import SEGMENTATIONS, one_logit, segmentation_task, sides_loss
from triaged.lab.training.widening import widened


@pytest.mark.parametrize("architecture", [f"{first}-{second}" for first, second in product(DECODERS, ENCODERS)])
def test_every_decoder_fits_every_encoder_and_keeps_any_size(architecture: str) -> None:
    torch.manual_seed(0)
    network = Segmenter(architecture, width=2, channels_in=4, classes=3).eval()
    with torch.no_grad():
        for size in ((33, 50), (64, 31)):
            assert network(torch.rand(1, 4, *size)).shape == (1, 3, *size)


def test_the_encoders_have_their_published_parameters() -> None:
    """11,689,512 and 7,978,856 (as torchvision counts), less their outputs and two input channels."""
    with torch.device("meta"):
        resnet, densenet = ResNet18(64, 1), DenseNet121(64, 1)
    counted = [sum(parameter.numel() for parameter in network.parameters()) for network in (resnet, densenet)]
    stem = 2 * 64 * 7 * 7
    assert counted[0] == 11_689_512 - 513_000 - stem
    assert counted[1] == 7_978_856 - 1_025_000 - 2 * 1024 - stem  # its last normalisation stands before the output


@pytest.mark.parametrize("name", ["fpn", "fpn-vgg", "psp-resnet18", "-"])
def test_an_unknown_architecture_is_told(name: str) -> None:
    with pytest.raises(ConfigError, match="--network: expected fpn"):
        split_architecture(name)


def test_the_papers_recipe_knows_no_members() -> None:
    with pytest.raises(ConfigError, match="--preset: expected default for fpn"):
        recipe_of(Subject.FPN, PresetName.PAPER)


@pytest.mark.parametrize(("plane", "axes"), [("coronal", (1, 0, 2)), ("sagittal", (2, 0, 1))])
def test_the_planes_of_a_series_are_its_slices_at_2_mm(plane: str, axes: tuple[int, int, int], tmp_path: Path) -> None:
    viral = series(tmp_path, "viral")
    turned = seen_from(viral, plane)  # type: ignore[arg-type]
    right, left, opacity = (mask.repeat(5, axis=0).transpose(axes) for mask in boxes())
    count = round(12 * 5 / 2)
    assert turned.voxels.shape[1] == count
    assert turned.slice_spacing_mm == 2.0
    places = ((np.arange(count) + 0.5) * 2.0).astype(int)  # the middles of the new rows in the old ones' millimetres
    for bit, mask in ((LUNG, right | left), (LEFT_LUNG, left), (LESION, opacity)):
        np.testing.assert_array_equal(turned.labels & bit > 0, mask[:, places])
    top, bottom, first, last = turned.box
    assert (turned.labels[:, top:bottom, first:last] & LUNG > 0).sum() == (turned.labels & LUNG > 0).sum()


def test_axial_planes_are_the_series_itself(tmp_path: Path) -> None:
    viral = series(tmp_path, "viral")
    assert seen_from(viral, "axial") is viral


@pytest.mark.parametrize("plane", ["axial", "coronal", "sagittal"])
def test_a_cube_names_sides_and_places(plane: str, tmp_path: Path) -> None:
    """The right lung lies at low x: its columns are 8 to 20 of 48; rows are 10 to 30 of 40, slices 2 to 10 of 12."""
    shown = projected(seen_from(series(tmp_path, "viral"), plane), plane, every=1)  # type: ignore[arg-type]
    assert shown.images.shape[1:] == (4, SIDE, SIDE)
    x, y, z = (shown.images[:, channel] for channel in (1, 2, 3))
    right, left = shown.sides == 1, shown.sides == 2
    assert (x[right].min(), x[right].max()) == pytest.approx((8 / 48, 20 / 48), abs=0.02)
    assert (x[left].min(), x[left].max()) == pytest.approx((28 / 48, 40 / 48), abs=0.02)
    assert (y[right].min(), y[right].max()) == pytest.approx((10 / 40, 30 / 40), abs=0.02)
    assert (z[right].min(), z[right].max()) == pytest.approx((2 / 12, 10 / 12), abs=0.05)
    assert 0.1 < float(shown.images[:, 0][left].mean()) < 0.3  # -850 HU and the edges


@pytest.mark.parametrize("plane", ["axial", "coronal", "sagittal"])
def test_the_lung_at_low_x_is_the_right_one_however_a_chest_is_drawn(plane: str, tmp_path: Path) -> None:
    turned = seen_from(series(tmp_path, "viral"), plane)  # type: ignore[arg-type]
    seen: set[tuple[int, bool]] = set()
    for seed in range(24):
        shown = draw_projected(turned, plane, np.random.default_rng(seed))  # type: ignore[arg-type]
        for side in (1, 2):
            if bool((shown.sides == side).any()):
                seen.add((side, bool(shown.images[:, 1][shown.sides == side].mean() < 0.5)))
    assert seen == {(1, True), (2, False)}


def test_smaller_pixels_show_the_same_lung_larger(tmp_path: Path) -> None:
    healthy = series(tmp_path, "none")
    counts = []
    for pixel_mm in (2.0, 1.0):
        sight = Sight((96, 96), 0, pixel_mm=pixel_mm)
        counts.append(float(draw_seen(healthy, 1, sight, np.random.default_rng(3)).lung.sum()))
    assert counts[1] == pytest.approx(4 * counts[0], rel=0.1)


def test_widening_leaves_pictures_in_range_and_changes_them() -> None:
    rng = np.random.default_rng(1)
    images, lung = torch.rand(2, 1, 40, 48), torch.zeros(2, 1, 40, 48)
    shown = [widened(images, lung, rng) for _ in range(12)]
    assert all(float(one.min()) >= 0 and float(one.max()) <= 1 for one in shown)
    assert sum(not torch.equal(one, images) for one in shown) > 6


def test_two_classes_are_one_logit() -> None:
    logits = torch.randn(2, 2, 5, 5)
    torch.testing.assert_close(one_logit(logits)[:, 0].sigmoid(), logits.softmax(dim=1)[:, 1])


def test_the_wrong_side_costs_more_than_the_right_one() -> None:
    sides = torch.zeros(1, 8, 8, dtype=torch.long)
    sides[:, 2:6, 1:3], sides[:, 2:6, 5:7] = 1, 2
    told = torch.nn.functional.one_hot(sides, 3).movedim(-1, 1).float() * 10
    swapped = told[:, [0, 2, 1]]
    assert float(sides_loss(told, sides)) < 0.1 < float(sides_loss(swapped, sides))


def test_a_cascade_sees_nothing_outside_the_lungs(tmp_path: Path) -> None:
    seen: list[torch.Tensor] = []

    class Watching(torch.nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.inner = torch.nn.Conv2d(1, 2, 1)

        def forward(self, images: torch.Tensor) -> torch.Tensor:
            seen.append(images)
            logits: torch.Tensor = self.inner(images)
            return logits

    viral = [series(tmp_path, "viral")]
    task = segmentation_task(Subject.CASCADE_LESIONS, Watching(), viral, viral, CPU)
    task.loss(0.0, 2, np.random.default_rng(0))
    assert seen[0].shape == (2, 1, 256, 256)
    assert float((seen[0] > 0).float().mean()) < 0.1


def test_every_segmentation_has_a_network_of_its_channels() -> None:
    for said in SEGMENTATIONS.values():
        split_architecture(said.architecture)
        assert (said.channels_in, said.classes) in {(1, 1), (1, 2), (4, 3)}


def test_an_encoder_starts_from_photographs_with_grey_as_all_colours_and_further_channels_silent() -> None:
    torch.manual_seed(2)
    encoder = EfficientLite(0, 2)
    deep = "stages.3.1.inner.0.weight"
    before = encoder.state_dict()[deep].clone()
    encoder.learn_from_photographs()
    encoder.eval()
    picture = torch.rand(1, 2, 64, 64)
    other = torch.cat([picture[:, :1], 1 - picture[:, 1:]], dim=1)
    with torch.no_grad():
        assert torch.equal(encoder(picture)[-1], encoder(other)[-1])
        assert not torch.equal(encoder(picture)[-1], encoder(1 - picture)[-1])
    assert not torch.equal(before, encoder.state_dict()[deep])
    assert all(torch.isfinite(each).all() for each in encoder.state_dict().values())
