"""Writes a grey picture as the radiograph that a CR or DX device would send, in any of the ways that devices do it.

Computed Radiography (PS3.3 A.2) and Digital X-Ray (A.26), for presentation and for processing. Must not know: where the
picture comes from, networks, the daemon.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Final, Literal

import numpy as np
from numpy.typing import NDArray
from pydicom import Dataset, dcmread
from pydicom.uid import JPEG2000Lossless, JPEGLSLossless, RLELossless

from triaged.lab.phantom.dicom_modules import StudyHeader, new_object, save
from triaged.lab.portable import exp, log, power

Kind = Literal["cr", "dx", "raw"]
Voi = Literal["none", "window", "exact", "sigmoid", "table"]
Compression = Literal["none", "rle", "jpeg-ls", "jpeg2000"]

_CLASSES: Final[dict[Kind, str]] = {
    "cr": "1.2.840.10008.5.1.4.1.1.1",
    "dx": "1.2.840.10008.5.1.4.1.1.1.1",
    "raw": "1.2.840.10008.5.1.4.1.1.1.1.1",
}
_SYNTAXES: Final = {"rle": RLELossless, "jpeg-ls": JPEGLSLossless, "jpeg2000": JPEG2000Lossless}
_VIEWS: Final = {
    "PA": ("272479007", "postero-anterior"),
    "AP": ("399348003", "antero-posterior"),
    "LL": ("399173006", "left lateral"),
    "RL": ("399198007", "right lateral"),
}
_UNEXPOSED, _DENSEST = 0.95, 4.0
"""Of the detector's range what air gives, and the natural logarithm of how much less the densest tissue does."""
_GAMMA = 1.4
"""How the lookup table bends the values."""
_KNEE = 0.02
"""Light that a sigmoid cannot reach within the detector's range is left at this distance from black and white."""


@dataclass(frozen=True, slots=True)
class Writing:
    """How a radiograph is written.

    `kind` is the class: CR, DX for presentation, or DX for processing, whose values fall with the tissue on the way.
    `bits` are those stored, 8 to 16. `voi` is how values become light. `view` is View Position, or the view's code of
    DX; empty leaves it out. `position` is said in words, as is `body_part`. `orientation` is Patient Orientation, empty
    to leave it out. `spacing_mm` is (row, column). `key` tells one study from another, `series` and `number` its
    images; `acquired` is date and time, 14 digits. `age` is Patient Age.
    """

    kind: Kind = "dx"
    bits: int = 12
    signed: bool = False
    inverse: bool = False
    voi: Voi = "window"
    compression: Compression = "none"
    view: str = "PA"
    position: str = ""
    body_part: str = "CHEST"
    orientation: tuple[str, ...] = ("L", "F")
    spacing_mm: tuple[float, float] | None = (0.4, 0.4)
    description: str = "Chest"
    key: str = "radiograph"
    series: int = 1
    number: int = 1
    acquired: str = "20240115101500"
    age: str = ""
    patient_id: str = "RADIOGRAPH"


def write_radiograph(grey: NDArray[np.floating], path: Path, writing: Writing | None = None) -> Path:
    """Write light in [0, 1] (row, column), dense tissue bright, so that it comes out again; return the path.

    What comes out differs by rounding to the bits stored, and of a sigmoid near black and white.
    """
    writing = writing or Writing()
    saved = save(radiograph(grey, writing), path)
    if writing.compression != "none":
        image = dcmread(saved)
        image.compress(_SYNTAXES[writing.compression], generate_instance_uid=False)
        image.save_as(saved, enforce_file_format=True)
    return saved


def radiograph(grey: NDArray[np.floating], writing: Writing | None = None) -> Dataset:
    """Return the object that `write_radiograph` writes, before it is compressed."""
    writing = writing or Writing()
    day, time = writing.acquired[:8], writing.acquired[8:]
    study = StudyHeader(writing.key, "RADIOGRAPH^TEST", writing.patient_id, "O", day, time, "HFS")
    modality = "CR" if writing.kind == "cr" else "DX"
    purpose = f"{writing.series} {writing.number}"
    image = new_object(study, _CLASSES[writing.kind], purpose, modality, (writing.series, writing.description))
    image.StudyDescription = "Chest radiograph (made)"
    image.InstanceNumber = writing.number
    image.AcquisitionDate, image.AcquisitionTime = day, time
    image.PatientOrientation = list(writing.orientation) or None
    if writing.age:
        image.PatientAge = writing.age
    image.BurnedInAnnotation, image.LossyImageCompression = "NO", "00"
    image.PhotometricInterpretation = "MONOCHROME1" if writing.inverse else "MONOCHROME2"
    if writing.kind == "cr":
        _describe_cr(image, writing)
    else:
        _describe_dx(image, writing)
    _store(image, np.clip(np.asarray(grey, np.float64), 0.0, 1.0), writing)
    return image


def _describe_cr(image: Dataset, writing: Writing) -> None:
    image.ImageType = ["ORIGINAL", "PRIMARY"]
    image.BodyPartExamined, image.ViewPosition = writing.body_part, writing.view
    if writing.position:
        image.AcquisitionDeviceProcessingDescription = writing.position
    if writing.spacing_mm is not None:
        image.ImagerPixelSpacing = list(writing.spacing_mm)


def _describe_dx(image: Dataset, writing: Writing) -> None:
    image.ImageType = ["ORIGINAL" if writing.kind == "raw" else "DERIVED", "PRIMARY"]
    image.PresentationIntentType = "FOR PROCESSING" if writing.kind == "raw" else "FOR PRESENTATION"
    image.BodyPartExamined, image.ImageLaterality = writing.body_part, "U"
    image.AnatomicRegionSequence = [_code("51185008", "Chest")]
    if writing.view:
        image.ViewPosition = writing.view
        image.ViewCodeSequence = [_code(*_VIEWS[writing.view])]
    if writing.position:
        erect = "erect" in writing.position.lower()
        image.PatientOrientationCodeSequence = [
            _code(*(("10904000", "erect") if erect else ("102538003", "recumbent")))
        ]
        if not erect:
            lying = [_code("40199007", "supine")]
            image.PatientOrientationCodeSequence[0].PatientOrientationModifierCodeSequence = lying
    image.DetectorType, image.DetectorConfiguration = "DIRECT", "AREA"
    image.ImagerPixelSpacing = list(writing.spacing_mm) if writing.spacing_mm else None
    image.PositionerType = ""
    image.AcquisitionContextSequence = []
    image.PixelIntensityRelationship = "LIN" if writing.kind == "raw" else "LOG"
    image.PixelIntensityRelationshipSign = 1 if writing.kind == "raw" else -1
    image.RescaleIntercept, image.RescaleSlope, image.RescaleType = 0, 1, "US"
    image.PresentationLUTShape = "INVERSE" if writing.inverse else "IDENTITY"


def _code(value: str, meaning: str) -> Dataset:
    code = Dataset()
    code.CodeValue, code.CodingSchemeDesignator, code.CodeMeaning = value, "SCT", meaning
    return code


def _store(image: Dataset, grey: NDArray[np.float64], writing: Writing) -> None:
    """Write the values from which the light comes out, and the window or table that makes it of them."""
    levels = 2**writing.bits
    lowest = -(levels // 2) if writing.signed else 0
    light = 1.0 - grey if writing.inverse else grey
    if writing.kind == "raw":
        rays = _UNEXPOSED * exp(-_DENSEST * grey)
        values = np.rint(rays * (levels - 1))
    else:
        values = lowest + _values(image, light, writing, levels, lowest)
    allocated = 8 if writing.bits == 8 else 16
    stored = values.astype(f"i{allocated // 8}" if writing.signed else f"u{allocated // 8}")
    image.Rows, image.Columns = stored.shape
    image.SamplesPerPixel, image.BitsAllocated = 1, allocated
    image.BitsStored, image.HighBit, image.PixelRepresentation = writing.bits, writing.bits - 1, int(writing.signed)
    image.PixelData = stored.tobytes() + b"\0" * (stored.nbytes % 2)
    image["PixelData"].VR = "OB" if allocated == 8 else "OW"


def _values(
    image: Dataset, light: NDArray[np.float64], writing: Writing, levels: int, lowest: int
) -> NDArray[np.float64]:
    """Return values from 0 up, and say in the header how they become light; a window leaves room at both ends."""
    low, high = levels // 8, levels - 1 - levels // 8
    span = high - low
    function = {"window": "LINEAR", "exact": "LINEAR_EXACT", "sigmoid": "SIGMOID"}.get(writing.voi)
    if function is not None:
        middle = lowest + low + span / 2
        width = span / 2 if function == "SIGMOID" else span
        image.WindowCenter = f"{middle + 0.5 if function == 'LINEAR' else middle:g}"
        image.WindowWidth = f"{width + 1 if function == 'LINEAR' else width:g}"
        image.VOILUTFunction = function
    if function == "SIGMOID":
        kept = np.clip(light, _KNEE, 1.0 - _KNEE)
        return np.asarray(np.rint(low + span / 2 + span / 8 * log(kept / (1.0 - kept))))
    if writing.voi == "table":
        image.VOILUTSequence = [_bent(levels, lowest, signed=writing.signed)]
        return np.asarray(np.rint(power(light, 1.0 / _GAMMA) * (levels - 1)))
    return np.asarray(np.rint(low + light * span))


def _bent(levels: int, lowest: int, *, signed: bool) -> Dataset:
    """Return a lookup table of 16 bits for all values."""
    table = Dataset()
    entries = np.rint(power(np.arange(levels) / (levels - 1), _GAMMA) * 0xFFFF).astype("<u2")
    table.add_new("LUTDescriptor", "SS" if signed else "US", [levels % 0x10000, lowest, 16])
    table.LUTExplanation = "bent"
    table.add_new("LUTData", "OW", entries.tobytes())
    return table
