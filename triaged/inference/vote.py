"""Counts the votes of several networks per voxel; knows no packages, no images and no files.

Each group of members gives one voice (CoRSAI): for lesion, against it, or none; lesion is where the sum is above 0.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum

import numpy as np
from numpy.typing import NDArray

Probability = NDArray[np.float32]


class Rule(StrEnum):
    """How members of a group agree: every one of them is beyond the threshold, or their mean is."""

    ALL = "all"
    MEAN = "mean"


@dataclass(frozen=True, slots=True)
class Group:
    """Members with one voice: +1 above `least_for`, -1 below `most_against`; a threshold of None is never passed."""

    members: tuple[str, ...]
    rule: Rule
    least_for: float | None
    most_against: float | None

    def voice(self, maps: Mapping[str, Probability]) -> NDArray[np.int8]:
        """Return +1, 0 or -1 per voxel, from the probabilities of the members by name."""
        own = [maps[member] for member in self.members]
        if self.rule is Rule.MEAN:
            mean = own[0] if len(own) == 1 else sum(own[1:], own[0]) / np.float32(len(own))
            own = [mean]
        voice = np.zeros(own[0].shape, dtype=np.int8)
        if self.least_for is not None:
            voice += np.logical_and.reduce([one > self.least_for for one in own]).astype(np.int8)
        if self.most_against is not None:
            voice -= np.logical_and.reduce([one < self.most_against for one in own]).astype(np.int8)
        return voice


def elected(groups: Sequence[Group], maps: Mapping[str, Probability]) -> NDArray[np.bool_]:
    """Return where the sum of all voices is above 0; all maps have one shape."""
    total = groups[0].voice(maps)
    for group in groups[1:]:
        total += group.voice(maps)
    return total > 0


def disputed(thresholds: Mapping[str, float], maps: Mapping[str, Probability]) -> NDArray[np.bool_]:
    """Return where some members, but not all, are at or above their own thresholds."""
    count = np.zeros(next(iter(maps.values())).shape, dtype=np.int8)
    for member, threshold in thresholds.items():
        count += maps[member] >= threshold
    return (count > 0) & (count < len(thresholds))
