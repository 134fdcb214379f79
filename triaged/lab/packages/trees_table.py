"""Reads the features of cases as `triaged model features` wrote them, for trees to be fitted to; knows no trees."""

from __future__ import annotations

import csv
import math
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray

from triaged.errors import ConfigError
from triaged.lab.evaluation.cases import is_positive
from triaged.lab.evaluation.estimate import Estimate
from triaged.lab.evaluation.families import Family
from triaged.lab.evaluation.features import ABOUT
from triaged.lab.evaluation.ranking import auc_estimate
from triaged.study.radiomics import LESION_FEATURES

AGAINST: Final[Mapping[str, tuple[str, ...]]] = {
    "all": (),
    "healthy": ("healthy", "normal"),
    "bacterial": ("bact",),
    "nodules": ("nodul",),
}
"""Groups without the disease by the beginnings of their names; all of them where none is given."""


@dataclass(frozen=True, slots=True, eq=False)
class FeatureTable:
    """Cases with their features: `values` is (case, feature) in the order of `names`; NaN where one is not there.

    `probability` is what the engine that found the lungs says of each; NaN where it says nothing. `without` are the
    cases that have no features.
    """

    names: tuple[str, ...]
    values: NDArray[np.float64]
    groups: tuple[str, ...]
    patients: tuple[str, ...]
    probability: NDArray[np.float64]
    without: tuple[str, ...]

    @property
    def positive(self) -> NDArray[np.bool_]:
        """Which cases have the disease: those of the group covid."""
        return np.array([is_positive(group) for group in self.groups], dtype=np.bool_)

    def middles(self, names: Sequence[str]) -> NDArray[np.float64]:
        """Return the median of each of some features, over the cases that have it; 0 where none has."""
        chosen = self.values[:, [self.names.index(name) for name in names]]
        return np.array([np.median(have) if (have := each[np.isfinite(each)]).size else 0.0 for each in chosen.T])

    def columns(self, names: Sequence[str], middles: NDArray[np.float64]) -> NDArray[np.float32]:
        """Return the values of some features, as graphs take them: one that is not there has its middle."""
        chosen = self.values[:, [self.names.index(name) for name in names]]
        return np.where(np.isfinite(chosen), chosen, middles).astype(np.float32)


def read_table(path: Path) -> FeatureTable:
    """Return the cases of a file; those without features are named and left out.

    Raises:
        ConfigError: it is no file of `triaged model features`, a value is no number (row and column are named), or it
            has not both cases with the disease and cases without.
    """
    try:
        text = path.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(f"{path}: expected features as triaged model features writes them, found {error}") from error
    reader = csv.DictReader(text.splitlines())
    names = tuple(reader.fieldnames or ())[len(ABOUT) :]
    if tuple(reader.fieldnames or ()) not in [(*ABOUT, *family.names) for family in Family]:
        raise ConfigError(f"{path}: expected features as triaged model features writes them, found other columns")
    rows = list(enumerate(reader, start=2))
    kept = [(line, row) for line, row in rows if not row["reason"]]
    values = [[_feature(path, line, row, name) for name in names] for line, row in kept]
    told = [_number(path, line, row, "probability") if row["probability"] else math.nan for line, row in kept]
    table = FeatureTable(
        names,
        np.array(values, dtype=np.float64).reshape(len(kept), len(names)),
        tuple(row["group"] for _, row in kept),
        tuple(row["patient"] or row["case"] for _, row in kept),
        np.array(told, dtype=np.float64),
        tuple(row["case"] for _, row in rows if row["reason"]),
    )
    having = int(table.positive.sum())
    if not 0 < having < len(kept):
        expected = "expected cases of the group covid and of others, all with features"
        raise ConfigError(f"{path}: group: {expected}, found {having} and {len(kept) - having}")
    return table


def demand_other_patients(first: Path, second: Path, tables: Sequence[FeatureTable]) -> None:
    """Refuse two files that have a patient in common; raise ConfigError."""
    one, other = (set(table.patients) for table in tables)
    if both := sorted(one & other):
        raise ConfigError(f"{second}: expected other patients than in {first}, found {len(both)} in both: {both[0]}")


def areas(
    table: FeatureTable, scores: NDArray[np.float64], against: Collection[str] = tuple(AGAINST)
) -> dict[str, Estimate]:
    """Return the area under the ROC curve against each group of cases without the disease, with its interval."""
    found = {}
    for name in against:
        groups = AGAINST[name]
        counted = [
            index
            for index, group in enumerate(table.groups)
            if is_positive(group) or not groups or group.lower().startswith(groups)
        ]
        labels = [bool(table.positive[index]) for index in counted]
        patients = [table.patients[index] for index in counted]
        found[name] = auc_estimate([float(scores[index]) for index in counted], labels, patients)
    return found


def _feature(path: Path, line: int, row: Mapping[str, str | None], name: str) -> float:
    """Return a feature; NaN where an empty cell says that there is no lesion to have it."""
    return math.nan if name in LESION_FEATURES and not row[name] else _number(path, line, row, name)


def _number(path: Path, line: int, row: Mapping[str, str | None], name: str) -> float:
    try:
        value = float(row[name] or "")
    except ValueError:
        value = math.nan
    if not math.isfinite(value):
        raise ConfigError(f"{path}: line {line}, {name}: expected a number, found {row[name]!r}")
    return value
