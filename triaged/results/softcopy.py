"""Writes how stored values become greys into a presentation state (PS3.3 C.11.1, C.11.8 and C.11.6).

A presentation state takes the place of all that the image says of that (PS3.4 section N.2): what is not written here
is not done. Knows nothing of where the transformations come from.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from pydicom.dataset import Dataset
from pydicom.valuerep import format_number_as_ds

from triaged.results import codes

LIGHTEST = 65535
"""Of a table of values of interest: entries have 16 bits, since only 8 and 16 are allowed (C.11.1.1 and C.11.8)."""


@dataclass(frozen=True, slots=True)
class Rescale:
    """Stored values become values of the modality by a slope and an intercept, in a unit (US: none is said)."""

    slope: float
    intercept: float
    unit: str = "US"


@dataclass(frozen=True, slots=True)
class Window:
    """Values that become greys; `function` is LINEAR, LINEAR_EXACT or SIGMOID, or empty for the first of these."""

    centre: float
    width: float
    function: str = ""


@dataclass(frozen=True, slots=True, eq=False)
class Table:
    """A lookup table: its first entry is for `first` and all below, the last one for all above."""

    first: int
    entries: NDArray[np.uint16]
    unit: str = "US"


@dataclass(frozen=True, slots=True, eq=False)
class Greys:
    """The steps from stored values to greys; None where a step changes nothing. `is_inverse`: the lowest are white."""

    modality: Rescale | Table | None
    interest: Window | Table | None
    is_inverse: bool


def describe_greys(dataset: Dataset, greys: Greys) -> None:
    """Write all steps into a presentation state."""
    if isinstance(greys.modality, Rescale):
        dataset.RescaleIntercept = _decimal(greys.modality.intercept)
        dataset.RescaleSlope = _decimal(greys.modality.slope)
        dataset.RescaleType = greys.modality.unit
    elif greys.modality is not None:
        item = _item(greys.modality)
        item.ModalityLUTType = greys.modality.unit
        dataset.ModalityLUTSequence = codes.items([item])
    if isinstance(greys.interest, Window):
        centre, width = _decimal(greys.interest.centre), _decimal(greys.interest.width)
        shown = codes.dataset(WindowCenter=centre, WindowWidth=width)
        if greys.interest.function:
            shown.VOILUTFunction = greys.interest.function
        dataset.SoftcopyVOILUTSequence = codes.items([shown])
    elif greys.interest is not None:
        shown = codes.dataset(VOILUTSequence=codes.items([_item(greys.interest)]))
        dataset.SoftcopyVOILUTSequence = codes.items([shown])
    dataset.PresentationLUTShape = "INVERSE" if greys.is_inverse else "IDENTITY"


def _decimal(value: float) -> str:
    return format_number_as_ds(float(value)).removesuffix(".0")


def _item(table: Table) -> Dataset:
    """Return the item of a table; 65536 entries are written as 0, and all three numbers are signed where one is."""
    count = len(table.entries) % (LIGHTEST + 1)
    is_signed = table.first < 0
    item = Dataset()
    stated = count - (LIGHTEST + 1) if is_signed and count > 0x7FFF else count
    item.add_new("LUTDescriptor", "SS" if is_signed else "US", [stated, table.first, 16])
    item.add_new("LUTData", "OW", table.entries.astype("<u2").tobytes())
    return item
