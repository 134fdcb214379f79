"""Reads real scans without disease, and finds their lungs, as the ground on which lesions are pasted.

Must not know lesions. Only pixels leave this module: no patient attribute of the files is read.
"""

from __future__ import annotations

import csv
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from triaged.errors import ConfigError
from triaged.exams.ct.decoding.series import decode_series
from triaged.exams.ct.pipelines.airway import central_airway
from triaged.exams.ct.pipelines.body import within_body
from triaged.exams.ct.pipelines.classical import classical_lungs
from triaged.imaging.resample import resample_in_plane
from triaged.imaging.volume import Volume


@dataclass(frozen=True, slots=True, eq=False)
class Normal:
    """A real scan and its lungs.

    Attributes:
        patient: the folder's name, a pseudonym.
        volume: HU on the scanner's grid, canonical axes.
        labels: (slice, row, column) on the in-plane grid of 2 mm: 0, or `split.RIGHT` or `split.LEFT`.
        healthy: (slice,), False where the scan itself shows lesions.
    """

    patient: str
    volume: Volume
    labels: NDArray[np.uint8]
    healthy: NDArray[np.bool_]


def normals_in(folder: Path, infected: Path | None = None) -> Iterator[Normal]:
    """Yield the scan of a folder that holds one DICOM series, or the scan of each of its subfolders.

    `infected` names a CSV with the columns `slice_from_cranial` (0 = nearest to the head) and `infected` (0 or 1); its
    infected slices are marked as not healthy.

    Raises:
        ConfigError: there is no such folder, it holds no file, or the table does not fit the series.
        UnreadableStudy: the files of a folder are not one volume of HU.
    """
    if not folder.is_dir():
        raise ConfigError(f"normals: expected a folder of DICOM files, found none at {folder}")
    direct = any(path.is_file() for path in folder.iterdir())
    for one in [folder] if direct else sorted(path for path in folder.iterdir() if path.is_dir()):
        yield read_normal(one, infected)


def read_normal(folder: Path, infected: Path | None = None) -> Normal:
    """Return one scan with its lungs; see `normals_in`."""
    paths = sorted(folder.rglob("*.dcm")) or sorted(path for path in folder.rglob("*") if path.is_file())
    if not paths:
        raise ConfigError(f"normals: expected DICOM files, found none in {folder}")
    volume = decode_series(paths).volume
    hu = resample_in_plane(volume)
    lungs = classical_lungs(hu, central_airway(hu), within_body(hu))
    if not lungs.labels.any():
        raise ConfigError(f"normals: expected a chest CT, found no lungs in {folder}")
    healthy = np.ones(len(volume.voxels), dtype=np.bool_) if infected is None else _healthy(infected, volume)
    return Normal(folder.name, volume, lungs.labels, healthy)


def _healthy(infected: Path, volume: Volume) -> NDArray[np.bool_]:
    """Return (slice,) from the table; canonical slices rise to the head, the table's fall from it."""
    with infected.open(newline="", encoding="utf-8") as source:
        rows = {int(row["slice_from_cranial"]): row["infected"].strip() != "0" for row in csv.DictReader(source)}
    count = len(volume.voxels)
    if sorted(rows) != list(range(count)):
        raise ConfigError(f"{infected}: expected one row for each of {count} slices, found {len(rows)}")
    return ~np.array([rows[count - 1 - index] for index in range(count)], dtype=np.bool_)
