"""Writes a folder of training phantoms, one compressed .npz each, that training reads instead of drawing anew.

Run as `python -m triaged.lab.phantom.cache FOLDER --count N --first-seed S --processes P`. A file that exists is
kept, so an interrupted run continues. Must not know: networks.

Keys of a file: `voxels` int16 (slice, row, column) in HU; `right`, `left`, `lesion`, `other` bool masks of the same
shape; `spacing` float64 (3,) mm; `disease` str; `severity` float64 (2,) lesion share of (right, left); `seed` int.
"""

from __future__ import annotations

import argparse
import logging
import multiprocessing
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

import numpy as np

from triaged.lab.phantom.generate import generate
from triaged.lab.phantom.options import Disease, Metal, Phantom, PhantomOptions, Scanner, Variant
from triaged.lab.portable import exp, log, steady

LOG = logging.getLogger(__name__)

# Class shares of the identification head, phantom specification 4.4.6.
MIXTURE: dict[Disease, float] = {
    "viral": 0.42,
    "bacterial": 0.11,
    "bronchopneumonia": 0.06,
    "nodules": 0.07,
    "mass": 0.04,
    "oedema": 0.04,
    "fibrosis": 0.03,
    "effusion": 0.03,
    "atelectasis": 0.03,
    "none": 0.17,
}
# The worse lung's lesion share: (low, high, how many), drawn evenly on a log scale; most patients have little disease.
SHARES = ((0.003, 0.03, 0.15), (0.02, 0.25, 0.42), (0.2, 0.5, 0.22), (0.45, 0.75, 0.13), (0.7, 0.92, 0.08))


VARIANTS: dict[Variant, float] = {"usual": 0.95, "shifted": 0.025, "pneumothorax": 0.015, "single_lung": 0.01}
METALS: dict[Metal, float] = {"none": 0.94, "wires": 0.02, "pacemaker": 0.01, "rods": 0.01, "leads": 0.02}
Rarity = TypeVar("Rarity", bound=str)


@dataclass(frozen=True, slots=True)
class CacheJob:
    """One file to write."""

    seed: int
    folder: Path

    @property
    def path(self) -> Path:
        """Return where the phantom of this seed is kept."""
        return self.folder / f"phantom_{self.seed:07d}.npz"


def training_options(seed: int) -> PhantomOptions:
    """Return the options of one training phantom: 2 mm pixels, slices 3 to 6 mm apart, everything else at random.

    Disease and style come from separate streams, so that no scanner trait tells the class.
    """
    what, style = (np.random.Generator(np.random.PCG64(s)) for s in np.random.SeedSequence([seed, 77]).spawn(2))
    disease = str(what.choice(list(MIXTURE), p=list(MIXTURE.values())))
    shares = draw_shares(what)
    increment = float(style.choice([2.0, 3.0, 4.0, 5.0, 5.0, 6.0, 8.0], p=[0.05, 0.15, 0.2, 0.15, 0.2, 0.15, 0.1]))
    thin = increment == 8 or style.random() < 0.35  # thin slices far apart: the decimated series of MosMed
    return PhantomOptions(
        seed=seed,
        disease=disease,  # type: ignore[arg-type]
        severity=shares if disease == "viral" else "none",
        matrix=int(style.integers(150, 166) if style.random() < 0.1 else style.integers(166, 211)),
        pixel_mm=2.0,
        slice_mm=float(style.uniform(0.8, 2.0)) if thin else increment,
        increment_mm=increment,
        crop_mm=draw_crop(style),
        posture="prone" if style.random() < 0.03 else "supine",
        scanner=draw_scanner(style),
        variant=draw_rarity(style, VARIANTS),
        companion="effusion" if what.random() < 0.05 and disease != "none" else "none",
        metal=draw_rarity(style, METALS),
        missing=(int(style.integers(3, 20)),) if style.random() < 0.02 else (),
    )


def draw_rarity(rng: np.random.Generator, shares: dict[Rarity, float]) -> Rarity:
    """Return one of the names with their shares."""
    names = list(shares)
    return names[int(rng.choice(len(names), p=list(shares.values())))]


def draw_shares(rng: np.random.Generator) -> tuple[float, float]:
    """Return the lesion shares of the (right, left) lung of one patient: both lungs are ill in six of seven."""
    low, high, _ = SHARES[int(rng.choice(len(SHARES), p=[how_many for *_, how_many in SHARES]))]
    worse = float(exp(rng.uniform(log(low), log(high))))
    less = 0.0 if rng.random() < 0.14 and worse < 0.3 else worse * steady(rng.beta(3, 1.3))
    return (worse, less) if rng.random() < 0.55 else (less, worse)


def draw_crop(rng: np.random.Generator) -> tuple[float, float]:
    """Return what is missing of the scanned range (foot, head) in mm: in one of ten it cuts the lungs."""
    if rng.random() < 0.9:
        return (0.0, 0.0)
    return (float(rng.uniform(0, 130)), float(rng.uniform(0, 70)))


def draw_scanner(rng: np.random.Generator) -> Scanner:
    """Return a random scanner: noise 6 to 90 HU, soft to sharp kernel, patient off centre and rolled."""
    sharp = float(rng.random())
    return Scanner(
        edge_mm=float(2.4 - 1.4 * sharp + rng.normal(0, 0.1)),
        noise_sd_hu=float(np.clip(exp(rng.normal(log(16 + 18 * sharp), 0.55)), 5, 90)),
        noise_cutoff=float(rng.uniform(0.12, 0.3) + 0.4 * sharp),
        sharpen=float(rng.uniform(0.3, 1.2)) if sharp > 0.65 else 0.0,
        streak_hu=float(rng.uniform(0, 35)),
        hu_offset=float(rng.normal(0, 5)),
        padding_hu=int(rng.choice([-1024, -1024, -1024, -2000, -2048, -3024])),
        off_centre_mm=(float(rng.normal(0, 10)), float(rng.normal(0, 14))),
        roll_deg=float(rng.normal(0, 4)),
        heart_motion_mm=float(rng.uniform(2, 7)) if rng.random() < 0.35 else 0.0,
        breathing_mm=float(rng.uniform(2, 8)) if rng.random() < 0.1 else 0.0,
        breathing_step_mm=float(rng.uniform(3, 20)) if rng.random() < 0.02 else 0.0,
        tilt_deg=float(rng.choice([-1, 1]) * rng.uniform(1, 10)) if rng.random() < 0.02 else 0.0,
        ring_hu=float(rng.uniform(3, 15)) if rng.random() < 0.02 else 0.0,
        cupping_hu=float(rng.uniform(5, 15)) if rng.random() < 0.15 else 0.0,
        hu_gain=float(rng.normal(1, 0.006)),
    )


def write_cache(folder: Path, first_seed: int, count: int, processes: int) -> Iterator[tuple[Path, float]]:
    """Write the phantoms of `count` seeds and yield each (path, seconds) as it is done; existing files are kept."""
    folder.mkdir(parents=True, exist_ok=True)
    jobs = [CacheJob(seed, folder) for seed in range(first_seed, first_seed + count)]
    missing = [job for job in jobs if not job.path.exists()]
    if processes <= 1:
        yield from map(write_one, missing)
        return
    with multiprocessing.get_context("spawn").Pool(processes) as pool:
        yield from pool.imap_unordered(write_one, missing)


def write_one(job: CacheJob) -> tuple[Path, float]:
    """Draw and save one phantom; a half-written file never carries the final name."""
    start = time.perf_counter()
    save_phantom(generate(training_options(job.seed)), job.path)
    return job.path, time.perf_counter() - start


def save_phantom(phantom: Phantom, path: Path) -> None:
    """Save a phantom under the keys that the module's docstring lists."""
    part = path.with_suffix(".part")
    truth = phantom.truth
    with part.open("wb") as sink:
        np.savez_compressed(
            sink,
            voxels=phantom.voxels_hu,
            right=phantom.right_lung,
            left=phantom.left_lung,
            lesion=phantom.lesion,
            other=phantom.other,
            spacing=np.array(phantom.spacing_mm),
            disease=np.array(phantom.disease),
            severity=np.array([truth.severity_right, truth.severity_left]),
            seed=np.array(phantom.options.seed),
        )
    part.rename(path)


def main() -> None:
    """Parse the command line and write the cache, one line per file."""
    parser = argparse.ArgumentParser(description="Write a folder of training phantoms.")
    parser.add_argument("folder", type=Path)
    parser.add_argument("--count", type=int, default=240)
    parser.add_argument("--first-seed", type=int, default=1000)
    parser.add_argument("--processes", type=int, default=1)
    given = parser.parse_args()
    logging.basicConfig(level=logging.INFO, format="%(message)s")
    for done, (path, seconds) in enumerate(
        write_cache(given.folder, given.first_seed, given.count, given.processes), start=1
    ):
        LOG.info("%d/%d %s %.1f s", done, given.count, path.name, seconds)


if __name__ == "__main__":
    main()
