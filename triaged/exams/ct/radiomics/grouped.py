"""Features of groups of neighbouring voxels of one level, which runs and zones share (IBSI reference manual, 3.7, 3.8).

Must not know how groups are found.
"""

from __future__ import annotations

from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

_TABLE: Final = 1 << 20
"""So many kinds are counted in a table, without sorting all groups."""


class Groups(NamedTuple):
    """Kinds of group: the level of each kind, how many voxels such a group has, and how often it occurs."""

    level: NDArray[np.int64]
    size: NDArray[np.int64]
    times: NDArray[np.int64]

    @staticmethod
    def of(level: NDArray[np.integer], size: NDArray[np.integer]) -> Groups:
        """Return the kinds of groups that are given one by one."""
        longest = int(size.max()) + 1
        keys = level.astype(np.int64) * longest + size
        if int(keys.max()) < _TABLE:
            table = np.bincount(keys)
            kinds: NDArray[np.int64] = np.flatnonzero(table)
            count = table[kinds]
        else:
            kinds, count = np.unique(keys, return_counts=True)
        return Groups(kinds // longest, kinds % longest, count)


FEATURES: Final = (
    "small_emphasis",
    "large_emphasis",
    "low_level_emphasis",
    "high_level_emphasis",
    "small_low_level_emphasis",
    "small_high_level_emphasis",
    "large_low_level_emphasis",
    "large_high_level_emphasis",
    "level_non_uniformity",
    "normalised_level_non_uniformity",
    "size_non_uniformity",
    "normalised_size_non_uniformity",
    "percentage",
    "level_variance",
    "size_variance",
    "entropy",
)
"""What `features_of` returns, in this order."""


def features_of(groups: Groups) -> NDArray[np.float64]:
    """Return the 16 features of groups, in the order of `FEATURES`."""
    i, j = groups.level.astype(np.float64), groups.size.astype(np.float64)
    total = float(groups.times.sum())
    share = groups.times / total
    levels, sizes = (np.bincount(key, weights=groups.times)[None, :] for key in (groups.level, _ranked(groups.size)))
    by_level, by_size = (float(np.sum(each**2)) for each in (levels, sizes))
    voxels = float(np.sum(groups.times * j))
    return np.array(
        (
            np.sum(share / j**2),
            np.sum(share * j**2),
            np.sum(share / i**2),
            np.sum(share * i**2),
            np.sum(share / (i**2 * j**2)),
            np.sum(share * i**2 / j**2),
            np.sum(share * j**2 / i**2),
            np.sum(share * i**2 * j**2),
            by_level / total,
            by_level / total**2,
            by_size / total,
            by_size / total**2,
            total / voxels,
            np.sum(share * (i - np.sum(share * i)) ** 2),
            np.sum(share * (j - np.sum(share * j)) ** 2),
            -np.sum(share * np.log2(share)),
        )
    )


def _ranked(size: NDArray[np.int64]) -> NDArray[np.int64]:
    """Return sizes by their rank among those that occur: zones may have hundreds of thousands of voxels."""
    ranked: NDArray[np.int64] = np.unique(size, return_inverse=True)[1].astype(np.int64)
    return ranked
