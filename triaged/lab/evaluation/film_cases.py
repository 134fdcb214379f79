"""Reads a list of chest X-rays with references, and each of its pictures; must not know what measures them.

A list is a CSV. `image` is a DICOM file, a picture or a radiograph made from CT (.npz), relative to the list. All else
may be missing or empty: `case`, `patient`, `group` (`normal`: nothing there), `lungs` (a mask of both), `masks` (bits 1
A list is a CSV. `image` is a DICOM file, a picture or a radiograph made from CT (.npz), beside the list. All else
by any name, and zones `A` to `F` of BrixIA: right from upper to lower, then left.
"""

from __future__ import annotations

import csv
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final, TypeAlias

import numpy as np
from numpy.typing import NDArray
from PIL import Image as Pillow

from triaged.errors import ConfigError
from triaged.exams.xray.chest import Chest, chest_of
from triaged.exams.xray.decoding.radiograph import decode_radiograph
from triaged.exams.xray.decoding.turning import turned
from triaged.lab.films.film import LEFT, RIGHT
from triaged.lab.films.tables import SEEN_MM, exposed, read_grey

ZONE_NAMES: Final = ("A", "B", "C", "D", "E", "F")
PICTURES: Final = (".png", ".jpg", ".jpeg")
NORMAL: Final = "normal"

Mask = NDArray[np.bool_]
_Upright: TypeAlias = Callable[[NDArray[np.uint8]], NDArray[np.uint8]]


@dataclass(frozen=True, slots=True)
class FilmCase:
    """One line of the list; paths are absolute, numbers None where the list has none. `zones` are six or none."""

    case: str
    patient: str
    image: Path
    is_normal: bool
    lungs: Path | None
    masks: Path | None
    numbers: Mapping[str, float]
    zones: tuple[float, ...]


@dataclass(frozen=True, slots=True, eq=False)
class Reference:
    """What is true of a picture, on the grid of the chest that is read; None where it is not known.

    `sides`: right and left lung. `share`: affected share of the worse lung's volume.
    """

    lungs: Mask | None = None
    sides: tuple[Mask, Mask] | None = None
    affected: Mask | None = None
    share: float | None = None


def read_film_cases(table: Path, zones_of: str = "brixia_senior_") -> list[FilmCase]:
    """Return the cases of a list; zones are read from `A` to `F`, or from columns of that beginning.

    Raises:
        ConfigError: there is no such list, it has no column `image`, or a number is none.
    """
    try:
        with table.open(newline="", encoding="utf-8") as file:
            rows = list(csv.DictReader(file))
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(f"{table}: expected a list of cases, found {error}") from error
    if not rows or "image" not in rows[0]:
        raise ConfigError(f"{table}: expected a column image, and at least one case")
    prefix = "" if "A" in rows[0] else zones_of
    return [_case(table, line, row, prefix) for line, row in enumerate(rows, start=2)]


def read_chest(case: FilmCase) -> tuple[Chest, Reference]:
    """Return a picture as the pipeline reads it, and what is true of it.

    Raises:
        ConfigError: a file cannot be read.
        UnreadableStudy: the DICOM file is no frontal radiograph.
    """
    if case.image.suffix == ".npz":
        return _made(case.image)
    if case.image.suffix.lower() in PICTURES:
        grey = read_grey(case.image)
        return Chest(grey, exposed(grey), is_frontal=True), _reference(case, grey.shape, lambda mask: mask)
    radiograph = decode_radiograph(case.image)
    chest = chest_of(radiograph)
    return chest, _reference(case, chest.grey.shape, lambda mask: turned(mask, radiograph.upright))


def peers_in(cases: Sequence[FilmCase], names: Sequence[str]) -> tuple[str, ...]:
    """Return the names of the peers that a list has scores of.

    Raises:
        ConfigError: a peer is asked for that has no column.
    """
    known = {name for case in cases for name in case.numbers}
    missing = [name for name in names if name not in known]
    if missing:
        raise ConfigError(f"--peers: expected columns with scores, found none for {', '.join(missing)}")
    return tuple(names)


def _case(table: Path, line: int, row: Mapping[str, str], prefix: str) -> FilmCase:
    numbers = {}
    for name, text in row.items():
        try:
            numbers[name] = float(text)
        except (TypeError, ValueError):
            if name == "score" and text:
                raise ConfigError(f"{table}:{line}: score: expected a number, found {text}") from None
    zones = tuple(numbers[prefix + name] for name in ZONE_NAMES if prefix + name in numbers)
    image = table.parent / row["image"]
    if not image.exists() and (table.parent / "images" / row["image"]).exists():
        image = table.parent / "images" / row["image"]
    group = row.get("group") or row.get("label") or ""
    return FilmCase(
        case=row.get("case") or Path(row["image"]).stem,
        patient=row.get("patient") or row["image"],
        image=image,
        is_normal=group in (NORMAL, "No_findings"),
        lungs=_beside(table, "lungs", row.get("lung") or row.get("lungs")),
        masks=_beside(table, "masks", row.get("mask") or row.get("masks")),
        numbers=numbers,
        zones=zones if len(zones) == len(ZONE_NAMES) else (),
    )


def _beside(table: Path, folder: str, name: str | None) -> Path | None:
    """Return a mask beside the list or in its folder of masks; None where the entry names no file."""
    if not name or not Path(name).suffix:
        return None
    inside = table.parent / folder / name
    return inside if inside.exists() else table.parent / name


def _reference(case: FilmCase, shape: tuple[int, ...], upright: _Upright) -> Reference:
    if case.masks is not None:
        bits = _resized(upright(_bits(case.masks)), shape)
        right, left = bits & RIGHT > 0, bits & LEFT > 0
        both = right | left
        sides = (right, left) if right.any() and left.any() else None
        return Reference(both, sides, (bits & 12 > 0) & both)
    if case.lungs is not None:
        return Reference(_resized(upright(_bits(case.lungs)), shape) > 0)
    return Reference()


def _made(path: Path) -> tuple[Chest, Reference]:
    with np.load(path, allow_pickle=False) as stored:
        made = {name: stored[name] for name in ("image", "field", "right", "left", "lesion_we_mm", "other_we_mm")}
        share = float(max(stored["share_right"], stored["share_left"]))
    chest = Chest(made["image"].astype(np.float32) / 65535, made["field"], is_frontal=True)
    right, left = made["right"], made["left"] & ~made["right"]
    both = right | left
    if (made["other_we_mm"][both] >= SEEN_MM / 2).any():  # what is affected is not the lesion alone
        return chest, Reference(both, (right, left))
    return chest, Reference(both, (right, left), (made["lesion_we_mm"] >= SEEN_MM) & both, share)


def _bits(path: Path) -> NDArray[np.uint8]:
    try:
        with Pillow.open(path) as picture:
            return np.asarray(picture.convert("L"), dtype=np.uint8)
    except OSError as error:
        raise ConfigError(f"{path}: expected a mask, found {error}") from error


def _resized(bits: NDArray[np.uint8], shape: tuple[int, ...]) -> NDArray[np.uint8]:
    if bits.shape == shape:
        return bits
    picture = Pillow.fromarray(np.ascontiguousarray(bits))
    return np.asarray(picture.resize((shape[1], shape[0]), Pillow.Resampling.NEAREST), dtype=np.uint8)
