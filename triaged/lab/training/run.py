"""Carries out one training: reads the series, builds network and task, shows the progress, keeps what comes out.

Must not know how options are given or how a network learns.
"""

import json
import time
from collections.abc import Collection, Iterable, Sequence
from pathlib import Path
from typing import Any, Final
from zipfile import BadZipFile, is_zipfile

import torch
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn
from torch import nn
from torch.nn.utils import convert_conv2d_weight_memory_format

from triaged.errors import ConfigError
from triaged.lab.training.checkpoints import CHECKPOINT, take_over
from triaged.lab.training.film_parts import ARCHITECTURES, film_learner
from triaged.lab.training.interruption import Interruption
from triaged.lab.training.loop import Task, train
from triaged.lab.training.metrics import METRICS, PICTURE, draw_metrics
from triaged.lab.training.mtl_parts import features_of, mtl_learner
from triaged.lab.training.order import RECORD, Order, Source
from triaged.lab.training.parts import architecture_of, build_network, build_task, training_prior
from triaged.lab.training.place import Place, choose_place
from triaged.lab.training.presets import Subject
from triaged.lab.training.sampling import GeneratedSeries, mixed, read_series
from triaged.lab.training.schedule import Schedule

MOST: Final = 2000
HELD_OUT: Final = 12
"""Series to measure on at most, spread over the folder: measuring interrupts learning."""
KEPT_TOGETHER: Final = ("subject", "variant", "architecture", "width", "levels")
UNREADABLE: Final = (OSError, KeyError, ValueError, IndexError, EOFError, BadZipFile)


def run(order: Order, console: Console) -> int:
    """Train as ordered, and return the steps done in all: fewer than asked for after an interruption.

    Keeps `checkpoint.pt`, `metrics.csv`, `metrics.png` and `training.json`, which tells the order, in its folder.

    Raises:
        ConfigError: a folder has no readable series, somebody is both trained and measured on, the device is not
            there, or a checkpoint does not fit.
    """
    place = choose_place(order.device)
    if order.threads:
        torch.set_num_threads(order.threads)
    torch.manual_seed(order.seed)
    network, task = _learner(order, place, console)
    convert_conv2d_weight_memory_format(network, torch.channels_last)
    _prepare_folder(order)
    is_new = not (order.keeping.folder / CHECKPOINT).exists()
    if is_new:
        _write_record(order)
        for path in order.keeping.starts_from:
            taken = take_over(network, path)
            console.print(f"{taken} of {len(network.state_dict())} tensors taken from {path}", markup=False)
    done = _train(order, task, place, console)
    if not is_new:
        _write_record(order)  # only now it is certain that the checkpoint was one of such a training
    return done


def _learner(order: Order, place: Place, console: Console) -> tuple[nn.Module, Task]:
    """Return the network of an order, and what it learns."""
    if order.subject in ARCHITECTURES:
        return film_learner(order, place)
    if order.subject is Subject.MTL:
        return mtl_learner(order, place, console)
    return _series_learner(order, place)


def _series_learner(order: Order, place: Place) -> tuple[nn.Module, Task]:
    """Return the network of an order, and what it learns from CT series."""
    series = read_sources(order.sources, order.leave_out, order.most)
    held_out = _spread(read_folder(order.held_out, order.most), HELD_OUT)
    _demand_other_patients(series, held_out)
    network = build_network(order)
    return network, build_task(order, network, series, held_out, place)


def read_folder(folder: Path, most: int = MOST) -> list[GeneratedSeries]:
    """Return the training series in a folder, in the order of their names, `most` at most.

    Raises:
        ConfigError: there is none, or one cannot be read.
    """
    paths = sorted(folder.glob("*.npz"))[:most]
    if not paths:
        raise ConfigError(
            f"{folder}: expected training series (*.npz), found {'none' if folder.is_dir() else 'no folder'}"
        )
    return [_read(path) for path in paths]


def read_sources(sources: Iterable[Source], without: Collection[str] = (), most: int = MOST) -> list[GeneratedSeries]:
    """Return the series of all sources so that a uniform draw takes each source with its share.

    The series of the patients `without` are left out.

    Raises:
        ConfigError: a folder has no readable series, or none is left.
    """
    read = []
    for source in sources:
        series = [one for one in read_folder(source.folder, most) if one.patient not in without]
        if not series:
            raise ConfigError(f"{source.folder}: expected series of patients that are not left out, found none")
        read.append((series, source.share))
    if not any(share for _, share in read):
        return [one for series, _ in read for one in series]
    return mixed([(series, share or 1.0) for series, share in read])


def _train(order: Order, task: Task, place: Place, console: Console) -> int:
    recipe, folder = order.recipe, order.keeping.folder
    pace = (recipe.steps, recipe.batch, recipe.learning_rate, order.keeping.measure_every)
    schedule = Schedule(*pace, order.seed, recipe.optimiser, recipe.course)
    with Interruption() as interruption, _bar(console) as progress:
        shown = progress.add_task(order.subject.value, total=recipe.steps)

        def stop(done: int) -> bool:
            progress.update(shown, completed=done)
            return interruption.asked

        def report(line: str) -> None:
            progress.console.print(line, markup=False)

        done = train(task, schedule, folder, time.monotonic, report, place=place, stop=stop)
    if (folder / METRICS).exists():
        draw_metrics(folder / METRICS, folder / PICTURE)
    if done < recipe.steps:
        console.print(f"stopped after {done} of {recipe.steps} steps; the same command goes on", markup=False)
    return done


def _bar(console: Console) -> Progress:
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    return Progress(*columns, TimeRemainingColumn(), console=console)


def _prepare_folder(order: Order) -> None:
    """Remove what an earlier training left, or demand that it was the same one."""
    folder = order.keeping.folder
    folder.mkdir(parents=True, exist_ok=True)
    record = folder / RECORD
    if order.keeping.begin == "fresh":
        for name in (CHECKPOINT, METRICS, PICTURE, RECORD):
            (folder / name).unlink(missing_ok=True)
    elif record.exists() and (folder / CHECKPOINT).exists():
        earlier, written = json.loads(record.read_text(encoding="utf-8")), _record(order)
        different = [name for name in KEPT_TOGETHER if earlier.get(name) != written[name]]
        if different:
            found, expected = ({name: each.get(name) for name in different} for each in (earlier, written))
            raise ConfigError(
                f"{folder}: expected a training of {_told(expected)}, found one of {_told(found)}; "
                f"choose another folder, or --fresh to begin again"
            )


def _write_record(order: Order) -> None:
    text = json.dumps(_record(order), indent=2) + "\n"
    (order.keeping.folder / RECORD).write_text(text, encoding="utf-8")


def _record(order: Order) -> dict[str, Any]:
    recipe = order.recipe
    return {
        "subject": order.subject.value,
        "variant": order.variant if order.subject is Subject.LESIONS else None,
        "architecture": architecture_of(order),
        "width": recipe.width,
        "levels": order.levels,
        "preset": order.preset.value,
        "steps": recipe.steps,
        "batch": recipe.batch,
        "learning_rate": recipe.learning_rate,
        "optimiser": recipe.optimiser,
        "seed": order.seed,
        "training_prior": training_prior(order),
        "left_out": list(order.leave_out),
        "features": list(features_of(order)),
        "sources": [[source.folder.name, source.share] for source in order.sources],
    }


def _told(figures: dict[str, Any]) -> str:
    return ", ".join(f"{name} {value}" for name, value in figures.items())


def _read(path: Path) -> GeneratedSeries:
    if not is_zipfile(path):
        raise ConfigError(f"{path}: expected a training series with lungs, found no archive")
    try:
        return read_series(path)
    except UNREADABLE as error:
        raise ConfigError(f"{path}: expected a training series with lungs, found {error!r}") from error


def _spread(series: list[GeneratedSeries], most: int) -> list[GeneratedSeries]:
    """Return `most` of the series at equal distances, or all."""
    return series if len(series) <= most else [series[index * len(series) // most] for index in range(most)]


def _demand_other_patients(series: Sequence[GeneratedSeries], held_out: Sequence[GeneratedSeries]) -> None:
    both = len({one.patient for one in series} & {one.patient for one in held_out})
    if both:
        raise ConfigError(f"--held-out: expected other people than those trained on, found {both} in both")
