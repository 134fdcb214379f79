"""One radiograph with its exact truth, as one `.npz` file; a half-written file never carries the final name.

Must not know: how radiographs are made.
"""

from __future__ import annotations

from dataclasses import dataclass, fields
from pathlib import Path
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from triaged.lab.phantom.options import F32, Bool

View = Literal["PA", "AP"]


@dataclass(frozen=True, slots=True, eq=False)
class MadeRadiograph:
    """A radiograph made from a CT; every map is (row, column), the patient's right on the left and the head up.

    Attributes:
        image: grey as displayed, 0 to 65535, dense bright.
        field: exposed and inside the collimation.
        right, left: lungs as readers outline them within `field`: behind the heart too, down to the diaphragm's dome.
        right_any, left_any: wherever the ray passes lung of that side at all, below the dome too.
        right_visible, left_visible: where lung is most of what the ray passes: heart and what lies below excluded.
        lung_mm, right_mm, left_mm, lesion_mm: path lengths.
        lesion_we_mm, solid_we_mm, other_we_mm: water equivalent that lesion, its consolidated part, and other opacities
            add to aerated lung.
        share_right, share_left: lesion's share of each lung's volume.
        spacing_mm: of the detector's pixels.
        view: "PA" or "AP"; `upright` else lying; `monochrome1`: whether it should be stored inverted.
        disease, seed, patient, source: of the chest; pictures of one patient stay on one side of any split.
    """

    image: NDArray[np.uint16]
    field: Bool
    right: Bool
    left: Bool
    right_any: Bool
    left_any: Bool
    right_visible: Bool
    left_visible: Bool
    right_mm: F32
    left_mm: F32
    lesion_mm: F32
    lesion_we_mm: F32
    solid_we_mm: F32
    other_we_mm: F32
    share_right: float
    share_left: float
    spacing_mm: float
    view: View
    upright: bool
    monochrome1: bool
    disease: str
    seed: int
    patient: str
    source: str

    @property
    def lung_mm(self) -> F32:
        """Return the path through both lungs."""
        return self.right_mm + self.left_mm


def save_radiograph(radiograph: MadeRadiograph, path: Path) -> None:
    """Write a radiograph; path lengths and water equivalents as half-precision floats."""
    values: dict[str, NDArray[np.generic]] = {}
    for each in fields(radiograph):
        value = np.asarray(getattr(radiograph, each.name))
        values[each.name] = value.astype(np.float16) if each.name.endswith("_mm") and value.ndim else value
    values["lung_mm"] = radiograph.lung_mm.astype(np.float16)
    part = path.with_suffix(".part")
    with part.open("wb") as sink:
        np.savez_compressed(sink, **values)  # type: ignore[arg-type]
    part.rename(path)


def load_radiograph(path: Path) -> MadeRadiograph:
    """Return the radiograph of a file."""
    with np.load(path, allow_pickle=False) as stored:
        values = {each.name: stored[each.name] for each in fields(MadeRadiograph)}
    plain = {name: value.item() if value.ndim == 0 else value for name, value in values.items()}
    wide = {name: value.astype(np.float32) if value.dtype == np.float16 else value for name, value in values.items()
            if value.ndim}  # fmt: skip
    return MadeRadiograph(**{**plain, **wide})
