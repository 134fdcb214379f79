"""Rounds the numbers of a finding, everywhere by one rule; knows no number and no unit.

A zero is shown only where nothing is, and the whole only where all of it is: what lies between nothing and the smallest
step that is shown is "<1", what lies between the last step and the whole is ">99" (of shares in percent).
"""

from __future__ import annotations

import math
from collections.abc import Sequence

_MORE_DIGITS = 12
"""So many more than usual are tried before a number is written as it is."""


def shown(
    value: float,
    digits: int,
    *,
    whole: float | None = None,
    never: float | None = None,
    beside: Sequence[float] = (),
) -> str:
    """Return a number of at least 0 as people read it, with so many digits after the point.

    `whole` is all that there can be; a number that is `never` reached is not shown as it either. Beside a bound that
    decides something, the number has as many digits more as show it on its own side of that bound.
    """
    step = 10.0**-digits
    if 0 < value < step:
        return f"<{step:.{digits}f}"
    for limit, is_reached in ((whole, whole is not None and value >= whole), (never, False)):
        if limit is not None and value > limit - step and not is_reached:
            return f">{limit - step:.{digits}f}"
    return _on_its_side(value, digits, beside)


def documented(value: float, digits: int, *, never: float | None = None) -> str:
    """Return a number as documents for programs have it, which know no "<".

    It has as many digits more as it takes not to be a zero where something is, nor what is `never` reached.
    """
    for more in range(digits, digits + _MORE_DIGITS):
        text = f"{value:.{more}f}"
        if (value == 0 or float(text) != 0) and (never is None or value >= never or float(text) < never):
            return text
    return repr(value)


def points(change: float) -> str:
    """Return a change in percentage points, with its sign and its unit; only no change at all is "0 points"."""
    if not change:
        return "0 points"
    sign = "+" if change > 0 else "\N{MINUS SIGN}"
    size = shown(abs(change), 0)
    return f"{sign}{size} {'point' if size in ('1', '<1') else 'points'}"


def _on_its_side(value: float, digits: int, bounds: Sequence[float]) -> str:
    """Return the shortest text from so many digits on that is on the same side of every bound as the value."""
    for more in range(digits, digits + 6):
        rounded = round(value, more)
        if all((rounded >= bound) == (value >= bound) for bound in bounds):
            return f"{rounded:.{more}f}"
    return repr(value) if math.isfinite(value) else str(value)
