"""Features of lesions are those of chests whose lesions are known."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import numpy as np
import pytest
from numpy.typing import NDArray

from tests.exams.pipelines.bodies import Ball, Chest, draw, ellipsoid, grid
from triaged.exams.ct.radiomics.lesions import lesion_features
from triaged.imaging.volume import Mask
from triaged.study.radiomics import LESION_FEATURES

GRID = grid((4.0, 2.0, 2.0))
RIGHT, LEFT = (ellipsoid(GRID, centre, semi_axes) for centre, semi_axes in Chest().lungs)
NOTHING = np.zeros(GRID.shape, dtype=np.bool_)
MIDDLE, FRONT_OF_LEFT = (-72.0, 0.0, 0.0), (72.0, -75.0, 0.0)


def features_of(*balls: Ball) -> Mapping[str, float]:
    lesion = NOTHING.copy()
    for ball in balls:
        lesion |= ellipsoid(GRID, ball.centre_mm, (ball.radius_mm,) * 3)
    return lesion_features(draw(Chest(balls=balls), GRID), *(Mask(each, GRID) for each in (RIGHT, LEFT, lesion)))


def share(lesion: Ball, lung: NDArray[np.bool_]) -> float:
    ball = ellipsoid(GRID, lesion.centre_mm, (lesion.radius_mm,) * 3)
    return float((ball & lung).sum() / lung.sum())


def test_one_ball_is_one_patch_of_one_lung_with_its_size_and_greys() -> None:
    ball = Ball(MIDDLE, 25, hu=-500)
    found = features_of(ball)
    assert set(found) == set(LESION_FEATURES)
    assert found["lesions_share_of_worse_lung"] == pytest.approx(share(ball, RIGHT), rel=0.02)
    assert found["lesions_share_of_other_lung"] == found["lesions_balance"] == 0
    assert (found["lesions_patches"], found["lesions_spots"], found["lesions_effective_pieces"]) == (1, 0, 1)
    assert found["lesions_largest_share"] == 1
    assert found["lesions_mean_hu"] == pytest.approx(-500, abs=2)
    assert (found["lesions_glass"], found["lesions_dense"], found["lesions_core_dense"]) == (1, 0, 0)
    assert found["lesions_contrast_hu"] > 200
    assert found["lesions_span"] == pytest.approx(50 * 0.9 / 280, abs=0.03)


def test_lesions_of_both_lungs_are_balanced_and_counted() -> None:
    found = features_of(Ball(MIDDLE, 20, hu=-500), Ball((72, 0, 0), 20, hu=20), Ball((72, 0, 60), 3, hu=-500))
    assert found["lesions_balance"] > 0.9
    assert (found["lesions_patches"], found["lesions_spots"]) == (2, 1)
    assert found["lesions_effective_pieces"] == pytest.approx(2, abs=0.1)
    assert found["lesions_dense"] == pytest.approx(0.5, abs=0.02)
    assert found["lesions_rest_mean_hu"] < -700


def test_where_a_lesion_lies_is_told() -> None:
    middle, front = features_of(Ball(MIDDLE, 15)), features_of(Ball(FRONT_OF_LEFT, 15))
    assert middle["lesions_posterior"] == pytest.approx(0.5, abs=0.03)
    assert front["lesions_posterior"] < 0.3
    assert middle["lesions_height"] == pytest.approx(0.5, abs=0.03)
    assert features_of(Ball((-72, 0, 80), 15))["lesions_height"] > 0.7
    assert middle["lesions_depth_mm"] > front["lesions_depth_mm"]
    assert middle["lesions_peripheral"] < front["lesions_peripheral"]


def test_a_lung_without_lesion_has_no_density_of_it() -> None:
    found = features_of()
    assert found["lesions_share_of_worse_lung"] == 0
    assert set(found) < set(LESION_FEATURES)
    assert "lesions_mean_hu" not in found
    assert "lesions_rest_mean_hu" in found


def test_without_lungs_nothing_is_told() -> None:
    masks = [Mask(NOTHING, GRID)] * 3
    assert lesion_features(draw(Chest(), GRID), *masks) == {}


def test_finer_pixels_hardly_change_the_features() -> None:
    ball = Ball(MIDDLE, 25, hu=-300)
    fine = grid((4.0, 1.0, 1.0))
    lungs = [ellipsoid(fine, centre, semi_axes) for centre, semi_axes in Chest().lungs]
    lesion = ellipsoid(fine, ball.centre_mm, (25, 25, 25))
    found = lesion_features(draw(Chest(balls=[ball]), fine), *(Mask(each, fine) for each in (*lungs, lesion)))
    coarse = features_of(replace(ball))
    for name in ("share_of_worse_lung", "depth_mm", "height", "posterior", "peripheral", "span"):
        assert found[f"lesions_{name}"] == pytest.approx(coarse[f"lesions_{name}"], rel=0.06), name
