"""From where, and of whom how placed, a radiograph was taken, as far as its header says; knows no pixels.

View Position is often absent and sometimes a default: what nothing speaks for is unknown, and left to whoever sees the
image.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from triaged.study.radiography import RadiographHeader
from triaged.study.records import InstanceHeader


class View(StrEnum):
    """How the beam went through the chest; no other view than a frontal one has a name here."""

    PA = "PA"
    AP = "AP"
    UNKNOWN = "unknown"


class Position(StrEnum):
    """How the patient was placed."""

    UPRIGHT = "upright"
    SUPINE = "supine"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class Sight:
    """View and position of one exposure.

    `other` names its view where that is no frontal one, else it is empty. `is_frontal`: something says that it is one,
    if only where its rows run to.
    """

    view: View
    position: Position
    other: str = ""
    is_frontal: bool = False


_POSITIONS: Final = {"PA": View.PA, "AP": View.AP, "POSTEROANTERIOR": View.PA, "ANTEROPOSTERIOR": View.AP}
_CODES: Final = {"272479007": View.PA, "399348003": View.AP, "R-10214": View.PA, "R-10206": View.AP}
"""Of CID 4010, in SNOMED CT and as SNOMED RT had them."""
_PA: Final = re.compile(r"\bP\.?A\b|\bPOSTERO[ -]?ANTERIOR\b", re.IGNORECASE)
_AP: Final = re.compile(r"\bA\.?P\b|\bANTERO[ -]?POSTERIOR\b", re.IGNORECASE)
_OTHER: Final = re.compile(
    r"\b(?:LAT|LATERALE?|LATERO[ -]\w+|SEITLICH|SEITE|PROFIL|PROFILE|OBL|OBLIQUE|SCHR(?:Ä|AE)G|DECUB\w*|LORDOTIC|"
    r"APICAL|AXIAL|TANGENTIAL)\b",
    re.IGNORECASE,
)
_OTHER_POSITIONS: Final = frozenset(
    {"LL", "RL", "RLD", "LLD", "RLO", "LLO", "RAO", "LAO", "RPO", "LPO", "LT", "RT", "L", "R", "SL"}
)
_SEMI: Final = re.compile(r"\b(?:SEMI|HALF|HALB)", re.IGNORECASE)
_UPRIGHT: Final = re.compile(
    r"\b(?:ERECT|UPRIGHT|STANDING|SITTING|STEHEND|STEHEN|SITZEND|ORTHOSTA\w*)\b", re.IGNORECASE
)
_SUPINE: Final = re.compile(r"\b(?:SUPINE|RECUMBENT|LYING|LIEGEND|BEDSIDE|BETT\w*|HFS|FFS|DECUBITUS)\b", re.IGNORECASE)


def sight_of(image: InstanceHeader) -> Sight:
    """Return what the header of an image says; the attribute made for it counts before words that people wrote."""
    said = image.radiography or RadiographHeader()
    position = _position(said, image.series_description)
    for view, other in _views(said, image.series_description):
        if view is not None or other:
            return Sight(view or View.UNKNOWN, position, other, is_frontal=view is not None)
    return Sight(View.UNKNOWN, position, is_frontal=bool(_directions(said) & {"L", "R"}))


def _views(said: RadiographHeader, series_description: str | None) -> Iterator[tuple[View | None, str]]:
    """Yield what each place says, the surest first: a frontal view, or the name of another, or neither."""
    place = (said.view_position or "").upper()
    if _letters(place) in _OTHER_POSITIONS:
        yield None, f"View Position {place}"
    yield _POSITIONS.get(_letters(place)), ""
    yield _of_words(place, "View Position", both_is_other=True)
    yield _CODES.get(said.view_code or ""), ""
    yield _of_words(said.view_meaning or "", "View Code", both_is_other=True)
    if _directions(said) & {"A", "P"}:
        yield None, "Patient Orientation from back to front"
    for words in (series_description, *said.descriptions, *said.ordered):
        yield _of_words(words or "", "a description", both_is_other=False)


def _directions(said: RadiographHeader) -> set[str]:
    """Return the main directions of rows and columns."""
    return {value.strip().upper()[:1] for value in said.patient_orientation}


def _letters(text: str) -> str:
    return re.sub(r"[^A-Z]", "", text)


def _of_words(words: str, where: str, *, both_is_other: bool) -> tuple[View | None, str]:
    """Return what words say; "PA and lateral" is the name of two images and says nothing of one."""
    words = words.replace("_", " ")
    frontal = [view for view, pattern in ((View.PA, _PA), (View.AP, _AP)) if pattern.search(words)]
    other = _OTHER.search(words)
    if other is not None and (both_is_other or not frontal):
        return None, f"{where} {other[0].lower()}"
    return (frontal[0], "") if len(frontal) == 1 and other is None else (None, "")


def _position(said: RadiographHeader, series_description: str | None) -> Position:
    texts: Iterable[str | None] = (said.posture, said.view_position, series_description, *said.descriptions)
    for text in texts:
        words = (text or "").replace("_", " ")
        upright, supine = _UPRIGHT.search(words), _SUPINE.search(words)
        if _SEMI.search(words) or (upright and supine):
            return Position.UNKNOWN
        if upright or supine:
            return Position.UPRIGHT if upright else Position.SUPINE
    return Position.UNKNOWN
