"""Nothing outside the lungs tells which disease a generated patient has.

A logistic regression on features of non-lung pixels must stay at chance. With n1 ill and n0 other phantoms, an AUC of
pure chance scatters with a standard error of sqrt((n1 + n0 + 1) / (12 n1 n0)) (Mann and Whitney): about 0.05 for the
120 phantoms drawn here, so that only a leak worth more than 0.16 of AUC would be seen in the images. What the options
alone tell is bounded more tightly, on 6000 of them.
"""

from __future__ import annotations

from dataclasses import astuple, replace

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy import ndimage, stats

from triaged.lab.phantom.cache import training_options
from triaged.lab.phantom.generate import generate
from triaged.lab.phantom.options import Phantom

SERIES = 120
FOLDS = 5
Table = NDArray[np.float64]


def chance_error(positive: NDArray[np.bool_]) -> float:
    """Return the standard error of the AUC of a score that knows nothing."""
    ill = int(positive.sum())
    other = positive.size - ill
    return float(np.sqrt((positive.size + 1) / (12 * ill * other)))


def auc(score: Table, positive: NDArray[np.bool_]) -> float:
    ranks = stats.rankdata(score)
    ill = int(positive.sum())
    return float((ranks[positive].sum() - ill * (ill + 1) / 2) / (ill * (positive.size - ill)))


def cross_validated(features: Table, positive: NDArray[np.bool_]) -> float:
    """Return the AUC of a ridge logistic regression on samples that it was not fitted to, fold by fold in ranks."""
    fold = np.arange(positive.size) % FOLDS
    score = np.zeros(positive.size)
    for one in range(FOLDS):
        fit, held = fold != one, fold == one
        centre, spread = features[fit].mean(axis=0), features[fit].std(axis=0) + 1e-9
        x = np.column_stack([np.ones(positive.size), (features - centre) / spread])
        weights = np.zeros(x.shape[1])
        ridge = np.diag([1e-6, *[20.0] * features.shape[1]])
        for _ in range(12):
            p = 1 / (1 + np.exp(-np.clip(x[fit] @ weights, -30, 30)))
            hessian = x[fit].T @ (x[fit] * (p * (1 - p))[:, None]) + ridge
            weights += np.linalg.solve(hessian, x[fit].T @ (positive[fit] - p) - ridge @ weights)
        score[held] = stats.rankdata(x[held] @ weights) / held.sum()
    return auc(score, positive)


def outside(phantom: Phantom) -> list[float]:
    """Return histogram, noise and body size of all pixels that are neither lung nor beside it."""
    lungs = ndimage.binary_dilation(phantom.right_lung | phantom.left_lung, iterations=2)
    voxels = phantom.voxels_hu.astype(np.float64)
    values = voxels[~lungs]
    bins = np.histogram(values, [-4000, -1030, -990, -950, -700, -300, -80, 0, 40, 80, 150, 400, 4000])[0]
    detail = voxels - ndimage.uniform_filter(voxels, (1, 3, 3))
    air, flesh = ~lungs & (voxels < -900), ~lungs & (np.abs(voxels - 40) < 100)
    body = (voxels > -300) & ~lungs
    sizes = [body.any(axis=(0, 1)).sum(), body.any(axis=(0, 2)).sum(), body.mean(), voxels.shape[0]]
    noise = [detail[air].std() if air.any() else 0.0, detail[flesh].std(), values.mean(), voxels.min()]
    return [*(bins / values.size), *(float(size) for size in sizes), *(float(each) for each in noise)]


@pytest.fixture(scope="module")
def drawn() -> tuple[Table, NDArray[np.bool_]]:
    features, ill = [], []
    for seed in range(7000, 7000 + SERIES):
        options = training_options(seed)
        slices = {"matrix": 48, "pixel_mm": options.matrix * options.pixel_mm / 48, "increment_mm": 18.0}
        phantom = generate(replace(options, slice_mm=2.0, missing=(), crop_mm=(0.0, 0.0), **slices))  # type: ignore[arg-type]
        features.append(outside(phantom))
        ill.append(options.disease == "viral")
    return np.array(features), np.array(ill)


def test_pixels_outside_the_lungs_do_not_tell_the_disease(drawn: tuple[Table, NDArray[np.bool_]]) -> None:
    features, ill = drawn
    assert abs(cross_validated(features, ill) - 0.5) < 3 * chance_error(ill)


def test_the_check_sees_a_scanner_that_is_noisier_for_the_ill(drawn: tuple[Table, NDArray[np.bool_]]) -> None:
    features, ill = drawn
    leaky = features.copy()
    leaky[ill, -3] *= 1.6
    assert cross_validated(leaky, ill) - 0.5 > 3 * chance_error(ill)


def test_the_options_of_scanner_and_anatomy_do_not_tell_the_disease() -> None:
    rows, ill = [], []
    for seed in range(6000):
        options = training_options(seed)
        numbers = [v for v in astuple(options.scanner) if not isinstance(v, tuple)]
        named = [options.variant != "usual", options.metal != "none", options.posture == "prone", *options.crop_mm]
        rows.append([*numbers, *named, options.matrix, options.slice_mm, options.increment_mm, len(options.missing)])
        ill.append(options.disease == "viral")
    features, positive = np.array(rows, dtype=np.float64), np.array(ill)
    assert abs(cross_validated(features, positive) - 0.5) < 3 * chance_error(positive)
    assert 3 * chance_error(positive) < 0.03
