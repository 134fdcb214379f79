"""First-order features: what the values of a region are, wherever they lie (IBSI reference manual, 3.3 and 3.4)."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from triaged.exams.ct.radiomics.levels import Levels


def first_order(values: NDArray[np.floating], grey: Levels, voxel_mm3: float) -> Mapping[str, float]:
    """Return the 18 first-order features of a region's values, and of the levels that they make.

    Kurtosis is the excess over a normal distribution. Energies are sums of squares of the values as they are, so that
    they depend on where zero is: for HU, at water.
    """
    x = values.astype(np.float64)
    mean = float(x.mean())
    deviation = x - mean
    variance = float(np.mean(deviation**2))
    low, first, median, third, high = (float(found) for found in np.percentile(x, (10, 25, 50, 75, 90)))
    middle = x[(x >= low) & (x <= high)]
    share = np.bincount(grey.flat[grey.inside])[grey.present] / x.size
    energy = float(np.sum(x**2))
    return {
        "energy": energy,
        "total_energy": energy * voxel_mm3,
        "entropy": float(-np.sum(share * np.log2(share))),
        "uniformity": float(np.sum(share**2)),
        "minimum": float(x.min()),
        "percentile_10": low,
        "median": median,
        "percentile_90": high,
        "maximum": float(x.max()),
        "interquartile_range": third - first,
        "range": float(x.max() - x.min()),
        "mean": mean,
        "mean_absolute_deviation": float(np.mean(np.abs(deviation))),
        "robust_mean_absolute_deviation": float(np.mean(np.abs(middle - middle.mean()))),
        "root_mean_square": float(np.sqrt(energy / x.size)),
        "variance": variance,
        "skewness": float(np.mean(deviation**3)) / variance**1.5 if variance else 0.0,
        "kurtosis": float(np.mean(deviation**4)) / variance**2 - 3.0 if variance else 0.0,
    }
