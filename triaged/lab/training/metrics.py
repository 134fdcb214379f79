"""Keeps what was measured during a training as a table, and draws it.

Must not know networks. Each row of the table is one measurement: `step`, `seconds` of this run, and the figures.
"""

import csv
from collections.abc import Mapping
from pathlib import Path
from typing import Final

METRICS: Final = "metrics.csv"
PICTURE: Final = "metrics.png"


def record(path: Path, step: int, seconds: float, figures: Mapping[str, float]) -> None:
    """Add a row to the table at `path`, which begins with the names of the columns."""
    is_new = not path.exists()
    with path.open("a", newline="") as file:
        writer = csv.writer(file)
        if is_new:
            writer.writerow(["step", "seconds", *figures])
        writer.writerow([step, round(seconds, 1), *(round(value, 5) for value in figures.values())])


def listed(figures: Mapping[str, float]) -> str:
    """Return the figures as one line for a person."""
    return ", ".join(f"{name} {value:.4f}" for name, value in figures.items())


def read_metrics(path: Path) -> dict[str, list[float]]:
    """Return the columns of a table by name."""
    with path.open(newline="") as file:
        rows = list(csv.DictReader(file))
    return {name: [float(row[name]) for row in rows] for name in (rows[0] if rows else ())}


def draw_metrics(table: Path, picture: Path) -> None:
    """Draw each figure of a table over the steps, one below the other, as a PNG."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    columns = read_metrics(table)
    names = [name for name in columns if name not in ("step", "seconds")]
    figure = Figure(figsize=(7, 1.8 * max(1, len(names))), layout="constrained")
    FigureCanvasAgg(figure)
    for axes, name in zip(figure.subplots(max(1, len(names)), squeeze=False)[:, 0], names, strict=False):
        axes.plot(columns["step"], columns[name], marker=".", color="tab:blue")
        axes.set_ylabel(name)
        axes.grid(alpha=0.3)
    figure.axes[-1].set_xlabel("step")
    figure.savefig(picture, dpi=110)
