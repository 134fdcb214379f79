"""Shows films as other machines and other people would: turned, cropped, with another grey scale, letters and tubes.

Must not know files or networks. Greys are (row, column) in [0, 1], dense bright. Chances are those of Danilov et al.
where they have the step (CLAHE .2, crops .2, turning .5, mirroring .5), but for brightness and contrast (theirs .2);
the rest is for what differs between the sources of the films.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import cv2
import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from triaged.exams.xray.squares import Square
from triaged.lab.films.film import LEFT, RIGHT

Grey = NDArray[np.float32]
Labels = NDArray[np.uint8]

MOST_TURNED: Final = 15.0
SMALLEST_CROP, LARGEST_CROP = 0.7, 0.9


@dataclass(frozen=True, slots=True)
class Pose:
    """How a square of a film is shown: its side times `zoom`, its middle moved by shares of it, turned, mirrored."""

    zoom: float = 1.0
    down: float = 0.0
    across: float = 0.0
    degrees: float = 0.0
    is_mirrored: bool = False


def draw_pose(rng: Generator, spread: float) -> Pose:
    """Return a random pose; `spread` is how far, in shares of the side, size and middle vary without a crop."""
    is_crop = rng.random() < 0.2
    zoom = rng.uniform(SMALLEST_CROP, LARGEST_CROP) if is_crop else float(np.exp(rng.uniform(-spread, spread)))
    slack = (1 - zoom) / 2 if is_crop else spread / 2
    degrees = float(np.clip(rng.normal(0, 5), -MOST_TURNED, MOST_TURNED)) if rng.random() < 0.5 else 0.0
    down, across = rng.uniform(-slack, slack, 2)
    return Pose(float(zoom), float(down), float(across), degrees, bool(rng.random() < 0.5))


def shown(grey: NDArray[np.uint8], labels: Labels, square: Square, side: int, pose: Pose) -> tuple[Grey, Labels]:
    """Return grey in [0, 1] and labels of a square in a pose, `side` pixels each way.

    Where the film is mirrored, right and left lung change names: the network calls right what lies on the left.
    """
    scale = square.side * pose.zoom / side
    step = 2 if scale >= 1.6 else 1
    source = grey if step == 1 else cv2.resize(grey, None, fx=0.5, fy=0.5, interpolation=cv2.INTER_AREA)
    seen = cv2.warpAffine(
        source, _matrix(square, side, pose, step), (side, side), flags=cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
    )
    marked = cv2.warpAffine(
        labels, _matrix(square, side, pose, 1), (side, side), flags=cv2.INTER_NEAREST | cv2.WARP_INVERSE_MAP
    )
    if pose.is_mirrored:
        marked = swapped(np.asarray(marked, dtype=np.uint8))
    return np.asarray(seen, dtype=np.float32) / np.float32(255), np.asarray(marked, dtype=np.uint8)


def swapped(labels: Labels) -> Labels:
    """Return labels in which right and left lung have changed names."""
    kept = labels & ~np.uint8(RIGHT | LEFT)
    right, left = (labels & RIGHT) // RIGHT, (labels & LEFT) // LEFT
    return np.asarray(kept | right * np.uint8(LEFT) | left * np.uint8(RIGHT), dtype=np.uint8)


def another_look(grey: Grey, rng: Generator) -> Grey:
    """Return a film as another machine would have shown it."""
    if rng.random() < 0.2:
        tool = cv2.createCLAHE(float(rng.uniform(1, 4)), (8, 8))
        grey = tool.apply(np.rint(grey * 255).astype(np.uint8)).astype(np.float32) / np.float32(255)
    if rng.random() < 0.5:
        grey = np.clip(grey, 0, 1) ** np.float32(np.exp(rng.normal(0, 0.3)))
    if rng.random() < 0.4:
        contrast, brightness = 1 + rng.uniform(-0.2, 0.2), rng.uniform(-0.2, 0.2)
        grey = (grey - 0.5) * np.float32(contrast) + np.float32(0.5 + brightness)
    if rng.random() < 0.4:
        grey = _focused(grey, rng)
    if rng.random() < 0.3:
        grey = grey + np.float32(rng.uniform(0.02, 0.15)) * smooth_noise(grey.shape[0], 3, rng)
    if rng.random() < 0.5:
        sigma = float(rng.uniform(0.005, 0.04))
        noise = rng.standard_normal(grey.shape, dtype=np.float32)
        grey = grey + sigma * (noise if rng.random() < 0.5 else 2 * cv2.GaussianBlur(noise, (0, 0), 1.0))
    return np.clip(grey, 0, 1).astype(np.float32)


def with_clutter(grey: Grey, rng: Generator) -> Grey:
    """Return a film with what else lies on films: bars at the edge, letters, tubes and leads."""
    grey = grey.copy()
    side = grey.shape[0]
    if rng.random() < 0.15:
        deep, value = int(rng.uniform(0.01, 0.08) * side), float(rng.choice([0.0, 0.0, 1.0]))
        bars = (np.s_[:deep], np.s_[-deep or side :], np.s_[:, :deep], np.s_[:, -deep or side :])
        for bar in bars:
            if rng.random() < 0.5:
                grey[bar] = value
    if rng.random() < 0.25:
        place = (int(rng.uniform(0.02, 0.9) * side), int(rng.uniform(0.05, 0.3) * side))
        text, size = str(rng.choice(["L", "R", "AP", "SUPINE", "PORTABLE", "D"])), float(rng.uniform(0.3, 1.0))
        layer = np.zeros(grey.shape, dtype=np.uint8)
        cv2.putText(layer, text, place, cv2.FONT_HERSHEY_SIMPLEX, size, 255, 1 + int(size * 2), cv2.LINE_AA)
        grey = np.maximum(grey, layer.astype(np.float32) / 255 * np.float32(rng.uniform(0.7, 1)))
    for _ in range(int(rng.integers(1, 4)) if rng.random() < 0.2 else 0):
        grey = _with_tube(grey, rng)
    return grey


def smooth_noise(side: int, cells: int, rng: Generator) -> Grey:
    """Return noise of mean 0 and about unit variance that varies over a part `1 / cells` of the side."""
    coarse = rng.standard_normal((cells + 1, cells + 1), dtype=np.float32)
    return np.asarray(cv2.resize(coarse, (side, side), interpolation=cv2.INTER_CUBIC), dtype=np.float32)


def _matrix(square: Square, side: int, pose: Pose, step: int) -> NDArray[np.float64]:
    """Return what takes a pixel (column, row) of the answer to one of the film, halved `step` times."""
    scale, angle = square.side * pose.zoom / side, np.deg2rad(pose.degrees)
    turn = scale * np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    if pose.is_mirrored:
        turn = turn @ np.diag([-1.0, 1.0])
    column = square.column + square.side * (0.5 + pose.across)
    row = square.row + square.side * (0.5 + pose.down)
    middle = np.array([column, row]) - 0.5 - turn @ np.full(2, (side - 1) / 2)
    return np.column_stack([turn / step, (middle + 0.5) / step - 0.5])


def _focused(grey: Grey, rng: Generator) -> Grey:
    """Return the film softer, or with its edges sharpened."""
    soft = cv2.GaussianBlur(grey, (0, 0), float(rng.uniform(0.5, 2.0)))
    gain = float(rng.uniform(-0.9, 1.2))
    return np.asarray(grey + np.float32(gain) * (grey - soft), dtype=np.float32)


def _with_tube(grey: Grey, rng: Generator) -> Grey:
    side = grey.shape[0]
    begin, bend, end = rng.uniform(-0.1, 1.1, (3, 2)) * side
    along = np.linspace(0, 1, 24)[:, None]
    path = (1 - along) ** 2 * begin + 2 * along * (1 - along) * bend + along**2 * end
    layer = np.zeros(grey.shape, dtype=np.uint8)
    points = np.rint(path * 16).astype(np.int32)
    cv2.polylines(layer, [points], False, 255, int(rng.integers(1, 4)), cv2.LINE_AA, 4)
    bright = np.float32(rng.uniform(0.08, 0.35)) / 255
    return np.clip(grey + bright * layer, 0, 1).astype(np.float32)
