"""One patient slab by slab: where the lungs are, and everything painted around them.

Each organ draws from a random stream of its own, so that any slab comes out as if the whole patient had been drawn at
once. Must not know: lung tissue, disease, scanners.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from triaged.lab.phantom.anatomy import Anatomy
from triaged.lab.phantom.frame import Frame, blend, coverage
from triaged.lab.phantom.lungs import Lungs, build_lungs, diaphragm_height, paint_belly, side_of
from triaged.lab.phantom.mediastinum import Core, build_core, exclusion, paint_core
from triaged.lab.phantom.options import F32, Posture
from triaged.lab.phantom.parenchyma import LungVoxels
from triaged.lab.phantom.skeleton import paint_skeleton
from triaged.lab.phantom.wall import (
    Cage,
    build_cage,
    cage_radius,
    paint_arms,
    paint_clothing,
    paint_shoulder_joints,
    paint_table,
    paint_wall,
)


def stream(seed: int, name: str) -> np.random.Generator:
    """Return the random stream of one thing of one phantom, always from its beginning."""
    return np.random.Generator(np.random.PCG64(np.random.SeedSequence([seed, *name.encode()])))


@dataclass(frozen=True, slots=True)
class Patient:
    """One patient on one whole frame: `radius` is the cage's table (slice, angle), `diaphragm_mm` (row, column)."""

    seed: int
    anatomy: Anatomy
    core: Core
    posture: Posture
    radius: F32
    diaphragm_mm: F32


@dataclass(frozen=True, slots=True)
class Geometry:
    """Cage and lungs of one slab."""

    cage: Cage
    lungs: Lungs


def make_patient(seed: int, anatomy: Anatomy, posture: Posture, frame: Frame) -> Patient:
    """Return the patient on the whole frame."""
    radius = cage_radius(stream(seed, "cage"), frame, anatomy)
    height = diaphragm_height(stream(seed, "diaphragm"), frame, anatomy, radius)
    return Patient(seed, anatomy, build_core(stream(seed, "core"), anatomy), posture, radius, height)


def geometry(patient: Patient, frame: Frame) -> Geometry:
    """Return cage and lungs in a slab."""
    cage = build_cage(frame, patient.radius)
    between = exclusion(stream(patient.seed, "exclusion"), frame, patient.anatomy, patient.core)
    lungs = build_lungs(stream(patient.seed, "lungs"), frame, patient.anatomy, cage, between, patient.diaphragm_mm)
    return Geometry(cage, lungs)


def lung_voxels(patient: Patient, frame: Frame, lungs: Lungs) -> LungVoxels:
    """Return the slab's voxels touched by lung, their indices counted in the whole frame."""
    local = np.flatnonzero(lungs.distance < frame.edge_mm)
    side = np.broadcast_to(side_of(frame, patient.anatomy), frame.shape).ravel()[local]
    depth = np.maximum(-lungs.costal.ravel()[local], 0)
    return LungVoxels(local + frame.first * frame.x_mm.size, lungs.distance.ravel()[local], depth, side)


def paint_body(patient: Patient, frame: Frame, shape: Geometry, voxels: F32) -> None:
    """Paint all that is not lung over the air of a slab; the couch comes last, with `paint_couch`."""
    seed, anatomy = patient.seed, patient.anatomy
    paint_arms(stream(seed, "arms"), frame, voxels, shape.cage, anatomy)
    paint_wall(stream(seed, "wall"), frame, voxels, shape.cage, anatomy)
    paint_clothing(stream(seed, "clothing"), frame, voxels)
    paint_shoulder_joints(frame, voxels, anatomy)
    paint_belly(stream(seed, "belly"), frame, voxels, shape.cage, anatomy, patient.diaphragm_mm)
    inside = coverage(shape.lungs.costal, 2 * frame.edge_mm)
    paint_core(stream(seed, "organs"), frame, voxels, inside, anatomy, patient.core)
    if anatomy.air_side:
        blend(voxels, coverage(shape.lungs.air, frame.edge_mm), -1000.0)
    paint_skeleton(stream(seed, "skeleton"), frame, voxels, shape.cage, anatomy)


def paint_couch(patient: Patient, frame: Frame, voxels: F32) -> None:
    """Paint the couch under the patient."""
    anatomy = patient.anatomy
    sign = 1.0 if patient.posture == "supine" else -1.0
    height = (anatomy.back if sign > 0 else anatomy.front) + 26 + anatomy.muscle * 0.9 + anatomy.fat + anatomy.table
    paint_table(stream(patient.seed, "couch"), frame, voxels, height, sign)
