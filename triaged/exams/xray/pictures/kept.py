"""Keeps an X-ray with its outlines as a few bytes, to be drawn again beside a later one; no file, no DICOM, no words.

512 pixels in 256 greys are finer than what a page shows of it. Nothing of the patient but the picture is kept.
"""

from __future__ import annotations

import zipfile
import zlib
from collections.abc import Mapping
from dataclasses import dataclass
from io import BytesIO
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from triaged.exams.xray.chest import chest_of
from triaged.exams.xray.decoding.radiograph import Radiograph
from triaged.exams.xray.finding import XrayReading
from triaged.exams.xray.pictures.overlay import upright_spacing
from triaged.exams.xray.squares import Picture, resampled

FORMAT: Final = 1
LONGEST: Final = 512
_WHITE: Final = 255
_MASKS: Final = ("right", "left", "affected")

Mask = NDArray[np.bool_]


@dataclass(frozen=True, slots=True, eq=False)
class KeptXray:
    """An X-ray as it was read, upright: greys in [0, 1] and masks, all (row, column) on one grid.

    `spacing_mm` is (between rows, between columns), None where the image did not say it.
    """

    grey: Picture
    right_lung: Mask
    left_lung: Mask
    affected: Mask
    spacing_mm: tuple[float, float] | None


def kept_of(radiograph: Radiograph, reading: XrayReading) -> KeptXray:
    """Return what is kept of a reading, on a grid of `LONGEST` rows or columns at most."""
    grey = chest_of(radiograph).grey
    scale = min(1.0, LONGEST / max(grey.shape))
    shape = max(1, round(grey.shape[0] * scale)), max(1, round(grey.shape[1] * scale))
    masks = (reading.right_lung, reading.left_lung, reading.affected)
    right, left, affected = (resampled(mask.astype(np.float32), shape) >= 0.5 for mask in masks)
    return KeptXray(resampled(grey, shape), right, left & ~right, affected, upright_spacing(radiograph, shape))


def encode_xray(kept: KeptXray) -> bytes:
    """Return it compressed; equal ones give equal bytes."""
    stream = BytesIO()
    np.savez_compressed(
        stream,
        xray_format=np.array(FORMAT, np.uint8),
        grey=np.round(np.clip(kept.grey, 0.0, 1.0) * _WHITE).astype(np.uint8),
        spacing_mm=np.array(kept.spacing_mm or (), np.float64),
        right=kept.right_lung,
        left=kept.left_lung,
        affected=kept.affected,
    )
    return stream.getvalue()


def decode_xray(content: bytes) -> KeptXray:
    """Return what `encode_xray` wrote.

    Raises:
        ValueError: the content is something else, or was cut short.
    """
    if not zipfile.is_zipfile(BytesIO(content)):
        raise ValueError(f"kept X-ray: expected an archive of its images, found {len(content)} other bytes")
    try:
        with np.load(BytesIO(content), allow_pickle=False) as stored:
            return _kept(stored)
    except (zipfile.BadZipFile, zlib.error, EOFError, KeyError, TypeError, AttributeError, OSError) as error:
        raise ValueError(f"kept X-ray: expected an archive of its images, found {error}") from error


def _kept(stored: Mapping[str, NDArray[Any]]) -> KeptXray:
    if int(stored["xray_format"]) != FORMAT:
        raise ValueError(f"kept X-ray: expected format {FORMAT}, found {stored['xray_format']}")
    grey, spacing = stored["grey"], stored["spacing_mm"]
    right, left, affected = (stored[name].astype(np.bool_) for name in _MASKS)
    if grey.ndim != 2 or {grey.shape} != {right.shape, left.shape, affected.shape} or spacing.size not in (0, 2):
        raise ValueError(f"kept X-ray: expected images of one shape, found {grey.shape} and {right.shape}")
    spacing_mm = (float(spacing[0]), float(spacing[1])) if spacing.size else None
    return KeptXray(grey.astype(np.float32) / np.float32(_WHITE), right, left, affected, spacing_mm)
