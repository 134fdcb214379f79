"""Rays through shapes whose chords, places and volumes are known from geometry."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from tests.lab.radiographs.shapes import AIR_HU, WATER_HU, ball, block, straight
from triaged.lab.radiographs.fields import paths
from triaged.lab.radiographs.projection import place


def water_ball(radius_mm: float, at: tuple[float, float, float]) -> np.ndarray:
    """Return the densities of a ball of water in air."""
    return np.where(ball(radius_mm, at), WATER_HU, AIR_HU).astype(np.int16)


@pytest.mark.parametrize("front", [True, False])
@pytest.mark.parametrize("turn_deg", [0.0, 8.0])
def test_the_middle_of_a_ball_of_water_is_its_diameter_within_a_voxel(front: bool, turn_deg: float) -> None:
    chest = block(water_ball(50, (0, 0, 0)))
    beam = place(chest, replace(straight(front), turn_deg=turn_deg))
    water = paths(chest, beam).water
    row, column = np.rint(beam.seen_at(np.zeros((1, 3)))[0]).astype(int)
    assert water[row, column] == pytest.approx(100, abs=2)


def test_every_chord_of_a_ball_is_that_of_geometry() -> None:
    chest = block(water_ball(50, (0, 0, 0)))
    beam = place(chest, straight(True))
    ray = beam.pixels() - beam.source
    ray /= np.linalg.norm(ray, axis=2, keepdims=True)
    closest = np.linalg.norm(np.cross(-beam.source, ray), axis=2)
    chord = 2 * np.sqrt(np.maximum(50.0**2 - closest**2, 0))
    inner = closest < 42  # near the rim a voxel's edge is most of the chord
    assert np.abs(paths(chest, beam).water - chord)[inner].max() < 4
    assert np.abs(paths(chest, beam).water - chord)[inner].mean() < 1


def test_a_slanted_ray_through_a_slab_is_longer_by_its_cosine() -> None:
    hu = np.full((80, 80, 80), AIR_HU, dtype=np.int16)
    hu[:, 30:50] = WATER_HU  # 40 mm thick
    beam = place(block(hu), straight(True, distance_mm=300))
    water = paths(block(hu), beam).water
    row, column = 64, 90
    ray = beam.pixels()[row, column] - beam.source
    assert water[row, column] == pytest.approx(40 * np.linalg.norm(ray) / abs(ray[1]), rel=0.01)
    assert water[row, column] > 40.2


@pytest.mark.parametrize("front", [True, False])
@pytest.mark.parametrize("depth_mm", [-40.0, 40.0])
def test_magnification_is_source_to_detector_over_source_to_object(front: bool, depth_mm: float) -> None:
    hu = np.full((80, 80, 80), AIR_HU, dtype=np.int16)
    for x in (-40.0, 40.0):
        hu[ball(6, (x, depth_mm, 0.0))] = WATER_HU
    chest = block(hu)
    beam = place(chest, straight(front, size=256, pitch_mm=1.0))
    profile = paths(chest, beam).water.sum(axis=0)
    index = np.arange(profile.size)
    halves = [slice(0, 128), slice(128, 256)]
    apart = np.subtract(*[np.average(index[h], weights=profile[h]) for h in reversed(halves)]) * 1.0
    skin = -79.0 if front else 79.0
    assert apart / 80 == pytest.approx(1000 / (1000 - abs(depth_mm - skin)), rel=0.005)


def test_the_heart_is_larger_with_the_detector_on_the_back() -> None:
    heart = ball(45, (0.0, -30.0, 0.0))
    chest = block(np.where(heart, WATER_HU, AIR_HU).astype(np.int16))
    widths = []
    for front in (True, False):
        beam = place(chest, straight(front, distance_mm=1800 if front else 1000))
        widths.append(int((paths(chest, beam).water[64] > 5).sum()))
    assert widths[1] > 1.04 * widths[0]


@pytest.mark.parametrize("front", [True, False])
def test_lesion_along_all_rays_is_its_volume(front: bool) -> None:
    lesion = ball(30, (10.0, 20.0, -14.0))
    whole = np.ones_like(lesion)
    chest = block(np.where(lesion, -350, -850).astype(np.int16), (whole, np.zeros_like(whole)), lesion)
    beam = place(chest, replace(straight(front), turn_deg=6.0, tilt_deg=3.0, lean_deg=2.0))
    through = paths(chest, beam)
    area = (beam.pitch_mm / beam.magnification(np.array([10.0, 20.0, -14.0]))) ** 2
    volume = float(lesion.sum()) * 8
    cosine = 0.99  # rays are not quite perpendicular to the detector
    assert float(through.lesion.sum()) * area * cosine == pytest.approx(volume, rel=0.02)
    assert float(through.lesion_we.sum()) * area * cosine == pytest.approx(0.5 * volume, rel=0.02)


@pytest.mark.parametrize("front", [True, False])
def test_the_patients_right_is_on_the_left_of_the_picture_and_the_head_is_up(front: bool) -> None:
    right, left = ball(20, (-50.0, 0.0, 40.0)), ball(20, (50.0, 0.0, -40.0))
    chest = block(np.full((80, 80, 80), -850, dtype=np.int16), (right, left))
    through = paths(chest, place(chest, straight(front)))
    (right_row, right_column), (left_row, left_column) = (
        np.argwhere(each > 5).mean(axis=0) for each in (through.right, through.left)
    )
    assert right_column < 64 < left_column
    assert right_row < 64 < left_row


def test_a_point_is_seen_where_its_shadow_falls() -> None:
    at = (34.0, -22.0, 18.0)
    chest = block(water_ball(7, at))
    beam = place(chest, replace(straight(True), turn_deg=-7.0, tilt_deg=4.0, lean_deg=3.0, gap_mm=40.0))
    water = paths(chest, beam).water
    rows, columns = np.indices(water.shape)
    shadow = np.average(rows, weights=water), np.average(columns, weights=water)
    assert beam.seen_at(np.array([at]))[0] == pytest.approx(shadow, abs=0.3)


def test_bone_and_water_together_weigh_what_the_scanner_measured() -> None:
    hu = np.full((80, 80, 80), 900, dtype=np.int16)
    chest = block(hu)
    through = paths(chest, place(chest, straight(True)))
    assert through.bone[64, 64] > 30
    assert through.water[64, 64] + 2.6 * through.bone[64, 64] == pytest.approx(1.9 * 160, rel=0.02)
