"""Golden figures that need no clinic: as what engines sign, and what an evaluation of three small chests measures."""

from __future__ import annotations

from pathlib import Path

from tests.exams.pipelines.bodies import Ball
from tests.golden.outputs import Files, said
from tests.golden.wiring import engines, evaluation
from tests.lab.evaluation.scans import BALL, save, scan


def figures(folder: Path) -> Files:
    """Return the files of the engines and of the evaluation."""
    return {"engines.json": said(engines()), "evaluation.json": said(evaluation(_cases(folder), folder))}


def _cases(folder: Path) -> Path:
    """Write three chests with their masks, two with disease, and the list of them."""
    lines = ["case,patient,group,images,lungs,lesions"]
    chests = {"a": ("covid", (BALL,)), "b": ("covid", (Ball((72.0, 0.0, 0.0), 60.0),)), "c": ("normal", ())}
    for name, (group, balls) in chests.items():
        made = scan(balls, (9.0, 6.0, 6.0))
        save(folder / f"{name}.nii.gz", made.volume.voxels, made.geometry, "LPS")
        save(folder / f"{name}-lungs.nii.gz", made.lung, made.geometry, "LPS")
        save(folder / f"{name}-lesions.nii.gz", made.lesion, made.geometry, "RAS")
        lines.append(f"{name},{name},{group},{name}.nii.gz,{name}-lungs.nii.gz,{name}-lesions.nii.gz")
    path = folder / "cases.csv"
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return path
