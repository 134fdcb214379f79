"""The values that enter and leave the chest CT generator.

Must not know: how anything is drawn, files, DICOM.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

F32 = NDArray[np.float32]
Reals = NDArray[np.float32] | NDArray[np.float64]
Bool = NDArray[np.bool_]

Severity = Literal["none", "mild", "moderate", "severe"]
Disease = Literal[
    "none",
    "viral",
    "bacterial",
    "bronchopneumonia",
    "oedema",
    "fibrosis",
    "nodules",
    "mass",
    "effusion",
    "atelectasis",
]
Posture = Literal["supine", "prone"]
Variant = Literal["usual", "shifted", "pneumothorax", "single_lung"]
Companion = Literal["none", "effusion"]
Metal = Literal["none", "wires", "pacemaker", "rods", "leads"]


@dataclass(frozen=True, slots=True)
class Scanner:
    """How the drawn patient is turned into pixels.

    `edge_mm`: width over which a boundary fades (voxel plus kernel); `noise_sd_hu` at the body centre;
    `noise_cutoff` in cycles per pixel (0.15 smooth, 0.6 sharp kernel); `sharpen`: unsharp gain; `streak_hu`: streaks
    across the shoulders; `padding_hu` fills the corners outside the reconstruction circle. `heart_motion_mm` is how
    far the heart's border doubles, `breathing_mm` how far the diaphragm moves during the scan, `breathing_step_mm` how
    much of the chest a breath in the middle of the scan leaves out. `tilt_deg` leans the gantry: positive takes the
    back of the slice toward the head. `ring_hu` and `cupping_hu` are the strengths of those artefacts, `hu_gain` the
    error of the scale about -1000 HU.
    """

    edge_mm: float = 1.6
    noise_sd_hu: float = 20.0
    noise_cutoff: float = 0.35
    sharpen: float = 0.0
    streak_hu: float = 10.0
    hu_offset: float = 0.0
    padding_hu: int = -1024
    off_centre_mm: tuple[float, float] = (0.0, 0.0)
    roll_deg: float = 0.0
    heart_motion_mm: float = 0.0
    breathing_mm: float = 0.0
    breathing_step_mm: float = 0.0
    tilt_deg: float = 0.0
    ring_hu: float = 0.0
    cupping_hu: float = 0.0
    hu_gain: float = 1.0


@dataclass(frozen=True, slots=True)
class FollowUp:
    """What changed since the first scan of the same patient; the default is the first scan itself.

    `grow_mm` moves every lesion's border outward (negative: inward), `density_hu` is added to lesions, `new_patches`
    appear in each ill lung, and the diaphragm stands `rise_mm` higher (shallower breath). `visit` counts from 0.
    """

    visit: int = 0
    grow_mm: float = 0.0
    density_hu: float = 0.0
    new_patches: int = 0
    rise_mm: float = 0.0


@dataclass(frozen=True, slots=True)
class PhantomOptions:
    """Everything that decides one phantom; equal options give equal voxels.

    `severity` is a grade, or the target share of the (right, left) lung covered by lesion, each in [0, 0.95].
    It acts on viral disease only; other diseases draw their own extent and leave `lesion` empty.
    `slice_mm` is the thickness and `increment_mm` the distance of slices; a slice at least 3 mm thick is averaged
    from two thinner ones, a thinner one is a single cut (the decimated series of MosMed). `crop_mm` is cut off the
    scanned range at its (foot, head) end. `variant` is a rarity of the anatomy, `companion` an opacity beside the
    disease, `metal` an implant. `missing` are slices, counted from the feet, that never reached the archive.
    """

    seed: int
    disease: Disease = "viral"
    severity: Severity | tuple[float, float] = "moderate"
    matrix: int = 176
    pixel_mm: float = 2.0
    slice_mm: float = 5.0
    increment_mm: float = 5.0
    crop_mm: tuple[float, float] = (0.0, 0.0)
    posture: Posture = "supine"
    scanner: Scanner = Scanner()
    variant: Variant = "usual"
    companion: Companion = "none"
    metal: Metal = "none"
    missing: tuple[int, ...] = ()
    follow_up: FollowUp = FollowUp()


@dataclass(frozen=True, slots=True)
class Truth:
    """Exact counts over the masks: shares in [0, 1], volumes in millilitres."""

    severity_right: float
    severity_left: float
    volume_right_ml: float
    volume_left_ml: float
    lesion_ml: float
    other_ml: float

    @property
    def severity(self) -> float:
        """Return the larger of the two lungs' lesion shares (Goncharov et al., section 2.2)."""
        return max(self.severity_right, self.severity_left)


@dataclass(frozen=True, slots=True)
class Phantom:
    """A drawn study: voxels in HU and its exact masks, all shaped (slice, row, column).

    Slice index grows toward the head, row index toward posterior, column index toward patient left; `spacing_mm` is
    (slice, row, column). The lungs include dense disease and pleural fluid, and exclude trachea and main bronchi.
    `lesion` is viral disease only, `other` any other opacity of lung or pleural space.
    """

    voxels_hu: NDArray[np.int16]
    spacing_mm: tuple[float, float, float]
    right_lung: Bool
    left_lung: Bool
    lesion: Bool
    other: Bool
    disease: Disease
    truth: Truth
    options: PhantomOptions

    @property
    def heights_mm(self) -> NDArray[np.float64]:
        """Return the position (slice,) of each slice along the table."""
        every = np.arange(self.voxels_hu.shape[0] + len(self.options.missing))
        return np.delete(every, self.options.missing) * self.spacing_mm[0]
