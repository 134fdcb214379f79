"""Makes a chest for radiographs from a real scan: at the scanner's own resolution, with generated lesions pasted in.

Must not know: beams, pictures. Only pixels of the scan are used.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from triaged.exams.ct.pipelines.split import LEFT, RIGHT
from triaged.imaging.resample import PIXEL_MM, resample_in_plane
from triaged.lab.phantom.body import stream
from triaged.lab.phantom.options import F32, Bool, Reals
from triaged.lab.radiographs.chest import Chest
from triaged.lab.radiographs.generated import HEALTHY, VIRAL, draw_worse_share
from triaged.lab.sources.negatives import draw_disease, other_change
from triaged.lab.sources.normals import Normal
from triaged.lab.sources.opacity import viral_change
from triaged.lab.sources.scene import Scene
from triaged.lab.sources.tissue import Tissue, measure_tissue, replace_air

SLICE_MM, ROW_MM, COLUMN_MM = 1.0, 1.6, 1.0
AIR_HU, BODY_HU, COUCH_OPENING = -1000.0, -500.0, 4
LOWER_SHARE = 0.55
BEYOND_MM = 25.0
"""How far the first and the last slice are continued, so that the picture does not end with the lungs."""
Places = tuple[Reals, Reals, Reals]
SOLID_SHARE = 0.62
"""Share of a lesion voxel's air that fluid has replaced where it counts as consolidated."""


@dataclass(frozen=True, slots=True, eq=False)
class Pasted:
    """What was pasted, on the grid of 2 mm: the change of density in HU and its masks."""

    added_hu: F32
    lesion: Bool
    solid: Bool
    other: Bool
    disease: str


def scanned_chest(normal: Normal, seed: int) -> Chest:
    """Return a scan with the lesions of `seed`, half of them mirrored left to right; equal seeds give equal voxels.

    Slices that show lesions of their own are kept as they are: their masks would be wrong, so scans with such slices
    must not be taken as healthy.
    """
    scene = plain_scene(normal)
    done = pasted(scene, seed)
    mirrored = bool(stream(seed, "mirror").random() < 0.5)
    grid = fine_grid(normal)
    hu = grid.volume(np.maximum(normal.volume.voxels, AIR_HU).astype(np.float32), native=True)
    hu += grid.volume(done.added_hu, native=False)
    remove_couch(hu)
    labels = grid.labels(scene.labels)
    masks = [grid.labels(each.astype(np.uint8)) > 0 for each in (done.lesion, done.solid, done.other)]
    right, left = labels == RIGHT, labels == LEFT
    if mirrored:
        hu, right, left = hu[:, :, ::-1], left[:, :, ::-1], right[:, :, ::-1]
        masks = [each[:, :, ::-1] for each in masks]
    lungs = right | left
    lesion, solid, other = (each & lungs for each in masks)
    rows, columns = hu.shape[1:]
    return Chest(
        hu=np.clip(np.rint(hu), -1000, 3000).astype(np.int16),
        right=right,
        left=left,
        lesion=lesion & ~other,
        solid=solid & lesion & ~other,
        other=other,
        belly=below_lungs(lungs, hu),
        spacing_mm=(SLICE_MM, ROW_MM, COLUMN_MM),
        origin_mm=(-(columns - 1) / 2 * COLUMN_MM, -(rows - 1) / 2 * ROW_MM, 0.0),
        upright=False,
        lines={},
        disease=done.disease,
        seed=seed,
        patient=normal.patient,
        source="scan",
    )


def plain_scene(normal: Normal) -> Scene:
    """Return the scan on its grid of 2 mm in plane, as it is."""
    volume = resample_in_plane(normal.volume)
    spacing = (volume.geometry.spacing_mm[0], PIXEL_MM, PIXEL_MM)
    hu = np.maximum(volume.voxels, -1024).astype(np.float32)
    return Scene(hu, normal.labels, spacing, normal.healthy)


def pasted(scene: Scene, seed: int) -> Pasted:
    """Return the lesions of a seed on a scene: as often healthy, viral and other as generated patients are."""
    rng, style = stream(seed, "scan illness"), stream(seed, "scan style")
    tissue = measure_tissue(scene, style)
    empty = np.zeros(scene.labels.shape, dtype=np.bool_)
    at = float(rng.random())
    if at < HEALTHY:
        return Pasted(np.zeros(scene.hu.shape, dtype=np.float32), empty, empty, empty, "none")
    if at < HEALTHY + VIRAL:
        disease, change = "viral", viral_change(rng, tissue, draw_worse_share(rng))
    else:
        disease = draw_disease(rng)
        change = other_change(rng, tissue, disease)
    added = replace_air(scene, tissue, change.air_share, style) - scene.hu
    inside = on_scene(scene, tissue, change.inside)
    dense = on_scene(scene, tissue, change.inside & (change.air_share >= SOLID_SHARE))
    if disease == "viral":
        return Pasted(added.astype(np.float32), inside, dense, empty, disease)
    return Pasted(added.astype(np.float32), empty, empty, inside, disease)


def on_scene(scene: Scene, tissue: Tissue, members: Bool) -> Bool:
    """Return a mask on the scene's grid from its lung voxels (n,)."""
    mask = np.zeros(scene.labels.shape, dtype=np.bool_)
    mask.ravel()[tissue.lung.index] = members
    return mask


@dataclass(frozen=True, slots=True, eq=False)
class FineGrid:
    """Where the voxels of the chest lie among those of the scanner and of the grid of 2 mm, as fractional indices.

    Each is (slices, rows, columns): three arrays of places along the axes.
    """

    native: Places
    coarse: Places

    def volume(self, voxels: F32, native: bool) -> F32:
        """Return voxels of either grid on this one, linear between them."""
        return separable(voxels, self.native if native else self.coarse)

    def labels(self, labels: NDArray[np.uint8]) -> NDArray[np.uint8]:
        """Return labels of the grid of 2 mm on this one, each voxel's where it is at least half; 0 beyond the scan."""
        result = np.zeros([each.size for each in self.coarse], dtype=np.uint8)
        scanned = (self.coarse[0] >= -0.5) & (self.coarse[0] <= len(labels) - 0.5)
        for label in np.unique(labels[labels > 0]):
            result[separable((labels == label).astype(np.float32), self.coarse) >= 0.5] = label
        result[~scanned] = 0
        return result


def fine_grid(normal: Normal) -> FineGrid:
    """Return the grid of a chest over the whole scan, 1 mm across the picture."""
    dz, dy, dx = normal.volume.geometry.spacing_mm
    slices, rows, columns = normal.volume.voxels.shape
    _, coarse_rows, coarse_columns = normal.labels.shape
    z = np.arange(-BEYOND_MM, (slices - 1) * dz + BEYOND_MM, SLICE_MM, dtype=np.float32)
    y = centred(rows * dy, ROW_MM)
    x = centred(columns * dx, COLUMN_MM)
    native = (z / np.float32(dz), y / np.float32(dy) + (rows - 1) / 2, x / np.float32(dx) + (columns - 1) / 2)
    at_rows, at_columns = y / PIXEL_MM + (coarse_rows - 1) / 2, x / PIXEL_MM + (coarse_columns - 1) / 2
    return FineGrid(native, (native[0], at_rows, at_columns))


def centred(extent_mm: float, step_mm: float) -> F32:
    """Return voxel centres over an extent, counted from its middle."""
    count = max(2, int(extent_mm / step_mm))
    return ((np.arange(count, dtype=np.float32) - (count - 1) / 2) * np.float32(step_mm)).astype(np.float32)


def separable(voxels: F32, at: Places) -> F32:
    """Return voxels at the crossings of places along three axes, linear between them, constant beyond."""
    for axis, places in enumerate(at):
        size = voxels.shape[axis]
        inner = np.clip(places, 0, size - 1)
        low = np.minimum(inner.astype(np.int64), max(size - 2, 0))
        part = (inner - low).astype(np.float32).reshape([-1 if a == axis else 1 for a in range(3)])
        first, second = np.take(voxels, low, axis=axis), np.take(voxels, np.minimum(low + 1, size - 1), axis=axis)
        voxels = first + part * (second - first)
    return voxels


def remove_couch(hu: F32) -> None:
    """Fill with air, in place, what lies behind the patient: couch, mattress, blankets."""
    cross = ndimage.generate_binary_structure(2, 1)
    row = np.arange(hu.shape[1])[:, None]
    for one in hu:
        labels, count = ndimage.label(ndimage.binary_opening(one > BODY_HU, cross, COUCH_OPENING))
        if not count:
            one[:] = AIR_HU
            continue
        sizes = np.bincount(labels.ravel())[1:]
        body = np.isin(labels, 1 + np.flatnonzero(sizes > 0.08 * sizes.max()))
        last = np.where(body.any(axis=0), len(body) - np.argmax(body[::-1], axis=0), 0)
        one[row > last[None] + 1] = AIR_HU


def below_lungs(lungs: Bool, hu: F32) -> Bool:
    """Return about the belly: what lies lower than the domes on which the lungs rest, between front and back of them.

    The dome's height at each place from right to left is that of the highest lower surface of lung there. Surfaces in
    the upper half of the lungs, and those in front, may rest on the heart, and do not count.
    """
    slices = np.flatnonzero(lungs.any(axis=(1, 2)))
    if slices.size == 0:
        return np.zeros_like(lungs)
    limit = slices[0] + LOWER_SHARE * (slices[-1] - slices[0])
    bottom = np.where(lungs.any(axis=0), np.argmax(lungs, axis=0), -1)
    rows = np.flatnonzero(lungs.any(axis=(0, 2)))
    bottom = np.where(bottom < limit, bottom, -1)
    bottom[: (rows[0] + rows[-1]) // 2] = -1
    known = np.flatnonzero((bottom >= 0).any(axis=0))
    if known.size == 0:
        return np.zeros_like(lungs)
    domes = np.array([np.percentile(column[column >= 0], 92) for column in bottom.T[known]])
    dome = ndimage.gaussian_filter1d(np.interp(np.arange(lungs.shape[2]), known, domes), 5)
    result: Bool = (np.arange(len(lungs))[:, None, None] < dome[None, None]) & ~lungs & (hu > BODY_HU)
    result[:, : rows[0]] = result[:, rows[-1] + 1 :] = False
    return result
