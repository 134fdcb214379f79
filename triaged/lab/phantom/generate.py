"""Draws one phantom: the composition of anatomy, disease and scanner.

Must not know: files, DICOM. Random streams for build, lungs, disease and scanner are separate children of the seed,
so that changing the disease leaves patient and scanner as they were.
"""

from __future__ import annotations

import numpy as np

from triaged.lab.phantom.anatomy import Anatomy, draw_anatomy
from triaged.lab.phantom.blobs import share_threshold
from triaged.lab.phantom.frame import Frame, coverage, make_frame, mean_over_slices
from triaged.lab.phantom.lung_trees import paint_lungs
from triaged.lab.phantom.lungs import Lungs, build_lungs, paint_belly
from triaged.lab.phantom.mediastinum import airway_cover, build_core, exclusion, paint_core
from triaged.lab.phantom.opacities import RECIPES
from triaged.lab.phantom.options import F32, Bool, Phantom, PhantomOptions, Truth
from triaged.lab.phantom.parenchyma import Field, Parenchyma, build_parenchyma, trunk
from triaged.lab.phantom.scanner import scan
from triaged.lab.phantom.skeleton import paint_skeleton
from triaged.lab.phantom.viral import apply_viral, target_shares, viral_level
from triaged.lab.phantom.wall import (
    build_cage,
    paint_arms,
    paint_clothing,
    paint_shoulder_joints,
    paint_table,
    paint_wall,
)


def generate(options: PhantomOptions) -> Phantom:
    """Return the phantom of these options; the same options give the same voxels, bit for bit."""
    streams = [np.random.Generator(np.random.PCG64(s)) for s in np.random.SeedSequence(options.seed).spawn(5)]
    build, organs, tissue, disease, device = streams
    anatomy = draw_anatomy(build)
    group = 2 if options.slice_mm >= 3 else 1
    frame = draw_frame(options, anatomy, group)
    cage = build_cage(organs, frame, anatomy)
    core = build_core(organs, anatomy)
    between = exclusion(organs, frame, anatomy, core)
    lungs = build_lungs(organs, frame, anatomy, cage, between)
    voxels = np.full(frame.shape, -1000, dtype=np.float32)
    paint_arms(organs, frame, voxels, cage, anatomy)
    paint_wall(organs, frame, voxels, cage, anatomy)
    paint_clothing(organs, frame, voxels)
    paint_shoulder_joints(frame, voxels, anatomy)
    paint_belly(organs, frame, voxels, cage, anatomy, lungs)
    inside = coverage(lungs.costal, 2 * frame.edge_mm)
    paint_core(organs, frame, voxels, inside, anatomy, core)
    paint_skeleton(organs, frame, voxels, cage, anatomy)
    right, left = lung_masks(frame, lungs, airway_cover(frame, core), group)
    lung, field = build_parenchyma(tissue, frame, anatomy, lungs, options.posture)
    lesion, other = add_disease(disease, frame, field, lung, options, (right, left), group)
    surface = lungs.distance.ravel()[lung.index]
    paint_lungs(tissue, frame, voxels, surface, lung, anatomy, core)
    sign = 1.0 if options.posture == "supine" else -1.0
    couch = (anatomy.back if sign > 0 else anatomy.front) + 26 + anatomy.muscle * 0.9 + anatomy.fat + anatomy.table
    paint_table(organs, frame, voxels, couch, sign)
    image = scan(device, mean_over_slices(voxels, group), options.scanner, options.pixel_mm, options.slice_mm)
    spacing = (options.increment_mm, options.pixel_mm, options.pixel_mm)
    truth = count_truth(right, left, lesion, other, spacing)
    return Phantom(image, spacing, right, left, lesion, other, options.disease, truth, options)


def draw_frame(options: PhantomOptions, anatomy: Anatomy, group: int) -> Frame:
    """Return the drawing grid from below the lung bases to the shoulders; `group` cuts make one slice."""
    bottom, top = anatomy.bottom + options.crop_mm[0], anatomy.top - options.crop_mm[1]
    count = max(8, round((top - bottom) / options.increment_mm))
    z = bottom + options.increment_mm * np.arange(count, dtype=np.float32)
    if group == 2:
        half = options.slice_mm / 4
        z = np.stack([z - half, z + half], axis=1).ravel()
    scanner = options.scanner
    return make_frame(
        z, options.matrix, options.pixel_mm, scanner.off_centre_mm, float(np.deg2rad(scanner.roll_deg)), scanner.edge_mm
    )


def lung_masks(frame: Frame, lungs: Lungs, airway: F32, group: int) -> tuple[Bool, Bool]:
    """Return right and left lung on the final grid: at least half covered by lung, and not by an airway."""
    cover = mean_over_slices(coverage(lungs.distance, frame.edge_mm), group)
    lung = (cover >= 0.5) & (mean_over_slices(airway, group) < 0.5)
    is_right = (frame.x_mm < 3)[None]
    return lung & is_right, lung & ~is_right


def add_disease(
    rng: np.random.Generator,
    frame: Frame,
    field: Field,
    lung: Parenchyma,
    options: PhantomOptions,
    masks: tuple[Bool, Bool],
    group: int,
) -> tuple[Bool, Bool]:
    """Change the tissue by the disease and return the masks of viral lesion and of other opacity."""
    empty = np.zeros(masks[0].shape, dtype=bool)
    both = masks[0] | masks[1]
    if options.disease == "none":
        return empty, empty
    if options.disease != "viral":
        opacity = RECIPES[options.disease](rng, field, lung)
        return empty, (mean_over_slices(trunk(frame, lung, opacity, 0), group) >= 0.5) & both
    shares = target_shares(rng, options.severity)
    level = viral_level(rng, field, lung, shares)
    final = mean_over_slices(trunk(frame, lung, level, -400), group)
    limits = (share_threshold(final, masks[0], shares[0]), share_threshold(final, masks[1], shares[1]))
    apply_viral(rng, field, lung, level, limits)
    return (masks[0] & (final >= limits[0])) | (masks[1] & (final >= limits[1])), empty


def count_truth(right: Bool, left: Bool, lesion: Bool, other: Bool, spacing_mm: tuple[float, float, float]) -> Truth:
    """Return shares and volumes from the masks on the final grid."""
    ml = spacing_mm[0] * spacing_mm[1] * spacing_mm[2] / 1000
    counts = [int(m.sum()) for m in (right, left, lesion & right, lesion & left, other)]
    return Truth(
        severity_right=counts[2] / max(counts[0], 1),
        severity_left=counts[3] / max(counts[1], 1),
        volume_right_ml=counts[0] * ml,
        volume_left_ml=counts[1] * ml,
        lesion_ml=(counts[2] + counts[3]) * ml,
        other_ml=counts[4] * ml,
    )
