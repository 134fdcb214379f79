"""The shipped package runs through the evaluation on a generated patient that its training never saw."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
from typer.testing import CliRunner

from tests.lab.evaluation.scans import save
from triaged.cli.program import app
from triaged.imaging.geometry import Geometry
from triaged.lab.phantom.generate import generate
from triaged.lab.phantom.options import PhantomOptions

PACKAGE = Path(__file__).parents[3] / "onnx_models" / "ct-open"


def test_the_shipped_package_is_measured_on_a_generated_patient(tmp_path: Path) -> None:
    drawn = generate(PhantomOptions(7_000_011, disease="viral", severity="moderate", matrix=192, increment_mm=9.0))
    affine = np.zeros((4, 4))
    affine[2, 0], affine[1, 1], affine[0, 2] = drawn.spacing_mm
    affine[3, 3] = 1.0
    grid = Geometry(affine, drawn.voxels_hu.shape, "1.2.3")
    save(tmp_path / "ct.nii.gz", drawn.voxels_hu, grid, "LPS")
    save(tmp_path / "lungs.nii.gz", (drawn.right_lung + 2 * drawn.left_lung).astype(np.uint8), grid)
    save(tmp_path / "lesions.nii.gz", drawn.lesion, grid)
    (tmp_path / "cases.csv").write_text(
        "case,group,images,lungs,lesions\na,covid,ct.nii.gz,lungs.nii.gz,lesions.nii.gz\n"
    )
    given = ["--cases", tmp_path / "cases.csv", "--package", PACKAGE, "--json", tmp_path / "found.json"]
    run = CliRunner().invoke(app, ["model", "evaluate", *map(str, given), "--threads", "1"])
    assert run.exit_code == 0, run.output
    (case,) = json.loads((tmp_path / "found.json").read_text())["cases"]
    truth = max(drawn.truth.severity_right, drawn.truth.severity_left)
    assert case["severity_reference"] == np.float64(round(truth, 6))
    assert case["lung_dice"] > 0.9
    assert case["lungs_swapped"] is False
    assert 0 <= case["identification"] <= 1
