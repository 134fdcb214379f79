"""Grey level co-occurrence (GLCM): which levels are neighbours (IBSI reference manual, 3.6; 3D, averaged).

Each feature is computed for each of 13 directions, both ways, and the mean over directions is returned.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

import numpy as np
from numpy.typing import NDArray

from triaged.exams.ct.radiomics.levels import DIRECTIONS, Levels

Matrices = NDArray[np.float64]
_LEAST: Final = np.finfo(np.float64).tiny


def cooccurrence(grey: Levels) -> Mapping[str, float]:
    """Return the 24 co-occurrence features of a region, the mean over the directions in which it has neighbours."""
    present = grey.present
    joint = _matrices(grey, present)
    if not len(joint):
        raise ValueError("cooccurrence: expected voxels that are neighbours, found none")
    found = {**_of_levels(joint, present), **_of_sums(joint, present), **_of_information(joint)}
    return {name: float(np.mean(each)) for name, each in found.items()}


def _matrices(grey: Levels, present: NDArray[np.int64]) -> Matrices:
    """Return how often levels are neighbours, as shares that sum to 1: (direction, level, level), symmetric."""
    place = np.zeros(int(present[-1]) + 1, dtype=np.int32)
    place[present] = np.arange(present.size, dtype=np.int32)
    size = present.size
    here = grey.flat[grey.inside]
    counted = []
    for direction in DIRECTIONS:
        there = grey.flat[grey.inside + grey.stride(direction)]
        pairs = there > 0
        if pairs.any():
            keys = place[here[pairs]] * size + place[there[pairs]]
            one_way = np.bincount(keys, minlength=size * size).reshape(size, size).astype(np.float64)
            counted.append((one_way + one_way.T) / (2.0 * one_way.sum()))
    return np.array(counted).reshape(-1, size, size)


def _of_levels(joint: Matrices, present: NDArray[np.int64]) -> dict[str, NDArray[np.float64]]:
    """Return, for each direction, the features that are moments of the two levels of a pair."""
    level = present.astype(np.float64)
    share = joint.sum(2)
    mean = share @ level
    variance = share @ level**2 - mean**2
    product = np.einsum("i,j,dij->d", level, level, joint, optimize=True)
    spread = np.where(variance > 0, variance, 1.0)
    return {
        "joint_maximum": joint.max((1, 2)),
        "joint_average": mean,
        "joint_variance": variance,
        "angular_second_moment": np.sum(joint**2, (1, 2)),
        "autocorrelation": product,
        "correlation": np.where(variance > 0, (product - mean**2) / spread, 1.0),
    }


def _of_sums(joint: Matrices, present: NDArray[np.int64]) -> dict[str, NDArray[np.float64]]:
    """Return, for each direction, the features of the sum of the two levels of a pair, and of their difference."""
    pairs = (present[:, None] - present[None, :], present[:, None] + present[None, :])
    apart, summed = (_distribution(joint, np.abs(key)) for key in pairs)
    step = np.arange(apart.shape[1], dtype=np.float64)
    total = np.arange(summed.shape[1], dtype=np.float64)
    count = float(present[-1])
    difference, sum_average = apart @ step, summed @ total
    beyond = total[None, :] - sum_average[:, None]
    return {
        "difference_average": difference,
        "difference_variance": apart @ step**2 - difference**2,
        "difference_entropy": _entropy(apart),
        "contrast": apart @ step**2,
        "inverse_difference": apart @ (1.0 / (1.0 + step)),
        "normalised_inverse_difference": apart @ (1.0 / (1.0 + step / count)),
        "inverse_difference_moment": apart @ (1.0 / (1.0 + step**2)),
        "normalised_inverse_difference_moment": apart @ (1.0 / (1.0 + step**2 / count**2)),
        "inverse_variance": apart[:, 1:] @ (1.0 / step[1:] ** 2),
        "sum_average": sum_average,
        "sum_entropy": _entropy(summed),
        "cluster_tendency": np.sum(summed * beyond**2, 1),
        "cluster_shade": np.sum(summed * beyond**3, 1),
        "cluster_prominence": np.sum(summed * beyond**4, 1),
    }


def _of_information(joint: Matrices) -> dict[str, NDArray[np.float64]]:
    """Return, for each direction, the features that say how much one level of a pair tells of the other."""
    share = joint.sum(2)
    together = _entropy(joint.reshape(len(joint), -1))
    alone = _entropy(share)
    apart = 2.0 * alone  # both levels of a pair have the same shares, since pairs count both ways
    known = np.where(alone > 0, alone, 1.0)
    root = np.sqrt(share)
    scaled = joint / np.maximum(root[:, :, None] * root[:, None, :], _LEAST)
    size = joint.shape[1]
    second = np.sort(np.abs(np.linalg.eigvalsh(scaled)), axis=1)[:, -2] if size > 1 else np.ones(len(joint))
    return {
        "joint_entropy": together,
        "information_correlation_1": np.where(alone > 0, (together - apart) / known, 0.0),
        "information_correlation_2": np.sqrt(np.maximum(0.0, 1.0 - np.exp(-2.0 * np.maximum(0.0, apart - together)))),
        "maximal_correlation_coefficient": second,
    }


def _distribution(joint: Matrices, key: NDArray[np.int64]) -> NDArray[np.float64]:
    """Return how much of each direction's pairs has each value of `key`, from 0 on: (direction, value)."""
    flat, size = key.reshape(-1), int(key.max()) + 1
    return np.array([np.bincount(flat, weights=each.reshape(-1), minlength=size) for each in joint])


def _entropy(shares: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the entropy in bits of each row."""
    entropy: NDArray[np.float64] = -np.sum(shares * np.log2(np.maximum(shares, _LEAST)), 1)
    return entropy
