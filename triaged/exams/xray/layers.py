"""Lays the outlines of a chest X-ray and its numbers into the layers of a presentation state; knows no object."""

from __future__ import annotations

from typing import Final

import numpy as np

from triaged.exams.xray.outlined import Outline, Outlines
from triaged.exams.xray.pictures.wording import estimate_words, score_of, zone_shares
from triaged.results.presentation_state import Layer, Line, Note
from triaged.results.wording import INTENDED_USE
from triaged.study.coding import percent
from triaged.study.concepts import RIGHT_LUNG, ZONES
from triaged.study.finding import Finding

LUNGS: Final = "TRIAGED LUNGS"
ZONE_LINES: Final = "TRIAGED ZONES"
AFFECTED: Final = "TRIAGED AFFECTED"
SOLID: Final = "TRIAGED SOLID"
WORDS: Final = "TRIAGED WORDS"

_LAB: Final = {
    LUNGS: (48500, 24800, 27300),
    ZONE_LINES: (60300, 32896, 32896),
    AFFECTED: (50500, 38000, 50000),
    SOLID: (43500, 49500, 31500),
    WORDS: (60300, 32896, 32896),
}
"""Colours as on the pictures: cyan, white, amber and pink (PS3.3 C.10.7.1.1)."""
_NOTE_SHARE: Final = (0.09, 0.035)
"""Width and height of the box of a zone's share, of those of the image."""


def layers_of(outlines: Outlines, finding: Finding, shape: tuple[int, ...], turned: bool) -> tuple[Layer, ...]:
    """Return the layers for a stored image of `shape`; `turned`: it is stored otherwise than one looks at it."""
    return (
        _layer(LUNGS, "Right and left lung", tuple(Line(each.points) for each in outlines.lungs)),
        _layer(
            ZONE_LINES,
            "Thirds of equal area of each lung, and which share of each is affected",
            tuple(Line(each.points, is_dashed=True) for each in outlines.cuts),
            tuple(_share(zone, finding, shape, turned=turned) for zone in outlines.zones),
        ),
        _layer(
            AFFECTED, "What the algorithm takes for affected", tuple(Line(each.points) for each in outlines.affected)
        ),
        _layer(
            SOLID,
            "What of that the algorithm takes for consolidated",
            tuple(Line(each.points, is_dashed=True) for each in outlines.consolidated),
        ),
        _layer(WORDS, "Score, and what it is for", (), (_headline(finding),)),
    )


def _layer(name: str, description: str, lines: tuple[Line, ...], notes: tuple[Note, ...] = ()) -> Layer:
    return Layer(name, description, _LAB[name], lines=lines, notes=notes)


def _headline(finding: Finding) -> Note:
    estimate = estimate_words(finding)
    of = f", estimated {estimate} of the worse lung" if estimate and finding.urgency > 0 else ""
    words = f"{score_of(finding)} of {len(ZONES)} zones affected{of}\r\n{INTENDED_USE}"
    return Note(words, (0.01, 0.01, 0.6, 0.07), of_display=True)


def _share(zone: Outline, finding: Finding, shape: tuple[int, ...], *, turned: bool) -> Note:
    """Return a zone's share beside its outer edge; in its middle where the image is stored turned."""
    rows, columns = shape
    width, height = _NOTE_SHARE[0] * columns, _NOTE_SHARE[1] * rows
    (left, top), (right, lower) = zone.points.min(axis=0), zone.points.max(axis=0)
    share = percent(zone_shares(finding)[ZONES.index(zone.of)])
    middle = float(top + lower) / 2
    if turned:
        start, side = float(left + right - width) / 2, "CENTER"
    elif zone.of.name.startswith(RIGHT_LUNG.name):
        start, side = float(left) - width - 0.005 * columns, "RIGHT"
    else:
        start, side = float(right) + 0.005 * columns, "LEFT"
    start = float(np.clip(start, 0.0, columns - width))
    box = (round(start, 1), round(middle - height / 2, 1), round(start + width, 1), round(middle + height / 2, 1))
    return Note(share, box, side)
