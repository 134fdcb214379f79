"""What is shown of a film stays true: sides change names in a mirror, labels move with the grey, lesions are seen."""

from __future__ import annotations

import numpy as np
import pytest

from tests.lab.films.drawn import film
from triaged.exams.xray.squares import Square
from triaged.lab.films.film import AFFECTED, LEFT, RIGHT, SIDE
from triaged.lab.films.paste import with_lesion
from triaged.lab.films.variation import Pose, another_look, draw_pose, shown, with_clutter

WHOLE = Square.of((SIDE, SIDE))


def test_a_film_that_is_not_moved_is_shown_as_it_is() -> None:
    one = film(1)
    grey, labels = shown(one.grey, one.labels, WHOLE, SIDE, Pose())
    assert np.allclose(grey, one.grey / 255, atol=0.005)
    assert np.array_equal(labels, one.labels)


def test_in_a_mirror_right_and_left_lung_change_names() -> None:
    one = film(1, is_sick=True)
    _, labels = shown(one.grey, one.labels, WHOLE, SIDE, Pose(is_mirrored=True))
    assert np.array_equal(labels & RIGHT > 0, (one.labels & LEFT > 0)[:, ::-1])
    assert np.array_equal(labels & LEFT > 0, (one.labels & RIGHT > 0)[:, ::-1])
    assert np.array_equal(labels & AFFECTED > 0, (one.labels & AFFECTED > 0)[:, ::-1])


@pytest.mark.parametrize("pose", [Pose(0.8, 0.05, -0.1, 10.0), Pose(1.2, 0, 0, -15.0, True), Pose(2.0)])
@pytest.mark.parametrize("side", [128, 256])
def test_labels_move_with_what_is_seen(pose: Pose, side: int) -> None:
    """The lungs of the drawn film are its only dark part."""
    one = film(2)
    grey, labels = shown(one.grey, one.labels, WHOLE, side, pose)
    dark = (grey < 0.5) & (grey > 0.02)
    lungs = labels & (RIGHT | LEFT) > 0
    assert 2 * np.sum(dark & lungs) / (np.sum(dark) + np.sum(lungs)) > 0.96


def test_poses_are_drawn_within_their_bounds_and_half_of_them_mirrored() -> None:
    rng = np.random.default_rng(4)
    poses = [draw_pose(rng, 0.1) for _ in range(600)]
    assert all(abs(pose.degrees) <= 15 and 0.7 <= pose.zoom <= np.exp(0.1) for pose in poses)
    assert 0.4 < np.mean([pose.is_mirrored for pose in poses]) < 0.6
    assert 0.4 < np.mean([pose.degrees != 0 for pose in poses]) < 0.6
    assert 0.1 < np.mean([pose.zoom < 0.9 for pose in poses]) < 0.35


def test_every_look_stays_a_picture_and_is_another_one() -> None:
    rng = np.random.default_rng(5)
    grey = film(3).grey[::2, ::2].astype(np.float32) / np.float32(255)
    looks = [with_clutter(another_look(grey, rng), rng) for _ in range(12)]
    for look in looks:
        assert look.shape == grey.shape
        assert look.dtype == np.float32
        assert look.min() >= 0
        assert look.max() <= 1
    assert np.std([look.mean() for look in looks]) > 0.01


def test_a_lesion_is_brighter_than_the_lung_was_and_lies_within_it() -> None:
    one = film(6)
    grey, labels = one.grey[::2, ::2].astype(np.float32) / np.float32(255), one.labels[::2, ::2]
    sizes = []
    for seed in range(8):
        changed, affected = with_lesion(grey, labels, (), np.random.default_rng(seed))
        assert not affected[labels & (RIGHT | LEFT) == 0].any()
        assert np.all(changed >= grey - 1e-6)
        if affected.any():
            assert np.mean((changed - grey)[affected]) > 0.04
        sizes.append(affected.mean())
    assert max(sizes) > 2 * min(sizes)


def test_a_donors_lesion_takes_its_place_in_another_lung() -> None:
    """The donor's lesion fills its right lung's lower half; it may come to lie in either lung."""
    donor = film(7)
    lower = (donor.labels & RIGHT > 0) & (np.arange(SIDE)[:, None] > SIDE // 2)
    donor.added_mm[lower] = 60
    one = film(8)
    seen = [
        with_lesion(one.grey.astype(np.float32) / np.float32(255), one.labels, [donor], np.random.default_rng(seed))[1]
        for seed in range(12)
    ]
    moved = [affected for affected in seen if affected.any()]
    heights = [np.nonzero(affected)[0].mean() for affected in moved]
    assert moved
    assert max(heights) > SIDE / 2
