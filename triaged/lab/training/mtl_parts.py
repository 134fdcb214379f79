"""Builds the network and the task of a training of COVID-MTL that an order names.

Must not know options or schedules.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from rich.console import Console
from torch import nn

from triaged.errors import ConfigError
from triaged.lab.networks.mtl import MtlNetwork
from triaged.lab.training.mtl_labels import Labelled, read_features, read_labels, taught
from triaged.lab.training.mtl_task import MtlCase, MtlTask, seen
from triaged.lab.training.order import MtlChoices, Order
from triaged.lab.training.place import Place
from triaged.lab.training.sampling import GeneratedSeries, read_series


@dataclass(frozen=True, slots=True)
class _Named:
    name: str
    labelled: Labelled
    series: GeneratedSeries


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
        [MtlCase(seen(one.series), _values(features, one), one.labelled.labels) for one in part]
        for part in (teach, held_out)
    )
    if names:
        network.normalise(torch.from_numpy(np.stack([case.features for case in cases])))
    counts = f"{len(cases)} series teach, {len(measured)} are held out"
    console.print(f"{', '.join(tasks)}: {counts}; {len(names)} radiomic features", markup=False)
    return network, MtlTask(network, cases, measured, choices.weigh, place)


def _labelled(folder: Path, labels: Mapping[str, Labelled], order: Order) -> list[_Named]:
    paths = [path for path in sorted(folder.glob("*.npz")) if path.stem in labels][: order.most]
    found = [_Named(path.stem, labels[path.stem], read_series(path)) for path in paths]
    found = [one for one in found if one.series.patient not in order.leave_out]
    if not found:
        raise ConfigError(f"{folder}: expected training series (*.npz) with labels, found none")
    return found


def _demand_other_patients(teach: Sequence[_Named], held_out: Sequence[_Named]) -> None:
    known = {one.series.patient: one.labelled.where for one in teach}
    for one in held_out:
        if one.series.patient in known:
            both = f"{known[one.series.patient]} teaches"
            raise ConfigError(f"{one.labelled.where}, series: expected other people than those who teach; {both}")


def _features(choices: MtlChoices, series: Sequence[_Named]) -> tuple[tuple[str, ...], Mapping[str, tuple[float, ...]]]:
    if choices.features is None:
        return (), {}
    return read_features(choices.features, [one.name for one in series])


def _values(features: Mapping[str, tuple[float, ...]], one: _Named) -> np.ndarray[tuple[int], np.dtype[np.float32]]:
    return np.array(features.get(one.name, ()), dtype=np.float32)
