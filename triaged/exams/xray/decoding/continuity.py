"""Whether the rows of a picture belong to each other; knows no files.

A header whose Rows and Columns are wrong, though their product is right, gives a picture that is sheared: along a row
it is smooth, and from row to row it is not.
"""

from __future__ import annotations

from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray

from triaged.dicom.pixels import undecodable

MOST_STEEPER: Final = 2.0
"""How much larger the mean step from row to row may be than that from column to column; of 250 real ones, 1.4."""
LEAST_ALIKE: Final = 0.98
"""The correlation of rows with the next ones, above which a picture is steep in one direction and not sheared."""
_LINES = 1024


def demand_continuous(path: Path, picture: NDArray[np.float32], inside: NDArray[np.bool_]) -> None:
    """Refuse a picture whose lines do not go on in the next ones.

    Raises:
        UnreadableStudy: Rows and Columns cannot be those of this picture.
    """
    rows, columns = (np.flatnonzero(inside.any(axis=1 - axis)) for axis in (0, 1))
    middle = picture[_middle(rows), _middle(columns)]
    steeper = steepness(middle)
    if steeper > MOST_STEEPER and likeness(middle) < LEAST_ALIKE:
        raise undecodable(path, "rows that go on in the next ones", f"steps between them {steeper:.1f} times too large")


def steepness(picture: NDArray[np.float32]) -> float:
    """Return the mean step from row to row as a multiple of that from column to column."""
    down, across = (float(np.abs(np.diff(picture, axis=axis)).sum(dtype=np.float64)) for axis in (0, 1))
    return down / across if across > 0.0 else 1.0


def likeness(picture: NDArray[np.float32]) -> float:
    """Return the correlation of all rows but the last with those below them; 1 where they do not vary."""
    above, below = (part.ravel().astype(np.float64) for part in (picture[:-1], picture[1:]))
    if above.size < 2 or not above.std() or not below.std():
        return 1.0
    return float(np.corrcoef(above, below)[0, 1])


def _middle(lines: NDArray[np.intp]) -> slice:
    """Return the middle lines of a range, as many as are looked at."""
    if not lines.size:
        return slice(0, 0)
    begin, end = int(lines[0]), int(lines[-1]) + 1
    spare = max(0, end - begin - _LINES) // 2
    return slice(begin + spare, end - spare)
