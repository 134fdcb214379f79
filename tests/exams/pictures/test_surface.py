"""The lungs in 3-D against bodies whose surface and share are known: where points lie, what is coloured, from where."""

from __future__ import annotations

from functools import cache

import numpy as np
import pytest
from numpy.typing import NDArray

from tests.results.ct_study import ORIENTATIONS, ct_study
from triaged.exams.ct.objects import completed_objects
from triaged.exams.ct.options import Palette
from triaged.exams.ct.pictures.sides import decode_draft
from triaged.exams.ct.pictures.surface import GRID_MM, LEFT, LESION, RIGHT, Labels, Surface, labels_of, surface
from triaged.exams.ct.pictures.turning import stage, view
from triaged.results.page import Picture
from triaged.study.kinds import ObjectKind

RADIUS_MM = 60.0
SIDE = 240


@cache
def ball(shell_mm: float = 0.0) -> Labels:
    """Return a right lung that is a ball, of which a shell is lesion."""
    count = int(2 * RADIUS_MM / GRID_MM) + 8
    steps = (np.arange(count) - (count - 1) / 2.0) * GRID_MM
    distance = np.sqrt(steps[:, None, None] ** 2 + steps[None, :, None] ** 2 + steps[None, None, :] ** 2)
    inside = distance < RADIUS_MM
    labels: Labels = (inside * RIGHT | (inside & (distance > RADIUS_MM - shell_mm)) * LESION).astype(np.uint8)
    return labels


def two_lungs(lesion: NDArray[np.bool_] | None = None) -> Labels:
    """Return two blocks, the patient's right one at the lower columns, with lesion where it is wanted."""
    labels = np.zeros((40, 30, 60), np.uint8)
    labels[5:35, 5:25, 4:26] = RIGHT
    labels[5:35, 5:25, 34:56] = LEFT
    if lesion is not None:
        labels[lesion & (labels > 0)] |= LESION
    return labels


def low_behind_on_the_right() -> NDArray[np.bool_]:
    lesion = np.zeros((40, 30, 60), np.bool_)
    lesion[5:15, 15:25, 4:20] = True
    return lesion


def coloured(picture: Picture) -> NDArray[np.bool_]:
    return np.asarray(np.ptp(picture.astype(int), axis=-1) > 40)


def drawn(shape: Surface, degrees: float) -> Picture:
    return view(stage(shape, SIDE), degrees, Palette.GREEN_RED)


def test_points_lie_on_the_surface_and_normals_point_outwards() -> None:
    found = surface(ball())
    distance = np.linalg.norm(found.points, axis=1)
    assert np.abs(distance - RADIUS_MM).max() < 1.5
    outward = (found.points / distance[:, None] * found.normals).sum(axis=1)
    assert outward.min() > 0.8


@pytest.mark.parametrize(("shell_mm", "share"), [(0.0, 0.0), (4.0, 0.4), (6.0, 0.6), (30.0, 1.0)])
def test_the_share_is_that_of_ten_millimetres_below(shell_mm: float, share: float) -> None:
    found = surface(ball(shell_mm))
    assert float(np.median(found.shares)) == pytest.approx(share, abs=0.12)
    assert found.shares.min() >= 0.0
    assert found.shares.max() <= 1.0


def test_lesion_in_the_middle_of_a_lung_is_not_seen() -> None:
    lesion = np.zeros(ball().shape, np.bool_)
    lesion[24:44, 24:44, 24:44] = True
    assert surface(ball() | (lesion * LESION).astype(np.uint8)).shares.max() == 0.0


def test_no_lung_is_refused() -> None:
    with pytest.raises(ValueError, match="expected a lung"):
        surface(np.zeros((5, 5, 5), np.uint8))


def test_a_ball_fills_a_disc_without_holes() -> None:
    picture = drawn(surface(ball()), 30.0)
    lit = picture.max(axis=-1) > 0
    y, x = np.ogrid[:SIDE, :SIDE]
    radius = RADIUS_MM / stage(surface(ball()), SIDE).pixel_mm
    disc = (y - (SIDE - 1) / 2) ** 2 + (x - (SIDE - 1) / 2) ** 2
    assert lit[disc < (radius - 3) ** 2].all()
    assert not lit[disc > (radius + 3) ** 2].any()


@pytest.mark.parametrize("degrees", [150, 180, 270])
def test_lesion_low_behind_on_the_right_is_seen_from_there(degrees: int) -> None:
    found = coloured(drawn(surface(two_lungs(low_behind_on_the_right())), degrees))
    assert found.sum() > 500
    rows, columns = np.nonzero(found)
    assert rows.mean() > SIDE / 2, "the head is at the top"
    if degrees == 180:
        assert columns.mean() > SIDE / 2, "from the back the patient's right is at the image's right"


@pytest.mark.parametrize("degrees", [0, 90, 45])
def test_it_is_hidden_from_the_other_sides(degrees: int) -> None:
    assert coloured(drawn(surface(two_lungs(low_behind_on_the_right())), degrees)).sum() < 150


def test_from_the_front_the_patient_s_right_is_at_the_image_s_left() -> None:
    lesion = np.zeros((40, 30, 60), np.bool_)
    lesion[:, :12, :30] = True
    columns = np.nonzero(coloured(drawn(surface(two_lungs(lesion)), 0.0)))[1]
    assert columns.max() < SIDE / 2


def test_the_palette_in_force_colours_it() -> None:
    staged = stage(surface(ball(30.0)), SIDE)
    found = view(staged, 0.0, Palette.VIRIDIS)[SIDE // 2, SIDE // 2].astype(int)
    assert found[0] > found[2] + 80, "yellow stands for all"
    assert found[1] > found[2] + 80


@pytest.mark.parametrize("position", ORIENTATIONS)
def test_masks_are_kept_at_their_place_whatever_the_patient_s_position(position: str) -> None:
    labels = labels_of(ct_study(position).reading)
    slices, rows, columns = labels.shape
    assert (slices * GRID_MM, rows * GRID_MM) == (pytest.approx(210.0, abs=10), pytest.approx(160.0, abs=10))
    lesion = np.argwhere(labels & LESION)
    z, y, x = lesion.mean(axis=0)
    assert z < slices / 2, "slices rise to the head"
    assert y > rows / 2, "rows go to the back"
    assert x < columns / 2, "columns go to the patient's left"


def test_a_draft_that_was_cut_short_or_is_something_else_is_refused() -> None:
    draft = ct_study().results().draft
    assert draft is not None
    for broken in (b"", b"no draft", draft[: len(draft) // 2]):
        with pytest.raises(ValueError, match="draft: expected an archive"):
            decode_draft(broken)


def test_equal_drafts_give_equal_objects_each_under_the_uid_that_was_begun() -> None:
    draft = ct_study().results().draft
    assert draft is not None
    first, second = (completed_objects(decode_draft(draft)) for _ in range(2))
    assert [one.part10 for one in first] == [one.part10 for one in second]
    assert [one.kind for one in first] == [ObjectKind.SIDES] * 4 + [ObjectKind.TURNING]
    assert len({one.sop_instance_uid for one in first}) == 5
