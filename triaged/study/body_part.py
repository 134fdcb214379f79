"""Tells by Body Part Examined whether an image is of the chest, or of a part that does not hold it; knows no exams."""

from __future__ import annotations

import re
from collections.abc import Sequence
from enum import IntEnum

from triaged.study.records import Series


class BodyPart(IntEnum):
    """What Body Part Examined says of the chest, the best one first."""

    CHEST = 0
    UNSAID = 1
    ELSEWHERE = 2


_CHEST = re.compile(r"CHEST|THORAX|TORAX|LUNG|\A(?:CAP|TAP)\Z")
_MAY_HOLD_CHEST = re.compile(r"ABDOMEN|BODY|TRUNK|HEART|CARDIAC|CORONARY|AORTA")
_ELSEWHERE = re.compile(
    r"HEAD|BRAIN|SKULL|CRANI|ORBIT|SINUS|FACE|FACIAL|JAW|MANDIB|MAXILLA|DENTAL|TEMPORAL|NECK|SPINE|SACR|PELVI|KNEE|"
    r"FEMUR|TIBIA|ANKLE|FOOT|CALCAN|HAND|WRIST|ELBOW|FINGER|SHOULDER|HUMER|EXTREMIT|FOREARM|"
    r"\A(?:EAR|IAC|ARM|LEG|HIP|TOE|THIGH|CALF)S?\Z"
)
_NO_IMAGES = frozenset({"SR", "PR", "KO", "DOC", "SEG", "REG", "RTSTRUCT", "AU", "OT"})
"""Modalities of what only goes along with images."""


def body_part(examined: str | None) -> BodyPart:
    """Return what Body Part Examined (0018,0015) says; of several parts in one name the chest counts."""
    name = re.sub(r"[^A-Z]", "", (examined or "").upper())
    if _CHEST.search(name):
        return BodyPart.CHEST
    if _MAY_HOLD_CHEST.search(name) or not _ELSEWHERE.search(name):
        return BodyPart.UNSAID
    return BodyPart.ELSEWHERE


def foreign_part(series: Sequence[Series]) -> str | None:
    """Return the part that every series of images names, where none can hold a chest; None where one may."""
    headers = [instance.image for each in series for instance in each.instances]
    named = {header.body_part_examined for header in headers if header.modality not in _NO_IMAGES}
    if not named or any(body_part(name) is not BodyPart.ELSEWHERE for name in named):
        return None
    return ", ".join(sorted(name for name in named if name))
