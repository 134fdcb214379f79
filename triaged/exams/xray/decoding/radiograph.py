"""Decodes one projection radiograph into light as a reader sees it; no sockets, no database.

The picture stays on the stored grid and at its own resolution, so that what is found on it lies on the original image.
An image that is no chest from the front, or whose pixels cannot be what its header says, is refused with the reason.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray
from pydicom import Dataset

from triaged.dicom.attributes import attribute, integer, numbers, text, texts
from triaged.dicom.files import read_header_only, read_image_header
from triaged.dicom.pixels import native_length, stored_frames, undecodable
from triaged.dicom.quiet import without_warnings
from triaged.errors import UnreadableStudy
from triaged.exams.xray.choice import MOST_PIXELS
from triaged.exams.xray.decoding.continuity import demand_continuous
from triaged.exams.xray.decoding.field import Mask, borders, padding, padding_codes, shutters
from triaged.exams.xray.decoding.light import Codes, Lookup, Ramp, Scale, counted, looked_up, scale_of
from triaged.exams.xray.decoding.polarity import is_inverted
from triaged.exams.xray.decoding.quality import Contrast, Seen, contrast_of, quality_of
from triaged.exams.xray.decoding.tables import LUT_SEQUENCES
from triaged.exams.xray.decoding.turning import AS_STORED, Turn, turn_of, turned
from triaged.exams.xray.views import Position, View, sight_of
from triaged.study.assessment import ReasonCode
from triaged.study.finding import QualityFlag

_SPACINGS_MM: Final = (0.01, 5.0)


@dataclass(frozen=True, slots=True, eq=False)
class Radiograph:
    """One frontal radiograph on its stored grid.

    `grey` (row, column) is light in [0, 1] as the image is to be shown, dense tissue bright even where the header would
    have it dark; read-only. `field` (row, column) is what was exposed, inside the collimation. `spacing_mm` is (between
    rows, between columns), calibrated or else at the detector, None where it is not said. `upright` turns the stored
    picture so that the head is up and the patient's right on the left of the picture. `quality` is what header and
    pixels say against trusting it. `header` is the data set without pixels, its lookup tables included. `own_light`
    made the light, before that was turned round, where the header does not say how, or says what cannot be done.
    """

    grey: NDArray[np.float32]
    field: Mask
    spacing_mm: tuple[float, float] | None
    view: View
    position: Position
    upright: Turn
    quality: tuple[QualityFlag, ...]
    header: Dataset
    own_light: Ramp | Lookup | None = None


@without_warnings()
def decode_radiograph(path: Path) -> Radiograph:
    """Decode one frontal radiograph.

    Raises:
        UnreadableStudy: it is of another view, or no radiograph, or its pixels cannot be what its header says.
        TryLater: the file could not be read from the disk.
    """
    sight = sight_of(read_image_header(path))
    if sight.other:
        raise UnreadableStudy(ReasonCode.NO_FRONTAL_CHEST, f"expected a frontal view, found {sight.other}")
    header = read_header_only(path, long_ones=LUT_SEQUENCES)
    length = native_length(path)
    codes = _codes(path, header, length)
    means_nothing = padding_codes(header, 8 * codes.dtype.itemsize)
    scale = scale_of(header, np.where(means_nothing, 0, counted(codes)), is_native=length is not None)
    grey, field, contrast, own = _exposed(path, header, codes, means_nothing, scale)
    spacing_mm = spacing_of(header)
    turn = turn_of(texts(attribute(header, "PatientOrientation")))
    was_inverse = is_inverted(turned(grey, turn or AS_STORED), turned(field, turn or AS_STORED))
    if was_inverse:
        np.subtract(1.0, grey, out=grey, where=field)
    grey.setflags(write=False)
    seen = Seen(field, spacing_mm, contrast, scale.is_raw, bool(scale.set_aside), was_inverse)
    quality = quality_of(header, sight, turn, seen)
    return Radiograph(grey, field, spacing_mm, sight.view, sight.position, turn or AS_STORED, quality, header, own)


def _codes(path: Path, header: Dataset, length: int | None) -> Codes:
    """Return the stored bits of an image, read as unsigned."""
    samples, frames = (integer(attribute(header, keyword)) or 1 for keyword in ("SamplesPerPixel", "NumberOfFrames"))
    if samples != 1 or frames != 1:
        found = f"{samples} samples and {frames} frames"
        raise UnreadableStudy(ReasonCode.NOT_A_RADIOGRAPH, f"expected one frame in grey, found {found} in {path.name}")
    size = tuple(integer(attribute(header, keyword)) or 0 for keyword in ("Rows", "Columns"))
    allocated = integer(attribute(header, "BitsAllocated")) or 0
    if min(size) < 1 or allocated not in (8, 16):
        found = f"{size} with {allocated} bits"
        raise undecodable(path, "rows and columns of 8 or 16 bits", found)
    announced = size[0] * size[1] * allocated // 8
    if length is not None and not announced <= length <= announced + 1:
        raise undecodable(path, f"{announced} bytes for {size} rows and columns", f"{length}")
    stored = next(stored_frames(path, header, most_pixels=MOST_PIXELS, every_bit=True), None)
    if stored is None or stored.shape != size or stored.dtype.itemsize > 2:
        raise undecodable(path, f"{size} rows and columns", "nothing" if stored is None else f"{stored.shape}")
    unsigned = np.dtype(f"u{stored.dtype.itemsize}")
    return np.ascontiguousarray(stored, stored.dtype.newbyteorder("=")).view(unsigned)


def _exposed(
    path: Path, header: Dataset, codes: Codes, means_nothing: Mask, scale: Scale
) -> tuple[NDArray[np.float32], Mask, Contrast, Ramp | Lookup | None]:
    """Return the picture, the part of it that was exposed, how bright that is, and what made the light if no header.

    Borders are seen in the light that a first look gives; without a window they would make the second one dull.
    """
    field = np.ones(codes.shape, np.bool_)
    padded, opening = padding(codes, means_nothing), shutters(header, codes.shape)
    if padded is not None:
        field &= ~padded
    if opening is not None:
        field &= opening
    grey = looked_up(codes, scale.light(counted(codes, field)))
    rows, columns = borders(grey, field)
    bounded = np.zeros_like(field)
    bounded[rows, columns] = field[rows, columns]
    counts = counted(codes, bounded)
    light = scale.light(counts)
    if scale.shown is None:
        grey = looked_up(codes, light)
    if padded is not None:
        grey[padded] = 0.0
    contrast = contrast_of(light, counts)
    if contrast.spread <= 0.0:
        raise UnreadableStudy(
            ReasonCode.NOT_A_RADIOGRAPH, f"expected an exposed image, found one of a single grey in {path.name}"
        )
    demand_continuous(path, grey, bounded)
    bounded.setflags(write=False)
    return grey, bounded, contrast, scale.own_light(counts)


def spacing_of(header: Dataset) -> tuple[float, float] | None:
    """Return how far rows and columns are apart in mm: calibrated, else at the detector, else as scanned from film."""
    pixel, detector, scanned = (
        numbers(attribute(header, keyword))
        for keyword in ("PixelSpacing", "ImagerPixelSpacing", "NominalScannedPixelSpacing")
    )
    is_calibrated = text(attribute(header, "PixelSpacingCalibrationType")) is not None
    for found in (pixel, detector, scanned) if is_calibrated else (detector, pixel, scanned):
        if len(found) == 2 and all(_SPACINGS_MM[0] <= value <= _SPACINGS_MM[1] for value in found):
            return found[0], found[1]
    return None
