"""What makes, in a viewer, the greys of a radiograph that were read; for its presentation state. Knows no lines."""

from __future__ import annotations

from copy import deepcopy

import numpy as np
from pydicom import Dataset

from triaged.dicom.attributes import attribute, integer, items, number, numbers, text
from triaged.dicom.quiet import without_warnings
from triaged.exams.xray.decoding.light import Lookup, Ramp, is_shown_inverse
from triaged.exams.xray.decoding.radiograph import Radiograph
from triaged.exams.xray.decoding.tables import modality_transform, table_of
from triaged.results.softcopy import LIGHTEST, Greys, Rescale, Table, Window
from triaged.study.finding import QualityFlag

_FUNCTIONS = ("LINEAR", "LINEAR_EXACT", "SIGMOID")


@without_warnings()
def greys_of(radiograph: Radiograph) -> Greys:
    """Return the steps that make the picture that was read of the stored one: those of its header where these made it.

    What hides borders and padding is none of them: a presentation state shows the whole image.
    """
    header = deepcopy(Dataset(radiograph.header))  # reading decodes; its file may be open
    was_turned_round = QualityFlag.WAS_INVERSE in radiograph.quality
    match radiograph.own_light:
        case None:
            return Greys(_modality(header), _interest(header), is_shown_inverse(header) != was_turned_round)
        case Ramp(black, white):
            low, high = sorted((black, white))
            window = Window((low + high) / 2 + 0.5, high - low + 1)  # LINEAR, as old viewers know no other (C.11.2.1.2)
            return Greys(_modality(header), window, (black > white) != was_turned_round)
        case Lookup(first, light):
            return Greys(None, Table(first, np.rint(light * LIGHTEST).astype(np.uint16)), was_turned_round)


def _modality(header: Dataset) -> Rescale | Table | None:
    tables = items(header, "ModalityLUTSequence")
    if tables:
        table = table_of(tables[0], is_signed=_is_signed(header))
        unit = text(attribute(tables[0], "ModalityLUTType")) or "US"
        return Table(table.first, table.entries.astype(np.uint16), unit)
    slope, intercept = (number(attribute(header, f"Rescale{part}")) for part in ("Slope", "Intercept"))
    if slope is None and intercept is None:
        return None
    unit = text(attribute(header, "RescaleType")) or "US"
    return Rescale(1.0 if slope is None else slope, intercept or 0.0, unit)


def _interest(header: Dataset) -> Window | Table | None:
    """Return the first table or else the first window of a header, which `voi_transform` applied."""
    tables = items(header, "VOILUTSequence")
    if tables:
        _, may_be_negative = modality_transform(header, is_signed=_is_signed(header))
        table = table_of(tables[0], is_signed=may_be_negative)
        return Table(table.first, np.rint(table.entries / table.top * LIGHTEST).astype(np.uint16))
    centres, widths = (numbers(attribute(header, f"Window{part}")) for part in ("Center", "Width"))
    if not centres or not widths:
        return None
    function = text(attribute(header, "VOILUTFunction")) or ""
    return Window(centres[0], widths[0], function if function in _FUNCTIONS else "")


def _is_signed(header: Dataset) -> bool:
    return integer(attribute(header, "PixelRepresentation")) == 1
