"""Balls, vessels and speckles in ground glass, whose volumes are known."""

from __future__ import annotations

from dataclasses import astuple

import numpy as np
import pytest
from numpy.typing import NDArray

from triaged.exams.ct.pipelines.tissue import Composition, consolidation, is_shallow
from triaged.imaging.geometry import Geometry
from triaged.imaging.volume import Mask, Volume

GLASS, SOLID = -600, 20
Region = NDArray[np.bool_]
FINE, THICK = (1.0, 0.7, 0.7), (5.0, 0.7, 0.7)


def block(spacing_mm: tuple[float, float, float] = FINE) -> Geometry:
    """Return the grid of a block of 50 mm."""
    slices, rows, columns = (round(50 / mm) for mm in spacing_mm)
    return Geometry(np.diag((*spacing_mm, 1.0))[:, (2, 1, 0, 3)], (slices, rows, columns), "1.2")


def glass_with(body: Region, geometry: Geometry) -> Volume:
    """Return ground glass with something solid in it."""
    return Volume(np.where(body, SOLID, GLASS).astype(np.int16), geometry)


def all_of(geometry: Geometry) -> Mask:
    return Mask(np.ones(geometry.shape, np.bool_), geometry)


def off_axis_mm(geometry: Geometry, *axes: int) -> NDArray[np.float64]:
    """Return the distance of every voxel from the middle, counted along these axes."""
    steps = zip(geometry.shape, geometry.spacing_mm, strict=True)
    coordinates = np.meshgrid(*((np.arange(size) - (size - 1) / 2) * mm for size, mm in steps), indexing="ij")
    return np.asarray(np.sqrt(sum(coordinates[axis] ** 2 for axis in axes)))


@pytest.mark.parametrize("spacing_mm", [FINE, THICK])
def test_a_solid_ball_is_consolidation(spacing_mm: tuple[float, float, float]) -> None:
    geometry = block(spacing_mm)
    ball = off_axis_mm(geometry, 0, 1, 2) <= 15
    found = consolidation(glass_with(ball, geometry), all_of(geometry)).voxels
    assert 2 * (found & ball).sum() / (found.sum() + ball.sum()) > 0.93


@pytest.mark.parametrize("axes", [(0, 1), (0, 2), (1, 2)])
@pytest.mark.parametrize("spacing_mm", [FINE, THICK])
def test_a_vessel_is_none(spacing_mm: tuple[float, float, float], axes: tuple[int, int]) -> None:
    geometry = block(spacing_mm)
    vessel = off_axis_mm(geometry, *axes) <= 1.9
    assert not consolidation(glass_with(vessel, geometry), all_of(geometry)).voxels.any()


def test_noise_is_none() -> None:
    geometry = block()
    speckles = np.random.default_rng(3).random(geometry.shape) < 0.2
    assert not consolidation(glass_with(speckles, geometry), all_of(geometry)).voxels.any()


def test_what_is_solid_outside_the_lesion_is_none() -> None:
    geometry = block()
    ball = off_axis_mm(geometry, 0, 1, 2) <= 15
    volume = glass_with(ball, geometry)
    half = np.arange(geometry.shape[2]) < geometry.shape[2] // 2
    found = consolidation(volume, Mask(ball & half, geometry)).voxels
    assert found.any()
    assert not (found & ~(ball & half)).any()
    assert not consolidation(volume, Mask(np.zeros_like(ball), geometry)).voxels.any()


def test_shares_are_of_the_lung_and_volumes_in_millilitres() -> None:
    geometry = Geometry(np.diag([10.0, 10.0, 10.0, 1.0])[:, (2, 1, 0, 3)], (1, 2, 10), "1.2")  # 1 mL each
    hu = np.array([[-1000, -951, -950, -700, -699, -500, -500, 0, 0, 40]] * 2, np.int16)[np.newaxis]
    lung = np.zeros(geometry.shape, np.bool_)
    lung[0, 0] = True
    lesion, solid = hu > -650, hu > -300
    masks = (Mask(each, geometry) for each in (lung, lesion, solid))
    found = Composition.of(Volume(hu, geometry), *masks)
    assert found == Composition(10, 5, 3, 2)
    assert found.affected_share == 0.5
    assert astuple(found.tissue(2.0)) == pytest.approx((6.0, 4.0, 0.3, 0.2, 0.2))
    assert astuple((found + Composition(10, 0, 0, 10)).tissue(1.0)) == pytest.approx((3.0, 2.0, 0.15, 0.1, 0.6))
    assert astuple(Composition(0, 0, 0, 0).tissue(1.0)) == (0, 0, 0, 0, 0)


@pytest.mark.parametrize(("hu", "shallow"), [(-850, False), (-760, False), (-740, True), (-650, True)])
def test_lung_that_is_denser_than_at_full_inspiration_is_shallow(hu: int, shallow: bool) -> None:
    lung = all_of(block())
    nothing = Mask(~lung.voxels, lung.geometry)
    image = Volume(np.full(lung.geometry.shape, hu, np.int16), lung.geometry)
    assert is_shallow(image, lung, nothing, nothing) is shallow
    assert is_shallow(image, nothing, lung, nothing) is shallow


def test_neither_lesion_nor_what_holds_no_air_makes_lung_shallow() -> None:
    lung = all_of(block())
    hu = np.full(lung.geometry.shape, -850, np.int16)
    hu[:20], hu[20:45] = GLASS, SOLID
    glass = np.zeros(lung.geometry.shape, np.bool_)
    nothing = Mask(glass, lung.geometry)
    assert is_shallow(Volume(hu, lung.geometry), lung, nothing, nothing)
    found = glass.copy()
    found[:20] = True
    assert not is_shallow(Volume(hu, lung.geometry), lung, nothing, Mask(found, lung.geometry))
