"""Reads, of an encoded data set, the few attributes that filing, completion and the choice of series need.

Knows no sockets, no files and no store. What a sender got wrong in one attribute makes that attribute absent, never the
instance: the bytes are kept as they came. Only a data set that cannot be filed under a study is refused.
"""

from __future__ import annotations

import zlib
from collections.abc import Callable
from typing import TypeVar, cast

from triaged.dicom.elements import Elements, read_elements, sniff_encoding
from triaged.dicom.identity import derived_instance
from triaged.dicom.quiet import without_warnings
from triaged.dicom.radiography import radiography_of
from triaged.dicom.study_facts import study_facts
from triaged.errors import UnreadableInstance
from triaged.study.kinds import DEFLATED
from triaged.study.ranking import URGENCY, RequestPriority
from triaged.study.records import InstanceHeader, Patient, ReceivedHeader
from triaged.study.uids import SeriesUID, SOPInstanceUID, StudyUID

_LONGEST_DEVICE = 100
OWN_MANUFACTURER = "triaged"
"""Manufacturer of the objects we write, and what their Manufacturer's Model Name begins with."""

LONGEST_HEADER = 8 * 1024 * 1024
"""What is longer is read up to here, inflated where it was deflated: a thousand frames need a quarter of it."""

_LAST = "PerFrameFunctionalGroupsSequence"
"""The last attribute that is looked at."""
_NEEDED = ("StudyInstanceUID", "SeriesInstanceUID")
"""Without these an instance cannot be filed."""

_Position = tuple[float, float, float]
_Orientation = tuple[float, float, float, float, float, float]
_Spacing = tuple[float, float]
_UID = TypeVar("_UID", StudyUID, SeriesUID, SOPInstanceUID)
_Value = TypeVar("_Value")


@without_warnings()
def read_header(
    content: bytes, *, transfer_syntax_uid: str, sop_class_uid: str = "", sop_instance_uid: str = ""
) -> ReceivedHeader:
    """Return what is read of an instance when it arrives.

    `content` is the encoded data set without file meta information. SOP class and instance UID are those of the command
    set; they count where the data set does not say. Of a multi-frame instance, attributes of the functional groups
    (PS3.3 C.7.6.16) are taken from the shared group, else from the first frame.

    Raises:
        UnreadableInstance: the bytes are no data set, or name no study, series or instance.
    """
    elements = _elements(_inflated(content, transfer_syntax_uid))
    return header_in(elements, sop_class_uid=sop_class_uid, sop_instance_uid=sop_instance_uid)


@without_warnings()
def header_in(elements: Elements, *, sop_class_uid: str = "", sop_instance_uid: str = "") -> ReceivedHeader:
    """Return what `read_header` does, of elements that were read already."""
    return ReceivedHeader(
        study_uid=_uid(StudyUID, elements, "StudyInstanceUID", ""),
        series_uid=_uid(SeriesUID, elements, "SeriesInstanceUID", ""),
        sop_instance_uid=_uid(SOPInstanceUID, elements, "SOPInstanceUID", sop_instance_uid or _derived(elements)),
        order_priority=_order_priority(elements),
        patient=_patient(elements),
        image=_image(elements, sop_class_uid),
        made_by_us=_made_by_us(elements),
        facts=study_facts(elements),
    )


def holds_header(content: bytes, *, transfer_syntax_uid: str) -> bool:
    """Tell whether more would add nothing: all that `read_header` looks at is there, or the longest header is.

    Without pixels that may never be so.
    """
    return whole_header(content, transfer_syntax_uid=transfer_syntax_uid) is not None


@without_warnings()
def whole_header(content: bytes, *, transfer_syntax_uid: str) -> Elements | None:
    """Return the elements of a header to which more content would add nothing, as `holds_header`; else None."""
    try:
        encoded = _inflated(content, transfer_syntax_uid)
        elements = _elements(encoded)
    except UnreadableInstance:
        return None
    return elements if elements.complete or len(encoded) >= LONGEST_HEADER else None


def _inflated(content: bytes, transfer_syntax_uid: str) -> bytes:
    """Return the beginning of an encoded data set as it is before deflating."""
    if transfer_syntax_uid != DEFLATED:
        return content[:LONGEST_HEADER]
    try:
        return zlib.decompressobj(-zlib.MAX_WBITS).decompress(content, LONGEST_HEADER)
    except zlib.error as error:
        raise UnreadableInstance(f"expected a deflated data set, found bytes that do not inflate: {error}") from None


def _elements(content: bytes) -> Elements:
    if len(content) < 8:
        raise UnreadableInstance(f"expected a data set, found {len(content)} bytes")
    return read_elements(content, sniff_encoding(content), last=_LAST, needed=_NEEDED)


def _uid(kind: type[_UID], elements: Elements, keyword: str, fallback: str) -> _UID:
    sent = elements.text(keyword) or fallback.strip(" \0")
    if not sent:
        raise UnreadableInstance(f"expected a {kind.__name__} in {keyword}, found none")
    return kind.parse(sent)


def _derived(elements: Elements) -> str:
    study, series = (elements.text(keyword) or "" for keyword in ("StudyInstanceUID", "SeriesInstanceUID"))
    position = elements.numbers("ImagePositionPatient", 3) or ()
    return derived_instance(study, series, elements.integer("InstanceNumber"), position) or ""


def _order_priority(elements: Elements) -> RequestPriority:
    """Return Requested Procedure Priority (0040,1003), which image objects carry, if at all, in the request's item."""
    candidates = [elements.text("RequestedProcedurePriority")]
    candidates += [item.text("RequestedProcedurePriority") for item in elements.items("RequestAttributesSequence")]
    known = [RequestPriority(text.upper()) for text in candidates if text and text.upper() in set(RequestPriority)]
    return min(known, key=URGENCY.index, default=RequestPriority.UNKNOWN)


def _patient(elements: Elements) -> Patient:
    def text(keyword: str) -> str:
        return elements.text(keyword) or ""

    return Patient(
        patient_name=text("PatientName"),
        patient_id=text("PatientID"),
        patient_birth_date=text("PatientBirthDate"),
        patient_sex=text("PatientSex"),
        accession_number=text("AccessionNumber"),
        study_date=text("StudyDate"),
        study_time=text("StudyTime"),
        study_description=text("StudyDescription"),
        issuer_of_patient_id=text("IssuerOfPatientID"),
    )


def _made_by_us(elements: Elements) -> bool:
    model_name = elements.text("ManufacturerModelName") or ""
    return elements.text("Manufacturer") == OWN_MANUFACTURER and model_name.startswith(OWN_MANUFACTURER)


def _image(elements: Elements, sop_class_uid: str) -> InstanceHeader:
    groups = _Groups(elements)
    frames = elements.integer("NumberOfFrames")
    orientation = groups.first("PlaneOrientationSequence", lambda e: e.numbers("ImageOrientationPatient", 6))
    spacing = groups.first("PixelMeasuresSequence", lambda e: e.numbers("PixelSpacing", 2))
    transformation = "PixelValueTransformationSequence"
    sop_class_uid = elements.text("SOPClassUID") or sop_class_uid.strip(" \0")
    modality = elements.text("Modality") or ""
    return InstanceHeader(
        sop_class_uid=sop_class_uid,
        modality=modality,
        series_number=elements.integer("SeriesNumber"),
        series_description=elements.text("SeriesDescription"),
        instance_number=elements.integer("InstanceNumber"),
        image_type=elements.texts("ImageType"),
        body_part_examined=elements.text("BodyPartExamined"),
        rows=elements.unsigned("Rows"),
        columns=elements.unsigned("Columns"),
        number_of_frames=frames if frames and frames > 0 else 1,
        image_position_patient=cast("_Position | None", elements.numbers("ImagePositionPatient", 3)),
        image_orientation_patient=cast("_Orientation | None", orientation),
        pixel_spacing_mm=cast("_Spacing | None", spacing),
        slice_thickness_mm=groups.first("PixelMeasuresSequence", lambda e: e.number("SliceThickness")),
        convolution_kernel=groups.first("CTReconstructionSequence", lambda e: e.text("ConvolutionKernel")),
        gantry_tilt_degrees=groups.first("CTAcquisitionDetailsSequence", lambda e: e.number("GantryDetectorTilt")),
        frame_of_reference_uid=elements.text("FrameOfReferenceUID"),
        has_rescale=groups.first(transformation, _has_rescale) is not None,
        rescale_type=groups.first(transformation, lambda e: e.text("RescaleType")),
        samples_per_pixel=elements.unsigned("SamplesPerPixel"),
        images_in_acquisition=elements.integer("ImagesInAcquisition"),
        contrast_agent=elements.text("ContrastBolusAgent"),
        device=_device(elements),
        radiography=radiography_of(elements, sop_class_uid, modality),
    )


def _device(elements: Elements) -> str | None:
    """Return manufacturer, model and station, as far as they are named, for people who look for one bad scanner."""
    named = [elements.text(keyword) for keyword in ("Manufacturer", "ManufacturerModelName", "StationName")]
    return " ".join(filter(None, named))[:_LONGEST_DEVICE] or None


def _has_rescale(elements: Elements) -> bool | None:
    return elements.has("RescaleIntercept") or None


class _Groups:
    """Where an attribute may be: the data set itself, the shared functional groups, or those of the first frame."""

    def __init__(self, elements: Elements) -> None:
        shared = elements.first_item("SharedFunctionalGroupsSequence")
        frame = elements.first_item("PerFrameFunctionalGroupsSequence")
        self._elements = elements
        self._groups = [group for group in (shared, frame) if group is not None]

    def first(self, sequence: str, read: Callable[[Elements], _Value | None]) -> _Value | None:
        """Return the first value that `read` finds."""
        found = read(self._elements)
        for group in self._groups:
            if found is not None:
                break
            item = group.first_item(sequence)
            found = None if item is None else read(item)
        return found
