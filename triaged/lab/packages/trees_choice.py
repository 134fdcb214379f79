"""Chooses a few features out of many, and the trees on them; knows neither files nor packages.

Features that count voxels, or that one voxel decides, are no candidates: they would tell how large a patient is.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final, TypeAlias

import numpy as np
from numpy.typing import NDArray
from scipy import stats

from triaged.lab.evaluation.ranking import auc

Values: TypeAlias = NDArray[np.float64]
Labels: TypeAlias = NDArray[np.bool_]

COUNTING: Final = frozenset(
    {
        *("firstorder_energy", "firstorder_total_energy"),
        *("firstorder_minimum", "firstorder_maximum", "firstorder_range"),
        *("grey_level_non_uniformity", "run_length_non_uniformity", "zone_size_non_uniformity"),
        *("large_zone_emphasis", "large_zone_low_grey_level_emphasis", "large_zone_high_grey_level_emphasis"),
        "zone_size_variance",
    }
)
"""Features, or how their names end after that of their family, that grow with the number of voxels."""
HALVES: Final = 40
"""So often features are ranked, each time on half of the patients."""
SHORTLIST: Final = 60
"""A feature that is rarely among so many best ones is not stable."""
ALIKE: Final = 0.9
"""Features of a rank correlation above this say the same: the more stable one stays."""
COUNTS: Final = (4, 8, 16, 32)
FOLDS: Final = 5
TREES: Final = 300


@dataclass(frozen=True, slots=True)
class Choice:
    """What was chosen: features in their order, the name of the trees, and the area that they reached by folds."""

    features: tuple[str, ...]
    trees: str
    area: float


def candidates(names: Sequence[str]) -> tuple[str, ...]:
    """Return the names of features that do not count voxels."""
    return tuple(name for name in names if name not in COUNTING and _within_family(name) not in COUNTING)


def ranked(names: Sequence[str], values: Values, labels: Labels, seed: int) -> tuple[str, ...]:
    """Return features from the most stable on: how often each is among the best on half of the patients.

    What is alike to a feature before it is left out; `values` is (case, feature) in the order of `names`.
    """
    rng = np.random.default_rng(seed)
    often, mean = np.zeros(len(names)), np.zeros(len(names))
    for _ in range(HALVES):
        half = _half(labels, rng)
        apart = np.abs(_areas(values[half], labels[half]) - 0.5)
        often[np.argsort(-apart)[:SHORTLIST]] += 1
        mean += apart
    order = np.lexsort((-mean, -often))
    ranks = stats.rankdata(values, axis=0)
    kept: list[int] = []
    for index in order:
        if np.ptp(ranks[:, index]) > 0 and not any(_alike(ranks[:, index], ranks[:, other]) for other in kept):
            kept.append(int(index))
    return tuple(names[index] for index in kept)


def choose(names: Sequence[str], values: Values, labels: Labels, seed: int) -> Choice:
    """Return the number of features and the trees that part unseen cases best, by cross-validation.

    Features are ranked anew within each fold, so that the choice does not see the cases that judge it.
    """
    scores: dict[tuple[int, str], Values] = {}
    for train, test in _folds(labels, seed):
        order = ranked(names, values[train], labels[train], seed)
        for count in COUNTS:
            columns = [names.index(name) for name in order[:count]]
            for kind in ("forest", "boosting"):
                model = fitted(kind, values[train][:, columns], labels[train], seed)
                told = scores.setdefault((count, kind), np.zeros(len(labels)))
                told[test] = model.predict_proba(values[test][:, columns].astype(np.float32))[:, 1]
    reached = {key: auc(told[labels], told[~labels]) or 0.0 for key, told in scores.items()}
    count, kind = max(reached, key=lambda key: (round(reached[key], 2), -key[0], reached[key]))
    return Choice(ranked(names, values, labels, seed)[:count], kind, reached[count, kind])


def fitted(kind: str, values: Values, labels: Labels, seed: int) -> Any:
    """Return trees that were fitted: a forest with equal weight of both classes, or boosted ones."""
    from sklearn.ensemble import GradientBoostingClassifier, RandomForestClassifier

    if kind == "forest":
        weighted = "balanced_subsample"
        model = RandomForestClassifier(TREES, min_samples_leaf=3, class_weight=weighted, random_state=seed, n_jobs=1)
    else:
        model = GradientBoostingClassifier(
            n_estimators=100, learning_rate=0.05, max_depth=2, subsample=0.7, random_state=seed
        )
    return model.fit(values.astype(np.float32), labels)


def _alike(first: Values, second: Values) -> bool:
    return bool(abs(np.corrcoef(first, second)[0, 1]) > ALIKE)


def _areas(values: Values, labels: Labels) -> Values:
    """Return the area under the ROC curve of each column."""
    n1 = int(labels.sum())
    ranks = stats.rankdata(values, axis=0)
    areas: Values = (ranks[labels].sum(axis=0) - n1 * (n1 + 1) / 2) / (n1 * (len(labels) - n1))
    return areas


def _within_family(name: str) -> str:
    parts = name.split("_")
    return "_".join(parts[3:] if parts[0] == "coif1" else parts[1:])


def _half(labels: Labels, rng: np.random.Generator) -> NDArray[np.intp]:
    """Return half of the cases of either class."""
    sides = [np.flatnonzero(labels == side) for side in (True, False)]
    return np.concatenate([rng.permutation(side)[: max(1, len(side) // 2)] for side in sides])


def _folds(labels: Labels, seed: int) -> list[tuple[NDArray[np.intp], NDArray[np.intp]]]:
    from sklearn.model_selection import StratifiedKFold

    split = StratifiedKFold(min(FOLDS, int(labels.sum()), int((~labels).sum())), shuffle=True, random_state=seed)
    return list(split.split(np.zeros(len(labels)), labels))
