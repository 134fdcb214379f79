"""Planes are a volume, or are not for one named reason."""

from __future__ import annotations

import math

import numpy as np
import pytest
from numpy.typing import NDArray

from triaged.imaging.stack import FaultKind, arrange, plane_normal, same_orientation

AXIAL = (1.0, 0.0, 0.0, 0.0, 1.0, 0.0)


def at(*z_mm: float) -> NDArray[np.float64]:
    return np.array([(-170.0, -330.0, z) for z in z_mm])


def kind(positions: NDArray[np.float64], orientation: tuple[float, ...] = AXIAL) -> FaultKind | None:
    fault = arrange(positions, orientation).fault
    return None if fault is None else fault.kind


def test_planes_are_ordered_along_the_normal_whatever_order_they_came_in() -> None:
    stack = arrange(at(4, 0, 6, 2), AXIAL)
    assert stack.order == (1, 3, 0, 2)
    assert stack.fault is None
    assert stack.gap_mm == pytest.approx(2.0)
    np.testing.assert_allclose(stack.step_mm, (0, 0, 2))


def test_a_feet_first_normal_orders_from_head_to_foot() -> None:
    assert arrange(at(0, 2, 4), (-1.0, 0.0, 0.0, 0.0, 1.0, 0.0)).order == (2, 1, 0)


def test_one_missing_slice_is_named_with_its_place() -> None:
    fault = arrange(at(0, 2, 4, 8, 10), AXIAL).fault
    assert fault is not None
    assert fault.kind is FaultKind.MISSING
    assert "1 missing" in fault.detail
    assert "z = 4.00 mm" in fault.detail


def test_several_missing_slices_in_a_row_are_counted() -> None:
    fault = arrange(at(0, 1, 2, 3, 8, 9), AXIAL).fault
    assert fault is not None
    assert fault.kind is FaultKind.MISSING
    assert "4 missing" in fault.detail


def test_steps_that_are_no_multiple_of_the_usual_one_are_irregular() -> None:
    assert kind(at(0, 2, 4, 7, 9, 11)) is FaultKind.IRREGULAR


def test_two_slices_at_one_place_are_duplicates() -> None:
    assert kind(at(0, 2, 2, 4)) is FaultKind.DUPLICATE


def test_all_slices_at_one_place_are_duplicates() -> None:
    assert kind(at(5, 5, 5)) is FaultKind.DUPLICATE


def test_a_series_sent_twice_is_duplicated_not_irregular() -> None:
    assert kind(at(0, 0, 2, 2, 4, 4, 6, 6)) is FaultKind.DUPLICATE


@pytest.mark.parametrize("spacing_mm", [0.5, 0.625, 1.25, 3.75])
def test_positions_rounded_to_a_tenth_of_a_millimetre_are_uniform(spacing_mm: float) -> None:
    assert kind(at(*[round(i * spacing_mm, 1) for i in range(200)])) is None


@pytest.mark.parametrize("spacing_mm", [0.5, 0.625, 1.25, 3.75])
def test_a_gap_is_found_in_rounded_positions_too(spacing_mm: float) -> None:
    assert kind(at(*[round(i * spacing_mm, 1) for i in range(200) if i != 77])) is FaultKind.MISSING


@pytest.mark.parametrize(("degrees", "expected"), [(0.9, None), (1.1, FaultKind.SHEARED), (15.0, FaultKind.SHEARED)])
def test_a_tilted_gantry_with_a_straight_table_is_sheared(degrees: float, expected: FaultKind | None) -> None:
    tilt = math.radians(degrees)
    tilted = (1.0, 0.0, 0.0, 0.0, math.cos(tilt), -math.sin(tilt))
    assert kind(at(*range(0, 120, 3)), tilted) is expected


def test_an_oblique_stack_along_its_own_normal_is_a_volume() -> None:
    tilt = math.radians(20.0)
    oblique = (1.0, 0.0, 0.0, 0.0, math.cos(tilt), -math.sin(tilt))
    positions = np.array([i * 2.5 * plane_normal(oblique) for i in range(30)])
    stack = arrange(positions, oblique)
    assert stack.fault is None
    assert stack.gap_mm == pytest.approx(2.5)


def test_a_field_of_view_that_moves_aside_within_the_series_is_irregular() -> None:
    positions = at(*range(40))
    positions[20:, 0] += 3.0
    positions[30:, 0] -= 3.0
    assert kind(positions) is FaultKind.IRREGULAR


def test_steps_that_creep_are_irregular_though_each_is_nearly_right() -> None:
    assert kind(at(*np.cumsum(np.linspace(0.95, 1.05, 200)))) is FaultKind.IRREGULAR


def test_cosines_that_are_no_directions_are_refused() -> None:
    with pytest.raises(ValueError, match="perpendicular unit vectors"):
        plane_normal((1.0, 0.0, 0.0, 1.0, 0.0, 0.0))
    with pytest.raises(ValueError, match="perpendicular unit vectors"):
        plane_normal((0.0,) * 6)


def test_one_plane_is_no_stack() -> None:
    with pytest.raises(ValueError, match="at least two"):
        arrange(at(1), AXIAL)


def test_orientations_are_compared_to_half_a_degree() -> None:
    little, more = math.radians(0.3), math.radians(1.0)
    assert same_orientation(AXIAL, (1.0, 0.0, 0.0, 0.0, math.cos(little), math.sin(little)))
    assert not same_orientation(AXIAL, (1.0, 0.0, 0.0, 0.0, math.cos(more), math.sin(more)))
