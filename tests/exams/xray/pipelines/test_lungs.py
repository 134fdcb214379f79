"""What the first stage answers becomes two lungs, or a reason; on rectangles whose sizes are known."""

from __future__ import annotations

import numpy as np
import pytest

from triaged.errors import UnreadableStudy
from triaged.exams.xray.pipelines.lungs import lungs_of
from triaged.study.finding import QualityFlag

SIDE = 200
LEFT_OF_PICTURE, RIGHT_OF_PICTURE = slice(20, 80), slice(120, 180)
WHOLE = slice(30, 170)


def answer(right: tuple[slice, slice] | None, left: tuple[slice, slice] | None) -> np.ndarray:
    """Return probabilities of .9 where a lung is, .1 elsewhere."""
    probability = np.full((2, SIDE, SIDE), 0.1, np.float32)
    for channel, where in enumerate((right, left)):
        if where is not None:
            probability[channel][where] = 0.9
    return probability


BOTH = answer((WHOLE, LEFT_OF_PICTURE), (WHOLE, RIGHT_OF_PICTURE))


def test_two_lungs_are_found_where_they_are() -> None:
    found = lungs_of(BOTH, 0.5, is_frontal=True)
    assert found.notes == ()
    assert found.box == (30, 20, 170, 180)
    # a disc of 5 x 5 that opens twice rounds each corner by a few pixels and nothing else
    assert 140 * 60 - 4 * 8 <= found.right.sum() <= 140 * 60
    assert found.right[:, :100].sum() == found.right.sum()


def test_specks_are_no_lungs_and_holes_are() -> None:
    probability = BOTH.copy()
    probability[0, 90:100, 40:60] = 0.1
    probability[1, 2:12, 90:110] = 0.9
    found = lungs_of(probability, 0.5, is_frontal=True)
    assert found.right[95, 50]
    assert not found.left[:20].any()


def test_a_patch_beside_a_lung_is_no_part_of_it_unless_it_is_large() -> None:
    parts = BOTH.copy()
    parts[0, 2:24, 2:82] = 0.9  # 1,760 pixels: more than 2 % of the picture, less than a quarter of the lung
    parts[1, 95:105, RIGHT_OF_PICTURE] = 0.1  # one lung in two halves
    found = lungs_of(parts, 0.5, is_frontal=True)
    assert not found.right[:24].any()
    assert found.left[50, 150]
    assert found.left[150, 150]


def test_where_both_answer_the_surer_one_counts() -> None:
    probability = BOTH.copy()
    probability[1][WHOLE, LEFT_OF_PICTURE] = 0.8
    found = lungs_of(probability, 0.5, is_frontal=True)
    assert not (found.left & found.right).any()
    assert found.left[:, :100].sum() == 0


def test_lungs_on_the_wrong_sides_are_kept_and_flagged() -> None:
    found = lungs_of(BOTH[::-1], 0.5, is_frontal=True)
    assert found.notes == (QualityFlag.MIRRORED,)
    assert found.right[:, 100:].any()


@pytest.mark.parametrize(("is_frontal", "code"), [(True, "lung-not-segmented"), (False, "no-frontal-chest")])
def test_one_lung_alone_is_a_reason_and_never_a_score(is_frontal: bool, code: str) -> None:
    with pytest.raises(UnreadableStudy, match="found the right one") as refused:
        lungs_of(answer((WHOLE, LEFT_OF_PICTURE), None), 0.5, is_frontal=is_frontal)
    assert refused.value.code == code


def test_nothing_is_a_reason() -> None:
    with pytest.raises(UnreadableStudy, match="expected two lungs on a frontal chest X-ray, found none"):
        lungs_of(answer(None, None), 0.5, is_frontal=True)


def test_where_no_header_says_frontal_the_lungs_have_to_lie_side_by_side() -> None:
    above = answer((slice(10, 90), slice(60, 140)), (slice(110, 190), slice(60, 140)))
    with pytest.raises(UnreadableStudy, match="side by side") as refused:
        lungs_of(above, 0.5, is_frontal=False)
    assert refused.value.code == "no-frontal-chest"
    lungs_of(BOTH, 0.5, is_frontal=False)
