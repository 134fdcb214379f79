"""Which slices are named as affected: by area, from the head, and never a range that noise stretches."""

from __future__ import annotations

import numpy as np

from triaged.exams.ct.affected import AffectedSlices, affected_slices


def test_the_range_begins_and_ends_with_slices_of_two_square_centimetres() -> None:
    area = np.array([0.0, 5.0, 200.0, 0.0, 900.0, 250.0, 199.0, 3.0])
    assert affected_slices(area) == AffectedSlices(first=3, last=6, most=5, count=8)
    assert affected_slices(area).words == "slices 3\u20136 of 8, most on 5"  # type: ignore[union-attr]


def test_a_little_lesion_names_only_the_slice_with_most_of_it() -> None:
    found = affected_slices([0.0, 20.0, 90.0, 10.0])
    assert found is not None
    assert found.words == "slice 3 of 4 (less than 2 cm\u00b2)"


def test_one_affected_slice_is_no_range_and_none_is_nothing() -> None:
    assert affected_slices([0.0, 0.0]) is None
    one = affected_slices([0.0, 400.0, 0.0])
    assert one is not None
    assert one.words == "slice 2 of 3"
