"""What an exposure is, as far as the header of its image says; knows nothing of what is wanted (see `choice`)."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from enum import IntEnum
from typing import Final

from triaged.dicom.radiography import RADIOGRAPH_STORAGE
from triaged.exams.xray.views import Sight, sight_of
from triaged.study.radiography import RadiographHeader
from triaged.study.records import Instance, InstanceHeader, Series

_PROCESSING: Final = "1.2.840.10008.5.1.4.1.1.1.1.1"
"""Digital X-Ray Image Storage - For Processing."""
_CHEST: Final = re.compile(r"CHEST|THORAX|TORAX|LUNG")
_ELSEWHERE: Final = re.compile(
    r"ABDOM|PELVI|BECKEN|SKULL|CRANI|BRAIN|SINUS|ORBIT|FACIAL|MANDIB|MAXILL|DENTAL|TOOTH|TEETH|CERVICAL|SPINE|LUMBAR|"
    r"WIRBEL|SACR|COCCY|KNEE|PATELL|FEMUR|TIBIA|FIBULA|ANKLE|CALCAN|WRIST|FINGER|THUMB|ELBOW|FOREARM|HUMER|SHOULDER|"
    r"SCHULTER|CLAVIC|SCAPUL|STERNUM|EXTREMIT|BREAST|MAMMO|"
    r"\b(?:HEAD|NECK|FACE|JAW|KUB|HIPS?|KNIE|HAND|HANDS|FOOT|FEET|FUSS|TOES?|HEEL|ARM|LEG|THIGH|RIBS?|RADIUS|ULNA|[CLT]SPINE)\b"
)
_COMPANION: Final = re.compile(
    r"bone[ _-]?(?:suppress|subtract|image|enhanc|only)|rib[ _-]?suppress|soft[ _-]?tissue|dual[ _-]?energy|"
    r"subtract|suppress|magnif|\bzoom|mark[ _-]?up|annotat|\bcad\b|\bfor 3d\b|screen[ _-]?(?:shot|sav|cap)|"
    r"secondary capture|tomosynth|temporal|(?:line|tube|catheter|picc)s?[ _-]?(?:enhanc|process|visual)",
    re.IGNORECASE,
)
_COMPANION_TYPE: Final = re.compile(
    r"BONE|SOFT|ENERGY|SUBTRACT|SUPPRESS|MAGNIF|ZOOM|MARKUP|ANNOT|SCREEN|CAPTURE|REPORT|TOMO|\bCAD\b|\b3D\b"
)


class Region(IntEnum):
    """What the header says of the chest, the best one first."""

    CHEST = 0
    UNSAID = 1
    ELSEWHERE = 2


@dataclass(frozen=True, slots=True)
class Exposure:
    """One image as its header describes it.

    `companion` are the words that mark it as made of another one, empty where nothing does. `area` is the size of the
    picture: in mm2 at the detector, or in pixels where `has_millimetres` is False.
    """

    series: Series
    instance: Instance
    sight: Sight
    region: Region
    companion: str
    is_raw: bool
    is_secondary: bool
    area: float
    has_millimetres: bool

    @property
    def image(self) -> InstanceHeader:
        """The header as it was received."""
        return self.instance.image

    @property
    def said(self) -> RadiographHeader:
        """What the header says beyond what every image does."""
        return self.image.radiography or RadiographHeader()

    @property
    def name(self) -> str:
        """What people call the image within its series."""
        number = self.image.instance_number
        return f"image {number}" if number is not None else f"image {self.instance.sop_instance_uid}"


def exposures(series: Series) -> Iterator[Exposure]:
    """Yield the images of a series."""
    for instance in series.instances:
        image = instance.image
        said = image.radiography or RadiographHeader()
        area, has_millimetres = _area(image, said)
        yield Exposure(
            series=series,
            instance=instance,
            sight=sight_of(image),
            region=region(image),
            companion=_companion(image, said),
            is_raw=said.intent == "FOR PROCESSING" or (said.intent is None and image.sop_class_uid == _PROCESSING),
            is_secondary="SECONDARY" in {value.upper() for value in image.image_type},
            area=area,
            has_millimetres=has_millimetres,
        )


def is_radiograph(image: InstanceHeader) -> bool:
    """Tell whether an image is a projection radiograph by its class; a capture of one is none."""
    return image.sop_class_uid in RADIOGRAPH_STORAGE


def region(image: InstanceHeader) -> Region:
    """Return what is said of the body part; words that people wrote count only where no attribute says it."""
    said = image.radiography or RadiographHeader()
    for texts in (
        (image.body_part_examined,),
        (said.anatomic_region,),
        (image.series_description, *said.descriptions),
        said.ordered,
    ):
        words = re.sub(r"[^A-Z0-9]+", " ", " ".join(text for text in texts if text).upper())
        if _CHEST.search(words):
            return Region.CHEST
        if _ELSEWHERE.search(words):
            return Region.ELSEWHERE
    return Region.UNSAID


def _companion(image: InstanceHeader, said: RadiographHeader) -> str:
    kind = _COMPANION_TYPE.search(" ".join(image.image_type[1:]).upper().replace("_", " "))
    if kind is not None:
        return f"{kind[0]} in Image Type"
    for text in (image.series_description, *said.descriptions):
        named = _COMPANION.search(text or "")
        if named is not None:
            return f"'{named[0].lower()}' in a description"
    return ""


def _area(image: InstanceHeader, said: RadiographHeader) -> tuple[float, bool]:
    pixels = float((image.rows or 0) * (image.columns or 0))
    spacing = said.detector_spacing_mm or image.pixel_spacing_mm
    if spacing is None or min(spacing) <= 0.0:
        return pixels, False
    return pixels * spacing[0] * spacing[1], True
