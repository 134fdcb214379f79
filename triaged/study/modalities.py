"""Kinds of images by their DICOM modality, as the list names them and is narrowed to them; values only."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from enum import StrEnum
from typing import Final

_BY_CLASS: Final[Mapping[str, str]] = {
    "1.2.840.10008.5.1.4.1.1.1": "CR",
    "1.2.840.10008.5.1.4.1.1.1.1": "DX",
    "1.2.840.10008.5.1.4.1.1.1.1.1": "DX",
    "1.2.840.10008.5.1.4.1.1.2": "CT",
    "1.2.840.10008.5.1.4.1.1.2.1": "CT",
}
"""What a SOP class says by itself, whatever a sender wrote into Modality."""
_FIRST: Final = ("CT", "CR", "DX")
_LONGEST: Final = 16
"""Of a code string (PS3.5 section 6.2)."""


class ShownModality(StrEnum):
    """Studies with images of which kind; a study with a CT and an X-ray is both."""

    ALL = "all"
    CT = "ct"
    XRAY = "x-ray"


class Stratum(StrEnum):
    """Studies that are counted by themselves, by what was read: other patients are sent for the one than the other."""

    VOLUME = "CT"
    RADIOGRAPH = "X-ray"


MEMBERS: Final[Mapping[ShownModality, tuple[str, ...]]] = {
    ShownModality.CT: ("CT",),
    ShownModality.XRAY: ("CR", "DX", "RG"),
}
"""The modalities of each kind that is not all of them."""
IMAGES_OF: Final[Mapping[Stratum, tuple[str, ...]]] = {
    Stratum.VOLUME: MEMBERS[ShownModality.CT],
    Stratum.RADIOGRAPH: MEMBERS[ShownModality.XRAY],
}
"""What is read of each stratum, as modalities."""
_READ: Final = frozenset(each for members in IMAGES_OF.values() for each in members)


def modality_of(sop_class_uid: str, modality: str) -> str:
    """Return the modality of an image as a code string; empty where nothing says it."""
    said = _BY_CLASS.get(sop_class_uid) or modality
    return said.replace("\\", " ").strip().upper()[:_LONGEST]


def stratum_of(read: str | None, came: Iterable[str]) -> Stratum:
    """Return with which studies one without a score is counted: by the modality that was read, None where none was.

    Then by all that came: X-rays alone are an X-ray.
    """
    found = {read} if read else {each for each in came if each in _READ}
    return Stratum.RADIOGRAPH if found and found <= set(IMAGES_OF[Stratum.RADIOGRAPH]) else Stratum.VOLUME


def in_order(modalities: Iterable[str]) -> tuple[str, ...]:
    """Return modalities, those that can be read first, then the others as they came."""
    found = tuple(modalities)
    return (*(each for each in _FIRST if each in found), *(each for each in found if each not in _FIRST))
