"""The command measures a list from end to end and writes figures and a page that needs nothing else."""

from __future__ import annotations

import json
from pathlib import Path

from typer.testing import CliRunner

from tests.lab.evaluation.scans import save, scan
from triaged.cli.program import app


def test_a_list_becomes_figures_and_a_page(tmp_path: Path) -> None:
    chest = scan()
    save(tmp_path / "ct.nii.gz", chest.volume.voxels, chest.geometry, "LPS")
    save(tmp_path / "lungs.nii.gz", chest.lung, chest.geometry)
    save(tmp_path / "lesions.nii.gz", chest.lesion, chest.geometry)
    (tmp_path / "cases.csv").write_text(
        "case,patient,group,images,lungs,lesions,severity\n"
        "<b>one</b>,p1,covid,ct.nii.gz,lungs.nii.gz,lesions.nii.gz,\n"
        "two,p2,normal,ct.nii.gz,,,\n"
        "three,p3,covid,absent.nii.gz,,,\n"
    )
    arguments = ["--cases", tmp_path / "cases.csv", "--pipeline", "threshold", "--json", tmp_path / "found.json"]
    run = CliRunner().invoke(app, ["model", "evaluate", *map(str, arguments), "--out", str(tmp_path / "report")])
    assert run.exit_code == 0, run.output
    told = json.loads((tmp_path / "found.json").read_text())
    assert list(told)[:5] == ["lung_dice", "lesion_dice", "severity_spearman", "severity_mae", "auc"]
    assert told["lung_dice"]["value"] > 0.9
    assert told["engine"]["name"] == "threshold"
    assert [case["outcome"] for case in told["cases"]] == ["measured", "measured", "not read"]
    page = (tmp_path / "report" / "report.html").read_text()
    assert "&lt;b&gt;one" in page
    assert "<b>one" not in page
    assert page.count("data:image/png;base64,") == 5  # three plots and the pictures of two cases
    assert "http" not in page


def test_a_package_and_a_pipeline_at_once_are_refused(tmp_path: Path) -> None:
    (tmp_path / "ct.nii").touch()
    (tmp_path / "cases.csv").write_text("case,group,images\na,covid,ct.nii\n")
    given = ["model", "evaluate", "--cases", str(tmp_path / "cases.csv"), "--pipeline", "threshold"]
    run = CliRunner().invoke(app, [*given, "--package", str(tmp_path)])
    assert "one of --package and --pipeline" in str(run.exception)
