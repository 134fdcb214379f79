"""Draws one phantom: the composition of anatomy, disease and scanner.

Must not know: files, DICOM. Random streams for build, lungs, disease and scanner are separate children of the seed,
so that changing the disease leaves patient and scanner as they were.
"""

from __future__ import annotations

import numpy as np
from scipy import ndimage

from triaged.lab.phantom.anatomy import Anatomy, draw_anatomy
from triaged.lab.phantom.artefacts import move_patient
from triaged.lab.phantom.blobs import share_threshold
from triaged.lab.phantom.frame import Frame, blur_in_plane, coverage, make_frame, mean_over_slices
from triaged.lab.phantom.lung_trees import grow_trees, paint_lungs
from triaged.lab.phantom.lungs import Lungs, build_lungs, paint_belly
from triaged.lab.phantom.mediastinum import airway_cover, build_core, exclusion, paint_core
from triaged.lab.phantom.opacities import RECIPES
from triaged.lab.phantom.options import F32, Bool, Phantom, PhantomOptions, Truth
from triaged.lab.phantom.parenchyma import Field, Parenchyma, build_parenchyma, trunk
from triaged.lab.phantom.scanner import reconstruction_circle, scan
from triaged.lab.phantom.skeleton import paint_skeleton
from triaged.lab.phantom.viral import spread_disease, target_shares
from triaged.lab.phantom.viral_tissue import apply_viral
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
    lung, field = build_parenchyma(tissue, frame, anatomy, lungs, options.posture)
    surface = lungs.distance.ravel()[lung.index]
    trees = grow_trees(tissue, frame, surface, lung, anatomy, core)
    seen = field_of_view(options)
    right, left = (m & seen for m in lung_masks(frame, lungs, airway_cover(frame, core), trees.hilar, group))
    lesion, other, opacity = add_disease(disease, frame, field, lung, options, (right, left), group)
    paint_lungs(frame, voxels, surface, lung, anatomy, trees, opacity)
    sign = 1.0 if options.posture == "supine" else -1.0
    couch = (anatomy.back if sign > 0 else anatomy.front) + 26 + anatomy.muscle * 0.9 + anatomy.fat + anatomy.table
    paint_table(organs, frame, voxels, couch, sign)
    move_patient(device, frame, voxels, anatomy, core, options.scanner)
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


def field_of_view(options: PhantomOptions) -> Bool:
    """Return the pixels (row, column) that the scanner reconstructs: all, or the circle where corners are padded."""
    if options.scanner.padding_hu == -1024:
        return np.ones((options.matrix, options.matrix), dtype=bool)
    return reconstruction_circle(options.matrix)


def lung_masks(frame: Frame, lungs: Lungs, airway: F32, hilar: F32, group: int) -> tuple[Bool, Bool]:
    """Return right and left lung on the final grid as a reader draws them.

    At least half covered by lung, without windpipe and main bronchi, and smoothly cut off from the great vessels at
    the hilum; vessels surrounded by lung belong to it.
    """
    cover = mean_over_slices(coverage(lungs.distance, frame.edge_mm), group)
    cut = blur_in_plane(mean_over_slices(hilar, group), 2.5 / frame.spacing_mm[1]) > 0.4
    lung = (cover >= 0.5) & (mean_over_slices(airway, group) < 0.5)
    is_right = (frame.x_mm < 3)[None]
    right, left = (fill_holes(lung & ~cut & side) & lung for side in (is_right, ~is_right))
    slivers = blur_in_plane(cut.astype(np.float32), 7 / frame.spacing_mm[1]) > 0.03
    return without_slivers(right, slivers, frame), without_slivers(left, slivers, frame)


def without_slivers(mask: Bool, where: Bool, frame: Frame) -> Bool:
    """Return the mask without parts thinner than about 8 mm, on the voxels `where`."""
    core = blur_in_plane(mask.astype(np.float32), 3 / frame.spacing_mm[1]) > 0.72
    wide: Bool = blur_in_plane(core.astype(np.float32), 3 / frame.spacing_mm[1]) > 0.12
    return mask & (wide | ~where)


def fill_holes(mask: Bool) -> Bool:
    """Return the mask with every hole filled that one slice surrounds."""
    result: Bool = np.stack([ndimage.binary_fill_holes(one) if one.any() else one for one in mask])
    return result


def add_disease(
    rng: np.random.Generator,
    frame: Frame,
    field: Field,
    lung: Parenchyma,
    options: PhantomOptions,
    masks: tuple[Bool, Bool],
    group: int,
) -> tuple[Bool, Bool, F32]:
    """Change the tissue by the disease; return the masks of viral lesion and other opacity, and its opacity (n,)."""
    empty = np.zeros(masks[0].shape, dtype=bool)
    both = masks[0] | masks[1]
    if options.disease == "none":
        return empty, empty, np.zeros_like(lung.hu)
    if options.disease != "viral":
        opacity = RECIPES[options.disease](rng, field, lung)
        other = (mean_over_slices(trunk(frame, lung, opacity, 0), group) >= 0.5) & both
        return empty, other, np.zeros_like(lung.hu)
    shares = target_shares(rng, options.severity)
    spread = spread_disease(rng, field, lung, shares)
    final = mean_over_slices(drawn_level(frame, lung, spread.level), group)
    limits = (share_threshold(final, masks[0], shares[0]), share_threshold(final, masks[1], shares[1]))
    opacity = apply_viral(rng, field, lung, spread, limits)
    return (masks[0] & (final >= limits[0])) | (masks[1] & (final >= limits[1])), empty, opacity


def drawn_level(frame: Frame, lung: Parenchyma, level: F32) -> F32:
    """Return the level (slice, row, column) as a reader's pencil follows it: without detail below about 5 mm."""
    sigma = 2.5 / frame.spacing_mm[1]
    weight = blur_in_plane(trunk(frame, lung, np.ones_like(level), 0), sigma)
    smooth = blur_in_plane(trunk(frame, lung, level, 0), sigma) / np.maximum(weight, 1e-3)
    return trunk(frame, lung, smooth.ravel()[lung.index].astype(np.float32), -400)


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
