"""Builds the network and the task of a training of COVID-MTL that an order names.

Must not know options or schedules.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Final

import numpy as np
import torch
from numpy.typing import NDArray
from rich.console import Console
from torch import nn

from triaged.errors import ConfigError
from triaged.lab.networks.mtl import MtlNetwork, Task
from triaged.lab.training.mtl_labels import UNKNOWN, Labelled, feature_names, read_features, read_labels, taught
from triaged.lab.training.mtl_task import MtlCase, MtlTask, seen
from triaged.lab.training.order import MtlChoices, Order
from triaged.lab.training.place import Place
from triaged.lab.training.sampling import read_series

MOST_KEPT: Final = 1024
"""Series that are kept in memory, at about a megabyte each."""


@dataclass(frozen=True, slots=True)
class _Named:
    name: str
    labelled: Labelled
    patient: str
    volume: NDArray[np.float16]


def mtl_learner(order: Order, place: Place, console: Console) -> tuple[nn.Module, MtlTask]:
    """Return the network of an order, with a head for each task that is known, and what it learns.

    Raises:
        ConfigError: labels or features cannot be used, a folder has no labelled series, or somebody is both trained
            and measured on.
    """
    choices = order.mtl
    if choices is None:
        raise ConfigError("--labels: expected a CSV file of what is known of each series, found none")
    labels = read_labels(choices.labels)
    teach = [one for source in order.sources for one in _labelled(source.folder, labels, order)]
    held_out = _labelled(order.held_out, labels, order)
    _demand_other_patients(teach, held_out)
    tasks = taught([one.labelled for one in teach], choices.labels)
    names, features = _features(choices, [*teach, *held_out])
    network = MtlNetwork(tasks, len(names), order.recipe.width, choices.shift)
    cases, measured = (
        [MtlCase(one.volume, _values(features, one), one.labelled.labels) for one in part] for part in (teach, held_out)
    )
    if names:
        network.normalise(torch.from_numpy(np.stack([case.features for case in cases])))
    known = [case.labels[Task.CT] for case in cases if case.labels[Task.CT] != UNKNOWN]
    if known:
        network.know_prior(float(np.mean(known)))
    counts = f"{len(cases)} series teach, {len(measured)} are held out"
    console.print(f"{', '.join(tasks)}: {counts}; {len(names)} radiomic features", markup=False)
    return network, MtlTask(network, cases, measured, choices.weigh, place)


def features_of(order: Order) -> tuple[str, ...]:
    """Return the names of the radiomic features that an order's network takes, in their order."""
    return () if order.mtl is None or order.mtl.features is None else feature_names(order.mtl.features)


def _labelled(folder: Path, labels: Mapping[str, Labelled], order: Order) -> list[_Named]:
    paths = [path for path in sorted(folder.glob("*.npz")) if path.stem in labels][: order.most]
    found = [_Named(path.stem, labels[path.stem], *_read(path)) for path in paths]
    found = [one for one in found if one.patient not in order.leave_out]
    if not found:
        raise ConfigError(f"{folder}: expected training series (*.npz) with labels, found none")
    return found


def _demand_other_patients(teach: Sequence[_Named], held_out: Sequence[_Named]) -> None:
    known = {one.patient: one.labelled.where for one in teach}
    for one in held_out:
        if one.patient in known:
            both = f"{known[one.patient]} teaches"
            raise ConfigError(f"{one.labelled.where}, series: expected other people than those who teach; {both}")


def _features(choices: MtlChoices, series: Sequence[_Named]) -> tuple[tuple[str, ...], Mapping[str, tuple[float, ...]]]:
    if choices.features is None:
        return (), {}
    return read_features(choices.features, [one.name for one in series])


@lru_cache(maxsize=MOST_KEPT)
def _read(path: Path) -> tuple[str, NDArray[np.float16]]:
    """Return the patient of a series and what the network sees of it; an ablation asks for the same ones many times."""
    series = read_series(path)
    return series.patient, seen(series)


def _values(features: Mapping[str, tuple[float, ...]], one: _Named) -> NDArray[np.float32]:
    return np.array(features.get(one.name, ()), dtype=np.float32)
