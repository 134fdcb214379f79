"""Draws one phantom: the composition of anatomy, disease and scanner.

Works in slabs of slices, so that a large study fits into memory. Every part of the phantom has a random stream of its
own, so that changing the disease leaves patient and scanner as they were. Must not know: files, DICOM.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from triaged.lab.phantom.anatomy import draw_anatomy, vary_anatomy
from triaged.lab.phantom.artefacts import move_patient
from triaged.lab.phantom.body import (
    Geometry,
    Patient,
    geometry,
    lung_voxels,
    make_patient,
    paint_body,
    paint_couch,
    stream,
)
from triaged.lab.phantom.disease import Illness, Lungs, fall_ill
from triaged.lab.phantom.frame import Frame, make_frame, slab, voxel_index
from triaged.lab.phantom.lung_trees import Trees, draw_trees, grow_trees, paint_lungs
from triaged.lab.phantom.masks import Scene, in_image, lung_masks, slabs
from triaged.lab.phantom.metal import cast_streaks, paint_metal
from triaged.lab.phantom.options import F32, Bool, Phantom, PhantomOptions, Truth
from triaged.lab.phantom.parenchyma import Field, LungVoxels, Parenchyma, build_parenchyma
from triaged.lab.phantom.scanner import reconstruction_circle, scan
from triaged.lab.phantom.warp import Warp, source_slices
from triaged.lab.portable import cos, sin


@dataclass(frozen=True, slots=True)
class Drawing:
    """A phantom and what it was made from."""

    phantom: Phantom
    scene: Scene
    lung: Parenchyma
    trees: Trees
    illness: Illness


def generate(options: PhantomOptions) -> Phantom:
    """Return the phantom of these options; the same options give the same voxels, bit for bit."""
    return draw(options).phantom


def draw(options: PhantomOptions) -> Drawing:
    """Return the phantom of these options with the scene, the tissue and the trees behind it."""
    scene = set_scene(options)
    shapes = Shapes(scene)
    lung, field = healthy_lungs(options, scene, shapes)
    trees = grow_trees(stream(options.seed, "trees"), lung, scene.patient.anatomy, scene.patient.core)
    now = draw_lungs(options, scene, lung, trees)
    first, then = scene, now
    if options.follow_up.rise_mm:
        first = replace(scene, warp=replace(scene.warp, rise_mm=0.0))
        then = draw_lungs(options, first, lung, trees)
    illness = fall_ill(options, scene, first, field, lung, now, then)
    image = draw_image(options, scene, shapes, lung, trees, illness)
    phantom = make_phantom(options, image, now, illness)
    return Drawing(phantom, scene, lung, trees, illness)


def set_scene(options: PhantomOptions) -> Scene:
    """Return the patient on the drawing grid, from below the lung bases to the shoulders."""
    anatomy = draw_anatomy(stream(options.seed, "build"))
    anatomy = vary_anatomy(stream(options.seed, "variant"), anatomy, options.variant, options.posture)
    group = 2 if options.slice_mm >= 3 else 1
    bottom, top = anatomy.bottom + options.crop_mm[0], anatomy.top - options.crop_mm[1]
    count = max(8, round((top - bottom) / options.increment_mm))
    z = bottom + options.increment_mm * np.arange(count, dtype=np.float32)
    if group == 2:
        half = options.slice_mm / 4
        z = np.stack([z - half, z + half], axis=1).ravel()
    scanner = options.scanner
    tilt = float(np.deg2rad(scanner.tilt_deg))
    frame = make_frame(
        z,
        options.matrix,
        options.pixel_mm,
        scanner.off_centre_mm,
        float(np.deg2rad(scanner.roll_deg)),
        scanner.edge_mm,
        options.pixel_mm * cos(tilt),
    )
    beyond = np.arange(z.size) >= count // 2 * group
    frame = replace(frame, z_mm=z + np.float32(scanner.breathing_step_mm) * beyond.astype(np.float32))
    patient = make_patient(options.seed, anatomy, options.posture, frame)
    return Scene(frame, group, patient, Warp(options.follow_up.rise_mm, sin(tilt) / cos(tilt)))


class Shapes:
    """The geometry of the slabs of a scene; kept where one slab is all there is."""

    def __init__(self, scene: Scene) -> None:
        """Start with nothing computed."""
        self._scene = scene
        self._kept: list[Geometry] = []

    def of(self, start: int, stop: int) -> tuple[Frame, Geometry]:
        """Return the slab start..stop as a frame, and its geometry."""
        frame = slab(self._scene.frame, start, stop)
        if self._kept:
            return frame, self._kept[0]
        shape = geometry(self._scene.patient, frame)
        if stop - start == self._scene.frame.shape[0]:
            self._kept.append(shape)
        return frame, shape


def healthy_lungs(options: PhantomOptions, scene: Scene, shapes: Shapes) -> tuple[Parenchyma, Field]:
    """Return the lung tissue before any disease."""
    patient: Patient = scene.patient
    found = []
    for part in slabs(scene):
        frame, shape = shapes.of(*part)
        found.append(lung_voxels(patient, frame, shape.lungs))
    voxels = LungVoxels(
        np.concatenate([each.index for each in found]),
        np.concatenate([each.surface_mm for each in found]),
        np.concatenate([each.depth_mm for each in found]),
        np.concatenate([each.is_right for each in found]),
    )
    lung, field = build_parenchyma(
        stream(options.seed, "tissue"), scene.frame, patient.anatomy, voxels, options.posture
    )
    lung.hu[:] += np.float32(1.6 * options.follow_up.rise_mm)
    return lung, field


def draw_lungs(options: PhantomOptions, scene: Scene, lung: Parenchyma, trees: Trees) -> Lungs:
    """Return the lungs in the image, without what the scanner does not reconstruct."""
    parts = [lung_masks(scene, lung, trees, *part) for part in slabs(scene)]
    right, left = (np.concatenate([part[side] for part in parts]) for side in (0, 1))
    if options.scanner.padding_hu != -1024:
        seen = reconstruction_circle(options.matrix)
        right &= seen
        left &= seen
    return Lungs(right, left)


def draw_image(
    options: PhantomOptions, scene: Scene, shapes: Shapes, lung: Parenchyma, trees: Trees, illness: Illness
) -> NDArray[np.int16]:
    """Return what the scanner stores of the scene."""
    frame, patient = scene.frame, scene.patient
    voxels = np.full(frame.shape, -1000, dtype=np.float32)
    plane = frame.x_mm.size
    for start, stop in slabs(scene):
        part, shape = shapes.of(start, stop)
        region = voxels[start:stop]
        paint_body(patient, part, shape, region)
        mine = slice(*np.searchsorted(lung.index, [start * plane, stop * plane]))
        tissue = lung.between(mine, start * plane)
        covers = draw_trees(part, trees, tissue.index)
        paint_lungs(part, region, tissue, patient.anatomy, covers, illness.opacity[mine])
        paint_couch(patient, part, region)
        paint_metal(stream(options.seed, "metal"), part, region, options.metal, patient.anatomy, patient.core)
    visit = options.follow_up.visit
    move_patient(stream(options.seed, f"motion {visit}"), frame, voxels, patient.anatomy, patient.core, options.scanner)
    ideal = image_of(scene, voxels)
    if options.metal != "none" or patient.anatomy.cava_hu:
        cava = np.array([patient.core.cava.end], dtype=np.float32)
        _, row, column = (float(at) for at in voxel_index(frame, cava)[0])
        cast_streaks(stream(options.seed, "streaks"), ideal, options.pixel_mm, (row, column))
    return scan(stream(options.seed, f"scanner {visit}"), ideal, options.scanner, options.pixel_mm, options.slice_mm)


def image_of(scene: Scene, voxels: F32) -> F32:
    """Return the image (slice, row, column) of the drawn cuts."""
    if scene.warp.is_still and scene.group == 1:
        return voxels
    parts = []
    for start, stop in slabs(scene):
        low, high = source_slices(scene.warp, scene.frame, start, stop)
        parts.append(in_image(scene, voxels[low:high], low, start, stop))
    return np.concatenate(parts)


def make_phantom(options: PhantomOptions, image: NDArray[np.int16], lungs: Lungs, illness: Illness) -> Phantom:
    """Return the phantom without the slices that were lost, and its truth."""
    right, left, lesion, other = lungs.right, lungs.left, illness.lesion, illness.other
    if options.missing:
        image = np.delete(image, options.missing, axis=0)
        right, left, lesion, other = (np.delete(m, options.missing, axis=0) for m in (right, left, lesion, other))
    spacing = (options.increment_mm, options.pixel_mm, options.pixel_mm)
    truth = count_truth(right, left, lesion, other, spacing)
    return Phantom(image, spacing, right, left, lesion, other, options.disease, truth, options)


def count_truth(right: Bool, left: Bool, lesion: Bool, other: Bool, spacing_mm: tuple[float, float, float]) -> Truth:
    """Return shares and volumes from the masks on the final grid."""
    ml = spacing_mm[0] * spacing_mm[1] * spacing_mm[2] / 1000
    counts = [int(np.count_nonzero(m)) for m in (right, left, lesion & right, lesion & left, other)]
    return Truth(
        severity_right=counts[2] / max(counts[0], 1),
        severity_left=counts[3] / max(counts[1], 1),
        volume_right_ml=counts[0] * ml,
        volume_left_ml=counts[1] * ml,
        lesion_ml=(counts[2] + counts[3]) * ml,
        other_ml=counts[4] * ml,
    )
