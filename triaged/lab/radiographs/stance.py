"""How a generated patient stands or lies before the detector, and what that changes of body and heart.

Must not know: beams, pictures, disease.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Literal

import numpy as np

from triaged.lab.phantom.anatomy import Anatomy
from triaged.lab.phantom.frame import ANGLES, Frame, Point
from triaged.lab.phantom.mediastinum import Core, Tube
from triaged.lab.portable import arctan2, hypot, steady

Arms = Literal["down", "forward", "raised"]

COLUMN_MM = 1.0
ROW_MM = 1.6
SLICE_MM = 1.0
EDGE_MM = 1.3
HALF_WIDTH_MM = 212.0


@dataclass(frozen=True, slots=True)
class Stance:
    """Posture of one patient: shoulders rolled `forward` take the shoulder blades off the lungs.

    `sink_mm`: how much lower the diaphragm stands than in the lying scan; `blade`: angle (radians from the spine) of
    the inner border of a shoulder blade; `joint` and `elbow`: centres of the left shoulder and elbow, x, y, z mm, in
    the phantom's frame; `bone` in [0, 1]: mineral; `neck_mm`: radius of the neck.
    """

    upright: bool
    arms: Arms
    sink_mm: float
    blade: float
    joint: Point
    elbow: Point
    bone: float
    neck_mm: float


def draw_stance(rng: np.random.Generator, anatomy: Anatomy) -> Stance:
    """Return a random stance: three of five stand, most of these with the shoulders rolled forward."""
    upright = bool(rng.random() < 0.62)
    chances = (0.15, 0.72, 0.13) if upright else (0.85, 0.0, 0.15)
    arms: tuple[Arms, ...] = ("down", "forward", "raised")
    which = arms[int(rng.choice(3, p=chances))]
    blade = float(rng.uniform(1.0, 1.3)) if which == "forward" else float(rng.uniform(0.7, 1.05))
    wide = anatomy.half_width * float(rng.uniform(1.13, 1.26))
    lift = {"down": -2.0, "forward": -10.0, "raised": 22.0}[which] + float(rng.normal(0, 6))
    joint: Point = (wide, {"down": 10.0, "forward": -14.0, "raised": 12.0}[which], anatomy.apex_r + lift)
    reach = {
        "down": (float(rng.uniform(20, 45)), 10.0, -270.0),
        "forward": (float(rng.uniform(55, 95)), float(rng.uniform(-90, -30)), -210.0),
        "raised": (float(rng.uniform(20, 70)), -20.0, 260.0),
    }[which]
    elbow: Point = (joint[0] + reach[0], joint[1] + reach[1], joint[2] + reach[2])
    sink = float(rng.uniform(4, 24)) if upright else -float(rng.uniform(0, 25))
    neck = float(rng.uniform(52, 60)) * (0.93 if anatomy.is_female else 1.05) + 0.25 * anatomy.fat
    return Stance(upright, which, sink, blade, joint, elbow, steady(rng.beta(4, 2)), neck)


def posed(rng: np.random.Generator, anatomy: Anatomy, stance: Stance) -> Anatomy:
    """Return the patient as the stance changes it, without contrast medium and without the scanner's couch."""
    blood = float(rng.normal(42, 6))
    tissue = replace(
        anatomy.tissue, blood=blood, heart=blood, vessel=blood, liver=float(rng.normal(58, 6)),
        spleen=float(rng.normal(50, 6)), mediastinal_fill=float(rng.uniform(-60, 30)),
        cortex=700 + 700 * stance.bone, marrow=90 + 190 * stance.bone,
    )  # fmt: skip
    dome = anatomy.dome_r - stance.sink_mm
    heart = anatomy.heart_scale * float(rng.uniform(0.92, 1.08)) * (1.0 if stance.upright else 1.05)
    return replace(
        anatomy,
        tissue=tissue,
        half_width=anatomy.half_width * float(rng.uniform(0.89, 0.99)),
        dome_r=dome,
        dome_l=anatomy.dome_l - stance.sink_mm,
        heart_scale=heart,
        stomach_air=1.0 if stance.upright else anatomy.stomach_air,
        cava_hu=0.0,
        mediastinum=anatomy.mediastinum * (0.78 if stance.upright else 0.88),
        narrow_top=float(rng.uniform(0.64, 0.8)),
        blanket=0.0,
        arms_down=stance.arms != "raised",
        bottom=min(dome - anatomy.recess - 15, dome - float(rng.uniform(130, 175))),
        top=anatomy.apex_r + float(rng.uniform(92, 105)),
    )


def shaped_heart(rng: np.random.Generator, core: Core, anatomy: Anatomy) -> Core:
    """Return the organs with the chambers that make the heart's outline: right atrium, left ventricle, its outlet."""
    s, depth, hu = anatomy.half_width / 137, anatomy.front / 82, anatomy.tissue.heart
    k = anatomy.heart_scale
    x, y, _ = core.heart_centre
    z = float(np.clip(anatomy.dome_l + 44 * k + float(rng.uniform(-6, 6)), -110, -52))  # it rests on the diaphragm
    apex: Point = (
        x + float(rng.uniform(30, 48)) * k,
        y - float(rng.uniform(4, 14)),
        max(z - float(rng.uniform(18, 34)) * k, anatomy.dome_l + 12),
    )
    chambers = (
        Tube((x - 30 * k, y + 14, z + 22), (x - 34 * k, y + 12, z - 12), 24 * k, 27 * k, hu, 3.0),
        Tube((x + 4, y, z + 12), apex, 42 * k, float(rng.uniform(22, 30)) * k, hu, 4.0),
        Tube((14 * s, -30 * depth, -12), (x + 20 * k, y, z + 14), 16 * k, 34 * k, hu, 3.0),
    )
    return replace(core, heart_centre=(x, y, z), vessels=(*chambers, *core.vessels))


def view_frame(anatomy: Anatomy, coarse: float) -> Frame:
    """Return the drawing grid, wide enough for body and shoulders: fine across the picture, coarser along the beam.

    Voxels are `coarse` times as long as the finest.
    """
    wall = 26 + anatomy.muscle + 1.3 * anatomy.fat
    front = anatomy.front * 1.05 + wall + anatomy.breast
    back = anatomy.back * 1.05 + wall + 8
    z = np.arange(anatomy.bottom, anatomy.top, SLICE_MM * coarse, dtype=np.float32)
    y = np.arange(-front, back, ROW_MM * coarse, dtype=np.float32)
    x = np.arange(-HALF_WIDTH_MM, HALF_WIDTH_MM + 0.1, COLUMN_MM * coarse, dtype=np.float32)
    gx, gy = (each.astype(np.float32) for each in np.meshgrid(x, y))
    angle = (arctan2(gx, gy) / (2 * np.pi) * ANGLES).astype(np.int32) % ANGLES
    return Frame(
        spacing_mm=(SLICE_MM * coarse, ROW_MM * coarse, COLUMN_MM * coarse),
        z_mm=z,
        y_mm=gy,
        x_mm=gx,
        radius_mm=hypot(gx, gy).astype(np.float32),
        angle=angle,
        roll_rad=0.0,
        origin_mm=(float(x[0]), float(y[0])),
        edge_mm=EDGE_MM * coarse,
        first=0,
        whole=z.size,
    )
