"""Measures a model package on images that it has never seen; trains nothing and keeps nothing.

Must not know how networks learn. Run as `python -m triaged.lab.validation PACKAGE DATA [PHANTOMS]`, where DATA has the
layout of the project's folder of real images: `ct_series/*` (DICOM), `ct_lesion_slices` (8-bit slices with lung and
lesion masks) and `interop/cip_copdgene` (NRRD with lung labels), and PHANTOMS is a folder of the phantom cache. What is
absent is left out.
"""

import gzip
import sys
from collections.abc import Iterator, Sequence
from itertools import chain, pairwise
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from scipy import ndimage

from triaged.dicom.pixels import read_series
from triaged.imaging.window import to_unit
from triaged.inference.onnx import load_package
from triaged.inference.predictor import CtNetworks
from triaged.pipelines.ct import CtPipeline
from triaged.pipelines.measure import CtOptions
from triaged.pipelines.threshold import ThresholdPipeline
from triaged.study.finding import Reading

PATIENTS: Final = (0, 159, 279, 397, 510, 626, 702, 789, 970, 1081, 1247)
"""First slice of each patient of `ct_lesion_slices`, and the end."""
EVERY: Final = 10
LUNG_GREY, LUNG_HU, TISSUE_GREY, TISSUE_HU = 62, -850.0, 145, 40.0
"""A straight line back to HU through the usual grey of healthy lung and of soft tissue in those slices; their local
equalisation cannot be undone."""
FIELD_MM: Final = 380.0
"""Assumed extent of those slices, whose spacing is not known."""


def main(arguments: Sequence[str]) -> None:
    """Print one line for each series and each set of slices."""
    package, data, *phantoms = (Path(argument) for argument in arguments)
    networks = load_package(package, "auto", 2)
    parts = [series_lines, slice_lines, label_lines]
    for line in chain(*(part(networks, data) for part in parts), *(phantom_lines(networks, one) for one in phantoms)):
        sys.stdout.write(f"{line}\n")
        sys.stdout.flush()


def series_lines(networks: CtNetworks, data: Path) -> Iterator[str]:
    """Yield what both engines find in each DICOM series, and how far their lungs agree."""
    for folder in sorted((data / "ct_series").glob("*/")):
        series = read_series(sorted(folder.rglob("*.dcm")))
        found = CtPipeline(networks, CtOptions()).read(series.volume, series.acquisition)
        threshold = ThresholdPipeline(CtOptions()).read(series.volume, series.acquisition)
        agreement = dice(_lungs(found), _lungs(threshold))
        yield f"{folder.name}: lungs agree with thresholding: Dice {agreement:.3f}"
        yield f"  networks:     {_told(found)}"
        yield f"  thresholding: {_told(threshold)}"


def slice_lines(networks: CtNetworks, data: Path) -> Iterator[str]:
    """Yield Dice over each patient's slices; these are not HU, so the figures bound the loss under such a change."""
    paths = sorted((data / "ct_lesion_slices" / "ct").glob("*.png"))
    for patient, (first, end) in enumerate(pairwise(PATIENTS)):
        chosen = paths[first:end:EVERY]
        if not chosen:
            return
        unit = _unit(_guessed_hu(np.stack([_png(path) for path in chosen])), networks)
        lung, lesion = (
            np.stack([_png(path.parents[1] / kind / path.name) > 127 for path in chosen]) for kind in ("lung", "lesion")
        )
        found = networks.lung_probability(unit) >= networks.manifest.thresholds.lung
        marked = (networks.lesions(unit).probability >= networks.manifest.thresholds.lesion) & lung
        yield (
            f"slices of patient {patient}: lung Dice {dice(found, lung):.3f}, lesion Dice {dice(marked, lesion):.3f}, "
            f"lesion share {marked.sum() / lung.sum():.3f}, by readers {(lesion & lung).sum() / lung.sum():.3f}"
        )


def label_lines(networks: CtNetworks, data: Path) -> Iterator[str]:
    """Yield the lung Dice on the down-sampled CT with labels, enlarged to the networks' spacing."""
    folder = data / "interop" / "cip_copdgene"
    if not folder.exists():
        return
    voxels, spacing_mm = _nrrd(folder / "ct-64.nrrd")
    labels, _ = _nrrd(folder / "wholeLung-64.nrrd")
    scale = (1, *(extent / wanted for extent, wanted in zip(spacing_mm[1:], networks.manifest.spacing_mm, strict=True)))
    hu = ndimage.zoom(voxels.astype(np.float32), scale, order=1)
    probability = networks.lung_probability(_unit(hu, networks))
    truth = ndimage.zoom((labels > 0).astype(np.uint8), scale, order=0) > 0
    yield f"cip_copdgene: lung Dice {dice(probability >= networks.manifest.thresholds.lung, truth):.3f}"


def phantom_lines(networks: CtNetworks, folder: Path) -> Iterator[str]:
    """Yield, by disease, how well lungs, lesion share and identification of generated series are found."""
    found: dict[str, list[tuple[float, float, float, float]]] = {}
    for path in sorted(folder.glob("*.npz")):
        with np.load(path) as archive:
            disease, unit = str(archive["disease"]), to_unit(archive["voxels"], *networks.manifest.window_hu)
            lung, lesion = archive["right"] | archive["left"], archive["lesion"]
        segmented = networks.lung_probability(unit) >= networks.manifest.thresholds.lung
        box = ndimage.find_objects(segmented.astype(np.uint8))[0]
        maps = networks.lesions(unit[box])
        marked = (maps.probability >= networks.manifest.thresholds.lesion) & segmented[box]
        shares = float(marked.sum() / segmented.sum()), float(lesion.sum() / lung.sum())
        identified = networks.identification(maps.cells)
        found.setdefault(disease, []).append((dice(segmented, lung), *shares, identified))
    for disease, rows in sorted(found.items()):
        lungs, shares, truths, identified_each = np.array(rows).T
        yield (
            f"phantoms, {disease} (n={len(rows)}): lung Dice {lungs.mean():.3f} (least {lungs.min():.3f}), "
            f"lesion share {shares.mean():.3f} (most {shares.max():.3f}), true {truths.mean():.3f}, "
            f"mean error {np.abs(shares - truths).mean():.3f}, identification {np.median(identified_each):.2f} "
            f"({identified_each.min():.2f} to {identified_each.max():.2f})"
        )


def dice(first: NDArray[np.bool_], second: NDArray[np.bool_]) -> float:
    """Return the Dice coefficient of two masks, 1 where both are empty."""
    total = int(first.sum()) + int(second.sum())
    return 2 * int((first & second).sum()) / total if total else 1.0


def _lungs(reading: Reading) -> NDArray[np.bool_]:
    return reading.right_lung.voxels | reading.left_lung.voxels


def _told(reading: Reading) -> str:
    finding = reading.finding
    told = f"severity {finding.severity:.4f}, lungs {finding.lungs_ml:.0f} ml, lesion {finding.lesion_ml:.0f} ml"
    if finding.identification is not None:
        told += f", identification {finding.identification:.3f}"
    return told + "".join(f", {flag}" for flag in finding.quality)


def _unit(hu: NDArray[np.float32], networks: CtNetworks) -> NDArray[np.float32]:
    return to_unit(hu, *networks.manifest.window_hu)


def _guessed_hu(grey: NDArray[np.float32]) -> NDArray[np.float32]:
    per_grey = (TISSUE_HU - LUNG_HU) / (TISSUE_GREY - LUNG_GREY)
    return np.float32(LUNG_HU) + (grey - np.float32(LUNG_GREY)) * np.float32(per_grey)


def _png(path: Path) -> NDArray[np.float32]:
    """Return a slice on the networks' grid of 2 mm, under the assumed field of view."""
    size = round(FIELD_MM / 2)
    with Image.open(path) as image:
        return np.asarray(image.convert("L").resize((size, size)), dtype=np.float32)


def _nrrd(path: Path) -> tuple[NDArray[Any], tuple[float, float, float]]:
    """Return (slice, row, column) voxels and spacing of a gzipped NRRD file in left-posterior-superior space."""
    header, _, body = path.read_bytes().partition(b"\n\n")
    fields = dict(line.split(": ", 1) for line in header.decode("ascii").splitlines() if ": " in line)
    kind = {"short": "<i2", "unsigned short": "<u2", "unsigned char": "u1"}[fields["type"]]
    sizes = [int(size) for size in fields["sizes"].split()]
    axes = [vector.strip("()").split(",") for vector in fields["space directions"].split()]
    x, y, z = (abs(float(vector[axis])) for axis, vector in enumerate(axes))
    return np.frombuffer(gzip.decompress(body), dtype=kind).reshape(sizes[::-1]), (z, y, x)


if __name__ == "__main__":
    main(sys.argv[1:])
