"""Stored values to light as a reader sees it, dense tissue bright; knows no files and no places.

Every step maps values one by one, so all of them are done once for each value that 8 or 16 bits can hold, and the
picture is looked up in what results. Nothing is rounded on the way.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray
from pydicom import Dataset

from triaged.dicom.attributes import attribute, integer, text
from triaged.errors import UnreadableStudy
from triaged.exams.xray.decoding.tables import DamagedTable, Transform, Values, modality_transform, voi_transform
from triaged.study.assessment import ReasonCode

PROCESSING: Final = "1.2.840.10008.5.1.4.1.1.1.1.1"
"""Digital X-Ray Image Storage - For Processing."""
DARKEST, BRIGHTEST = 0.005, 0.995
"""Shares of the field below which, and above which, a picture without a window is all black and all white."""
_BLOCK_PIXELS = 1 << 20
_OVERLAY_GROUPS = range(0x6000, 0x6020, 2)

Codes = NDArray[np.uint8] | NDArray[np.uint16]
"""(row, column): stored bits, read as unsigned whatever they are."""


@dataclass(frozen=True, slots=True)
class Ramp:
    """The values of the modality that are black and white, either of which may be the larger; light is even between."""

    black: float
    white: float


@dataclass(frozen=True, slots=True, eq=False)
class Lookup:
    """The light, in [0, 1], of the stored number `first` and of each that follows; numbers beyond are as the ends."""

    first: int
    light: Values


@dataclass(frozen=True, slots=True, eq=False)
class Scale:
    """What the codes of one image mean.

    `stored` and `values` give for each code the stored number, and that of the modality, rising with what `light`
    shows brighter, so that percentiles can be taken of it. `shown` is the light of each, None where the header has no
    window; `is_raw`: for processing, never meant to be shown. `sign` is 1 or -1 where `values` are the modality's or
    their negatives, 0 where they are logarithms. `set_aside` says what could not be applied.
    """

    stored: NDArray[np.int64]
    values: Values
    shown: Values | None
    is_raw: bool
    sign: int
    set_aside: str = ""

    def light(self, counts: NDArray[np.int64]) -> Values:
        """Return the light of each code, in [0, 1]; `counts` is how often each is in the field."""
        if self.shown is not None:
            return self.shown
        darkest, brightest = percentiles(self.values, counts, (DARKEST, BRIGHTEST))
        if brightest <= darkest:
            return (self.values > darkest).astype(np.float64)
        return np.clip((self.values - darkest) / (brightest - darkest), 0.0, 1.0)

    def own_light(self, counts: NDArray[np.int64]) -> Ramp | Lookup | None:
        """Return what makes this light of an image, for others to show the same; None where the header says it."""
        if self.shown is not None:
            return None
        darkest, brightest = percentiles(self.values, counts, (DARKEST, BRIGHTEST))
        if self.sign:
            return Ramp(self.sign * darkest, self.sign * brightest)
        used = self.stored[counts > 0]
        first = int(used.min())
        is_between = (self.stored >= first) & (self.stored <= used.max())
        table = np.zeros(int(used.max()) - first + 1)
        table[self.stored[is_between] - first] = self.light(counts)[is_between]
        return Lookup(first, table)


def scale_of(header: Dataset, used: NDArray[np.int64], *, is_native: bool) -> Scale:
    """Return what codes mean; `used` is how often each is in the image, `is_native`: not compressed.

    Raises:
        UnreadableStudy: the image is in colour, or its Modality LUT or rescale is damaged.
    """
    photometric = text(attribute(header, "PhotometricInterpretation")) or "MONOCHROME2"
    if photometric not in ("MONOCHROME1", "MONOCHROME2"):
        detail = f"expected MONOCHROME1 or MONOCHROME2, found {photometric[:16]}"
        raise UnreadableStudy(ReasonCode.NOT_A_RADIOGRAPH, detail)
    stored = _stored_numbers(header, used, is_native=is_native)
    modality, may_be_negative = modality_transform(header, is_signed=bool(stored.min() < 0))
    values = modality(stored.astype(np.float64))
    if _is_raw(header):
        values, sign = _attenuation(header, values, photometric)
        return Scale(stored, values, None, is_raw=True, sign=sign)
    is_inverse = is_shown_inverse(header)
    voi: Transform | None = None
    set_aside = ""
    try:
        voi = voi_transform(header, is_signed=may_be_negative)
    except DamagedTable as damage:
        set_aside = str(damage)
    shown = None if voi is None else voi(values)
    if is_inverse:
        shown, values = None if shown is None else 1.0 - shown, -values
    return Scale(stored, values, shown, is_raw=False, sign=-1 if is_inverse else 1, set_aside=set_aside)


def is_shown_inverse(header: Dataset) -> bool:
    """Tell whether the lowest values of an image are shown white."""
    is_first = text(attribute(header, "PhotometricInterpretation")) == "MONOCHROME1"
    return is_first or text(attribute(header, "PresentationLUTShape")) == "INVERSE"


def counted(codes: Codes, inside: NDArray[np.bool_] | None = None) -> NDArray[np.int64]:
    """Return how often each code is in an image, or in what is `inside`."""
    counts = np.zeros(2 ** (8 * codes.dtype.itemsize), np.int64)
    for rows in blocks(codes.shape):
        block = codes[rows] if inside is None else codes[rows][inside[rows]]
        counts += np.bincount(block.ravel(), minlength=counts.size)
    return counts


def looked_up(codes: Codes, light: Values) -> NDArray[np.float32]:
    """Return the picture in the light of each code; no whole copy of it is made on the way."""
    table = light.astype(np.float32)
    picture = np.empty(codes.shape, np.float32)
    for rows in blocks(codes.shape):
        picture[rows] = table[codes[rows]]
    return picture


def percentiles(values: Values, counts: NDArray[np.int64], shares: tuple[float, ...]) -> list[float]:
    """Return the values below which these shares of the pixels are; `counts` is how often each value is there."""
    order = np.argsort(values, kind="stable")
    reached = np.cumsum(counts[order])
    if not reached[-1]:
        return [0.0 for _ in shares]
    places = np.searchsorted(reached, [share * reached[-1] for share in shares], side="left")
    return [float(values[order[min(place, len(order) - 1)]]) for place in places]


def blocks(shape: tuple[int, ...]) -> Iterator[slice]:
    """Yield the rows of an image in pieces of about a million pixels."""
    step = max(1, _BLOCK_PIXELS // max(1, shape[1]))
    return (slice(begin, begin + step) for begin in range(0, shape[0], step))


def _stored_numbers(header: Dataset, used: NDArray[np.int64], *, is_native: bool) -> NDArray[np.int64]:
    """Return the number that each code stands for: Bits Stored, High Bit and Pixel Representation.

    A header that says fewer bits than are in use is wrong, unless overlays lie in the others; so is a High Bit that
    says that numbers are left-justified where their low bits are not empty.
    """
    codes = np.arange(used.size)
    allocated = used.size.bit_length() - 1
    bits = min(max(integer(attribute(header, "BitsStored")) or allocated, 1), allocated)
    high = integer(attribute(header, "HighBit"))
    shift = 0 if high is None or not is_native else min(max(high + 1 - bits, 0), allocated - bits)
    is_signed = integer(attribute(header, "PixelRepresentation")) == 1
    if not (is_native and has_overlays_in_pixels(header)):
        in_use = codes[used > 0]
        shift = 0 if (in_use & (2**shift - 1)).any() else shift
        if not _fits(in_use >> shift, bits, allocated - shift, is_signed=is_signed):
            bits, shift = allocated, 0
    numbers = (codes >> shift) & (2**bits - 1)
    return np.asarray(np.where(is_signed & (numbers >= 2 ** (bits - 1)), numbers - 2**bits, numbers))


def has_overlays_in_pixels(header: Dataset) -> bool:
    """Tell whether bits of the pixels that no number needs are an overlay, as before 2004 (PS3.5 8.1.2)."""
    positions = (header.get((group, 0x0102)) for group in _OVERLAY_GROUPS)
    return any(integer(getattr(element, "value", None)) for element in positions)


def _fits(codes: NDArray[np.int64], bits: int, allocated: int, *, is_signed: bool) -> bool:
    """Tell whether codes are numbers of so many bits; negative ones fill the bits above with their sign, or do not."""
    if not is_signed:
        return bool((codes >> bits == 0).all())
    above = codes >> (bits - 1)
    return bool(np.isin(above, (0, 1, 2 ** (allocated - bits + 1) - 1)).all())


def _is_raw(header: Dataset) -> bool:
    intent = text(attribute(header, "PresentationIntentType")) or ""
    return intent == "FOR PROCESSING" or (not intent and text(attribute(header, "SOPClassUID")) == PROCESSING)


def _attenuation(header: Dataset, values: Values, photometric: str) -> tuple[Values, int]:
    """Return numbers that rise with what stopped the rays (PS3.3 C.8.11.3.1.2), and their sign: see `Scale`.

    Where Pixel Intensity Relationship is LIN, its logarithm is proportional to the tissue on the way. Its sign says
    which way numbers rise; without one, the photometric interpretation does.
    """
    sign = integer(attribute(header, "PixelIntensityRelationshipSign"))
    rises_with_rays = sign == 1 if sign in (1, -1) else photometric == "MONOCHROME1"
    if text(attribute(header, "PixelIntensityRelationship")) == "LIN":
        if not rises_with_rays:
            values = values.max() - values
        return -np.log(np.maximum(values, 1.0)), 0
    return (-values, -1) if rises_with_rays else (values, 1)
