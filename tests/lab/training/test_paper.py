"""The paper's recipe draws, crops, thins, weighs and slows down as the specification says (1.0.4)."""

import math
from collections import Counter
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("torch", reason="the lab needs torch: pip install triaged[lab]")

import torch

from tests.lab.training.chests import series
from triaged.errors import ConfigError
from triaged.lab.networks.multitask import LungNetwork, Multitask
from triaged.lab.training.comparator_tasks import draw_cube, emptied, masked_or_negative
from triaged.lab.training.losses import cross_entropy, ranking_area
from triaged.lab.training.paper import (
    Case,
    Cases,
    PaperLungTask,
    PaperMultitaskTask,
    draw_case,
    padded,
    thinned,
    wrongness,
)
from triaged.lab.training.presets import PRESETS, PresetName, Subject, variant_level
from triaged.lab.training.sampling import LESION, GeneratedSeries
from triaged.lab.training.schedule import Schedule

LN2 = math.log(2)


@pytest.fixture
def viral(tmp_path: Path) -> GeneratedSeries:
    return series(tmp_path, "viral")


@pytest.fixture
def bacterial(tmp_path: Path) -> GeneratedSeries:
    return series(tmp_path, "bacterial")


def kind(case: Case) -> str:
    if not case.positive:
        return "negative"
    return "masked" if case.weight.any() else "unmasked"


@pytest.mark.parametrize("some_come_without_mask", [True, False])
def test_cases_are_drawn_in_the_papers_shares(
    some_come_without_mask: bool, viral: GeneratedSeries, bacterial: GeneratedSeries
) -> None:
    """Of 2000: 500, 500 and 1000, within four standard deviations of a binomial draw, 22 at most."""
    unmasked = replace(viral, labels=viral.labels & ~np.uint8(LESION))
    cases = Cases([viral, bacterial, *([unmasked] if some_come_without_mask else [])])
    rng = np.random.default_rng(1)
    counts = Counter(kind(cases.draw(rng)) for _ in range(2000))
    assert counts["negative"] == pytest.approx(500, abs=80)
    assert counts["unmasked"] == pytest.approx(500, abs=80)
    assert counts["masked"] == pytest.approx(1000, abs=90)


def test_without_negatives_or_without_masks_there_is_no_such_training(
    viral: GeneratedSeries, bacterial: GeneratedSeries
) -> None:
    with pytest.raises(ConfigError, match="without viral disease, found none among 1"):
        Cases([viral])
    with pytest.raises(ConfigError, match="with masked viral disease, found none among 1"):
        Cases([bacterial])


@pytest.mark.parametrize("count", [5, 32, 33, 63, 64, 100, 321])
def test_a_series_is_thinned_to_about_32_slices_from_any_phase(count: int) -> None:
    """Stride n // 32, and a phase below that stride plus the remainder: at least 32 slices stay, at most 63."""
    phases = set()
    for seed in range(400):
        kept = range(count)[thinned(count, np.random.default_rng(seed))]
        phases.add(kept[0])
        assert kept.step == max(1, count // 32)
        assert min(count, 32) <= len(kept) <= max(32, min(count, 63))
    assert phases == set(range(1 if count <= 32 else count // 32 + count % 32))


def test_a_case_is_the_middle_of_the_lungs_box_unvaried(viral: GeneratedSeries) -> None:
    """8 slices, 20 rows and 32 columns of it, of which 4 * 10 * 8 voxels are lesion at -400 HU."""
    case = draw_case(viral_around(viral), np.random.default_rng(1))
    assert case.images.shape == (8, 1, 20, 32)
    assert case.truth.sum() == 4 * 10 * 8
    torch.testing.assert_close(case.images[case.truth > 0], torch.full((320,), 600 / 1300))


def viral_around(viral: GeneratedSeries) -> GeneratedSeries:
    return replace(viral, voxels=viral.voxels[2:10], labels=viral.labels[2:10])


def test_large_lungs_are_cut_to_128_by_160_about_their_centre(viral: GeneratedSeries) -> None:
    """A voxel of 0 HU at the very centre of a box of 201 x 251 comes to lie at the centre of the crop."""
    voxels = np.full((1, 240, 300), -1000, dtype=np.int16)
    voxels[0, 20 + 100, 30 + 125] = 0
    wide = replace(viral, voxels=voxels, labels=np.ones(voxels.shape, dtype=np.uint8), box=(20, 221, 30, 281))
    images = draw_case(wide, np.random.default_rng(1)).images
    assert images.shape == (1, 1, 128, 160)
    assert np.argwhere(images[0, 0].numpy() > 0.5).tolist() == [[64, 80]]


def test_cross_entropy_counts_what_teaches_and_nothing_else() -> None:
    logits, truth = torch.tensor([0.0, 0.0, 50.0]), torch.tensor([1.0, 0.0, 0.0])
    assert float(cross_entropy(logits, truth, torch.tensor([1.0, 1.0, 0.0]))) == pytest.approx(LN2)
    assert float(cross_entropy(logits, truth, torch.tensor([1.0, 1.0, 1.0]))) == pytest.approx((2 * LN2 + 50) / 3)
    assert float(cross_entropy(logits, truth, torch.zeros(3))) == 0


def undecided(network: Multitask) -> Multitask:
    """A network that answers every question with a logit of 0."""
    for name in ("segmentation.head.1.2.weight", "identification.output.weight"):
        torch.nn.init.zeros_(network.get_parameter(name))
    return network


def test_lesions_count_fully_and_identification_a_tenth(viral: GeneratedSeries, bacterial: GeneratedSeries) -> None:
    """Whoever does not decide is wrong by ln 2 at each question: on masked cases' voxels, and on all cases."""
    task = PaperMultitaskTask(undecided(Multitask(1, levels=3)), [viral, bacterial], [])
    losses = {round(task.loss(0.0, 1, np.random.default_rng(seed)).item(), 4) for seed in range(12)}
    assert losses == {round(1.1 * LN2, 4), round(0.1 * LN2, 4)}


def test_what_was_padded_does_not_teach() -> None:
    small, large = torch.rand(1, 1, 4, 6), torch.rand(2, 1, 8, 5)
    cases = [Case(one, torch.zeros_like(one), torch.ones_like(one), True) for one in (small, large)]
    logits = torch.zeros(3, 1, 8, 6)
    logits[0, :, 4:], logits[1:, :, :, 5:] = 50.0, 50.0
    assert padded([small, large]).shape == (3, 1, 8, 6)
    assert float(wrongness(logits, cases)) == pytest.approx(LN2)


@pytest.mark.parametrize("level", [1, 2, 3])
def test_every_variant_learns_from_several_series_at_once(
    level: int, viral: GeneratedSeries, bacterial: GeneratedSeries
) -> None:
    torch.manual_seed(1)
    task = PaperMultitaskTask(Multitask(1, 3, level), [viral, bacterial], [viral, bacterial])
    torch.autograd.backward(task.loss(0.0, 3, np.random.default_rng(2)))
    gradient = task.network.get_parameter("identification.hidden.weight").grad
    assert gradient is not None
    assert bool(gradient.any())
    task.network.eval()
    with torch.no_grad():
        assert set(task.measure()) == {"lesion_dice", "severity_error", "auc"}


def test_the_papers_lungs_are_learnt_from_whole_slices(viral: GeneratedSeries) -> None:
    network = LungNetwork(1, levels=3)
    torch.nn.init.zeros_(network.get_parameter("head.2.weight"))
    loss = PaperLungTask(network, [viral], [viral]).loss(0.0, 3, np.random.default_rng(3))
    assert loss.item() == pytest.approx(LN2, abs=1e-3)


def test_an_unet_plus_learns_that_other_disease_is_no_lesion(
    viral: GeneratedSeries, bacterial: GeneratedSeries
) -> None:
    """By default the opacity of another disease does not teach; 2D U-Net+ takes the whole negative as empty."""
    rng = np.random.default_rng(4)
    assert draw_case(bacterial, rng).weight.min() == 0
    negative = emptied(draw_case)(bacterial, rng)
    assert (float(negative.truth.max()), float(negative.weight.min())) == (0, 1)
    assert emptied(draw_case)(viral, rng).truth.max() == 1
    assert masked_or_negative([viral, bacterial]) == [viral, bacterial]


def test_a_cube_lies_in_the_lungs_box_with_its_truth(viral: GeneratedSeries) -> None:
    for seed in range(10):
        cube = draw_cube(viral_around(viral), 12, np.random.default_rng(seed))
        assert cube.images.shape == (8, 1, 12, 12)
        assert bool((cube.truth > 0).eq(cube.images == np.float32(600 / 1300)).all())


@pytest.mark.parametrize(
    ("subject", "rates"),
    [
        (Subject.LUNGS, {0: 1e-3, 7_999: 1e-3, 8_000: 1e-4, 15_999: 1e-4}),
        (Subject.LESIONS, {0: 3e-4, 23_999: 3e-4, 24_000: 1e-4, 29_999: 1e-4}),
        (Subject.UNET2D, {0: 3e-4, 14_999: 3e-4}),
        (Subject.UNET2D_PLUS, {0: 3e-4, 14_999: 3e-4}),
        (Subject.UNET3D, {0: 1e-2, 9_999: 1e-2}),
        (Subject.RESNET50, {0: 3e-4, 23_999: 3e-4, 24_000: 9e-5, 29_999: 9e-5}),
    ],
)
def test_the_papers_schedules_are_those_of_the_specification(subject: Subject, rates: dict[int, float]) -> None:
    """For each subject: the rate at its first and last step, and on both sides of the drop."""
    preset = PRESETS[subject, PresetName.PAPER]
    schedule = Schedule(preset.steps, preset.batch, preset.learning_rate, 1, 0, preset.optimiser, preset.course)
    assert preset.steps == max(rates) + 1
    assert {step: schedule.rate(step) for step in rates} == pytest.approx(rates)
    assert (preset.optimiser == "sgd") == (subject is Subject.UNET3D)


def test_variants_are_named_as_in_the_paper() -> None:
    assert [variant_level(name, 7) for name in ("spatial-1", "spatial-4", "spatial-7", "latent")] == [1, 4, 7, 7]
    for name in ("spatial-0", "spatial-8", "spatial-", "spatial-x", "lateral"):
        with pytest.raises(ConfigError, match=f"expected latent or spatial-1 to spatial-7, found {name}"):
            variant_level(name, 7)


def test_ranking_counts_ties_half_and_is_undefined_without_one_group() -> None:
    """Of four pairs two are in order, one is tied: (2 + 1/2) / 4."""
    assert ranking_area([3.0, 1.0], [1.0, 2.0]) == pytest.approx(2.5 / 4)
    assert math.isnan(ranking_area([1.0], []))
