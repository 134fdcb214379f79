"""The simulated list gives the waits that queueing theory gives for two classes, one reader and reads of ten minutes.

The table is that of the ordering specification, section 2.2.1; it was computed from the closed forms, not by this
simulation. First come first on the same studies, by Lindley's recursion, serves as the control variate: its true mean
is known, so that the luck of one path cancels. What a study waits depends on its flag alone: the waits of studies with
and without disease are mixed from the two by sensitivity and specificity, as in the table.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from tests.lab.simulation.queueing import (
    STRICT,
    flagged,
    interrupting_waits,
    lindley,
    priority_waits,
    steady_site,
    two_classes,
    waits,
)
from triaged.lab.simulation.replay import Interruption, replay
from triaged.lab.simulation.site import Readers, days
from triaged.lab.simulation.stream import Stream, draw_stream

ROWS = [
    # load, prevalence, Se, Sp, FIFO; interrupting: W−, δW; not interrupting: W+, W−, δW, W of those without disease
    (0.5, 0.10, 0.9, 0.700, 10, 14.4, -6.6, 6.1, 12.2, -3.3, 10.4),
    (0.8, 0.10, 0.9, 0.900, 40, 48.4, -33.6, 9.3, 46.7, -26.9, 43.0),
    (0.8, 0.10, 0.9, 0.700, 40, 60.2, -30.3, 11.2, 56.2, -24.3, 42.7),
    (0.8, 0.26, 0.9, 0.734, 40, 66.3, -28.6, 12.2, 61.0, -22.9, 48.0),
    (0.8, 0.50, 0.9, 0.734, 40, 83.7, -23.8, 15.0, 75.0, -19.0, 59.0),
    (0.9, 0.10, 0.9, 0.900, 90, 109.3, -77.3, 10.7, 107.4, -69.6, 97.7),
    (0.9, 0.26, 0.9, 0.734, 90, 153.3, -69.0, 14.7, 147.0, -62.1, 111.8),
]
NAME = "load {0[0]}, prevalence {0[1]}, {0[2]}/{0[3]}".format


def two_per_cent(expected: float) -> Any:
    """Return what compares equal within two per cent, or within the rounding of the table and a little more."""
    return pytest.approx(expected, rel=0.02, abs=0.06)


def drawn(row: tuple[float, ...], number: int) -> tuple[Stream, Readers, float]:
    """Return studies of a row, their reader, and what turns the path's waits into expected ones."""
    load, prevalence, sensitivity, specificity, fifo, *_ = row
    site = steady_site(load, two_classes(prevalence, sensitivity, specificity))
    stream = draw_stream(site, days(number / site.arrivals.per_day), np.random.default_rng(13))
    return stream, site.readers, fifo / float(lindley(stream.arrived_min, stream.reading_min).mean())


def expected_by_path(stream: Stream) -> float:
    """Return the mean wait of flagged studies that the path's own rate, reading times and share of flags stand for."""
    rate = len(stream) / float(stream.arrived_min[-1])
    urgent = flagged(stream)
    own_load = rate * urgent.mean() * stream.reading_min[urgent].mean()
    return float(rate * (stream.reading_min**2).mean() / 2 / (1 - own_load))


def share_flagged(row: tuple[float, ...]) -> float:
    _, prevalence, sensitivity, specificity, *_ = row
    return prevalence * sensitivity + (1 - prevalence) * (1 - specificity)


@pytest.mark.parametrize("row", ROWS, ids=NAME)
def test_waits_without_interruption_are_reproduced_to_two_per_cent(row: tuple[float, ...]) -> None:
    load, _, sensitivity, specificity, fifo, _, _, *expected = row
    stream, readers, scale = drawn(row, 150_000)
    up = flagged(stream)
    found = waits(stream, replay(stream, STRICT, readers))
    urgent = found[up].mean() * priority_waits(load, share_flagged(row))[0] / expected_by_path(stream)
    routine = found[~up].mean() * scale
    assert urgent == two_per_cent(expected[0])
    assert routine == two_per_cent(expected[1])
    assert sensitivity * urgent + (1 - sensitivity) * routine - fifo == two_per_cent(expected[2])
    assert (1 - specificity) * urgent + specificity * routine == two_per_cent(expected[3])


@pytest.mark.parametrize("row", ROWS, ids=NAME)
def test_waits_with_interruption_are_reproduced_to_two_per_cent(row: tuple[float, ...]) -> None:
    """Flagged studies wait as if they were alone, which a unit test shows study by study; theory gives their mean."""
    load, _, sensitivity, _, fifo, expected, expected_change, *_ = row
    stream, readers, scale = drawn(row, 40_000)
    up = flagged(stream)
    found = waits(stream, replay(stream, STRICT, readers, Interruption.BY_TIER))
    urgent, routine = interrupting_waits(load, share_flagged(row))[0], found[~up].mean() * scale
    assert found[up].mean() == pytest.approx(urgent, rel=0.15)
    assert routine == two_per_cent(expected)
    assert sensitivity * urgent + (1 - sensitivity) * routine - fifo == two_per_cent(expected_change)
