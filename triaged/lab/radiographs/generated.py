"""Draws a generated patient for radiographs: phantom lungs and disease in a body that stands or lies, with fine bones.

Must not know: beams, pictures, files.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from triaged.lab.phantom.anatomy import draw_anatomy, vary_anatomy
from triaged.lab.phantom.body import Geometry, Patient, geometry, make_patient, stream
from triaged.lab.phantom.cache import MIXTURE, VARIANTS, draw_rarity
from triaged.lab.phantom.disease import Illness, Lungs, draw_mask, fall_ill
from triaged.lab.phantom.frame import Frame, Point, blend, coverage, slab
from triaged.lab.phantom.generate import Shapes, healthy_lungs
from triaged.lab.phantom.lung_trees import Trees, draw_trees, grow_trees, paint_lungs
from triaged.lab.phantom.lungs import cupola, paint_belly
from triaged.lab.phantom.masks import Scene, on_grid, slabs
from triaged.lab.phantom.mediastinum import airway_cover, paint_core
from triaged.lab.phantom.options import F32, Bool, PhantomOptions
from triaged.lab.phantom.parenchyma import Parenchyma
from triaged.lab.phantom.warp import Warp
from triaged.lab.portable import exp, log, steady
from triaged.lab.radiographs.bones import paint_bones
from triaged.lab.radiographs.chest import Chest
from triaged.lab.radiographs.outline import paint_bubble, paint_outline
from triaged.lab.radiographs.stance import Stance, draw_stance, posed, shaped_heart, view_frame

HEALTHY, VIRAL = 0.35, 0.45
# The worse lung's lesion share: (low, high, how many); sick patients who are X-rayed have more disease than screened.
SHARES = ((0.01, 0.08, 0.15), (0.06, 0.25, 0.33), (0.2, 0.5, 0.27), (0.45, 0.75, 0.15), (0.7, 0.92, 0.10))


def draw_illness(seed: int, severity: tuple[float, float] | None = None) -> PhantomOptions:
    """Return the disease of one patient: a third are healthy, not quite half have viral pneumonia of any extent.

    With `severity` everybody has viral pneumonia, the worse lung's lesion share evenly between these two; all are
    healthy where it is 0.
    """
    rng = stream(seed, "radiograph illness")
    others = {name: share for name, share in MIXTURE.items() if name not in ("none", "viral")}
    at, total = float(rng.random()), sum(others.values())
    other = str(rng.choice(list(others), p=[share / total for share in others.values()]))
    disease = "none" if at < HEALTHY else "viral" if at < HEALTHY + VIRAL else other
    shares = draw_worse_share(rng)
    if severity is not None:
        shares = scaled_to(shares, float(stream(seed, "radiograph severity").uniform(*severity)))
        disease = "viral" if max(shares) > 0 else "none"
    return PhantomOptions(
        seed=seed,
        disease=disease,  # type: ignore[arg-type]
        severity=shares if disease == "viral" else "none",
        variant=draw_rarity(rng, VARIANTS),
        companion="effusion" if rng.random() < 0.05 and disease != "none" else "none",
    )


def draw_worse_share(rng: np.random.Generator) -> tuple[float, float]:
    """Return the lesion share of the (right, left) lung of one patient with viral pneumonia."""
    low, high, _ = SHARES[int(rng.choice(len(SHARES), p=[share for *_, share in SHARES]))]
    worse = float(exp(rng.uniform(log(low), log(high))))
    less = 0.0 if rng.random() < 0.14 and worse < 0.3 else worse * steady(rng.beta(3, 1.3))
    return (worse, less) if rng.random() < 0.55 else (less, worse)


def scaled_to(shares: tuple[float, float], worse: float) -> tuple[float, float]:
    """Return the shares of (right, left) so that the worse lung has `worse` and the other one keeps its ratio."""
    ratio = worse / max(shares)
    return shares[0] * ratio, shares[1] * ratio


def generated_chest(options: PhantomOptions, coarse: float = 1.0) -> Chest:
    """Return the chest of these options (their scanner and grid are not used); the same options give equal voxels.

    Voxels are `coarse` times 1 mm across the picture: 1 for pictures, more for a quick look.
    """
    seed = options.seed
    scene, stance = set_stance(options, coarse)
    shapes = KeptShapes(scene)
    lung, field = healthy_lungs(options, scene, shapes)
    if stance.upright and options.disease == "effusion":
        lung = replace(lung, down_mm=(0.3 * lung.down_mm - 0.9 * lung.z_mm).astype(np.float32))
    trees = grow_trees(stream(seed, "trees"), lung, scene.patient.anatomy, scene.patient.core)
    lungs = draw_fields(scene, lung)
    illness = fall_ill(options, scene, scene, field, lung, lungs, lungs)
    solid = draw_mask(scene, lung, illness.solid) & illness.lesion
    hu, belly = paint(scene, shapes, lung, trees, illness, stance)
    frame = scene.frame
    return Chest(
        hu=hu,
        right=lungs.right,
        left=lungs.left,
        lesion=illness.lesion,
        solid=solid,
        other=illness.other,
        belly=belly,
        spacing_mm=frame.spacing_mm,
        origin_mm=(frame.origin_mm[0], frame.origin_mm[1], float(frame.z_mm[0])),
        upright=stance.upright,
        lines=landmarks(scene.patient, stance),
        disease=options.disease,
        seed=seed,
        patient=f"phantom-{seed}",
        source="phantom",
    )


def set_stance(options: PhantomOptions, coarse: float) -> tuple[Scene, Stance]:
    """Return the patient on the drawing grid, and the stance."""
    seed = options.seed
    anatomy = draw_anatomy(stream(seed, "build"))
    anatomy = vary_anatomy(stream(seed, "variant"), anatomy, options.variant, "supine")
    stance = draw_stance(stream(seed, "stance"), anatomy)
    anatomy = posed(stream(seed, "pose"), anatomy, stance)
    frame = view_frame(anatomy, coarse)
    patient = make_patient(seed, anatomy, "supine", frame)
    core = shaped_heart(stream(seed, "heart"), patient.core, anatomy)
    return Scene(frame, 1, replace(patient, core=core), Warp(0.0, 0.0)), stance


class KeptShapes(Shapes):
    """The geometry of every slab, computed once: a patient for radiographs is small enough to keep it."""

    def __init__(self, scene: Scene) -> None:
        """Start with nothing computed."""
        super().__init__(scene)
        self._scene = scene
        self._slabs: dict[tuple[int, int], tuple[Frame, Geometry]] = {}

    def of(self, start: int, stop: int) -> tuple[Frame, Geometry]:
        """Return the slab start..stop as a frame, and its geometry."""
        if (start, stop) not in self._slabs:
            frame = slab(self._scene.frame, start, stop)
            self._slabs[start, stop] = frame, geometry(self._scene.patient, frame)
        return self._slabs[start, stop]


def draw_fields(scene: Scene, lung: Parenchyma) -> Lungs:
    """Return right and left lung: voxels at least half covered by lung, without windpipe and main bronchi."""
    parts = []
    for start, stop in slabs(scene):
        part = slab(scene.frame, start, stop)
        cover = on_grid(scene, lung, coverage(lung.surface_mm, part.edge_mm), 0, start, stop)
        side = on_grid(scene, lung, lung.is_right.astype(np.float32), 0, start, stop) > 0.5
        whole = (cover >= 0.5) & (airway_cover(part, scene.patient.core) < 0.5)
        parts.append((whole & side, whole & ~side))
    right, left = (np.concatenate([part[side] for part in parts]) for side in (0, 1))
    return Lungs(right, left)


def paint(
    scene: Scene, shapes: Shapes, lung: Parenchyma, trees: Trees, illness: Illness, stance: Stance
) -> tuple[NDArray[np.int16], Bool]:
    """Return the densities of the whole patient, without noise, and where the belly is."""
    plane = scene.frame.x_mm.size
    hu = np.empty(scene.frame.shape, dtype=np.int16)
    belly = np.empty(scene.frame.shape, dtype=np.bool_)
    for start, stop in slabs(scene):
        part, shape = shapes.of(start, stop)
        voxels = np.full(part.shape, -1000, dtype=np.float32)
        patient, cage = scene.patient, shape.cage
        seed, anatomy = patient.seed, patient.anatomy
        paint_outline(stream(seed, "outline"), part, voxels, cage, anatomy, stance)
        paint_belly(stream(seed, "belly"), part, voxels, cage, anatomy, patient.diaphragm_mm)
        if stance.upright:
            paint_bubble(stream(seed, "bubble"), part, voxels, anatomy)
        inside = coverage(shape.lungs.costal, 2 * part.edge_mm)
        paint_core(stream(seed, "organs"), part, voxels, inside, anatomy, patient.core)
        if anatomy.air_side:
            blend(voxels, coverage(shape.lungs.air, part.edge_mm), -1000.0)
        dome = cupola(stream(seed, "lungs"), part, anatomy) - 1.5
        paint_bones(stream(seed, "bones"), part, voxels, cage, dome, anatomy, stance)
        mine = slice(*np.searchsorted(lung.index, [start * plane, stop * plane]))
        tissue = lung.between(mine, start * plane)
        paint_lungs(part, voxels, tissue, anatomy, draw_trees(part, trees, tissue.index), illness.opacity[mine])
        hu[start:stop] = np.clip(np.rint(voxels), -1000, 3000)
        under = part.z_mm[:, None, None] < patient.diaphragm_mm[None]
        belly[start:stop] = under & (cage.distance < 0)
    return hu, belly


def landmarks(patient: Patient, stance: Stance) -> dict[str, F32]:
    """Return the ways along which tubes and lines may run, each (n, 3) as x, y, z mm."""
    anatomy, core = patient.anatomy, patient.core
    windpipe = core.airways[0]
    neck = (0.0, windpipe.start[1], anatomy.apex_r + 90)
    jx, _jy, jz = stance.joint
    x, y, z = core.heart_centre
    cava = [core.cava.start, core.cava.end, (core.cava.end[0], core.cava.end[1], -45.0)]
    stomach: Point = (50.0, 0.0, anatomy.dome_l - 45)
    front = -anatomy.front - 16 - anatomy.muscle - anatomy.fat
    ways: dict[str, list[Point]] = {
        "windpipe": [neck, windpipe.start, windpipe.end],
        "gullet": [neck, (2, windpipe.end[1] + 16, 60), (6, windpipe.end[1] + 22, -20), (14, 30, -90), stomach],
        "cava_r": [(-60.0, -30.0, anatomy.apex_r + 70), (-30, -25, anatomy.apex_r + 5), *cava],
        "cava_l": [(110.0, -45.0, anatomy.apex_r - 12), (40, -40, anatomy.apex_r - 18), *cava],
        "heart": [(0.6 * jx, front * 0.7, jz - 35), (30, -40, anatomy.apex_r - 22), *cava, (x + 15, y - 20, z - 20)],
        "front": [(0.0, front, 0.0)],
    }
    return {name: np.array(way, dtype=np.float32) for name, way in ways.items()}
