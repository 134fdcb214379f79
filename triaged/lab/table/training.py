"""Trains what a table lacks, with the orders of `triaged model train`; an interrupted table goes on where it stopped.

Must not know how networks learn or how they are measured.
"""

import csv
from pathlib import Path
from typing import Final

import numpy as np
import torch
from rich.console import Console

from triaged.lab.table.methods import Method
from triaged.lab.table.order import TableOrder
from triaged.lab.training.identification import fit_head, pooled_series
from triaged.lab.training.metrics import METRICS
from triaged.lab.training.order import Keeping, Order
from triaged.lab.training.presets import PresetName, Subject, recipe_of
from triaged.lab.training.run import read_sources, run
from triaged.lab.training.trained import head_of, latest, read_multitask

MOST_SERIES: Final = 2000
HEAD_STEPS: Final = 150
"""Of 16 whole series each, after the joint training of a multitask network."""


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
            folder = folder_of(order, method, seed)
            if steps_done(folder) < steps:
                console.print(f"{name}, seed {seed}: {steps} steps", markup=False)
                head_of(folder).unlink(missing_ok=True)
                if run(training_order(order, method, seed), console) < steps:
                    return False
            if method.subject is Subject.LESIONS and not head_of(folder).exists():
                console.print(f"{name}, seed {seed}: its head on whole series", markup=False)
                fit_head_of(folder, order, seed)
    return True


def fit_head_of(folder: Path, order: TableOrder, seed: int) -> None:
    """Fit the identification of a trained network by itself on whole series, as that of `ct-open` was."""
    torch.set_num_threads(order.threads)
    torch.manual_seed(seed)
    rng = np.random.default_rng(seed)
    network = read_multitask(latest(folder))
    fit_head(network, pooled_series(network.segmentation, read_sources(order.sources), 1, rng), HEAD_STEPS, rng)
    path = head_of(folder)
    path.parent.mkdir(exist_ok=True)
    part = path.with_suffix(".part")
    torch.save({"network": network.identification.state_dict()}, part)
    part.replace(path)


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
