"""What surrounds the anatomy in a picture: the collimated field, the border outside of it, side letters and print.

Must not know: anatomy, physics.
"""

from __future__ import annotations

import cv2
import numpy as np

from triaged.lab.phantom.options import F32, Bool
from triaged.lab.portable import gaussian

WORDS = ("AP", "PA", "SUPINE", "ERECT", "PORTABLE", "MOBILE", "SITTING", "1", "2", "AP BED", "CHEST", "12:40", "kV 90")


def collimated(rng: np.random.Generator, size: int) -> Bool:
    """Return the exposed field (row, column): all of the picture, or a rectangle, somewhat turned in some."""
    field = np.zeros((size, size), dtype=np.uint8)
    if rng.random() < 0.6:
        return np.ones((size, size), dtype=np.bool_)
    margin = rng.uniform(0, 0.07, 4) * (rng.random(4) < 0.7) * size
    wide, tall = size - margin[0] - margin[1], size - margin[2] - margin[3]
    angle = float(rng.normal(0, 1.2)) if rng.random() < 0.3 else 0.0
    middle = ((size + margin[0] - margin[1]) / 2, (size + margin[2] - margin[3]) / 2)
    corners = cv2.boxPoints((middle, (wide, tall), angle))
    cv2.fillPoly(field, [np.rint(corners * 16).astype(np.int32)], 1, cv2.LINE_8, 4)
    return field > 0


def bordered(rng: np.random.Generator, picture: F32, field: Bool) -> F32:
    """Return the picture with everything outside of the field in one grey, black in nine of ten."""
    grey = 0.0 if rng.random() < 0.75 else float(rng.uniform(0, 0.15)) if rng.random() < 0.7 else 1.0
    soft = gaussian(field.astype(np.float32), (0.7, 0.7), mode="mirror")
    result: F32 = (picture * soft + np.float32(grey) * (1 - soft)).astype(np.float32)
    return result


def lettered(rng: np.random.Generator, picture: F32) -> F32:
    """Return the picture with a side letter in three of four, and printed words in a fifth; never mirrored."""
    out = picture.copy()
    size = len(picture)
    if rng.random() < 0.75:
        left = rng.random() < 0.7
        across = rng.uniform(0.82, 0.94) if left else rng.uniform(0.04, 0.14)
        place = (int(across * size), int(rng.uniform(0.06, 0.3) * size))
        _print(rng, out, "L" if left else "R", place, float(rng.uniform(0.5, 1.3)))
    if rng.random() < 0.2:
        for _ in range(int(rng.integers(1, 4))):
            place = (int(rng.uniform(0.02, 0.75) * size), int(rng.uniform(0.03, 0.14) * size))
            _print(rng, out, WORDS[int(rng.integers(len(WORDS)))], place, float(rng.uniform(0.35, 0.7)))
    return out


def _print(rng: np.random.Generator, picture: F32, text: str, place: tuple[int, int], scale: float) -> None:
    layer = np.zeros(picture.shape, dtype=np.uint8)
    font = cv2.FONT_HERSHEY_SIMPLEX if rng.random() < 0.6 else cv2.FONT_HERSHEY_DUPLEX
    thick = max(1, round(2 * scale * float(rng.uniform(0.6, 1.4))))
    cv2.putText(layer, text, place, font, scale, 255, thick, cv2.LINE_AA)
    if rng.random() < 0.15:
        cv2.circle(layer, (place[0] + int(9 * scale), place[1] - int(10 * scale)), int(22 * scale), 255, 1, cv2.LINE_AA)
    cover = layer.astype(np.float32) / 255 * float(rng.uniform(0.6, 1.0))
    picture += cover * (float(rng.uniform(0.85, 1.0)) - picture)
