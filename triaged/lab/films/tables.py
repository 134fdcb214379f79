"""Reads chest X-rays of published collections, and those made from CT, as films; must not know how films are split.

A collection is a folder of `cases.csv`, `images/` and perhaps `masks/` or `lungs/`; which columns count says its name.
Readers of both collections with masks drew lungs through the heart's shadow and down to the dome: the rule that is
shipped, so their whole outlines teach. Their outlines of ground glass and consolidation leave the lungs here and there:
only what lies within counts.
"""

from __future__ import annotations

import csv
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Final

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import Image as Pillow
from scipy import ndimage

from triaged.errors import ConfigError
from triaged.exams.xray.squares import Square, normalised
from triaged.lab.films.film import AFFECTED, LEFT, RIGHT, SIDE, SOLID, UNSURE, ZONES, Film

NOTHING: Final = float("nan")
PROBABLY: Final = 0.85
"""How probable an opacity is on a film of a patient with COVID-19 that nobody outlined: some are still clear."""
SEEN_MM: Final = 10.0
"""Added water equivalent from which a reader sees a lesion; it is smoothed over `OUTLINED_MM` as readers outline."""
OUTLINED_MM: Final = 4.0
_EVEN = 0.02
"""Greys that lie closer than that are one."""

Row = Mapping[str, str]
Picture = NDArray[np.float32]
Mask = NDArray[np.bool_]


def films_of(folder: Path) -> Iterator[Film]:
    """Yield the films of a collection, in the order of its table; radiographs made from CT where it has none.

    Raises:
        ConfigError: the folder is no collection that is known here, or one of its pictures is missing.
    """
    if not (folder / "cases.csv").exists():
        made = sorted(folder.rglob("drr_*.npz"))
        if not made:
            raise ConfigError(f"{folder}: expected cases.csv or radiographs made from CT (drr_*.npz), found neither")
        yield from (_made(path) for path in made)
        return
    if folder.name not in COLLECTIONS:
        raise ConfigError(f"{folder}: expected one of {', '.join(COLLECTIONS)}, found {folder.name}")
    with (folder / "cases.csv").open(newline="", encoding="utf-8") as file:
        for row in csv.DictReader(file):
            yield COLLECTIONS[folder.name](folder, row)


def read_grey(path: Path) -> Picture:
    """Return a picture file in [0, 1], (row, column).

    Raises:
        ConfigError: it cannot be read.
    """
    try:
        with Pillow.open(path) as picture:
            grey = np.asarray(picture.convert("L"), dtype=np.float32)
    except OSError as error:
        raise ConfigError(f"{path}: expected a picture, found {error}") from error
    return grey / np.float32(255)


def exposed(grey: Picture) -> Mask:
    """Return where a picture was exposed: all but bars of one value at its edges, letters in them or not."""
    rows, columns = slice(None), slice(None)
    for _ in range(2):  # bars that cross hide each other
        columns = _between_bars(grey[rows][::4].T)
        rows = _between_bars(grey[:, columns][:, ::4])
    field = np.zeros(grey.shape, dtype=np.bool_)
    field[rows, columns] = True
    return field


def by_side(both: Mask) -> tuple[Mask, Mask]:
    """Return the parts of one mask of both lungs that lie on the left and on the right of the picture.

    Parts that touch each other are cut halfway between the columns that hold a third of them on either side.
    """
    numbers, _ = ndimage.label(both)
    columns = np.arange(both.shape[1])
    filled = np.cumsum(both.sum(axis=0))
    first, last = (int(np.searchsorted(filled, filled[-1] * part)) for part in (0.25, 0.75))
    middle = first + int(np.argmin(both.sum(axis=0)[first : last + 1])) if last > first else first
    right = np.zeros_like(both)
    for number, place in enumerate(ndimage.find_objects(numbers), start=1):
        part = numbers == number
        is_one_side = not (place[1].start < middle - 0.1 * len(columns) and place[1].stop > middle + 0.1 * len(columns))
        centre = (columns * part.sum(axis=0)).sum() / part.sum()
        right |= part & (centre < middle) if is_one_side else part & (columns < middle)
    return right, both & ~right


def square_labels(masks: Mapping[int, Mask]) -> NDArray[np.uint8]:
    """Return masks of a picture, by bit, on the film's square."""
    labels = np.zeros((SIDE, SIDE), dtype=np.uint8)
    for bit, mask in masks.items():
        square = Square.of(mask.shape).cut(mask.astype(np.float32), SIDE) >= 0.5
        labels |= np.where(square, np.uint8(bit), np.uint8(0))
    return labels


def _film(
    row: Row, folder: Path, grey: Picture, masks: Mapping[int, Mask] | None, affected_known: bool, presence: float
) -> Film:
    labels = np.zeros((SIDE, SIDE), np.uint8) if masks is None else square_labels(masks)
    return Film(
        grey=squared(grey, exposed(grey)),
        labels=labels,
        added_mm=np.zeros((SIDE, SIDE), np.uint8),
        lungs="none" if masks is None else "drawn",
        affected_known=affected_known,
        presence=presence,
        share=NOTHING,
        score=_number(row.get("score")),
        zones=_zones(row),
        name=Path(row["image"]).stem,
        patient=_patient(row, folder),
        source=folder.name,
    )


def squared(grey: Picture, field: Mask) -> NDArray[np.uint8]:
    """Return what the first stage sees of a picture, 0 to 255."""
    shown = Square.of(grey.shape).cut(normalised(grey, field), SIDE)
    return np.rint(255 * shown).astype(np.uint8)


def _number(text: str | None) -> float:
    return float(text) if text else NOTHING


def _zones(row: Row) -> NDArray[np.float32]:
    """Return which share of the readers of BrixIA (zones A to F, 0 to 3) sees anything in each zone."""
    told = np.array([[_number(row.get(f"brixia_{one}_{zone}")) for zone in "ABCDEF"] for one in ("senior", "junior")])
    seen = np.where(np.isnan(told), NOTHING, told >= 1)
    return np.asarray(seen.mean(axis=0), dtype=np.float32)


def _patient(row: Row, folder: Path) -> str:
    name = row["patient"]
    return name if ":" in name else f"{folder.name}:{name}"


def _drawn_lungs(folder: Path, row: Row) -> Film:
    grey = read_grey(folder / "images" / row["image"])
    right, left = by_side(read_grey(folder / "lungs" / row["lung"]) >= 0.5)
    return _film(row, folder, grey, {RIGHT: right, LEFT: left}, False, PROBABLY)


def _segmented(folder: Path, row: Row) -> Film:
    grey = read_grey(folder / "images" / row["image"])
    with Pillow.open(folder / "masks" / row["mask"]) as picture:
        bits = np.asarray(picture, dtype=np.uint8)
    right, left = bits & 1 > 0, bits & 2 > 0
    within = right | left
    affected, solid = (bits & 12 > 0) & within, (bits & 8 > 0) & within
    masks = {RIGHT: right, LEFT: left & ~right, AFFECTED: affected, SOLID: solid}
    return _film(row, folder, grey, masks, True, float(affected.any()))


def _normal(folder: Path, row: Row) -> Film:
    is_clear = row["label"] == "No_findings"
    grey = read_grey(folder / "images" / row["image"])
    return _film(row, folder, grey, None, is_clear, 0.0 if is_clear else NOTHING)


def _sick(folder: Path, row: Row) -> Film:
    return _film(row, folder, read_grey(folder / "images" / row["image"]), None, False, PROBABLY)


def _scored(folder: Path, row: Row) -> Film:
    score = _number(row["score"])
    presence = float(score >= 0.5) if score == score else PROBABLY
    return _film(row, folder, read_grey(folder / "images" / row["image"]), None, score == 0, presence)


COLLECTIONS: Final[Mapping[str, Callable[[Path, Row], Film]]] = MappingProxyType(
    {
        "cxr_lungs_free": _drawn_lungs,
        "cxr_segmentations": _segmented,
        "cxr_normals": _normal,
        "cxr_outcomes": _sick,
        "cxr_scores": _scored,
    }
)


def _between_bars(lines: Picture) -> slice:
    """Return the lines behind the bars at the beginning and before those at the end."""
    low, high = np.percentile(lines, (3, 97), axis=1)
    shown = np.flatnonzero(high - low > _EVEN)
    return slice(int(shown[0]), int(shown[-1]) + 1) if shown.size else slice(None)


def _made(path: Path) -> Film:
    """Return a radiograph made from CT as a film; what other opacities darken does not teach."""
    with np.load(path, allow_pickle=False) as stored:
        made = {name: stored[name] for name in stored.files}
    within = made["right"] | made["left"]
    smooth = OUTLINED_MM / float(made["spacing_mm"])
    lesion, solid, other = (
        cv2.GaussianBlur(made[name].astype(np.float32), (0, 0), smooth)
        for name in ("lesion_we_mm", "solid_we_mm", "other_we_mm")
    )
    affected, unsure = within & (lesion >= SEEN_MM), within & (other >= SEEN_MM / 2)
    masks = {RIGHT: made["right"], LEFT: made["left"] & ~made["right"], AFFECTED: affected}
    is_clear = float(lesion[within].max(initial=0)) < SEEN_MM / 2
    presence = NOTHING if not affected.any() and (unsure.any() or not is_clear) else float(affected.any())
    added = Square.of(lesion.shape).cut(made["lesion_we_mm"].astype(np.float32), SIDE)
    return Film(
        grey=squared(made["image"].astype(np.float32) / 65535, made["field"]),
        labels=square_labels({**masks, SOLID: affected & (solid >= SEEN_MM), UNSURE: unsure & ~affected}),
        added_mm=np.rint(np.clip(added, 0, 255)).astype(np.uint8),
        lungs="exact",
        affected_known=True,
        presence=presence,
        share=NOTHING if unsure.any() else float(max(made["share_right"], made["share_left"])),
        score=NOTHING,
        zones=np.full(ZONES, NOTHING, dtype=np.float32),
        name=path.stem,
        patient=str(made["patient"]),
        source="drr",
    )
