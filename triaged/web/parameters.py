"""What programs write behind the question mark of a search (PS3.18 section 8.3.4): attributes, paths to them, numbers.

Knows neither what is searched nor how. A text that is none of these raises `ValueError` or `HTTPException`, and is not
repeated in the words.
"""

from __future__ import annotations

from collections.abc import Sequence
from http import HTTPStatus

from pydicom import Dataset, config
from pydicom.datadict import dictionary_has_tag, dictionary_VR, tag_for_keyword
from pydicom.dataelem import DataElement
from pydicom.sequence import Sequence as ItemSequence
from starlette.exceptions import HTTPException

MOST_PARAMETERS = 100
_DEEPEST = 4

Parameters = Sequence[tuple[str, str]]
"""Names and values as they came, a name as often as it was given."""


def demand_few(parameters: Parameters) -> None:
    """Refuse more parameters than anybody needs."""
    if len(parameters) > MOST_PARAMETERS:
        raise HTTPException(HTTPStatus.BAD_REQUEST, f"expected at most {MOST_PARAMETERS} parameters")


def add_key(identifier: Dataset, path: Sequence[int], value: str) -> None:
    """Put a value where its path leads, into the items that are there already; `ValueError` where one is there."""
    *sequences, last = path
    for tag in sequences:
        if tag not in identifier:
            identifier.add(DataElement(tag, "SQ", ItemSequence([Dataset()])))
        identifier = identifier[tag].value[0]
    vr = dictionary_VR(last)
    if last in identifier or (vr == "SQ" and value):
        raise ValueError("expected every attribute once, and a sequence by its attributes")
    content: object = ItemSequence() if vr == "SQ" else value.split(",") if vr == "UI" else value
    identifier.add(DataElement(last, vr, content, validation_mode=config.IGNORE))


def tags_of(path: str) -> list[int]:
    """Return the tags of an attribute, named by keyword or by eight hexadecimal digits, within sequences by a path."""
    tags = [_tag(name) for name in path.split(".")]
    if len(tags) > _DEEPEST or any(dictionary_VR(tag) != "SQ" for tag in tags[:-1]):
        raise ValueError("expected a path through sequences to an attribute")
    return tags


def number(parameters: Parameters, name: str) -> int | None:
    """Return the one whole number that a name was given, or None."""
    texts = [value for each, value in parameters if each == name]
    if not texts:
        return None
    if len(texts) > 1 or not texts[0].isascii() or not texts[0].isdigit() or len(texts[0]) > 9:
        raise HTTPException(HTTPStatus.BAD_REQUEST, f"{name}: expected one whole number")
    return int(texts[0])


def _tag(name: str) -> int:
    tag = tag_for_keyword(name)
    if tag is None and len(name) == 8 and all(character in "0123456789abcdefABCDEF" for character in name):
        tag = int(name, 16)
    if tag is None or not dictionary_has_tag(tag):
        raise ValueError("expected the keyword or the tag of an attribute, found something else")
    return int(tag)
