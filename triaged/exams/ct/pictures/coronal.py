"""Keeps a coronal view as a few bytes, to be drawn again beside a later study; no file, no colour, no DICOM.

A grid of 1.5 mm and whole steps (0.1 mm of depth, 1 HU, 0.5 % of share) are finer than what a page shows.
"""

from __future__ import annotations

import zipfile
import zlib
from collections.abc import Mapping
from io import BytesIO
from typing import Any

import numpy as np
from numpy.typing import NDArray

from triaged.exams.ct.pictures.display import resampled
from triaged.exams.ct.pictures.projection import Cut, Direction, Image, Projection

FORMAT = 1
_GRID_MM = 1.5
_NO_LUNG_HU = -32768
_STEPS_PER_MM, _STEPS_OF_SHARE, _STEPS_OF_ATTENUATION = 10.0, 200.0, 1000.0


def encode_coronal(view: Projection) -> bytes:
    """Return the view on a grid of 1.5 mm, compressed; equal views give equal bytes."""
    path = resampled(view.path_mm, view.spacing_mm, _GRID_MM)
    affected = resampled(view.share * view.path_mm, view.spacing_mm, _GRID_MM)
    share = np.divide(affected, path, out=np.zeros_like(path), where=path > 0)
    spacing = [n * mm / m for n, mm, m in zip(view.path_mm.shape, view.spacing_mm, path.shape, strict=True)]
    scale = [mm / fine for mm, fine in zip(view.spacing_mm, spacing, strict=True)]
    cuts = [(cut.row * scale[0], cut.start * scale[1], cut.stop * scale[1]) for cut in view.cuts]
    stream = BytesIO()
    np.savez_compressed(
        stream,
        format=np.array(FORMAT, np.uint8),
        spacing_mm=np.array(spacing, np.float64),
        attenuation=_steps(resampled(view.attenuation, view.spacing_mm, _GRID_MM), _STEPS_OF_ATTENUATION),
        lung_hu=_hu(view),
        share=_steps(share, _STEPS_OF_SHARE),
        path=_steps(path, _STEPS_PER_MM),
        cuts=np.array(cuts, np.float64).reshape(-1, 3),
    )
    return stream.getvalue()


def decode_coronal(content: bytes) -> Projection:
    """Return a view that `encode_coronal` wrote.

    Raises:
        ValueError: the content is something else, or was cut short.
    """
    if not zipfile.is_zipfile(BytesIO(content)):
        raise ValueError(f"coronal view: expected an archive of its images, found {len(content)} other bytes")
    try:
        with np.load(BytesIO(content), allow_pickle=False) as kept:
            return _view(kept)
    except (zipfile.BadZipFile, zlib.error, EOFError, KeyError, TypeError, AttributeError, OSError) as error:
        raise ValueError(f"coronal view: expected an archive of its images, found {error}") from error


def _view(kept: Mapping[str, NDArray[Any]]) -> Projection:
    if int(kept["format"]) != FORMAT:
        raise ValueError(f"coronal view: expected format {FORMAT}, found {kept['format']}")
    rows_mm, columns_mm = (float(mm) for mm in kept["spacing_mm"])
    hu = kept["lung_hu"].astype(np.float32)
    images = {name: kept[name] for name in ("attenuation", "lung_hu", "share", "path")}
    if len({image.shape for image in images.values()}) != 1 or hu.ndim != 2:
        raise ValueError(f"coronal view: expected images of one shape, found {[i.shape for i in images.values()]}")
    return Projection(
        direction=Direction.CORONAL,
        spacing_mm=(rows_mm, columns_mm),
        attenuation=images["attenuation"].astype(np.float32) / np.float32(_STEPS_OF_ATTENUATION),
        lung_hu=np.where(hu == _NO_LUNG_HU, np.float32(np.nan), hu).astype(np.float32),
        share=images["share"].astype(np.float32) / np.float32(_STEPS_OF_SHARE),
        path_mm=images["path"].astype(np.float32) / np.float32(_STEPS_PER_MM),
        cuts=tuple(Cut(float(row), float(start), float(stop)) for row, start, stop in kept["cuts"]),
    )


def _hu(view: Projection) -> NDArray[np.int16]:
    known = resampled(np.isfinite(view.lung_hu).astype(np.float32), view.spacing_mm, _GRID_MM)
    total = resampled(np.nan_to_num(view.lung_hu, nan=0.0), view.spacing_mm, _GRID_MM)
    mean = np.divide(total, known, out=np.zeros_like(total), where=known > 0)
    return np.where(known > 0, np.clip(np.round(mean), -32000, 32000), _NO_LUNG_HU).astype(np.int16)


def _steps(image: Image, per_unit: float) -> NDArray[np.uint16]:
    return np.clip(np.round(image * np.float32(per_unit)), 0, 65535).astype(np.uint16)
