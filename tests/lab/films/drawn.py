"""Drawn films and collections for tests: two bright or dark ovals for lungs, and tables as published ones have them."""

from __future__ import annotations

import csv
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from triaged.lab.films.film import AFFECTED, LEFT, RIGHT, SIDE, ZONES, Film

ROWS, COLUMNS = np.mgrid[0:SIDE, 0:SIDE] / SIDE


def oval(row: float, column: float, high: float, wide: float) -> NDArray[np.bool_]:
    """Return an oval of the film, all in shares of the side."""
    return np.asarray(((ROWS - row) / high) ** 2 + ((COLUMNS - column) / wide) ** 2 < 1)


RIGHT_LUNG, LEFT_LUNG = oval(0.5, 0.3, 0.3, 0.13), oval(0.5, 0.7, 0.3, 0.13)


def film(seed: int = 0, *, is_sick: bool = False, **said: Any) -> Film:
    """Return a film of two dark lungs in bright noise, the base of the right one bright where the patient is sick."""
    rng = np.random.default_rng(seed)
    moved = int(rng.integers(-20, 20))
    right, left = (np.roll(lung, (moved, -moved), (0, 1)) for lung in (RIGHT_LUNG, LEFT_LUNG))
    affected = right & (ROWS > 0.55) if is_sick else np.zeros_like(right)
    grey = 0.75 + 0.05 * rng.standard_normal((SIDE, SIDE))
    grey[right | left] -= 0.5
    grey[affected] += 0.35
    labels = RIGHT * right.astype(np.uint8) + LEFT * left.astype(np.uint8) + AFFECTED * affected.astype(np.uint8)
    known = {
        "grey": np.rint(255 * np.clip(grey, 0, 1)).astype(np.uint8),
        "labels": labels.astype(np.uint8),
        "added_mm": np.zeros((SIDE, SIDE), np.uint8),
        "lungs": "drawn",
        "affected_known": True,
        "presence": float(is_sick),
        "share": float("nan"),
        "score": float("nan"),
        "zones": np.full(ZONES, np.nan, np.float32),
        "name": f"{seed:03}",
        "patient": f"p{seed}",
        "source": "drawn",
    }
    return Film(**{**known, **said})


def write_picture(path: Path, values: NDArray[np.generic]) -> None:
    """Write an 8-bit picture without loss, whatever the name of its folder says."""
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(np.asarray(values, dtype=np.uint8)).save(path)


def write_table(path: Path, rows: list[dict[str, str]]) -> None:
    """Write a list of cases with the columns of the first row."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)
