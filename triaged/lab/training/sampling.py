"""Draws training slices from generated series, and varies them so that networks do not learn this generator by heart.

Must not know networks or losses. Arrays are (slice, row, column) on a 2 mm in-plane grid, rows to posterior, columns
to the patient's left. Every draw comes from the generator that the caller passes.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final, TypeAlias

import numpy as np
import torch
from numpy.random import Generator
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional

from triaged.lab.training.appearance import vary_appearance

WINDOW_HU: Final = (-1000.0, 300.0)
LUNG: Final = 1
LESION: Final = 2
IGNORED: Final = 4
LEFT_LUNG: Final = 8
AIR_HU: Final = -1024.0
GRID_MM: Final = 2.0
"""Pixels of the series."""
POSITIVE_DISEASE: Final = "viral"
PLAIN_DISEASES: Final = frozenset({"nodules", "mass", "effusion", "atelectasis", "none"})
"""Diseases whose opacities are not to be taken for viral pneumonia by anybody."""

Labels: TypeAlias = NDArray[np.uint8]


@dataclass(frozen=True, slots=True)
class GeneratedSeries:
    """One generated series with its exact truth.

    Attributes:
        voxels: HU, int16.
        labels: bits LUNG, LESION, LEFT_LUNG and, where the truth of lesion is unknown or must not teach, IGNORED.
        positive: whether the identification head is to find viral disease here.
        patient: whose images or label maps went into the series; one of the generator's own otherwise. Splits go by it.
        lung_known: whether the mask of the lungs is good enough to teach.
        slice_spacing_mm: distance of neighbouring slices.
        box: rows and columns around the lungs: first row, end row, first column, end column.
    """

    voxels: NDArray[np.int16]
    labels: Labels
    positive: bool
    slice_spacing_mm: float
    box: tuple[int, int, int, int]
    patient: str = ""
    lung_known: bool = True


@dataclass(frozen=True, slots=True)
class Sight:
    """How drawn pictures are cut.

    Attributes:
        size: rows and columns.
        slack_px: how far the middle may lie from that of the lungs.
        mirrored: how often rows and columns run the other way.
        pixel_mm: of the picture.
    """

    size: tuple[int, int]
    slack_px: float
    mirrored: tuple[float, float] = (0.1, 0.5)
    pixel_mm: float = GRID_MM


@dataclass(frozen=True, slots=True)
class Batch:
    """Slices for one step of training.

    Attributes:
        images: (n, 1, row, column), scaled to [0, 1].
        lung: (n, 1, row, column), 0 or 1; likewise `lesion`.
        weight: 0 where the truth of `lesion` is unknown or must not teach, else 1.
    """

    images: Tensor
    lung: Tensor
    lesion: Tensor
    weight: Tensor


def read_series(path: Path) -> GeneratedSeries:
    """Return the series in a `.npz` file of the phantom cache or of another source of training series.

    Opacities of other diseases that look like viral pneumonia do not teach; nodules, masses, fluid and collapse teach
    that they are no lesion.
    """
    with np.load(path) as archive:
        lung = archive["right"] | archive["left"]
        disease = str(archive["disease"])
        unknown = archive["other"] & ~archive["lesion"] & (disease not in PLAIN_DISEASES)
        if "lesion_known" in archive:
            unknown |= ~archive["lesion_known"][:, None, None]
        labels = lung.astype(np.uint8) * LUNG + archive["lesion"].astype(np.uint8) * LESION
        labels += unknown.astype(np.uint8) * IGNORED + archive["left"].astype(np.uint8) * LEFT_LUNG
        return GeneratedSeries(
            voxels=archive["voxels"].astype(np.int16),
            labels=labels,
            positive=disease == POSITIVE_DISEASE and bool(archive["lesion"].any()),
            slice_spacing_mm=float(archive["spacing"][0]),
            box=_box(lung),
            patient=str(archive["patient"]) if "patient" in archive else path.stem,
            lung_known=bool(archive["lung_known"]) if "lung_known" in archive else True,
        )


def mixed(sources: Sequence[tuple[Sequence[GeneratedSeries], float]]) -> list[GeneratedSeries]:
    """Return series such that a uniform draw takes each source with its share; the shares need not add up to 1."""
    count = 20 * max(len(series) for series, _ in sources)
    whole = sum(share for _, share in sources)
    return [
        series[int(index)]
        for series, share in sources
        for index in np.linspace(0, len(series), round(count * share / whole), endpoint=False)
    ]


def around_lungs(series: GeneratedSeries) -> GeneratedSeries:
    """Return the slices of a series that show lung, as the multitask network sees them."""
    shown = np.flatnonzero((series.labels & LUNG).any(axis=(1, 2)))
    kept = slice(int(shown[0]), int(shown[-1]) + 1)
    return replace(series, voxels=series.voxels[kept], labels=series.labels[kept])


def draw_slices(series: GeneratedSeries, count: int, size: tuple[int, int], slack_px: float, rng: Generator) -> Batch:
    """Return `count` slices of `size` (rows, columns), as `draw_seen` does."""
    return draw_seen(series, count, Sight(size, slack_px), rng)


def draw_seen(series: GeneratedSeries, count: int, sight: Sight, rng: Generator) -> Batch:
    """Return `count` slices, scattered over the series, under one common transformation of place and appearance.

    Used with `count` 1 for slice-wise training and with more to imitate a thinned series. They are centred on the lungs
    but for a shift of at most `sight.slack_px`, and more where the lungs are larger.
    """
    indices = _scattered(len(series.voxels), count, rng)
    voxels, labels = _slabs(series, indices, rng)
    grid = _grid(series, sight, rng)
    layers = np.stack([labels & bit > 0 for bit in (LUNG, LESION, IGNORED)], axis=1)
    hu = _resampled(torch.from_numpy(voxels - AIR_HU)[:, None], grid) + AIR_HU
    lung, lesion, ignored = _resampled(torch.from_numpy(layers).float(), grid).gt(0.5).float().unbind(1)
    images = scaled(vary_appearance(hu[:, 0], lung, lesion, rng))
    return Batch(images[:, None], lung[:, None], (lesion * (1 - ignored))[:, None], 1 - ignored[:, None])


def join(batches: list[Batch]) -> Batch:
    """Return several batches as one."""
    return Batch(
        torch.cat([batch.images for batch in batches]),
        torch.cat([batch.lung for batch in batches]),
        torch.cat([batch.lesion for batch in batches]),
        torch.cat([batch.weight for batch in batches]),
    )


def scaled(hu: Tensor) -> Tensor:
    """Return HU clipped to the window and scaled to [0, 1]."""
    low, high = WINDOW_HU
    return (hu.clamp(low, high) - low) / (high - low)


def _resampled(images: Tensor, grid: Tensor) -> Tensor:
    return functional.grid_sample(images, grid.expand(len(images), -1, -1, -1), align_corners=False)


def _box(lung: NDArray[np.bool_]) -> tuple[int, int, int, int]:
    rows = np.flatnonzero(lung.any(axis=(0, 2)))
    columns = np.flatnonzero(lung.any(axis=(0, 1)))
    return int(rows[0]), int(rows[-1]) + 1, int(columns[0]), int(columns[-1]) + 1


def _scattered(available: int, count: int, rng: Generator) -> NDArray[np.int64]:
    """Return indices in order, one from each of `count` equal parts of the series."""
    edges = np.linspace(0, available, count + 1)
    positions = edges[:-1] + rng.random(count) * np.diff(edges)
    return np.minimum(positions.astype(np.int64), available - 1)


def _slabs(series: GeneratedSeries, indices: NDArray[np.int64], rng: Generator) -> tuple[NDArray[np.float32], Labels]:
    """Return slices averaged over up to 6 mm of neighbours, as thick reconstructions are, with the centre's labels."""
    reach = int(rng.choice([0, 0, 0, 1]) * max(1, round(2 / series.slice_spacing_mm)))
    reach = reach if series.slice_spacing_mm * (2 * reach + 1) <= 6.5 else 0
    last = len(series.voxels) - 1
    neighbours = np.stack([np.clip(indices + offset, 0, last) for offset in range(-reach, reach + 1)])
    return series.voxels[neighbours].astype(np.float32).mean(axis=0), series.labels[indices]


def _grid(series: GeneratedSeries, sight: Sight, rng: Generator) -> Tensor:
    """Return the sampling grid (1, row, column, 2) of a random zoom, turn, mirroring and shift about the lungs."""
    angle = np.deg2rad(rng.normal(0, 8) if rng.random() < 0.9 else rng.uniform(-180, 180))
    common, uneven = rng.normal(0, (0.14, 0.05))
    scale = sight.pixel_mm / GRID_MM
    zoom = np.exp([common + uneven, common - uneven]) * scale
    mirror = np.where(rng.random(2) < sight.mirrored, -1.0, 1.0)
    rows, columns = np.meshgrid(*(np.arange(extent) - (extent - 1) / 2 for extent in sight.size), indexing="ij")
    rows, columns = rows * mirror[0] * zoom[0], columns * mirror[1] * zoom[1]
    turned_rows = rows * np.cos(angle) - columns * np.sin(angle)
    turned_columns = rows * np.sin(angle) + columns * np.cos(angle)
    top, bottom, left, right = series.box
    shown = np.array(sight.size) * scale
    slack = sight.slack_px * scale + 0.5 * np.maximum(np.array([bottom - top, right - left]) - shown, 0)
    centre = np.array([top + bottom - 1, left + right - 1]) / 2 + rng.uniform(-1, 1, 2) * slack
    shape = np.array(series.voxels.shape[1:])
    y = (2 * (turned_rows + centre[0]) + 1) / shape[0] - 1
    x = (2 * (turned_columns + centre[1]) + 1) / shape[1] - 1
    return torch.from_numpy(np.stack([x, y], axis=-1)[np.newaxis].astype(np.float32))
