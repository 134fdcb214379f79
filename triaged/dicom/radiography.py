"""Reads, of the elements of a projection radiograph, what the choice among exposures needs; knows no pixels.

The words that tell a view, a posture or a companion image stand in many places; all are kept as they came, within
bounds, and what they mean is for the examination to say.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from typing import Final

from triaged.dicom.elements import Elements
from triaged.study.radiography import RadiographHeader

RADIOGRAPH_STORAGE: Final = frozenset(
    {
        "1.2.840.10008.5.1.4.1.1.1",  # Computed Radiography Image Storage
        "1.2.840.10008.5.1.4.1.1.1.1",  # Digital X-Ray Image Storage - For Presentation
        "1.2.840.10008.5.1.4.1.1.1.1.1",  # Digital X-Ray Image Storage - For Processing
    }
)
_MODALITIES = frozenset({"CR", "DX", "RG"})
_DESCRIPTIONS = (
    "ProtocolName",
    "PerformedProcedureStepDescription",
    "AcquisitionDeviceProcessingDescription",
    "AcquisitionDeviceProcessingCode",
    "DerivationDescription",
    "ImageComments",
)
"""Series Description is kept with every instance already."""
_LONGEST = 100
_DATE, _TIME = re.compile(r"\d{8}"), re.compile(r"\d{2,6}(?:\.\d{1,6})?")


def radiography_of(elements: Elements, sop_class_uid: str, modality: str) -> RadiographHeader | None:
    """Return what a projection image says of itself; None for an image of another kind."""
    if sop_class_uid not in RADIOGRAPH_STORAGE and modality not in _MODALITIES:
        return None
    view, region = elements.first_item("ViewCodeSequence"), elements.first_item("AnatomicRegionSequence")
    spacing = elements.numbers("ImagerPixelSpacing", 2)
    return RadiographHeader(
        view_position=_short(elements.text("ViewPosition")),
        view_code=None if view is None else _short(view.text("CodeValue")),
        view_meaning=None if view is None else _short(view.text("CodeMeaning")),
        posture=_short(" ".join(_postures(elements))),
        photometric_interpretation=_short(elements.text("PhotometricInterpretation")),
        intent=_short(elements.text("PresentationIntentType")),
        detector_spacing_mm=None if spacing is None else (spacing[0], spacing[1]),
        spacing_calibration=_short(elements.text("PixelSpacingCalibrationType")),
        burned_in_annotation=_short(elements.text("BurnedInAnnotation")),
        patient_orientation=tuple(part[:_LONGEST] for part in elements.texts("PatientOrientation")[:2]),
        laterality=_short(elements.text("ImageLaterality") or elements.text("Laterality")),
        anatomic_region=None if region is None else _short(region.text("CodeMeaning")),
        acquired_at=_acquired_at(elements),
        descriptions=_described(elements),
        ordered=_ordered(elements),
    )


def _short(text: str | None) -> str | None:
    return text[:_LONGEST] if text else None


def _described(elements: Elements) -> tuple[str, ...]:
    said = [elements.text(keyword) for keyword in _DESCRIPTIONS]
    return _once([*said, *(item.text("CodeMeaning") for item in elements.items("DerivationCodeSequence"))])


def _ordered(elements: Elements) -> tuple[str, ...]:
    said = [elements.text(keyword) for keyword in ("StudyDescription", "RequestedProcedureDescription")]
    return _once([*said, *(item.text("CodeMeaning") for item in elements.items("ProcedureCodeSequence"))])


def _once(said: Sequence[str | None]) -> tuple[str, ...]:
    """Return each text that is there, once."""
    return tuple(dict.fromkeys(text[:_LONGEST] for text in said if text))


def _postures(elements: Elements) -> Iterator[str]:
    """Yield what is said of standing and lying: Patient Position, and Patient Orientation Code with its modifiers."""
    said = [elements.text("PatientPosition")]
    for item in elements.items("PatientOrientationCodeSequence"):
        said.append(item.text("CodeMeaning"))
        said += [modifier.text("CodeMeaning") for modifier in item.items("PatientOrientationModifierCodeSequence")]
    yield from (text for text in said if text)


def _acquired_at(elements: Elements) -> str | None:
    """Return when the image was exposed as 14 digits and a fraction, from the attribute that is nearest to that."""
    said = elements.text("AcquisitionDateTime") or ""
    candidates = [(said[:8], said[8:].split("+")[0].split("-")[0])]
    for event in ("Acquisition", "Content", "Series", "Study"):
        candidates.append((elements.text(f"{event}Date") or "", (elements.text(f"{event}Time") or "").replace(":", "")))
    for day, hour in candidates:
        if _DATE.fullmatch(day) and _TIME.fullmatch(hour):
            whole, _, fraction = hour.partition(".")
            return f"{day}{whole.ljust(6, '0')}.{fraction.ljust(6, '0')}"
    return None
