"""One call from a seed to a folder of DICOM files, for the command line and the demonstration.

Must not know: argument parsing, the daemon.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from triaged.lab.phantom.dicom_modules import Position
from triaged.lab.phantom.dicom_writer import Extra, Kind, write_study
from triaged.lab.phantom.generate import generate
from triaged.lab.phantom.options import PhantomOptions, Scanner, Severity


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

    The defaults give 50 to 90 slices of 256 by 256 in a few seconds. The files are in acquisition order; the patient is
    named after the severity unless `patient_name` says otherwise. The same arguments give the same files and UIDs.
    """
    out_dir.mkdir(parents=True, exist_ok=True)  # nobody waits for a study that cannot be written
    options = PhantomOptions(
        seed=seed,
        disease="none" if severity == "none" else "viral",
        severity=severity,
        matrix=matrix,
        pixel_mm=pixel_mm,
        slice_mm=slice_mm,
        increment_mm=increment_mm,
        posture="prone" if position.endswith("P") else "supine",
        scanner=Scanner(edge_mm=max(1.1, 0.9 * pixel_mm), noise_sd_hu=18.0),
    )
    return write_study(
        generate(options),
        out_dir,
        patient_name=patient_name or f"PHANTOM^{severity.upper()}",
        patient_id=f"PHANTOM-{seed}",
        study_date=study_date,
        study_time=study_time,
        position=position,
        kind=kind,
        extras=extras,
    )
