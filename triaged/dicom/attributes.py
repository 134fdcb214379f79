"""Reads single values of a pydicom data set without trusting them, and makes data sets of values as they are.

An unreadable value counts as an absent one.
"""

from __future__ import annotations

import math
import struct
from collections.abc import Sequence

from pydicom import Dataset, config
from pydicom.datadict import dictionary_VR
from pydicom.dataelem import DataElement
from pydicom.errors import BytesLengthException, InvalidDicomError
from pydicom.sequence import Sequence as ItemSequence

DAMAGED = (
    ArithmeticError,
    AttributeError,
    BytesLengthException,
    EOFError,
    InvalidDicomError,
    LookupError,
    OSError,
    RuntimeError,  # RecursionError too: sequences may be nested without end
    TypeError,
    ValueError,
    struct.error,
)
"""What pydicom and its decoders raise on damaged content, as found by overwriting and cutting files at random."""

Value = str | int | list[Dataset]
"""What an attribute is made of; a list is the items of a sequence."""

Groups = tuple[Dataset, ...]
"""Where a frame's attributes may be, the most specific place first: its own functional groups, the shared ones, the
image itself."""


def dataset_of(**values: Value) -> Dataset:
    """Return a data set of attributes by keyword."""
    dataset = Dataset()
    for keyword, value in values.items():
        dataset.add(element_of(keyword, value))
    return dataset


def element_of(keyword: str, value: Value) -> DataElement:
    """Return an attribute with a value as it is, even an invalid one: what a sender wrote is not made better here."""
    vr = dictionary_VR(keyword)
    content = ItemSequence(value) if isinstance(value, list) else value
    if vr == "PN" and isinstance(value, str) and "\\" in value:
        # Of several names, which a name may not have, pydicom cannot write empty ones as JSON.
        content = "\\".join(name for name in value.split("\\") if name.strip(" =^"))
    return DataElement(keyword, vr, content, validation_mode=config.IGNORE)


def attribute(dataset: Dataset, keyword: str) -> object:
    """Return an attribute's value, or None where it is absent, empty, or not what its value representation promises."""
    try:
        value: object = dataset.get(keyword)
    except DAMAGED:
        return None
    return None if value == "" else value


def functional(groups: Groups, sequence: str, keyword: str) -> object:
    """Return an attribute's value from the first place that has it: the sequence's item, or the group itself."""
    for group in groups:
        for item in (*items(group, sequence), group):
            value = attribute(item, keyword)
            if value is not None:
                return value
    return None


def items(dataset: Dataset, sequence: str) -> tuple[Dataset, ...]:
    """Return the items of a sequence, none where it is absent."""
    found = attribute(dataset, sequence)
    return tuple(found) if isinstance(found, Sequence) and not isinstance(found, str) else ()


def numbers(value: object) -> tuple[float, ...]:
    """Return a value's finite numbers; empty where any of them is not one."""
    parts = value if isinstance(value, Sequence) and not isinstance(value, str) else (value,)
    try:
        found = tuple(float(str(part).replace(",", ".")) for part in parts)
    except ValueError:
        return ()
    return found if all(math.isfinite(number) for number in found) else ()


def number(value: object) -> float | None:
    """Return the one finite number that a value is, or None."""
    found = numbers(value)
    return found[0] if len(found) == 1 else None


def integer(value: object) -> int | None:
    """Return the one whole number that a value is, or None."""
    found = number(value)
    return int(found) if found is not None and found == int(found) else None


def texts(value: object) -> tuple[str, ...]:
    """Return each of a value's parts as text without padding; empty where there is none."""
    parts = value if isinstance(value, Sequence) and not isinstance(value, str) else (value,)
    return tuple(str(part).strip(" \0") for part in parts if part is not None)


def text(value: object) -> str | None:
    """Return a value as text without padding, the first one of several, or None where nothing is left."""
    first = next(iter(value), None) if isinstance(value, Sequence) and not isinstance(value, str) else value
    stripped = "" if first is None else str(first).strip(" \0")
    return stripped or None
