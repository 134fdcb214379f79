"""Reads, of an encoded data set, the few attributes that filing, completion and the choice of series need.

Knows no sockets, no files and no store. What a sender got wrong in one attribute makes that attribute absent, never the
instance: the bytes are kept as they came. Only a data set that cannot be filed under a study is refused.
"""

from __future__ import annotations

import zlib
from collections.abc import Callable
from typing import TypeVar, cast

from triaged.dicom.elements import Elements, sniff_encoding
from triaged.dicom.tags import Tag
from triaged.errors import UnreadableInstance
from triaged.study.placement import OrderPriority
from triaged.study.records import InstanceHeader, Patient, ReceivedHeader
from triaged.study.uids import SeriesUID, SOPInstanceUID, StudyUID

OWN_MANUFACTURER = "triaged"
"""Manufacturer of the objects we write, and what their Manufacturer's Model Name begins with."""

_DEFLATED = "1.2.840.10008.1.2.1.99"
_INFLATE_AT_MOST = 64 * 1024 * 1024
"""The header stands in front of the pixels, and a deflated bomb may not take the memory."""

_WANTED = frozenset(int(tag) for tag in Tag)

_URGENCY = (
    OrderPriority.STAT,
    OrderPriority.HIGH,
    OrderPriority.MEDIUM,
    OrderPriority.ROUTINE,
    OrderPriority.LOW,
    OrderPriority.UNKNOWN,
)

_Position = tuple[float, float, float]
_Orientation = tuple[float, float, float, float, float, float]
_Spacing = tuple[float, float]
_UID = TypeVar("_UID", StudyUID, SeriesUID, SOPInstanceUID)
_Value = TypeVar("_Value")


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
    elements = _elements(content, transfer_syntax_uid)
    return ReceivedHeader(
        study_uid=_uid(StudyUID, elements, Tag.STUDY_INSTANCE_UID, ""),
        series_uid=_uid(SeriesUID, elements, Tag.SERIES_INSTANCE_UID, ""),
        sop_instance_uid=_uid(SOPInstanceUID, elements, Tag.SOP_INSTANCE_UID, sop_instance_uid),
        order_priority=_order_priority(elements),
        patient=_patient(elements),
        image=_image(elements, sop_class_uid),
        made_by_us=_made_by_us(elements),
    )


def holds_header(content: bytes, *, transfer_syntax_uid: str) -> bool:
    """Tell whether the beginning of a data set reaches past everything that `read_header` looks at.

    Objects without pixels may never get there: their header is whole when they are.
    """
    try:
        return _elements(content, transfer_syntax_uid).complete
    except UnreadableInstance:
        return False


def _elements(content: bytes, transfer_syntax_uid: str) -> Elements:
    if transfer_syntax_uid == _DEFLATED:
        try:
            content = zlib.decompressobj(-zlib.MAX_WBITS).decompress(content, _INFLATE_AT_MOST)
        except zlib.error as error:
            raise UnreadableInstance(
                f"expected a deflated data set, found bytes that do not inflate: {error}"
            ) from None
    if len(content) < 8:
        raise UnreadableInstance(f"expected a data set, found {len(content)} bytes")
    return Elements(content, sniff_encoding(content), _WANTED)


def _uid(kind: type[_UID], elements: Elements, tag: Tag, fallback: str) -> _UID:
    sent = elements.text(tag) or fallback.strip(" \0")
    if not sent:
        raise UnreadableInstance(f"expected a {kind.__name__} in {_name(tag)}, found none")
    return kind.parse(sent)


def _name(tag: Tag) -> str:
    return f"({tag >> 16:04X},{tag & 0xFFFF:04X})"


def _order_priority(elements: Elements) -> OrderPriority:
    """Return Requested Procedure Priority (0040,1003), which image objects carry, if at all, in the request's item."""
    candidates = [elements.text(Tag.REQUESTED_PROCEDURE_PRIORITY)]
    candidates += [
        item.text(Tag.REQUESTED_PROCEDURE_PRIORITY) for item in elements.items(Tag.REQUEST_ATTRIBUTES_SEQUENCE)
    ]
    known = [OrderPriority(text.upper()) for text in candidates if text and text.upper() in set(OrderPriority)]
    return min(known, key=_URGENCY.index, default=OrderPriority.UNKNOWN)


def _patient(elements: Elements) -> Patient:
    def text(tag: Tag) -> str:
        return elements.text(tag) or ""

    return Patient(
        patient_name=text(Tag.PATIENT_NAME),
        patient_id=text(Tag.PATIENT_ID),
        patient_birth_date=text(Tag.PATIENT_BIRTH_DATE),
        patient_sex=text(Tag.PATIENT_SEX),
        accession_number=text(Tag.ACCESSION_NUMBER),
        study_date=text(Tag.STUDY_DATE),
        study_time=text(Tag.STUDY_TIME),
        study_description=text(Tag.STUDY_DESCRIPTION),
    )


def _made_by_us(elements: Elements) -> bool:
    model_name = elements.text(Tag.MANUFACTURER_MODEL_NAME) or ""
    return elements.text(Tag.MANUFACTURER) == OWN_MANUFACTURER and model_name.startswith(OWN_MANUFACTURER)


def _image(elements: Elements, sop_class_uid: str) -> InstanceHeader:
    groups = _Groups(elements)
    frames = elements.integer(Tag.NUMBER_OF_FRAMES)
    orientation = groups.first(Tag.PLANE_ORIENTATION_SEQUENCE, lambda e: e.numbers(Tag.IMAGE_ORIENTATION_PATIENT, 6))
    spacing = groups.first(Tag.PIXEL_MEASURES_SEQUENCE, lambda e: e.numbers(Tag.PIXEL_SPACING, 2))
    transformation = Tag.PIXEL_VALUE_TRANSFORMATION_SEQUENCE
    return InstanceHeader(
        sop_class_uid=elements.text(Tag.SOP_CLASS_UID) or sop_class_uid.strip(" \0"),
        modality=elements.text(Tag.MODALITY) or "",
        series_number=elements.integer(Tag.SERIES_NUMBER),
        series_description=elements.text(Tag.SERIES_DESCRIPTION),
        instance_number=elements.integer(Tag.INSTANCE_NUMBER),
        image_type=elements.texts(Tag.IMAGE_TYPE),
        body_part_examined=elements.text(Tag.BODY_PART_EXAMINED),
        rows=elements.unsigned(Tag.ROWS),
        columns=elements.unsigned(Tag.COLUMNS),
        number_of_frames=frames if frames and frames > 0 else 1,
        image_position_patient=cast("_Position | None", elements.numbers(Tag.IMAGE_POSITION_PATIENT, 3)),
        image_orientation_patient=cast("_Orientation | None", orientation),
        pixel_spacing_mm=cast("_Spacing | None", spacing),
        slice_thickness_mm=groups.first(Tag.PIXEL_MEASURES_SEQUENCE, lambda e: e.number(Tag.SLICE_THICKNESS)),
        convolution_kernel=groups.first(Tag.CT_RECONSTRUCTION_SEQUENCE, lambda e: e.text(Tag.CONVOLUTION_KERNEL)),
        gantry_tilt_degrees=groups.first(
            Tag.CT_ACQUISITION_DETAILS_SEQUENCE, lambda e: e.number(Tag.GANTRY_DETECTOR_TILT)
        ),
        frame_of_reference_uid=elements.text(Tag.FRAME_OF_REFERENCE_UID),
        has_rescale=groups.first(transformation, _has_rescale) is not None,
        rescale_type=groups.first(transformation, lambda e: e.text(Tag.RESCALE_TYPE)),
        samples_per_pixel=elements.unsigned(Tag.SAMPLES_PER_PIXEL),
        images_in_acquisition=elements.integer(Tag.IMAGES_IN_ACQUISITION),
        contrast_agent=elements.text(Tag.CONTRAST_BOLUS_AGENT),
    )


def _has_rescale(elements: Elements) -> bool | None:
    both = elements.has(Tag.RESCALE_SLOPE) and elements.has(Tag.RESCALE_INTERCEPT)
    return True if both else None


class _Groups:
    """Where an attribute may stand: the data set itself, the shared functional groups, or those of the first frame."""

    def __init__(self, elements: Elements) -> None:
        shared = elements.first_item(Tag.SHARED_FUNCTIONAL_GROUPS_SEQUENCE)
        frame = elements.first_item(Tag.PER_FRAME_FUNCTIONAL_GROUPS_SEQUENCE)
        self._elements = elements
        self._groups = [group for group in (shared, frame) if group is not None]

    def first(self, sequence: Tag, read: Callable[[Elements], _Value | None]) -> _Value | None:
        """Return the first value that `read` finds."""
        found = read(self._elements)
        for group in self._groups:
            if found is not None:
                break
            item = group.first_item(sequence)
            found = None if item is None else read(item)
        return found
