"""From one chest to several radiographs, each of another view, pose, beam and style, and from seeds to a folder.

Must not know: how chests, beams or pictures are drawn.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np

from triaged.lab.phantom.options import F32, Bool
from triaged.lab.radiographs.archive import MadeRadiograph, View, save_radiograph
from triaged.lab.radiographs.border import bordered, collimated, lettered
from triaged.lab.radiographs.chest import Chest
from triaged.lab.radiographs.devices import metal_thickness
from triaged.lab.radiographs.exposure import detected, draw_exposure, primary
from triaged.lab.radiographs.fields import Paths, paths, visible_fields, whole_fields
from triaged.lab.radiographs.generated import draw_illness, generated_chest
from triaged.lab.radiographs.look import draw_look, process
from triaged.lab.radiographs.projection import Beam, Placement, place
from triaged.lab.radiographs.scanned import scanned_chest
from triaged.lab.sources.normals import Normal

PA_MM, AP_MM = 1800.0, 1000.0
LEAST_LUNG_MM = 2.0
BODY_MM = 15.0


def write_generated(
    folder: Path, count: int, first_seed: int, views: int, size: int, severity: tuple[float, float] | None = None
) -> Iterator[Path]:
    """Write `views` radiographs of each of `count` generated patients and yield each path; what is there is kept.

    `severity`: as `draw_illness` has it.
    """
    folder.mkdir(parents=True, exist_ok=True)
    for seed in range(first_seed, first_seed + count):
        names = [folder / f"drr_{seed:07d}_{view}.npz" for view in range(views)]
        if all(path.exists() for path in names):
            yield from names
            continue
        yield from write_views(generated_chest(draw_illness(seed, severity)), names, size)


def write_pasted(
    folder: Path, scans: Sequence[Normal], count: int, first_seed: int, views: int, size: int
) -> Iterator[Path]:
    """Write `views` radiographs of `count` variants of each scan and yield each path; what is there is kept."""
    folder.mkdir(parents=True, exist_ok=True)
    for seed in range(first_seed, first_seed + count):
        for scan in scans:
            names = [folder / f"drr_{scan.patient}_{seed:05d}_{view}.npz" for view in range(views)]
            if all(path.exists() for path in names):
                yield from names
            else:
                yield from write_views(scanned_chest(scan, seed), names, size)


def write_views(chest: Chest, names: list[Path], size: int) -> Iterator[Path]:
    """Write one radiograph of a chest under each name that is missing, and yield every path."""
    for number, path in enumerate(names):
        if not path.exists():
            save_radiograph(radiograph(chest, number, size), path)
        yield path


def radiograph(chest: Chest, number: int, size: int) -> MadeRadiograph:
    """Return the radiograph `number` of a chest; the same arguments give the same bytes."""
    pose, shot, style = (
        np.random.Generator(np.random.PCG64(s)) for s in np.random.SeedSequence([chest.seed, number, 13]).spawn(3)
    )
    view = draw_view(pose, chest)
    beam = place(chest, draw_placement(pose, chest, view, size))
    through = paths(chest, beam)
    portable = view == "AP"
    exposure = draw_exposure(shot, portable)
    metal = metal_thickness(shot, chest, beam, portable)
    straight = primary(through.water, through.bone, metal, exposure)
    signal = detected(shot, straight, through.water, exposure, beam.pitch_mm)
    look = draw_look(style)
    field = collimated(style, size) & covered(chest, beam)
    picture = process(signal, through.body > BODY_MM, field, look, beam.pitch_mm)
    picture = lettered(style, bordered(style, picture, field))
    return with_truth(chest, through, picture, field, beam, view, look.monochrome1)


def draw_view(rng: np.random.Generator, chest: Chest) -> View:
    """Return the view: mostly PA where the patient stands, nearly always AP where he lies."""
    return "PA" if rng.random() < (0.8 if chest.upright else 0.06) else "AP"


def draw_placement(rng: np.random.Generator, chest: Chest, view: View, size: int) -> Placement:
    """Return where source and detector are: turned up to 8 degrees, tilted, the lungs well or barely in the picture."""
    top, bottom, right, left = lung_limits(chest)
    field = max(1.02 * (top - bottom), 1.06 * (left - right)) * float(rng.uniform(1.0, 1.22))
    upper, lower = top + float(rng.uniform(0.05, 0.14)) * field, bottom - float(rng.uniform(-0.06, 0.08)) * field
    front = view == "PA"
    _, (front_mm, back_mm), (low, high) = chest.extent_mm
    depth = (back_mm - front_mm) / 2
    distance = (PA_MM if front else AP_MM) * float(rng.uniform(0.95, 1.08))
    gap = float(rng.uniform(15, 45) if front else rng.uniform(20, 70))
    tall = 0.98 * (high - low) / (1 + depth / (distance - gap - depth))
    field = min(field, tall)
    rim = (high - low - tall + field) / 2
    middle = float(np.clip((upper + lower) / 2, low + rim, high - rim))
    centre = (right + left) / 2 + float(rng.normal(0, 7)), middle
    return Placement(
        front=front,
        distance_mm=distance,
        gap_mm=gap,
        turn_deg=float(np.clip(rng.normal(0, 2.2 if front else 3.6), -8, 8)),
        tilt_deg=float(rng.normal(0, 1.2 if front else 3.5)),
        lean_deg=float(rng.normal(0, 1.5 if front else 2.5)),
        centre_mm=centre,
        pitch_mm=field * distance / (distance - gap - depth) / size,
        size=size,
    )


def lung_limits(chest: Chest) -> tuple[float, float, float, float]:
    """Return top, bottom, rightmost and leftmost of the lungs in mm (z, z, x, x)."""
    lungs = chest.right | chest.left
    slices, columns = np.flatnonzero(lungs.any(axis=(1, 2))), np.flatnonzero(lungs.any(axis=(0, 1)))
    dz, _, dx = chest.spacing_mm
    x0, _, z0 = chest.origin_mm
    return z0 + slices[-1] * dz, z0 + slices[0] * dz, x0 + columns[0] * dx, x0 + columns[-1] * dx


def covered(chest: Chest, beam: Beam) -> Bool:
    """Return the pixels whose rays enter and leave the voxels through front and back, not through top or bottom."""
    _, (y0, y1), (z0, z1) = chest.extent_mm
    ray = beam.pixels() - beam.source
    inside = np.ones((beam.size, beam.size), dtype=np.bool_)
    for y in (y0 + 0.15 * (y1 - y0), y1 - 0.15 * (y1 - y0)):
        z = beam.source[2] + ray[..., 2] * (y - beam.source[1]) / ray[..., 1]
        inside &= (z > z0) & (z < z1)
    return inside


def with_truth(
    chest: Chest, through: Paths, picture: F32, field: Bool, beam: Beam, view: View, monochrome1: bool
) -> MadeRadiograph:
    """Return the picture with all that is known of it."""
    whole = [each & field for each in whole_fields(through)]
    visible = [each & field for each in visible_fields(through)]
    share_right, share_left = chest.shares
    return MadeRadiograph(
        image=np.rint(np.clip(picture, 0, 1) * 65535).astype(np.uint16),
        field=field,
        right=whole[0],
        left=whole[1],
        right_any=through.right >= LEAST_LUNG_MM,
        left_any=through.left >= LEAST_LUNG_MM,
        right_visible=visible[0],
        left_visible=visible[1],
        right_mm=through.right,
        left_mm=through.left,
        lesion_mm=through.lesion,
        lesion_we_mm=through.lesion_we,
        solid_we_mm=through.solid_we,
        other_we_mm=through.other_we,
        share_right=share_right,
        share_left=share_left,
        spacing_mm=beam.pitch_mm,
        view=view,
        upright=chest.upright,
        monochrome1=monochrome1,
        disease=chest.disease,
        seed=chest.seed,
        patient=chest.patient,
        source=chest.source,
    )
