"""Trains COVID-MTL with and without Shift3D and random weights, several times each, and tabulates what each reaches.

Must not know how a network learns. A training that is complete is not repeated, one that was interrupted goes on.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final, Literal, TypeAlias

import numpy as np
from rich.console import Console

from triaged.lab.training.metrics import METRICS, read_metrics
from triaged.lab.training.order import MtlChoices, Order, Shifting, Weighing
from triaged.lab.training.run import run

Figures: TypeAlias = dict[str, list[float]]
FIGURES: Final = ("ct_auc", "severity_auc", "severity_accuracy")


@dataclass(frozen=True, slots=True)
class Arm:
    """One row of the table: what is switched on."""

    name: str
    shift: Shifting
    weigh: Weighing


def arms(shift: Literal["paper", "code"]) -> tuple[Arm, ...]:
    """Return the four rows of the paper's ablation, with its own or its code's way to shift features."""
    return (
        Arm("neither", "none", "equal"),
        Arm(f"Shift3D ({shift})", shift, "equal"),
        Arm("random weights", "none", "random"),
        Arm(f"Shift3D ({shift}), random weights", shift, "random"),
    )


def ablate(order: Order, rows: Sequence[Arm], seeds: Sequence[int], console: Console) -> dict[str, Figures]:
    """Train each row with each seed below the order's folder, and return the last figures of all.

    The rows take turns, so that an ablation that is stopped has as many trainings of each.

    Raises:
        ConfigError: as `run`.
        KeyboardInterrupt: the training was interrupted.
    """
    found: dict[str, Figures] = {arm.name: {} for arm in rows}
    for seed in seeds:
        for arm in rows:
            reached = _trained(replace(order, seed=seed), arm, console)
            for name in FIGURES:
                if name in reached:
                    found[arm.name].setdefault(name, []).append(reached[name])
    return found


def told(found: dict[str, Figures]) -> Iterator[str]:
    """Yield a row of a Markdown table for each: mean and standard deviation of every figure over the seeds."""
    for name, figures in found.items():
        cells = [f"{np.mean(values):.3f} ± {np.std(values, ddof=1):.3f}" for values in figures.values()]
        yield f"| {' | '.join((name, *cells))} |"


def _trained(order: Order, arm: Arm, console: Console) -> dict[str, float]:
    assert order.mtl is not None  # the command cannot do without labels
    folder = order.keeping.folder / f"{arm.shift}-{arm.weigh}-{order.seed}"
    if not _is_complete(folder, order.recipe.steps):
        choices = MtlChoices(order.mtl.labels, order.mtl.features, arm.shift, arm.weigh)
        own = replace(order, mtl=choices, keeping=replace(order.keeping, folder=folder))
        if run(own, console) < order.recipe.steps:
            raise KeyboardInterrupt
    return {name: values[-1] for name, values in read_metrics(folder / METRICS).items()}


def _is_complete(folder: Path, steps: int) -> bool:
    path = folder / METRICS
    return path.exists() and read_metrics(path)["step"][-1] == steps
