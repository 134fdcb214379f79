"""One call from a seed to a folder of DICOM files with its truth beside it, for the command line and the demonstration.

Must not know: argument parsing, the daemon.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, Literal

from triaged.lab.phantom.dicom_modules import Position
from triaged.lab.phantom.dicom_writer import Extra, Kind, write_study
from triaged.lab.phantom.follow_up import Pair, Trend, draw_follow_up
from triaged.lab.phantom.generate import Drawing, draw
from triaged.lab.phantom.label_maps import LOBES, label_maps
from triaged.lab.phantom.nifti_writer import write_mask
from triaged.lab.phantom.options import Disease, Metal, Phantom, PhantomOptions, Scanner, Severity, Variant

Kernel = Literal["soft", "medium", "sharp"]
KERNELS: dict[Kernel, Scanner] = {
    "soft": Scanner(noise_sd_hu=12.0, noise_cutoff=0.2),
    "medium": Scanner(noise_sd_hu=18.0),
    "sharp": Scanner(noise_sd_hu=35.0, noise_cutoff=0.6, sharpen=0.7),
}
# Width of a soft edge against the pixel, by kernel.
EDGES: dict[Kernel, float] = {"soft": 1.1, "medium": 0.9, "sharp": 0.75}
DATE = "%Y%m%d"


@dataclass(frozen=True, slots=True)
class StudyOrder:
    """What a person asks for; the defaults give 50 to 90 slices of 256 by 256 in a few seconds."""

    seed: int
    severity: Severity = "moderate"
    disease: Disease = "viral"
    matrix: int = 256
    pixel_mm: float = 1.45
    slice_mm: float = 4.0
    increment_mm: float = 4.0
    kernel: Kernel = "medium"
    position: Position = "HFS"
    variant: Variant = "usual"
    metal: Metal = "none"


def study_options(order: StudyOrder) -> PhantomOptions:
    """Return the options of the phantom that was asked for; severity 'none' of a viral disease is a healthy chest."""
    scanner = KERNELS[order.kernel]
    return PhantomOptions(
        seed=order.seed,
        disease="none" if order.disease == "viral" and order.severity == "none" else order.disease,
        severity=order.severity,
        matrix=order.matrix,
        pixel_mm=order.pixel_mm,
        slice_mm=order.slice_mm,
        increment_mm=order.increment_mm,
        posture="prone" if order.position.endswith("P") else "supine",
        scanner=replace(scanner, edge_mm=max(1.1, EDGES[order.kernel] * order.pixel_mm)),
        variant=order.variant,
        metal=order.metal,
    )


def phantom_study(
    seed: int,
    severity: Severity,
    out_dir: Path,
    *,
    matrix: int = 256,
    pixel_mm: float = 1.45,
    slice_mm: float = 4.0,
    increment_mm: float = 4.0,
    position: Position = "HFS",
    kind: Kind = "ct",
    extras: Sequence[Extra] = ("localizer",),
    patient_name: str = "",
    study_date: str = "20240115",
    study_time: str = "101500",
) -> list[Path]:
    """Write the chest CT study of a viral pneumonia of this severity ('none' is a healthy chest); return its files.

    The files are in acquisition order; the patient is named after the severity unless `patient_name` says otherwise.
    The same arguments give the same files and UIDs.
    """
    order = StudyOrder(
        seed=seed,
        severity=severity,
        matrix=matrix,
        pixel_mm=pixel_mm,
        slice_mm=slice_mm,
        increment_mm=increment_mm,
        position=position,
    )
    out_dir.mkdir(parents=True, exist_ok=True)  # nobody waits for a study that cannot be written
    return write_study(
        draw(study_options(order)).phantom,
        out_dir,
        patient_name=patient_name or f"PHANTOM^{severity.upper()}",
        patient_id=f"PHANTOM-{seed}",
        study_date=study_date,
        study_time=study_time,
        position=position,
        kind=kind,
        extras=extras,
    )


@dataclass(frozen=True, slots=True)
class Written:
    """A study on disk, and what it was drawn from."""

    paths: tuple[Path, ...]
    drawing: Drawing


def write_order(
    order: StudyOrder, out_dir: Path, extras: Sequence[Extra], trend: Trend | None, study_date: str = "20240115"
) -> tuple[Written, ...]:
    """Write the study of an order, and its follow-up where a trend is given; return them in order of time.

    The follow-up is a week younger and lies in the folder `follow_up`.
    """
    options = study_options(order)
    visits = [(options, out_dir, study_date)]
    if trend is not None:
        later = datetime.strptime(study_date, DATE) + timedelta(days=7)  # noqa: DTZ007 - a date of no time zone
        change = draw_follow_up(order.seed, trend)
        visits.append((replace(options, follow_up=change), out_dir / "follow_up", later.strftime(DATE)))
    for _, folder, _ in visits:
        folder.mkdir(parents=True, exist_ok=True)
    written = []
    for each, folder, day in visits:
        drawing = draw(each)
        name = f"PHANTOM^{order.severity if order.disease == 'viral' else order.disease}".upper()
        paths = write_study(
            drawing.phantom, folder, patient_name=name, patient_id=f"PHANTOM-{order.seed}", study_date=day,
            position=order.position, extras=extras,
        )  # fmt: skip
        written.append(Written(tuple(paths), drawing))
    return tuple(written)


def truth_record(drawing: Drawing) -> dict[str, Any]:
    """Return what is true of a drawing, and everything it was drawn from, as plain values."""
    phantom = drawing.phantom
    truth = phantom.truth
    return {
        "disease": phantom.disease,
        "severity": {"right": truth.severity_right, "left": truth.severity_left, "worse": truth.severity},
        "volume_ml": {
            "right_lung": truth.volume_right_ml,
            "left_lung": truth.volume_left_ml,
            "lesion": truth.lesion_ml,
            "other": truth.other_ml,
        },
        "slices": phantom.voxels_hu.shape[0],
        "spacing_mm": list(phantom.spacing_mm),
        "options": asdict(phantom.options),
        "anatomy": asdict(drawing.scene.patient.anatomy),
    }


def write_truth(path: Path, drawings: Sequence[Drawing]) -> None:
    """Write the truth of one study, or of a study and its follow-up with the exact change between them, as JSON."""
    record = truth_record(drawings[0])
    if len(drawings) > 1:
        record["follow_up"] = truth_record(drawings[-1])
        record["change"] = change_record(drawings[0].phantom, drawings[-1].phantom)
    path.write_text(json.dumps(record, indent=2) + "\n", encoding="utf-8")


def change_record(before: Phantom, after: Phantom) -> dict[str, float]:
    """Return the exact differences of the truths, after minus before."""
    right, left, worse = Pair(before, after).change
    return {"severity_right": right, "severity_left": left, "severity_worse": worse}


def write_masks(folder: Path, drawing: Drawing) -> list[Path]:
    """Write every mask of a drawing as NIfTI on the grid of its DICOM images, and the meaning of the labels as JSON.

    Raises:
        ConfigError: slices are missing, so that no single matrix places the masks.
    """
    folder.mkdir(parents=True, exist_ok=True)
    phantom, maps = drawing.phantom, label_maps(drawing)
    masks = {
        "lungs": phantom.right_lung * 1 + phantom.left_lung * 2,
        "lesions": phantom.lesion,
        "other": phantom.other,
        "lobes": maps.lobes,
        "airway": maps.airway,
        "vessels": maps.vessels,
        "heart": maps.heart,
        "each_lesion": maps.lesions,
        "consolidation": maps.consolidation,
    }
    meaning = {"lungs": ["right", "left"], "lobes": LOBES, "each_lesion": maps.types}
    (folder / "labels.json").write_text(json.dumps(meaning, indent=2) + "\n", encoding="utf-8")
    return [write_mask(folder / f"{name}.nii.gz", mask, phantom) for name, mask in masks.items()]
