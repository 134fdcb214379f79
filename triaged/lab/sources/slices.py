"""Turns published 8-bit slices with readers' masks into training series in HU, one for each patient.

The intensity recipe is undone by a network that learnt it on real series (`triaged.lab.sources.inversion`). The slices
are for non-commercial use (CC BY-NC-SA 4.0): a network that learnt from them is for research only, and its card says
so. Must not know how networks are trained on the series.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from itertools import pairwise
from pathlib import Path
from typing import Final

import cv2
import numpy as np
import torch
from numpy.random import Generator
from numpy.typing import NDArray

from triaged.errors import ConfigError
from triaged.lab.sources.archive import TrainingSeries, save_series
from triaged.lab.sources.inversion import CurveNetwork, learn_inversion, undone
from triaged.lab.sources.normals import read_normal

FIRST_SLICES: Final = (0, 159, 279, 397, 510, 626, 702, 789, 970, 1081, 1247)
"""Where each of the ten patients begins, and the end of the last."""
LUNGS_MM: Final = 270.0
"""Greatest width of a grown person's two lungs; the slices' pixel spacing is not known."""
PIXEL_MM: Final = 2.0
APART_MM: Final = 5.0
"""Nominal: slices without lesion were left out, so neighbours are not neighbours for certain."""
ELEVENTH: Final = "slices-10"
INVERSION: Final = "inversion.pt"
AIR_HU: Final = -1024


def learn_from_series(
    folders: Sequence[Path], steps: int, rng: Generator, report: Callable[[str], None]
) -> CurveNetwork:
    """Return the network that undoes the recipe, learnt from the DICOM series of `folders`.

    Raises:
        ConfigError: no folder is given, or one holds no chest CT of 512 rows and columns.
    """
    if not folders:
        raise ConfigError("series: expected at least one folder with a chest CT in DICOM, found none")
    series = []
    for folder in folders:
        scan = read_normal(folder)
        voxels = scan.volume.voxels
        if voxels.shape[1:] != (512, 512):
            raise ConfigError(f"{folder}: expected slices of 512x512, found {voxels.shape[1]}x{voxels.shape[2]}")
        lungs = [
            cv2.resize((labels > 0).astype(np.uint8), (512, 512), interpolation=cv2.INTER_NEAREST) > 0
            for labels in scan.labels
        ]
        series.append((voxels.astype(np.int16), np.stack(lungs)))
    return learn_inversion(series, steps, rng, report)


def load_inversion(path: Path) -> CurveNetwork:
    """Return a network that `learn_from_series` made and the caller saved."""
    network = CurveNetwork()
    network.load_state_dict(torch.load(path, weights_only=True))
    return network.eval()


def write_patients(folder: Path, network: CurveNetwork, out: Path) -> Iterator[Path]:
    """Write one training series for each patient of the slices in `folder` and yield its path.

    Raises:
        ConfigError: the folder does not hold the 1,247 slices with both masks.
    """
    names = sorted(path.name for path in (folder / "ct").glob("*.png"))
    if len(names) != FIRST_SLICES[-1]:
        raise ConfigError(f"{folder}: expected {FIRST_SLICES[-1]} slices in ct/, found {len(names)}")
    out.mkdir(parents=True, exist_ok=True)
    for patient, (first, end) in enumerate(pairwise(FIRST_SLICES)):
        path = out / f"slices-{patient}.npz"
        save_series(_patient(folder, names[first:end], f"slices-{patient}", network), path)
        yield path


def write_eleventh(folder: Path, network: CurveNetwork, out: Path) -> Path:
    """Write the series of the one patient whose slices in `folder` lie with the spine at the top, and return its path.

    Raises:
        ConfigError: the folder holds no slices, or one without a mask.
    """
    names = sorted(path.name for path in (folder / "ct").glob("*.png"))
    if not names:
        raise ConfigError(f"{folder}: expected slices in ct/, found none")
    out.mkdir(parents=True, exist_ok=True)
    path = out / f"{ELEVENTH}.npz"
    save_series(_patient(folder, names, ELEVENTH, network, upside_down=True), path)
    return path


def _patient(
    folder: Path, names: Sequence[str], patient: str, network: CurveNetwork, *, upside_down: bool = False
) -> TrainingSeries:
    way = slice(None, None, -1 if upside_down else 1)

    def read(kind: str) -> list[NDArray[np.uint8]]:
        return [np.ascontiguousarray(_png(folder / kind / name)[way]) for name in names]

    lung, lesion = (np.stack(read(kind)) > 127 for kind in ("lung", "lesion"))
    hu = np.stack([undone(network, one.astype(np.float32) / np.float32(255)) for one in read("ct")])
    scale = LUNGS_MM / _greatest_width(lung) / PIXEL_MM
    voxels = np.stack([_scaled(one, scale, cv2.INTER_AREA if scale < 1 else cv2.INTER_LINEAR) for one in hu])
    lung, lesion = (np.stack([_scaled_mask(one, scale) for one in masks]) for masks in (lung, lesion))
    columns = np.flatnonzero(lung.any(axis=(0, 1)))
    is_right = np.arange(lung.shape[2]) < (columns[0] + columns[-1]) / 2
    return TrainingSeries(
        voxels=np.clip(np.round(voxels), AIR_HU, 3071).astype(np.int16),
        right=lung & is_right,
        left=lung & ~is_right,
        lesion=lesion & lung,
        other=np.zeros_like(lung),
        spacing_mm=(APART_MM, PIXEL_MM, PIXEL_MM),
        disease="viral",
        seed=0,
        patient=patient,
        source="slices",
        lung_known=True,
        lesion_known=np.ones(len(lung), dtype=np.bool_),
    )


def _greatest_width(lung: NDArray[np.bool_]) -> float:
    """Return the width in pixels that 95 % of the slices' lungs stay within."""
    widths = [np.ptp(np.flatnonzero(one.any(axis=0))) + 1 for one in lung if one.any()]
    return float(np.percentile(widths, 95))


def _scaled(image: NDArray[np.float32], scale: float, way: int) -> NDArray[np.float32]:
    side = round(image.shape[0] * scale)
    return np.asarray(cv2.resize(image, (side, side), interpolation=way), dtype=np.float32)


def _scaled_mask(mask: NDArray[np.bool_], scale: float) -> NDArray[np.bool_]:
    return _scaled(mask.astype(np.float32), scale, cv2.INTER_LINEAR) >= 0.5


def _png(path: Path) -> NDArray[np.uint8]:
    image = cv2.imread(str(path), cv2.IMREAD_GRAYSCALE)
    if image is None:
        raise ConfigError(f"{path}: expected an 8-bit picture, found none that can be read")
    return np.asarray(image, dtype=np.uint8)
