"""The 8-bit recipe of published slices, and the network that undoes it."""

import numpy as np
import torch
from scipy import ndimage

from triaged.lab.sources.inversion import CurveNetwork, learn_inversion, undone
from triaged.lab.sources.recipe import as_pair, drawn_pair, equalised


def chest(seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Return a plain body of 40 HU with two lungs of -850 HU and vessels in them, in air; and the lungs."""
    rng = np.random.default_rng(seed)
    row, column = np.mgrid[:512, :512]
    body = ((row - 256) / 170) ** 2 + ((column - 256) / 220) ** 2 < 1
    lungs = np.zeros((512, 512), dtype=bool)
    for centre in (150, 362):
        lungs |= ((row - 250) / 120) ** 2 + ((column - centre) / 75) ** 2 < 1
    vessels = ndimage.gaussian_filter(rng.standard_normal((512, 512)), 3) > 0.09
    hu = np.where(body, 40.0, -1000.0) + rng.normal(0, 15, (512, 512))
    hu = np.where(lungs, np.where(vessels, 30.0, -850.0) + rng.normal(0, 25, (512, 512)), hu)
    return hu.astype(np.float32), lungs


def test_the_recipe_raises_local_contrast_and_keeps_the_size_of_the_published_slices() -> None:
    hu, lungs = chest(1)
    grey = equalised(hu, -1024, 3071)
    plain = np.clip((hu + 1024) / (3071 + 1024), 0, 1)[::2, ::2]
    assert grey.shape == (256, 256)
    assert grey.min() >= 0
    assert grey.max() <= 1
    inside = ndimage.binary_erosion(lungs & (hu < -700), iterations=2)[::2, ::2]
    assert grey[inside].std() > 1.5 * plain[inside].std()


def test_every_predicted_curve_rises_with_grey() -> None:
    torch.manual_seed(3)
    network = CurveNetwork().eval()
    with torch.no_grad():
        for layer in network.curves:
            if isinstance(layer, torch.nn.Conv2d):
                layer.weight.normal_(0, 0.3)
        around = torch.rand(1, 1, 256, 256)
        lower, higher = around.clone(), around.clone()
        lower[0, 0, 100, 100], higher[0, 0, 100, 100] = 0.50, 0.5001
        low, high = network(lower)[0, 0, 100, 100], network(higher)[0, 0, 100, 100]
    assert float(high) >= float(low)


def test_a_few_steps_of_learning_bring_the_values_closer_to_the_truth() -> None:
    torch.manual_seed(1)
    series = [(np.stack([chest(seed)[0] for seed in (1, 2)]).astype(np.int16), np.stack([chest(1)[1]] * 2))]
    unseen = as_pair(*chest(9), -1024, 400)
    said: list[str] = []
    before = np.abs(undone(CurveNetwork().eval(), unseen.grey) - unseen.hu).mean()
    network = learn_inversion(series, 12, np.random.default_rng(1), said.append)
    after = np.abs(undone(network, unseen.grey) - unseen.hu).mean()
    assert after < 0.95 * before
    assert said[-1].startswith("step 12/12")


def test_the_same_seed_draws_the_same_pair() -> None:
    hu, lungs = chest(4)
    first, second = (drawn_pair(hu, lungs, np.random.default_rng(7)) for _ in range(2))
    assert np.array_equal(first.grey, second.grey)
    assert np.array_equal(first.hu, second.hu)
