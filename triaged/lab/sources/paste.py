"""Pastes generated lesions into real scans without disease, one training series for each seed.

Works from a site's own unlabelled scans, which carries over to patients (NormNet, Yao et al. 2021). The lungs stay
those of the scan, because lesions lie within them. Must not know networks.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import numpy as np
from numpy.random import Generator

from triaged.exams.ct.pipelines.split import LEFT, RIGHT
from triaged.lab.phantom.options import Bool
from triaged.lab.sources.archive import TrainingSeries, save_series
from triaged.lab.sources.negatives import draw_disease, other_change
from triaged.lab.sources.normals import Normal
from triaged.lab.sources.opacity import Change, breath, dependent_density, joined, viral_change
from triaged.lab.sources.patches import draw_shares
from triaged.lab.sources.scene import Scene, draw_scene
from triaged.lab.sources.tissue import Tissue, measure_tissue, replace_air

OTHER_SHARE = 0.5
"""How often a series without viral disease shows another one."""
OTHER_SHARE_OF_NEGATIVES = 0.85
"""The same where no series is to show viral disease."""
DEPENDENT_SHARE = 0.3
BREATH_SHARE = 0.4


def write_pasted(
    normals: Sequence[Normal], folder: Path, count: int, seed: int, *, negative: bool = False
) -> Iterator[Path]:
    """Write `count` series, taking the scans in turn, and yield each path; a file that exists is kept.

    `negative`: none of them shows viral disease.
    """
    folder.mkdir(parents=True, exist_ok=True)
    kind = "negative" if negative else "paste"
    for number in range(count):
        normal = normals[number % len(normals)]
        path = folder / f"{kind}_{normal.patient}_{seed}_{number:05d}.npz"
        if not path.exists():
            save_series(paste(normal, seed * 100_000 + number, negative=negative), path)
        yield path


def paste(normal: Normal, seed: int, *, negative: bool = False) -> TrainingSeries:
    """Return one varied scan with the lesions of `seed`; the same seed gives the same voxels.

    About three of four show viral disease, or none if `negative`. Slices that show lesions of their own have no known
    lesion mask.
    """
    style, what, where = (np.random.Generator(np.random.PCG64(s)) for s in np.random.SeedSequence(seed).spawn(3))
    scene = draw_scene(normal, style)
    tissue = measure_tissue(scene, style)
    changes = [make(style, tissue) for make in _healthy_variation(style)]
    shares = (0.0, 0.0) if negative else draw_shares(what)
    empty = np.zeros(scene.labels.shape, dtype=np.bool_)
    lesion, other, disease = empty, empty, "none"
    if max(shares) > 0:
        disease = "viral"
        changes.append(viral_change(where, tissue, shares))
        lesion = _on_grid(scene, tissue, changes[-1])
    elif what.random() < (OTHER_SHARE_OF_NEGATIVES if negative else OTHER_SHARE):
        disease = draw_disease(what)
        changes.append(other_change(where, tissue, disease))
        other = _on_grid(scene, tissue, changes[-1])
    hu = replace_air(scene, tissue, joined(*changes).air_share, style) if changes else scene.hu
    return TrainingSeries(
        voxels=np.clip(np.rint(hu), -1024, 3071).astype(np.int16),
        right=scene.labels == RIGHT,
        left=scene.labels == LEFT,
        lesion=lesion,
        other=other,
        spacing_mm=scene.spacing_mm,
        disease=disease,
        seed=seed,
        patient=normal.patient,
        source="paste",
        lung_known=True,
        lesion_known=scene.healthy,
    )


def _healthy_variation(rng: Generator) -> list[Callable[[Generator, Tissue], Change]]:
    chances = ((dependent_density, DEPENDENT_SHARE), (breath, BREATH_SHARE))
    return [make for make, chance in chances if rng.random() < chance]


def _on_grid(scene: Scene, tissue: Tissue, change: Change) -> Bool:
    mask = np.zeros(scene.labels.shape, dtype=np.bool_)
    mask.ravel()[tissue.lung.index] = change.inside
    return mask
