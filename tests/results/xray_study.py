"""A small chest X-ray made with pydicom alone: an analytic chest on its stored pixels, and its reading.

The reading lies on the picture turned upright, as an engine gives it; the masks to compare with lie on the stored one.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from functools import cache
from io import BytesIO
from typing import Any

import numpy as np
from numpy.typing import NDArray
from pydicom import dcmread
from pydicom.dataset import Dataset

from tests.results.ct_study import ROOT, encoded, provenance, ranking
from triaged.exams.xray.decoding.radiograph import Radiograph
from triaged.exams.xray.decoding.turning import AS_STORED, Turn, turned, turned_back
from triaged.exams.xray.finding import LungNumbers, XrayNumbers, XrayReading
from triaged.exams.xray.objects import result_objects
from triaged.exams.xray.views import Position, View
from triaged.exams.xray.zones import score, share, thirds
from triaged.results.instance import ResultObject
from triaged.study.finding import QualityFlag

Mask = NDArray[np.bool_]
Change = Callable[[Dataset], None]
DX = "1.2.840.10008.5.1.4.1.1.1.1"
UPRIGHT = (240, 200)
SPACING_MM = (1.5, 1.5)
T = 0.3
ORIENTATIONS = {
    Turn(): ("L", "F"),
    Turn(mirrored=True): ("R", "F"),
    Turn(1): ("H", "L"),
    Turn(2): ("R", "H"),
}
"""Patient Orientation of images that are stored otherwise than one looks at them, by hand."""


@dataclass(frozen=True)
class XrayStudy:
    """What goes into result objects, and the masks on the stored pixels to compare with."""

    image: Dataset
    radiograph: Radiograph
    reading: XrayReading
    stored: dict[str, Mask] = field(repr=False)

    def objects(self, **changes: Any) -> tuple[ResultObject, ...]:
        """Return the result objects, their provenance changed."""
        made_by = provenance((self.image,), **{"engine": "cxr-open", "engine_version": "1.0.0"} | changes)
        return result_objects(self.radiograph, self.reading, ranking(), made_by).objects


def xray_study(
    turn: Turn = AS_STORED, change: Change = lambda header: None, *, photometric: str = "MONOCHROME2", **shown: Any
) -> XrayStudy:
    """Return a study; `change` edits the header as its sender might have, `shown` is as for `reading_of`."""
    upright = masks()
    image = _image(turned_back(xray_values(upright), turn), turn, photometric)
    change(image)
    header = dcmread(BytesIO(encoded(image)))
    grey = turned_back(xray_values(upright).astype(np.float32) / np.float32(4095), turn)
    radiograph = Radiograph(
        grey,
        np.ones(grey.shape, np.bool_),
        SPACING_MM if "ImagerPixelSpacing" in header else None,
        View.PA,
        Position.UPRIGHT,
        turn,
        (),
        header,
    )
    stored = {name: np.ascontiguousarray(turned_back(mask, turn)) for name, mask in upright.items()}
    return XrayStudy(image, radiograph, reading_of(upright, **shown), stored)


@cache
def standard_xray() -> XrayStudy:
    """Return the study that has nothing special, made once: nothing may be changed in it."""
    return xray_study()


@cache
def standard_xray_objects() -> tuple[ResultObject, ...]:
    """Return its result objects, made once."""
    return standard_xray().objects()


def masks() -> dict[str, Mask]:
    """Return lungs, a square of opacity in the middle of the right one, and its consolidated half, upright."""
    rows, columns = np.indices(UPRIGHT)
    right = ((columns - 55) / 32.0) ** 2 + ((rows - 120) / 80.0) ** 2 < 1
    left = ((columns - 145) / 32.0) ** 2 + ((rows - 120) / 80.0) ** 2 < 1
    affected = (rows >= 100) & (rows < 140) & (columns >= 40) & (columns < 70)
    solid = affected & (rows >= 120)
    assert not (affected & ~right).any()
    return {"right": right, "left": left, "affected": affected, "solid": solid}


def reading_of(
    upright: dict[str, Mask],
    *,
    presence: float = 0.91,
    gate: float = 0.5,
    quality: tuple[QualityFlag, ...] = (QualityFlag.AP_VIEW,),
    tells_consolidation: bool = True,
) -> XrayReading:
    """Return a reading that found these masks, counted here as the method says."""
    right, left, ungated = (upright[name] for name in ("right", "left", "affected"))
    affected = ungated if presence >= gate else np.zeros_like(ungated)
    solid = upright["solid"] & affected
    numbers = []
    for lung in (right, left):
        zones = thirds(lung).shares(lung, affected)
        consolidated = share(solid, lung) if tells_consolidation else None
        numbers.append(LungNumbers(share(affected, lung), share(ungated, lung), zones, consolidated))
    found = XrayNumbers(
        right=numbers[0],
        left=numbers[1],
        estimated=0.2,
        low=0.1,
        high=0.34,
        score=score((*numbers[0].zones, *numbers[1].zones), T),
        presence=presence,
        gate=gate,
        repeat_sd=0.02,
    ).finding("cxr-open 1.0.0", quality)
    consolidation = solid if tells_consolidation else None
    return XrayReading(found, right, left, affected, ungated, consolidation, thirds(right), thirds(left))


def of_every_flag() -> XrayStudy:
    """A study with every remark on its quality that there is."""
    study = xray_study()
    finding = replace(study.reading.finding, quality=tuple(QualityFlag))
    return replace(study, reading=replace(study.reading, finding=finding))


def xray_values(upright: dict[str, Mask]) -> NDArray[np.uint16]:
    """Return stored values that are another on each pixel's row, dense tissue high."""
    rows, columns = np.indices(UPRIGHT)
    values = 2200 + 5 * rows + columns
    values[upright["right"] | upright["left"]] -= 1500
    values[upright["affected"]] += 900
    return values.astype(np.uint16)


def _image(stored: NDArray[np.uint16], turn: Turn, photometric: str) -> Dataset:
    image = Dataset()
    image.PatientName, image.PatientID, image.PatientBirthDate, image.PatientSex = "Doe^Jane", "P-1", "19610203", "F"
    image.StudyInstanceUID, image.SeriesInstanceUID, image.SOPInstanceUID = f"{ROOT}.2", f"{ROOT}.13", f"{ROOT}.14"
    image.SOPClassUID, image.Modality = DX, "DX"
    image.StudyDate, image.StudyTime, image.StudyID, image.AccessionNumber = "20260304", "040500", "7", "ACC-1"
    image.ReferringPhysicianName = "Roe^Richard"
    image.SeriesNumber, image.InstanceNumber = 2, 1
    image.ViewPosition, image.PatientOrientation = "PA", list(ORIENTATIONS.get(turn, ("L", "F")))
    image.ImagerPixelSpacing = list(SPACING_MM)
    image.Rows, image.Columns = stored.shape
    image.SamplesPerPixel, image.PhotometricInterpretation = 1, photometric
    image.BitsAllocated, image.BitsStored, image.HighBit, image.PixelRepresentation = 16, 12, 11, 0
    image.RescaleSlope, image.RescaleIntercept, image.RescaleType = "1", "0", "US"
    image.WindowCenter, image.WindowWidth = "2100", "3000"
    image.PresentationLUTShape = "INVERSE" if photometric == "MONOCHROME1" else "IDENTITY"
    image.PixelData = np.ascontiguousarray(stored).astype("<u2").tobytes()
    image["PixelData"].VR = "OW"
    return image


def upright_mask(stored: Mask, turn: Turn) -> Mask:
    """Return a stored mask as one looks at it."""
    return np.ascontiguousarray(turned(stored, turn))
