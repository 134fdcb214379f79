"""Draws small patients and prints the SHA-256 of each: `python -m tests.lab.drawings > tests/lab/drawings.json`.

Write the file anew only where a drawing was changed on purpose, or a library under it was; every seed means another
patient from then on.
"""

from __future__ import annotations

import hashlib
import json
import sys
from dataclasses import replace

import numpy as np

from triaged.lab.phantom.generate import generate
from triaged.lab.phantom.options import Disease, PhantomOptions, Scanner, Severity
from triaged.lab.radiographs.generated import draw_illness, generated_chest
from triaged.lab.radiographs.make import radiograph

SMALL = PhantomOptions(seed=7_000_000, matrix=72, pixel_mm=5.2, slice_mm=4.0, increment_mm=16.0, severity="none")
SHARP = Scanner(sharpen=1.0, streak_hu=20.0, heart_motion_mm=4.0, breathing_mm=4.0, ring_hu=8.0, tilt_deg=6.0)
SEVERITIES: tuple[Severity, ...] = ("mild", "moderate", "severe")
DISEASES: tuple[Disease, ...] = ("none", "bacterial", "oedema", "fibrosis", "nodules", "mass", "atelectasis")


def digest(*arrays: np.typing.NDArray[np.generic]) -> str:
    sha = hashlib.sha256()
    for array in arrays:
        sha.update(np.ascontiguousarray(array).tobytes())
    return sha.hexdigest()


def phantom(options: PhantomOptions) -> str:
    drawn = generate(options)
    return digest(drawn.voxels_hu, drawn.right_lung, drawn.left_lung, drawn.lesion, drawn.other)


def picture(seed: int) -> str:
    chest = generated_chest(draw_illness(seed, (0.3, 0.6)), 4.0)
    made = [radiograph(chest, number, 96) for number in range(2)]
    return digest(chest.hu, *(array for each in made for array in (each.image, each.right, each.lesion_we_mm)))


def drawings() -> dict[str, str]:
    found: dict[str, str] = {disease: phantom(replace(SMALL, disease=disease)) for disease in DISEASES}
    for seed, severity in enumerate(SEVERITIES, start=SMALL.seed):
        found[f"viral, {severity}"] = phantom(replace(SMALL, seed=seed, severity=severity, scanner=SHARP))
    rare = replace(SMALL, severity="moderate", variant="pneumothorax", companion="effusion", metal="pacemaker")
    found["viral, rarities"] = phantom(rare)
    for seed in (501, 503):
        found[f"radiographs, {seed}"] = picture(seed)
    return found


if __name__ == "__main__":
    sys.stdout.write(json.dumps(drawings(), indent=2) + "\n")
