"""Reads what is known of each series for COVID-MTL: a CSV of labels with gaps, and one of radiomic features.

Must not know networks. `series` is the name of the training series' file without `.npz`. `ct` and `nat` are 0 or 1,
`severity` 0 (control, suspected), 1 (mild, regular) or 2 (severe, critical), or these words; empty: not known.
"""

from __future__ import annotations

import csv
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final, TypeAlias

from triaged.errors import ConfigError
from triaged.lab.evaluation.features import ABOUT
from triaged.lab.networks.mtl import CLASSES, Task

UNKNOWN: Final = -1
_BINARY: Final = {"0": 0, "1": 1}
VALUES: Final[Mapping[Task, Mapping[str, int]]] = {
    Task.CT: _BINARY,
    Task.NAT: _BINARY,
    Task.SEVERITY: {
        "0": 0,
        "control": 0,
        "suspected": 0,
        "1": 1,
        "mild": 1,
        "regular": 1,
        "2": 2,
        "severe": 2,
        "critical": 2,
    },
}
Labels: TypeAlias = Mapping[Task, int]
"""The class of each task, `UNKNOWN` where nobody said."""


@dataclass(frozen=True, slots=True)
class Labelled:
    """One line: its place, for messages, and what it says."""

    where: str
    labels: Labels


def read_labels(path: Path) -> Mapping[str, Labelled]:
    """Return the labels of each series.

    Raises:
        ConfigError: the file cannot be read, a column is missing, a series stands twice, or a value is not one of
            those above; the message names row and column.
    """
    found: dict[str, Labelled] = {}
    for line, row in _rows(path, ("series", *(task.value for task in Task if task is not Task.NAT))):
        where, series = f"{path}:{line}", row["series"]
        if not series:
            raise ConfigError(f"{where}, series: expected the name of a series, found nothing")
        if series in found:
            raise ConfigError(f"{where}, series: expected each series once, found {series} again")
        labels = {task: _label(where, task, row.get(task.value, "")) for task in Task}
        found[series] = Labelled(where, labels)
    return found


def read_features(path: Path, series: Iterable[str]) -> tuple[tuple[str, ...], Mapping[str, tuple[float, ...]]]:
    """Return the names of the radiomic features in a file of `triaged model features`, and their values by series.

    Raises:
        ConfigError: a series has no line, or a line without features, or a value is no number.
    """
    values: dict[str, tuple[float, ...]] = {}
    names: tuple[str, ...] = ()
    for line, row in _rows(path, ("case", "reason")):
        names = names or tuple(name for name in row if name not in ABOUT)
        if row["reason"]:
            continue
        for name in names:
            if not _is_number(row[name]):
                raise ConfigError(f"{path}:{line}, {name}: expected a number, found {row[name]!r}")
        values[row["case"]] = tuple(float(row[name]) for name in names)
    if missing := sorted(set(series) - set(values)):
        raise ConfigError(f"{path}: expected features of every series, found none of {', '.join(missing[:5])}")
    return names, values


def feature_names(path: Path) -> tuple[str, ...]:
    """Return the names of the radiomic features in a file, in their order; ConfigError as `read_features`."""
    return read_features(path, ())[0]


def taught(labelled: Sequence[Labelled], path: Path) -> tuple[Task, ...]:
    """Return the tasks of which something is known; each must be known in every class among those who teach.

    Raises:
        ConfigError: a task is known in some of its classes only, or none is known at all.
    """
    tasks = []
    for task in Task:
        known = [(each.labels[task], each.where) for each in labelled if each.labels[task] != UNKNOWN]
        classes = {label for label, _ in known}
        if known and len(classes) < 2:
            only, where = CLASSES[task][known[0][0]], known[0][1]
            raise ConfigError(
                f"{where}, {task}: expected more than one class among those who teach, found {only} alone"
            )
        if known:
            tasks.append(task)
    if not tasks:
        raise ConfigError(f"{path}: expected a label of some series that teaches, found none")
    return tuple(tasks)


def _label(where: str, task: Task, value: str) -> int:
    if not value:
        return UNKNOWN
    label = VALUES[task].get(value.lower())
    if label is None:
        raise ConfigError(f"{where}, {task}: expected {', '.join(VALUES[task])} or nothing, found {value}")
    return label


def _rows(path: Path, needed: Sequence[str]) -> Iterable[tuple[int, Mapping[str, str]]]:
    try:
        text = path.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(f"{path}: expected a CSV file in UTF-8, found {type(error).__name__}") from None
    reader = csv.DictReader(text.splitlines(), delimiter=max(",;\t", key=text.partition("\n")[0].count))
    columns = [name.strip() for name in reader.fieldnames or ()]
    reader.fieldnames = columns
    if lacking := [name for name in needed if name not in columns]:
        raise ConfigError(f"{path}:1: expected the column {', '.join(lacking)}, found {', '.join(columns[:8])}")
    for row in reader:
        cells = {name: (value or "").strip() for name, value in row.items() if name and not isinstance(value, list)}
        if any(cells.values()):
            yield reader.line_num, cells


def _is_number(text: str) -> bool:
    try:
        return abs(float(text)) < float("inf")
    except ValueError:
        return False
