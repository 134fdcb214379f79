"""Does what the commands `triaged model export` and `triaged model drift` ask for, and says it line by line.

Must not know the command line's library, nor how anything is computed.
"""

from __future__ import annotations

import json
import logging
import math
import time
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import numpy as np
from rich.console import Console
from rich.table import Table

from triaged.errors import ConfigError
from triaged.exams.ct.engines import PIPELINES, pipeline_of
from triaged.exams.ct.finding import Acquisition
from triaged.exams.ct.options import CtOptions
from triaged.imaging.geometry import Geometry
from triaged.imaging.volume import Volume
from triaged.inference.kinds.ct_classifier import CT_CLASSIFIER
from triaged.inference.kinds.ct_mtl import CT_MTL
from triaged.inference.kinds.ct_segmenter import CT_SEGMENTER
from triaged.inference.kinds.cxr_two_stage import CXR_TWO_STAGE
from triaged.inference.package import load_package
from triaged.lab.evaluation.images import UNSAID, read_images
from triaged.lab.packages.export import Storage
from triaged.lab.phantom.generate import generate
from triaged.lab.phantom.options import PhantomOptions, Scanner, Severity
from triaged.lab.protocols.robustness import REFERENCE, TOLERATED_PP, Drift, drifts, protocols

if TYPE_CHECKING:
    from triaged.lab.packages.members import Exported

CALIBRATION_SERIES: Final = 12
REFERENCE_SERIES: Final = 60
THIN_PHANTOM: Final = Scanner(edge_mm=1.1, noise_sd_hu=0.0, streak_hu=0.0)
"""A scanner without noise of its own: the protocol adds it."""
FRAME: Final = "2.25.3"


def export_trained(checkpoints: Path, label: Path, package: Path, storage: Storage, threads: int) -> Iterator[str]:
    """Write the package of a training, and yield what it was measured at; see `packaging.export`."""
    import torch

    from triaged.lab.packages.members import KINDS, export_segmenters, kind_of_label
    from triaged.lab.packages.mtl import export_mtl
    from triaged.lab.packages.packaging import export
    from triaged.lab.packages.slice_classifiers import export_slice_classifier
    from triaged.lab.packages.two_stage import export_two_stage
    from triaged.lab.packages.unets import export_unet

    torch.set_num_threads(threads)
    logging.getLogger("torch.onnx").setLevel(logging.ERROR)  # it warns of a library that nothing here needs
    if kind_of_label(label) == CXR_TWO_STAGE.name:
        yield from _told_graphs(package, export_two_stage(checkpoints, label, package, storage), storage)
        return
    if kind_of_label(label) == CT_SEGMENTER.name:
        yield from _told_graphs(package, export_unet(checkpoints, label, package, storage), storage)
        return
    if kind_of_label(label) == CT_MTL.name:
        yield from _told_graphs(package, export_mtl(checkpoints, label, package, storage), storage)
        return
    if kind_of_label(label) == CT_CLASSIFIER.name:
        yield from _told_graphs(package, export_slice_classifier(checkpoints, label, package, storage), storage)
        return
    if kind_of_label(label) in KINDS:
        yield from _told_graphs(package, export_segmenters(checkpoints, label, package, storage), storage)
        return
    done = export(checkpoints, label, package, storage)
    yield f"{package}: the graphs agree with the networks that they store within {done.parity.largest:.1e}"
    if storage == "half":
        yield (
            f"{package}: storing weights in half precision changed probabilities by at most {done.rounding.lung:.1e} "
            f"(lung), {done.rounding.lesion:.1e} (lesion) and {done.rounding.identification:.1e} (identification)"
        )
    yield f"{package}: {_mebibytes(package):.1f} MiB; write its CARD.md before it is shipped"


def _told_graphs(package: Path, done: Exported, storage: Storage) -> Iterator[str]:
    for name in done.parity:
        yield f"{package}: {name} agrees with the network that it stores within {done.parity[name]:.1e}"
        if storage == "half":
            yield f"{package}: {name}: half precision changed probabilities by at most {done.rounding[name]:.1e}"
    yield f"{package}: {_mebibytes(package):.1f} MiB; write its CARD.md before it is shipped"


def export_quantised(package: Path, calibration: Path, reference: Path, threads: int) -> Iterator[str]:
    """Write the 8-bit variant beside a package, and yield what it loses; see `triaged.lab.packages.quantise`."""
    from triaged.lab.packages.quantise import SUFFIX, quantise_package, read_marked

    logging.getLogger().setLevel(logging.ERROR)  # the quantiser warns of every convolution without a bias
    folder = package.with_name(package.name + SUFFIX)
    series = read_marked(calibration, CALIBRATION_SERIES), read_marked(reference, REFERENCE_SERIES)
    loss = quantise_package(package, folder, *series, threads, time.process_time)
    yield f"{folder}: over {len(series[1])} series {loss}"
    yield f"{folder}: {_mebibytes(folder):.1f} MiB instead of {_mebibytes(package):.1f}"


@dataclass(frozen=True, slots=True)
class Trial:
    """What is scanned again and again, and by which package it is read.

    Attributes:
        images: series to be read as they are; the thinner their slices, the better.
        seeds: phantoms to be drawn with slices of 1 mm, of the given `severity`.
    """

    package: Path
    images: tuple[Path, ...]
    seeds: tuple[int, ...]
    severity: Severity
    threads: int


def tabulate_drift(trial: Trial, figures: Path | None, console: Console) -> None:
    """Print a table for each anatomy and the largest drift of all, and write the figures where a file is named.

    Raises:
        ConfigError: there is nothing to scan.
    """
    if not trial.images and not trial.seeds:
        raise ConfigError("drift: expected --images or --seed, found neither")
    pipeline = pipeline_of(load_package(trial.package, "auto", trial.threads, among=PIPELINES), CtOptions())
    cases: dict[str, list[Drift]] = {}
    for name, anatomy, acquisition in _anatomies(trial):
        console.print(f"{name}: {len(anatomy.voxels)} slices, {anatomy.geometry.spacing_mm[0]:.2f} mm apart")
        cases[name] = []
        for drift in drifts(pipeline, anatomy, acquisition, protocols(), np.random.default_rng(1)):
            cases[name].append(drift)
            console.print(f"  {drift.protocol.name}: {_told(drift)}", highlight=False)
    console.print(_table(cases))
    largest = largest_pp(cases.values())
    verdict = "within" if largest <= TOLERATED_PP else "beyond"
    console.print(f"largest drift {largest:.2f} percentage points, {verdict} the tolerated {TOLERATED_PP:g}")
    if figures is not None:
        figures.write_text(json.dumps(_figures(trial, cases, largest), indent=1) + "\n", encoding="utf-8")


def largest_pp(cases: Iterable[Sequence[Drift]]) -> float:
    """Return the largest drift in percentage points, whatever its sign; infinite where a series was refused."""
    every = [abs(drift.drift_pp) for rows in cases for drift in rows]
    return max(math.inf if math.isnan(drift) else drift for drift in every)


def thin_phantom(seed: int, severity: Severity, pixel_mm: float = 1.0, slice_mm: float = 1.0) -> tuple[Volume, float]:
    """Return a generated chest without noise, and its true severity."""
    options = PhantomOptions(
        seed,
        disease="none" if severity == "none" else "viral",
        severity=severity,
        matrix=round(352 / pixel_mm),
        pixel_mm=pixel_mm,
        slice_mm=slice_mm,
        increment_mm=slice_mm,
        scanner=THIN_PHANTOM,
    )
    drawn = generate(options)
    affine = np.zeros((4, 4))
    affine[2, 0], affine[1, 1], affine[0, 2], affine[3, 3] = slice_mm, pixel_mm, pixel_mm, 1.0
    grid = Geometry(affine, drawn.voxels_hu.shape, FRAME)
    return Volume(drawn.voxels_hu, grid), drawn.truth.severity


def _anatomies(trial: Trial) -> Iterator[tuple[str, Volume, Acquisition]]:
    for seed in trial.seeds:
        anatomy, truth = thin_phantom(seed, trial.severity)
        yield f"phantom {seed}, {trial.severity}, true severity {truth:.4f}", anatomy, UNSAID
    for path in trial.images:
        images = read_images(path)
        yield path.name, images.volume, images.acquisition


def _told(drift: Drift) -> str:
    if drift.refused:
        return f"{drift.slices} slices, refused: {drift.refused}"
    return f"{drift.slices} slices, severity {drift.severity:.4f}, drift {drift.drift_pp:+.2f}"


def _table(cases: dict[str, list[Drift]]) -> Table:
    table = Table(title=f"Drift of severity in percentage points, against {REFERENCE.name}")
    table.add_column("protocol")
    for name in cases:
        table.add_column(name.split(",")[0], justify="right")
    for rows in zip(*cases.values(), strict=True):
        told = ["refused" if row.refused else f"{row.drift_pp:+.2f}" for row in rows]
        if rows[0].protocol == REFERENCE:
            told = [f"severity {row.severity:.3f}" for row in rows]
        table.add_row(rows[0].protocol.name, *told)
    return table


def _figures(trial: Trial, cases: dict[str, list[Drift]], largest: float) -> dict[str, Any]:
    rows = {name: [{**asdict(drift), "drift_pp": drift.drift_pp} for drift in found] for name, found in cases.items()}
    return {"package": trial.package.name, "largest_drift_pp": _plain(largest), "cases": _plain(rows)}


def _plain(value: Any) -> Any:
    """Return a value with what JSON has no word for as None."""
    if isinstance(value, dict):
        return {name: _plain(one) for name, one in value.items()}
    if isinstance(value, list):
        return [_plain(one) for one in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value


def _mebibytes(folder: Path) -> float:
    return sum(path.stat().st_size for path in folder.iterdir() if path.is_file()) / 2**20
