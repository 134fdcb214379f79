"""Says of every kind of result object all that differs between kinds: one table, which every other place reads.

Must not know how an object is written, sent or drawn. A new kind is a row here and its writer.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar

IMPLICIT = "1.2.840.10008.1.2"
EXPLICIT = "1.2.840.10008.1.2.1"
DEFLATED = "1.2.840.10008.1.2.1.99"
RLE = "1.2.840.10008.1.2.5"


@dataclass(frozen=True, slots=True, order=True)
class ObjectKind:
    """A kind of result object; a destination lists the kinds it wants by `name`, and the database keeps that name.

    `series_number` is high and stable, so that the series follows the acquired ones; `title` opens its description
    where the examination has no better one. `words` name an object to people, and `refused` says what a site loses
    that does not take the class. An object is written in the first of `transfer_syntaxes`, and can be sent in each of
    them, the most wanted first.

    `always_kept`: kept even where no destination wants it, as the pages or a later result need it. `is_report`: a later
    result names it as superseded. `is_picture`: the page of the study shows it.

    `combines` is the kind whose pictures this one holds in one object. A destination that wants both gets the one
    object where it is known to accept it, else the single ones; `refused_alone` is said in the place of `refused` where
    it takes the other form.
    """

    name: str
    sop_class_uid: str
    modality: str
    series_number: int
    title: str
    words: str
    refused: str
    transfer_syntaxes: tuple[str, ...] = (EXPLICIT, IMPLICIT, DEFLATED)
    always_kept: bool = False
    is_report: bool = False
    is_picture: bool = False
    combines: ObjectKind | None = None
    refused_alone: str = ""

    SC: ClassVar[ObjectKind]
    SC_MULTIFRAME: ClassVar[ObjectKind]
    SR: ClassVar[ObjectKind]
    SEG: ClassVar[ObjectKind]
    TEXT: ClassVar[ObjectKind]
    KOS: ClassVar[ObjectKind]
    GSPS: ClassVar[ObjectKind]
    SIDES: ClassVar[ObjectKind]
    TURNING: ClassVar[ObjectKind]

    def __str__(self) -> str:
        return self.name


_NO_PICTURES = (
    "No picture of a result can be shown there. Ask its administrator to accept Secondary Capture: every other object "
    "is of less use without it."
)

ObjectKind.SC = ObjectKind(
    name="sc",
    sop_class_uid="1.2.840.10008.5.1.4.1.1.7",  # Secondary Capture Image Storage
    modality="OT",
    series_number=9901,  # last of all in use: it must not take the place of an acquired series in a hanging protocol
    title="pictures",
    words="picture (SC)",
    refused=_NO_PICTURES,
    refused_alone=(
        "Pictures go only as one multi-frame object. The reason of a study without a score is a single picture, and "
        "does not arrive."
    ),
    transfer_syntaxes=(RLE, EXPLICIT, IMPLICIT, DEFLATED),  # docs/decisions/0010-pictures-in-rle.md
    always_kept=True,
    is_picture=True,
)
ObjectKind.SC_MULTIFRAME = ObjectKind(
    name="sc-multiframe",
    sop_class_uid="1.2.840.10008.5.1.4.1.1.7.4",  # Multi-frame True Color Secondary Capture Image Storage
    modality="OT",
    series_number=9901,  # of the single pictures: a destination finds either form under the same number
    title="pictures",
    words="all pictures in one (multi-frame SC)",
    refused=_NO_PICTURES,
    refused_alone="The pictures go one by one instead: nothing is missing there.",
    transfer_syntaxes=ObjectKind.SC.transfer_syntaxes,
    combines=ObjectKind.SC,
)
ObjectKind.SR = ObjectKind(
    name="sr",
    sop_class_uid="1.2.840.10008.5.1.4.1.1.88.34",  # Comprehensive 3D SR Storage
    modality="SR",
    series_number=9002,
    title="triage report",
    words="measurements (SR)",
    refused=("The measurements cannot be kept there as values. Pictures still go and carry the same numbers as text."),
    always_kept=True,
    is_report=True,
)
ObjectKind.SEG = ObjectKind(
    name="seg",
    sop_class_uid="1.2.840.10008.5.1.4.1.1.66.4",  # Segmentation Storage
    modality="SEG",
    series_number=9001,
    title="regions",
    words="regions (SEG)",
    refused=(
        "The regions (lungs, lesion) cannot be laid over the CT there. Pictures and reports still go; the pictures "
        "show the same regions."
    ),
    transfer_syntaxes=(DEFLATED, EXPLICIT, IMPLICIT),  # no RLE of single bits
    always_kept=True,
)
ObjectKind.TEXT = ObjectKind(
    name="text",
    sop_class_uid="1.2.840.10008.5.1.4.1.1.88.11",  # Basic Text SR Storage
    modality="SR",
    series_number=9003,
    title="triage report as text",
    words="report as text (SR)",
    refused="The report as text cannot be read there. Pictures still go and carry the same text.",
    is_report=True,
)

ObjectKind.KOS = ObjectKind(
    name="kos",
    sop_class_uid="1.2.840.10008.5.1.4.1.1.88.59",  # Key Object Selection Document Storage
    modality="KO",
    series_number=9004,
    title="key slices",
    words="most affected slices (KO)",
    refused="Viewers there cannot jump to the most affected slices. The pictures show them, with their numbers.",
)

ObjectKind.GSPS = ObjectKind(
    name="gsps",
    sop_class_uid="1.2.840.10008.5.1.4.1.1.11.1",  # Grayscale Softcopy Presentation State Storage
    modality="PR",
    series_number=9005,
    title="outlines",
    words="outlines on the X-ray (GSPS)",
    refused=(
        "The outlines cannot be switched on and off on the X-ray there. Pictures still go and show the same outlines."
    ),
)

ObjectKind.SIDES = ObjectKind(
    name="3d",
    sop_class_uid=ObjectKind.SC.sop_class_uid,
    modality="OT",
    series_number=9902,
    title="lungs in 3-D",
    words="lungs in 3-D (SC)",
    refused=_NO_PICTURES,
    transfer_syntaxes=ObjectKind.SC.transfer_syntaxes,
    always_kept=True,
    is_picture=True,
)
ObjectKind.TURNING = ObjectKind(
    name="3d-turning",
    sop_class_uid=ObjectKind.SC_MULTIFRAME.sop_class_uid,
    modality="OT",
    series_number=9903,
    title="lungs in 3-D, turning",
    words="lungs in 3-D, turning (multi-frame SC)",
    refused="The lungs cannot be turned there; four single pictures show them from the front, the back and both sides.",
    transfer_syntaxes=ObjectKind.SC.transfer_syntaxes,
    always_kept=True,
)

KINDS: Mapping[str, ObjectKind] = {
    kind.name: kind
    for kind in (
        *(ObjectKind.SC, ObjectKind.SC_MULTIFRAME, ObjectKind.SR, ObjectKind.SEG, ObjectKind.TEXT),
        *(ObjectKind.KOS, ObjectKind.GSPS, ObjectKind.SIDES, ObjectKind.TURNING),
    )
}
"""Every kind by its name, in the order in which people read them."""


def kind_of(name: str) -> ObjectKind:
    """Return the kind that the settings or the database call by this name; `ValueError` where there is none."""
    if name not in KINDS:
        raise ValueError(f"kind of object: expected one of {', '.join(KINDS)}, found {name}")
    return KINDS[name]


def forms_of(kind: ObjectKind) -> tuple[ObjectKind, ...]:
    """Return the kinds that hold the same content as this one, and itself: in one object first, then singly."""
    single = kind.combines or kind
    return (*(one for one in KINDS.values() if one.combines == single), single)
