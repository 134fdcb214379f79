"""Trains what a table lacks, with the orders of `triaged model train`; an interrupted table goes on where it stopped.

Must not know how networks learn or how they are measured.
"""

import csv
from pathlib import Path
from typing import Final

from rich.console import Console

from triaged.lab.table.methods import Method
from triaged.lab.table.order import TableOrder
from triaged.lab.training.metrics import METRICS
from triaged.lab.training.order import Keeping, Order
from triaged.lab.training.presets import PresetName, recipe_of
from triaged.lab.training.run import run

MOST_SERIES: Final = 2000


def folder_of(order: TableOrder, method: Method, seed: int) -> Path:
    """Return where the training of a method with a seed is kept."""
    return order.runs / method.folder / f"seed-{seed}"


def train_missing(order: TableOrder, console: Console) -> bool:
    """Train every method with every seed to its end; return False where that was interrupted.

    Raises:
        ConfigError: as `triaged.lab.training.run.run`.
    """
    for seed in order.seeds:
        for name, method in order.methods.items():
            steps = method.steps(order.steps)
            if steps_done(folder_of(order, method, seed)) >= steps:
                continue
            console.print(f"{name}, seed {seed}: {steps} steps", markup=False)
            if run(training_order(order, method, seed), console) < steps:
                return False
    return True


def steps_done(folder: Path) -> int:
    """Return after how many steps a training was last measured; 0 where there is none."""
    metrics = folder / METRICS
    if not metrics.exists():
        return 0
    rows = list(csv.DictReader(metrics.read_text(encoding="utf-8").splitlines()))
    return int(rows[-1]["step"]) if rows else 0


def training_order(order: TableOrder, method: Method, seed: int) -> Order:
    """Return what is ordered for a method."""
    steps = method.steps(order.steps)
    starts_from = (order.package / "lungs.onnx",) if method.is_warm else ()
    return Order(
        method.subject,
        PresetName.DEFAULT,
        recipe_of(method.subject, PresetName.DEFAULT, steps=steps, width=method.width),
        method.variant,
        method.levels,
        order.sources,
        order.held_out,
        MOST_SERIES,
        Keeping(folder_of(order, method, seed), "resume", starts_from, max(1, steps // 3)),
        seed,
        "auto",
        order.threads,
    )
