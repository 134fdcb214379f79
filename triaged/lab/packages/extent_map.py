"""Fits what share of volume an extent on an X-ray stands for: rising lines for the middle and an 80 % interval.

Extents and shares are in [0, 1]. Must not know networks or films.
"""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.typing import NDArray

from triaged.inference.kinds.cxr_two_stage import ExtentMap

Numbers = NDArray[np.float64]

MOST_KNOTS: Final = 12
LOWER, UPPER = 0.1, 0.9
LEAST_NEIGHBOURS: Final = 8


def rising(values: Numbers, weights: Numbers | None = None) -> Numbers:
    """Return the values that never fall and are nearest to these in squares (pool adjacent violators)."""
    weight = np.ones(len(values)) if weights is None else np.asarray(weights, dtype=np.float64)
    blocks: list[tuple[float, float, int]] = []
    for value, heavy in zip(values, weight, strict=True):
        blocks.append((float(value), float(heavy), 1))
        while len(blocks) > 1 and blocks[-2][0] > blocks[-1][0]:
            (one, first, count), (other, second, more) = blocks[-2:]
            blocks[-2:] = [((one * first + other * second) / (first + second), first + second, count + more)]
    return np.concatenate([np.full(count, value) for value, _, count in blocks]) if blocks else np.empty(0)


def fit_map(extents: Numbers, shares: Numbers, knots: int = MOST_KNOTS) -> ExtentMap:
    """Return the map through `knots` extents at most.

    At each knot, the quantiles 10, 50 and 90 % of the shares of the nearest films are taken, and made to rise. Where
    nothing is found the middle is 0 whatever they say: how many such people are ill after all depends on who is sent,
    and a film on which nothing was found must not be flagged. Beyond the largest extent that was seen the lines stay.

    Raises:
        ValueError: fewer than `LEAST_NEIGHBOURS` films.
    """
    if len(extents) < LEAST_NEIGHBOURS or len(extents) != len(shares):
        raise ValueError(f"expected at least {LEAST_NEIGHBOURS} extents with shares, found {len(extents)}")
    order = np.argsort(extents, kind="stable")
    x, y = extents[order], shares[order]
    places = _knots(x, knots)
    near = max(LEAST_NEIGHBOURS, round(1.5 * len(x) / len(places)))
    quantiles = np.array([_nearest(x, y, place, near) for place in places])
    low, middle, high = (rising(column) for column in quantiles.T)
    middle[0] = 0.0
    low, high = np.minimum(low, middle), np.maximum(high, middle)
    rounded = [tuple(round(float(value), 4) for value in np.clip(line, 0, 1)) for line in (places, middle, low, high)]
    return ExtentMap(*rounded)


def mean_error(found: ExtentMap, extents: Numbers, shares: Numbers) -> tuple[float, float]:
    """Return the mean absolute error of the map's shares, and how many shares lie in its interval."""
    estimates = [found.estimate(float(extent)) for extent in extents]
    errors = [abs(one.share - share) for one, share in zip(estimates, shares, strict=True)]
    inside = [one.low <= share <= one.high for one, share in zip(estimates, shares, strict=True)]
    return float(np.mean(errors)), float(np.mean(inside))


def _knots(x: Numbers, most: int) -> Numbers:
    """Return extents that rise from 0 and leave about equally many films between them."""
    count = max(2, min(most, len(x) // 4))
    places = np.quantile(x, np.linspace(0, 1, count))
    places[0] = 0.0
    kept = np.unique(np.round(places, 4))
    return kept if len(kept) > 1 else np.array([0.0, 1.0])


def _nearest(x: Numbers, y: Numbers, place: float, count: int) -> Numbers:
    nearest = y[np.argsort(np.abs(x - place), kind="stable")[:count]]
    return np.quantile(nearest, [LOWER, 0.5, UPPER])
