"""From lung voxels to masks on the image's grid, as a reader draws them.

Must not know: densities, which disease it is.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from scipy import ndimage

from triaged.lab.phantom.body import Patient
from triaged.lab.phantom.frame import Frame, blur_in_plane, coverage, mean_over_slices, slab
from triaged.lab.phantom.lung_trees import Trees, draw_hilum
from triaged.lab.phantom.lungs import side_of
from triaged.lab.phantom.mediastinum import airway_cover
from triaged.lab.phantom.options import F32, Bool
from triaged.lab.phantom.parenchyma import SLAB_VOXELS, Parenchyma
from triaged.lab.phantom.warp import Warp, moved, source_slices


@dataclass(frozen=True, slots=True)
class Scene:
    """All that decides where things lie in the image: `group` drawn cuts make one slice of it."""

    frame: Frame
    group: int
    patient: Patient
    warp: Warp

    @property
    def shape(self) -> tuple[int, int, int]:
        """Return the image's (slices, rows, columns)."""
        count, rows, columns = self.frame.shape
        return (count // self.group, rows, columns)


def slabs(scene: Scene) -> Iterator[tuple[int, int]]:
    """Yield ranges of drawn slices that together are the whole frame, each of whole image slices and bounded memory."""
    plane = scene.frame.x_mm.size
    thick = max(1, SLAB_VOXELS // (plane * scene.group)) * scene.group
    count = scene.shape[0] * scene.group
    for start in range(0, count, thick):
        yield start, min(start + thick, count)


def on_grid(scene: Scene, lung: Parenchyma, values: F32, outside: float, start: int, stop: int) -> F32:
    """Return lung values (n,) on the drawn slices start..stop, `outside` elsewhere."""
    plane = scene.frame.x_mm.size
    part = slice(*np.searchsorted(lung.index, [start * plane, stop * plane]))
    out = np.full((stop - start, *scene.frame.x_mm.shape), outside, dtype=np.float32)
    out.ravel()[lung.index[part] - start * plane] = values[part]
    return out


def in_image(scene: Scene, drawn: F32, low: int, start: int, stop: int) -> F32:
    """Return what the image shows of drawn slices (from `low` on) in its slices made of the cuts start..stop."""
    return mean_over_slices(moved(scene.warp, scene.patient, scene.frame, drawn, low, start, stop), scene.group)


def lung_masks(scene: Scene, lung: Parenchyma, trees: Trees, start: int, stop: int) -> tuple[Bool, Bool]:
    """Return right and left lung in the image slices made of the cuts start..stop.

    At least half covered by lung, without windpipe and main bronchi, and smoothly cut off from the great vessels at
    the hilum; vessels surrounded by lung belong to it.
    """
    low, high = source_slices(scene.warp, scene.frame, start, stop)
    part = slab(scene.frame, low, high)
    pixel = scene.frame.spacing_mm[1]
    cover = on_grid(scene, lung, coverage(lung.surface_mm, part.edge_mm), 0, low, high)
    fields = (cover, airway_cover(part, scene.patient.core), draw_hilum(part, trees))
    cover, airway, hilar = (in_image(scene, field, low, start, stop) for field in fields)
    cut = blur_in_plane(hilar, 2.5 / pixel) > 0.4
    whole = (cover >= 0.5) & (airway < 0.5)
    slivers = blur_in_plane(cut.astype(np.float32), 7 / pixel) > 0.03
    here = np.broadcast_to(
        side_of(slab(scene.frame, start, stop), scene.patient.anatomy), (stop - start, *cut.shape[1:])
    )
    is_right = here[:: scene.group]
    right, left = (
        without_slivers(fill_holes(whole & ~cut & side) & whole, slivers, pixel) for side in (is_right, ~is_right)
    )
    return right, left


def fill_holes(mask: Bool) -> Bool:
    """Return the mask with every hole filled that one slice surrounds."""
    result: Bool = np.stack([ndimage.binary_fill_holes(one) if one.any() else one for one in mask])
    return result


def without_slivers(mask: Bool, where: Bool, pixel_mm: float) -> Bool:
    """Return the mask without parts thinner than about 8 mm, on the voxels `where`."""
    core = blur_in_plane(mask.astype(np.float32), 3 / pixel_mm) > 0.72
    wide: Bool = blur_in_plane(core.astype(np.float32), 3 / pixel_mm) > 0.12
    return mask & (wide | ~where)


def pencil_level(scene: Scene, lung: Parenchyma, level: F32, start: int, stop: int) -> F32:
    """Return the level in the image slices made of the cuts start..stop, as a reader's pencil follows it.

    Detail below about 5 mm is smoothed away; -400 where no lung is.
    """
    low, high = source_slices(scene.warp, scene.frame, start, stop)
    sigma = 2.5 / scene.frame.spacing_mm[1]
    ones = np.ones_like(level)
    weight = in_image(scene, on_grid(scene, lung, ones, 0, low, high), low, start, stop)
    total = in_image(scene, on_grid(scene, lung, level, 0, low, high), low, start, stop)
    near = blur_in_plane(weight, sigma)
    smooth = blur_in_plane(total, sigma) / np.maximum(near, 1e-3)
    return np.where(weight > 0, smooth, np.float32(-400))


def opaque(scene: Scene, lung: Parenchyma, opacity: F32, start: int, stop: int) -> Bool:
    """Return where an opacity (n,) is at least one half in the image slices made of the cuts start..stop."""
    low, high = source_slices(scene.warp, scene.frame, start, stop)
    result: Bool = in_image(scene, on_grid(scene, lung, opacity, 0, low, high), low, start, stop) >= 0.5
    return result
