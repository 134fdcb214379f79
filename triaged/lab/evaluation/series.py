"""Takes training series (.npz) as cases: what their images are, and in which group their disease puts them.

Must not know networks or features; a training reads the same files for itself.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Final
from zipfile import BadZipFile, is_zipfile

import numpy as np

from triaged.errors import ConfigError
from triaged.imaging.geometry import Geometry
from triaged.imaging.volume import Volume

COVID: Final = "covid"
HEALTHY: Final = "healthy"
_VIRAL: Final = "viral"
_NONE: Final = "none"
_FRAME: Final = "2.25.3"
_UNREADABLE: Final = (OSError, KeyError, ValueError, EOFError, BadZipFile)


@dataclass(frozen=True, slots=True)
class SeriesCase:
    """A training series as a case; `group` is covid for viral pneumonia, healthy, or the name of another disease."""

    case: str
    patient: str
    group: str
    path: Path


def series_cases(folder: Path) -> tuple[SeriesCase, ...]:
    """Return the training series of a folder in the order of their names; one drawn without its lesion is healthy.

    Raises:
        ConfigError: there is none, or one cannot be read.
    """
    paths = sorted(folder.glob("*.npz"))
    if not paths:
        found = "none" if folder.is_dir() else "no folder"
        raise ConfigError(f"{folder}: expected training series (*.npz), found {found}")
    return tuple(_case(path) for path in paths)


def volume_of(path: Path) -> Volume:
    """Return the images of a training series; its axes are canonical already."""
    with np.load(path) as archive:
        voxels, spacing_mm = archive["voxels"].astype(np.int16), archive["spacing"]
    affine = np.zeros((4, 4))
    affine[2, 0], affine[1, 1], affine[0, 2], affine[3, 3] = *(float(each) for each in spacing_mm), 1.0
    return Volume(voxels, Geometry(affine, voxels.shape, _FRAME))


def _case(path: Path) -> SeriesCase:
    if not is_zipfile(path):
        raise ConfigError(f"{path}: expected a training series, found no archive")
    try:
        with np.load(path) as archive:
            disease = str(archive["disease"])
            patient = str(archive["patient"]) if "patient" in archive else path.stem
            shown = disease != _VIRAL or bool(archive["lesion"].any())
    except _UNREADABLE as error:
        raise ConfigError(f"{path}: expected a training series, found {error!r}") from error
    group = {_VIRAL: COVID, _NONE: HEALTHY}.get(disease if shown else _NONE, disease)
    return SeriesCase(path.stem, patient, group, path)
