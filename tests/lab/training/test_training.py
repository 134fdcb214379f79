"""Training learns, can be stopped and resumed without a difference, and varies slices without moving the truth."""

from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("torch", reason="the lab needs torch: pip install triaged[lab]")

import torch

from triaged.lab.networks.multitask import LungNetwork, Multitask, MultitaskSpatial1
from triaged.lab.training.appearance import vary_appearance
from triaged.lab.training.checkpoints import CHECKPOINT
from triaged.lab.training.identification import PooledSeries, fit_head, pooled_series, ranking
from triaged.lab.training.loop import train
from triaged.lab.training.losses import dice_coefficient, segmentation_loss
from triaged.lab.training.normalisation import settle_normalisation
from triaged.lab.training.sampling import (
    IGNORED,
    LESION,
    LUNG,
    GeneratedSeries,
    around_lungs,
    draw_slices,
    read_series,
)
from triaged.lab.training.schedule import Schedule
from triaged.lab.training.tasks import LungTask, MultitaskTask


def write_phantom(path: Path, disease: str) -> None:
    """Two boxes of lung in a box of tissue; the right one has a lesion, or another opacity, in one corner."""
    voxels = np.full((12, 40, 48), -1000, dtype=np.int16)
    voxels[:, 4:36, 4:44] = 40
    right, left, opacity = (np.zeros(voxels.shape, dtype=bool) for _ in range(3))
    right[2:10, 10:30, 8:20] = True
    left[2:10, 10:30, 28:40] = True
    opacity[4:8, 20:30, 8:16] = True
    voxels[right | left] = -850
    voxels[opacity] = -400
    none = np.zeros(voxels.shape, dtype=bool)
    np.savez_compressed(
        path,
        voxels=voxels,
        right=right,
        left=left,
        lesion=opacity if disease == "viral" else none,
        other=none if disease == "viral" else opacity,
        spacing=np.array([5.0, 2.0, 2.0]),
        disease=np.array(disease),
        severity=np.array([0.1, 0.0]),
    )


@pytest.fixture
def viral(tmp_path: Path) -> GeneratedSeries:
    write_phantom(tmp_path / "viral.npz", "viral")
    return read_series(tmp_path / "viral.npz")


@pytest.fixture
def bacterial(tmp_path: Path) -> GeneratedSeries:
    write_phantom(tmp_path / "bacterial.npz", "bacterial")
    return read_series(tmp_path / "bacterial.npz")


def test_a_phantom_becomes_labels(viral: GeneratedSeries, bacterial: GeneratedSeries) -> None:
    assert viral.positive
    assert not bacterial.positive
    assert viral.labels[5, 25, 10] == LUNG | LESION
    assert bacterial.labels[5, 25, 10] == LUNG | IGNORED
    assert viral.box == (10, 30, 8, 40)


def test_only_slices_with_lung_are_kept_around_the_lungs(viral: GeneratedSeries) -> None:
    assert len(around_lungs(viral).voxels) == 8


def test_a_drawn_slice_has_its_truth_in_place(viral: GeneratedSeries) -> None:
    """Whatever the zoom, turn and noise: lung stays darker than the tissue around it, lesion lies between."""
    rng = np.random.default_rng(5)
    drawn = draw_slices(around_lungs(viral), 8, (48, 48), 0, rng)
    lung, lesion, images = drawn.lung > 0, drawn.lesion > 0, drawn.images
    assert lesion.any()
    healthy = images[lung & ~lesion].mean()
    assert healthy < images[lesion].mean() < 0.75
    assert bool((lesion & ~lung).sum() == 0)


def test_other_diseases_do_not_teach_the_lesion(bacterial: GeneratedSeries) -> None:
    drawn = draw_slices(around_lungs(bacterial), 8, (48, 48), 0, np.random.default_rng(5))
    assert float(drawn.lesion.sum()) == 0
    assert 0 < float((drawn.weight == 0).sum()) < drawn.weight.numel() / 2


def test_equal_seeds_draw_equal_slices(viral: GeneratedSeries) -> None:
    first, second = (draw_slices(viral, 2, (32, 32), 5, np.random.default_rng(9)) for _ in range(2))
    torch.testing.assert_close(first.images, second.images, rtol=0, atol=0)


def test_appearance_keeps_shape_and_stays_finite() -> None:
    hu = torch.full((2, 24, 30), -850.0)
    for seed in range(20):
        varied = vary_appearance(hu, torch.ones_like(hu), torch.zeros_like(hu), np.random.default_rng(seed))
        assert varied.shape == hu.shape
        assert bool(torch.isfinite(varied).all())


def test_ignored_pixels_do_not_change_the_loss() -> None:
    truth = torch.zeros(1, 1, 8, 8)
    weight = torch.ones_like(truth)
    weight[..., 4:] = 0
    right = torch.full_like(truth, -5.0)
    wrong_where_ignored = torch.where(weight > 0, right, 5.0)
    torch.testing.assert_close(
        segmentation_loss(right, truth, weight), segmentation_loss(wrong_where_ignored, truth, weight)
    )


def test_dice_of_known_masks() -> None:
    first, second = torch.tensor([1, 1, 0, 0]) > 0, torch.tensor([1, 0, 1, 0]) > 0
    assert dice_coefficient(first, second) == 0.5
    assert dice_coefficient(first & False, second & False) == 1.0


def weights(folder: Path) -> dict[str, torch.Tensor]:
    state: dict[str, torch.Tensor] = torch.load(folder / CHECKPOINT, weights_only=True)["network"]
    return state


def lungs(viral: GeneratedSeries) -> LungTask:
    torch.manual_seed(1)
    return LungTask(LungNetwork(1, levels=3), [viral], [viral])


def ignore(_line: str) -> None:
    pass


def test_a_resumed_training_ends_as_an_unbroken_one(viral: GeneratedSeries, tmp_path: Path) -> None:
    schedule = Schedule(steps=4, batch=2, learning_rate=1e-3, measure_every=2, seed=3)
    unbroken, broken = tmp_path / "unbroken", tmp_path / "broken"
    train(lungs(viral), schedule, unbroken, lambda: 0.0, ignore)

    class Stop(Exception):
        pass

    def stop(_line: str) -> None:
        raise Stop

    with pytest.raises(Stop):
        train(lungs(viral), schedule, broken, lambda: 0.0, stop)
    train(lungs(viral), schedule, broken, lambda: 0.0, ignore)
    torch.testing.assert_close(weights(broken), weights(unbroken))
    assert len((broken / "metrics.csv").read_text().splitlines()) == 3


def test_both_parts_of_the_multitask_training_run(viral: GeneratedSeries, bacterial: GeneratedSeries) -> None:
    torch.manual_seed(1)
    task = MultitaskTask(MultitaskSpatial1(1, levels=3), [viral, bacterial], [viral, bacterial])
    for progress in (0.0, 0.99):
        loss = task.loss(progress, 2, np.random.default_rng(4))
        assert bool(torch.isfinite(loss))
    task.network.eval()
    with torch.no_grad():
        assert set(task.measure()) == {"lesion_dice", "severity_error", "auc"}


def test_variants_learn_to_segment_alike_until_they_identify(
    viral: GeneratedSeries, bacterial: GeneratedSeries, tmp_path: Path
) -> None:
    found = []
    for level in (1, 3):
        torch.manual_seed(1)
        task = MultitaskTask(Multitask(1, 3, level), [viral, bacterial], [viral, bacterial])
        schedule = Schedule(steps=10, batch=2, learning_rate=1e-3, measure_every=10, seed=3)
        train(task, schedule, tmp_path / str(level), lambda: 0.0, ignore, stop=lambda done: done == 7)
        state = torch.load(tmp_path / str(level) / CHECKPOINT, weights_only=True)["network"]
        found.append({name: value for name, value in state.items() if name.startswith("segmentation.")})
    torch.testing.assert_close(found[0], found[1], rtol=0, atol=0)


def test_the_head_learns_from_whole_series_what_tells_them_apart() -> None:
    """Positive series hold one bright slice somewhere; the others none."""
    rng = np.random.default_rng(8)
    pooled = []
    for index in range(24):
        cells = rng.random((int(rng.integers(8, 20)), 1, 85), dtype=np.float32)
        cells[len(cells) // 2] += 4 * (index % 2)
        pooled.append(PooledSeries(cells, index % 2 == 1))
    torch.manual_seed(2)
    network = MultitaskSpatial1(1, levels=3)
    fit_head(network, pooled, 200, rng)
    lines: list[str] = []
    assert ranking(network, pooled, lines.append) == 1.0
    assert lines == ["identification: AUC 1.000 over 12 positive and 12 other series"]


def test_cells_cover_every_slice_with_lung(viral: GeneratedSeries) -> None:
    pooled = pooled_series(MultitaskSpatial1(1, levels=3).segmentation, [viral], 2, np.random.default_rng(1))
    assert [one.cells.shape for one in pooled] == [(8, 1, 85)] * 2
    assert all(one.positive for one in pooled)


def test_settled_normalisation_is_the_average_over_all_batches() -> None:
    layer = torch.nn.BatchNorm2d(1, momentum=0.1)
    batches = [torch.randn(4, 1, 5, 5, generator=torch.Generator().manual_seed(seed)) + seed for seed in range(6)]
    drawn = iter(batches)
    settle_normalisation(layer, lambda: next(drawn), 6)
    assert layer.running_mean is not None
    torch.testing.assert_close(layer.running_mean, torch.stack(batches).mean(dim=(0, 1, 3, 4)))
    assert layer.momentum == 0.1
    assert not layer.training
