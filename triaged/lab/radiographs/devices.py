"""Tubes, lines, electrodes and implants on or in the patient, as thicknesses of metal in the picture.

They run along landmarks of the patient or across the picture. Must not know: lungs, disease, processing.
"""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from triaged.lab.phantom.options import F32
from triaged.lab.portable import gaussian
from triaged.lab.radiographs.chest import Chest
from triaged.lab.radiographs.projection import Beam, Vector

FRACTION = 4
"""Bits of sub-pixel precision in which lines are drawn."""


def metal_thickness(rng: np.random.Generator, chest: Chest, beam: Beam, portable: bool) -> F32:
    """Return the thickness of metal (row, column) in mm: mostly nothing upright, several things in a bed."""
    metal = np.zeros((beam.size, beam.size), dtype=np.float32)

    def here(chance: float) -> bool:
        return bool(rng.random() < chance)

    if here(0.55 if portable else 0.06):
        electrodes(rng, metal, beam)
    if here(0.3 if portable else 0.02):
        way = chest.lines.get("windpipe")
        if way is not None:
            tube(rng, metal, beam, way, 9.0, (0.07, 0.2), float(rng.uniform(0.6, 0.9)))
    if here(0.25 if portable else 0.02) and "gullet" in chest.lines:
        tube(rng, metal, beam, chest.lines["gullet"], 4.0, (0.05, 0.15), 1.0)
    if here(0.35 if portable else 0.05):
        name = "cava_r" if here(0.7) else "cava_l"
        if name in chest.lines:
            tube(rng, metal, beam, chest.lines[name], 2.4, (0.1, 0.3), float(rng.uniform(0.75, 1.0)))
    if here(0.05) and "heart" in chest.lines:
        pacemaker(rng, metal, beam, chest.lines["heart"])
    if here(0.25 if portable else 0.01):
        loose_tubes(rng, metal, beam)
    if here(0.04):
        wires(rng, metal, beam, chest)
    if not portable and here(0.08):
        trinkets(rng, metal, beam)
    return metal


def electrodes(rng: np.random.Generator, metal: F32, beam: Beam) -> None:
    """Draw monitoring electrodes with their cables, which leave the picture."""
    size = beam.size
    gather = np.array([rng.uniform(0.2, 0.8) * size, size * 1.05]) if rng.random() < 0.5 else None
    for _ in range(int(rng.integers(2, 6))):
        at = np.array([rng.uniform(0.12, 0.88), rng.uniform(0.12, 0.9)]) * size
        radius = float(rng.uniform(3, 8)) / beam.pitch_mm
        disc(metal, at, radius, float(rng.uniform(0.02, 0.25)))
        disc(metal, at, 0.35 * radius, float(rng.uniform(0.3, 1.5)))
        edge = gather if gather is not None else _edge_point(rng, size)
        middle = (at + edge) / 2 + rng.normal(0, 0.1 * size, 2)
        wide = float(rng.uniform(1.0, 2.4)) / beam.pitch_mm
        stroke(metal, curve([at, middle, edge]), wide, float(rng.uniform(0.1, 0.5)))


def tube(
    rng: np.random.Generator,
    metal: F32,
    beam: Beam,
    way: F32,
    wide_mm: float,
    dense_mm: tuple[float, float],
    until: float,
) -> None:
    """Draw a tube with its opaque stripe along a way in the patient, up to the share `until` of it."""
    points = beam.seen_at(way + rng.normal(0, 3, way.shape).astype(np.float32))[:, ::-1]
    line = curve(list(points))
    line = line[: max(int(until * len(line)), 2)]
    pixels = wide_mm / beam.pitch_mm
    stroke(metal, line, pixels, 0.15 * dense_mm[0])
    side = rng.choice([-0.35, 0.0, 0.35]) * pixels
    stroke(metal, line + np.array([side, 0.0]), max(0.8 / beam.pitch_mm, 1.0), float(rng.uniform(*dense_mm)))


def pacemaker(rng: np.random.Generator, metal: F32, beam: Beam, way: F32) -> None:
    """Draw the box under the collar bone and its lead into the heart."""
    points = beam.seen_at(way)[:, ::-1]
    wide, tall = (float(v) for v in 2 * rng.uniform(18, 26, 2) / beam.pitch_mm)
    middle, angle = (float(points[0][0]), float(points[0][1])), float(rng.uniform(-30, 30))
    box = cv2.boxPoints((middle, (wide, tall), angle))
    layer = np.zeros_like(metal)
    cv2.fillPoly(layer, [np.rint(box * 16).astype(np.int32)], 1.0, cv2.LINE_AA, FRACTION)
    layer = gaussian(layer, (2.0, 2.0), mode="mirror")
    np.maximum(metal, layer * float(rng.uniform(2, 6)), out=metal)
    stroke(metal, curve(list(points)), 2.0 / beam.pitch_mm, float(rng.uniform(0.6, 1.6)))


def loose_tubes(rng: np.random.Generator, metal: F32, beam: Beam) -> None:
    """Draw hoses and cables that lie on or under the patient."""
    for _ in range(int(rng.integers(1, 4))):
        ends = [_edge_point(rng, beam.size), _edge_point(rng, beam.size)]
        inner = [rng.uniform(0.15, 0.85, 2) * beam.size for _ in range(int(rng.integers(1, 3)))]
        line = curve([ends[0], *inner, ends[1]])
        wide = float(rng.uniform(2, 10)) / beam.pitch_mm
        stroke(metal, line, wide, float(rng.uniform(0.01, 0.05)))
        if rng.random() < 0.5:
            stroke(metal, line, max(0.2 * wide, 1.0), float(rng.uniform(0.05, 0.3)))


def wires(rng: np.random.Generator, metal: F32, beam: Beam, chest: Chest) -> None:
    """Draw the wire loops that close a breastbone."""
    front = chest.lines["front"][0] if "front" in chest.lines else np.array([0.0, -110.0, 0.0])
    for z in np.arange(40, -100, -float(rng.uniform(22, 30))):
        middle = np.array([[rng.normal(0, 2), front[1] + 12, z]])
        at = beam.seen_at(middle)[0, ::-1]
        axes = (int(rng.uniform(6, 9) / beam.pitch_mm * 16), int(rng.uniform(4, 8) / beam.pitch_mm * 16))
        layer = np.zeros_like(metal)
        centre = (int(at[0] * 16), int(at[1] * 16))
        cv2.ellipse(layer, centre, axes, float(rng.uniform(-25, 25)), 0, 360, 1.0, 2, cv2.LINE_AA, FRACTION)
        np.maximum(metal, layer * 0.9, out=metal)


def trinkets(rng: np.random.Generator, metal: F32, beam: Beam) -> None:
    """Draw what should have been taken off: clips, buttons, a chain."""
    for _ in range(int(rng.integers(1, 5))):
        at = rng.uniform(0.1, 0.9, 2) * beam.size
        disc(metal, at, float(rng.uniform(1.5, 5)) / beam.pitch_mm, float(rng.uniform(0.1, 1.5)))


def stroke(metal: F32, line: Vector, wide_px: float, thick_mm: float) -> None:
    """Raise `metal` along a line of points (n, 2) as x, y pixels."""
    layer = np.zeros(metal.shape, dtype=np.uint8)
    points = np.rint(np.clip(line, -4 * len(metal), 5 * len(metal)) * 16).astype(np.int32)
    cv2.polylines(layer, [points.reshape(-1, 1, 2)], False, 255, max(1, round(wide_px)), cv2.LINE_AA, FRACTION)
    np.maximum(metal, layer.astype(np.float32) * np.float32(thick_mm / 255), out=metal)


def disc(metal: F32, at: Vector, radius_px: float, thick_mm: float) -> None:
    """Raise `metal` within a disc around x, y pixels."""
    layer = np.zeros(metal.shape, dtype=np.uint8)
    centre = (round(float(at[0]) * 16), round(float(at[1]) * 16))
    cv2.circle(layer, centre, max(round(radius_px * 16), 16), 255, -1, cv2.LINE_AA, FRACTION)
    np.maximum(metal, layer.astype(np.float32) * np.float32(thick_mm / 255), out=metal)


def curve(points: list[Vector]) -> Vector:
    """Return a smooth line (n, 2) through points (Catmull-Rom)."""
    p = np.array([points[0], *points, points[-1]], dtype=np.float64)
    t = np.linspace(0, 1, 24, endpoint=False)[:, None]
    parts = []
    for a, b, c, d in zip(p[:-3], p[1:-2], p[2:-1], p[3:], strict=True):
        parts.append(0.5 * (2 * b + (c - a) * t + (2 * a - 5 * b + 4 * c - d) * t**2 + (3 * b - a - 3 * c + d) * t**3))
    line: NDArray[np.float64] = np.concatenate([*parts, p[-1:]])
    return line


def _edge_point(rng: np.random.Generator, size: int) -> Vector:
    along = float(rng.uniform(0, size))
    ends = [(along, -5.0), (along, size + 5.0), (-5.0, along), (size + 5.0, along)]
    return np.array(ends[int(rng.integers(4))])
